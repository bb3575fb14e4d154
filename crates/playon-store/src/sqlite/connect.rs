//! Connections, and what their errors mean.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};
use rustix::process::{Resource, getrlimit};

use crate::error::{OpenError, StoreError};
use crate::sqlite::DATABASE_FILE;

/// Bytes of a database page.
pub(crate) const PAGE_BYTES: u64 = 8192;

/// How long a connection waits for a lock of another one of this process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens a connection for writing; `create` lets it make the file.
pub(crate) fn writer(dir: &Path, create: bool) -> rusqlite::Result<Connection> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if create {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    prepare(Connection::open_with_flags(dir.join(DATABASE_FILE), flags)?)
}

/// Opens a connection that cannot change anything.
pub(crate) fn reader(dir: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    prepare(Connection::open_with_flags(dir.join(DATABASE_FILE), flags)?)
}

/// Opens a database that lies in a directory where not even SQLite's shared memory file can be made. It sees
/// the database file alone, so there must be no write-ahead log.
pub(crate) fn immutable(dir: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let path = dir.join(DATABASE_FILE);
    let escaped: String =
        path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    prepare(Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)?)
}

fn prepare(conn: Connection) -> rusqlite::Result<Connection> {
    conn.busy_timeout(BUSY_TIMEOUT)?;
    // A damaged write-ahead log must stay as it is until somebody has looked at it.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    conn.pragma_update(None, "cell_size_check", true)?;
    conn.pragma_update(None, "temp_store", "memory")?;
    conn.pragma_update(None, "synchronous", "full")?;
    // On systems whose plain sync does not reach the medium; elsewhere these change nothing.
    conn.pragma_update(None, "fullfsync", true)?;
    conn.pragma_update(None, "checkpoint_fullfsync", true)?;
    Ok(conn)
}

/// Makes a connection write to a write-ahead log that is only ever checkpointed when asked. A log that grew past
/// `wal_bytes_max` because a reader took long is cut to that when it starts anew.
pub(crate) fn use_wal(
    conn: &Connection,
    cache_bytes: usize,
    wal_bytes_max: u64,
) -> rusqlite::Result<()> {
    // Without effect unless the file is still empty.
    conn.pragma_update(None, "page_size", PAGE_BYTES.cast_signed())?;
    let mode: String =
        conn.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        tracing::warn!(mode, "the database does not use a write-ahead log");
        return Err(rusqlite::Error::InvalidQuery);
    }
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    let limit = i64::try_from(wal_bytes_max).unwrap_or(i64::MAX);
    conn.query_row(&format!("PRAGMA journal_size_limit = {limit}"), [], |_| Ok(()))?;
    let kib = i64::try_from(cache_bytes / 1024).unwrap_or(i64::MAX);
    conn.pragma_update(None, "cache_size", -kib)
}

/// Copies the write-ahead log into the database as far as nobody has to be waited for. Returns how many
/// pages the log has, and how many of them are copied.
pub(crate) fn checkpoint(conn: &Connection) -> rusqlite::Result<(i64, i64)> {
    conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| Ok((row.get(1)?, row.get(2)?)))
}

/// Copies all of the write-ahead log and empties it; false if a reader prevents it. Nobody is waited for: a backup may
/// take minutes, and a log that is not cut is harmless.
pub(crate) fn checkpoint_whole(conn: &Connection) -> rusqlite::Result<bool> {
    conn.busy_timeout(Duration::ZERO)?;
    let busy = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    conn.busy_timeout(BUSY_TIMEOUT)?;
    busy.map(|busy| busy == 0)
}

/// Sorts an error of the engine into what people can act on.
pub(crate) fn open_error(dir: &Path, error: &rusqlite::Error) -> OpenError {
    let why = told(error);
    let dir = dir.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotOurs { file: dir.join(DATABASE_FILE), why },
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged { dir, place: why },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => OpenError::ReadOnly { dir, why },
        Some(ErrorCode::DiskFull) => OpenError::Full { dir, why },
        _ if beyond_limit(error).is_some() => OpenError::Full { dir, why },
        // The engine does not say why it could not open a file; the directory does.
        Some(ErrorCode::CannotOpen) if !writable(&dir) => OpenError::ReadOnly { dir, why },
        _ => OpenError::Io { dir, why },
    }
}

/// What the engine says, and what it does not know: to it, a file that may not grow is an error like any other.
fn told(error: &rusqlite::Error) -> String {
    match beyond_limit(error) {
        None => error.to_string(),
        Some(bytes) => {
            format!("{error}; a file of this process may have {bytes} bytes (RLIMIT_FSIZE)")
        }
    }
}

/// The bytes that a file of this process may have, if a write failed and that is limited.
fn beyond_limit(error: &rusqlite::Error) -> Option<u64> {
    const GROWING: [i32; 3] =
        [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_TRUNCATE, ffi::SQLITE_IOERR_SHMSIZE];
    let failed = error.sqlite_error().is_some_and(|error| GROWING.contains(&error.extended_code));
    failed.then(|| getrlimit(Resource::Fsize).current).flatten()
}

/// Whether this process may create files in the directory.
pub(crate) fn writable(dir: &Path) -> bool {
    rustix::fs::access(dir, rustix::fs::Access::WRITE_OK).is_ok()
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Io(told(&error))
    }
}
