//! How many tests passed and failed, read from what test runners say.

use std::ops::AddAssign;
use std::sync::Mutex;

use crate::sh::Sh;

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl Tally {
    /// A check that is one test by itself. Says what is wrong.
    pub(crate) fn one(outcome: &anyhow::Result<()>) -> Self {
        say(outcome);
        Self { passed: u64::from(outcome.is_ok()), failed: u64::from(outcome.is_err()) }
    }

    /// Runs a program that is one test by itself.
    pub(crate) fn check(sh: &Sh, dir: &str, program: &str, args: &[&str]) -> Self {
        Self::one(&sh.run_in(dir, program, args))
    }

    /// Runs a test runner and adds up what it reports. One that ran no tests has failed.
    pub(crate) fn count(sh: &Sh, dir: &str, program: &str, args: &[&str]) -> Self {
        let sum = Mutex::new(Self::default());
        let outcome = sh.watch(dir, program, args, &|line| {
            if let (Some(more), Ok(mut sum)) = (Self::read(line), sum.lock()) {
                *sum += more;
            }
        });
        say(&outcome);
        let mut tally = sum.into_inner().unwrap_or_default();
        if outcome.is_ok() && tally == Self::default() {
            crate::report::error(&format!("{program} ran no tests"));
            tally.failed = 1;
        }
        if outcome.is_err() && tally.failed == 0 {
            tally.failed = 1;
        }
        tally
    }

    /// What a summary line of `cargo nextest`, `cargo test` or `node --test` says. Indented lines are what nextest shows
    /// of a failed test, which it has counted itself.
    fn read(line: &str) -> Option<Self> {
        if let Some(counts) = line.strip_prefix("test result: ") {
            return Some(Self {
                passed: before(counts, "passed")?,
                failed: before(counts, "failed")?,
            });
        }
        if let Some((run, counts)) =
            line.trim().strip_prefix("Summary [").and_then(|line| line.split_once(" run: "))
        {
            let run = run.split_once(']')?.1.split_whitespace().next()?;
            // `7/9` when it stopped early: the two that were not run have not passed.
            let run: u64 = run.rsplit('/').next()?.parse().ok()?;
            let passed = before(counts, "passed").unwrap_or(0);
            return Some(Self { passed, failed: run.saturating_sub(passed) });
        }
        let (mark, count) = line.strip_prefix(['ℹ', '#'])?.trim().split_once(' ')?;
        let count = count.parse().ok()?;
        match mark {
            "pass" => Some(Self { passed: count, failed: 0 }),
            "fail" | "cancelled" => Some(Self { passed: 0, failed: count }),
            _ => None,
        }
    }
}

fn say(outcome: &anyhow::Result<()>) {
    if let Err(error) = outcome {
        crate::report::error(&format!("{error:#}"));
    }
}

/// The number in front of a word: `3` in `ok. 3 passed; 1 failed`.
fn before(text: &str, word: &str) -> Option<u64> {
    let words: Vec<_> =
        text.split([' ', ';', ',', '(', ')']).filter(|part| !part.is_empty()).collect();
    words.windows(2).find(|pair| pair[1] == word)?[0].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expect: Option<(u64, u64)>) {
        assert_eq!(
            Tally::read(line),
            expect.map(|(passed, failed)| Tally { passed, failed }),
            "{line}"
        );
    }

    #[test]
    fn the_runners_are_understood() {
        check("test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured", Some((12, 0)));
        check("test result: FAILED. 3 passed; 2 failed; 0 ignored", Some((3, 2)));
        check("     Summary [  12.345s] 312 tests run: 312 passed, 0 skipped", Some((312, 0)));
        check(
            "     Summary [   1.2s] 9 tests run: 7 passed (1 slow), 1 failed, 1 timed out, 0 skipped",
            Some((7, 2)),
        );
        check("     Summary [   1.2s] 7/9 tests run: 6 passed, 1 failed, 0 skipped", Some((6, 3)));
        check("     Summary [   0.1s] 1 test run: 1 passed, 0 skipped", Some((1, 0)));
        check("ℹ pass 61", Some((61, 0)));
        check("# fail 2", Some((0, 2)));
        check("ℹ cancelled 1", Some((0, 1)));
    }

    #[test]
    fn other_lines_are_left_alone() {
        check("test the_runners_are_understood ... ok", None);
        check("ℹ suites 3", None);
        check("# a heading", None);
        check("running 3 tests", None);
        check("    test result: FAILED. 0 passed; 1 failed; 0 ignored", None);
    }
}
