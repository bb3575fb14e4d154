//! The embedded engine passes the suite that every engine must pass.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use playon_store::testing::{Engine, conformance};
use playon_store::{SqliteOptions, SqliteStore, Store};

struct Sqlite {
    dir: tempfile::TempDir,
    options: SqliteOptions,
}

impl Engine for Sqlite {
    fn open(&self) -> Box<dyn Store> {
        Box::new(SqliteStore::open(self.dir.path(), self.options.clone()).unwrap())
    }
}

#[test]
fn sqlite_conforms() {
    conformance(&|| {
        Box::new(Sqlite { dir: tempfile::tempdir().unwrap(), options: SqliteOptions::default() })
    });
}

/// With bounds so small that every commit checkpoints, cuts and carries.
#[test]
fn sqlite_conforms_with_tiny_bounds() {
    let options = SqliteOptions {
        log_bytes_max: 200,
        wal_bytes_max: 1,
        group_bytes_max: 1,
        ..SqliteOptions::default()
    };
    conformance(&|| {
        Box::new(Sqlite { dir: tempfile::tempdir().unwrap(), options: options.clone() })
    });
}
