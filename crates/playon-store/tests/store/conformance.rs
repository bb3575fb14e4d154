//! The embedded engine passes the suite that every engine must pass.

use std::cell::RefCell;

use playon_store::testing::{self, Engine};
use playon_store::watermark::WATERMARK_FILE;
use playon_store::{Batch, RoomLog, SqliteOptions, SqliteStore};

struct Sqlite {
    dir: RefCell<tempfile::TempDir>,
    options: SqliteOptions,
}

impl Sqlite {
    fn engine(options: &SqliteOptions) -> Box<dyn Engine<SqliteStore>> {
        let dir = RefCell::new(tempfile::tempdir().unwrap());
        Box::new(Self { dir, options: options.clone() })
    }
}

impl Engine<SqliteStore> for Sqlite {
    fn open(&self) -> Box<SqliteStore> {
        Box::new(SqliteStore::open(self.dir.borrow().path(), self.options.clone()).unwrap())
    }

    /// Goes on with what its files were at some moment in between.
    fn kill(&self, store: Box<SqliteStore>, batches: Vec<Batch>) -> Box<SqliteStore> {
        batches.into_iter().for_each(|batch| store.submit(batch, Box::new(drop)));
        let left = tempfile::tempdir().unwrap();
        // It never names a batch that is not in the files yet, so it is read before them.
        let mark = std::fs::read(self.dir.borrow().path().join(WATERMARK_FILE)).unwrap();
        crate::common::copy(self.dir.borrow().path(), left.path());
        std::fs::write(left.path().join(WATERMARK_FILE), mark).unwrap();
        drop(store);
        self.dir.replace(left);
        self.open()
    }

    /// As on a file system without locks.
    fn overtake(&self) -> Box<SqliteStore> {
        std::fs::remove_file(self.dir.borrow().path().join("lock")).unwrap();
        self.open()
    }
}

#[test]
fn sqlite_conforms() {
    let make = || Sqlite::engine(&SqliteOptions::default());
    testing::room_log(&make);
    testing::resting_rooms(&make);
    testing::ends(&make);
    testing::decisions(&make);
    testing::releases(&make);
    testing::whole(&make);
}

/// With bounds so small that every commit checkpoints, cuts and carries. Its files are never at rest, so that they cannot be
/// copied; `tests/crash.rs` kills a process in their midst.
#[test]
fn sqlite_conforms_with_tiny_bounds() {
    let options = SqliteOptions {
        log_bytes_max: 200,
        wal_bytes_max: 1,
        group_bytes_max: 1,
        ..SqliteOptions::default()
    };
    let make = || Sqlite::engine(&options);
    testing::room_log(&make);
    testing::resting_rooms(&make);
    testing::decisions(&make);
    testing::releases(&make);
    testing::whole(&make);
}
