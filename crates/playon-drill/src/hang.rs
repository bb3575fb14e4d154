//! `drill hang-worker`: workers are stopped and continued. One that was stopped for a moment comes back with late answers, one that
//! was stopped for long has been replaced by then. Neither may have any effect that players notice in their books.

use std::time::Duration;

use rustix::process::Signal;
use tokio::time::sleep;

use super::faults::FaultInjector;

/// Longer than the keeper waits for a batch (2 s) and for a link (3 s), in milliseconds.
const LONG_MS: u64 = 3_500;
/// Shorter than either, in milliseconds, and longer than many a handoff takes.
const SHORT_MS: u64 = 100;
/// What chance adds to either, in milliseconds.
const MORE_MS: u64 = 1_500;

impl FaultInjector<'_> {
    /// In turn: for long, for a moment within a deploy, for long within a deploy, for a moment.
    pub(super) async fn hang_worker(&mut self, turn: u64) -> anyhow::Result<()> {
        let (within_deploy, long) = match turn % 4 {
            0 => (false, true),
            1 => (true, false),
            2 => (true, true),
            _ => (false, false),
        };
        let deploy = if within_deploy { self.order().await? } else { None };
        if deploy.is_some() {
            sleep(self.while_deploying()).await;
        }
        let time = if long { LONG_MS } else { SHORT_MS } + self.rng.below(MORE_MS);
        let mut workers = self.keeper.admin.status().await?.workers;
        while !workers.is_empty() {
            let pick = self.rng.below(workers.len() as u64) as usize;
            let worker = workers.swap_remove(pick);
            let Some(at) = self.keeper.signal_worker(&worker, Signal::STOP)? else { continue };
            self.done.hangs += 1;
            if long {
                self.done.long_hangs.push(at);
            }
            sleep(Duration::from_millis(time)).await;
            // It may have been killed by now; the drill asks whether it is still the keeper's child.
            self.keeper.signal_worker(&worker, Signal::CONT)?;
            break;
        }
        match deploy {
            Some(deploy) => self.finish(deploy.id).await,
            None => Ok(()),
        }
    }
}
