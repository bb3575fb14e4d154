//! Keeper and game in one process.
//!
//! The game attaches to the keeper over the keeper's own socket, as any worker does, so nothing here is
//! another way of doing things. What a process of its own gives is missing: a room that hangs
//! cannot be killed, and a new build means a restart, after which rooms go on where they were.

use std::fmt;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use playon_keeper::data::dir::{DataDir, make_files_private, secret_file};
use playon_keeper::log::queue::{LogQueue, log_panics, may_hold_secrets};
use playon_keeper::{Coded, Keeper, KeeperConfig, LogLevels, Signals, log::levels};
use playon_wire::attach::LinkSecret;
use tokio::sync::oneshot;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::app::App;

/// The data directory; `.playon` in the working directory without it.
const ENV_DATA: &str = "PLAYON_DATA";
/// Where players connect; `127.0.0.1:4000` without it.
const ENV_LISTEN: &str = "PLAYON_LISTEN";
/// Where the admin API listens; `127.0.0.1:4001` without it.
const ENV_ADMIN: &str = "PLAYON_ADMIN";

/// The label of whatever runs embedded: all builds of a game share one directory and one set of rooms.
const LABEL: &str = "embedded";

/// Exit code when the server could not start or go on.
const EXIT_FAILED: u8 = 1;

/// How long a process that ends waits for those who read its log.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// What is logged unless `RUST_LOG` asks for something else.
const USUAL_LEVEL: &str = "info";

/// Between two tries to attach.
const ATTACH_AGAIN: Duration = Duration::from_millis(200);

/// Runs the server until it is told to stop.
pub(crate) fn run(app: App) -> ExitCode {
    let (levels, unread) = wished_levels();
    let filter = EnvFilter::try_new(&levels).unwrap_or_else(|_| EnvFilter::new(USUAL_LEVEL));
    make_files_private();
    let colours = std::io::stderr().is_terminal();
    let queue = match LogQueue::start("log", std::io::stderr(), colours) {
        Ok(queue) => queue,
        Err(why) => {
            crate::executable::say(&EmbeddedFailure::from(why).to_string());
            return ExitCode::from(EXIT_FAILED);
        }
    };
    let writer = queue.clone();
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(colours)
        .with_writer(move || writer.writer())
        .with_filter(filter_fn(|meta| !may_hold_secrets(meta)));
    // A game that has set up its own log keeps it.
    let ours = tracing_subscriber::registry().with(filter).with(lines).try_init().is_ok();
    if ours {
        log_panics();
    }
    if let Some(why) = unread {
        tracing::warn!("PLY-0531 {}: {why}; it is {USUAL_LEVEL} instead", EnvFilter::DEFAULT_ENV);
    }
    let outcome = serve(app.label(LABEL), Log { queue: queue.clone(), levels });
    let code = match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            why.to_string().lines().for_each(|line| queue.push(line));
            ExitCode::from(EXIT_FAILED)
        }
    };
    queue.flush(FLUSH_TIMEOUT);
    code
}

/// The log of this process: what is logged stays as it was at the start.
#[derive(Debug)]
struct Log {
    queue: LogQueue,
    levels: String,
}

/// What is logged as `RUST_LOG` asks for it, and what is wrong with that.
fn wished_levels() -> (String, Option<String>) {
    let wish = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|wish| !wish.is_empty());
    match wish.as_deref().map_or_else(|| Ok(USUAL_LEVEL.to_owned()), levels::read) {
        Ok(levels) => (levels, None),
        Err(why) => (USUAL_LEVEL.to_owned(), Some(why)),
    }
}

impl LogLevels for Log {
    fn get(&self) -> String {
        self.levels.clone()
    }

    fn set(&self, _: &str) -> Result<(), String> {
        Err(format!("they are set by {} when the game starts", EnvFilter::DEFAULT_ENV))
    }

    fn dropped(&self) -> u64 {
        self.queue.dropped()
    }
}

fn serve(app: App, log: Log) -> Result<(), EmbeddedFailure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let log: Arc<dyn LogLevels> = Arc::new(log);
    let keeper = Keeper::start(&KeeperConfig { log: Some(log), ..config()? })?;
    let name = app.name().to_owned();
    let attached = start_worker(app, keeper.data())?;
    tracing::info!("{name} is played at http://{}, Ctrl-C ends it", keeper.players_at());
    runtime.block_on(async {
        let mut signals = Signals::catch()?;
        let ended = until_ended(&keeper, &mut signals, attached).await;
        playon_keeper::stop(keeper, &mut signals).await?;
        ended
    })
}

fn config() -> Result<KeeperConfig, EmbeddedFailure> {
    let data = std::env::var_os(ENV_DATA).map_or_else(|| PathBuf::from(".playon"), PathBuf::from);
    let mut config = KeeperConfig::new(data);
    for (name, address) in [(ENV_LISTEN, &mut config.listen), (ENV_ADMIN, &mut config.admin)] {
        if let Ok(text) = std::env::var(name) {
            *address = text.parse::<SocketAddr>().map_err(|_| {
                EmbeddedFailure(format!("PLY-0442 {name} is not an address and a port: {text}"))
            })?;
        }
    }
    Ok(config)
}

/// Attaches for as long as the process lives. The keeper closes the link of a worker that it holds to be
/// hung; its rooms are opened again over the next link.
/// What it returns ends when the thread does, which it only does by a panic or with the keeper.
fn start_worker(app: App, data: &DataDir) -> Result<oneshot::Receiver<()>, EmbeddedFailure> {
    let text = secret_file(&data.worker_secret())?;
    let secret = LinkSecret::parse(&text).ok_or_else(|| {
        EmbeddedFailure(format!("PLY-0420 {} holds no secret", data.worker_secret().display()))
    })?;
    let socket = data.attach_socket();
    let (alive, attached) = oneshot::channel::<()>();
    let attach = move || {
        let _alive = alive;
        loop {
            let served = UnixStream::connect(&socket)
                .map_err(|why| why.to_string())
                .and_then(|stream| app.serve(stream, secret).map_err(|why| why.to_string()));
            match served {
                Ok(()) => return,
                Err(why) => tracing::warn!("the game is not attached: {why}"),
            }
            std::thread::sleep(ATTACH_AGAIN);
        }
    };
    std::thread::Builder::new().name("worker".to_owned()).spawn(attach)?;
    Ok(attached)
}

/// Waits for a signal to stop, or for the keeper to fail.
async fn until_ended(
    keeper: &Keeper,
    signals: &mut Signals,
    attached: oneshot::Receiver<()>,
) -> Result<(), EmbeddedFailure> {
    let mut failure = keeper.failure();
    tokio::select! {
        () = signals.caught() => Ok(()),
        _ = attached => Err(EmbeddedFailure("PLY-0443 the game's thread has ended".to_owned())),
        failed = failure.wait_for(Option::is_some) => match failed.ok().and_then(|coded| coded.clone()) {
            Some(coded) => Err(coded.into()),
            None => Err(EmbeddedFailure("PLY-0443 the keeper ended by itself".to_owned())),
        },
    }
}

/// One line for people, with its code.
struct EmbeddedFailure(String);

impl fmt::Display for EmbeddedFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Coded> for EmbeddedFailure {
    fn from(coded: Coded) -> Self {
        Self(format!("{coded}\n{}", coded.remedy))
    }
}

impl From<std::io::Error> for EmbeddedFailure {
    fn from(why: std::io::Error) -> Self {
        Self(format!("PLY-0443 the system refuses: {why}"))
    }
}
