//! Token buckets. They are handed the time, so they are tested without waiting.

use playon_types::time::{Span, Time};

const MICROS: u64 = 1_000_000;

/// Lets `per_second` units through in the long run and `burst` at once.
///
/// It counts in millionths of a unit, so that no rate is lost to rounding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    per_second: u64,
    full: u64,
    level: u64,
    at: Time,
}

impl Bucket {
    pub(super) fn new(now: Time, per_second: u32, burst: u32) -> Self {
        let full = u64::from(burst) * MICROS;
        Self { per_second: per_second.into(), full, level: full, at: now }
    }

    /// Takes `units`, or nothing at all and says how long to wait for them. What exceeds the burst
    /// can never be had.
    pub(super) fn take(&mut self, now: Time, units: u64) -> Result<(), Span> {
        let gained = now.since(self.at).0.saturating_mul(self.per_second);
        self.level = self.level.saturating_add(gained).min(self.full);
        self.at = self.at.max(now);
        let wanted = units.saturating_mul(MICROS);
        if wanted <= self.level {
            self.level -= wanted;
            return Ok(());
        }
        Err(Span((wanted - self.level).div_ceil(self.per_second.max(1))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let mut bucket = Bucket::new(Time(0), 10, 3);
        for _ in 0..3 {
            assert_eq!(bucket.take(Time(0), 1), Ok(()));
        }
        assert_eq!(bucket.take(Time(0), 1), Err(Span::millis(100)));
        assert_eq!(bucket.take(Time(99_999), 1), Err(Span(1)));
        assert_eq!(bucket.take(Time(100_000), 1), Ok(()));
    }

    #[test]
    fn a_long_silence_fills_no_more_than_the_burst() {
        let mut bucket = Bucket::new(Time(0), 1_000, 5);
        let later = Time(u64::MAX);
        assert_eq!(bucket.take(later, 5), Ok(()));
        assert!(bucket.take(later, 1).is_err());
    }

    #[test]
    fn time_that_goes_back_gains_nothing() {
        let mut bucket = Bucket::new(Time(1_000_000), 1, 1);
        assert_eq!(bucket.take(Time(1_000_000), 1), Ok(()));
        assert!(bucket.take(Time(0), 1).is_err());
        assert!(bucket.take(Time(1_000_001), 1).is_err());
    }

    #[test]
    fn no_rate_lets_the_burst_through_and_nothing_after() {
        let mut bucket = Bucket::new(Time(0), 0, 1);
        assert_eq!(bucket.take(Time(0), 1), Ok(()));
        assert!(bucket.take(Time(u64::MAX / 2), 1).is_err());
    }
}
