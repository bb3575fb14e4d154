//! Whose view makes the room fail, when nothing that was in its batch does.
//!
//! A moment that has failed with nothing in it but the time is tried in the dark: nobody is shown anything. If it passes then,
//! those who saw it are suspects, and tried a group at a time once everything else is cleared. Who is alone in a batch that
//! fails is *blind* for a while: the room goes on and shows that one nothing. All spectators together are one viewer,
//! [`LeftOut::WATCHERS`](playon_types::attach::LeftOut::WATCHERS).

use std::collections::{BTreeMap, VecDeque};

use playon_types::ids::SessionId;
use playon_types::time::Time;

use crate::mutant::{Mutant, broken};

/// Viewers that are blind at the same time. The one of whom it has been known for longest is shown the room again for one that is
/// beyond it.
const BLIND_MAX: usize = 64;

/// Who is shown the room while, and after, it is tried whose view it is.
#[derive(Debug, Default)]
pub(super) struct Viewers {
    /// Nobody is shown anything.
    dark: bool,
    /// Who saw the moment that failed.
    suspects: VecDeque<Vec<SessionId>>,
    /// Who is shown nothing, and until when.
    blind: BTreeMap<SessionId, Time>,
}

impl Viewers {
    /// A moment without items has failed. If it was seen by somebody, that may have been why, and it is tried in the dark. Tells
    /// whether it is.
    pub(super) fn suspect(&mut self, saw: Vec<SessionId>, groups_max: usize) -> bool {
        if self.dark || saw.is_empty() || broken(Mutant::ViewsUnsuspected) {
            return false;
        }
        self.dark = true;
        self.suspects = groups(saw, groups_max);
        true
    }

    /// Whether some wait to be tried.
    pub(super) fn on_trial(&self) -> bool {
        !self.suspects.is_empty()
    }

    /// Whether that one is shown the room; `trial` if the batch is there to find out.
    pub(super) fn sees(&self, id: SessionId, trial: bool) -> bool {
        if trial {
            return self.suspects.front().is_some_and(|group| group.contains(&id));
        }
        !self.dark && !self.is_blind(id)
    }

    /// Whether that one is shown nothing for a while.
    pub(super) fn is_blind(&self, id: SessionId) -> bool {
        self.blind.contains_key(&id)
    }

    /// The batch that only the next suspects saw has failed. Gives who is blind from now on.
    pub(super) fn failed(&mut self, until: Time) -> Option<SessionId> {
        let group = self.suspects.pop_front()?;
        if group.len() > 1 {
            for half in groups(group, 2).into_iter().rev() {
                self.suspects.push_front(half);
            }
            return None;
        }
        let guilty = group.into_iter().next()?;
        if self.blind.len() >= BLIND_MAX {
            let oldest = self.blind.iter().min_by_key(|(_, until)| **until).map(|(id, _)| *id);
            oldest.and_then(|id| self.blind.remove(&id));
        }
        self.blind.insert(guilty, until);
        Some(guilty)
    }

    /// The batch that only the next suspects saw has passed.
    pub(super) fn passed(&mut self) {
        self.suspects.pop_front();
    }

    /// The trial of the room is over.
    pub(super) fn light(&mut self) {
        self.dark = false;
    }

    /// When the next one is shown the room again.
    pub(super) fn blind_until(&self) -> Option<Time> {
        self.blind.values().min().copied()
    }

    /// Who has been shown nothing for long enough is shown the room again.
    pub(super) fn show_again(&mut self, now: Time) {
        self.blind.retain(|_, until| *until > now);
    }
}

/// Cuts the items into at most `most` groups of about the same size, in order.
pub(super) fn groups<T>(items: Vec<T>, most: usize) -> VecDeque<Vec<T>> {
    let size = items.len().div_ceil(most.max(1)).max(1);
    let mut groups = VecDeque::new();
    let mut items = items.into_iter().peekable();
    while items.peek().is_some() {
        groups.push_back(items.by_ref().take(size).collect());
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [SessionId; 3] = [SessionId(1), SessionId(2), SessionId(3)];

    fn suspected() -> Viewers {
        let mut viewers = Viewers::default();
        assert!(viewers.suspect(ALL.to_vec(), 2));
        assert!(!viewers.suspect(ALL.to_vec(), 2), "in the dark nobody is to blame");
        viewers
    }

    fn seen(viewers: &Viewers, trial: bool) -> Vec<u64> {
        ALL.iter().filter(|id| viewers.sees(**id, trial)).map(|id| id.0).collect()
    }

    #[test]
    fn who_is_alone_at_a_failure_is_blind_for_a_while() {
        let mut viewers = suspected();
        assert_eq!(seen(&viewers, false), []);
        assert_eq!(seen(&viewers, true), [1, 2]);
        assert_eq!(viewers.failed(Time(9)), None);
        assert_eq!(seen(&viewers, true), [1]);
        viewers.passed();
        assert_eq!(viewers.failed(Time(9)), Some(SessionId(2)));
        assert_eq!(seen(&viewers, true), [3]);
        viewers.passed();
        assert!(!viewers.on_trial());
        viewers.light();
        assert_eq!(seen(&viewers, false), [1, 3]);
        assert_eq!(viewers.blind_until(), Some(Time(9)));
        viewers.show_again(Time(8));
        assert!(viewers.is_blind(SessionId(2)));
        viewers.show_again(Time(9));
        assert_eq!(seen(&viewers, false), [1, 2, 3]);
    }

    #[test]
    fn a_moment_that_nobody_saw_is_not_tried_again_in_the_dark() {
        assert!(!Viewers::default().suspect(Vec::new(), 4));
    }

    #[test]
    fn so_many_are_blind_and_no_more() {
        let mut viewers = Viewers::default();
        for n in 0..=BLIND_MAX as u64 {
            assert!(viewers.suspect(vec![SessionId(n)], 1));
            assert_eq!(viewers.failed(Time(n)), Some(SessionId(n)));
            viewers.light();
        }
        assert_eq!(viewers.blind.len(), BLIND_MAX);
        assert!(!viewers.is_blind(SessionId(0)) && viewers.is_blind(SessionId(BLIND_MAX as u64)));
    }

    #[test]
    fn groups_are_about_equal_in_order_and_no_more_than_asked_for() {
        let cut =
            |items: u64, most| -> Vec<Vec<u64>> { groups((1..=items).collect(), most).into() };
        assert_eq!(cut(5, 2), [vec![1, 2, 3], vec![4, 5]]);
        assert_eq!(cut(4, 2), [[1, 2], [3, 4]]);
        assert_eq!(cut(2, 9), [[1], [2]]);
        assert_eq!(cut(3, 0), [[1, 2, 3]]);
        assert!(cut(0, 4).is_empty());
    }

    #[test]
    fn of_the_blind_the_one_that_has_been_so_longest_sees_first_again() {
        let mut viewers = Viewers::default();
        for (id, until) in [(1, 30), (2, 20)] {
            assert!(viewers.suspect(vec![SessionId(id)], 1));
            viewers.failed(Time(until));
            viewers.light();
        }
        assert_eq!(viewers.blind_until(), Some(Time(20)));
        viewers.show_again(Time(20));
        assert_eq!(viewers.blind_until(), Some(Time(30)));
        assert!(viewers.is_blind(SessionId(1)) && !viewers.is_blind(SessionId(2)));
    }
}
