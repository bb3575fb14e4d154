//! Logs on stderr.

use std::sync::Arc;

use playon_keeper::LogLevels;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

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
    if levels.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    EnvFilter::try_new(levels).map(drop).map_err(|error| error.to_string())
}

/// The levels of the log of this process.
#[derive(Debug)]
struct Switch(reload::Handle<EnvFilter, Registry>);

impl LogLevels for Switch {
    fn get(&self) -> String {
        self.0.with_current(ToString::to_string).unwrap_or_default()
    }

    fn set(&self, levels: &str) -> Result<(), String> {
        check_levels(levels)?;
        let filter = EnvFilter::try_new(levels).map_err(|error| error.to_string())?;
        self.0.reload(filter).map_err(|error| error.to_string())
    }
}

/// Writes log lines of these levels to stderr; they can be changed later.
pub(super) fn start(format: LogFormat, levels: &str) -> Arc<dyn LogLevels> {
    let filter = EnvFilter::try_new(levels).unwrap_or_else(|_| EnvFilter::new("info"));
    let (filter, handle) = reload::Layer::new(filter);
    let lines = match format {
        LogFormat::Text => {
            fmt::layer().with_writer(std::io::stderr).with_ansi(talk::coloured()).boxed()
        }
        LogFormat::Json => {
            fmt::layer().with_writer(std::io::stderr).json().flatten_event(true).boxed()
        }
    };
    // A second keeper in one process finds the first one's log, which is as good.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    Arc::new(Switch(handle))
}

/// As `start`, for commands that are not asked for levels: `RUST_LOG` may ask for others.
pub(super) fn start_plain(levels: &str) {
    let wished = std::env::var("RUST_LOG").ok().filter(|wish| check_levels(wish).is_ok());
    start(LogFormat::Text, wished.as_deref().unwrap_or(levels));
}
