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
