//! One owner shard: the rooms it holds, who speaks to them, and their timers.

use std::collections::{BTreeMap, BTreeSet};

use crate::attach::FromWorker;
use crate::creating::{Creating, Outcome};
use crate::effect::{Effect, Listing, Loaded, Order, Report, Stored};
use crate::env::Env;
use crate::fleet::WorkerInfo;
use crate::gate::{Close, Create, Hello, ToOwner, Who};
use crate::ids::{ConnId, DeployId, Epoch, ReleaseId, RoomId, SessionId, WorkerId};
use crate::image::{Image, StateCodec};
use crate::limits::Limits;
use crate::room::{MoveOrder, Room};
use crate::time::Time;

/// How a shard begins.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// Raised and synced by the store when it was opened.
    pub epoch: Epoch,
    /// All bounds.
    pub limits: Limits,
    /// Which shard this is; attempts of different shards never meet.
    pub shard: u16,
}

/// What the shard has under a room's id.
enum Slot {
    /// The store is asked about it, or recovery has not reached it yet.
    Loading(Vec<Hello>),
    Creating(Creating),
    Room(Box<Room>),
    /// Damaged: it is not served, and not overwritten.
    Halted(String),
}

struct Entry {
    slot: Slot,
    timer: Option<Time>,
    /// Sockets that came while the room was going to sleep.
    late: Vec<Hello>,
}

#[derive(Clone, Copy)]
struct Speaker {
    room: RoomId,
    session: Option<SessionId>,
}

/// All rooms of one shard. See the crate's front page for how it is driven.
pub struct Shard<C> {
    env: Env<C>,
    rooms: BTreeMap<RoomId, Entry>,
    conns: BTreeMap<ConnId, Speaker>,
    timers: BTreeSet<(Time, RoomId)>,
    recovery_done: bool,
    /// Rooms that are not yet quiet, after `Order::Stop`.
    unquiet: Option<BTreeSet<RoomId>>,
}

