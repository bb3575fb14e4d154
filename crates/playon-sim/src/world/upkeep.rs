//! What a keeper deletes by itself: executables that nobody needs, and rooms that nobody asks for.

use std::collections::BTreeSet;

use playon_core::deploy::{DueAtRest, Resting};
use playon_core::effect::Order;
use playon_core::fleet::Berth;
use playon_types::ids::{ReleaseId, RoomId};
use playon_types::image::Image;
use playon_types::record::DeployRecord;
use playon_types::time::{Span, WallTime};

use super::{TO_SHARD, World, WorldEvent};
use crate::keeper::{Asks, EXPIRIES_PER_SECOND, wall};
use crate::worker::kinds_of;

impl World {
    /// A release is uploaded; also one that is stored already.
    pub(super) fn upload(&mut self, release: ReleaseId) -> Result<(), String> {
        self.artifacts.retain(|stored| *stored != release);
        self.artifacts.push(release);
        if let Some(keeper) = &mut self.keeper {
            keeper.director.handle_upload(release, self.artifacts.clone());
        }
        self.drain()
    }

    /// An executable is gone from the disk although it is needed. Its workers live on.
    pub(super) fn lose_executable(&mut self, release: ReleaseId) -> Result<(), String> {
        self.lost.insert(release);
        self.artifacts.retain(|stored| *stored != release);
        if let Some(keeper) = &mut self.keeper {
            keeper.audit.lost.clone_from(&self.lost);
            keeper.director.handle_executables(self.artifacts.clone());
        }
        self.drain()
    }

    /// It is there again, and workers of it can be started.
    pub(super) fn return_executable(&mut self, release: ReleaseId) -> Result<(), String> {
        self.upload(release)?;
        self.keep_workers();
        self.drain()
    }

    /// Whether nobody can run a room of that need: no worker does, and none can be started.
    pub(super) fn is_stranded(&self, need: &Resting) -> bool {
        let common = self.workers.values().filter(|worker| worker.berth == Berth::Common);
        let mut able = self.artifacts.iter().copied().chain(common.map(|worker| worker.release));
        !able.any(|release| reads(release, need))
    }

    fn cannot_be_read(&mut self) -> bool {
        self.in_trouble() && self.rng.below(2_000) < self.options.unreadable
    }

    /// The store says what is at rest, unless it cannot just then.
    pub(super) fn count_rests(&mut self, asks: Asks) -> Result<(), String> {
        let unreadable = self.cannot_be_read();
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        let clock = keeper.clock(self.now);
        let groups = self.store.resting();
        if !unreadable {
            let needs = groups.iter().map(|group| group.need.clone()).collect();
            keeper.director.handle_rests(clock, needs);
        }
        match asks {
            Asks::Director => {}
            Asks::Expiry if unreadable => keeper.expiry.handle_unreadable(clock),
            Asks::Expiry => {
                let director = &keeper.director;
                let keeps = |need: &Resting| director.keeps_at_rest(&need.kind, need.release);
                keeper.expiry.handle_count(clock, wall(self.now), groups, keeps);
            }
        }
        self.drain()
    }

    /// The store says which rooms are past their age, unless it cannot just then.
    pub(super) fn find_due(&mut self, due: &DueAtRest) -> Result<(), String> {
        let unreadable = self.cannot_be_read();
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        let clock = keeper.clock(self.now);
        if unreadable {
            keeper.expiry.handle_unreadable(clock);
        } else {
            keeper.expiry.handle_found(clock, &self.store.due(due));
        }
        self.drain()
    }

    /// A room is handed to its shard because of its age: no younger one, and no more per second than may.
    pub(super) fn expire(&mut self, room: RoomId, slept_by: WallTime) -> Result<(), String> {
        let keeps = self.store.current().map(|current| self.options.manners.keeps(current));
        if keeps.is_none_or(|keeps| wall(self.now).before(keeps) < slept_by) {
            return Err(format!("I34: {room} is past its age by {slept_by:?}, kept for {keeps:?}"));
        }
        self.expired.retain(|at| self.now.since(*at) < Span::secs(1));
        self.expired.push(self.now);
        if self.expired.len() > EXPIRIES_PER_SECOND as usize {
            return Err(format!("I34: {} rooms at rest in one second", self.expired.len()));
        }
        let number = self.keeper.as_ref().map_or(0, |keeper| keeper.shard_of(room));
        let order = Order::Expire { room, slept_by };
        self.send((TO_SHARD, number.into()), self.life, WorldEvent::Order(number, order));
        Ok(())
    }

    /// Executables are deleted: none that is needed.
    pub(super) fn discard(&mut self, executables: &[ReleaseId]) -> Result<(), String> {
        let before: BTreeSet<ReleaseId> = self.artifacts.iter().copied().collect();
        self.artifacts.retain(|stored| !executables.contains(stored));
        let after: BTreeSet<ReleaseId> = self.artifacts.iter().copied().collect();
        let gone: BTreeSet<ReleaseId> = before.difference(&after).copied().collect();
        self.check_needed(&gone)?;
        for need in self.all_needs() {
            let reads = |stored: &ReleaseId| reads(*stored, &need);
            if before.iter().any(reads) && !after.iter().any(reads) {
                return Err(format!("I33: nothing that is left of {before:?} reads {need:?}"));
            }
        }
        if let Some(keeper) = &mut self.keeper {
            keeper.director.handle_executables(self.artifacts.clone());
        }
        self.drain()
    }

    fn check_needed(&self, gone: &BTreeSet<ReleaseId>) -> Result<(), String> {
        let check = |what: &str, release: Option<ReleaseId>| match release {
            Some(release) if gone.contains(&release) => {
                Err(format!("I33: {release} is deleted, {what}"))
            }
            _ => Ok(()),
        };
        check("which is current", self.store.current())?;
        check("to which the way back leads", self.last_that_moved_any().map(|(_, to)| to))?;
        let Some(going) = self.going() else { return Ok(()) };
        check("which a deploy leads to", Some(going.to))?;
        check("which a deploy comes from", going.from)?;
        // If nothing comes of it, the way back is what it was before.
        let before = self.last_of(None).map(|(_, to)| to);
        check("to which the way back leads without the deploy under way", before)
    }

    fn going(&self) -> Option<&DeployRecord> {
        let last = self.keeper.as_ref()?.director.deploy();
        last.filter(|record| !record.phase.is_final())
    }

    /// What rooms in memory and at rest need.
    fn all_needs(&self) -> BTreeSet<Resting> {
        let rooms = self.keeper.iter().flat_map(|keeper| keeper.rooms(self.now));
        let awake = rooms.filter_map(|facts| facts.image).map(need_of);
        awake.chain(self.store.rests()).collect()
    }
}

/// What a release has to read to run the room.
pub(super) fn need_of(image: &Image) -> Resting {
    Resting { kind: image.kind.clone(), version: image.version, release: image.release }
}

/// Whether a release can open a room: one that it wrote, and one of a version that it reads.
fn reads(release: ReleaseId, need: &Resting) -> bool {
    let kinds = kinds_of(release, Default::default());
    let mut kinds = kinds.iter().filter(|kind| kind.name == need.kind);
    release == need.release || kinds.any(|kind| kind.reads(need.version))
}
