//! Kinds of rooms: what a release says about each of them, and the policies that follow.

use crate::time::Span;

/// What losing a process may cost a room. See `docs/guarantees.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Survives {
    /// The owner's memory, and a checkpoint in the store every `checkpoint`.
    WorkerCrash {
        /// The most room time a crash of the keeper can take back.
        checkpoint: Span,
    },
    /// Each commit is on disk before any of its outputs leaves.
    #[default]
    KeeperCrash,
}

/// When a deploy may move a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDeploy {
    /// The room ends on the release it has.
    Finish,
    /// As soon as the room says that it is between rounds, and after `deadline` at once.
    BetweenRounds {
        /// How long the deploy waits for a safe point.
        deadline: Span,
    },
    /// At once, in the middle of the round.
    Now,
}

impl Default for OnDeploy {
    fn default() -> Self {
        Self::BetweenRounds { deadline: Span::secs(300) }
    }
}

/// The policies of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policies {
    /// What losing a process may cost.
    pub survives: Survives,
    /// When a deploy may move a room.
    pub on_deploy: OnDeploy,
    /// The longest pause a handoff should cause.
    pub pause_budget: Span,
    /// How long the seat of a player without a socket is kept.
    pub seat_hold: Span,
    /// How long a room without any socket stays in memory.
    pub idle_hibernate: Span,
    /// How long a room at rest is kept; [`Policies::FOR_EVER`] means that it is never deleted for its age.
    pub expire: Span,
    /// Players with a seat at the same time.
    pub players_max: u32,
    /// How long a worker may take over one batch before it is held to be hung and killed.
    pub batch_timeout: Span,
    /// How long rooms of the kind are watched for hard faults after a deploy; nothing leaves it to the keeper. A keeper that does not
    /// watch at all does not for this kind either.
    pub probation: Option<Span>,
    /// The fixed step, if the kind asks for one.
    pub tick: Option<Span>,
}

impl Default for Policies {
    fn default() -> Self {
        Self {
            survives: Survives::default(),
            on_deploy: OnDeploy::default(),
            pause_budget: Span::millis(50),
            seat_hold: Span::secs(120),
            idle_hibernate: Span::secs(600),
            expire: Span::secs(604_800),
            players_max: 64,
            batch_timeout: Span::secs(1),
            probation: None,
            tick: None,
        }
    }
}

impl Policies {
    /// The `expire` of rooms that are kept at rest for ever.
    pub const FOR_EVER: Span = Span(u64::MAX);
    /// The shortest `batch_timeout`; ordinary waiting for a processor takes longer than less.
    pub const BATCH_TIMEOUT_MIN: Span = Span::millis(50);
    /// The longest `batch_timeout`: for so long may a batch that hangs hold up the rooms behind it.
    pub const BATCH_TIMEOUT_MAX: Span = Span::secs(60);

    /// Whether `batch_timeout` is within its bounds.
    pub fn times_out_sensibly(&self) -> bool {
        (Self::BATCH_TIMEOUT_MIN..=Self::BATCH_TIMEOUT_MAX).contains(&self.batch_timeout)
    }
}

/// What a release says about one kind of room when its worker attaches. It is remembered while no worker of the release is
/// attached: whether a room may go, and whether it can, is known before one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindInfo {
    /// The kind's name.
    pub name: String,
    /// The version of the state this release writes.
    pub writes: u32,
    /// The oldest version that it can upgrade from.
    pub reads_from: u32,
    /// The oldest version that it can turn its own state back into; equal to `writes` when it cannot.
    pub exports_to: u32,
    /// The kind's policies.
    pub policies: Policies,
}

impl KindInfo {
    /// Whether this release can open a state of that version.
    pub const fn reads(&self, version: u32) -> bool {
        version >= self.reads_from && version <= self.writes
    }

    /// Whether this release can turn its own state into one of that version.
    pub const fn exports(&self, version: u32) -> bool {
        version >= self.exports_to && version <= self.writes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_written_from_the_oldest_to_its_own() {
        let kind = KindInfo {
            name: "duel".into(),
            writes: 5,
            reads_from: 2,
            exports_to: 4,
            policies: Policies::default(),
        };
        for version in 0..8 {
            let reads = (2..=5).contains(&version);
            assert_eq!(kind.reads(version), reads);
            let exports = (4..=5).contains(&version);
            assert_eq!(kind.exports(version), exports);
        }
    }

    #[test]
    fn batches_time_out_within_bounds() {
        let sensible =
            |batch_timeout| Policies { batch_timeout, ..Policies::default() }.times_out_sensibly();
        assert!([Span::millis(50), Span::secs(60)].into_iter().all(sensible));
        assert!(![Span::millis(49), Span(60_000_001)].into_iter().any(sensible));
    }
}
