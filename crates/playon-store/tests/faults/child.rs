//! The life of a store that the faults hit: made, used, checkpointed, closed, opened again, used, and left.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use bytes::Bytes;
use playon_store::testing::submit;
use playon_store::{
    Decision, Decisions, OpenError, RestingRooms, RoomLog, SqliteOptions, SqliteStore, StoreError,
};

use crate::common::{World, see};

/// The history.
pub(crate) const SEED: u64 = 11;
/// Steps before the store is closed and opened again.
pub(crate) const STEPS_FIRST: u64 = 16;
/// Steps after it.
pub(crate) const STEPS_SECOND: u64 = 8;

const DIR: &str = "PLAYON_STORE_FAULTS_DIR";
const FROM: &str = "PLAYON_STORE_FAULTS_FROM";

/// The child ends with it after a coded error; 0 if it ran into none, and 101 if it panicked.
pub(crate) const CODED: i32 = 3;

/// Bounds so small that checkpoints, cuts and carrying over happen within a few steps.
pub(crate) fn options() -> SqliteOptions {
    SqliteOptions {
        log_bytes_max: 2_500,
        wal_bytes_max: 150_000,
        group_bytes_max: 4_000,
        ..SqliteOptions::default()
    }
}

/// A process that lives the life, from its beginning or from a step on in a directory that has that many.
pub(crate) fn command(dir: &Path, from: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["child::lives_until_it_is_told_otherwise", "--exact", "--nocapture"])
        .env(DIR, dir)
        .env(FROM, from.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What stopped the store.
enum Stop {
    Open(OpenError),
    Store(StoreError),
}

impl From<OpenError> for Stop {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

#[test]
fn lives_until_it_is_told_otherwise() {
    let Some(dir) = std::env::var_os(DIR).map(PathBuf::from) else { return };
    let from: u64 = std::env::var(FROM).unwrap().parse().unwrap();
    let code = match live(&dir, from) {
        Ok(()) => 0,
        Err(stop) => {
            let (code, error) = match &stop {
                Stop::Open(error) => (error.code(), error.to_string()),
                Stop::Store(error) => (error.code(), error.to_string()),
            };
            println!("stopped {code} {error}");
            CODED
        }
    };
    // Nothing is closed in good order, as when a process dies.
    std::process::exit(code);
}

fn live(dir: &Path, from: u64) -> Result<(), Stop> {
    let mut notes = OpenOptions::new().append(true).create(true).open(dir.join("notes")).unwrap();
    let mut world = World::after(SEED, from);
    if from == 0 {
        let store = SqliteStore::open(dir, options())?;
        go(&store, &mut world, STEPS_FIRST, &mut notes)?;
        store.close()?;
    }
    let store = SqliteStore::open(dir, options())?;
    let seen = see(&store)?;
    assert!(seen.places.is_empty(), "a fault of the device is not damage: {:?}", seen.places);
    world.compare(&seen, &store).unwrap();
    go(&store, &mut world, STEPS_SECOND, &mut notes)?;
    std::mem::forget(store);
    Ok(())
}

/// Goes so many steps, and notes each one that is acknowledged.
fn go(store: &SqliteStore, world: &mut World, steps: u64, notes: &mut File) -> Result<(), Stop> {
    let (wish, wishes) = mpsc::channel();
    store.on_snapshots_wanted(Box::new(move |rooms| drop(wish.send(rooms))));
    let mut held = store.setting("note")?;
    for _ in 0..steps {
        let batch = world.step();
        let step = world.steps;
        try_or_stay_stopped(store, submit(store, batch))?;
        notes.write_all(format!("{step}\n").as_bytes()).unwrap();
        if step.is_multiple_of(5) {
            let value = Some(Bytes::from(step.to_string()));
            let said = store.decide(note(held, value.clone()));
            try_or_stay_stopped(store, said)?;
            held = value;
            notes.write_all(format!("note {step}\n").as_bytes()).unwrap();
        }
        // Every other wish is granted; what the others hold up has to be carried over.
        for rooms in wishes.try_iter().filter(|_| step.is_multiple_of(2)) {
            try_or_stay_stopped(store, submit(store, world.snapshots(&rooms)))?;
        }
        for room in world.rooms.iter().filter(|(_, life)| life.asleep).map(|(room, _)| *room) {
            assert!(store.load_sleeping(room)?.is_some(), "a room at rest is there");
        }
    }
    Ok(())
}

fn note(expected: Option<Bytes>, value: Option<Bytes>) -> Decision {
    Decision { deploy: None, name: "note".to_owned(), expected, value }
}

/// After a failure nothing more is written, and the store says so.
fn try_or_stay_stopped(store: &SqliteStore, outcome: Result<(), StoreError>) -> Result<(), Stop> {
    let Err(first) = outcome else { return Ok(()) };
    for _ in 0..2 {
        let again = store.decide(note(None, None));
        assert!(matches!(again, Err(StoreError::Stopped(_))), "after {first}: {again:?}");
    }
    let closed = store.close();
    assert!(matches!(closed, Err(StoreError::Stopped(_))), "after {first}: {closed:?}");
    Err(first.into())
}
