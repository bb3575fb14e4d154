//! `playon log`.

use clap::{Args, Subcommand};
use playon_keeper::admin::LogRequest;

use super::admin::block_on;
use super::exit::Exit;
use super::lists::ListArgs;
use super::talk;

/// Show or change what a running keeper logs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  playon log show
  playon log set debug
  playon log set info,playon_keeper::control=debug

The change lasts until the keeper ends.")]
pub(super) struct LogArgs {
    #[command(subcommand)]
    wish: LogWish,
}

#[derive(Debug, Subcommand)]
enum LogWish {
    /// Print what is logged
    Show {
        #[command(flatten)]
        look: ListArgs,
    },
    /// Log from now on what this says
    Set {
        /// `error`, `warn`, `info`, `debug`, `trace`, or by part: `info,playon_keeper::gateway=debug`
        levels: String,
        #[command(flatten)]
        look: ListArgs,
    },
}

impl LogArgs {
    pub(super) fn run(&self) -> Result<(), Exit> {
        let (answer, look): (LogRequest, _) = match &self.wish {
            LogWish::Show { look } => (block_on(look.admin()?.get("/v1/log"))?, look),
            LogWish::Set { levels, look } => {
                let wish = LogRequest { levels: levels.clone() };
                (block_on(look.admin()?.post("/v1/log", &wish))?, look)
            }
        };
        look.show(&answer, |answer| talk::data(&answer.levels))
    }
}
