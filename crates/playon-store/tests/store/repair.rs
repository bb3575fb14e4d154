//! A repaired store is sound, has nothing that was not written, and everything that is not there was named.

use std::collections::BTreeMap;
use std::path::Path;

use crate::common::{Dice, Life, World, copy, scratch, see, whole};
use playon_store::testing::{set, submit};
use playon_store::watermark::WATERMARK_FILE;
use playon_store::{
    DATABASE_FILE, OpenError, ReleaseRow, Releases, Repair, RepairError, RestingRooms, RoomLog,
    SqliteOptions, SqliteStore, StoredRoom, repair, verify,
};
use playon_types::ids::{ReleaseId, RoomId};
use playon_types::ply;

const SPOIL_ONE: &str =
    "UPDATE snapshot SET body = x'00' WHERE rowid = (SELECT min(rowid) FROM snapshot)";

const WAL: &str = "playon.db-wal";

fn options() -> SqliteOptions {
    SqliteOptions { log_bytes_max: 16_000, wal_bytes_max: 150_000, ..SqliteOptions::default() }
}

/// A store as a crash leaves it.
fn crashed(steps: u64) -> (tempfile::TempDir, World) {
    let live = scratch();
    let store = SqliteStore::open(live.path(), options()).unwrap();
    let release = ReleaseRow { id: ReleaseId([3; 32]), label: "one".into(), added_ms: 5 };
    store.put_release(release).unwrap();
    set(&store, "current", "one").unwrap();
    let mut world = World::new(23);
    for _ in 0..steps {
        submit(&store, world.step()).unwrap();
    }
    let dir = scratch();
    copy(live.path(), dir.path());
    (dir, world)
}

fn sql(dir: &Path, text: &str) {
    let conn = rusqlite::Connection::open(dir.join(DATABASE_FILE)).unwrap();
    conn.execute_batch(text).unwrap();
}

fn mend(dir: &Path, really: bool) -> Result<Repair, RepairError> {
    repair(dir, really, &mut |_| {})
}

fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for name in [DATABASE_FILE, WAL, WATERMARK_FILE] {
        all.extend(std::fs::read(dir.join(name)).ok().map(|bytes| (name.to_owned(), bytes)));
    }
    all
}

fn last(room: &StoredRoom) -> u64 {
    room.records.last().map_or(room.snapshot.seq.0, |(_, record)| record.seq.0)
}

/// Whether all that is not as it was is named.
fn compare(world: &World, repair: &Repair, dir: &Path) -> Result<(), String> {
    let report = verify(dir).unwrap();
    if !report.is_sound() {
        return Err(format!("it is not sound: {report}"));
    }
    let store = SqliteStore::open(dir, options()).unwrap();
    let mut found = see(&store).unwrap().rooms;
    for room in world.rooms.keys() {
        let asleep = store.load_sleeping(*room);
        if let Ok(Some(asleep)) = asleep {
            assert!(found.insert(*room, asleep).is_none(), "room {room} is there twice");
        }
    }
    let unnamed = repair.losses.iter().any(|loss| loss.room.is_none());
    let named = |room: &RoomId| {
        unnamed || repair.losses.iter().any(|loss| loss.room.as_deref() == Some(&room.to_string()))
    };
    for (room, stored) in &found {
        whole(stored, last(stored))?;
        assert!(stored.rewound, "players are told");
        let expected = world.rooms.get(room).map_or(0, |life| life.seq);
        if last(stored) != expected && !named(room) {
            return Err(format!("room {room} is at {}, not at {expected}", last(stored)));
        }
    }
    for (room, Life { seq, .. }) in &world.rooms {
        if !found.contains_key(room) && !named(room) {
            return Err(format!("room {room}, which was at {seq}, is gone"));
        }
    }
    Ok(())
}

