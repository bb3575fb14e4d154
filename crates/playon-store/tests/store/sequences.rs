//! Every sequence of writes that the rules allow, in batches of any cut, against a model that is too simple to be
//! wrong: a map.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::common::{Dice, see};
use bytes::Bytes;
use playon_store::testing::{room, submit};
use playon_store::{
    Batch, LogRecord, RoomLog, SnapshotRow, SqliteOptions, SqliteStore, Store, verify,
};
use playon_types::ids::{RoomId, Seq};
use playon_types::rng::mix;

const ROOMS: u8 = 4;

/// What is stored of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stored {
    Hot { snapshot: (u64, Bytes), records: BTreeMap<u64, Bytes> },
    Asleep { seq: u64, body: Bytes },
}

impl Stored {
    fn last(&self) -> u64 {
        match self {
            Self::Hot { snapshot, records } => {
                records.keys().next_back().copied().unwrap_or(0).max(snapshot.0)
            }
            Self::Asleep { seq, .. } => *seq,
        }
    }
}

/// The rooms as they must be found, and the writes that lead there.
struct Model {
    rooms: BTreeMap<RoomId, Stored>,
    dice: Dice,
    written: u64,
}

impl Model {
    fn body(&mut self, len_max: u64) -> Bytes {
        self.written += 1;
        let filling = vec![7; self.dice.below(len_max) as usize];
        [&self.written.to_le_bytes()[..], &filling].concat().into()
    }

    /// A batch of some writes. Within one, nothing of a room follows its rest or its deletion.
    fn batch(&mut self) -> Batch {
        let mut batch = Batch::default();
        let mut left: BTreeSet<RoomId> = (1..=ROOMS).map(room).collect();
        for _ in 0..1 + self.dice.below(8) {
            let id = room(1 + u8::try_from(self.dice.below(ROOMS.into())).unwrap());
            if left.contains(&id) && self.write(id, &mut batch) {
                left.remove(&id);
            }
        }
        batch
    }

    /// One write. Tells whether it is the room's last in this batch.
    fn write(&mut self, id: RoomId, batch: &mut Batch) -> bool {
        let ahead = self.dice.below(3);
        match (self.rooms.get(&id).cloned(), self.dice.below(12)) {
            (None, fate) => {
                let seq = 1 + ahead;
                if fate < 3 && seq > 1 {
                    // Commits that led to the first snapshot come along with it.
                    let body = self.body(9);
                    batch.records.push(LogRecord { room: id, seq: Seq(seq), body });
                }
                self.snapshot(id, seq, batch);
                false
            }
            (Some(_), 0) => {
                self.rooms.remove(&id);
                batch.deletes.push(id);
                true
            }
            (Some(found), 1) => {
                let (seq, body) = (found.last() + ahead, self.body(99));
                batch
                    .sleeps
                    .push(SnapshotRow { room: id, seq: Seq(seq), body: body.clone() }.into());
                self.rooms.insert(id, Stored::Asleep { seq, body });
                true
            }
            (Some(found), 2 | 3) => {
                self.snapshot(id, found.last() + ahead, batch);
                false
            }
            (Some(found @ Stored::Asleep { .. }), _) => {
                self.snapshot(id, found.last(), batch);
                false
            }
            // The same commit once more, or one that lags.
            (Some(Stored::Hot { snapshot: (seq, _), .. }), 4) => {
                self.snapshot(id, seq, batch);
                false
            }
            (Some(found @ Stored::Hot { .. }), 5 | 6) => {
                self.snapshot(id, found.last(), batch);
                false
            }
            (Some(Stored::Hot { snapshot, mut records }), _) => {
                let last = records.keys().next_back().copied().unwrap_or(0).max(snapshot.0);
                for seq in last + 1..last + 2 + ahead {
                    let body = self.body(60);
                    records.insert(seq, body.clone());
                    batch.records.push(LogRecord { room: id, seq: Seq(seq), body });
                }
                self.rooms.insert(id, Stored::Hot { snapshot, records });
                false
            }
        }
    }

    fn snapshot(&mut self, id: RoomId, seq: u64, batch: &mut Batch) {
        let body = self.body(200);
        batch.snapshots.push(SnapshotRow { room: id, seq: Seq(seq), body: body.clone() });
        let mut records = match self.rooms.remove(&id) {
            Some(Stored::Hot { records, .. }) => records,
            _ => BTreeMap::new(),
        };
        records.retain(|at, _| *at > seq);
        self.rooms.insert(id, Stored::Hot { snapshot: (seq, body), records });
    }

    /// Compares what a store gives with what it was given.
    fn compare(&self, store: &dyn Store) {
        let seen = see(store).unwrap();
        assert!(seen.places.is_empty(), "{:?}", seen.places);
        let mut found: BTreeMap<RoomId, Stored> = BTreeMap::new();
        for (id, room) in seen.rooms {
            let records = room.records.into_iter().map(|(_, r)| (r.seq.0, r.body)).collect();
            let snapshot = (room.snapshot.seq.0, room.snapshot.body);
            found.insert(id, Stored::Hot { snapshot, records });
        }
        for id in (1..=ROOMS).map(room).filter(|id| !found.contains_key(id)).collect::<Vec<_>>() {
            if let Some(room) = store.load_sleeping(id).unwrap() {
                let SnapshotRow { seq, body, .. } = room.snapshot;
                found.insert(id, Stored::Asleep { seq: seq.0, body });
            }
        }
        assert_eq!(found, self.rooms);
    }
}

fn open(dir: &Path, tiny: bool) -> SqliteStore {
    let options = match tiny {
        true => SqliteOptions {
            log_bytes_max: 300,
            wal_bytes_max: 1,
            group_bytes_max: 1,
            ..SqliteOptions::default()
        },
        false => SqliteOptions { quick_check: false, ..SqliteOptions::default() },
    };
    SqliteStore::open(dir, options).unwrap()
}

/// Writes, reopens after every few batches, and compares.
fn play(seed: u64) {
    let dir = crate::common::scratch();
    let mut model = Model { rooms: BTreeMap::new(), dice: Dice(mix(seed)), written: 0 };
    for _ in 0..12 {
        let store = open(dir.path(), model.dice.below(2) == 0);
        model.compare(&store);
        for _ in 0..1 + model.dice.below(6) {
            // Several that wait go into one transaction; what came before the last is safe with it.
            for _ in 0..model.dice.below(3) {
                store.submit(model.batch(), Box::new(|outcome| outcome.unwrap()));
            }
            submit(&store, model.batch()).unwrap();
        }
        if model.dice.below(2) == 0 {
            store.close().unwrap();
        } else {
            drop(store);
        }
        let report = verify(dir.path()).unwrap();
        assert!(report.is_sound(), "{report}");
    }
    model.compare(&open(dir.path(), false));
}

#[test]
fn whatever_the_rules_allow_is_found_again() {
    for seed in 0..60 {
        println!("seed {seed}");
        play(seed);
    }
}
