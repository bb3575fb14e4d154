//! The keeper's monotonic clock, and the time of day.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use playon_types::time::Time;

/// Microseconds since the keeper began; copies agree with each other.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that begins now.
    #[expect(clippy::new_without_default, reason = "when it begins matters, so it should be said")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }

    /// The time now.
    pub fn now(&self) -> Time {
        Time(u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// How long from now until `at`; zero when it has passed.
    pub fn until(&self, at: Time) -> Duration {
        Duration::from_micros(at.since(self.now()).0)
    }
}

/// Milliseconds since 1970, for people and for ages that are counted in days.
pub(crate) fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use playon_types::time::Span;

    #[test]
    fn a_time_that_has_passed_is_not_waited_for() {
        let clock = Clock::new();
        assert_eq!(clock.until(Time(0)), Duration::ZERO);
        assert!(clock.until(clock.now() + Span::secs(5)) > Duration::from_secs(4));
    }
}
