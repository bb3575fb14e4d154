//! Opening: everything is checked before anything is written.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use playon_types::ids::Epoch;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::error::OpenError;
use crate::lock::{DirLock, from_io};
use crate::log;
use crate::private;
use crate::sqlite::apply::{Books, insert_batch};
use crate::sqlite::census::Census;
use crate::sqlite::connect::{self, open_error};
use crate::sqlite::fault::SqliteFault;
use crate::sqlite::judge::{Judged, judge};
use crate::sqlite::place::DataPlace;
use crate::sqlite::rewind::rewound;
use crate::sqlite::schema::{self, Identity, MIGRATIONS};
use crate::sqlite::{DATABASE_FILE, SqliteOptions, wal};
use crate::watermark::{self, Reading, Watermark, WatermarkFile};

/// What a successful opening leaves.
pub(crate) struct OpenedDatabase {
    pub(crate) lock: DirLock,
    pub(crate) conn: Connection,
    pub(crate) books: Books,
    pub(crate) watermark: WatermarkFile,
    pub(crate) judged: Judged,
    pub(crate) wal_pages: Arc<AtomicU64>,
    pub(crate) place: DataPlace,
    /// The epoch before which the store was last restored or repaired; 0 if it never was.
    pub(crate) rewound: Epoch,
}

/// What a database is that may be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FoundDatabase {
    /// Nothing has been written to it.
    Empty,
    /// It has this schema, and nothing else: the schema is made in one transaction, the first epoch in the next.
    Unused(u32),
    /// It has this schema and at least one epoch.
    Used(u32),
}

impl FoundDatabase {
    fn schema(self) -> u32 {
        match self {
            Self::Empty => 0,
            Self::Unused(version) | Self::Used(version) => version,
        }
    }

    fn is_used(self) -> bool {
        matches!(self, Self::Used(_))
    }
}

/// Opens or creates the store in `dir`.
pub(crate) fn open(dir: &Path, options: &SqliteOptions) -> Result<OpenedDatabase, OpenError> {
    let sql = |error| open_error(dir, &error);
    private::make_folder(dir).map_err(|e| from_io(dir, &e))?;
    let lock = DirLock::take(dir)?;
    let promised = promised(dir)?;
    let exists = has_bytes(dir, DATABASE_FILE)?;
    if !exists {
        refuse_remains(dir, promised)?;
        // The engine makes its other files as this one is.
        private::make_file(dir, &dir.join(DATABASE_FILE)).map_err(|e| from_io(dir, &e))?;
    }
    let content = DataPlace::open_content(dir).map_err(|e| from_io(dir, &e))?;
    let mut conn = connect::writer(dir, !exists).map_err(sql)?;
    if conn.is_readonly("main").map_err(sql)? {
        return Err(OpenError::ReadOnly {
            dir: dir.to_owned(),
            why: format!("{DATABASE_FILE} is read-only"),
        });
    }
    let found = examine(&conn, dir, promised)?;
    if found.is_used() && options.quick_check {
        quick_check(&conn, dir)?;
    }
    wal::settle(&dir.join(format!("{DATABASE_FILE}-wal"))).map_err(|e| from_io(dir, &e))?;
    connect::use_wal(&conn, options.cache_bytes, options.wal_bytes_max).map_err(sql)?;
    let version = found.schema();
    if (version as usize) < MIGRATIONS.len() {
        schema::migrate(&mut conn, version, MIGRATIONS).map_err(sql)?;
    }
    let judged = if found.is_used() {
        judge(&conn).map_err(|fault| fault.into_open(dir))?
    } else {
        Judged { census: Census::read(&conn).map_err(sql)?, ..Judged::default() }
    };
    let rewound = rewound(&conn).map_err(|fault| fault.into_open(dir))?;
    let wal_pages = watch_wal(&mut conn).map_err(sql)?;
    let mut books = books(&judged, options);
    begin(&conn, dir, &mut books, &wal_pages)?;
    let mark = Watermark { epoch: books.epoch, batch: books.last };
    let watermark = WatermarkFile::open(dir, mark).map_err(|e| from_io(dir, &e))?;
    sync_names(dir)?;
    let place = DataPlace::note(dir, content).map_err(|e| from_io(dir, &e))?;
    Ok(OpenedDatabase { lock, conn, books, watermark, judged, wal_pages, place, rewound })
}

/// Begins the next epoch, and moves everything into the database if nobody reads the log.
fn begin(
    conn: &Connection,
    dir: &Path,
    books: &mut Books,
    wal_pages: &AtomicU64,
) -> Result<(), OpenError> {
    let next = books.epoch.next();
    begin_epoch(conn, books, next).map_err(|fault| fault.into_open(dir))?;
    if connect::checkpoint_whole(conn).map_err(|error| open_error(dir, &error))? {
        // From here on the database file itself has everything, and the log starts empty.
        wal_pages.store(0, Ordering::Relaxed);
    } else {
        // A backup reads the log. Until it starts anew, nothing that may be in it alone is cut.
        let first = books.ledger.first();
        books.ledger.wal_restarted(first);
    }
    Ok(())
}

