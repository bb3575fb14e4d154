//! Distributions that travel between processes.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Durations in microseconds, up to ten minutes, to three digits.
#[derive(Clone, Debug)]
pub struct Spread(Histogram<u64>);

const MAX_US: u64 = 600_000_000;

impl Default for Spread {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, MAX_US, 3);
        Self(histogram.expect("the bounds are constants that the histogram accepts"))
    }
}

impl Spread {
    /// Enters a duration.
    pub fn add(&mut self, us: u64) {
        self.0.saturating_record(us);
    }

    /// Enters all of another.
    pub fn merge(&mut self, other: &Self) {
        other.0.iter_recorded().for_each(|at| {
            self.0.saturating_record_n(at.value_iterated_to(), at.count_at_value());
        });
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The figures people read; nothing without any sample.
    pub fn figures(&self) -> Option<Figures> {
        let ms = |us: u64| (us as f64 / 100.0).round() / 10.0;
        (!self.0.is_empty()).then(|| Figures {
            p50: ms(self.0.value_at_quantile(0.5)),
            p99: ms(self.0.value_at_quantile(0.99)),
            max: ms(self.0.max()),
            count: self.0.len(),
        })
    }
}

/// Milliseconds, to a tenth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Half are no longer.
    pub p50: f64,
    /// 99 of 100 are no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
    /// Of how many.
    pub count: u64,
}

impl Serialize for Spread {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let recorded = self.0.iter_recorded();
        serializer.collect_seq(recorded.map(|at| (at.value_iterated_to(), at.count_at_value())))
    }
}

impl<'de> Deserialize<'de> for Spread {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut spread = Self::default();
        for (us, count) in Vec::<(u64, u64)>::deserialize(deserializer)? {
            spread.0.saturating_record_n(us, count);
        }
        Ok(spread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_survive_the_way_and_the_merge() {
        let mut spread = Spread::default();
        (1..=100).for_each(|n| spread.add(n * 1_000));
        let text = serde_json::to_string(&spread).unwrap();
        let mut back: Spread = serde_json::from_str(&text).unwrap();
        assert_eq!(back.figures(), spread.figures());
        back.merge(&spread);
        assert_eq!(back.len(), 200);
        let figures = back.figures().unwrap();
        assert!(
            (figures.p50 - 50.0).abs() < 0.2 && (figures.max - 100.0).abs() < 0.2,
            "{figures:?}"
        );
        assert_eq!(Spread::default().figures(), None);
    }
}
