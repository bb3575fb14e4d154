//! One owner shard: the rooms it holds, who speaks to them, and their timers.

mod appeal;
mod config;
mod facts;
mod gate;
mod loading;
mod orders;
mod probe;
mod rest;
mod storage;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use playon_types::attach::{FromWorker, Turn};
use playon_types::gate::Hello;
use playon_types::ids::{Attempt, ReleaseId, RoomId, WorkerId};
use playon_types::image::StateCodec;
use playon_types::reason;
use playon_types::reason::Reason;
use playon_types::time::Time;

use crate::agenda::Due;
use crate::creating::{CreateOutcome, Creating};
use crate::effect::{Effect, Report};
use crate::env::Env;
use crate::fleet::{Berth, Ended, Suspicion, WorkerEnd, WorkerInfo};
use crate::mutant::{Mutant, broken};
use crate::room::Room;

use loading::Loading;
use probe::Probes;

pub use crate::appeals::{APPEALS_BYTES_MAX, APPEALS_MAX};
pub use config::ShardConfig;
pub use probe::PROBES_MAX;

/// Steps of one room that may follow from one another at one time. More would be a loop.
const STEPS_MAX: u32 = 4;

/// What the shard has under a room's id.
enum RoomSlot {
    /// The store is asked about it, or recovery has not reached it yet.
    Loading(Loading),
    Creating(Creating),
    Room(Box<Room>),
    Halted(Halted),
    /// A room at rest whose deletion is with the store; `expired` if that is because of its age.
    Leaving {
        expired: bool,
    },
}

/// A damaged room: it is not served, and not overwritten.
struct Halted {
    why: String,
    /// An operator has given it up, and its deletion is with the store.
    given_up: bool,
}

struct ShardEntry {
    slot: RoomSlot,
    /// Sockets that came while the room was going to sleep, and new players before it was opened.
    late: Vec<Hello>,
}

impl ShardEntry {
    fn next_timeout(&self) -> Option<Time> {
        match &self.slot {
            RoomSlot::Room(room) => room.next_timeout(),
            RoomSlot::Creating(creating) => Some(creating.next_timeout()),
            RoomSlot::Loading(_) | RoomSlot::Halted(_) | RoomSlot::Leaving { .. } => None,
        }
    }
}

/// All rooms of one shard. See the crate's front page for how it is driven.
pub struct Shard<C> {
    env: Env<C>,
    rooms: BTreeMap<RoomId, ShardEntry>,
    recovery_done: bool,
    /// Copies that deploys want of rooms that nobody runs.
    probes: Probes,
    /// Rooms that are not yet quiet, after `Order::Stop`.
    unquiet: Option<BTreeSet<RoomId>>,
}

