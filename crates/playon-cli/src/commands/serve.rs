//! `playon serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use playon_keeper::{Coded, Keeper, KeeperConfig, ReleaseFile};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::admin::block_on;
use super::exit::{Exit, io};
use super::talk;
use super::tracing_setup::{self, LogFormat};

/// Run a keeper.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  playon serve                                     then: playon deploy ./my-game
  playon serve --release ./my-game --data /srv/game
  playon serve --listen 0.0.0.0:4000 --origin https://play.example")]
pub(super) struct Serve {
    /// The data directory; made if it is missing
    #[arg(long, env = "PLAYON_DATA", default_value = "playon-data", value_name = "DIR")]
    data: PathBuf,
    /// Where players connect; port 0 takes any free one
    #[arg(long, default_value = "127.0.0.1:4000", value_name = "ADDR")]
    listen: SocketAddr,
    /// Where the admin API listens
    #[arg(long, default_value = "127.0.0.1:4001", value_name = "ADDR")]
    admin: SocketAddr,
    /// An executable to add as a release, also as LABEL=PATH; the last becomes current if none is yet
    #[arg(long = "release", value_name = "EXECUTABLE", value_parser = release_file)]
    releases: Vec<ReleaseFile>,
    /// Worker processes per release
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    workers: u32,
    /// Owner threads; by default half the cores, at most 8
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=64))]
    shards: Option<u16>,
    /// Gateway threads; by default a quarter of the cores, at most 8
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=64))]
    gateways: Option<u8>,
    /// Pages of this origin may connect too; `*` for all
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// An environment variable that workers may see
    #[arg(long = "worker-env", value_name = "NAME")]
    worker_env: Vec<String>,
    /// Print one line of JSON with addresses, data directory and process id as soon as it listens
    #[arg(long)]
    announce: bool,
    /// How log lines look
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log: LogFormat,
}

fn release_file(text: &str) -> Result<ReleaseFile, String> {
    let (label, path) = match text.split_once('=') {
        Some((label, path)) if !label.contains('/') => (Some(label.to_owned()), path),
        _ => (None, text),
    };
    if path.is_empty() {
        Err("the path is missing".into())
    } else {
        Ok(ReleaseFile { path: path.into(), label })
    }
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Exit> {
        tracing_setup::start(self.log, "info");
        let announce = self.announce;
        let config = self.config();
        // Signals are caught before anything could have to be stopped in order.
        block_on(async {
            let signals = Signals::catch()?;
            let keeper = Keeper::start(&config)?;
            if announce {
                talk::data(&announcement(&keeper))?;
            } else {
                talk::line(&format!(
                    "players at http://{}, admin at {}",
                    keeper.players_at(),
                    keeper.admin_at()
                ));
            }
            let failure = until_over(signals, keeper.failure()).await;
            keeper.stop()?;
            failure.map_or(Ok(()), |error| Err(error.into()))
        })
    }

    fn config(self) -> KeeperConfig {
        let usual = KeeperConfig::new(self.data);
        KeeperConfig {
            listen: self.listen,
            admin: self.admin,
            releases: self.releases,
            shards: self.shards.unwrap_or(usual.shards),
            gateway_threads: self.gateways.unwrap_or(usual.gateway_threads),
            workers_per_release: self.workers,
            worker_env: self.worker_env,
            origins: self.origins,
            ..usual
        }
    }
}

fn announcement(keeper: &Keeper) -> String {
    serde_json::json!({
        "players": keeper.players_at().to_string(),
        "admin": keeper.admin_at().to_string(),
        "data": keeper.data().root(),
        "pid": std::process::id(),
    })
    .to_string()
}

/// SIGTERM and Ctrl-C.
pub(super) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    pub(super) fn catch() -> Result<Self, Exit> {
        let catch = |kind| signal(kind).map_err(|error| io("signals cannot be caught", error));
        Ok(Self {
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
        })
    }

    pub(super) async fn caught(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Waits for a signal, or for the keeper to be unable to go on.
pub(super) async fn until_over(
    mut signals: Signals,
    mut failure: watch::Receiver<Option<Coded>>,
) -> Option<Coded> {
    tokio::select! {
        () = signals.caught() => None,
        failed = failure.wait_for(Option::is_some) => failed.ok().and_then(|failed| failed.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_may_bring_its_label() {
        let read = |text| release_file(text).map(|file| (file.label, file.path));
        assert_eq!(read("./game").unwrap(), (None, PathBuf::from("./game")));
        assert_eq!(read("v1=./game").unwrap(), (Some("v1".into()), PathBuf::from("./game")));
        assert_eq!(read("/a=b/game").unwrap(), (None, PathBuf::from("/a=b/game")));
        assert!(read("v1=").is_err());
    }
}