impl<C: StateCodec> Shard<C> {
    /// An empty shard.
    pub fn new(config: ShardConfig, codec: C) -> Self {
        Self {
            env: Env::new(config.epoch, config.shard, config.limits, codec),
            rooms: BTreeMap::new(),
            conns: BTreeMap::new(),
            timers: BTreeSet::new(),
            recovery_done: false,
            unquiet: None,
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Effect> {
        self.env.out.pop_front()
    }

    /// When to call [`Self::handle_timeout`].
    pub fn next_timeout(&self) -> Option<Time> {
        self.timers
            .first()
            .map(|(at, _)| *at)
            .filter(|_| !self.env.stopping)
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Time) {
        let due: Vec<(Time, RoomId)> = self
            .timers
            .iter()
            .take_while(|(at, _)| *at <= now)
            .copied()
            .collect();
        for (at, id) in due {
            self.timers.remove(&(at, id));
            let Some(entry) = self.rooms.get_mut(&id) else {
                continue;
            };
            entry.timer = None;
            match &mut entry.slot {
                Slot::Room(room) => room.handle_timeout(&mut self.env, now),
                Slot::Creating(creating) if creating.deadline <= now => {
                    let outcome = creating.give_up(&mut self.env);
                    self.conclude(now, id, outcome);
                }
                _ => {}
            }
            self.settle(now, id);
        }
    }

    /// Something from the gateway.
    pub fn handle_gate(&mut self, now: Time, message: ToOwner) {
        let conn = message.conn();
        if let ToOwner::Hello(hello) = message {
            self.handle_hello(now, hello);
            return;
        }
        let Some(speaker) = self.conns.get(&conn).copied() else {
            return self.forget_waiting(conn, &message);
        };
        let from = (conn, speaker.session);
        if let Some(Entry {
            slot: Slot::Room(room),
            ..
        }) = self.rooms.get_mut(&speaker.room)
        {
            let env = &mut self.env;
            match message {
                ToOwner::Hello(_) => {}
                ToOwner::Input {
                    seq, recv, payload, ..
                } => {
                    room.handle_ack(from, recv);
                    room.handle_input(env, now, from, seq, payload);
                }
                ToOwner::Ack { recv, .. } => room.handle_ack(from, recv),
                ToOwner::Bye { .. } => room.handle_bye(env, now, from),
                ToOwner::Gone { .. } => {
                    room.handle_gone(env, now, from);
                    self.conns.remove(&conn);
                }
                ToOwner::Drained { sent, .. } => room.handle_drained(env, now, from, sent),
            }
            self.settle(now, speaker.room);
        } else if matches!(message, ToOwner::Gone { .. }) {
            self.conns.remove(&conn);
        }
    }

    /// A socket that was still waiting for its room is gone.
    fn forget_waiting(&mut self, conn: ConnId, message: &ToOwner) {
        if !matches!(message, ToOwner::Gone { .. }) {
            return;
        }
        for entry in self.rooms.values_mut() {
            if let Slot::Loading(waiting) | Slot::Creating(Creating { waiting, .. }) =
                &mut entry.slot
            {
                waiting.retain(|hello| hello.conn != conn);
            }
            entry.late.retain(|hello| hello.conn != conn);
        }
    }

    fn handle_hello(&mut self, now: Time, hello: Hello) {
        let id = hello.room;
        if self.env.stopping {
            return self.env.close(
                hello.conn,
                Close::Restarting,
                "PLY-0118 the server restarts",
            );
        }
        let Some(entry) = self.rooms.get_mut(&id) else {
            if self.rooms.len() >= self.env.limits.rooms_per_shard_max {
                return self
                    .env
                    .close(hello.conn, Close::Busy, "PLY-0105 too many rooms");
            }
            if self.recovery_done {
                self.env.emit(Effect::Load(id));
            }
            let slot = Slot::Loading(vec![hello]);
            self.rooms.insert(
                id,
                Entry {
                    slot,
                    timer: None,
                    late: Vec::new(),
                },
            );
            return;
        };
        let waiting = match &mut entry.slot {
            Slot::Room(room) if !room.is_resting() => {
                let (conn, who) = (hello.conn, hello.who);
                let session = match &who {
                    Who::New { session, .. } | Who::Known { session, .. } => Some(*session),
                    Who::Watcher => None,
                };
                if room.handle_hello(&mut self.env, now, conn, who) {
                    self.conns.insert(conn, Speaker { room: id, session });
                }
                return self.settle(now, id);
            }
            Slot::Room(_) => &mut entry.late,
            Slot::Loading(waiting) | Slot::Creating(Creating { waiting, .. }) => waiting,
            Slot::Halted(why) => {
                let detail = format!("PLY-0119 the room is halted: {why}");
                return self.env.close(hello.conn, Close::RoomHalted, detail);
            }
        };
        if waiting.len() >= self.env.limits.waiting_max {
            return self.env.close(
                hello.conn,
                Close::Busy,
                "PLY-0101 too many wait for this room",
            );
        }
        waiting.push(hello);
    }

    /// A worker has attached.
    pub fn handle_worker_up(&mut self, now: Time, worker: WorkerInfo) {
        self.env.fleet.add(worker);
        self.wake_all(now);
    }

    /// Rooms without a worker may find one now.
    fn wake_all(&mut self, now: Time) {
        for (id, entry) in &mut self.rooms {
            match &mut entry.slot {
                Slot::Room(room)
                    if room.waits_for_worker() && !self.env.open_queue.contains(id) =>
                {
                    self.env.open_queue.push_back(*id);
                }
                Slot::Creating(creating) => creating.ask(&mut self.env),
                _ => {}
            }
        }
        self.run_queues(now);
    }

    /// A worker process is gone.
    pub fn handle_worker_down(&mut self, now: Time, worker: WorkerId) {
        self.env.fleet.remove(worker);
        let ids: Vec<RoomId> = self.rooms.keys().copied().collect();
        for id in ids {
            match self.rooms.get_mut(&id).map(|entry| &mut entry.slot) {
                Some(Slot::Room(room)) => room.handle_worker_down(&mut self.env, now, worker),
                Some(Slot::Creating(creating)) => {
                    let outcome = creating.handle_worker_down(&mut self.env, worker);
                    self.conclude(now, id, outcome);
                }
                _ => {}
            }
            self.refresh(id);
        }
        self.run_queues(now);
    }

    /// Something from a worker. Whatever carries a void attempt has no effect.
    pub fn handle_worker(&mut self, now: Time, worker: WorkerId, message: FromWorker) {
        let (id, _) = message.about();
        if !self.env.fleet.has(worker) {
            return;
        }
        match self.rooms.get_mut(&id).map(|entry| &mut entry.slot) {
            Some(Slot::Room(room)) => match message {
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
            Some(Slot::Creating(creating)) => {
                let outcome = match message {
                    FromWorker::Commit(commit) => {
                        creating.handle_commit(&mut self.env, now, commit)
                    }
                    FromWorker::Fault(fault) => creating.handle_fault(&mut self.env, &fault),
                    _ => Outcome::Pending,
                };
                self.conclude(now, id, outcome);
            }
            _ => return,
        }
        self.settle(now, id);
    }

    fn conclude(&mut self, now: Time, id: RoomId, outcome: Outcome) {
        match outcome {
            Outcome::Pending => {}
            Outcome::Born(room, waiting) => {
                if let Some(entry) = self.rooms.get_mut(&id) {
                    entry.slot = Slot::Room(room);
                }
                waiting
                    .into_iter()
                    .for_each(|hello| self.handle_hello(now, hello));
            }
            Outcome::Refused(waiting, why, detail) => {
                self.remove(id);
                for hello in waiting {
                    self.env.close(hello.conn, why, detail.clone());
                }
            }
        }
    }

    /// A room was read from the store at start.
    pub fn handle_recovered(&mut self, now: Time, image: Image) {
        self.bring_back(now, image);
    }

    fn bring_back(&mut self, now: Time, image: Image) {
        let id = image.room;
        let mut room = Room::recovered(&mut self.env, now, image);
        room.list(&mut self.env);
        let slot = Slot::Room(Box::new(room));
        let old = self.rooms.insert(
            id,
            Entry {
                slot,
                timer: None,
                late: Vec::new(),
            },
        );
        if let Some(Entry {
            slot: Slot::Loading(waiting),
            ..
        }) = old
        {
            waiting
                .into_iter()
                .for_each(|hello| self.handle_hello(now, hello));
        }
        self.settle(now, id);
    }

    /// A room was found damaged: it is halted, and says so.
    pub fn handle_damaged(&mut self, _now: Time, room: RoomId, why: String) {
        let slot = Slot::Halted(why.clone());
        let old = self.rooms.insert(
            room,
            Entry {
                slot,
                timer: None,
                late: Vec::new(),
            },
        );
        if let Some(Entry {
            slot: Slot::Loading(waiting),
            ..
        }) = old
        {
            for hello in waiting {
                self.env.close(
                    hello.conn,
                    Close::RoomHalted,
                    format!("PLY-0119 the room is halted: {why}"),
                );
            }
        }
        self.env.report(Report::Listing(Listing {
            room,
            kind: String::new(),
            name: String::new(),
            release: ReleaseId::default(),
            version: 0,
            players: 0,
            players_max: 0,
            live: false,
            halted: Some(why),
        }));
    }

    /// All hot rooms have been handed over: whoever still waits is looked for among the sleeping ones.
    pub fn handle_recovery_done(&mut self, _now: Time) {
        self.recovery_done = true;
        for (id, entry) in &self.rooms {
            if matches!(entry.slot, Slot::Loading(_)) {
                self.env.emit(Effect::Load(*id));
            }
        }
    }

    /// What the store knows about a room that was asked for.
    pub fn handle_loaded(&mut self, now: Time, id: RoomId, loaded: Loaded) {
        let Some(Entry {
            slot: Slot::Loading(waiting),
            ..
        }) = self.rooms.get_mut(&id)
        else {
            return;
        };
        match loaded {
            Loaded::Asleep(image) => {
                // Back into the hot log before anything else is written about it.
                self.env.emit(Effect::Snapshot((*image).clone()));
                let (release, prefer) = (image.release, self.env.prefer);
                self.bring_back(now, *image);
                if let Some(to) = prefer.filter(|to| *to != release) {
                    self.order_move(now, id, MoveOrder::to(DeployId(0), to), true);
                }
            }
            Loaded::Missing => {
                let waiting = std::mem::take(waiting);
                self.create_for(now, id, waiting);
            }
            Loaded::Unreadable(why) => {
                let waiting = std::mem::take(waiting);
                self.remove(id);
                for hello in waiting {
                    self.env.close(
                        hello.conn,
                        Close::Busy,
                        format!("PLY-0120 cannot be read now: {why}"),
                    );
                }
            }
        }
    }

    /// The room certainly does not exist: it is created if somebody who waits says how.
    fn create_for(&mut self, now: Time, id: RoomId, waiting: Vec<Hello>) {
        let create = waiting.iter().find_map(|hello| hello.create.clone());
        let (stay, go): (Vec<Hello>, Vec<Hello>) = waiting
            .into_iter()
            .partition(|hello| create.is_some() && !matches!(hello.who, Who::Known { .. }));
        for hello in go {
            self.env.close(
                hello.conn,
                Close::UnknownRoom,
                "PLY-0121 there is no such room",
            );
        }
        match create {
            Some(create) if !self.env.draining => self.begin_create(now, id, create, stay),
            _ => {
                self.remove(id);
                for hello in stay {
                    self.env.close(
                        hello.conn,
                        Close::Busy,
                        "PLY-0101 the server takes no new rooms",
                    );
                }
            }
        }
    }

    fn begin_create(&mut self, now: Time, id: RoomId, create: Create, waiting: Vec<Hello>) {
        let mut creating = Creating::new(id, create, waiting, &self.env.limits, now);
        creating.ask(&mut self.env);
        self.rooms.insert(
            id,
            Entry {
                slot: Slot::Creating(creating),
                timer: None,
                late: Vec::new(),
            },
        );
        self.settle(now, id);
    }

    /// An effect has become safe in the store.
    pub fn handle_stored(&mut self, now: Time, id: RoomId, stored: Stored) {
        let Some(entry) = self.rooms.get_mut(&id) else {
            return;
        };
        let Slot::Room(room) = &mut entry.slot else {
            return;
        };
        match stored {
            Stored::Record(seq) | Stored::Snapshot(seq) => {
                room.handle_safe(&mut self.env, now, seq);
                self.settle(now, id);
            }
            Stored::Asleep | Stored::Deleted => {
                let late = std::mem::take(&mut entry.late);
                self.depart(now, id, stored == Stored::Asleep, late);
            }
        }
    }

    /// A room leaves memory; whoever came late wakes it again or starts afresh.
    fn depart(&mut self, now: Time, id: RoomId, asleep: bool, late: Vec<Hello>) {
        self.conns.retain(|_, speaker| speaker.room != id);
        let Some(Entry {
            slot: Slot::Room(room),
            ..
        }) = self.remove(id)
        else {
            return;
        };
        self.env.report(Report::Gone { room: id, asleep });
        if late.is_empty() {
            return;
        }
        let loaded = if asleep {
            Loaded::Asleep(Box::new(room.into_image()))
        } else {
            Loaded::Missing
        };
        self.rooms.insert(
            id,
            Entry {
                slot: Slot::Loading(late),
                timer: None,
                late: Vec::new(),
            },
        );
        self.handle_loaded(now, id, loaded);
    }

    /// The store wants to cut its log and needs snapshots of these rooms.
    pub fn handle_snapshots_wanted(&mut self, _now: Time, rooms: &[RoomId]) {
        for id in rooms {
            if let Some(Entry {
                slot: Slot::Room(room),
                ..
            }) = self.rooms.get_mut(id)
            {
                if !room.is_resting() {
                    room.snapshot(&mut self.env);
                }
            }
        }
    }

    /// An order of the director or an operator.
    pub fn handle_order(&mut self, now: Time, order: Order) {
        match order {
            Order::Prefer(release) => {
                self.env.prefer = Some(release);
                self.wake_all(now);
            }
            Order::Check { deploy, room, to } => {
                let order = MoveOrder {
                    check: true,
                    ..MoveOrder::to(deploy, to)
                };
                self.order_move(now, room, order, true);
            }
            Order::Move {
                deploy,
                room,
                to,
                at_once,
            } => {
                self.order_move(now, room, MoveOrder::to(deploy, to), at_once);
            }
            Order::CancelMoves { deploy } => {
                for entry in self.rooms.values_mut() {
                    if let Slot::Room(room) = &mut entry.slot {
                        room.cancel_wish(deploy);
                    }
                }
            }
            Order::Create { room, create } => {
                if !self.rooms.contains_key(&room) && !self.env.draining {
                    self.begin_create(now, room, create, Vec::new());
                }
            }
            Order::Close { room } => {
                if let Some(Entry {
                    slot: Slot::Room(held),
                    ..
                }) = self.rooms.get_mut(&room)
                {
                    held.close_down(&mut self.env);
                }
            }
            Order::Drain => self.env.draining = true,
            Order::Stop => self.stop(),
        }
    }

    fn order_move(&mut self, now: Time, id: RoomId, order: MoveOrder, at_once: bool) {
        match self.rooms.get_mut(&id).map(|entry| &mut entry.slot) {
            Some(Slot::Room(room)) if !room.is_resting() => {
                room.handle_move(&mut self.env, now, order, at_once);
                self.settle(now, id);
            }
            _ => self.env.report(Report::Staying {
                deploy: order.deploy,
                room: id,
            }),
        }
    }

    fn stop(&mut self) {
        self.env.stopping = true;
        self.unquiet = Some(self.rooms.keys().copied().collect());
        let ids: Vec<RoomId> = self.rooms.keys().copied().collect();
        ids.into_iter().for_each(|id| self.try_quiet(id));
        if ids_empty(self.unquiet.as_ref()) {
            self.finish_stop();
        }
    }

    fn try_quiet(&mut self, id: RoomId) {
        let Some(unquiet) = &mut self.unquiet else {
            return;
        };
        if !unquiet.contains(&id) {
            return;
        }
        let quiet = match self.rooms.get_mut(&id).map(|entry| &mut entry.slot) {
            Some(Slot::Room(room)) => room.stop(&mut self.env),
            _ => true,
        };
        if quiet {
            unquiet.remove(&id);
            if unquiet.is_empty() {
                self.finish_stop();
            }
        }
    }

    fn finish_stop(&mut self) {
        if self.unquiet.take().is_some() {
            self.env.report(Report::Stopped);
        }
    }

    /// After each change of a room: its timer, and the rooms whose turn it may be now.
    fn settle(&mut self, now: Time, id: RoomId) {
        self.refresh(id);
        self.run_queues(now);
        if self.env.stopping {
            self.try_quiet(id);
        }
    }

    fn refresh(&mut self, id: RoomId) {
        let Some(entry) = self.rooms.get_mut(&id) else {
            return;
        };
        let next = match &entry.slot {
            Slot::Room(room) => room.next_timeout(),
            Slot::Creating(creating) => Some(creating.deadline),
            Slot::Loading(_) | Slot::Halted(_) => None,
        };
        if next != entry.timer {
            if let Some(old) = entry.timer {
                self.timers.remove(&(old, id));
            }
            if let Some(next) = next {
                self.timers.insert((next, id));
            }
            entry.timer = next;
        }
    }

    fn run_queues(&mut self, now: Time) {
        while self.env.moving.len() < self.env.limits.handoffs_max {
            let Some(id) = self.env.move_queue.pop_front() else {
                break;
            };
            if let Some(Entry {
                slot: Slot::Room(room),
                ..
            }) = self.rooms.get_mut(&id)
            {
                room.begin_warm(&mut self.env, now);
            }
            self.refresh(id);
        }
        while self.env.opening.len() < self.env.limits.opens_max {
            let Some(id) = self.env.open_queue.pop_front() else {
                break;
            };
            if let Some(Entry {
                slot: Slot::Room(room),
                ..
            }) = self.rooms.get_mut(&id)
            {
                room.open(&mut self.env, now);
            }
            self.refresh(id);
        }
    }

    fn remove(&mut self, id: RoomId) -> Option<Entry> {
        let entry = self.rooms.remove(&id)?;
        if let Some(at) = entry.timer {
            self.timers.remove(&(at, id));
        }
        Some(entry)
    }
}

fn ids_empty(ids: Option<&BTreeSet<RoomId>>) -> bool {
    ids.is_some_and(BTreeSet::is_empty)
}
