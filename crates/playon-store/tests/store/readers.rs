//! Whoever reads for long, as a backup does, holds up nobody.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use playon_store::testing::{recovered, room, snapshot, submit};
use playon_store::{Batch, DATABASE_FILE, LogRecord, RoomLog, SqliteOptions, SqliteStore, verify};
use playon_types::ids::Seq;

/// A connection waits 10 s for another one, so this is far from what waiting takes.
const AT_ONCE: Duration = Duration::from_secs(4);

fn options() -> SqliteOptions {
    SqliteOptions { wal_bytes_max: 1 << 20, ..SqliteOptions::default() }
}

fn open(dir: &Path) -> SqliteStore {
    SqliteStore::open(dir, options()).unwrap()
}

/// Commits of 100 KiB.
fn write(store: &SqliteStore, seqs: std::ops::RangeInclusive<u64>) {
    for seq in seqs {
        let record =
            LogRecord { room: room(1), seq: Seq(seq), body: Bytes::from(vec![7; 100 << 10]) };
        submit(store, Batch { records: vec![record], ..Batch::default() }).unwrap();
    }
}

fn log_bytes(dir: &Path) -> u64 {
    std::fs::metadata(dir.join(format!("{DATABASE_FILE}-wal"))).map_or(0, |meta| meta.len())
}

/// Somebody who reads what there is now, and goes on reading it.
fn reader(dir: &Path) -> rusqlite::Connection {
    let conn = rusqlite::Connection::open(dir.join(DATABASE_FILE)).unwrap();
    conn.execute_batch("BEGIN; SELECT count(*) FROM batch").unwrap();
    conn.query_row("SELECT count(*) FROM snapshot", [], |_| Ok(())).unwrap();
    conn
}

#[test]
fn a_store_stops_and_starts_while_somebody_reads() {
    let dir = crate::common::scratch();
    let store = open(dir.path());
    submit(&store, Batch { snapshots: vec![snapshot(room(1), 1, "one")], ..Batch::default() })
        .unwrap();
    write(&store, 2..=5);
    let reads = reader(dir.path());
    write(&store, 6..=9);
    let began = Instant::now();
    store.close().unwrap();
    assert!(began.elapsed() < AT_ONCE, "the stop took {:?}", began.elapsed());
    for life in 0..3 {
        let began = Instant::now();
        let store = open(dir.path());
        assert!(began.elapsed() < AT_ONCE, "the start took {:?}", began.elapsed());
        assert_eq!(recovered(&store)[&room(1)].records.len(), 8 + 2 * life);
        let next = 10 + 2 * life as u64;
        write(&store, next..=next + 1);
        // Killed, as it were, or stopped: both are found again.
        if life == 1 { drop(store) } else { store.close().unwrap() }
    }
    drop(reads);
    let report = verify(dir.path()).unwrap();
    assert!(report.is_sound(), "{report}");
    let store = open(dir.path());
    assert_eq!(recovered(&store)[&room(1)].records.len(), 14);
    store.close().unwrap();
    assert_eq!(log_bytes(dir.path()), 0, "with nobody reading it is cut");
}

#[test]
fn a_log_that_grew_under_a_reader_is_cut_when_it_has_gone() {
    let dir = crate::common::scratch();
    let store = open(dir.path());
    submit(&store, Batch { snapshots: vec![snapshot(room(1), 1, "one")], ..Batch::default() })
        .unwrap();
    let reads = reader(dir.path());
    write(&store, 2..=120);
    assert!(log_bytes(dir.path()) > 8 << 20, "a reader keeps the log from starting anew");
    drop(reads);
    let began = Instant::now();
    let mut seq = 120;
    while log_bytes(dir.path()) > 3 << 20 {
        assert!(began.elapsed() < Duration::from_secs(60), "{} bytes", log_bytes(dir.path()));
        seq += 1;
        write(&store, seq..=seq);
    }
    drop(store);
    assert_eq!(recovered(&open(dir.path()))[&room(1)].records.len() as u64, seq - 1);
}
