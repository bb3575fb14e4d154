//! `playon demo`: the example game, ready to play.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use playon_keeper::{Keeper, KeeperConfig, ReleaseFile};
use playon_types::ids::DeployId;
use playon_types::ply;
use rustix::process::{Pid, Signal, kill_process_group};

use super::demo_page;
use super::exit::{CliError, Exit, io};
use super::serve::{block_on, catch, until_over};
use super::talk;
use super::tracing_setup::{self, LogFormat};

/// How long the first worker may take.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long bots may take to give up their seats.
const BOTS_TIMEOUT: Duration = Duration::from_secs(2);

/// Run a keeper with the example game and bots, and play.
#[derive(Debug, Args)]
#[command(
    after_help = "The rooms are kept in the data directory: started again, the demo goes on where it was.
The game's executables (arena-r1, arena-r2, arena-bot) must lie beside this one; `cargo xtask demo` builds them."
)]
pub(super) struct Demo {
    /// The data directory
    #[arg(long, env = "PLAYON_DATA", default_value = "playon-data", value_name = "DIR")]
    data: PathBuf,
    /// Where players connect
    #[arg(long, default_value = "127.0.0.1:4000", value_name = "ADDR")]
    listen: SocketAddr,
    /// Where the admin API listens
    #[arg(long, default_value = "127.0.0.1:4001", value_name = "ADDR")]
    admin: SocketAddr,
    /// How many bots keep the arena alive
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(0..=64))]
    bots: u8,
}

/// The executables of the example game.
#[derive(Clone, Debug)]
pub(super) struct Games {
    pub(super) first: PathBuf,
    pub(super) second: PathBuf,
    bot: PathBuf,
}

impl Games {
    fn beside_this_one() -> Result<Self, Exit> {
        let own = std::env::current_exe()
            .map_err(|error| io("this executable cannot be found", error))?;
        let find = |name: &str| {
            let path = own.with_file_name(name);
            if path.is_file() {
                return Ok(path);
            }
            let message = format!("{} is missing", path.display());
            Err(Exit::Failed(CliError::new(
                ply!("PLY-0524"),
                message,
                "build the game: cargo build -p playon-cli -p arena",
            )))
        };
        Ok(Self { first: find("arena-r1")?, second: find("arena-r2")?, bot: find("arena-bot")? })
    }
}

impl Demo {
    pub(super) fn run(self) -> Result<(), Exit> {
        let log = tracing_setup::start(LogFormat::Text, &tracing_setup::wished("warn"))?;
        let games = Games::beside_this_one()?;
        let config = KeeperConfig {
            log: Some(log),
            listen: self.listen,
            admin: self.admin,
            releases: vec![ReleaseFile { path: games.first.clone(), label: None }],
            ..KeeperConfig::new(&self.data)
        };
        block_on(async {
            let mut signals = catch()?;
            let page = games.clone();
            let keeper = Keeper::start_with(&config, |handle| {
                Some(demo_page::answers(handle.clone(), page))
            })?;
            let bots = tokio::select! {
                ready = begin(&keeper, &games) => Some(ready.and_then(|()| Bots::start(&games.bot, &keeper, self.bots))),
                () = signals.caught() => None,
            };
            let failure = match bots {
                Some(Ok(bots)) => {
                    self.greet(&keeper, &games);
                    let failure = until_over(&mut signals, keeper.failure()).await;
                    talk::line("stopping ..");
                    bots.stop();
                    failure
                }
                Some(Err(exit)) => {
                    playon_keeper::stop(keeper, &mut signals).await?;
                    return Err(exit);
                }
                None => None,
            };
            playon_keeper::stop(keeper, &mut signals).await?;
            match failure {
                Some(error) => Err(error.into()),
                None => {
                    talk::line("everything is stopped; `playon demo` goes on where this one was");
                    Ok(())
                }
            }
        })
    }

