//! How long to wait before a failed worker is started again.

use std::time::Duration;

/// Counts failures in a row.
///
/// The first restart is immediate, because rooms wait for it; from the second failure on the wait doubles.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// One more failure; how long to wait now.
    pub(crate) fn fail(&mut self, min: Duration, max: Duration) -> Duration {
        self.failures = self.failures.saturating_add(1);
        match self.failures {
            1 => Duration::ZERO,
            more => min.saturating_mul(1 << (more - 2).min(20)).min(max),
        }
    }

    /// It ran well for long enough.
    pub(crate) const fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures in a row.
    pub(crate) const fn failures(self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_restart_is_immediate_and_later_ones_wait_longer() {
        let (min, max) = (Duration::from_millis(100), Duration::from_secs(10));
        let mut backoff = Backoff::default();
        let waits: Vec<u64> =
            (0..9).map(|_| u64::try_from(backoff.fail(min, max).as_millis()).unwrap()).collect();
        assert_eq!(waits, [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000]);
        backoff.reset();
        assert_eq!(backoff.fail(min, max), Duration::ZERO);
    }
}
