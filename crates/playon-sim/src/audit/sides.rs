//! What one shard is told by itself: of workers that come and go. Each hears of it at a time of its own.

use std::collections::{BTreeMap, BTreeSet};

use playon_core::facts::{Place, ShardFacts};
use playon_core::fleet::{Berth, Ended, WorkerEnd, WorkerInfo};
use playon_core::limits::Limits;
use playon_types::ids::{RoomId, WorkerId};

use super::{Audit, Book};

/// What a shard knows of workers.
#[derive(Debug)]
pub(super) struct Side {
    /// What each worker is there for.
    berths: BTreeMap<WorkerId, Berth>,
    /// Common workers lost at something of a room.
    lost: u64,
    /// Workers that the game's code has taken down.
    brought_down: BTreeSet<WorkerId>,
    /// Workers that die of what a room has left behind in a thread.
    by_thread: BTreeSet<WorkerId>,
    /// How many rooms may be opened at a time after this step, as a worker has gone that was to open some.
    window_max: Option<usize>,
    /// The workers that only this shard's rooms are tried in: from this number to the next.
    lanes: (u16, u16),
}

impl Side {
    pub(super) fn new(shard: u16, limits: &Limits) -> Self {
        let each = limits.trials_max + 1;
        Self {
            berths: BTreeMap::new(),
            lost: 0,
            brought_down: BTreeSet::new(),
            by_thread: BTreeSet::new(),
            window_max: None,
            lanes: (shard * each, shard * each + limits.trials_max),
        }
    }

    /// The game's code takes a worker down.
    pub(super) fn bring_down(&mut self, worker: WorkerId) {
        self.brought_down.insert(worker);
    }

    /// A worker dies of what a room has left behind in a thread.
    pub(super) fn die_of_thread(&mut self, worker: WorkerId) {
        self.by_thread.insert(worker);
    }

    /// Common workers lost at something of a room.
    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }

    /// How many rooms may be opened at a time after the step, if that is known.
    pub(super) const fn take_window_max(&mut self) -> Option<usize> {
        self.window_max.take()
    }

    /// Whether a worker is there for appeals.
    fn hears_appeals(&self, berth: Berth) -> bool {
        berth == Berth::Trial(self.lanes.1)
    }

    /// Whether a worker is there for rooms on trial.
    pub(super) fn tries(&self, worker: &WorkerId) -> bool {
        matches!(self.berths.get(worker), Some(Berth::Trial(_)))
    }

    /// Whether rooms of the shard may be given to it at all.
    fn may_use(&self, berth: Berth) -> bool {
        match berth {
            Berth::Trial(number) => (self.lanes.0..=self.lanes.1).contains(&number),
            Berth::Common | Berth::Quarantine | Berth::Suspects(_) => true,
        }
    }
}

impl Audit {
    /// The number of a room's shard.
    pub(super) fn shard_of(&self, room: RoomId) -> u16 {
        room.shard(self.sides.len() as u16)
    }

    pub(super) fn side(&self, room: RoomId) -> &Side {
        &self.sides[usize::from(self.shard_of(room))]
    }

    /// What a worker is there for, as the shard of the room knows.
    pub(super) fn berth(&self, room: RoomId, worker: WorkerId) -> Option<Berth> {
        self.side(room).berths.get(&worker).copied()
    }

    /// Whether the worker is the one in which the room's shard hears appeals.
    ///
    /// # Errors
    /// When it is there for the rooms of another shard.
    pub(super) fn hears_appeals(&self, room: RoomId, worker: WorkerId) -> Result<bool, String> {
        let Some(berth) = self.berth(room, worker) else { return Ok(false) };
        let side = self.side(room);
        if !side.may_use(berth) {
            return Err(format!(
                "I25: {room} is given to worker {worker}, {berth:?}, of another shard"
            ));
        }
        Ok(side.hears_appeals(berth))
    }

    /// A shard hears of a worker.
    pub fn worker_up(&mut self, shard: u16, worker: &WorkerInfo) {
        self.sides[usize::from(shard)].berths.insert(worker.id, worker.berth);
    }

    /// A shard hears that a worker is gone: what it was at last may have been the cause.
    pub fn worker_gone(
        &mut self,
        shard: u16,
        worker: WorkerId,
        end: &WorkerEnd,
        facts: &ShardFacts,
    ) {
        let shards = self.sides.len() as u16;
        let here = |room: &RoomId| room.shard(shards) == shard;
        let side = &mut self.sides[usize::from(shard)];
        let lost = end.was_at_work() && end.ended != Ended::Spoiled;
        if side.berths.remove(&worker) == Some(Berth::Common) && lost {
            side.lost += 1;
            let (lost, beside) = (side.lost, &mut self.beside);
            let concerned =
                |book: &Book| book.on.contains(&worker) || book.place == Some(Place::Idle);
            let rooms = self.rooms.iter().filter(|(room, book)| here(room) && concerned(book));
            for (room, book) in rooms {
                let since = beside.entry(*room).or_insert((book.seq, lost));
                if since.0 != book.seq {
                    *since = (book.seq, lost);
                }
            }
        }
        let books = || self.rooms.iter().filter(|(room, _)| here(room)).map(|(_, book)| book);
        let last = books().flat_map(|book| book.posts.iter().copied()).max();
        let opening = |book: &Book| book.place == Some(Place::Opening) && book.on == [worker];
        if books().any(opening) {
            side.window_max = Some((facts.opening_window / 2).max(1));
        }
        for ((room, ..), costly) in &mut self.costly_copies {
            if here(room) && costly.worker == worker {
                costly.known = costly.known.or(last);
            }
        }
        if !self.sides[usize::from(shard)].by_thread.remove(&worker)
            && end.ended != Ended::Dismissed
        {
            self.suffered.begin_anew();
        }
        if end.ended == Ended::Spoiled {
            // Whoever hung in it meanwhile is not known for it.
            let there = self.rooms.iter().filter(|(_, book)| book.on.contains(&worker));
            let hung: BTreeSet<RoomId> = match &end.turns {
                Some(turns) => turns.iter().map(|turn| turn.room).collect(),
                None => there.map(|(room, _)| *room).collect(),
            };
            self.costly.retain(|(room, _)| !hung.contains(room));
            self.costly_copies.retain(|_, costly| costly.worker != worker);
        }
        let side = &mut self.sides[usize::from(shard)];
        let at: Vec<RoomId> = match &end.turns {
            Some(turns) if !turns.is_empty() => turns.iter().map(|turn| turn.room).collect(),
            // Nobody knows what it was at, or it was what some room had left behind: it may have been any.
            _ => self.rooms.keys().copied().collect(),
        };
        let at: Vec<RoomId> = at.into_iter().filter(here).collect();
        if !side.brought_down.remove(&worker) {
            for room in &at {
                *self.bad_luck.entry(*room).or_default() += 1;
            }
        }
        self.suspected.extend(at);
    }
}
