//! `playon store`: what is done with a data directory.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use playon_store::OpenError;
use playon_types::code::Code;
use playon_types::ids::RoomId;
use playon_types::ply;
use playon_types::reason::Reason;

use super::exit::{CliError, Exit};
use super::{store_copies, talk};

/// Verify, back up, restore and repair a data directory.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  playon store backup /backup/today               while the keeper runs
  playon store restore /backup/today --data game  into a new directory
  playon store verify                             when the keeper is stopped
  playon store repair                             what a repair would give up; --yes does it")]
pub(super) enum StoreCommand {
    /// Verify every checksum, count and promise; exit code 1 if anything is wrong.
    Verify(Verify),
    /// Print everything stored about one room.
    Dump(Dump),
    /// Copy the whole store, while a keeper runs or not.
    Backup(store_copies::BackupTo),
    /// Make a data directory from a backup.
    Restore(store_copies::RestoreFrom),
    /// Say what can be saved of a damaged store, or save it.
    Repair(store_copies::Mend),
}

#[derive(Debug, Args)]
pub(super) struct StoreArgs {
    /// The data directory
    #[arg(long, env = "PLAYON_DATA", default_value = "playon-data", value_name = "DIR")]
    pub(super) data: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Verify every checksum, count and promise.
#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    place: StoreArgs,
}

/// Print everything stored about one room.
#[derive(Debug, Args)]
pub(super) struct Dump {
    /// The room's id
    room: String,
    #[command(flatten)]
    place: StoreArgs,
}

impl StoreCommand {
    pub(super) fn run(&self) -> Result<(), Exit> {
        match self {
            Self::Verify(command) => command.run(),
            Self::Dump(command) => command.run(),
            Self::Backup(command) => command.run(),
            Self::Restore(command) => command.run(),
            Self::Repair(command) => command.run(),
        }
    }
}

impl Verify {
    fn run(&self) -> Result<(), Exit> {
        let report = playon_store::verify(&self.place.data).map_err(|error| refused(&error))?;
        if self.place.json {
            talk::json(&report)?;
        } else {
            talk::data(&report.to_string())?;
        }
        if report.is_sound() { Ok(()) } else { Err(Exit::Told) }
    }
}

impl Dump {
    fn run(&self) -> Result<(), Exit> {
        let room = RoomId::parse(&self.room).ok_or_else(|| {
            let message = format!("{} is not the id of a room", self.room);
            Exit::Usage(CliError::new(
                ply!("PLY-0516"),
                message,
                "give a UUID; `playon rooms` lists them",
            ))
        })?;
        let dump = playon_store::dump(&self.place.data, room).map_err(|error| refused(&error))?;
        if self.place.json { talk::json(&dump) } else { talk::data(&dump.to_string()) }
    }
}

fn refused(error: &OpenError) -> Exit {
    failed(error.code(), error)
}

/// An error of the store, whose text begins with its code.
pub(super) fn failed(code: Code, error: &impl std::fmt::Display) -> Exit {
    let reason = Reason::of(code, error);
    Exit::Failed(CliError::new(code, reason.words(), "see the page of this code"))
}
