//! What became of a stage.

use std::fmt;
use std::time::Duration;

use crate::tally::Tally;

/// What became of a stage. It is shown as one line, and can be read from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) tally: Tally,
    pub(crate) took: Duration,
}

impl Outcome {
    /// One of which nothing was heard.
    pub(crate) fn lost(name: &str) -> Self {
        let tally = Tally { passed: 0, failed: 1 };
        Self { name: name.to_owned(), tally, took: Duration::ZERO }
    }

    /// Reads a line as it is shown.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let words: Vec<_> = line.split_whitespace().collect();
        let [name, "ok" | "FAILED", took, passed, "passed,", failed, "failed"] = words[..] else {
            return None;
        };
        let (minutes, seconds) = took.split_once(':')?;
        let seconds = minutes.parse::<u64>().ok()? * 60 + seconds.parse::<u64>().ok()?;
        Some(Self {
            name: name.to_owned(),
            tally: Tally { passed: passed.parse().ok()?, failed: failed.parse().ok()? },
            took: Duration::from_secs(seconds),
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, tally: Tally { passed, failed }, took } = self;
        let verdict = if *failed == 0 { "ok" } else { "FAILED" };
        write!(f, "{name:<10}{verdict:<8}{:>7}  {passed} passed, {failed} failed", clock(*took))
    }
}

/// Minutes and seconds.
pub(crate) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_like_a_clock() {
        assert_eq!(clock(Duration::from_secs(754)), "12:34");
        assert_eq!(clock(Duration::from_millis(9_900)), "0:09");
    }

    #[test]
    fn what_is_shown_can_be_read() {
        let outcome = Outcome {
            name: "sim".into(),
            tally: Tally { passed: 3, failed: 1 },
            took: Duration::from_secs(298),
        };
        assert_eq!(Outcome::read(&outcome.to_string()), Some(outcome));
        assert_eq!(Outcome::read("sim took 4:58"), None);
        assert_eq!(Outcome::read("3 passed, 1 failed"), None);
    }
}
