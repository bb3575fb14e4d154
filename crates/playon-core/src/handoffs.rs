//! Which rooms are handed over when: a few small ones at a time, and one whose state takes long with nobody beside it.

use std::collections::{BTreeSet, VecDeque};

use playon_types::ids::RoomId;
use playon_types::time::Span;

use crate::limits::Limits;
use crate::mutant::{Mutant, broken};

/// Rooms that wait for their turn to be handed over, and those that are.
///
/// A frozen room waits for a thread of the new worker, behind the copies that are opened there. Where each takes a
/// millisecond nobody notices; behind a state of megabytes the players of a small room would wait for it. So a room that takes
/// long, which is known by its bytes, by its kind, or because it took too long before, has its turn alone.
#[derive(Debug)]
pub(crate) struct Handoffs {
    /// In the order of their turns; whether each has it alone.
    waiting: VecDeque<(RoomId, bool)>,
    under_way: BTreeSet<RoomId>,
    /// The room that is handed over with nobody beside it.
    alone: Option<RoomId>,
    /// Kinds of which a small state took long to bring over, the last time.
    slow: BTreeSet<String>,
    most: usize,
    alone_from: Span,
    alone_bytes: usize,
}

impl Handoffs {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            waiting: VecDeque::new(),
            under_way: BTreeSet::new(),
            alone: None,
            slow: BTreeSet::new(),
            most: limits.handoffs_max.max(1),
            alone_from: limits.handoff_alone_from,
            alone_bytes: limits.handoff_alone_bytes,
        }
    }

    /// The room waits for its turn. A room waits once: it notes that itself.
    pub(crate) fn want(&mut self, room: RoomId, kind: &str, bytes: usize, late: bool) {
        let alone = late || bytes >= self.alone_bytes || self.slow.contains(kind);
        self.waiting.push_back((room, alone));
    }

    /// The room whose turn it is, if another one may be handed over. Nobody overtakes a room that waits to be alone.
    pub(crate) fn next(&mut self) -> Option<RoomId> {
        let unbounded = broken(Mutant::HandoffsUnbounded);
        let (_, alone) = *self.waiting.front()?;
        let beside = broken(Mutant::HandoffsBeside);
        let most = if alone && !beside { 1 } else { self.most };
        let held_up = self.alone.is_some() && !beside;
        if held_up || (self.under_way.len() >= most && !unbounded) {
            return None;
        }
        let (room, alone) = self.waiting.pop_front()?;
        self.alone = alone.then_some(room).or(self.alone);
        Some(room)
    }

    /// The room has used its turn: it is being handed over.
    pub(crate) fn begin(&mut self, room: RoomId) {
        self.under_way.insert(room);
    }

    /// The room is not handed over any more.
    pub(crate) fn end(&mut self, room: RoomId) {
        self.under_way.remove(&room);
        self.alone.take_if(|alone| *alone == room);
    }

    /// Bringing a room of that kind over takes so long.
    pub(crate) fn took(&mut self, kind: &str, bytes: usize, took: Span) {
        if bytes >= self.alone_bytes {
            // Its bytes say it already, and it says nothing about smaller ones.
            return;
        }
        if took < self.alone_from {
            self.slow.remove(kind);
        } else if !self.slow.contains(kind) {
            self.slow.insert(kind.to_owned());
        }
    }

    /// The room has had its turn, and has perhaps not used it.
    pub(crate) fn pass(&mut self, room: RoomId) {
        if !self.under_way.contains(&room) {
            self.end(room);
        }
    }

    /// Rooms that are being handed over.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Whether a room that is to be alone is not.
    pub(crate) fn is_crowded(&self) -> bool {
        self.alone.is_some() && self.under_way.len() > 1
    }

    /// Rooms that wait for their turn.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIG: usize = 1 << 20;

    const fn room(n: u8) -> RoomId {
        RoomId([n; 16])
    }

    fn handoffs() -> Handoffs {
        let limits = Limits {
            handoffs_max: 2,
            handoff_alone_from: Span::millis(5),
            handoff_alone_bytes: BIG,
            ..Limits::default()
        };
        Handoffs::new(&limits)
    }

    /// Begins what may begin now.
    fn begin_all(handoffs: &mut Handoffs) -> Vec<RoomId> {
        let begun = std::iter::from_fn(|| {
            let room = handoffs.next()?;
            handoffs.begin(room);
            Some(room)
        });
        begun.collect()
    }

    #[test]
    fn small_rooms_go_a_few_at_a_time_and_a_large_one_alone() {
        let mut handoffs = handoffs();
        for (n, bytes) in [(1, 10), (2, 10), (3, 10), (4, BIG), (5, BIG - 1)] {
            handoffs.want(room(n), "duel", bytes, false);
        }
        assert_eq!(begin_all(&mut handoffs), [room(1), room(2)]);
        handoffs.end(room(1));
        assert_eq!(begin_all(&mut handoffs), [room(3)]);
        handoffs.end(room(2));
        assert_eq!(begin_all(&mut handoffs), [], "one is still under way");
        handoffs.end(room(3));
        assert_eq!(begin_all(&mut handoffs), [room(4)], "and nobody beside it");
        assert_eq!((handoffs.under_way(), handoffs.waiting()), (1, 1));
        handoffs.end(room(9));
        assert_eq!(begin_all(&mut handoffs), [], "another one has ended");
        handoffs.end(room(4));
        assert_eq!(begin_all(&mut handoffs), [room(5)]);
        assert!(!handoffs.is_crowded());
    }

    #[test]
    fn a_kind_whose_small_states_take_long_goes_alone_until_they_do_not() {
        let mut handoffs = handoffs();
        handoffs.took("duel", 10, Span::millis(5));
        handoffs.took("duel", BIG, Span::millis(1));
        (1..=2).for_each(|n| handoffs.want(room(n), "duel", 10, false));
        assert_eq!(begin_all(&mut handoffs), [room(1)]);
        handoffs.end(room(1));
        assert_eq!(begin_all(&mut handoffs), [room(2)]);
        handoffs.end(room(2));
        handoffs.took("duel", 10, Span::millis(4));
        handoffs.took("duel", BIG, Span::millis(500));
        (3..=4).for_each(|n| handoffs.want(room(n), "duel", 10, false));
        assert_eq!(begin_all(&mut handoffs), [room(3), room(4)]);
    }

    #[test]
    fn who_was_late_goes_alone_and_who_does_not_use_its_turn_holds_up_nobody() {
        let mut handoffs = handoffs();
        handoffs.want(room(1), "duel", 10, true);
        handoffs.want(room(2), "duel", 10, false);
        assert_eq!(handoffs.next(), Some(room(1)));
        assert_eq!(handoffs.next(), None);
        handoffs.pass(room(1));
        assert_eq!(handoffs.next(), Some(room(2)));
    }
}
