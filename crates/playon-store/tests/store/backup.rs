//! A backup made under load, put back elsewhere, is exactly the store as of one moment.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::common::{COUNTER, World, see};
use playon_store::backup::{BackupError, MANIFEST_FILE, Manifest, Progress, backup, restore};
use playon_store::testing::submit;
use playon_store::{
    Batch, DATABASE_FILE, OpenError, ReleaseRow, Releases, RestingRooms, RoomLog, SqliteOptions,
    SqliteStore, verify,
};
use playon_types::ids::ReleaseId;
use playon_types::ply;

const SEED: u64 = 5;

fn options() -> SqliteOptions {
    SqliteOptions { log_bytes_max: 16_000, wal_bytes_max: 150_000, ..SqliteOptions::default() }
}

fn open(dir: &Path) -> SqliteStore {
    SqliteStore::open(dir, options()).unwrap()
}

fn quietly(_: Progress) {}

/// A store with a stored and an external release.
fn store(dir: &Path) -> SqliteStore {
    use sha2::Digest;
    let store = open(dir);
    let body = vec![7; 3_000_000];
    let id = ReleaseId(sha2::Sha256::digest(&body).into());
    std::fs::create_dir_all(dir.join("artifacts")).unwrap();
    std::fs::write(dir.join("artifacts").join(id.to_string()), body).unwrap();
    std::fs::write(dir.join("artifacts/upload-1-1"), "unfinished").unwrap();
    store.put_release(ReleaseRow { id, label: "mine".into(), added_ms: 1 }).unwrap();
    let other = ReleaseRow { id: ReleaseId([9; 32]), label: "theirs".into(), added_ms: 2 };
    store.put_release(other).unwrap();
    store
}

fn closed(steps: u64) -> (tempfile::TempDir, World) {
    let dir = crate::common::scratch();
    let store = store(dir.path());
    let mut world = World::new(SEED);
    for _ in 0..steps {
        submit(&store, world.step()).unwrap();
    }
    store.close().unwrap();
    (dir, world)
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Writes until told to stop, while backups are made one after the other.
#[test]
fn backups_under_load_are_exact() {
    let dir = crate::common::scratch();
    let data = dir.path().join("data");
    let store = store(&data);
    let acked = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let made: Mutex<Vec<(u64, u64)>> = Mutex::default();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut world = World::new(SEED);
            while !stop.load(Ordering::Relaxed) {
                submit(&store, world.step()).unwrap();
                acked.store(world.steps, Ordering::Relaxed);
            }
        });
        for n in 0..6 {
            let wanted = acked.load(Ordering::Relaxed) + 40;
            while acked.load(Ordering::Relaxed) < wanted {
                std::thread::yield_now();
            }
            let before = acked.load(Ordering::Relaxed);
            backup(&data, &dir.path().join(format!("backup-{n}")), &mut quietly).unwrap();
            made.lock().unwrap().push((before, acked.load(Ordering::Relaxed) + 1));
        }
        stop.store(true, Ordering::Relaxed);
    });
    store.close().unwrap();
    for (n, (before, after)) in made.into_inner().unwrap().into_iter().enumerate() {
        let from = dir.path().join(format!("backup-{n}"));
        let whole = ["artifacts", MANIFEST_FILE, DATABASE_FILE, "watermark"];
        assert_eq!(names(&from), whole);
        let to = dir.path().join(format!("restored-{n}"));
        let restored = restore(&from, &to, &mut quietly).unwrap();
        assert!(verify(&to).unwrap().is_sound());
        let store = open(&to);
        assert!(store.epoch().0 > restored.epoch && restored.epoch > 1_000_000);
        let seen = see(&store).unwrap();
        let steps = seen.rooms[&COUNTER].records.last().map_or(0, |(_, last)| last.seq.0);
        let steps = steps.max(seen.rooms[&COUNTER].snapshot.seq.0);
        assert!((before..=after).contains(&steps), "{steps} of {before} to {after}");
        World::after(SEED, steps).compare(&seen, &store).unwrap();
        assert_eq!(store.releases().unwrap().len(), 2);
        assert_eq!(names(&to.join("artifacts")).len(), 1, "only what a release needs");
    }
}

#[test]
fn rooms_are_marked_until_a_snapshot_is_stored() {
    let (data, mut world) = closed(30);
    let dir = crate::common::scratch();
    let (from, to) = (dir.path().join("backup"), dir.path().join("data"));
    backup(data.path(), &from, &mut quietly).unwrap();
    restore(&from, &to, &mut quietly).unwrap();
    let store = open(&to);
    let seen = see(&store).unwrap();
    assert!(seen.rooms.values().all(|room| room.rewound));
    let asleep = world.rooms.iter().find(|(_, life)| life.asleep).map(|(room, _)| *room).unwrap();
    assert!(store.load_sleeping(asleep).unwrap().unwrap().rewound);
    // A keeper that dies again and again before it has stored a snapshot forgets nothing.
    let mut store = store;
    for _ in 0..3 {
        let batch = Batch { snapshots: Vec::new(), sleeps: Vec::new(), ..world.step() };
        let records = batch.records.into_iter().filter(|record| record.room == COUNTER).collect();
        submit(&store, Batch { records, ..Batch::default() }).unwrap();
        drop(store);
        store = open(&to);
        let seen = see(&store).unwrap();
        assert_eq!(seen.rooms[&COUNTER].records.last().unwrap().1.seq.0, world.steps);
        assert!(seen.rooms.values().all(|room| room.rewound));
    }
    submit(&store, world.snapshots(&[COUNTER])).unwrap();
    store.close().unwrap();
    let store = open(&to);
    let seen = see(&store).unwrap();
    assert!(!seen.rooms[&COUNTER].rewound, "it has a snapshot since");
    assert!(seen.rooms.values().any(|room| room.rewound));
    let never = open(data.path());
    assert!(see(&never).unwrap().rooms.values().all(|room| !room.rewound));
}

