//! A small world of rooms whose whole history follows from a seed, so that what a store gives back can be
//! compared with what it was given.

#![allow(dead_code, unreachable_pub, reason = "shared by tests that each use a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bytes::Bytes;
use playon_store::{
    Batch, LogRecord, RestNote, RestRow, SnapshotRow, Store, StoreError, StoredRoom,
};
use playon_types::ids::{ReleaseId, RoomId, Seq};
use playon_types::rng::mix;

/// Rooms that come and go, besides the one that counts.
const ROOMS: u64 = 12;

/// The room that has one commit per step: its last commit tells how far the world got.
pub const COUNTER: RoomId = RoomId([0xff; 16]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    pub seq: u64,
    pub asleep: bool,
}

/// The world after a number of steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    pub seed: u64,
    pub steps: u64,
    pub rooms: BTreeMap<RoomId, Life>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self { seed, steps: 0, rooms: BTreeMap::new() }
    }

    pub fn after(seed: u64, steps: u64) -> Self {
        let mut world = Self::new(seed);
        while world.steps < steps {
            world.step();
        }
        world
    }

    /// Goes one step and returns what must be stored for it.
    pub fn step(&mut self) -> Batch {
        self.steps += 1;
        let mut dice = Dice(mix(self.seed ^ mix(self.steps)));
        let mut batch = Batch::default();
        if self.steps == 1 || self.steps.is_multiple_of(50) {
            batch.snapshots.push(snapshot(COUNTER, self.steps));
        }
        if self.steps > 1 {
            batch.records.push(record(COUNTER, self.steps));
        }
        let mut touched = BTreeSet::new();
        for _ in 0..dice.below(4) + 1 {
            let mut id = [0; 16];
            id[15] = u8::try_from(dice.below(ROOMS)).unwrap();
            id[0] = u8::try_from(mix(u64::from(id[15])) & 0xff).unwrap();
            if touched.insert(id) {
                self.touch(RoomId(id), &mut dice, &mut batch);
            }
        }
        self.rooms.insert(COUNTER, Life { seq: self.steps, asleep: false });
        batch
    }

    fn touch(&mut self, room: RoomId, dice: &mut Dice, batch: &mut Batch) {
        let fate = dice.below(100);
        match self.rooms.get(&room).copied() {
            None => {
                batch.snapshots.push(snapshot(room, 1));
                self.rooms.insert(room, Life { seq: 1, asleep: false });
            }
            Some(Life { asleep: true, .. }) if fate < 8 => self.delete(room, batch),
            Some(Life { asleep: true, seq }) => {
                batch.snapshots.push(snapshot(room, seq));
                self.rooms.insert(room, Life { seq, asleep: false });
                self.commit(room, dice.below(3), batch);
            }
            Some(_) if fate < 4 => self.delete(room, batch),
            Some(Life { seq, .. }) if fate < 14 => {
                batch.sleeps.push(rest(room, seq));
                self.rooms.insert(room, Life { seq, asleep: true });
            }
            Some(_) if fate < 24 => {
                self.commit(room, 2, batch);
                batch.snapshots.push(snapshot(room, self.rooms[&room].seq - dice.below(2)));
            }
            Some(_) => self.commit(room, 1 + dice.below(3), batch),
        }
    }

    fn commit(&mut self, room: RoomId, count: u64, batch: &mut Batch) {
        let life = self.rooms.get_mut(&room).unwrap();
        for _ in 0..count {
            life.seq += 1;
            batch.records.push(record(room, life.seq));
        }
    }

    fn delete(&mut self, room: RoomId, batch: &mut Batch) {
        self.rooms.remove(&room);
        batch.deletes.push(room);
    }

    /// Extra snapshots of rooms as they are now, as owners give them when the store asks.
    pub fn snapshots(&self, rooms: &[RoomId]) -> Batch {
        let awake = rooms.iter().filter_map(|room| {
            self.rooms.get(room).filter(|life| !life.asleep).map(|life| (room, life))
        });
        Batch {
            snapshots: awake.map(|(room, life)| snapshot(*room, life.seq)).collect(),
            ..Batch::default()
        }
    }

    /// Compares what a store gives with this world. Rooms that it reports as damaged may be missing.
    pub fn compare(&self, seen: &Seen, store: &dyn Store) -> Result<(), String> {
        for (room, found) in &seen.rooms {
            match self.rooms.get(room) {
                Some(Life { seq, asleep: false }) => whole(found, *seq)?,
                other => return Err(format!("room {room} is recovered, but is {other:?}")),
            }
        }
        for (room, life) in &self.rooms {
            if seen.damaged.contains(room) {
                continue;
            }
            if !life.asleep && !seen.rooms.contains_key(room) {
                return Err(format!("room {room} is gone"));
            }
            match store.load_sleeping(*room) {
                Ok(Some(found)) if life.asleep => whole(&found, life.seq)?,
                Err(_) => {}
                other => return Err(format!("room {room} is {life:?}, the store says {other:?}")),
            }
        }
        for n in 0..ROOMS {
            let mut id = [0; 16];
            id[15] = u8::try_from(n).unwrap();
            id[0] = u8::try_from(mix(n) & 0xff).unwrap();
            let room = RoomId(id);
            if !self.rooms.contains_key(&room) && matches!(store.load_sleeping(room), Ok(Some(_))) {
                return Err(format!("room {room} was deleted and is back"));
            }
        }
        Ok(())
    }
}

