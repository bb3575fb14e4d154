//! Memory, file descriptors and threads of the keeper and its workers, as /proc tells them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use super::growth::{self, Growth};
use super::keeper::parent_of;

/// The time between two samples of a process.
const SAMPLE_EVERY: Duration = Duration::from_millis(500);

/// Samples kept of one process. At the bound every second one is dropped, and from then on as many are left out.
const SAMPLES_MAX: usize = 2_048;
/// Processes remembered; the shortest-lived go first.
const LIVES_MAX: usize = 256;

/// What a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The keeper.
    Keeper,
    /// One of its workers.
    Worker,
}

impl Role {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Keeper => "keeper",
            Self::Worker => "worker",
        }
    }
}

/// A process at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct VitalsSample {
    /// Since the first sample of all, in milliseconds.
    pub(super) at_ms: u64,
    /// Resident memory.
    pub(super) rss_bytes: u64,
    /// Open files.
    pub(super) files: u64,
    /// Threads.
    pub(super) threads: u64,
}

/// One process from its first sample to its last.
#[derive(Clone, Debug)]
pub(super) struct ProcessVitals {
    pub(super) role: Role,
    pub(super) samples: Vec<VitalsSample>,
    /// One of so many samples is kept.
    stride: u64,
    taken: u64,
}

impl ProcessVitals {
    pub(super) const fn new(role: Role) -> Self {
        Self { role, samples: Vec::new(), stride: 1, taken: 0 }
    }

    pub(super) fn add(&mut self, sample: VitalsSample) {
        self.taken += 1;
        if !self.taken.is_multiple_of(self.stride) {
            return;
        }
        self.samples.push(sample);
        if self.samples.len() >= SAMPLES_MAX {
            let mut odd = false;
            self.samples.retain(|_| {
                odd = !odd;
                odd
            });
            self.stride *= 2;
        }
    }
}

/// All samples of a drill.
#[derive(Debug)]
pub(super) struct Vitals {
    begin: Instant,
    /// By process id.
    lives: BTreeMap<u32, ProcessVitals>,
    /// The newest one of each role.
    last: BTreeMap<Role, VitalsSample>,
}

impl Vitals {
    /// No sample yet.
    pub(super) fn new() -> Self {
        Self { begin: Instant::now(), lives: BTreeMap::new(), last: BTreeMap::new() }
    }

    /// Takes a sample of a process; one that is gone gives none.
    pub(super) fn take(&mut self, role: Role, pid: u32) -> Option<VitalsSample> {
        let at_ms = u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        let sample = sample(pid, at_ms)?;
        self.last.insert(role, sample);
        self.lives.entry(pid).or_insert_with(|| ProcessVitals::new(role)).add(sample);
        if self.lives.len() > LIVES_MAX {
            let shortest = self.lives.iter().filter(|(other, _)| **other != pid);
            let shortest = shortest.min_by_key(|(_, life)| life.taken).map(|(pid, _)| *pid);
            shortest.and_then(|pid| self.lives.remove(&pid));
        }
        Some(sample)
    }

    /// The most memory that a process of this role had, in bytes.
    pub(super) fn rss_max(&self, role: Role) -> u64 {
        let lives = self.lives.values().filter(|life| life.role == role);
        lives.flat_map(|life| &life.samples).map(|sample| sample.rss_bytes).max().unwrap_or(0)
    }

    /// The newest sample of a process of this role.
    pub(super) fn last(&self, role: Role) -> Option<VitalsSample> {
        self.last.get(&role).copied()
    }

    /// What grew, or would have.
    pub(super) fn growth(&self) -> Vec<Growth> {
        growth::judge(self.lives.values())
    }
}

/// Takes samples of a keeper and its workers until it is dropped.
pub(super) struct Sampler {
    keeper: watch::Sender<u32>,
    vitals: Arc<Mutex<Vitals>>,
    task: JoinHandle<()>,
}

impl Sampler {
    /// Begins with the keeper of that process id.
    pub(super) fn start(keeper: u32) -> Self {
        let (keeper, pid) = watch::channel(keeper);
        let vitals = Arc::new(Mutex::new(Vitals::new()));
        let into = Arc::clone(&vitals);
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(SAMPLE_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let keeper = *pid.borrow();
                let mut vitals = into.lock().unwrap_or_else(PoisonError::into_inner);
                vitals.take(Role::Keeper, keeper);
                for worker in children_of(keeper) {
                    vitals.take(Role::Worker, worker);
                }
            }
        });
        Self { keeper, vitals, task }
    }

    /// Goes on with another keeper.
    pub(super) fn follow(&self, keeper: u32) {
        self.keeper.send_replace(keeper);
    }

    /// What has been sampled.
    pub(super) fn vitals(&self) -> MutexGuard<'_, Vitals> {
        self.vitals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn children_of(parent: u32) -> Vec<u32> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok();
        stat.and_then(parent_of) == Some(parent)
    })
    .collect()
}

fn sample(pid: u32, at_ms: u64) -> Option<VitalsSample> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    // A process that has ended and was not waited for yet has no memory.
    let rss_bytes = field("VmRSS:")? * 1024;
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64;
    Some(VitalsSample { at_ms, rss_bytes, files, threads: field("Threads:")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_sampled() {
        let mut vitals = Vitals::new();
        let sample = vitals.take(Role::Keeper, std::process::id()).unwrap();
        assert!(sample.rss_bytes > 100_000 && sample.files >= 3 && sample.threads >= 1);
        assert_eq!(vitals.rss_max(Role::Keeper), sample.rss_bytes);
        assert_eq!(vitals.rss_max(Role::Worker), 0);
    }

    #[test]
    fn a_long_life_keeps_a_bounded_number_of_samples_from_all_of_it() {
        let mut life = ProcessVitals::new(Role::Keeper);
        for at_ms in 0..100_000 {
            life.add(VitalsSample { at_ms, ..VitalsSample::default() });
        }
        assert!((SAMPLES_MAX / 2 - 1..SAMPLES_MAX).contains(&life.samples.len()));
        assert!(life.samples.is_sorted_by_key(|sample| sample.at_ms));
        assert!(life.samples[0].at_ms < 1_000 && life.samples.last().unwrap().at_ms > 99_000);
    }
}
