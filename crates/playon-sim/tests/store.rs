//! The model of the store is held to the suite that every engine must pass.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use playon_sim::decisions::{DecisionsModel, Untaken};
use playon_sim::disk::{Asleep, BatchFate, Disk};
use playon_store::testing::{self, Engine};
use playon_store::{
    Batch, Damage, Decision, Decisions, DeployRow, Done, RestGroup, RestingRoom, RestingRooms,
    RoomDamage, RoomLog, StoreError, StoredRoom,
};
use playon_types::ids::{DeployId, Epoch, RoomId};

/// What the model stands for: all but releases, of which the simulator's world has a fixed set.
fn conforms(spoilt: Spoilt) {
    let make = || Place::engine(spoilt);
    testing::room_log(&make);
    testing::resting_rooms(&make);
    testing::ends(&make);
    testing::decisions(&make);
}

/// How a model could be kinder than the engine, or otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoilt {
    No,
    /// A keeper that was overtaken goes on writing.
    Unfenced,
    /// A batch is written piece by piece, in the order of its fields.
    Piecemeal,
    /// What was acknowledged is lost with the keeper.
    Forgetful,
    /// Of the last batch that survives a killed keeper a part is missing.
    Torn,
    /// A room in the hot log is said not to exist.
    Twins,
    /// Nothing is known of rooms at rest.
    Noteless,
    /// A decision is taken whatever was decided before.
    Headlong,
    /// A keeper that was overtaken goes on deciding.
    Ghost,
}

#[derive(Debug, Default)]
struct Shared {
    disk: Disk,
    decisions: DecisionsModel<Bytes, Bytes>,
}

struct Place {
    shared: Arc<Mutex<Shared>>,
    spoilt: Spoilt,
    /// How many of the batches survive at the next kill.
    keep: Cell<usize>,
}

impl Place {
    fn engine(spoilt: Spoilt) -> Box<dyn Engine<Model>> {
        Box::new(Self { shared: Arc::default(), spoilt, keep: Cell::new(0) })
    }
}

impl Engine<Model> for Place {
    fn open(&self) -> Box<Model> {
        let (epoch, found) = self.shared.lock().unwrap().disk.open();
        Box::new(Model {
            shared: self.shared.clone(),
            spoilt: self.spoilt,
            epoch,
            syncs: AtomicU64::new(0),
            found: Mutex::new(found),
            ended: Mutex::new(None),
        })
    }

    fn kill(&self, store: Box<Model>, mut batches: Vec<Batch>) -> Box<Model> {
        let mut shared = self.shared.lock().unwrap();
        if self.spoilt == Spoilt::Forgetful {
            shared.disk = Disk::default();
            (0..store.epoch().0).for_each(|_| _ = shared.disk.open());
        }
        let keep = self.keep.get();
        if let (Spoilt::Torn, Some(last)) = (self.spoilt, keep.checked_sub(1)) {
            batches[last].snapshots.clear();
        }
        self.keep.set((keep + 1) % (batches.len() + 1));
        batches.into_iter().for_each(|batch| _ = shared.disk.submit(store.epoch(), batch));
        (0..keep).for_each(|_| _ = shared.disk.make_safe());
        // What is left may still be on its way when the next keeper opens the disk.
        if keep.is_multiple_of(2) {
            shared.disk.lose_pending();
        }
        drop(shared);
        self.open()
    }

    fn overtake(&self) -> Box<Model> {
        self.open()
    }
}

#[derive(Debug)]
struct Model {
    shared: Arc<Mutex<Shared>>,
    spoilt: Spoilt,
    epoch: Epoch,
    syncs: AtomicU64,
    found: Mutex<Vec<Result<StoredRoom, RoomDamage>>>,
    ended: Mutex<Option<String>>,
}

impl Model {
    fn check_open(&self) -> Result<(), StoreError> {
        match &*self.ended.lock().unwrap() {
            Some(why) => Err(StoreError::Stopped(why.clone())),
            None => Ok(()),
        }
    }

    fn read<T>(&self, read: impl FnOnce(&Shared) -> T) -> Result<T, StoreError> {
        self.check_open()?;
        Ok(read(&self.shared.lock().unwrap()))
    }

