//! The keeper's monotonic clock.

use std::time::{Duration, Instant};

use playon_core::time::Time;

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

#[cfg(test)]
mod tests {
    use super::*;
    use playon_core::time::Span;

    #[test]
    fn a_time_that_has_passed_is_not_waited_for() {
        let clock = Clock::new();
        assert_eq!(clock.until(Time(0)), Duration::ZERO);
        assert!(clock.until(clock.now() + Span::secs(5)) > Duration::from_secs(4));
    }
}