    fn greet(&self, keeper: &Keeper, games: &Games) {
        let status = keeper.handle().status();
        let data = if self.data == Path::new("playon-data") {
            String::new()
        } else {
            format!(" --data {}", self.data.display())
        };
        let own = std::env::current_exe().unwrap_or_else(|_| "playon".into());
        let (own, second) = (own.display(), games.second.display());
        talk::line("");
        talk::good(&format!("  The arena is open: http://{}", keeper.players_at()));
        talk::line(&format!(
            "  release {}, {} bots play\n\n  \
             Play a little, then ship release 2 into the running round: press the button on the page, or\n\n    \
             {own} deploy {second} --now{data}\n\n  \
             Your socket stays open, the clock does not jump, and the ships get something new. To go back:\n\n    \
             {own} rollback{data}\n\n  \
             Ctrl-C stops everything; started again, the rooms go on where they were.\n",
            status.current.unwrap_or_default(),
            self.bots,
        ));
    }
}

/// Waits until the game can be played, on the builds that lie beside this executable.
async fn begin(keeper: &Keeper, games: &Games) -> Result<(), Exit> {
    until_ready(keeper).await?;
    let handle = keeper.handle();
    let current = handle.catalog().releases().into_iter().find(|release| release.current);
    let Some(current) = current else { return Ok(()) };
    let (path, label) = match current.label.starts_with("arena-r2") {
        true => (&games.second, "arena-r2"),
        false => (&games.first, "arena-r1"),
    };
    let artifact = handle.artifacts().add_file(path)?;
    if artifact.id.to_string() == current.id {
        return Ok(());
    }
    // The rooms of an earlier demo go on, on what has been built since.
    let release = handle.add_release(artifact, None, Some(label.to_owned())).await?;
    let Some(deploy) = handle.deploy(release.id, true).await?.deploy else { return Ok(()) };
    let until = Instant::now() + READY_TIMEOUT;
    // A deploy that comes to nothing leaves the rooms where they were, which is as good for playing.
    while handle.catalog().deploy(DeployId(deploy.id)).is_some_and(|deploy| !deploy.finished) {
        if Instant::now() > until {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn until_ready(keeper: &Keeper) -> Result<(), Exit> {
    let until = Instant::now() + READY_TIMEOUT;
    loop {
        {
            let catalog = keeper.handle().catalog();
            if catalog.recovered() && catalog.serves() {
                return Ok(());
            }
            let reason = catalog
                .deploys()
                .first()
                .filter(|deploy| deploy.finished)
                .and_then(|d| d.reason.clone());
            if let Some(reason) = reason.filter(|_| catalog.current().is_none()) {
                return Err(Exit::Failed(CliError::new(
                    ply!("PLY-0525"),
                    reason,
                    "look at the lines above",
                )));
            }
        }
        if Instant::now() > until {
            let message = "the game's worker did not attach in time";
            return Err(Exit::Failed(CliError::new(
                ply!("PLY-0525"),
                message,
                "look at the lines above",
            )));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The process with the bots, in a group of its own, so that Ctrl-C leaves it to us.
struct Bots(Option<Child>);

impl Bots {
    fn start(executable: &Path, keeper: &Keeper, count: u8) -> Result<Self, Exit> {
        if count == 0 {
            return Ok(Self(None));
        }
        let child = Command::new(executable)
            .arg("--url")
            .arg(format!("ws://{}/play", keeper.players_at()))
            .arg("--bots")
            .arg(count.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|error| io("the bots cannot be started", error))?;
        Ok(Self(Some(child)))
    }

    /// Lets them give up their seats, but not for ever.
    fn stop(mut self) {
        let Some(mut child) = self.0.take() else { return };
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let signal = |signal| group.map(|group| kill_process_group(group, signal));
        let _ = signal(Signal::TERM);
        let until = Instant::now() + BOTS_TIMEOUT;
        while matches!(child.try_wait(), Ok(None)) {
            if Instant::now() > until {
                let _ = signal(Signal::KILL);
                let _ = child.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Bots {
    fn drop(&mut self) {
        if let Some(child) = self.0.take() {
            Self(Some(child)).stop();
        }
    }
}
