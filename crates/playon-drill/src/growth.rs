//! Whether a process grows.
//!
//! Judged is each process that lived for at least [`LIFE_MIN_MS`]: the median of the second fifth of its life against that of
//! its last fifth. The first fifth is its warm-up. Medians, because one deploy or one storm may need more for a moment; each
//! process by itself, because a restart would hide what the one before had gathered.

use std::fmt;

use playon_keeper::log::queue::LOG_WAITING_BYTES_MAX;
use playon_store::SqliteOptions;
use serde::Serialize;

use super::vitals::{ProcessVitals, Role, VitalsSample};

/// What memory is called.
pub(super) const RSS: &str = "rss_bytes";
/// A process that lived for a shorter time says nothing, in milliseconds.
const LIFE_MIN_MS: u64 = 10_000;
/// Nor does one with fewer samples.
const SAMPLES_MIN: usize = 15;
/// What everything may grow by in relation to itself, in percent.
const ALLOWED_PERCENT: u64 = 15;
/// What the keeper's memory may grow by besides: what fills up once, by its own bounds, is the store's cache, one of its
/// transactions, and the lines that wait for the log.
fn keeper_rss_allowed() -> u64 {
    let SqliteOptions { cache_bytes, group_bytes_max, .. } = SqliteOptions::default();
    (cache_bytes + group_bytes_max + LOG_WAITING_BYTES_MAX) as u64
}
/// What a worker's memory may grow by besides.
const WORKER_RSS_ALLOWED: u64 = 16 << 20;
/// What the number of open files may grow by besides: players come back from a storm in their own time.
const FILES_ALLOWED: u64 = 64;
/// What the number of threads may grow by besides.
const THREADS_ALLOWED: u64 = 8;

/// One measure of one role: of all its processes the one that came nearest to what is allowed, or went furthest beyond.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Growth {
    /// Whose.
    pub role: Role,
    /// `rss_bytes`, `files` or `threads`.
    pub what: &'static str,
    /// The median of the second fifth.
    pub before: u64,
    /// The median of the last fifth.
    pub after: u64,
    /// What `after` may be at most.
    pub allowed: u64,
    /// How long that process lived, in seconds.
    pub life_s: f64,
    /// How many processes were judged.
    pub processes: u64,
}

impl Growth {
    /// Whether it is more than allowed.
    pub const fn broken(&self) -> bool {
        self.after > self.allowed
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, before, after, allowed, life_s, .. } = self;
        let role = self.role.name();
        write!(
            f,
            "{what} of a {role} grew from {before} to {after} within {life_s:.0} s, allowed is {allowed}"
        )
    }
}

/// The measures: name, value, what is allowed of each role besides the percentage.
type Measure = (&'static str, fn(&VitalsSample) -> u64, fn(Role) -> u64);

const MEASURES: [Measure; 3] = [
    (
        RSS,
        |sample| sample.rss_bytes,
        |role| match role {
            Role::Keeper => keeper_rss_allowed(),
            Role::Worker => WORKER_RSS_ALLOWED,
        },
    ),
    ("files", |sample| sample.files, |_| FILES_ALLOWED),
    ("threads", |sample| sample.threads, |_| THREADS_ALLOWED),
];

/// Judges every measure of every role that has a process to be judged by.
pub(super) fn judge<'a>(lives: impl Iterator<Item = &'a ProcessVitals>) -> Vec<Growth> {
    let mut worst = Vec::<Growth>::new();
    for life in lives {
        for measure in &MEASURES {
            let Some(found) = of(life, measure) else { continue };
            let same = |known: &&mut Growth| known.role == found.role && known.what == found.what;
            let Some(known) = worst.iter_mut().find(same) else {
                worst.push(found);
                continue;
            };
            let processes = known.processes + 1;
            if excess(&found) > excess(known) {
                *known = found;
            }
            known.processes = processes;
        }
    }
    worst.sort_by_key(|growth| (growth.role, growth.what));
    worst
}

