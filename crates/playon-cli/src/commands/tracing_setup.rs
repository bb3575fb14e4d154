//! Logs on stderr.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use super::talk;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// Writes log lines of this level to stderr, unless `RUST_LOG` asks for others.
pub(super) fn start(format: LogFormat, level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second keeper in one process finds the first one's log, which is as good.
    let _ = match format {
        LogFormat::Text => lines.with_ansi(talk::coloured()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}
