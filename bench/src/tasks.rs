//! What the threads of processes did, as the kernel counts it.

use std::ops::{Add, Sub};

/// Sums over threads, so far or in some time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tasks {
    /// Times a thread went to sleep; it was woken as often.
    pub(crate) sleeps: u64,
    /// Nanoseconds on a processor.
    pub(crate) busy: u64,
}

impl Tasks {
    /// What the threads of a process did so far. Of those that have ended nothing is known.
    pub(crate) fn of(pid: u32) -> anyhow::Result<Self> {
        let mut sum = Self::default();
        for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            let task = task?.path();
            let (Ok(status), Ok(busy)) = (
                std::fs::read_to_string(task.join("status")),
                std::fs::read_to_string(task.join("schedstat")),
            ) else {
                // A thread may end while we look.
                continue;
            };
            let sleeps =
                status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            sum.sleeps += sleeps.and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or(0);
            sum.busy +=
                busy.split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or(0);
        }
        Ok(sum)
    }
}

impl Add for Tasks {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { sleeps: self.sleeps + other.sleeps, busy: self.busy + other.busy }
    }
}

impl Sub for Tasks {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        let since = |now: u64, then: u64| now.saturating_sub(then);
        Self { sleeps: since(self.sleeps, before.sleeps), busy: since(self.busy, before.busy) }
    }
}
