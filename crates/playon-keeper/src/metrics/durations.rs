//! How long something takes: a histogram that many threads fill and that can be asked for percentiles.
//!
//! Kept here because it is filled for every commit: an addition is a few relaxed atomics and never waits. Prometheus is
//! given one bucket per octave; the four steps within each make the keeper's own percentiles exact to about a tenth.

use std::array;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// The upper bound of the first bucket: 1/64 ms.
const FIRST_NS: f64 = 15_625.0;
/// Doublings from there to the last bound, 65.5 s.
const OCTAVES: usize = 22;
const STEPS: usize = 4;
/// The first bucket, four for each octave, and one for what is longer.
const BUCKETS: usize = 1 + OCTAVES * STEPS + 1;

/// Durations from 1/64 ms to about a minute.
#[derive(Debug)]
pub struct Durations {
    buckets: [AtomicU64; BUCKETS],
    sum_ns: AtomicU64,
}

impl Default for Durations {
    fn default() -> Self {
        Self { buckets: array::from_fn(|_| AtomicU64::new(0)), sum_ns: AtomicU64::new(0) }
    }
}

/// What was counted until some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted([u64; BUCKETS]);

impl Default for Counted {
    fn default() -> Self {
        Self([0; BUCKETS])
    }
}

impl Durations {
    /// Counts one.
    pub(crate) fn observe(&self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(ns)].fetch_add(1, Relaxed);
        self.sum_ns.fetch_add(ns, Relaxed);
    }

    /// All that was counted.
    pub fn counted(&self) -> Counted {
        Counted(array::from_fn(|at| self.buckets[at].load(Relaxed)))
    }
}

impl Counted {
    /// What was counted after `before`.
    pub fn since(&self, before: &Self) -> Self {
        Self(array::from_fn(|at| self.0[at].saturating_sub(before.0[at])))
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The duration that this part of all did not exceed, in milliseconds; 0 if nothing was counted.
    pub fn quantile_ms(&self, part: f64) -> f64 {
        let rank = part * float(self.count());
        let mut below = 0.0;
        for (at, count) in self.0.iter().map(|count| float(*count)).enumerate() {
            if count > 0.0 && below + count >= rank {
                let low = if at == 0 { 0.0 } else { bound_ns(at - 1) };
                let high = bound_ns(at.min(BUCKETS - 2));
                let within = ((rank - below) / count).clamp(0.0, 1.0);
                return (low + (high - low).max(0.0) * within) / 1e6;
            }
            below += count;
        }
        0.0
    }

    /// Bounds in seconds, and the counts between them.
    fn octaves(&self) -> Vec<(f64, u64)> {
        let mut octaves = vec![(FIRST_NS / 1e9, self.0[0])];
        for (octave, steps) in self.0[1..BUCKETS - 1].chunks(STEPS).enumerate() {
            octaves.push((bound_ns((octave + 1) * STEPS) / 1e9, steps.iter().sum()));
        }
        octaves.push((f64::INFINITY, self.0[BUCKETS - 1]));
        octaves
    }
}

/// The upper bound of a bucket.
fn bound_ns(bucket: usize) -> f64 {
    let steps = u16::try_from(bucket).map_or(f64::MAX, f64::from);
    FIRST_NS * (steps / 4.0).exp2()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at least 0, and compared with the last bucket"
)]
fn bucket(ns: u64) -> usize {
    let steps = (float(ns) / FIRST_NS).log2() * 4.0;
    // The smallest part keeps what lies on a bound below it.
    ((steps - 1e-9).ceil().max(0.0) as usize).min(BUCKETS - 1)
}

#[expect(clippy::cast_precision_loss, reason = "counts and nanoseconds of days are below 2^52")]
const fn float(n: u64) -> f64 {
    n as f64
}

/// Durations under their names, as the registry wants them.
#[derive(Debug)]
pub(super) struct Named(
    pub(super) &'static str,
    pub(super) &'static str,
    pub(super) std::sync::Arc<Durations>,
);

impl Collector for Named {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let unit = prometheus_client::registry::Unit::Seconds;
        let metric =
            encoder.encode_descriptor(self.0, self.1, Some(&unit), MetricType::Histogram)?;
        EncodeMetric::encode(&DurationsExport(&self.2), metric)
    }
}

struct DurationsExport<'a>(&'a Durations);

impl EncodeMetric for DurationsExport<'_> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let counted = self.0.counted();
        let sum = float(self.0.sum_ns.load(Relaxed)) / 1e9;
        encoder.encode_histogram::<NoLabelSet>(sum, counted.count(), &counted.octaves(), None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_near_what_was_counted() {
        let durations = Durations::default();
        for us in 1..=10_000_u64 {
            durations.observe(Duration::from_micros(us));
        }
        let counted = durations.counted();
        assert_eq!(counted.count(), 10_000);
        for (part, exact) in [(0.5, 5.0), (0.99, 9.9), (0.01, 0.1)] {
            let found = counted.quantile_ms(part);
            assert!((found - exact).abs() / exact < 0.12, "{part}: {found} is not {exact}");
        }
    }

    #[test]
    fn the_ends_of_the_scale_take_everything() {
        let durations = Durations::default();
        assert_eq!(durations.counted().quantile_ms(0.99).to_bits(), 0);
        durations.observe(Duration::ZERO);
        durations.observe(Duration::from_secs(1_000_000));
        let octaves = durations.counted().octaves();
        assert_eq!((octaves[0].1, octaves.last().map(|(_, count)| *count)), (1, Some(1)));
        assert_eq!(octaves.len(), OCTAVES + 2);
    }

    #[test]
    fn what_lies_on_a_bound_is_below_it() {
        let durations = Durations::default();
        durations.observe(Duration::from_millis(1));
        let octaves = durations.counted().octaves();
        let holding: Vec<_> = octaves.iter().filter(|(_, count)| *count > 0).collect();
        assert!((holding[0].0 - 0.001).abs() < 1e-9, "{holding:?}");
    }

    #[test]
    fn only_what_came_later_is_left() {
        let durations = Durations::default();
        durations.observe(Duration::from_secs(8));
        let before = durations.counted();
        durations.observe(Duration::from_millis(1));
        let recent = durations.counted().since(&before);
        assert_eq!(recent.count(), 1);
        assert!(recent.quantile_ms(1.0) < 1.2);
    }
}
