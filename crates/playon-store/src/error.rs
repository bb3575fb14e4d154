//! What can go wrong, with the codes that are explained to people.

use std::path::PathBuf;

use playon_types::code::Code;
use playon_types::ply;

use crate::damage::Damage;

/// Why the store cannot do something.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// It has failed before, or was closed; nothing more is written.
    #[error("PLY-0201 the store has stopped: {0}")]
    Stopped(String),
    /// The operating system or the engine reported an error.
    #[error("PLY-0202 the store failed: {0}")]
    Io(String),
    /// What was asked for is there but cannot be trusted.
    #[error("PLY-0203 stored data is damaged: {}", .0.place)]
    Damaged(Damage),
    /// The caller broke the contract of the store, for instance left a gap in a room's sequence. Nothing of
    /// it was written. After a batch the store has stopped, because later ones would build on it.
    #[error("PLY-0204 a batch breaks the rules of the store: {0}")]
    Misused(String),
    /// A keeper with a higher epoch has taken over the database; this one may write no more.
    #[error("PLY-0205 another keeper has taken over: {0}")]
    Fenced(String),
    /// What is open is not what is in the data directory any more. What was not told to anyone is not told now.
    #[error("PLY-0240 the data directory is gone: {0}")]
    Displaced(String),
    /// The label belongs to another release. Nothing was changed, the store goes on.
    #[error("PLY-0206 the label {0:?} belongs to another release")]
    LabelTaken(String),
    /// The value is not what the decision goes out from. Nothing was changed, the store goes on.
    #[error("PLY-0247 {0:?} was decided otherwise meanwhile")]
    Conflict(String),
}

/// Why a store cannot be opened. The directory is as it was found, unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("PLY-0210 {dir} is in use by the keeper with process id {holder}", dir = .dir.display())]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// What the holder wrote into the lock file.
        holder: String,
    },
    /// It was written by a newer version of Playon.
    #[error(
        "PLY-0211 {dir} was written by a newer version: its schema is {found}, this version knows up to {known}",
        dir = .dir.display()
    )]
    Newer {
        /// The directory.
        dir: PathBuf,
        /// Schema version found.
        found: u32,
        /// Newest schema version known.
        known: u32,
    },
    /// It may not be written to.
    #[error("PLY-0212 {dir} cannot be written to: {why}", dir = .dir.display())]
    ReadOnly {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        why: String,
    },
    /// There is no room left on the device.
    #[error("PLY-0213 the disk that holds {dir} is full: {why}", dir = .dir.display())]
    Full {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The file is something else.
    #[error("PLY-0214 {file} is not a Playon database: {why}", file = .file.display())]
    NotOurs {
        /// The file.
        file: PathBuf,
        /// How one can tell.
        why: String,
    },
    /// The damage cannot be pinned to single rooms.
    #[error("PLY-0215 {dir} is damaged: {place}", dir = .dir.display())]
    Damaged {
        /// The directory.
        dir: PathBuf,
        /// Table, row, offset and what was expected there.
        place: String,
    },
    /// Batches that were acknowledged are not there.
    #[error(
        "PLY-0216 {dir} has lost writes: batch {promised} was acknowledged, the last one found is {found}",
        dir = .dir.display()
    )]
    LostWrites {
        /// The directory.
        dir: PathBuf,
        /// The last batch in the database; 0 if there is none.
        found: u64,
        /// The last batch that the watermark vouches for.
        promised: u64,
    },
    /// The schema is not the one that this version made: somebody edited it, or a development build did.
    #[error("PLY-0217 the schema in {dir} is not the one expected: {why}", dir = .dir.display())]
    Schema {
        /// The directory.
        dir: PathBuf,
        /// Which migration differs.
        why: String,
    },
    /// There is no store here. Only said when one is inspected; opening creates it.
    #[error("PLY-0218 there is no store in {dir}", dir = .dir.display())]
    Missing {
        /// The directory.
        dir: PathBuf,
    },
    /// The operating system or the engine reported another error.
    #[error("PLY-0219 {dir} cannot be opened: {why}", dir = .dir.display())]
    Io {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        why: String,
    },
}

impl OpenError {
    /// The stable code, for `playon explain`.
    pub const fn code(&self) -> Code {
        match self {
            Self::Locked { .. } => ply!("PLY-0210"),
            Self::Newer { .. } => ply!("PLY-0211"),
            Self::ReadOnly { .. } => ply!("PLY-0212"),
            Self::Full { .. } => ply!("PLY-0213"),
            Self::NotOurs { .. } => ply!("PLY-0214"),
            Self::Damaged { .. } => ply!("PLY-0215"),
            Self::LostWrites { .. } => ply!("PLY-0216"),
            Self::Schema { .. } => ply!("PLY-0217"),
            Self::Missing { .. } => ply!("PLY-0218"),
            Self::Io { .. } => ply!("PLY-0219"),
        }
    }
}

impl StoreError {
    /// The stable code, for `playon explain`.
    pub const fn code(&self) -> Code {
        match self {
            Self::Stopped(_) => ply!("PLY-0201"),
            Self::Io(_) => ply!("PLY-0202"),
            Self::Damaged(_) => ply!("PLY-0203"),
            Self::Misused(_) => ply!("PLY-0204"),
            Self::Fenced(_) => ply!("PLY-0205"),
            Self::Displaced(_) => ply!("PLY-0240"),
            Self::LabelTaken(_) => ply!("PLY-0206"),
            Self::Conflict(_) => ply!("PLY-0247"),
        }
    }
}
