//! The time of one shard: the keeper's clock without the time in which the keeper stood still.
//!
//! A process that was stopped, or got no processor for long, finds every deadline passed, although those who
//! were to keep them had no chance either: their answers lie unread in sockets. To kill workers for that would
//! turn a stall into an outage. So a gap that no deadline explains does not count as time.

use std::time::Instant;

use playon_types::time::{Span, Time};

use crate::time::clock::Clock;

/// A shorter gap is ordinary waiting for a processor.
const STALL_MIN: Span = Span::millis(250);

/// The time of one shard.
#[derive(Debug)]
pub(super) struct Pulse {
    clock: Clock,
    /// Time that does not count.
    lost: Span,
    last: Time,
}

impl Pulse {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, lost: Span::ZERO, last: clock.now() }
    }

    /// The time now. `expected` is when the caller would have been here at the latest, had nothing stood still.
    pub(super) fn now(&mut self, expected: Option<Time>) -> Time {
        self.advance(self.clock.now(), expected)
    }

    fn advance(&mut self, raw: Time, expected: Option<Time>) -> Time {
        let now = Time(raw.0.saturating_sub(self.lost.0));
        let expected = expected.map(|at| at.max(self.last));
        self.last = match expected {
            Some(at) if now > at + STALL_MIN => {
                self.lost.0 += now.since(at).0;
                tracing::warn!(stall = ?now.since(at), "a shard stood still");
                at
            }
            _ => now,
        };
        self.last
    }

    /// When that time will be.
    pub(super) fn instant(&self, at: Time) -> Instant {
        Instant::now() + self.clock.until(Time(at.0.saturating_add(self.lost.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> Time {
        Time(ms * 1_000)
    }

    fn pulse() -> Pulse {
        Pulse { clock: Clock::new(), lost: Span::ZERO, last: Time(0) }
    }

    #[test]
    fn a_stall_does_not_count_and_later_time_does() {
        let mut pulse = pulse();
        assert_eq!(pulse.advance(at(10), Some(at(50))), at(10));
        assert_eq!(pulse.advance(at(60), Some(at(50))), at(60), "a little late is ordinary");
        assert_eq!(pulse.advance(at(4_100), Some(at(100))), at(100));
        assert_eq!(pulse.advance(at(4_150), Some(at(150))), at(150));
    }

    #[test]
    fn waiting_for_nothing_in_particular_is_no_stall() {
        let mut pulse = pulse();
        assert_eq!(pulse.advance(at(9_000), None), at(9_000));
        // A deadline that had passed before the wait began: it should have ended at once.
        assert_eq!(pulse.advance(at(9_900), Some(at(100))), at(9_000));
    }
}
