//! `drill restore`: backups are put back while players play on, and the keeper crashes after that, sooner or later. Whatever players
//! knew of that is gone then they have to be told of, exactly.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::process::Command;
use tokio::time::sleep;

use super::faults::FaultInjector;

/// How long is played between a backup and its being put back, at most, in milliseconds.
const PLAY_MS: u64 = 2_000;
/// When the keeper crashes after it was started on a backup, at most, in milliseconds.
const CRASH_MS: u64 = 2_500;

impl FaultInjector<'_> {
    /// Backup, play, restore, crash at some moment; every second time the same backup is put back once more.
    pub(super) async fn restore(&mut self, turn: u64) -> anyhow::Result<()> {
        let backup = self.gear.scratch.join(format!("backup-{turn}"));
        let status = self.begin_backup(&backup)?.wait().await?;
        ensure!(status.success(), "a backup ended with {status}");
        self.play().await;
        self.put_back(&backup).await?;
        self.crash_soon().await?;
        if turn % 2 == 1 {
            self.play().await;
            self.put_back(&backup).await?;
            self.crash_soon().await?;
        }
        tokio::fs::remove_dir_all(&backup).await.context("removing a backup")
    }

    async fn play(&mut self) {
        sleep(Duration::from_millis(200 + self.rng.below(PLAY_MS))).await;
    }

    /// The keeper is ended, in order or not, and another one is started on what the backup held.
    async fn put_back(&mut self, backup: &Path) -> anyhow::Result<()> {
        if self.rng.percent(50) {
            self.keeper.halt().await?;
        } else {
            let at = self.keeper.kill().await?;
            self.done.kills.push(at);
        }
        let data = self.keeper.launch.data.clone();
        let aside = PathBuf::from(format!("{}-before", data.display()));
        tokio::fs::rename(&data, &aside).await.context("setting the store aside")?;
        let executable = std::env::current_exe().context("finding this executable")?;
        let status = Command::new(executable)
            .args(["store", "restore"])
            .arg(backup)
            .arg("--data")
            .arg(&data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await
            .context("restoring")?;
        ensure!(status.success(), "a restore ended with {status}");
        tokio::fs::remove_dir_all(&aside).await.context("removing what was set aside")?;
        self.keeper.restart().await?;
        self.done.restores += 1;
        self.until_ready().await
    }

    /// Not every time long enough after for all that the new keeper did to be stored.
    async fn crash_soon(&mut self) -> anyhow::Result<()> {
        sleep(Duration::from_millis(self.rng.below(CRASH_MS))).await;
        let at = self.keeper.crash().await?;
        self.done.kills.push(at);
        self.until_ready().await
    }
}
