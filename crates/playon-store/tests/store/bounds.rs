//! The log stays within its bound, whatever owners do.

use std::sync::mpsc;

use crate::common::{World, see};
use playon_store::testing::{record, room, snapshot, submit};
use playon_store::{Batch, RoomLog, SqliteOptions, SqliteStore, verify};

const LOG_BYTES_MAX: u64 = 30_000;

fn options() -> SqliteOptions {
    SqliteOptions {
        log_bytes_max: LOG_BYTES_MAX,
        wal_bytes_max: 100_000,
        ..SqliteOptions::default()
    }
}

/// Bytes of log that a write-ahead log of `options` can hold on to, plus a group.
const SLACK: u64 = 50_000;

#[test]
fn rooms_that_never_answer_are_carried_over() {
    let dir = crate::common::scratch();
    let store = SqliteStore::open(dir.path(), options()).unwrap();
    // Quiet after two commits, for ever.
    submit(&store, Batch { snapshots: vec![snapshot(room(200), 1, "s")], ..Batch::default() })
        .unwrap();
    submit(&store, Batch { records: vec![record(room(200), 2, "r")], ..Batch::default() }).unwrap();
    let mut world = World::new(9);
    for _ in 0..1_000 {
        submit(&store, world.step()).unwrap();
    }
    store.close().unwrap();
    let report = verify(dir.path()).unwrap();
    assert!(report.is_sound(), "{report}");
    assert!(report.log_bytes < 2 * LOG_BYTES_MAX + SLACK, "{report}");
    let store = SqliteStore::open(dir.path(), options()).unwrap();
    let mut seen = see(&store).unwrap();
    let quiet = seen.rooms.remove(&room(200)).unwrap();
    assert_eq!(
        quiet.records.iter().map(|(_, found)| found.clone()).collect::<Vec<_>>(),
        [record(room(200), 2, "r")]
    );
    world.compare(&seen, &store).unwrap();
    // What was carried goes away with the next snapshot.
    submit(&store, Batch { snapshots: vec![snapshot(room(200), 2, "two")], ..Batch::default() })
        .unwrap();
    store.close().unwrap();
    assert!(verify(dir.path()).unwrap().is_sound());
    assert!(
        see(&SqliteStore::open(dir.path(), options()).unwrap()).unwrap().rooms[&room(200)]
            .records
            .is_empty()
    );
}

#[test]
fn rooms_that_hold_up_the_log_are_named() {
    let dir = crate::common::scratch();
    let store = SqliteStore::open(dir.path(), options()).unwrap();
    let (wish, wishes) = mpsc::channel();
    store.on_snapshots_wanted(Box::new(move |rooms| wish.send(rooms).unwrap()));
    submit(&store, Batch { snapshots: vec![snapshot(room(200), 1, "s")], ..Batch::default() })
        .unwrap();
    submit(&store, Batch { records: vec![record(room(200), 2, "r")], ..Batch::default() }).unwrap();
    let mut world = World::new(10);
    let mut named = 0;
    for _ in 0..600 {
        submit(&store, world.step()).unwrap();
        for rooms in wishes.try_iter() {
            if rooms.contains(&room(200)) {
                named += 1;
                submit(
                    &store,
                    Batch { snapshots: vec![snapshot(room(200), 2, "two")], ..Batch::default() },
                )
                .unwrap();
            }
            submit(&store, world.snapshots(&rooms)).unwrap();
        }
    }
    assert_eq!(named, 1, "a room is named once, and again only after its snapshot");
    store.close().unwrap();
    let report = verify(dir.path()).unwrap();
    assert!(report.is_sound() && report.log_bytes < LOG_BYTES_MAX + SLACK, "{report}");
}

/// One group commit may end a room and begin another of the same name.
#[test]
fn only_the_new_life_of_a_room_is_carried_over() {
    let dir = crate::common::scratch();
    let tiny = SqliteOptions { log_bytes_max: 1, wal_bytes_max: 1, ..options() };
    let store = SqliteStore::open(dir.path(), tiny).unwrap();
    let begin = || Batch { snapshots: vec![snapshot(room(1), 1, "one")], ..Batch::default() };
    submit(&store, begin()).unwrap();
    // Hold the writer up until all of it waits, so that it becomes one group.
    let (go, wait) = mpsc::channel::<()>();
    store.submit(Batch::default(), Box::new(move |_| wait.recv().unwrap()));
    let old =
        Batch { records: (2..=9).map(|n| record(room(1), n, "old")).collect(), ..Batch::default() };
    let end = Batch { deletes: vec![room(1)], ..Batch::default() };
    let new = Batch { records: vec![record(room(1), 2, "new")], ..begin() };
    for batch in [old, end, new] {
        store.submit(batch, Box::new(|outcome| outcome.unwrap()));
    }
    go.send(()).unwrap();
    // Long enough for that group to be cut off, also if the thread that checkpoints has to wait for a processor.
    for n in 0..1_000 {
        submit(&store, Batch { snapshots: vec![snapshot(room(2), n, "two")], ..Batch::default() })
            .unwrap();
    }
    store.close().unwrap();
    let report = verify(dir.path()).unwrap();
    assert!(report.is_sound() && report.batch_first > 5, "{report}");
    let seen = see(&SqliteStore::open(dir.path(), options()).unwrap()).unwrap();
    let records: Vec<_> =
        seen.rooms[&room(1)].records.iter().map(|(_, found)| found.clone()).collect();
    assert_eq!(records, [record(room(1), 2, "new")]);
}
