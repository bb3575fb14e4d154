//! What a room may have left behind in a thread of its own, of which its process dies when no room is at anything.

use playon_types::time::{Span, Time};

use crate::limits::Limits;

/// How long after a batch the death of its process may be due to what the batch has left in a thread.
const LEFT_BEHIND: Span = Span::secs(1);

/// So often those under suspicion are split in halves. Who is still among them then is the one, and of 65,000 others one is with it by chance.
pub(super) const SPLITS_MAX: u64 = 16;

/// What is known of it.
#[derive(Debug, Default)]
pub(super) struct Residue {
    /// When a batch was last committed.
    ran_at: Option<Time>,
    /// When its process last died at nothing, just after the room had done something.
    died_at: Option<Time>,
    /// It is suspected, and so often that has been narrowed down.
    round: Option<u64>,
}

impl Residue {
    /// A batch is committed.
    pub(super) const fn ran(&mut self, now: Time) {
        self.ran_at = Some(now);
    }

    /// Whether what it has done just before may have left something behind.
    pub(super) fn has_run(&self, now: Time) -> bool {
        self.ran_at.is_some_and(|at| now.since(at) < LEFT_BEHIND)
    }

    /// Its process died at nothing. Tells whether it had lately before.
    pub(super) fn died_again(&mut self, now: Time, limits: &Limits) -> bool {
        self.died_at.replace(now).is_some_and(|at| now.since(at) < limits.quarantine)
    }

    /// It is suspected, once more if it was. Gives how often before.
    pub(super) fn narrow_down(&mut self) -> u64 {
        *self.round.insert(self.round.map_or(0, |round| round + 1))
    }

    /// A process died so in which the room was not. Tells whether it was suspected.
    pub(super) const fn was_elsewhere(&mut self) -> bool {
        self.died_at = None;
        self.round.take().is_some()
    }

    /// It is no suspect any more, or one of something worse.
    pub(super) const fn settle(&mut self) {
        self.round = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_000_000_000);

    #[test]
    fn a_batch_may_have_left_something_behind_for_a_while() {
        let mut residue = Residue::default();
        assert!(!residue.has_run(NOW));
        residue.ran(NOW);
        assert!(residue.has_run(NOW + Span(LEFT_BEHIND.0 - 1)));
        assert!(!residue.has_run(NOW + LEFT_BEHIND));
    }

    #[test]
    fn a_death_counts_if_another_one_was_not_long_before() {
        let limits = Limits::default();
        let mut residue = Residue::default();
        assert!(!residue.died_again(NOW, &limits));
        let soon = NOW + Span(limits.quarantine.0 - 1);
        assert!(residue.died_again(soon, &limits));
        assert!(
            !residue.died_again(soon + limits.quarantine, &limits),
            "counted from the last one"
        );
    }

    #[test]
    fn a_suspect_is_one_until_a_process_dies_without_it_or_the_matter_is_settled() {
        let limits = Limits::default();
        let mut residue = Residue::default();
        assert!(!residue.was_elsewhere(), "nobody suspects it");
        residue.died_again(NOW, &limits);
        assert_eq!([0, 1, 2].map(|_| residue.narrow_down()), [0, 1, 2]);
        assert!(residue.was_elsewhere());
        assert!(!residue.was_elsewhere());
        assert!(
            !residue.died_again(NOW + Span(1), &limits),
            "what it died of before was another's"
        );
        residue.narrow_down();
        residue.settle();
        assert!(!residue.was_elsewhere());
        assert_eq!(residue.narrow_down(), 0);
    }
}
