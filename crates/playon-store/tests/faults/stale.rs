//! A write that a disk lost long ago: one page is as it once was, whole and sound in itself, and the log that
//! told of the change has been cut since. Nothing is older because of it without being said.

use std::path::Path;

use playon_store::testing::{room, set, submit};
use playon_store::{Batch, DATABASE_FILE, RestingRooms, RoomLog, SqliteStore, verify};
use playon_types::ids::RoomId;

use crate::child::{SEED, options};
use crate::common::{World, copy, record, rest, scratch, see, snapshot, whole};
use crate::judge::{Acked, Outcome, judge};

/// A store that is closed, and its database file as it was every time that it was closed before.
struct History {
    dir: tempfile::TempDir,
    looks: Vec<Vec<u8>>,
}

impl History {
    fn new() -> Self {
        Self { dir: scratch(), looks: Vec::new() }
    }

    /// Opens the store, does something, closes it, and looks at the file.
    fn then(&mut self, live: impl FnOnce(&SqliteStore)) {
        let store = SqliteStore::open(self.dir.path(), options()).unwrap();
        live(&store);
        store.close().unwrap();
        self.looks.push(std::fs::read(self.dir.path().join(DATABASE_FILE)).unwrap());
    }

    /// Puts every page back as it once was, one at a time, and has each such directory judged. Returns how
    /// many were exact, had damaged rooms, were refused.
    fn judge(mut self, judge: &dyn Fn(&Path) -> Result<Outcome, String>) -> [usize; 3] {
        assert!(verify(self.dir.path()).unwrap().batch_first > 1, "the log was cut");
        let now = self.looks.pop().unwrap();
        let page_bytes = usize::from(u16::from_be_bytes([now[16], now[17]]));
        let mut counts = [0; 3];
        let mut silent = Vec::new();
        for (at, page) in now.chunks(page_bytes).enumerate() {
            let place = at * page_bytes..(at + 1) * page_bytes;
            let mut former: Vec<&[u8]> =
                self.looks.iter().filter_map(|look| look.get(place.clone())).collect();
            former.sort_unstable();
            former.dedup();
            for once in former.into_iter().filter(|once| *once != page) {
                let hurt = scratch();
                copy(self.dir.path(), hurt.path());
                let mut bytes = now.clone();
                bytes[place.clone()].copy_from_slice(once);
                std::fs::write(hurt.path().join(DATABASE_FILE), bytes).unwrap();
                match judge(hurt.path()) {
                    Ok(Outcome::Exact) => counts[0] += 1,
                    Ok(Outcome::RoomsDamaged) => counts[1] += 1,
                    Ok(Outcome::Refused(_)) => counts[2] += 1,
                    Err(why) => silent.push(format!("page {}: {why}", at + 1)),
                }
            }
        }
        println!("pages as they once were: {counts:?}");
        assert!(silent.is_empty(), "besides {counts:?}, said by nobody:\n{}", silent.join("\n"));
        counts
    }
}

/// Rooms that come, go and rest all the time, and a setting that changes until half of it is over.
#[test]
fn every_page_of_a_busy_life_as_it_once_was() {
    for seed in SEED..SEED + 3 {
        let mut history = History::new();
        let mut world = World::new(seed);
        let mut acked = Acked::default();
        for _ in 0..30 {
            history.then(|store| {
                for _ in 0..4 {
                    submit(store, world.step()).unwrap();
                    if world.steps.is_multiple_of(5) && world.steps < 60 {
                        set(store, "note", world.steps.to_string()).unwrap();
                        acked.note = world.steps;
                    }
                }
                let rooms: Vec<RoomId> = world.rooms.keys().copied().collect();
                submit(store, world.snapshots(&rooms)).unwrap();
            });
        }
        acked.step = world.steps;
        let [_, _, refused] = history.judge(&|dir| judge(seed, dir, acked));
        assert!(refused > 0);
    }
}

/// Rooms that go on once more, or wake once more, and are then quiet for long.
#[test]
fn every_page_of_a_quiet_life_as_it_once_was() {
    const NOISE: u8 = 200;
    let (awake, asleep) = (1..=60, 101..=160);
    let mut history = History::new();
    for seq in 1..=4 {
        history.then(|store| {
            let rows = |rooms: std::ops::RangeInclusive<u8>| rooms.map(|n| snapshot(room(n), seq));
            let records = (1..=60).filter(|_| seq > 1).map(|n| record(room(n), seq)).collect();
            let snapshots = rows(awake.clone()).collect();
            submit(store, Batch { snapshots, records, ..Batch::default() }).unwrap();
            // The last one to rest wakes first: its row is the last of the table.
            for n in asleep.clone().rev() {
                let snapshots = vec![snapshot(room(n), seq)];
                submit(store, Batch { snapshots, ..Batch::default() }).unwrap();
                let sleeps = vec![rest(room(n), seq)];
                submit(store, Batch { sleeps, ..Batch::default() }).unwrap();
            }
        });
    }
    for seq in 1..=60 {
        history.then(|store| {
            let snapshots = vec![snapshot(room(NOISE), seq)];
            submit(store, Batch { snapshots, ..Batch::default() }).unwrap();
        });
    }
    let [_, damaged, refused] = history.judge(&|dir| {
        let Ok(store) = SqliteStore::open(dir, options()) else {
            return Ok(Outcome::Refused(String::new()));
        };
        let Ok(seen) = see(&store) else { return Ok(Outcome::Refused(String::new())) };
        let mut damaged = !seen.damaged.is_empty();
        for n in awake.clone().map(room).filter(|room| !seen.damaged.contains(room)) {
            whole(seen.rooms.get(&n).ok_or_else(|| format!("room {n} is gone"))?, 4)?;
        }
        for n in asleep.clone().map(room) {
            match store.load_sleeping(n) {
                Ok(found) => whole(&found.ok_or_else(|| format!("room {n} is gone"))?, 4)?,
                Err(_) => damaged = true,
            }
        }
        Ok(if damaged { Outcome::RoomsDamaged } else { Outcome::Exact })
    });
    assert!(damaged > 0 && refused > 0);
}
