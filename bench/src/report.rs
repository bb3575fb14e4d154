//! What was measured, what it is compared with, and whether that is enough.

use serde::Serialize;

/// What a value should be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Aim {
    /// At least that.
    AtLeast(f64),
    /// At most that.
    AtMost(f64),
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Row {
    /// The letter of the measurement.
    pub(crate) part: &'static str,
    /// What was measured.
    pub(crate) what: String,
    /// The value that has an aim.
    pub(crate) value: f64,
    /// Its unit; empty for a ratio.
    pub(crate) unit: &'static str,
    /// The figures that the value was made of, for people.
    pub(crate) from: String,
    /// What it should be; nothing for a figure that only explains others.
    pub(crate) aim: Option<Aim>,
    /// How many times it misses the aim; 1 or less is a hit.
    pub(crate) missed_by: f64,
}

impl Row {
    pub(crate) fn new(part: &'static str, what: impl Into<String>, value: f64) -> Self {
        let what = what.into();
        Self { part, what, value, unit: "", from: String::new(), aim: None, missed_by: 0.0 }
    }

    pub(crate) fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    pub(crate) fn from(self, from: impl Into<String>) -> Self {
        Self { from: from.into(), ..self }
    }

    pub(crate) fn aim(self, aim: Aim) -> Self {
        let missed_by = match aim {
            Aim::AtLeast(least) => least / self.value,
            Aim::AtMost(most) => self.value / most,
        };
        Self { aim: Some(aim), missed_by, ..self }
    }

    /// One line for people.
    pub(crate) fn line(&self) -> String {
        let verdict = match self.aim {
            None => String::new(),
            Some(aim) => {
                let (sign, bound) = match aim {
                    Aim::AtLeast(least) => (">=", least),
                    Aim::AtMost(most) => ("<=", most),
                };
                let verdict = if self.missed_by > 1.0 {
                    format!("MISSED by a factor of {:.2}", self.missed_by)
                } else {
                    "met".to_owned()
                };
                format!(", aim {sign} {} {}: {verdict}", short(bound), self.unit)
            }
        };
        format!(
            "{} {}: {} {}{verdict} ({})",
            self.part,
            self.what,
            short(self.value),
            self.unit,
            self.from
        )
    }
}

/// Three digits that say something.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        0.0..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_aim_says_by_how_much() {
        let row = Row::new("a", "x", 0.5).aim(Aim::AtLeast(0.8));
        assert!(row.line().contains("MISSED by a factor of 1.60"), "{}", row.line());
        let row = Row::new("a", "x", 200.0).unit("us").aim(Aim::AtMost(100.0));
        assert!(row.line().contains("MISSED by a factor of 2.00"), "{}", row.line());
        let row = Row::new("a", "x", 0.8).aim(Aim::AtLeast(0.8));
        assert!(row.line().contains(": met"), "{}", row.line());
    }

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert!(median(Vec::new()).is_nan());
    }
}
