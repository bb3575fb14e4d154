//! What the next batches will bring: the inputs, comings and goings of a room that no worker has been given yet.

use std::collections::VecDeque;

use playon_types::attach::Item;
use playon_types::ids::SessionId;

use crate::limits::Limits;

/// Items of one room, oldest first.
///
/// Inputs are bounded by session ([`Limits::inputs_pending_max`]), and of one player's comings and goings no two in a row
/// wait.
#[derive(Debug, Default)]
pub(super) struct Backlog(VecDeque<Item>);

impl Backlog {
    pub(super) fn push(&mut self, item: Item) {
        self.0.push_back(item);
    }

    /// Puts back what was taken, to be taken again before everything else.
    pub(super) fn put_back(&mut self, items: Vec<Item>) {
        for item in items.into_iter().rev() {
            self.0.push_front(item);
        }
    }

    /// Drops what is not to be kept.
    pub(super) fn retain(&mut self, keep: impl FnMut(&Item) -> bool) {
        self.0.retain(keep);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes back the news that the player is back, if it waits and nothing of that player came after it; `None` if nothing
    /// of that player waits.
    pub(super) fn take_back(&mut self, id: SessionId) -> Option<bool> {
        let last = self.0.iter().rposition(|item| item.session() == Some(id))?;
        let is_back = self.0[last] == Item::Back { session: id, lost: 0 };
        Some(is_back && self.0.remove(last).is_some())
    }

    /// Takes the next items within the bounds of a batch; one that is larger goes alone.
    pub(super) fn take(&mut self, limits: &Limits) -> Vec<Item> {
        let most = limits.batch_items_max;
        let mut bytes = 0;
        let mut items = Vec::with_capacity(self.0.len().min(most) + 1);
        while items.len() < most {
            let Some(item) = self.0.front() else { break };
            bytes += match item {
                Item::Input { payload, .. } => payload.len(),
                Item::Join { profile, .. } => profile.len(),
                _ => 0,
            };
            if bytes > limits.batch_bytes_max && !items.is_empty() {
                break;
            }
            items.extend(self.0.pop_front());
        }
        items
    }

    /// Gives back memory that nothing is in.
    pub(super) fn slim(&mut self) {
        self.0.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn input(session: u64, seq: u64, bytes: usize) -> Item {
        Item::Input { session: SessionId(session), seq, payload: Bytes::from(vec![0; bytes]) }
    }

    fn seqs(items: &[Item]) -> Vec<u64> {
        let seq = |item: &Item| match item {
            Item::Input { seq, .. } => *seq,
            _ => 0,
        };
        items.iter().map(seq).collect()
    }

    #[test]
    fn a_batch_is_bounded_in_items_and_bytes() {
        let limits = Limits { batch_items_max: 3, batch_bytes_max: 10, ..Limits::default() };
        let mut backlog = Backlog::default();
        for (seq, bytes) in [(1, 1), (2, 1), (3, 1), (4, 6), (5, 6), (6, 99), (7, 1)] {
            backlog.push(input(1, seq, bytes));
        }
        assert_eq!(seqs(&backlog.take(&limits)), [1, 2, 3]);
        assert_eq!(seqs(&backlog.take(&limits)), [4]);
        assert_eq!(seqs(&backlog.take(&limits)), [5]);
        assert_eq!(seqs(&backlog.take(&limits)), [6], "what is too large goes alone");
        assert_eq!(seqs(&backlog.take(&limits)), [7]);
        assert!(backlog.is_empty());
    }

    #[test]
    fn what_players_bring_counts_as_they_join_too() {
        let limits = Limits { batch_bytes_max: 10, ..Limits::default() };
        let join = |session| Item::Join {
            session: SessionId(session),
            profile: Bytes::from_static(b"six of"),
        };
        let mut backlog = Backlog::default();
        [join(1), join(2), input(2, 1, 4)].into_iter().for_each(|item| backlog.push(item));
        assert_eq!(backlog.take(&limits).len(), 1);
        assert_eq!(backlog.take(&limits).len(), 2);
    }

    #[test]
    fn what_was_taken_comes_again_in_its_order() {
        let mut backlog = Backlog::default();
        backlog.push(input(1, 3, 0));
        backlog.put_back(vec![input(1, 1, 0), input(1, 2, 0)]);
        assert_eq!(seqs(&backlog.take(&Limits::default())), [1, 2, 3]);
    }

    #[test]
    fn only_the_last_word_of_a_player_is_taken_back() {
        let (one, two) = (SessionId(1), SessionId(2));
        let back = |session| Item::Back { session, lost: 0 };
        let mut backlog = Backlog::default();
        assert_eq!(backlog.take_back(one), None);
        backlog.push(back(one));
        backlog.push(back(two));
        backlog.push(input(2, 1, 0));
        assert_eq!(backlog.take_back(two), Some(false));
        assert_eq!(backlog.take_back(one), Some(true));
        assert_eq!(backlog.take_back(one), None);
        assert_eq!(backlog.len(), 2);
        backlog.push(Item::Back { session: one, lost: 2 });
        assert_eq!(backlog.take_back(one), Some(false), "what was lost is not taken back");
    }

    #[test]
    fn a_batch_may_hold_exactly_so_many_bytes() {
        let limits = Limits { batch_items_max: 3, batch_bytes_max: 10, ..Limits::default() };
        let mut backlog = Backlog::default();
        [input(1, 1, 4), input(1, 2, 6), input(1, 3, 1)].into_iter().for_each(|i| backlog.push(i));
        assert_eq!(seqs(&backlog.take(&limits)), [1, 2]);
        assert_eq!((backlog.len(), backlog.is_empty()), (1, false));
        assert_eq!(seqs(&backlog.take(&limits)), [3]);
        assert_eq!(backlog.take(&limits), []);
        assert_eq!((backlog.len(), backlog.is_empty()), (0, true));
    }

    #[test]
    fn what_is_not_kept_is_gone_and_an_emptied_queue_keeps_no_memory() {
        let mut backlog = Backlog::default();
        (1..=64).for_each(|seq| backlog.push(input(seq % 2, seq, 0)));
        backlog.retain(|item| item.session() == Some(SessionId(1)));
        assert_eq!(backlog.len(), 32);
        backlog.retain(|_| false);
        backlog.slim();
        assert_eq!(backlog.0.capacity(), 0);
    }
}
