//! What makes commits survive.
//!
//! # Contracts
//!
//! An engine meets four contracts; whoever uses it takes a handle of the one that is needed.
//!
//! | Contract | What it is for | Who takes it |
//! |---|---|---|
//! | [`RoomLog`] | commits become safe and are found again, under an epoch that fences former owners | owners of rooms, recovery, the watch over the directory |
//! | [`RestingRooms`] | sleeping rooms are read one by one, counted and listed | who wakes rooms, who asks which releases are still needed |
//! | [`Decisions`] | deploys and named values, written by compare-and-put | who directs deploys |
//! | [`Releases`] | which releases there are, under which labels | who takes uploads |
//!
//! A [`Store`] is all four, for whoever opens an engine. They speak epochs and rows and know nothing of what is inside a state. One
//! group commit of all rooms is one append-only row; snapshots are rows per room; what rests and is queried are
//! ordinary tables. The layout is the same for every SQL engine; the embedded one is SQLite
//! ([`SqliteStore`]). The suite that an engine has to pass (`testing`, with the feature `conformance`) has a part for each contract.
//!
//! # How a commit becomes safe
//!
//! Owners [`submit`](RoomLog::submit) batches. A writer thread takes everything that waits, encodes the
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
mod check;
mod contract;
mod damage;
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
#[cfg(feature = "conformance")]
pub mod testing;
pub mod watermark;

pub use contract::{
    Batch, Decision, Decisions, DeployRow, Done, LogRecord, ReleaseRow, Releases, RestGroup,
    RestNote, RestRow, RestingRoom, RestingRooms, RoomLog, SnapshotRow, Store, StoredRoom,
};
pub use damage::{Damage, RoomDamage};
pub use error::{OpenError, StoreError};
pub use inspect::{DumpedEntry, DumpedSnapshot, RoomDump, VerifyReport, dump, verify};
pub use regular::open_regular;
pub use repair::{Repair, RepairError, RepairLoss, repair};
pub use sqlite::{DATABASE_FILE, SqliteOptions, SqliteStore};
