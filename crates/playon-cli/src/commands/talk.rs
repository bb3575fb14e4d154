//! Talking to people on stderr, and printing data on stdout.

use std::io::{self, IsTerminal, Write};

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

/// One line for people.
pub(super) fn line(text: &str) {
    // When nobody listens there is nothing to be done about it.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Something went wrong.
pub(super) fn error(text: &str) {
    line(&format!("{} {text}", paint(RED, "error:")));
}

/// Something worked.
pub(super) fn good(text: &str) {
    line(&paint(GREEN, text));
}

/// Data, with a line end.
pub(super) fn data(text: &str) -> Result<(), Exit> {
    offer(text).map(|_| ())
}

/// As `data`; false if nobody reads it any more.
pub(super) fn offer(text: &str) -> Result<bool, Exit> {
    match writeln!(io::stdout(), "{text}").and_then(|()| io::stdout().flush()) {
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
