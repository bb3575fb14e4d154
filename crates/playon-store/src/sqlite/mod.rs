//! The embedded engine: SQLite, written the way a log is written.

pub(crate) mod apply;
pub(crate) mod census;
mod checkpoint;
pub(crate) mod connect;
mod content;
pub(crate) mod fault;
pub(crate) mod judge;
mod ledger;
pub(crate) mod open;
mod place;
pub(crate) mod rests;
pub(crate) mod rewind;
pub(crate) mod rooms;
pub(crate) mod row;
pub(crate) mod scan;
pub(crate) mod schema;
mod store;
pub(crate) mod tables;
mod wal;
mod writer;

pub use store::SqliteStore;

/// Name of the database within the data directory.
pub const DATABASE_FILE: &str = "playon.db";

/// How the embedded engine uses disk and memory.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// Bytes of log beyond which owners are asked for snapshots. At twice as much, entries of rooms that gave
    /// none are copied out of the log instead, so it never grows past that by more than what the write-ahead
    /// log holds. Recovery reads the log, and keeps it in memory until it has been handed out.
    pub log_bytes_max: u64,
    /// Bytes of write-ahead log beyond which it is moved into the database.
    pub wal_bytes_max: u64,
    /// Bytes of records and snapshots in one transaction; what waits beyond it goes into the next one.
    pub group_bytes_max: usize,
    /// Bytes of database pages that the writer keeps in memory.
    pub cache_bytes: usize,
    /// Whether the structure of the whole file is verified at opening, about 2 s per GB. Contents are
    /// verified in any case.
    pub quick_check: bool,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            log_bytes_max: 64 << 20,
            wal_bytes_max: 16 << 20,
            group_bytes_max: 8 << 20,
            cache_bytes: 8 << 20,
            quick_check: true,
        }
    }
}