const fn excess(growth: &Growth) -> i64 {
    growth.after.cast_signed() - growth.allowed.cast_signed()
}

fn of(life: &ProcessVitals, (what, value, besides): &Measure) -> Option<Growth> {
    let (first, last) = (life.samples.first()?.at_ms, life.samples.last()?.at_ms);
    let lived = last - first;
    if lived < LIFE_MIN_MS || life.samples.len() < SAMPLES_MIN {
        return None;
    }
    let fifth = |from: u64| {
        let (from, to) = (first + lived * from / 5, first + lived * (from + 1) / 5);
        let within = life.samples.iter().filter(|s| (from..=to).contains(&s.at_ms));
        median(within.map(value).collect())
    };
    let (before, after) = (fifth(1)?, fifth(4)?);
    let allowed = before + before * ALLOWED_PERCENT / 100 + besides(life.role);
    let life_s = lived as f64 / 1_000.0;
    Some(Growth { role: life.role, what, before, after, allowed, life_s, processes: 1 })
}

fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn life(role: Role, seconds: u64, sample: impl Fn(u64) -> VitalsSample) -> ProcessVitals {
        let mut life = ProcessVitals::new(role);
        for half in 0..seconds * 2 {
            life.add(VitalsSample { at_ms: half * 500, ..sample(half / 2) });
        }
        life
    }

    fn rss(bytes: u64) -> VitalsSample {
        VitalsSample { rss_bytes: bytes, files: 50, threads: 9, ..VitalsSample::default() }
    }

    fn broken(lives: &[ProcessVitals]) -> Vec<(Role, &'static str)> {
        let judged = judge(lives.iter());
        judged.iter().filter(|g| g.broken()).map(|g| (g.role, g.what)).collect()
    }

    #[test]
    fn a_process_that_warms_up_and_then_stays_does_not_grow() {
        let warm = life(Role::Keeper, 60, |s| rss(20 * MIB + s.min(8) * 30 * MIB));
        assert_eq!(broken(&[warm]), []);
        let busy = life(Role::Worker, 60, |s| rss(if s % 7 == 0 { 400 * MIB } else { 30 * MIB }));
        assert_eq!(broken(&[busy]), []);
    }

    #[test]
    fn a_leak_of_each_measure_is_found() {
        let memory = life(Role::Worker, 60, |s| rss(30 * MIB + s * MIB));
        assert_eq!(broken(&[memory]), [(Role::Worker, "rss_bytes")]);
        // Forty megabytes that no bound of the keeper explains.
        let some = life(Role::Keeper, 60, |s| rss(30 * MIB + s * MIB));
        assert_eq!(broken(&[some]), [(Role::Keeper, "rss_bytes")]);
        let keeper = life(Role::Keeper, 600, |s| rss(30 * MIB + s * MIB));
        assert_eq!(broken(&[keeper]), [(Role::Keeper, "rss_bytes")]);
        let files = life(Role::Keeper, 600, |s| VitalsSample { files: 50 + s, ..rss(MIB) });
        assert_eq!(broken(&[files]), [(Role::Keeper, "files")]);
        let threads = life(Role::Keeper, 60, |s| VitalsSample { threads: 9 + s, ..rss(MIB) });
        assert_eq!(broken(&[threads]), [(Role::Keeper, "threads")]);
    }

    #[test]
    fn one_leaking_process_among_many_is_found() {
        let good = || life(Role::Worker, 20, |_| rss(30 * MIB));
        let bad = life(Role::Worker, 20, |s| rss(30 * MIB + s * 3 * MIB));
        let judged = judge([good(), bad, good()].iter());
        let memory = judged.iter().find(|g| g.what == "rss_bytes").unwrap();
        assert!(memory.broken() && memory.processes == 3, "{memory:?}");
    }

    #[test]
    fn a_short_life_says_nothing() {
        let short = life(Role::Worker, 8, |s| rss(s * 100 * MIB));
        assert_eq!(judge([short].iter()), []);
    }
}