#[test]
fn nothing_is_overwritten_and_nothing_is_left_half() {
    let (data, _) = closed(10);
    let dir = crate::common::scratch();
    let (from, to) = (dir.path().join("backup"), dir.path().join("data"));
    // What an attempt that was killed leaves behind is in nobody's way.
    std::fs::create_dir(dir.path().join("backup.part")).unwrap();
    std::fs::write(dir.path().join("backup.part/playon.db"), "half").unwrap();
    std::fs::create_dir(&from).unwrap();
    backup(data.path(), &from, &mut quietly).unwrap();
    let again = backup(data.path(), &from, &mut quietly).unwrap_err();
    assert_eq!(again.code(), ply!("PLY-0220"));
    assert_eq!(restore(&from, data.path(), &mut quietly).unwrap_err().code(), ply!("PLY-0220"));
    let missing = backup(&to, &dir.path().join("b"), &mut quietly).unwrap_err();
    assert!(matches!(missing, BackupError::Open(OpenError::Missing { .. })));
    assert_eq!(names(dir.path()), ["backup"]);
    let locked = dir.path().join("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o500)).unwrap();
    let free = std::fs::write(locked.join("try"), "").is_ok();
    let refused = backup(data.path(), &locked.join("b"), &mut quietly);
    assert!(free || refused.unwrap_err().code() == ply!("PLY-0221"));
}

#[test]
fn every_change_of_a_backup_is_noticed() {
    let (data, _) = closed(10);
    let dir = crate::common::scratch();
    let from = dir.path().join("backup");
    let manifest = backup(data.path(), &from, &mut quietly).unwrap();
    let artifact = format!("artifacts/{}", manifest.releases[0].id);
    let foreign = Manifest {
        format: 2,
        ..serde_json::from_slice(&std::fs::read(from.join(MANIFEST_FILE)).unwrap()).unwrap()
    };
    let harms: [(&str, Vec<u8>); 4] = [
        (DATABASE_FILE, flipped(&from.join(DATABASE_FILE))),
        (&artifact, flipped(&from.join(&artifact))),
        (MANIFEST_FILE, b"{}".to_vec()),
        (MANIFEST_FILE, serde_json::to_vec(&foreign).unwrap()),
    ];
    for (name, bytes) in harms {
        let file = from.join(name);
        let whole = std::fs::read(&file).unwrap();
        let _ = std::fs::remove_file(&file);
        std::fs::write(&file, bytes).unwrap();
        let error = restore(&from, &dir.path().join("data"), &mut quietly).unwrap_err();
        assert_eq!(error.code(), ply!("PLY-0222"), "{name}: {error}");
        std::fs::write(&file, whole).unwrap();
    }
    std::fs::remove_file(from.join(&artifact)).unwrap();
    let error = restore(&from, &dir.path().join("data"), &mut quietly).unwrap_err();
    assert_eq!(error.code(), ply!("PLY-0221"), "{error}");
    assert_eq!(names(dir.path()), ["backup"]);
}

fn flipped(file: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}

#[test]
fn a_damaged_room_is_backed_up_as_it_is_and_a_useless_store_is_not() {
    let (data, _) = closed(30);
    let dir = crate::common::scratch();
    let sql = |text: &str| {
        let conn = rusqlite::Connection::open(data.path().join(DATABASE_FILE)).unwrap();
        conn.execute_batch(text).unwrap();
    };
    sql("UPDATE snapshot SET body = x'00' WHERE rowid = 1");
    let manifest = backup(data.path(), &dir.path().join("one"), &mut quietly).unwrap();
    assert_eq!(manifest.rooms_damaged, 1);
    restore(&dir.path().join("one"), &dir.path().join("data"), &mut quietly).unwrap();
    assert_eq!(verify(&dir.path().join("data")).unwrap().problems.len(), 1);
    sql("DELETE FROM release WHERE label = 'theirs'");
    let error = backup(data.path(), &dir.path().join("two"), &mut quietly).unwrap_err();
    assert_eq!(error.code(), ply!("PLY-0223"), "{error}");
    assert!(!dir.path().join("two").exists());
}

#[test]
fn a_store_that_lost_writes_is_not_taken_for_whole() {
    let (data, mut world) = closed(10);
    let dir = crate::common::scratch();
    let older = std::fs::read(data.path().join(DATABASE_FILE)).unwrap();
    let store = open(data.path());
    for _ in 0..5 {
        submit(&store, world.step()).unwrap();
    }
    store.close().unwrap();
    std::fs::write(data.path().join(DATABASE_FILE), older).unwrap();
    let error = backup(data.path(), &dir.path().join("backup"), &mut quietly).unwrap_err();
    assert_eq!(error.code(), ply!("PLY-0216"), "{error}");
    std::fs::write(data.path().join("watermark"), "?").unwrap();
    let error = backup(data.path(), &dir.path().join("backup"), &mut quietly).unwrap_err();
    assert_eq!(error.code(), ply!("PLY-0215"), "{error}");
    assert!(names(dir.path()).is_empty());
}
