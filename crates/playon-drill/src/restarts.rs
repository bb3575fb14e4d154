//! `drill restarts`: the keeper is stopped in order and killed, in turn, and started again, with and without a backup under way.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::faults::FaultInjector;

/// How long a keeper may take to stop in order, also while somebody copies its store.
pub(super) const STOP_MAX: Duration = Duration::from_secs(5);
/// How long it may take from there until it serves all rooms again.
pub(super) const START_MAX: Duration = Duration::from_secs(15);
/// A backup gets this far before the keeper is ended, at most.
const BACKUP_HEAD_START_MS: u64 = 300;
/// A backup of a keeper that was ended either comes to its end or fails, within this.
const BACKUP_TIMEOUT: Duration = Duration::from_secs(60);

impl FaultInjector<'_> {
    /// In turn: stopped, killed, stopped while a backup runs, killed while a backup runs.
    pub(super) async fn restart_keeper(&mut self, turn: u64) -> anyhow::Result<()> {
        let (kill, copied) = (turn % 2 == 1, turn % 4 >= 2);
        let to = self.gear.scratch.join(format!("backup-{turn}"));
        let backup = if copied { Some(self.begin_backup(&to)?) } else { None };
        if copied {
            sleep(Duration::from_millis(self.rng.below(BACKUP_HEAD_START_MS))).await;
        }
        if kill {
            let at = self.keeper.crash().await?;
            self.done.kills.push(at);
        } else {
            self.stop_and_start().await?;
        }
        self.until_ready().await?;
        if let Some(backup) = backup {
            self.end_backup(backup, &to).await?;
        }
        Ok(())
    }

    /// Stops the keeper in order and starts it again. How long either takes is judged.
    pub(super) async fn stop_and_start(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        self.keeper.halt().await?;
        let stopped = Instant::now();
        self.keeper.restart().await?;
        self.until_ready().await?;
        self.done.stops += 1;
        for (what, took, most) in [
            ("an orderly stop", stopped - begun, STOP_MAX),
            ("a start after an orderly stop", stopped.elapsed(), START_MAX),
        ] {
            if took > most {
                let wrong = format!("{what} took {took:.1?}, promised are {most:?}");
                self.done.wrong.push(wrong);
            }
        }
        Ok(())
    }

    /// Begins to copy the store into a directory that is not there yet.
    pub(super) fn begin_backup(&self, to: &Path) -> anyhow::Result<Child> {
        let executable = std::env::current_exe().context("finding this executable")?;
        let mut command = Command::new(executable);
        command.args(["store", "backup"]).arg(to).arg("--data").arg(&self.keeper.launch.data);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.kill_on_drop(true).spawn().context("starting a backup")
    }

    /// A backup whose keeper has gone may fail, but not hang; one that says that it is whole is counted.
    async fn end_backup(&mut self, mut backup: Child, to: &Path) -> anyhow::Result<()> {
        let ended = tokio::time::timeout(BACKUP_TIMEOUT, backup.wait()).await;
        let Ok(status) = ended else {
            self.done.wrong.push(format!("a backup is still at it after {BACKUP_TIMEOUT:?}"));
            return Ok(());
        };
        let whole = status.context("waiting for a backup")?.success();
        let how = if whole { "whole" } else { "given up" };
        *self.done.ends.entry(("backup", how.to_owned())).or_default() += 1;
        if whole {
            tokio::fs::remove_dir_all(to).await.context("removing a backup")?;
        }
        Ok(())
    }
}
