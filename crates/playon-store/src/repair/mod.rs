//! Making a usable store of a damaged one, and saying first what that gives up.
//!
//! Everything that can be read and whose checksums hold is written into a new database, next to the damaged one. Rooms go back to the
//! last commit that is certain, or are given up. The damaged files are kept. The new store goes on in an
//! epoch that has never been, so players who know of more are told what is lost.

mod rebuild;
mod salvage;
mod swap;

use std::fmt;
use std::path::{Path, PathBuf};

use playon_types::code::Code;
use playon_types::ply;
use serde::Serialize;

use crate::error::OpenError;
use crate::inspect;
use salvage::Salvage;

/// What a repair keeps and gives up.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Repair {
    /// The data directory.
    pub data: PathBuf,
    /// Whether nothing is wrong: there is nothing to repair.
    pub sound: bool,
    /// Whether it was done; otherwise this is only what it would do.
    pub done: bool,
    /// What is given up.
    pub losses: Vec<RepairLoss>,
    /// Rooms that are kept in the hot log.
    pub rooms_hot: u64,
    /// Rooms that are kept at rest.
    pub rooms_asleep: u64,
    /// Commits after snapshots that are kept.
    pub records: u64,
    /// Releases that are kept.
    pub releases: u64,
    /// Where the damaged files are, once it is done.
    pub original: Option<PathBuf>,
}

/// One thing that is given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RepairLoss {
    /// The room, in hyphenated form; none if it cannot be told, or if it is not a room.
    pub room: Option<String>,
    /// What about it.
    pub what: String,
}

/// Why there is nothing to be repaired. The data directory is as it was, unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// The store cannot be looked into.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Not one room can be read.
    #[error("PLY-0224 nothing in {dir} can be saved: {why}", dir = .dir.display())]
    Hopeless {
        /// The data directory.
        dir: PathBuf,
        /// What is in the way.
        why: String,
    },
    /// The new database cannot be written or put in place. If the damaged files were being moved already, a
    /// keeper refuses the directory; they are all in its folder `damaged-..`.
    #[error("PLY-0225 {path}: {why}", path = .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
}

impl RepairError {
    /// The stable code, for `playon explain`.
    pub const fn code(&self) -> Code {
        match self {
            Self::Open(error) => error.code(),
            Self::Hopeless { .. } => ply!("PLY-0224"),
            Self::Io { .. } => ply!("PLY-0225"),
        }
    }
}

/// Says what can be made of the store in `data`, and makes it if `really`. No keeper may be running.
///
/// # Errors
/// See [`RepairError`].
pub fn repair(
    data: &Path,
    really: bool,
    step: &mut dyn FnMut(&'static str),
) -> Result<Repair, RepairError> {
    step("verifying the store");
    let report = inspect::verify(data)?;
    let mut plan = Repair { data: data.to_owned(), ..Repair::default() };
    if report.is_sound() {
        plan.sound = true;
        plan.rooms_hot = report.rooms_hot;
        plan.rooms_asleep = report.rooms_asleep;
        plan.records = report.records;
        return Ok(plan);
    }
    step("reading what can be read");
    // The lock is held until the new files are in place.
    let (lock, conn) = inspect::connect(data)?;
    let salvage = Salvage::of(&conn, data)?;
    salvage.count(&mut plan);
    if really {
        step("writing what was read");
        let lock = match lock {
            Some(lock) => lock,
            None => crate::lock::DirLock::take(data)?,
        };
        let part = rebuild::rebuild(&conn, data, &salvage)?;
        drop(conn);
        step("putting it in place");
        plan.original = Some(swap::swap(data, &part)?);
        plan.done = true;
        drop(lock);
    }
    plan.losses = salvage.losses;
    Ok(plan)
}

/// Names the path in errors of the system.
fn at(path: &Path) -> impl Fn(std::io::Error) -> RepairError {
    let path = path.to_owned();
    move |error| RepairError::Io { path: path.clone(), why: error.to_string() }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sound {
            return write!(f, "everything is sound, there is nothing to repair");
        }
        for RepairLoss { room, what } in &self.losses {
            match room {
                Some(room) => writeln!(f, "room {room}: {what}")?,
                None => writeln!(f, "{what}")?,
            }
        }
        let Self { rooms_hot, rooms_asleep, records, releases, .. } = self;
        writeln!(
            f,
            "kept: {rooms_hot} hot rooms with {records} commits after their snapshots, {rooms_asleep} rooms at rest, {releases} releases"
        )?;
        match &self.original {
            Some(original) => {
                write!(f, "repaired; the damaged files are in {}", original.display())
            }
            None => write!(f, "nothing has been changed; with --yes this is done"),
        }
    }
}
