//! Damage that concerns one room halts that room and no other, for as long as the room is there.

use std::collections::BTreeSet;
use std::path::Path;

use crate::common::{Seen, see};
use playon_store::testing::{record, room, snapshot, submit};
use playon_store::{
    Batch, DATABASE_FILE, Decision, Decisions, Releases, RestingRooms, RoomLog, SqliteOptions,
    SqliteStore, StoreError, dump, verify,
};
use playon_types::ids::RoomId;
use playon_types::ply;

const HURT: u8 = 3;

fn open(dir: &Path) -> SqliteStore {
    SqliteStore::open(dir, SqliteOptions::default()).unwrap()
}

/// Five hot rooms with a snapshot at 1 and commits up to 6, two rooms at rest, everything in the database file.
fn store() -> tempfile::TempDir {
    let dir = crate::common::scratch();
    let store = open(dir.path());
    for n in 1..=7 {
        submit(
            &store,
            Batch {
                snapshots: vec![snapshot(room(n), 1, &text(n, "snapshot"))],
                ..Batch::default()
            },
        )
        .unwrap();
    }
    for seq in 2..=6 {
        let records =
            (1..=7).map(|n| record(room(n), seq, &text(n, &format!("record-{seq}")))).collect();
        submit(&store, Batch { records, ..Batch::default() }).unwrap();
    }
    let sleeps = (6..=7).map(|n| snapshot(room(n), 6, &text(n, "asleep")).into()).collect();
    submit(&store, Batch { sleeps, ..Batch::default() }).unwrap();
    store.close().unwrap();
    dir
}

/// A body that can be found again in the file.
fn text(n: u8, what: &str) -> String {
    format!("<{n}:{what}>")
}

/// Flips a bit of a text in the database file.
fn spoil(dir: &Path, text: &str) {
    let file = dir.join(DATABASE_FILE);
    let mut bytes = std::fs::read(&file).unwrap();
    let found: Vec<usize> = (0..bytes.len() - text.len())
        .filter(|at| bytes[*at..].starts_with(text.as_bytes()))
        .collect();
    assert!(!found.is_empty(), "{text} is in the file");
    for at in found {
        bytes[at + text.len() / 2] ^= 4;
    }
    std::fs::write(file, bytes).unwrap();
}

fn sql(dir: &Path, sql: &str) {
    let conn = rusqlite::Connection::open(dir.join(DATABASE_FILE)).unwrap();
    conn.execute_batch(sql).unwrap();
}

fn healthy(seen: &Seen) -> BTreeSet<RoomId> {
    assert!(seen.rooms.values().all(|found| found.records.last().unwrap().1.seq.0 == 6));
    seen.rooms.keys().copied().collect()
}

/// The hurt room alone is damaged, stays so over reopening and cutting of the log, and can be deleted.
fn check_pinned(dir: &Path) {
    let report = verify(dir).unwrap();
    assert!(!report.is_sound());
    assert!(report.problems.iter().all(|problem| problem.room == Some(room(HURT))), "{report}");
    for _ in 0..2 {
        let store = open(dir);
        let seen = see(&store).unwrap();
        assert_eq!(seen.damaged, BTreeSet::from([room(HURT)]), "{:?}", seen.places);
        assert_eq!(healthy(&seen), [1, 2, 4, 5].map(room).into());
    }
    let last = verify(dir).unwrap().batch_last;
    // With tiny bounds all of the log it stood in goes away.
    let tiny = SqliteOptions { log_bytes_max: 1, wal_bytes_max: 1, ..SqliteOptions::default() };
    let store = SqliteStore::open(dir, tiny).unwrap();
    for n in 10..60 {
        submit(&store, Batch { snapshots: vec![snapshot(room(n), 1, "new")], ..Batch::default() })
            .unwrap();
    }
    store.close().unwrap();
    assert!(verify(dir).unwrap().batch_first > last, "the log was cut");
    let store = open(dir);
    let seen = see(&store).unwrap();
    assert_eq!(seen.damaged, BTreeSet::from([room(HURT)]), "{:?}", seen.places);
    assert!(
        seen.rooms
            .values()
            .all(|found| found.room.0[0] >= 10 || found.records.last().unwrap().1.seq.0 == 6)
    );
    submit(&store, Batch { deletes: vec![room(HURT)], ..Batch::default() }).unwrap();
    store.close().unwrap();
    let report = verify(dir).unwrap();
    assert!(report.is_sound(), "{report}");
}

#[test]
fn a_damaged_record() {
    for seq in 2..=6 {
        let dir = store();
        spoil(dir.path(), &text(HURT, &format!("record-{seq}")));
        let found = dump(dir.path(), room(HURT)).unwrap();
        let bad: Vec<u64> = found
            .entries
            .iter()
            .filter(|entry| entry.damage.is_some())
            .map(|entry| entry.seq)
            .collect();
        assert_eq!(bad, [seq]);
        check_pinned(dir.path());
    }
}

#[test]
fn a_damaged_snapshot() {
    let dir = store();
    spoil(dir.path(), &text(HURT, "snapshot"));
    assert!(dump(dir.path(), room(HURT)).unwrap().snapshot.unwrap().damage.is_some());
    check_pinned(dir.path());
}

#[test]
fn a_vanished_snapshot() {
    let dir = store();
    sql(dir.path(), "DELETE FROM snapshot WHERE room = x'03030303030303030303030303030303'");
    check_pinned(dir.path());
}

