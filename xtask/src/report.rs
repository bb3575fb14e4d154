//! What people read: one place that writes to the terminal.

use std::io::{IsTerminal as _, Write as _, stdout};

/// A plain line on stdout. A reader that has gone away is no reason to stop.
pub(crate) fn line(text: &str) {
    let _ = writeln!(stdout(), "{text}");
}

/// What was wrong, on stderr.
pub(crate) fn error(text: &str) {
    let _ = writeln!(std::io::stderr(), "error: {text}");
}

/// A command before it is run.
pub(crate) fn command(text: &str) {
    line(&paint("2", &format!("$ {text}")));
}

/// The beginning of a stage.
pub(crate) fn header(text: &str) {
    line("");
    line(&paint("1;36", &format!("== {text}")));
}

/// Whether stdout is read by a person who wants colours.
pub(crate) fn colours() -> bool {
    stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn paint(style: &str, text: &str) -> String {
    if colours() { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
}
