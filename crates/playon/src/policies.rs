//! What a kind of room asks of its keeper.

use std::time::Duration;

use playon_types::kind;
use playon_types::time::Span;

/// What losing a process may cost a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Survives {
    /// A worker may die without loss. A crash of the keeper takes the room back by up to `checkpoint`.
    WorkerCrash {
        /// The most room time that a crash of the keeper can take back.
        checkpoint: Duration,
    },
    /// Nothing a player was told is ever taken back: it was on disk before.
    #[default]
    KeeperCrash,
}

/// When a deploy may move a room to the new release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnDeploy {
    /// Never: the room ends on the release it has.
    Finish,
    /// When the room says it is between rounds (see [`Cx::between_rounds`](crate::Cx::between_rounds)), after `deadline` at once.
    BetweenRounds {
        /// How long the deploy waits for the room.
        deadline: Duration,
    },
    /// At once, in the middle of the round.
    Now,
}

/// The policies of one kind, built up from the defaults.
///
/// They belong to the release: an operator's configuration bounds rooms and sockets, and changes no policy.
///
/// ```
/// use std::time::Duration;
/// use playon::{OnDeploy, Policies, Survives};
///
/// let shooter = Policies::default()
///     .hz(20)
///     .players_max(8)
///     .survives(Survives::WorkerCrash { checkpoint: Duration::from_secs(1) })
///     .on_deploy(OnDeploy::Now);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Policies {
    inner: kind::Policies,
}

impl Policies {
    /// Calls [`Room::tick`](crate::Room::tick) so many times a second, from 1 to 1,000. Default: never.
    ///
    /// Inputs then travel together with the next tick; without ticks each is delivered at once.
    #[must_use]
    pub fn hz(self, hz: u32) -> Self {
        self.tick(Duration::from_secs(1) / hz.clamp(1, 1_000))
    }

    /// Calls [`Room::tick`](crate::Room::tick) at this step, from 1 ms to 60 s. Default: never.
    #[must_use]
    pub fn tick(mut self, step: Duration) -> Self {
        let step = step.clamp(Duration::from_millis(1), Duration::from_secs(60));
        self.inner.tick = Some(span(step));
        self
    }

    /// What losing a process may cost. Default: [`Survives::KeeperCrash`].
    #[must_use]
    pub fn survives(mut self, survives: Survives) -> Self {
        self.inner.survives = match survives {
            Survives::WorkerCrash { checkpoint } => {
                kind::Survives::WorkerCrash { checkpoint: span(checkpoint) }
            }
            Survives::KeeperCrash => kind::Survives::KeeperCrash,
        };
        self
    }

    /// When a deploy may move a room. Default: between rounds, after 5 minutes at once.
    #[must_use]
    pub fn on_deploy(mut self, on_deploy: OnDeploy) -> Self {
        self.inner.on_deploy = match on_deploy {
            OnDeploy::Finish => kind::OnDeploy::Finish,
            OnDeploy::BetweenRounds { deadline } => {
                kind::OnDeploy::BetweenRounds { deadline: span(deadline) }
            }
            OnDeploy::Now => kind::OnDeploy::Now,
        };
        self
    }

    /// The longest pause that a move to another release should cause. Default: 50 ms.
    #[must_use]
    pub fn pause_budget(mut self, budget: Duration) -> Self {
        self.inner.pause_budget = span(budget);
        self
    }

    /// How long the seat of a player without a socket is kept. Default: 2 minutes.
    #[must_use]
    pub fn seat_hold(mut self, hold: Duration) -> Self {
        self.inner.seat_hold = span(hold);
        self
    }

    /// How long a room without any socket stays awake. Default: 10 minutes.
    #[must_use]
    pub fn idle_hibernate(mut self, after: Duration) -> Self {
        self.inner.idle_hibernate = span(after);
        self
    }

    /// How long a room that nobody asks for is kept at rest, with its seats; then it is deleted. `Duration::MAX` keeps it for ever.
    /// Default: 7 days.
    ///
    /// The age counts from when the room was put to rest, whatever the wall clock is set to, and of an outage at most a day; whoever asks
    /// for the room begins it anew. What the current release says holds for all rooms of the kind, also for those that went to rest
    /// before it.
    #[must_use]
    pub fn expire(mut self, after: Duration) -> Self {
        self.inner.expire = span(after);
        self
    }

    /// Players with a seat at the same time; one more is refused. Default: 64.
    #[must_use]
    pub const fn players_max(mut self, players: u32) -> Self {
        self.inner.players_max = players;
        self
    }

    /// How long one batch of a room may take, its tick and its views included. A room that takes longer is held to hang:
    /// its process is killed, and what made it hang is set aside. From 50 ms to 60 s; default: 1 s.
    #[must_use]
    pub fn batch_timeout(mut self, timeout: Duration) -> Self {
        let (min, max) = (kind::Policies::BATCH_TIMEOUT_MIN, kind::Policies::BATCH_TIMEOUT_MAX);
        self.inner.batch_timeout = span(timeout).clamp(min, max);
        self
    }

    /// How long rooms of this kind are watched for hard faults (panics, hangs, the end of the process) after a deploy. At two of them the
    /// keeper takes the rooms back by itself. Longer for kinds in which little happens; zero: not watched. Default: as long as the
    /// keeper says, `keeper.probation`; one that says 0 watches nothing.
    #[must_use]
    pub fn probation(mut self, time: Duration) -> Self {
        self.inner.probation = Some(span(time));
        self
    }

    pub(crate) const fn declared(&self) -> &kind::Policies {
        &self.inner
    }

    /// The step of the tick, if there is one.
    pub fn step(&self) -> Option<Duration> {
        self.inner.tick.map(|span| Duration::from_micros(span.0))
    }
}

/// Microseconds; whatever does not fit 64 bits is held for ever.
pub(crate) fn span(duration: Duration) -> Span {
    Span(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_is_kept_within_its_bounds() {
        assert_eq!(Policies::default().step(), None);
        assert_eq!(Policies::default().hz(20).step(), Some(Duration::from_millis(50)));
        assert_eq!(Policies::default().hz(0).step(), Some(Duration::from_secs(1)));
        assert_eq!(Policies::default().tick(Duration::ZERO).step(), Some(Duration::from_millis(1)));
        for (asked, got) in [(0, 50_000), (2_000, 2_000_000), (1 << 40, 60_000_000)] {
            let policies = Policies::default().batch_timeout(Duration::from_millis(asked));
            assert_eq!(policies.declared().batch_timeout, Span(got));
        }
    }

    #[test]
    fn the_longest_time_is_for_ever() {
        assert_eq!(Policies::default().declared().expire, Span::secs(7 * 24 * 3_600));
        let for_ever = Policies::default().expire(Duration::MAX);
        assert_eq!(for_ever.declared().expire, kind::Policies::FOR_EVER);
    }
}