    fn write(&self, batch: Batch) -> Result<(), StoreError> {
        self.check_open()?;
        let shared = &mut *self.shared.lock().unwrap();
        let disk = &mut shared.disk;
        let epoch = if self.spoilt == Spoilt::Unfenced { disk.epoch() } else { self.epoch };
        let ticket = disk.submit(epoch, batch);
        let fate = loop {
            let (of, fate) = disk.make_safe().expect("it is on its way");
            if of == ticket {
                break fate;
            }
        };
        let error = match fate {
            BatchFate::Safe => {
                self.syncs.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            BatchFate::Fenced => StoreError::Fenced("a later keeper has the disk".into()),
            BatchFate::Misused(why) => StoreError::Misused(why),
            BatchFate::Stopped => StoreError::Stopped("it has stopped".into()),
        };
        Err(self.end(error))
    }

    /// Nothing is written after that error.
    fn end(&self, error: StoreError) -> StoreError {
        self.ended.lock().unwrap().get_or_insert(error.to_string());
        error
    }
}

impl RoomLog for Model {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn submit(&self, batch: Batch, done: Done) {
        if self.spoilt != Spoilt::Piecemeal {
            return done(self.write(batch));
        }
        let Batch { records, snapshots, sleeps, deletes } = batch;
        let whole = Batch::default;
        let records = records.into_iter().map(|one| Batch { records: vec![one], ..whole() });
        let snapshots = snapshots.into_iter().map(|one| Batch { snapshots: vec![one], ..whole() });
        let sleeps = sleeps.into_iter().map(|one| Batch { sleeps: vec![one], ..whole() });
        let deletes = deletes.into_iter().map(|one| Batch { deletes: vec![one], ..whole() });
        let mut pieces = records.chain(snapshots).chain(sleeps).chain(deletes);
        done(pieces.try_for_each(|piece| self.write(piece)));
    }

    fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    fn recover(
        &self,
        each: &mut dyn FnMut(Result<StoredRoom, RoomDamage>),
    ) -> Result<(), StoreError> {
        let found = std::mem::take(&mut *self.found.lock().unwrap());
        found.into_iter().for_each(each);
        Ok(())
    }

    fn on_snapshots_wanted(&self, _wanted: Box<dyn Fn(Vec<RoomId>) + Send>) {}

    fn close(&self) -> Result<(), StoreError> {
        self.check_open()?;
        *self.ended.lock().unwrap() = Some("it is closed".into());
        Ok(())
    }
}

impl RestingRooms for Model {
    fn load_sleeping(&self, room: RoomId) -> Result<Option<StoredRoom>, StoreError> {
        match self.read(|shared| shared.disk.load_sleeping(room))? {
            Asleep::Missing => Ok(None),
            Asleep::Resting(found) => Ok(Some(*found)),
            Asleep::Damaged(_) if self.spoilt == Spoilt::Twins => Ok(None),
            Asleep::Damaged(damage) => Err(StoreError::Damaged(Damage::from(damage))),
        }
    }

    fn rest_groups(&self) -> Result<Vec<RestGroup>, StoreError> {
        self.read(|shared| shared.disk.rest_groups())
    }

    fn rests(&self, after: Option<RoomId>, limit: usize) -> Result<Vec<RestingRoom>, StoreError> {
        let mut rests = self.read(|shared| shared.disk.rests(after, limit))?;
        if self.spoilt == Spoilt::Noteless {
            rests.iter_mut().for_each(|rest| rest.note = Default::default());
        }
        Ok(rests)
    }

    fn rests_of(
        &self,
        group: &RestGroup,
        after: Option<(u64, RoomId)>,
        by_ms: u64,
        limit: usize,
    ) -> Result<Vec<RestingRoom>, StoreError> {
        self.read(|shared| shared.disk.rests_of(group, after, by_ms, limit))
    }

    fn rest(&self, room: RoomId) -> Result<Option<RestingRoom>, StoreError> {
        self.read(|shared| shared.disk.rest(room))
    }
}

impl Decisions for Model {
    fn decide(&self, decision: Decision) -> Result<(), StoreError> {
        self.check_open()?;
        let Decision { deploy, name, expected, value } = decision;
        let shared = &mut *self.shared.lock().unwrap();
        if self.epoch != shared.disk.epoch() && self.spoilt != Spoilt::Ghost {
            return Err(self.end(StoreError::Fenced("a later keeper has the disk".into())));
        }
        let decisions = &mut shared.decisions;
        let held = decisions.value(&name).cloned();
        let expected = if self.spoilt == Spoilt::Headlong { held } else { expected };
        let deploy = deploy.map(|row| (row.id, row.body));
        decisions.decide(deploy, &name, expected.as_ref(), value).map_err(|why| match why {
            Untaken::Conflict => StoreError::Conflict(name),
            Untaken::Number => StoreError::Misused("it has no place in a table".into()),
        })
    }

    fn deploys(&self, limit: usize) -> Result<Vec<DeployRow>, StoreError> {
        let row = |(id, body): (DeployId, &Bytes)| DeployRow { id, body: body.clone() };
        self.read(|shared| shared.decisions.newest_first().take(limit).map(row).collect())
    }

    fn setting(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        self.read(|shared| shared.decisions.value(name).cloned())
    }
}

#[test]
fn the_model_of_the_store_does_what_every_engine_must() {
    conforms(Spoilt::No);
}

/// A contract that each of these met were none.
#[test]
fn a_store_that_does_otherwise_is_found_out() {
    for spoilt in [
        Spoilt::Unfenced,
        Spoilt::Piecemeal,
        Spoilt::Forgetful,
        Spoilt::Torn,
        Spoilt::Twins,
        Spoilt::Noteless,
        Spoilt::Headlong,
        Spoilt::Ghost,
    ] {
        let asked = || conforms(spoilt);
        assert!(catch_unwind(AssertUnwindSafe(asked)).is_err(), "{spoilt:?} goes unnoticed");
    }
}