impl<C: StateCodec> Shard<C> {
    /// An empty shard.
    pub fn new(config: ShardConfig, codec: C) -> Self {
        Self {
            env: Env::new(config, codec),
            rooms: BTreeMap::new(),
            recovery_done: false,
            probes: Probes::default(),
            unquiet: None,
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Effect> {
        self.env.out.pop_front()
    }

    /// When to call [`Self::handle_timeout`].
    pub fn next_timeout(&self) -> Option<Time> {
        self.env.agenda.next().filter(|_| !self.env.stopping)
    }

    /// Time has passed: what is due is taken out of the table and done, one after the other.
    pub fn handle_timeout(&mut self, now: Time) {
        // Once it stops nothing is due any more; what was set before is late.
        let mut handled: BTreeMap<Due, u32> = BTreeMap::new();
        while !self.env.stopping
            && let Some((at, due)) = self.env.agenda.take_due(now)
        {
            // What one room does may give another its turn, and one step of a room may make the next one due.
            let steps = handled.entry(due).or_default();
            *steps += 1;
            if *steps > STEPS_MAX {
                self.overrun(now, at, due);
            } else {
                self.fire(now, due);
            }
        }
    }

    fn fire(&mut self, now: Time, due: Due) {
        match due {
            Due::Abandoned(worker, attempt) => self.env.abandoned_timeout(now, worker, attempt),
            Due::Probe => self.probe_timed_out(now),
            Due::Appeal => self.appeal_timed_out(now),
            Due::Room(id) => {
                match self.rooms.get_mut(&id).map(|entry| &mut entry.slot) {
                    Some(RoomSlot::Room(room)) => room.handle_timeout(&mut self.env, now),
                    Some(RoomSlot::Creating(creating)) => {
                        let outcome = creating.handle_timeout(&mut self.env, now);
                        self.conclude(now, id, outcome);
                    }
                    _ => {}
                }
                self.settle(now, id);
            }
        }
    }

    /// Something is due again and again. It is not done any more, and the room concerned is halted.
    fn overrun(&mut self, now: Time, at: Time, due: Due) {
        let room = match due {
            Due::Room(id) => Some(id),
            Due::Probe => self.probes.room(),
            Due::Appeal => self.env.appeals.room(),
            Due::Abandoned(..) => None,
        };
        if let Some(id) = room {
            self.env.unsound(id, format!("{due:?} is due at {at:?} again and again"));
            self.settle(now, id);
        }
    }

    /// A worker has attached.
    pub fn handle_worker_up(&mut self, now: Time, worker: WorkerInfo) {
        self.env.trials.note(now, worker.berth);
        self.env.fleet.add(worker);
        self.wake_all(now);
    }

    /// Rooms without a worker may find one now.
    fn wake_all(&mut self, now: Time) {
        let ids: Vec<RoomId> = self.rooms.keys().copied().collect();
        for id in ids {
            match self.rooms.get_mut(&id).map(|entry| &mut entry.slot) {
                Some(RoomSlot::Room(room)) => room.handle_worker_up(&mut self.env, now),
                Some(RoomSlot::Creating(creating)) => creating.ask(&mut self.env, now),
                _ => {}
            }
            self.refresh(id);
        }
        self.run_queues(now);
        self.run_probes(now);
    }

    /// A worker has begun with something and is at it. What is said of an attempt that another worker has counts for nothing.
    ///
    /// Every shard is told, also of turns of other shards' rooms: whose rooms wait behind such a turn must know that it is not
    /// theirs which lasts.
    pub fn handle_turn(&mut self, now: Time, worker: WorkerId, turn: Turn) {
        if broken(Mutant::NeighboursUnheard) && self.holder(turn.room, turn.attempt).is_none() {
            return;
        }
        self.env.fleet.note_turn(worker);
        self.env.abandoned_turn(now, worker, turn.attempt);
        if self.holder(turn.room, turn.attempt) != Some(worker) {
            return;
        }
        self.probes.handle_turn(&mut self.env.agenda, now, turn.attempt);
        self.env.appeals.handle_turn(&mut self.env.agenda, now, turn.attempt);
        match self.rooms.get_mut(&turn.room).map(|entry| &mut entry.slot) {
            Some(RoomSlot::Room(room)) => room.handle_turn(now, turn),
            Some(RoomSlot::Creating(creating)) => creating.handle_turn(now),
            _ => {}
        }
        self.refresh(turn.room);
    }

    /// A worker process is gone.
    pub fn handle_worker_down(&mut self, now: Time, worker: WorkerId, end: &WorkerEnd) {
        if let Some(berth) = self.env.fleet.berth(worker) {
            self.env.trials.note(now, berth);
        }
        let died = self.env.fleet.release(worker).filter(|_| end.is_unexplained());
        let lost = self.env.fleet.remove(worker, end);
        self.env.abandoned_down(worker, end);
        let ids: Vec<RoomId> = self.rooms.keys().copied().collect();
        for id in ids {
            match self.rooms.get_mut(&id).map(|entry| &mut entry.slot) {
                Some(RoomSlot::Room(room)) => {
                    if let Some(release) = lost {
                        room.note_loss(&self.env, worker, release);
                    }
                    if let Some(release) = died {
                        room.note_unexplained(&mut self.env, now, (worker, release));
                    }
                    room.handle_worker_down(&mut self.env, now, worker, end);
                    if end.ended == Ended::Spoiled {
                        room.handle_spoiled(&mut self.env, now, worker);
                    }
                }
                Some(RoomSlot::Creating(creating)) => {
                    let outcome = creating.handle_worker_down(&mut self.env, now, worker, end);
                    self.conclude(now, id, outcome);
                }
                _ => {}
            }
            self.refresh(id);
            self.try_quiet(now, id);
        }
        if self.env.fleet.starts_workers() && !broken(Mutant::LastWorkerUnheeded) {
            self.find_readers(now);
        }
        self.probe_worker_down(now, worker, end);
        self.appeal_worker_down(now, worker, end);
        self.run_queues(now);
    }

    /// A worker, which the shards share, has lately answered something, perhaps to another one, and last at `at`. So what this
    /// one asked of it only waited its turn until then.
    pub fn handle_heard(&mut self, at: Time, worker: WorkerId) {
        if !broken(Mutant::NeighboursUnheard) {
            self.env.fleet.hear(worker, at);
        }
    }

    /// Something from a worker. Whatever carries a void attempt has no effect; a worker that shows the attempt of another
    /// one lies, and is killed.
    pub fn handle_worker(&mut self, now: Time, worker: WorkerId, message: FromWorker) {
        let (_, attempt) = message.about();
        if !self.env.fleet.is_heard(worker) {
            return;
        }
        self.env.fleet.hear(worker, now);
        if !self.env.stopping {
            // Else what would follow from it has no time left to become safe.
            self.handle_answer(now, worker, message);
        }
        // Also if the room has just left because of it.
        self.env.answered(worker, attempt);
    }

    /// The worker lies: nothing that it says counts from now on, and it is ended.
    fn expose(&mut self, worker: WorkerId, why: Reason) {
        if let Some(release) = self.env.fleet.note_lie(worker) {
            self.env.report(Report::Lied { release, reason: why.clone() });
        }
        self.env.emit(Effect::Suspect { worker, of: Suspicion::Lies, why });
    }

    fn handle_answer(&mut self, now: Time, worker: WorkerId, message: FromWorker) {
        let (id, attempt) = message.about();
        if self.holder(id, attempt).is_some_and(|holder| holder != worker) {
            let why = reason!("PLY-0450 it spoke for room {id}, which another worker has");
            return self.expose(worker, why);
        }
        if self.probes.holder(attempt).is_some() {
            return self.handle_probed(now, &message);
        }
        if self.env.appeals.holder(attempt).is_some() {
            return self.handle_appealed(now, &message);
        }
        match self.rooms.get_mut(&id).map(|entry| &mut entry.slot) {
            Some(RoomSlot::Room(room)) => match message {
                FromWorker::Commit(commit) => room.handle_commit(&mut self.env, now, commit),
                FromWorker::Ready(ready) => room.handle_ready(&mut self.env, now, &ready),
                FromWorker::Exported(exported) => {
                    room.handle_exported(&mut self.env, now, exported)
                }
                FromWorker::Prewarmed(prewarmed) => {
                    room.handle_prewarmed(&mut self.env, now, &prewarmed)
                }
                FromWorker::Fault(fault) => room.handle_fault(&mut self.env, now, &fault),
            },
            Some(RoomSlot::Creating(creating)) => {
                let outcome = match message {
                    FromWorker::Commit(commit) => {
                        creating.handle_commit(&mut self.env, now, commit)
                    }
                    FromWorker::Fault(fault) => creating.handle_fault(&mut self.env, now, &fault),
                    _ => CreateOutcome::Pending,
                };
                self.conclude(now, id, outcome);
            }
            _ => return,
        }
        self.settle(now, id);
    }

    fn holder(&self, id: RoomId, attempt: Attempt) -> Option<WorkerId> {
        let of_room = match self.rooms.get(&id).map(|entry| &entry.slot) {
            Some(RoomSlot::Room(room)) => room.holder(attempt),
            Some(RoomSlot::Creating(creating)) => creating.holder(attempt),
            _ => None,
        };
        let probed = || self.probes.holder(attempt);
        of_room.or_else(probed).or_else(|| self.env.appeals.holder(attempt))
    }

    fn conclude(&mut self, now: Time, id: RoomId, outcome: CreateOutcome) {
        match outcome {
            CreateOutcome::Pending => {}
            CreateOutcome::Born(room, waiting) => {
                if let Some(entry) = self.rooms.get_mut(&id) {
                    entry.slot = RoomSlot::Room(room);
                }
                waiting.into_iter().for_each(|hello| self.handle_hello(now, hello));
            }
            CreateOutcome::Refused(waiting, why, detail) => {
                self.remove(id);
                for hello in waiting {
                    self.env.close(hello.conn, why, detail.clone());
                }
            }
        }
    }

    /// After each change of a room: who is there, its timer, and the rooms whose turn it may be now.
    fn settle(&mut self, now: Time, id: RoomId) {
        if let Some(what) = self.env.take_unsound(id) {
            self.halt_unsound(now, id, &what);
        }
        self.admit_late(now, id);
        if let Some(ShardEntry { slot: RoomSlot::Room(room), .. }) = self.rooms.get_mut(&id) {
            room.note_presence(now);
        }
        self.refresh(id);
        self.run_queues(now);
        if self.env.stopping {
            self.try_quiet(now, id);
        }
    }

    /// A rule does not hold in the room: nothing more happens to it, and what the store has of it stays as it is.
    fn halt_unsound(&mut self, now: Time, id: RoomId, what: &str) {
        let why = reason!("PLY-0128 a rule of the keeper does not hold: {what}");
        match self.rooms.get_mut(&id).map(|entry| &mut entry.slot) {
            Some(RoomSlot::Room(room)) => room.abandon(&mut self.env, &why),
            Some(RoomSlot::Creating(creating)) => creating.release(&mut self.env),
            _ => {}
        }
        self.halt(now, id, why.to_string());
    }

    /// Players who came before it was known how many the room takes: they are let in as soon as it is, or hear that it fails.
    fn admit_late(&mut self, now: Time, id: RoomId) {
        let Some(entry) = self.rooms.get_mut(&id).filter(|entry| !entry.late.is_empty()) else {
            return;
        };
        let fails = |room: &Room| {
            room.halted().is_some()
                || room.unopened().is_some_and(|image| rest::nobody(&self.env, image))
        };
        let ready = |room: &Room| !room.is_resting() && room.takes_joins() || fails(room);
        if matches!(&entry.slot, RoomSlot::Room(room) if ready(room)) {
            let late = std::mem::take(&mut entry.late);
            late.into_iter().for_each(|hello| self.handle_hello(now, hello));
        }
    }

    fn refresh(&mut self, id: RoomId) {
        let Some(entry) = self.rooms.get(&id) else {
            return;
        };
        if let RoomSlot::Room(room) = &entry.slot {
            room.end_copies(&mut self.env);
        }
        let next = entry.next_timeout();
        self.env.agenda.put(Due::Room(id), next);
    }

    fn run_queues(&mut self, now: Time) {
        self.run_moves(now);
        while let Some(id) = self.env.next_opening() {
            match self.rooms.get_mut(&id).map(|entry| &mut entry.slot) {
                Some(RoomSlot::Room(room)) => room.take_turn(&mut self.env, now),
                Some(RoomSlot::Creating(creating)) => creating.ask(&mut self.env, now),
                _ => {}
            }
            self.refresh(id);
            self.run_moves(now);
        }
        self.run_appeals(now);
        self.env.report_berths();
    }

    /// Rooms whose turn it is begin to be handed over.
    fn run_moves(&mut self, now: Time) {
        while let Some(id) = self.env.handoffs.next() {
            if let Some(ShardEntry { slot: RoomSlot::Room(room), .. }) = self.rooms.get_mut(&id) {
                room.take_move_turn(&mut self.env, now);
            }
            self.env.handoffs.pass(id);
            self.refresh(id);
        }
    }

    /// Puts something in the place of a room; gives what was there.
    fn put(&mut self, id: RoomId, slot: RoomSlot) -> Option<ShardEntry> {
        self.env.agenda.stop(Due::Room(id));
        self.rooms.insert(id, ShardEntry { slot, late: Vec::new() })
    }

    fn remove(&mut self, id: RoomId) -> Option<ShardEntry> {
        let entry = self.rooms.remove(&id)?;
        self.env.end_copy(id, None);
        self.env.confine(id, ReleaseId::default(), Berth::Common);
        self.env.agenda.stop(Due::Room(id));
        Some(entry)
    }
}