/// Repairs a store that may be damaged; returns what became of it.
fn trial(dir: &Path, world: &World) -> Result<String, String> {
    let before = contents(dir);
    let planned = mend(dir, false);
    assert!(before == contents(dir), "only looking changes nothing");
    let planned = match planned {
        Err(error) => {
            let again = mend(dir, true).unwrap_err();
            assert_eq!(again.code(), error.code());
            assert!(before == contents(dir), "what cannot be repaired is left as it is");
            return Ok(error.code().to_string());
        }
        Ok(planned) if planned.sound => return Ok("sound".to_owned()),
        Ok(planned) => planned,
    };
    let done = mend(dir, true).map_err(|error| format!("{planned:?}: {error}"))?;
    assert_eq!(done.losses, planned.losses, "it did what it said");
    let kept = done.original.clone().unwrap();
    assert!(contents(&kept) == before, "the damaged files are kept");
    compare(world, &done, dir).map_err(|why| format!("{why}\n{done}"))?;
    assert!(mend(dir, true).unwrap().sound);
    Ok("repaired".to_owned())
}

#[test]
fn whatever_is_damaged() {
    let (dir, world) = crashed(150);
    let mut dice = Dice(3);
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for file in [DATABASE_FILE, WAL, WATERMARK_FILE] {
        let whole = std::fs::read(dir.path().join(file)).unwrap();
        let length = whole.len() as u64;
        for n in 0..120 {
            let mut bytes = whole.clone();
            let at = usize::try_from(dice.below(length)).unwrap();
            let harm = match n % 4 {
                0 => {
                    bytes[at] ^= 0x10;
                    format!("bit in byte {at}")
                }
                1 => {
                    let end = bytes.len().min(at + 8_192);
                    bytes[at..end].fill(0);
                    format!("zeros from {at}")
                }
                2 => {
                    let end = bytes.len().min(at / 8_192 * 8_192 + 4_096);
                    bytes[at / 8_192 * 8_192..end].fill(0x5a);
                    format!("half a page at {at}")
                }
                _ => {
                    bytes.truncate(at);
                    format!("cut to {at}")
                }
            };
            let place = scratch();
            copy(dir.path(), place.path());
            std::fs::write(place.path().join(file), bytes).unwrap();
            let outcome =
                trial(place.path(), &world).unwrap_or_else(|why| panic!("{file}, {harm}: {why}"));
            *counts.entry(outcome).or_default() += 1;
        }
    }
    assert!(counts["repaired"] > 40, "{counts:?}");
}

#[test]
fn a_room_goes_back_or_is_given_up_by_name() {
    let (dir, world) = crashed(60);
    assert!(mend(dir.path(), true).unwrap().sound);
    sql(dir.path(), SPOIL_ONE);
    let planned = mend(dir.path(), false).unwrap();
    assert!(!planned.done && planned.losses.len() == 1, "{planned}");
    assert!(planned.losses[0].what.starts_with("given up; its last known commit is"), "{planned}");
    assert!(planned.losses[0].room.is_some());
    assert_eq!(trial(dir.path(), &world).as_deref(), Ok("repaired"));
}

#[test]
fn a_row_that_went_back_is_said() {
    let (dir, world) = crashed(30);
    assert!(mend(dir.path(), true).unwrap().sound);
    sql(dir.path(), "CREATE TABLE former AS SELECT * FROM setting WHERE name = 'current'");
    let store = SqliteStore::open(dir.path(), options()).unwrap();
    set(&store, "current", "two").unwrap();
    store.close().unwrap();
    sql(
        dir.path(),
        "UPDATE setting SET (value, sum) = (SELECT value, sum FROM former) WHERE name = 'current';
         DROP TABLE former",
    );
    let planned = mend(dir.path(), false).unwrap();
    let losses: Vec<&str> = planned.losses.iter().map(|loss| loss.what.as_str()).collect();
    assert!(
        matches!(losses[..], [what] if what.starts_with("table setting has rows that are older")),
        "{planned}"
    );
    assert_eq!(trial(dir.path(), &world).as_deref(), Ok("repaired"));
}

