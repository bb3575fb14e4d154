//! The directory, or a file in it, is moved, deleted or replaced under a store that is open. What is written reaches nobody then,
//! and nothing fails by itself: the store has to notice, before anybody is told that something is safe.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::common::{World, copy, scratch, see};
use playon_store::testing::submit;
use playon_store::{DATABASE_FILE, OpenError, RoomLog, SqliteOptions, SqliteStore, StoreError};
use playon_types::ply;
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

/// A store with something in its database and something in its log.
struct Open {
    dir: tempfile::TempDir,
    store: SqliteStore,
    world: World,
}

impl Open {
    fn new() -> Self {
        let dir = scratch();
        let store = open(&dir.path().join("data")).unwrap();
        let mut this = Self { dir, store, world: World::new(5) };
        (0..20).for_each(|_| this.step().unwrap());
        assert_eq!(this.store.in_place().unwrap(), None);
        this
    }

    /// The next step of the world, which has happened once it is acknowledged.
    fn step(&mut self) -> Result<(), StoreError> {
        let mut next = self.world.clone();
        submit(&self.store, next.step())?;
        self.world = next;
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn file(&self, suffix: &str) -> PathBuf {
        self.data().join(format!("{DATABASE_FILE}{suffix}"))
    }

    /// Everything acknowledged is in that directory, and at most the batch that was not.
    fn check_at(self, dir: &Path) {
        let Self { dir: _dir, store, world } = self;
        drop(store);
        let store = open(dir).unwrap();
        let seen = see(&store).unwrap();
        let further = World::after(world.seed, world.steps + 1);
        if let Err(why) = world.compare(&seen, &store) {
            further.compare(&seen, &store).unwrap_or_else(|also| panic!("{why}; {also}"));
        }
    }
}

fn open(dir: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(dir, SqliteOptions::default())
}

/// What is done to an open store, by name.
type Deed = (&'static str, fn(&Open));

/// After each of these nothing that is written is found again.
const DEEDS: [Deed; 11] = [
    ("the directory is moved", |open| {
        fs::rename(open.data(), open.dir.path().join("there")).unwrap()
    }),
    ("the directory is deleted", |open| fs::remove_dir_all(open.data()).unwrap()),
    ("another directory is in its place", |open| {
        fs::rename(open.data(), open.dir.path().join("there")).unwrap();
        fs::create_dir(open.data()).unwrap();
    }),
    ("a copy is in its place", |open| {
        fs::rename(open.data(), open.dir.path().join("there")).unwrap();
        copy(&open.dir.path().join("there"), &open.data());
    }),
    ("the database is deleted", |open| fs::remove_file(open.file("")).unwrap()),
    ("a copy of the database is moved onto it", |open| {
        fs::copy(open.file(""), open.file(".copy")).unwrap();
        fs::rename(open.file(".copy"), open.file("")).unwrap();
    }),
    ("another database is written over it", |open| {
        let other = scratch();
        let store = self::open(other.path()).unwrap();
        submit(&store, World::new(6).step()).unwrap();
        store.close().unwrap();
        fs::copy(other.path().join(DATABASE_FILE), open.file("")).unwrap();
    }),
    ("the database is emptied", |open| drop(fs::File::create(open.file("")).unwrap())),
    ("the log is deleted", |open| fs::remove_file(open.file("-wal")).unwrap()),
    ("the log is emptied", |open| drop(fs::File::create(open.file("-wal")).unwrap())),
    ("the index of the log is deleted", |open| fs::remove_file(open.file("-shm")).unwrap()),
];

fn is_displaced(name: &str, outcome: Result<impl std::fmt::Debug, StoreError>) {
    let Err(error @ StoreError::Displaced(_)) = outcome else { panic!("{name}: {outcome:?}") };
    assert_eq!(error.code(), ply!("PLY-0240"));
    assert!(error.to_string().contains("/data"), "{name}: the path is not named: {error}");
}

#[test]
fn nothing_is_acknowledged_that_nobody_finds_again() {
    for (name, deed) in DEEDS {
        let mut open = Open::new();
        deed(&open);
        is_displaced(name, open.step());
        is_displaced(name, open.step());
        is_displaced(name, open.store.in_place());
        is_displaced(name, open.store.close());
    }
}

#[test]
fn a_store_that_is_not_written_to_notices_when_it_looks_and_when_it_closes() {
    for (name, deed) in DEEDS {
        let mut open = Open::new();
        deed(&open);
        is_displaced(name, open.store.in_place());
        is_displaced(name, open.step());
        let open = Open::new();
        deed(&open);
        is_displaced(name, open.store.close());
    }
}

#[test]
fn a_log_that_is_written_over_at_its_head_is_seen() {
    let mut open = Open::new();
    let bytes = fs::metadata(open.file("-wal")).unwrap().len();
    let file = fs::OpenOptions::new().write(true).open(open.file("-wal")).unwrap();
    file.set_len(0).unwrap();
    file.set_len(bytes).unwrap();
    is_displaced("zeros", open.store.in_place());
    is_displaced("zeros", open.step());
}

#[test]
fn a_directory_that_was_moved_has_lost_nothing() {
    let mut open = Open::new();
    let there = open.dir.path().join("there");
    fs::rename(open.data(), &there).unwrap();
    is_displaced("moved", open.step());
    open.check_at(&there);
}

#[test]
fn a_directory_that_is_found_by_a_link_is_where_it_was() {
    let mut open = Open::new();
    let there = open.dir.path().join("there");
    fs::rename(open.data(), &there).unwrap();
    std::os::unix::fs::symlink(&there, open.data()).unwrap();
    open.step().unwrap();
    assert_eq!(open.store.in_place().unwrap(), None);
    open.check_at(&there);
}

#[test]
fn what_was_in_a_log_that_is_deleted_is_saved() {
    for written in [true, false] {
        let mut open = Open::new();
        fs::remove_file(open.file("-wal")).unwrap();
        let outcome = if written { open.step() } else { open.store.in_place().map(drop) };
        let told = outcome.unwrap_err().to_string();
        assert!(told.contains("what was in it is in the database"), "{told}");
        let data = open.data();
        open.check_at(&data);
    }
}

#[test]
fn a_database_that_is_only_touched_is_the_same() {
    let mut open = Open::new();
    let file = fs::OpenOptions::new().write(true).open(open.file("")).unwrap();
    file.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(60)).unwrap();
    open.step().unwrap();
    assert_eq!(open.store.in_place().unwrap(), None);
}

/// Its own checkpoints change the database, too.
#[test]
fn a_store_that_is_written_to_for_long_is_where_it_was() {
    let dir = scratch();
    let options =
        SqliteOptions { wal_bytes_max: 200_000, log_bytes_max: 100_000, ..Default::default() };
    let store = SqliteStore::open(&dir.path().join("data"), options).unwrap();
    let mut world = World::new(7);
    let first = fs::metadata(dir.path().join("data").join(DATABASE_FILE)).unwrap().len();
    for step in 0..600 {
        submit(&store, world.step()).unwrap();
        if step % 7 == 0 {
            assert_eq!(store.in_place().unwrap(), None);
        }
    }
    let last = fs::metadata(dir.path().join("data").join(DATABASE_FILE)).unwrap().len();
    assert!(last > first, "no checkpoint was made");
    store.close().unwrap();
}

/// Also in the midst of a checkpoint: it is noticed before the log, which still has everything, begins anew.
#[test]
fn a_copy_that_is_written_over_it_at_any_moment_costs_nothing_unnoticed() {
    const LIVES: u64 = 24;
    let options =
        SqliteOptions { wal_bytes_max: 200_000, log_bytes_max: 100_000, ..Default::default() };
    let mut noticed = 0;
    for life in 0..LIVES {
        let dir = scratch();
        let data = dir.path().join("data");
        let store = SqliteStore::open(&data, options.clone()).unwrap();
        let mut world = World::new(life);
        (0..40).for_each(|_| submit(&store, world.step()).unwrap());
        let copy = fs::read(data.join(DATABASE_FILE)).unwrap();
        (0..20 + life).for_each(|_| submit(&store, world.step()).unwrap());
        fs::write(data.join(DATABASE_FILE), copy).unwrap();
        let goes_on = (0..60).try_for_each(|_| submit(&store, world.step()));
        if goes_on.and_then(|()| store.close()).is_err() {
            noticed += 1;
            continue;
        }
        drop(store);
        let store = SqliteStore::open(&data, options.clone()).unwrap();
        let seen = see(&store).unwrap();
        world.compare(&seen, &store).unwrap();
    }
    assert!(noticed > 0);
}

#[test]
fn a_lock_that_is_deleted_is_taken_anew() {
    let mut open = Open::new();
    fs::remove_file(open.data().join("lock")).unwrap();
    open.step().unwrap();
    assert_eq!(open.store.in_place().unwrap(), None);
    assert!(matches!(self::open(&open.data()), Err(OpenError::Locked { .. })));
    let data = open.data();
    open.check_at(&data);
}

#[test]
fn a_lock_that_somebody_else_has_taken_meanwhile_ends_the_store() {
    let open = Open::new();
    fs::remove_file(open.data().join("lock")).unwrap();
    let other = self::open(&open.data()).unwrap();
    is_displaced("taken", open.store.in_place());
    drop(open.store);
    assert_eq!(other.in_place().unwrap(), None);
}

#[test]
fn a_watermark_that_is_deleted_is_made_anew() {
    let mut open = Open::new();
    let path = open.data().join("watermark");
    fs::remove_file(&path).unwrap();
    assert_eq!(open.store.in_place().unwrap(), None);
    open.step().unwrap();
    let mark = playon_store::watermark::read(&open.data()).unwrap();
    assert!(
        matches!(mark, playon_store::watermark::Reading::Mark(mark) if mark.batch > 20),
        "{mark:?}"
    );
    let data = open.data();
    open.check_at(&data);
}

/// Modes say nothing to root while it may pass them over.
fn heed_modes() {
    let mut sets = capabilities(None).unwrap();
    sets.effective -= CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
    set_capabilities(None, sets).unwrap();
}

#[test]
fn a_directory_that_cannot_be_looked_into_is_not_held_to_be_gone() {
    // What this thread gives up, the store's threads do not have either.
    heed_modes();
    let mut open = Open::new();
    let there = open.data();
    let set = |mode| fs::set_permissions(&there, Permissions::from_mode(mode)).unwrap();
    set(0o000);
    let why = open.store.in_place().unwrap().expect("it cannot be seen");
    assert!(why.contains("ermission denied"), "{why}");
    set(0o700);
    assert_eq!(open.store.in_place().unwrap(), None);
    set(0o000);
    open.step().unwrap();
    set(0o700);
    open.check_at(&there);
    // Deleted by somebody who may, and then closed to this one.
    let mut open = Open::new();
    let names = ["", "-wal", "-shm"].map(|suffix| open.file(suffix));
    names.iter().for_each(|name| fs::remove_file(name).unwrap());
    fs::set_permissions(open.data(), Permissions::from_mode(0o000)).unwrap();
    is_displaced("deleted", open.step());
    fs::set_permissions(open.data(), Permissions::from_mode(0o700)).unwrap();
}
