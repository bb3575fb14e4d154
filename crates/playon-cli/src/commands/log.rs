//! `playon log`.

use clap::{Args, Subcommand};
use playon_keeper::admin::LogRequest;

use super::admin::{Admin, block_on};
use super::exit::Exit;
use super::locate::Keeper;
use super::talk;

/// Show or change what a running keeper logs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  playon log show
  playon log set debug
  playon log set info,playon_keeper::control=debug

The change lasts until the keeper ends.")]
pub(super) struct Log {
    #[command(subcommand)]
    wish: Wish,
}

#[derive(Debug, Subcommand)]
enum Wish {
    /// Print what is logged
    Show {
        #[command(flatten)]
        keeper: Keeper,
    },
    /// Log from now on what this says
    Set {
        /// `error`, `warn`, `info`, `debug`, `trace`, or by part: `info,playon_keeper::gateway=debug`
        levels: String,
        #[command(flatten)]
        keeper: Keeper,
    },
}

impl Log {
    pub(super) fn run(&self) -> Result<(), Exit> {
        let answer: LogRequest = match &self.wish {
            Wish::Show { keeper } => block_on(Admin::new(keeper.door()?).get("/v1/log"))?,
            Wish::Set { levels, keeper } => {
                let wish = LogRequest { levels: levels.clone() };
                block_on(Admin::new(keeper.door()?).post("/v1/log", &wish))?
            }
        };
        talk::data(&answer.levels)
    }
}
