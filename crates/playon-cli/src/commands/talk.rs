//! Talking to people on stderr, and printing data on stdout.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use playon_keeper::log::queue::LogQueue;
use playon_keeper::log::text::{escape, escape_coloured};
use serde::Serialize;

use super::Exit;

const RED: &str = "31";
const GREEN: &str = "32";

/// Whether stderr may have colours: a terminal, and `NO_COLOR` unset or empty.
pub(super) fn coloured() -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !no_color
}

/// Whether stdout may have colours, by the same rule.
pub(super) fn data_coloured() -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stdout().is_terminal() && !no_color
}

fn paint(colour: &str, text: &str) -> String {
    if coloured() { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
}

/// The ways out of a process that serves, which must not wait for those who read.
#[derive(Debug)]
struct OutputQueues {
    talk: LogQueue,
    data: LogQueue,
}

static QUEUES: OnceLock<OutputQueues> = OnceLock::new();

/// How long a process that ends waits for those who read what it said.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// From now on nothing that is said here waits for anybody who reads it. The queue of what goes to stderr.
///
/// # Errors
/// When there are no threads to be had.
pub(super) fn queue() -> io::Result<LogQueue> {
    if let Some(queues) = QUEUES.get() {
        return Ok(queues.talk.clone());
    }
    let talk = LogQueue::start("log", io::stderr(), coloured())?;
    let data = LogQueue::start("stdout", io::stdout(), false)?;
    Ok(QUEUES.get_or_init(|| OutputQueues { talk, data }).talk.clone())
}

/// Gives those who read what was said a moment before the process ends.
pub(super) fn flush() {
    if let Some(queues) = QUEUES.get() {
        queues.talk.flush(FLUSH_TIMEOUT);
        queues.data.flush(FLUSH_TIMEOUT);
    }
}

/// What may be written to a terminal: of what acts on it, only line ends and colours. In JSON it means the same.
fn safe(text: &str) -> String {
    text.split('\n').map(escape_coloured).collect::<Vec<_>>().join("\n")
}

/// One line for people, or several.
pub(super) fn line(text: &str) {
    match QUEUES.get() {
        Some(queues) => text.split('\n').for_each(|line| queues.talk.push(line)),
        // When nobody listens there is nothing to be done about it.
        None => _ = writeln!(io::stderr(), "{}", safe(text)),
    }
}

/// Something went wrong.
pub(super) fn error(text: &str) {
    line(&format!("{} {text}", paint(RED, "error:")));
}

/// Something worked.
pub(super) fn good(text: &str) {
    line(&paint(GREEN, text));
}

/// Whether anything has gone to stdout.
static ANSWERED: AtomicBool = AtomicBool::new(false);

/// Whether there is an answer on stdout, or the beginning of one.
pub(super) fn answered() -> bool {
    ANSWERED.load(Ordering::Relaxed)
}

/// Data, with a line end.
pub(super) fn data(text: &str) -> Result<(), Exit> {
    offer(text).map(|_| ())
}

/// As `data`; false if nobody reads it any more.
pub(super) fn offer(text: &str) -> Result<bool, Exit> {
    ANSWERED.store(true, Ordering::Relaxed);
    if let Some(queues) = QUEUES.get() {
        queues.data.push(text);
        return Ok(true);
    }
    match writeln!(io::stdout(), "{}", safe(text)).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(super::exit::io("cannot write to stdout", error)),
        Ok(()) => Ok(true),
    }
}

/// Data as JSON.
pub(super) fn json(value: &impl Serialize) -> Result<(), Exit> {
    let text =
        serde_json::to_string_pretty(value).map_err(|error| super::exit::io("no JSON", error))?;
    data(&text)
}

/// Rows under headings, columns as wide as they need to be.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) -> Result<(), Exit> {
    let plain = |row: &Vec<String>| row.iter().map(|cell| escape(cell).into_owned()).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(plain).collect();
    let widths: Vec<usize> = headings
        .iter()
        .enumerate()
        .map(|(at, heading)| {
            rows.iter().map(|row| row[at].chars().count()).chain([heading.len()]).max().unwrap_or(0)
        })
        .collect();
    let print = |cells: &[String]| {
        let line: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        data(line.join("  ").trim_end())
    };
    print(&headings.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    rows.iter().try_for_each(|row| print(row))
}
