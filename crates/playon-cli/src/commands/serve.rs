//! `playon serve`.

use clap::Args;
use playon_keeper::{Coded, Keeper, KeeperConfig, Signals};
use tokio::sync::watch;

use super::config::{Overrides, resolve};
use super::exit::{Exit, io};
use super::service::{Notifier, Passed};
use super::{talk, tracing_setup};

/// Run a keeper.
#[derive(Debug, Args)]
#[command(
    after_help = "Each flag can come from the environment or a file too, see `playon config`.

Examples:
  playon serve                                     then: playon deploy ./my-game
  playon serve --release ./my-game --data /srv/game
  playon serve --config /etc/playon/playon.toml
  playon serve --listen 0.0.0.0:4000 --origin https://play.example"
)]
pub(super) struct Serve {
    #[command(flatten)]
    overrides: Overrides,
    /// Print one line of JSON: addresses, data directory and process id as soon as it listens, or
    /// `error` if it does not come to that
    #[arg(long)]
    announce: bool,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Exit> {
        let settings = resolve(&self.overrides)?.settings;
        let log = tracing_setup::start(settings.log_format, &settings.log_level)?;
        let passed = Passed::take()?;
        let config = KeeperConfig {
            log: Some(log),
            players_socket: passed.players,
            admin_socket: passed.admin,
            ..settings.keeper
        };
        // Signals are caught before anything could have to be stopped in order.
        block_on(async {
            let mut signals = catch()?;
            let manager = Notifier::from_env();
            let keeper = Keeper::start(&config)?;
            let open = format!(
                "players at http://{}, admin at {}",
                keeper.players_at(),
                keeper.admin_at()
            );
            if self.announce {
                talk::data(&announcement(&keeper))?;
            } else {
                talk::line(&open);
            }
            manager.ready(&open);
            let failure = tokio::select! {
                failure = until_over(&mut signals, keeper.failure()) => failure,
                () = manager.watch(keeper.handle()) => None,
            };
            manager.stopping();
            playon_keeper::stop(keeper, &mut signals).await?;
            failure.map_or(Ok(()), |error| Err(error.into()))
        })
    }
}

/// Runs a keeper to its end, and what it has begun.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Exit>>) -> Result<T, Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| io("no runtime", error))?.block_on(work)
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

/// Catches the signals that end this process.
pub(super) fn catch() -> Result<Signals, Exit> {
    Signals::catch().map_err(|error| io("signals cannot be caught", error))
}

/// Waits for a signal, or for the keeper to be unable to go on.
pub(super) async fn until_over(
    signals: &mut Signals,
    mut failure: watch::Receiver<Option<Coded>>,
) -> Option<Coded> {
    tokio::select! {
        () = signals.caught() => None,
        failed = failure.wait_for(Option::is_some) => failed.ok().and_then(|failed| failed.clone()),
    }
}