/// The names of the files, and of the directory itself, must survive a power failure too.
fn sync_names(dir: &Path) -> Result<(), OpenError> {
    for named in [Some(dir), dir.parent()].into_iter().flatten().filter(|path| path.is_dir()) {
        File::open(named).and_then(|named| named.sync_all()).map_err(|e| from_io(named, &e))?;
    }
    Ok(())
}

/// What the watermark vouches for: the last batch, 0 if there is no watermark.
pub(crate) fn promised(dir: &Path) -> Result<u64, OpenError> {
    match watermark::read(dir).map_err(|e| from_io(dir, &e))? {
        Reading::Missing => Ok(0),
        Reading::Mark(mark) => Ok(mark.batch),
        Reading::Unreadable => {
            let place =
                format!("file {}: neither slot has a valid checksum", watermark::WATERMARK_FILE);
            Err(OpenError::Damaged { dir: dir.to_owned(), place })
        }
    }
}

fn has_bytes(dir: &Path, name: &str) -> Result<bool, OpenError> {
    match std::fs::metadata(dir.join(name)) {
        Ok(meta) => Ok(meta.len() > 0),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(from_io(dir, &e)),
    }
}

/// Without a database there must be nothing left that belonged to one: the engine would remove it.
fn refuse_remains(dir: &Path, promised: u64) -> Result<(), OpenError> {
    if promised > 0 {
        return Err(OpenError::LostWrites { dir: dir.to_owned(), found: 0, promised });
    }
    let wal = format!("{DATABASE_FILE}-wal");
    if has_bytes(dir, &wal)? {
        let place = format!("there is {wal}, but {DATABASE_FILE} is missing or empty");
        return Err(OpenError::Damaged { dir: dir.to_owned(), place });
    }
    Ok(())
}

/// Tells whether the database is ours, of a version we know, and not older than promised; reads only.
pub(crate) fn examine(
    conn: &Connection,
    dir: &Path,
    promised: u64,
) -> Result<FoundDatabase, OpenError> {
    let sql = |error| open_error(dir, &error);
    let lost = |found| OpenError::LostWrites { dir: dir.to_owned(), found, promised };
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    match schema::identify(conn).map_err(sql)? {
        Identity::Empty if promised > 0 => Err(lost(0)),
        Identity::Empty => Ok(FoundDatabase::Empty),
        Identity::Foreign(why) => Err(OpenError::NotOurs { file: dir.join(DATABASE_FILE), why }),
        Identity::Ours(found) if found > known => {
            Err(OpenError::Newer { dir: dir.to_owned(), found, known })
        }
        Identity::Ours(version) => {
            let schema = schema::compare(conn, MIGRATIONS).map_err(sql)?;
            schema.map_err(|why| OpenError::Schema { dir: dir.to_owned(), why })?;
            let tail: Option<i64> = conn
                .query_row("SELECT max(id) FROM batch", [], |row| row.get(0))
                .map_err(|error| SqliteFault::Sql(error).into_open(dir))?;
            let found = tail.unwrap_or(0).cast_unsigned();
            if found < promised {
                return Err(lost(found));
            }
            let unused = "SELECT epoch = 0 FROM keeper WHERE id = 1";
            let unused = found == 0
                && conn
                    .query_row(unused, [], |row| row.get::<_, bool>(0))
                    .map_err(|error| SqliteFault::Sql(error).into_open(dir))?;
            Ok(if unused { FoundDatabase::Unused(version) } else { FoundDatabase::Used(version) })
        }
    }
}

/// Lets the engine look for structural damage.
pub(crate) fn quick_check(conn: &Connection, dir: &Path) -> Result<(), OpenError> {
    let verdict: String = conn
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| open_error(dir, &error))?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(OpenError::Damaged { dir: dir.to_owned(), place: format!("{DATABASE_FILE}: {verdict}") })
}

fn watch_wal(conn: &mut Connection) -> rusqlite::Result<Arc<AtomicU64>> {
    let pages = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&pages);
    conn.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, count: std::ffi::c_int| {
        seen.store(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }))?;
    Ok(pages)
}

pub(crate) fn books(judged: &Judged, options: &SqliteOptions) -> Books {
    let mut ledger = judged.ledger();
    ledger.wal_restarted(judged.scan.last + 2);
    Books {
        epoch: judged.keeper,
        last: judged.scan.last,
        last_found: judged.scan.last,
        ledger,
        census: judged.census.clone(),
        owed: judged.owed.clone(),
        carry_over_bytes: options.log_bytes_max.saturating_mul(2),
    }
}

/// Raises the epoch and begins it with an empty batch, in one synced transaction.
pub(crate) fn begin_epoch(
    conn: &Connection,
    books: &mut Books,
    epoch: Epoch,
) -> Result<(), SqliteFault> {
    let tx = Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
    let id = books.last + 1;
    let first = books.ledger.first().max(1);
    let body = log::encode(id, epoch, first, &[]).map_err(SqliteFault::Damage)?;
    tx.execute("UPDATE keeper SET epoch = ?1 WHERE id = 1", [epoch.0.cast_signed()])?;
    insert_batch(&tx, id, epoch, &body).map_err(|error| SqliteFault::Damage(error.to_string()))?;
    tx.commit()?;
    books.epoch = Epoch(epoch.0);
    books.last = id;
    books.ledger.written(body.len() as u64, first);
    Ok(())
}
