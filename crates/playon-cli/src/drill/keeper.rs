//! The keeper under drill: a child process that is started, killed and started again.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::admin::{Admin, Worker};
use super::game::monotonic_ns;

/// How long a keeper may take until it can be asked.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// How long it may take to stop in order.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// What a keeper leaves in its data directory about itself.
#[derive(Debug, Deserialize)]
struct Addresses {
    pid: u32,
    admin: SocketAddr,
    players: SocketAddr,
}

/// A running keeper.
pub(super) struct Keeper {
    executable: PathBuf,
    data: PathBuf,
    child: Child,
    addresses: Addresses,
    pub(super) admin: Admin,
}

impl Keeper {
    /// Starts one on free ports.
    pub(super) async fn start(data: &Path) -> anyhow::Result<Self> {
        let executable = std::env::current_exe().context("finding this executable")?;
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::launch(executable, data.to_owned(), any, any).await
    }

    async fn launch(
        executable: PathBuf,
        data: PathBuf,
        players: SocketAddr,
        admin: SocketAddr,
    ) -> anyhow::Result<Self> {
        let log = data.join("keeper.log");
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(&log).context("its log")?;
        let child = Command::new(&executable)
            .arg("serve")
            .arg("--data")
            .arg(&data)
            .args(["--listen", &players.to_string(), "--admin", &admin.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("starting the keeper")?;
        let (child, addresses, admin) = wait(child, &data).await?;
        Ok(Self { executable, data, child, addresses, admin })
    }

    /// Where players connect.
    pub(super) fn url(&self) -> String {
        format!("ws://{}/play", self.addresses.players)
    }

    /// Kills it and starts it again at once, with the same ports. Returns when it was killed, on the monotonic clock.
    pub(super) async fn crash(&mut self) -> anyhow::Result<u64> {
        let at = monotonic_ns();
        self.child.start_kill()?;
        self.child.wait().await?;
        let (players, admin) = (self.addresses.players, self.addresses.admin);
        *self = Self::launch(self.executable.clone(), self.data.clone(), players, admin).await?;
        Ok(at)
    }

    /// Kills one of its workers. Returns when, or nothing if that process is not one of its children any more.
    pub(super) fn kill_worker(&self, worker: &Worker) -> anyhow::Result<Option<u64>> {
        let parent =
            std::fs::read_to_string(format!("/proc/{}/stat", worker.pid)).ok().and_then(parent_of);
        if !worker.spawned || parent != Some(self.addresses.pid) {
            return Ok(None);
        }
        let pid = i32::try_from(worker.pid)
            .ok()
            .and_then(Pid::from_raw)
            .context("a worker without a pid")?;
        let at = monotonic_ns();
        match kill_process(pid, Signal::KILL) {
            Ok(()) => Ok(Some(at)),
            Err(rustix::io::Errno::SRCH) => Ok(None),
            Err(why) => Err(why).context("killing a worker"),
        }
    }

    /// Asks it to stop and waits. A keeper that does not is killed, and that is an error.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            kill_process(pid, Signal::TERM).context("stopping the keeper")?;
        }
        match tokio::time::timeout(STOP_TIMEOUT, self.child.wait()).await {
            Ok(status) if status.as_ref().is_ok_and(std::process::ExitStatus::success) => Ok(()),
            Ok(status) => bail!("the keeper ended with {}", status?),
            Err(_) => bail!("the keeper did not stop within {} s", STOP_TIMEOUT.as_secs()),
        }
    }
}

/// Waits until the process has said where it listens.
async fn wait(mut child: Child, data: &Path) -> anyhow::Result<(Child, Addresses, Admin)> {
    let until = Instant::now() + START_TIMEOUT;
    let file = data.join("keeper.json");
    loop {
        if let Some(status) = child.try_wait()? {
            bail!("the keeper ended with {status}: {}", tail(&data.join("keeper.log")));
        }
        // An earlier keeper may have left the file: the pid tells.
        let text = std::fs::read(&file).unwrap_or_default();
        let addresses = serde_json::from_slice::<Addresses>(&text).ok();
        if let Some(addresses) = addresses.filter(|found| Some(found.pid) == child.id()) {
            let token =
                std::fs::read_to_string(data.join("admin.token")).context("the admin token")?;
            let admin = Admin::new(addresses.admin, &token);
            return Ok((child, addresses, admin));
        }
        if Instant::now() > until {
            bail!("the keeper did not start within {} s", START_TIMEOUT.as_secs());
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// The last lines of a log.
pub(super) fn tail(path: &Path) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

/// The parent's pid in the text of a process's `stat`; the name before it may hold anything.
fn parent_of(stat: String) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_found_behind_any_name() {
        assert_eq!(parent_of("12 (a) b) S 34 5 6".to_owned()), Some(34));
        let own = std::fs::read_to_string("/proc/self/stat").unwrap();
        assert_eq!(parent_of(own), Some(std::os::unix::process::parent_id()));
    }
}
