//! `playon status`: the keeper on one screen.

use clap::Args;
use playon_keeper::control::StatusView;
use playon_keeper::log::text::escape;
use playon_types::ply;

use super::admin::{AdminClient, block_on};
use super::exit::{CliError, Exit};
use super::locate::KeeperAddress;
use super::screen::{self, ScreenLine, Severity, SortBy};
use super::talk;

/// Show the keeper on one screen.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  playon status
  playon status --json | jq .timings_ms
  until playon status >/dev/null 2>&1; do sleep 1; done     waits until players are taken

Exit codes: 0 the keeper is ready, 1 it is not, 3 it cannot be reached.")]
pub(super) struct StatusArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keeper: KeeperAddress,
}

impl StatusArgs {
    pub(super) fn run(&self) -> Result<(), Exit> {
        let admin = AdminClient::new(self.keeper.door()?);
        let status: StatusView = block_on(admin.get("/v1/status"))?;
        if self.json {
            talk::json(&status)?;
        } else {
            print(&status)?;
        }
        match &status.not_ready {
            None => Ok(()),
            Some(why) => Err(Exit::Failed(not_ready(why))),
        }
    }
}

fn not_ready(why: &str) -> CliError {
    let remedy = "see \"players cannot get in\" in docs/troubleshooting.md";
    CliError::new(ply!("PLY-0533"), format!("the keeper is not ready: {why}"), remedy)
}

/// The screen, once.
pub(super) fn print(status: &StatusView) -> Result<(), Exit> {
    let coloured = talk::data_coloured();
    let mut status = status.clone();
    SortBy::Rooms.sort(&mut status);
    screen::lines(&status, None, now_ms())
        .iter()
        .try_for_each(|line| talk::data(&painted(line, coloured)))
}

/// A line as the terminal gets it.
pub(super) fn painted(line: &ScreenLine, coloured: bool) -> String {
    let text = escape(&line.text);
    let style = match line.mood {
        Severity::Plain => return text.into_owned(),
        Severity::Heading => "1",
        Severity::Good => "32",
        Severity::Bad => "31",
    };
    if coloured { format!("\x1b[{style}m{text}\x1b[0m") } else { text.into_owned() }
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
