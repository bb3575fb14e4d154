//! Logs on stderr.

use std::collections::BTreeSet;
use std::sync::Arc;

use playon_keeper::LogLevels;
use playon_keeper::log_queue::{LogQueue, log_panics, may_hold_secrets};
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

/// What is logged of everything, or of a part.
const LEVELS: &str = "off, error, warn, info, debug, trace";

/// Whether this says what is to be logged.
pub(super) fn check_levels(levels: &str) -> Result<(), String> {
    read_levels(levels).map(drop)
}

/// What is to be logged: the one reading of it, be it of the configuration, the environment or a request.
///
/// A word by itself is a level for everything. A part of the keeper stands there with its level: without one it would
/// silence all other parts, which is what a level with a typo would do.
fn read_levels(levels: &str) -> Result<EnvFilter, String> {
    let items: Vec<_> = levels.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
    if items.is_empty() {
        return Err("it is empty".to_owned());
    }
    let mut parts = BTreeSet::new();
    for item in &items {
        if !parts.insert(part(item)?) {
            return Err(format!("`{item}` is the second level for the same"));
        }
    }
    let plain: Vec<_> = items.iter().map(|item| item.replace(' ', "")).collect();
    EnvFilter::try_new(plain.join(",")).map_err(|error| error.to_string())
}

/// What an item gives a level for; nothing for everything.
fn part(item: &str) -> Result<&str, String> {
    // Those of spans have rules of their own.
    if item.contains('[') {
        return Ok(item);
    }
    let (part, level) = match item.split_once('=') {
        Some((part, level)) => (part.trim(), level.trim()),
        None => ("", item),
    };
    let known = LEVELS.split(", ").any(|known| known.eq_ignore_ascii_case(level));
    match (known, item.contains('=')) {
        (true, true) if part.is_empty() || part.contains(char::is_whitespace) => {
            Err(format!("`{item}` names no part"))
        }
        (true, _) => Ok(part),
        (false, true) => Err(format!("`{level}` is no level ({LEVELS})")),
        (false, false) => Err(format!(
            "`{level}` is no level ({LEVELS}); a part of the keeper stands with its level, as in `{level}=debug`"
        )),
    }
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
        let filter = read_levels(levels)?;
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
    let filter = read_levels(levels).unwrap_or_else(|_| EnvFilter::new("info"));
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
    let wished = std::env::var("RUST_LOG").ok().filter(|wish| check_levels(wish).is_ok());
    wished.unwrap_or_else(|| levels.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_is_refused_wherever_it_stands() {
        for levels in [
            "info",
            "INFO",
            "off",
            " warn , playon_keeper::gateway=debug ",
            "playon=Trace",
            "info,",
        ] {
            assert_eq!(check_levels(levels), Ok(()), "{levels}");
        }
        for (levels, why) in [
            ("", "it is empty"),
            (" , ", "it is empty"),
            ("loud", "`loud` is no level"),
            ("info,loud", "`loud` is no level"),
            ("inof", "`inof` is no level"),
            ("playon_keeper::gateway", "as in `playon_keeper::gateway=debug`"),
            ("info,playon_keeper=loud", "`loud` is no level"),
            ("playon_keeper=", "`` is no level"),
            ("=debug", "names no part"),
            ("play on=debug", "names no part"),
            ("no=such=level", "`such=level` is no level"),
            ("info,debug", "`debug` is the second level"),
            ("a=debug,a=info", "`a=info` is the second level"),
        ] {
            let told = check_levels(levels).unwrap_err();
            assert!(told.contains(why), "{levels:?}: {told}");
        }
    }

    #[test]
    fn spaces_between_the_items_change_nothing() {
        let read = |levels| read_levels(levels).unwrap().to_string();
        assert_eq!(read("warn, playon_keeper = debug"), read("warn,playon_keeper=debug"));
    }
}
