//! Rooms at rest that nobody asks for: they are deleted for their age or by an operator, and one that no release can read
//! says so to whoever asks.

use playon_types::gate::Close;
use playon_types::ids::{ReleaseId, RoomId};
use playon_types::image::{Image, StateCodec};
use playon_types::reason;
use playon_types::reason::Reason;
use playon_types::time::{Time, WallTime};

use crate::effect::{Effect, Loaded, Report};
use crate::env::Env;
use crate::mutant::{Mutant, broken};

use super::{Loading, RoomSlot, Shard, ShardEntry};

/// Told to whoever is in a room, or comes to one, that no release can open.
pub(super) const UNREADABLE: Reason =
    Reason::fixed("PLY-0130 no release that is kept reads the room");

/// Where a room is opened: on the release it was on; if no worker of that can be had, on one that reads it. Nothing if there is none.
pub(super) fn release_for<C>(env: &Env<C>, image: &Image) -> Option<ReleaseId> {
    let (fleet, awaited) = (&env.fleet, env.prefer);
    if fleet.may_run(image.release, awaited) || broken(Mutant::ReaderForgotten) {
        return Some(image.release);
    }
    fleet.reader_of(&image.kind, image.version, awaited)
}

/// Whether no release can open the room.
pub(super) fn nobody<C>(env: &Env<C>, image: &Image) -> bool {
    release_for(env, image).is_none() && !broken(Mutant::StrandedUntold)
}

impl<C: StateCodec> Shard<C> {
    /// Looks for a room that nobody has asked for.
    pub(super) fn load(&mut self, now: Time, room: RoomId, loading: Loading) {
        self.interrupt_probe(now, room);
        if self.recovery_done {
            self.env.emit(Effect::Load(room));
        }
        self.put(room, RoomSlot::Loading(loading));
    }

    /// The room is said to be at rest past its age. Whether it still is, the store says when nothing is under way with it; at the
    /// bound of rooms it waits for another time.
    pub(super) fn expire(&mut self, now: Time, room: RoomId, slept_by: WallTime) {
        let free = self.rooms.len() < self.env.limits.rooms_per_shard_max;
        if self.recovery_done && !self.env.stopping && free && !self.rooms.contains_key(&room) {
            self.load(now, room, Loading { expire: Some(slept_by), ..Loading::default() });
        }
    }

    /// A room at rest is deleted. Whoever asks for it from now on waits until that is safe, and then finds none.
    pub(super) fn delete_at_rest(&mut self, id: RoomId, expired: bool) {
        self.env.emit(Effect::Delete(id));
        let Some(entry) = self.rooms.get_mut(&id) else { return };
        if let RoomSlot::Loading(loading) =
            std::mem::replace(&mut entry.slot, RoomSlot::Leaving { expired })
        {
            entry.late.extend(loading.waiting);
        }
    }

    /// Its deletion is safe.
    pub(super) fn gone_from_rest(&mut self, now: Time, id: RoomId, expired: bool) {
        let late = self.remove(id).map(|entry| entry.late).unwrap_or_default();
        self.env.report(if expired {
            Report::Expired { room: id }
        } else {
            Report::Gone { room: id, asleep: false }
        });
        self.begin_again(now, id, late, Loaded::Missing);
    }

    /// Rooms without a worker whose release is gone are opened on one that reads them, if there is one.
    pub(super) fn find_readers(&mut self, now: Time) {
        if self.env.stopping {
            return;
        }
        let ids: Vec<RoomId> = self.rooms.keys().copied().collect();
        for id in ids {
            self.find_reader(now, id);
        }
    }

    /// The same for one room. If no release is left that reads it, whoever is in it is told, and may come back.
    pub(super) fn find_reader(&mut self, now: Time, id: RoomId) {
        let Some(ShardEntry { slot: RoomSlot::Room(room), .. }) = self.rooms.get_mut(&id) else {
            return;
        };
        let Some(image) = room.unopened() else { return };
        match release_for(&self.env, image) {
            Some(same) if same == image.release => return,
            Some(other) => room.settle_on(&mut self.env, now, other),
            None if broken(Mutant::StrandedUntold) => return,
            None => room.part_all(&mut self.env, now, Close::RoomFails, &UNREADABLE),
        }
        self.settle(now, id);
    }

    /// Nobody can open the room: whoever asks is told at once, and it stays at rest.
    pub(super) fn strand(&mut self, id: RoomId, image: Image) {
        let Some(ShardEntry { slot: RoomSlot::Loading(loading), .. }) = self.remove(id) else {
            return;
        };
        let Image { kind, version, .. } = image;
        for hello in loading.waiting {
            let detail = reason!("PLY-0130 no release that is kept reads version {version} of it");
            self.env.close(hello.conn, Close::RoomFails, detail);
        }
        self.env.report(Report::Stranded { room: id, kind, version });
    }
}
