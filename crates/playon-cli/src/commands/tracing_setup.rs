//! Logs on stderr.

use std::sync::Arc;

use playon_keeper::log::queue::{LogQueue, log_panics, may_hold_secrets};
use playon_keeper::{LogLevels, log::levels};
use tracing_subscriber::filter::{FilterFn, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use super::exit::{Exit, io};
use super::talk;

/// How log lines may look.
pub(super) const FORMATS: [&str; 2] = ["text", "json"];

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

impl LogFormat {
    pub(super) fn of(name: &str) -> Result<Self, String> {
        match name {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("not one of {}", FORMATS.join(", "))),
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Text => FORMATS[0],
            Self::Json => FORMATS[1],
        }
    }
}

/// Whether this says what is to be logged.
pub(super) fn check_levels(levels: &str) -> Result<(), String> {
    filter(levels).map(drop)
}

fn filter(levels: &str) -> Result<EnvFilter, String> {
    EnvFilter::try_new(levels::read(levels)?).map_err(|error| error.to_string())
}

/// The levels of the log of this process.
#[derive(Debug)]
struct Switch {
    filter: reload::Handle<EnvFilter, Registry>,
    /// Where the lines go, if not straight to stderr.
    queue: Option<LogQueue>,
}

impl LogLevels for Switch {
    fn get(&self) -> String {
        self.filter.with_current(ToString::to_string).unwrap_or_default()
    }

    fn set(&self, levels: &str) -> Result<(), String> {
        let filter = filter(levels)?;
        self.filter.reload(filter).map_err(|error| error.to_string())
    }

    fn dropped(&self) -> u64 {
        self.queue.as_ref().map_or(0, LogQueue::dropped)
    }
}

/// Logs for a process that serves: nothing that is logged, said or panicked waits for anybody who reads stderr or stdout.
/// The levels can be changed later.
pub(super) fn start(format: LogFormat, levels: &str) -> Result<Arc<dyn LogLevels>, Exit> {
    let queue = talk::queue().map_err(|error| io("no thread for the log", error))?;
    let writer = queue.clone();
    let log = install(format, levels, Some(queue), move || writer.writer());
    log_panics();
    Ok(log)
}

/// Below the level of `info` some libraries log what they carry, and that may be somebody's key.
fn no_secrets() -> FilterFn {
    filter_fn(|meta| !may_hold_secrets(meta))
}

/// Writes log lines of these levels to where the writer says.
fn install<W>(
    format: LogFormat,
    levels: &str,
    queue: Option<LogQueue>,
    writer: W,
) -> Arc<dyn LogLevels>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = filter(levels).unwrap_or_else(|_| EnvFilter::new("info"));
    let (filter, handle) = reload::Layer::new(filter);
    let lines = match format {
        LogFormat::Text => fmt::layer().with_writer(writer).with_ansi(talk::coloured()).boxed(),
        LogFormat::Json => fmt::layer().with_writer(writer).json().flatten_event(true).boxed(),
    };
    // A second keeper in one process finds the first one's log, which is as good.
    let _ = tracing_subscriber::registry().with(filter).with(no_secrets()).with(lines).try_init();
    Arc::new(Switch { filter: handle, queue })
}

/// For commands that people wait for, straight to stderr: `RUST_LOG` may ask for other levels.
pub(super) fn start_plain(levels: &str) {
    install(LogFormat::Text, &wished(levels), None, std::io::stderr);
}

/// The levels that `RUST_LOG` asks for, or else these.
pub(super) fn wished(levels: &str) -> String {
    let Ok(wish) = std::env::var("RUST_LOG") else { return levels.to_owned() };
    match check_levels(&wish) {
        Ok(()) => wish,
        Err(_) if wish.is_empty() => levels.to_owned(),
        Err(why) => {
            talk::line(&format!("PLY-0531 RUST_LOG = {wish}: {why}; it is {levels} instead"));
            levels.to_owned()
        }
    }
}
