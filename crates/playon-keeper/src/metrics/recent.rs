//! The last minute, for those who look at a keeper without a database of metrics.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Metrics;
use super::durations::Counted;

/// How often a sample is taken.
pub(crate) const SAMPLE_EVERY: Duration = Duration::from_secs(5);

/// Samples kept: the oldest is a minute old.
const SAMPLES_MAX: usize = 12;

/// What the histograms had counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) late: Counted,
    pub(crate) batch: Counted,
    pub(crate) commit: Counted,
}

impl Seen {
    fn of(metrics: &Metrics) -> Self {
        Self {
            late: metrics.tick_late.counted(),
            batch: metrics.batch_seconds.counted(),
            commit: metrics.store_seconds.counted(),
        }
    }
}

/// Samples of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<VecDeque<Seen>>);

impl Recent {
    /// Takes a sample; called every [`SAMPLE_EVERY`].
    pub(crate) fn sample(&self, metrics: &Metrics) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() == SAMPLES_MAX {
            samples.pop_front();
        }
        samples.push_back(Seen::of(metrics));
    }

    /// What was counted in the last minute, or since the start if that is shorter ago.
    pub(crate) fn seen(&self, metrics: &Metrics) -> Seen {
        let now = Seen::of(metrics);
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Until the ring is full nothing is older than a minute, so everything counts.
        let Some(oldest) = samples.front().filter(|_| samples.len() == SAMPLES_MAX) else {
            return now;
        };
        Seen {
            late: now.late.since(&oldest.late),
            batch: now.batch.since(&oldest.batch),
            commit: now.commit.since(&oldest.commit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn what_is_older_than_the_oldest_sample_does_not_count() {
        let metrics = Metrics::new(Arc::default());
        let recent = Recent::default();
        metrics.store_seconds.observe(Duration::from_secs(9));
        for _ in 0..SAMPLES_MAX - 1 {
            recent.sample(&metrics);
        }
        assert_eq!(recent.seen(&metrics).commit.count(), 1, "the keeper is not a minute old");
        recent.sample(&metrics);
        metrics.store_seconds.observe(Duration::from_millis(1));
        metrics.store_seconds.observe(Duration::from_millis(1));
        assert_eq!(recent.seen(&metrics).commit.count(), 2);
    }
}
