//! The keeper under drill: a child process that is started, killed and started again.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::admin::{AdminApi, WorkerSeen};
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

/// How a keeper is started.
#[derive(Clone, Debug)]
pub(super) struct KeeperLaunch {
    /// Its data directory.
    pub(super) data: PathBuf,
    /// Where what it says is appended.
    pub(super) log: PathBuf,
    /// A command, with its arguments, that becomes the keeper whose command line follows.
    pub(super) through: Vec<OsString>,
    /// What its workers find in their environment.
    pub(super) worker_env: Vec<(&'static str, String)>,
}

impl KeeperLaunch {
    /// A keeper with that data directory, and its log in there.
    pub(super) fn plain(data: &Path) -> Self {
        let (through, worker_env) = (Vec::new(), Vec::new());
        Self { data: data.to_owned(), log: data.join("keeper.log"), through, worker_env }
    }

    fn command(&self, players: SocketAddr, admin: SocketAddr) -> anyhow::Result<Command> {
        let executable = std::env::current_exe().context("finding this executable")?;
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log);
        let mut command = match self.through.split_first() {
            Some((program, args)) => {
                let mut command = Command::new(program);
                command.args(args).arg(executable);
                command
            }
            None => Command::new(executable),
        };
        command
            .arg("serve")
            .arg("--data")
            .arg(&self.data)
            .args(["--listen", &players.to_string(), "--admin", &admin.to_string()])
            // What a drill kills is not held against the release that it had shipped just before.
            .args(["--set", "keeper.probation=0s"])
            // Ctrl-C is for the drill, which still needs its keeper then.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.context("its log")?)
            .kill_on_drop(true);
        for (name, value) in &self.worker_env {
            command.env(name, value).args(["--worker-env", name]);
        }
        Ok(command)
    }
}

/// A running keeper.
pub(super) struct KeeperProcess {
    pub(super) launch: KeeperLaunch,
    child: Child,
    addresses: Addresses,
    pub(super) admin: AdminApi,
}

impl KeeperProcess {
    /// Starts one on free ports.
    pub(super) async fn start(launch: KeeperLaunch) -> anyhow::Result<Self> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::launch(launch, any, any).await
    }

    async fn launch(
        launch: KeeperLaunch,
        players: SocketAddr,
        admin: SocketAddr,
    ) -> anyhow::Result<Self> {
        let child = launch.command(players, admin)?.spawn().context("starting the keeper")?;
        let (child, addresses, admin) = wait(child, &launch).await?;
        Ok(Self { launch, child, addresses, admin })
    }

    /// Its process id.
    pub(super) const fn pid(&self) -> u32 {
        self.addresses.pid
    }

    /// Where players connect.
    pub(super) const fn players_at(&self) -> SocketAddr {
        self.addresses.players
    }

    /// Waits until it has ended by itself; nothing if it is still there after all that time.
    pub(super) async fn ended(&mut self, patience: Duration) -> anyhow::Result<Option<ExitStatus>> {
        match tokio::time::timeout(patience, self.child.wait()).await {
            Ok(status) => Ok(Some(status?)),
            Err(_) => Ok(None),
        }
    }

    /// Starts a keeper that has ended again, with the same ports.
    pub(super) async fn restart(&mut self) -> anyhow::Result<()> {
        let (players, admin) = (self.addresses.players, self.addresses.admin);
        *self = Self::launch(self.launch.clone(), players, admin).await?;
        Ok(())
    }

    /// Tries to start a keeper that has ended again, and gives how the attempt ended; nothing if it did not within that time.
    pub(super) async fn try_restart(
        &self,
        patience: Duration,
    ) -> anyhow::Result<Option<ExitStatus>> {
        let (players, admin) = (self.addresses.players, self.addresses.admin);
        let mut child = self.launch.command(players, admin)?.spawn()?;
        match tokio::time::timeout(patience, child.wait()).await {
            Ok(status) => Ok(Some(status?)),
            Err(_) => {
                child.kill().await?;
                Ok(None)
            }
        }
    }

    /// Where players connect.
    pub(super) fn url(&self) -> String {
        format!("ws://{}/play", self.addresses.players)
    }

    /// Kills it and starts it again at once, with the same ports. Returns when it was killed, on the monotonic clock.
    pub(super) async fn crash(&mut self) -> anyhow::Result<u64> {
        let at = self.kill().await?;
        self.restart().await?;
        Ok(at)
    }

    /// Kills it, and starts no other. Returns when, on the monotonic clock.
    pub(super) async fn kill(&mut self) -> anyhow::Result<u64> {
        let at = monotonic_ns();
        self.child.start_kill()?;
        self.child.wait().await?;
        Ok(at)
    }

    /// Stops it in order, and starts no other. A keeper that does not stop is an error.
    pub(super) async fn halt(&mut self) -> anyhow::Result<()> {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            kill_process(pid, Signal::TERM).context("stopping the keeper")?;
        }
        match tokio::time::timeout(STOP_TIMEOUT, self.child.wait()).await {
            Ok(status) if status.as_ref().is_ok_and(ExitStatus::success) => Ok(()),
            Ok(status) => bail!("the keeper ended with {}", status?),
            Err(_) => bail!("the keeper did not stop within {} s", STOP_TIMEOUT.as_secs()),
        }
    }

    /// Kills one of its workers. Returns when, or nothing if that process is not one of its children any more.
    pub(super) fn kill_worker(&self, worker: &WorkerSeen) -> anyhow::Result<Option<u64>> {
        self.signal_worker(worker, Signal::KILL)
    }

    /// Sends one of its workers a signal. Returns when, or nothing if that process is not one of its children any more.
    pub(super) fn signal_worker(
        &self,
        worker: &WorkerSeen,
        signal: Signal,
    ) -> anyhow::Result<Option<u64>> {
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
        match kill_process(pid, signal) {
            Ok(()) => Ok(Some(at)),
            Err(rustix::io::Errno::SRCH) => Ok(None),
            Err(why) => Err(why).context("signalling a worker"),
        }
    }

    /// Asks it to stop and waits. A keeper that does not is killed, and that is an error.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        self.halt().await
    }
}

/// Waits until the process has said where it listens.
async fn wait(
    mut child: Child,
    launch: &KeeperLaunch,
) -> anyhow::Result<(Child, Addresses, AdminApi)> {
    let until = Instant::now() + START_TIMEOUT;
    let data = &launch.data;
    let file = data.join("keeper.json");
    loop {
        if let Some(status) = child.try_wait()? {
            bail!("the keeper ended with {status}: {}", tail(&launch.log));
        }
        // An earlier keeper may have left the file: the pid tells.
        let text = std::fs::read(&file).unwrap_or_default();
        let addresses = serde_json::from_slice::<Addresses>(&text).ok();
        if let Some(addresses) = addresses.filter(|found| Some(found.pid) == child.id()) {
            let token =
                std::fs::read_to_string(data.join("admin.token")).context("the admin token")?;
            let admin = AdminApi::new(addresses.admin, &token);
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
pub(super) fn parent_of(stat: String) -> Option<u32> {
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