#[test]
fn lost_writes_and_a_lost_watermark_are_accepted_knowingly() {
    let (dir, world) = crashed(30);
    let older = scratch();
    copy(dir.path(), older.path());
    let mut later = world.clone();
    let store = SqliteStore::open(dir.path(), options()).unwrap();
    for _ in 0..5 {
        submit(&store, later.step()).unwrap();
    }
    store.close().unwrap();
    std::fs::copy(dir.path().join(WATERMARK_FILE), older.path().join(WATERMARK_FILE)).unwrap();
    let refused = SqliteStore::open(older.path(), options()).unwrap_err();
    assert!(matches!(refused, OpenError::LostWrites { .. }));
    let planned = mend(older.path(), false).unwrap();
    assert!(planned.to_string().contains("were acknowledged and are not there"), "{planned}");
    assert_eq!(trial(older.path(), &later).as_deref(), Ok("repaired"));
    std::fs::write(dir.path().join(WATERMARK_FILE), "?").unwrap();
    assert_eq!(trial(dir.path(), &later).as_deref(), Ok("repaired"));
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let dir = scratch();
    assert_eq!(mend(dir.path(), true).unwrap_err().code(), ply!("PLY-0218"));
    let (dir, _) = crashed(10);
    let store = SqliteStore::open(dir.path(), options()).unwrap();
    assert_eq!(mend(dir.path(), true).unwrap_err().code(), ply!("PLY-0210"));
    store.close().unwrap();
    sql(dir.path(), "PRAGMA user_version = 99");
    assert_eq!(mend(dir.path(), true).unwrap_err().code(), ply!("PLY-0211"));
    sql(dir.path(), "PRAGMA user_version = 1; DELETE FROM snapshot; DELETE FROM sleeping;");
    sql(dir.path(), "DELETE FROM release; DELETE FROM batch");
    assert_eq!(mend(dir.path(), true).unwrap_err().code(), ply!("PLY-0224"));
}

/// At every step of putting the new files in place, the directory is refused, or as good as new.
#[test]
fn an_interrupted_repair_is_refused() {
    let (dir, world) = crashed(60);
    // Most of it stays in the write-ahead log.
    let conn = rusqlite::Connection::open(dir.path().join(DATABASE_FILE)).unwrap();
    conn.execute_batch(SPOIL_ONE).unwrap();
    for with_mark in [true, false] {
        let whole = scratch();
        copy(dir.path(), whole.path());
        if !with_mark {
            std::fs::remove_file(whole.path().join(WATERMARK_FILE)).unwrap();
        }
        let done = scratch();
        copy(whole.path(), done.path());
        mend(done.path(), true).unwrap();
        let new = contents(done.path());
        let old = contents(whole.path());
        let mark = if with_mark { &old[WATERMARK_FILE] } else { &new[WATERMARK_FILE] };
        // As the steps are taken: the database goes, its log goes, the new one comes, and last its watermark.
        let between: [&[(&str, &Vec<u8>)]; 3] = [
            &[(WAL, &old[WAL]), (WATERMARK_FILE, mark)],
            &[(WATERMARK_FILE, mark)],
            &[(DATABASE_FILE, &new[DATABASE_FILE]), (WATERMARK_FILE, mark)],
        ];
        for (step, files) in between.iter().enumerate() {
            let place = scratch();
            for (name, bytes) in *files {
                std::fs::write(place.path().join(name), bytes).unwrap();
            }
            match SqliteStore::open(place.path(), options()) {
                Err(error) => {
                    assert!([ply!("PLY-0215"), ply!("PLY-0216")].contains(&error.code()), "{error}")
                }
                Ok(store) => {
                    // There was no watermark, so with the new database everything is in place.
                    assert!(!with_mark && step == 2, "step {step} is served");
                    let seen = see(&store).unwrap();
                    assert!(seen.rooms.keys().all(|room| world.rooms.contains_key(room)));
                    assert!(!seen.rooms.is_empty());
                }
            }
        }
    }
}
