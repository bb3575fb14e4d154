//! What makes commits survive.
//!
//! A [`Store`] speaks epochs and batches and knows nothing of what is inside a state. One group commit of
//! all rooms is one append-only row; snapshots are rows per room; what rests and is queried are
//! ordinary tables. The layout is the same for every SQL engine; the embedded one is SQLite
//! ([`SqliteStore`]).
//!
//! # How a commit becomes safe
//!
//! Owners [`submit`](Store::submit) batches. A writer thread takes everything that waits, encodes the
//! records into one `batch` row, replaces the snapshots it was given, moves rooms to and from rest, cuts
//! what is no longer needed off the head of the log, and commits all of it with one sync. Only then are the
//! owners told.
//!
//! # How loss is noticed
//!
//! Every record and every row carries a checksum over its own key and contents, so damage is pinned to a
//! room. Besides, the log announces every snapshot, rest and deletion, batches are numbered without gaps, each one
//! says where the log begins, the tables are counted, and a [`watermark`] outside of the
//! database holds the number of the last batch that anyone was told of. What is there is therefore
//! known to be all that was promised, or the store says what is missing.

pub mod backup;
mod batch;
mod check;
mod error;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod inspect;
mod lock;
mod log;
mod private;
mod regular;
mod repair;
pub mod space;
mod sqlite;
mod store;
#[cfg(feature = "conformance")]
pub mod testing;
pub mod watermark;

pub use batch::{
    Batch, Damage, Decision, DeployRow, LogRecord, ReleaseRow, Rest, RestGroup, RestNote, RestRow,
    RoomDamage, SnapshotRow, StoredRoom,
};
pub use error::{OpenError, StoreError};
pub use inspect::{DumpedEntry, DumpedSnapshot, Problem, Report, RoomDump, dump, verify};
pub use regular::open_regular;
pub use repair::{Loss, Repair, RepairError, repair};
pub use sqlite::{DATABASE_FILE, SqliteOptions, SqliteStore};
pub use store::{Done, Store};