/// What a store gives at recovery.
#[derive(Default)]
pub struct Seen {
    pub rooms: BTreeMap<RoomId, StoredRoom>,
    pub damaged: BTreeSet<RoomId>,
    pub places: Vec<String>,
}

pub fn see(store: &dyn Store) -> Result<Seen, StoreError> {
    let mut seen = Seen::default();
    let outcome = store.recover(&mut |found| match found {
        Ok(found) => {
            seen.rooms.insert(found.room, found);
        }
        Err(damage) => {
            seen.damaged.insert(damage.room);
            seen.places.push(damage.place);
        }
    });
    outcome.map(|()| seen)
}

/// Whether a room is what was written, up to a commit.
pub fn whole(found: &StoredRoom, seq: u64) -> Result<(), String> {
    let room = found.room;
    let at = found.snapshot.seq.0;
    if found.snapshot != snapshot(room, at) {
        return Err(format!("the snapshot of room {room} at {at} is not what was written"));
    }
    if found.rest.as_ref().is_some_and(|note| *note != rest(room, at).note) {
        return Err(format!("what is noted of room {room} at {at} is not what was written"));
    }
    let mut next = at;
    for (_, got) in &found.records {
        next += 1;
        if *got != record(room, next) {
            return Err(format!(
                "commit {} of room {room} is not what was written at {next}",
                got.seq
            ));
        }
    }
    if next == seq { Ok(()) } else { Err(format!("room {room} is at {next}, not at {seq}")) }
}

pub fn record(room: RoomId, seq: u64) -> LogRecord {
    LogRecord { room, seq: Seq(seq), body: body(room, seq, 1, 60) }
}

pub fn snapshot(room: RoomId, seq: u64) -> SnapshotRow {
    SnapshotRow { room, seq: Seq(seq), body: body(room, seq, 2, 500) }
}

pub fn rest(room: RoomId, seq: u64) -> RestRow {
    let note = RestNote {
        kind: format!("kind {}", room.mix(1) % 3),
        name: room.to_string(),
        version: u32::from(room.0[15]),
        release: ReleaseId([room.0[0]; 32]),
        seats: 2,
        since_ms: seq * 1_000,
    };
    RestRow { row: snapshot(room, seq), note }
}

fn body(room: RoomId, seq: u64, salt: u64, len_max: u64) -> Bytes {
    let mut dice = Dice(room.mix(seq) ^ mix(salt));
    (0..dice.below(len_max)).map(|_| u8::try_from(dice.below(256)).unwrap()).collect()
}

/// A small random number generator: the tests must be repeatable.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0) % bound
    }
}

/// A scratch directory in memory where there is one: the tests sync thousands of times.
pub fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

/// Copies the files of a data directory.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        // What a crash leaves of the shared memory file is rebuilt by whoever opens next.
        if !entry.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