#[test]
fn an_older_snapshot_in_its_place() {
    let dir = store();
    let store = open(dir.path());
    submit(&store, Batch { snapshots: vec![snapshot(room(HURT), 6, "six")], ..Batch::default() })
        .unwrap();
    store.close().unwrap();
    let older = crate::common::scratch();
    crate::common::copy(self::store().path(), older.path());
    sql(
        dir.path(),
        &format!(
            "ATTACH '{}' AS old; DELETE FROM snapshot WHERE room = x'03030303030303030303030303030303';
             INSERT INTO snapshot SELECT * FROM old.snapshot WHERE room = x'03030303030303030303030303030303'",
            older.path().join(DATABASE_FILE).display()
        ),
    );
    check_pinned(dir.path());
}

#[test]
fn a_damaged_sleeper_is_damaged_only_when_touched() {
    let dir = store();
    spoil(dir.path(), &text(7, "asleep"));
    let report = verify(dir.path()).unwrap();
    assert_eq!(report.problems.len(), 1, "{report}");
    assert_eq!(report.problems[0].room, Some(room(7)));
    let store = open(dir.path());
    let seen = see(&store).unwrap();
    assert!(seen.damaged.is_empty() && seen.rooms.len() == 5);
    assert!(store.load_sleeping(room(6)).unwrap().is_some());
    assert!(
        matches!(store.load_sleeping(room(7)), Err(StoreError::Damaged(damage)) if damage.room == Some(room(7)))
    );
}

#[test]
fn a_vanished_sleeper_is_not_a_missing_room() {
    let dir = store();
    sql(dir.path(), "DELETE FROM sleeping WHERE room = x'07070707070707070707070707070707'");
    let seen = see(&open(dir.path())).unwrap();
    assert_eq!(seen.damaged, BTreeSet::from([room(7)]), "{:?}", seen.places);
}

/// Damage that cannot be pinned to rooms refuses the store as a whole.
#[test]
fn what_cannot_be_pinned_is_refused() {
    let cases = [
        ("DELETE FROM batch WHERE id = 10", "row 9 is followed by row 11"),
        ("DELETE FROM batch WHERE id < 4", "the first"),
        ("DELETE FROM batch", "PLY-0216"),
        ("DELETE FROM batch WHERE id > 12", "PLY-0216"),
        ("UPDATE keeper SET epoch = 0", "epoch"),
        ("DELETE FROM keeper", "PLY-0215"),
        ("UPDATE batch SET body = substr(body, 1, 20) WHERE id = 5", "row 5"),
        ("UPDATE batch SET epoch = 9 WHERE id = 5", "row 5"),
        ("UPDATE census SET rows = rows + 1 WHERE name = 'sleeping'", "sleeping"),
        ("DELETE FROM census", "PLY-0215"),
        ("UPDATE snapshot SET room = x'00' WHERE rowid = 2", "snapshot"),
        ("UPDATE migration SET sum = 1", "PLY-0217"),
    ];
    for (harm, expected) in cases {
        let dir = store();
        sql(dir.path(), harm);
        let error =
            SqliteStore::open(dir.path(), SqliteOptions::default()).unwrap_err().to_string();
        assert!(error.contains(expected), "{harm}: {error}");
        let report = verify(dir.path()).unwrap();
        assert!(report.problems.iter().any(|problem| problem.room.is_none()), "{harm}: {report}");
    }
}

#[test]
fn lost_and_stale_rows_of_small_tables_are_refused() {
    let cases = [
        "DELETE FROM setting",
        "UPDATE setting SET value = x'aa'",
        "UPDATE release SET added_ms = 1",
        "DELETE FROM deploy",
    ];
    for harm in cases {
        let dir = store();
        let store = open(dir.path());
        let id = playon_types::ids::DeployId(1);
        let deploy = playon_store::DeployRow { id, body: vec![2].into() };
        let (name, value) = ("a".to_owned(), Some(vec![1].into()));
        store.decide(Decision { deploy: Some(deploy), name, expected: None, value }).unwrap();
        let id = playon_types::ids::ReleaseId([1; 32]);
        store
            .put_release(playon_store::ReleaseRow { id, label: "one".to_owned(), added_ms: 7 })
            .unwrap();
        store.close().unwrap();
        assert!(verify(dir.path()).unwrap().is_sound());
        sql(dir.path(), harm);
        let error = SqliteStore::open(dir.path(), SqliteOptions::default()).unwrap_err();
        assert_eq!(error.code(), ply!("PLY-0215"), "{harm}: {error}");
    }
}

#[test]
fn a_dump_tells_the_story_of_a_room() {
    let dir = store();
    let found = dump(dir.path(), room(6)).unwrap();
    assert!(found.snapshot.is_none() && found.unreadable.is_empty());
    assert_eq!(found.asleep.as_ref().unwrap().seq, 6);
    let kinds: Vec<&str> = found.entries.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(kinds, ["snapshot", "record", "record", "record", "record", "record", "sleep"]);
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["asleep"]["body"], "3c363a61736c6565703e");
    assert!(found.to_string().contains("at rest: commit 6"), "{found}");
    let nobody = dump(dir.path(), room(99)).unwrap();
    assert!(nobody.to_string().contains("nothing is stored"), "{nobody}");
}
