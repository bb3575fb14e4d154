//! The world: virtual time, the processes in it, and the faults that befall them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use bytes::Bytes;
use playon_core::attach::{FromWorker, ToWorker};
use playon_core::effect::{Loaded, Order, Report};
use playon_core::fleet::WorkerInfo;
use playon_core::gate::{Create, Hello, Push, ToGateway, ToOwner};
use playon_core::ids::{Attempt, ConnId, DeployId, Epoch, ReleaseId, RoomId, SessionId, WorkerId};
use playon_core::image::ApplyBounds;
use playon_core::rng::Rng;
use playon_core::time::{Span, Time};

use crate::client::Client;
use crate::game::Game;
use crate::keeper::{Keeper, Wish, limits};
use crate::options::Options;
use crate::store::Store;
use crate::worker::{RELEASES, Worker, kinds_of};

const KINDS: [&str; 3] = ["ticking", "turns", "lossy"];

/// What is going to happen.
#[derive(Debug)]
enum Event {
    ToOwner(ToOwner),
    ToClient(ToGateway),
    WorkerStep(WorkerId),
    FromWorker(WorkerId, FromWorker),
    WorkerAttached(ReleaseId),
    WorkerGone(WorkerId),
    Fsync,
    Loaded(RoomId),
    Timer,
    RecoverNext(Vec<playon_core::image::Image>),
    /// A slow socket has written what it had.
    CaughtUp(ConnId),
    /// A worker dies, or the keeper.
    Strike(Option<WorkerId>),
    /// Not bound to a life of the keeper.
    KeeperStart,
    Connect(u64),
    Act(u64),
    Trouble,
}

/// How a gateway treats a socket that cannot take more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slow {
    /// Events and views are dropped.
    Full,
    /// The owner was asked to send again; only what follows without a gap is let through.
    Asked,
    /// It goes on; what was sent twice is let through once.
    Over,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Events of the world.
    pub steps: u64,
    /// Rooms handed over.
    pub moved: u64,
    /// Handoffs that came to nothing.
    pub move_failed: u64,
    /// Times a room went to sleep.
    pub slept: u64,
    /// Deploys asked for.
    pub deploys: u64,
    /// Keepers killed.
    pub keeper_crashes: u64,
    /// Workers killed, cut off or found hung.
    pub worker_crashes: u64,
    /// Sockets cut.
    pub cuts: u64,
    /// Inputs made.
    pub inputs: u64,
    /// A hash over everything that happened.
    pub trace: u64,
}

/// The world of one run.
pub struct World {
    options: Options,
    rng: Rng,
    now: Time,
    events: BinaryHeap<Reverse<(Time, u64)>>,
    payloads: BTreeMap<u64, (u64, Event)>,
    serial: u64,
    /// Which life of the keeper events belong to.
    life: u64,
    keeper: Option<Keeper>,
    store: Store,
    workers: BTreeMap<WorkerId, Worker>,
    attempts: BTreeMap<WorkerId, BTreeSet<Attempt>>,
    wanted: BTreeMap<ReleaseId, u32>,
    spawning: BTreeMap<ReleaseId, u32>,
    clients: Vec<Client>,
    sockets: BTreeMap<ConnId, u64>,
    /// Sockets that are too slow: what the gateway drops is sent again later.
    slow: BTreeMap<ConnId, Slow>,
    /// The latest arrival on each ordered link.
    links: BTreeMap<(u8, u64), Time>,
    timer_at: Option<Time>,
    next_id: u64,
    deploys: u64,
    calm_from: Time,
    summary: Summary,
}

impl World {
    /// A world at its beginning.
    pub fn new(options: Options) -> Self {
        let calm_from = Time(0) + options.trouble;
        let mut world = Self {
            rng: Rng::new(options.seed),
            now: Time(0),
            events: BinaryHeap::new(),
            payloads: BTreeMap::new(),
            serial: 0,
            life: 0,
            keeper: None,
            store: Store { current: Some(RELEASES[0]), ..Store::default() },
            workers: BTreeMap::new(),
            attempts: BTreeMap::new(),
            wanted: BTreeMap::new(),
            spawning: BTreeMap::new(),
            clients: Vec::new(),
            sockets: BTreeMap::new(),
            slow: BTreeMap::new(),
            links: BTreeMap::new(),
            timer_at: None,
            next_id: 0,
            deploys: 0,
            calm_from,
            summary: Summary::default(),
            options,
        };
        for index in 0..world.options.rooms * world.options.players {
            let room = index / world.options.players;
            let kind = KINDS[(room % 3) as usize];
            world.clients.push(Client::new(index, room_id(room), kind == "lossy"));
            let at = world.rng.below(500_000);
            world.schedule(Span(at), 0, Event::Connect(index));
        }
        world.schedule(Span::ZERO, 0, Event::KeeperStart);
        world.schedule(Span::millis(50), 0, Event::Trouble);
        world
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// The invariant that was broken.
    pub fn run(mut self) -> Result<Summary, String> {
        let end = self.calm_from + self.options.recovery;
        while let Some(Reverse((at, serial))) = self.events.pop() {
            if at > end {
                break;
            }
            self.now = at;
            let Some((life, event)) = self.payloads.remove(&serial) else { continue };
            if life != 0 && life != self.life {
                continue;
            }
            self.note(&event);
            self.step(event).map_err(|e| format!("at {:?}: {e}", self.now))?;
        }
        self.check_end()?;
        Ok(self.summary)
    }

    fn note(&mut self, event: &Event) {
        self.summary.steps += 1;
        if !self.options.trace && !self.options.digest {
            return;
        }
        let text = format!("{:?} {event:?}", self.now);
        for byte in text.bytes() {
            self.summary.trace = playon_core::rng::mix(self.summary.trace ^ u64::from(byte));
        }
        if self.options.trace {
            eprintln!("{text}");
        }
    }

    fn schedule(&mut self, after: Span, life: u64, event: Event) {
        self.serial += 1;
        self.events.push(Reverse((self.now + after, self.serial)));
        self.payloads.insert(self.serial, (life, event));
    }

    /// Schedules on an ordered link: never before what was sent there earlier.
    fn send(&mut self, link: (u8, u64), life: u64, event: Event) {
        let delay = Span(50 + self.rng.below(self.options.delay_max.0));
        let last = self.links.get(&link).copied().unwrap_or_default();
        let at = (self.now + delay).max(last + Span(1));
        self.links.insert(link, at);
        self.schedule(at.since(self.now), life, event);
    }

    const fn fresh(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn step(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::KeeperStart => return self.start_keeper(),
            Event::Trouble => return self.trouble(),
            Event::Strike(None) if self.keeper.is_some() => return self.crash_keeper(),
            Event::Strike(Some(id)) => {
                self.summary.worker_crashes += 1;
                self.kill_worker(id);
            }
            Event::Connect(index) => self.connect(index),
            Event::Act(index) => self.act(index),
            Event::ToClient(message) => return self.tell_client(message),
            Event::WorkerStep(id) => self.step_worker(id),
            Event::CaughtUp(conn) => self.caught_up(conn),
            other => return self.step_keeper(other),
        }
        Ok(())
    }

    fn step_keeper(&mut self, event: Event) -> Result<(), String> {
        let now = self.now;
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        let clock = keeper.clock(now);
        match event {
            Event::ToOwner(message) => keeper.shard.handle_gate(clock, message),
            Event::FromWorker(id, message) => keeper.shard.handle_worker(clock, id, message),
            Event::WorkerAttached(release) => self.attach(release),
            Event::WorkerGone(id) => {
                keeper.revoke(self.attempts.remove(&id).unwrap_or_default());
                keeper.director.handle_worker_down(clock, id);
                keeper.shard.handle_worker_down(clock, id);
                self.keep_workers();
            }
            Event::Fsync => {
                for (room, stored) in self.store.make_safe()? {
                    keeper.shard.handle_stored(clock, room, stored);
                }
            }
            Event::Loaded(room) => {
                let found = self.store.asleep(room);
                let loaded = found.map_or(Loaded::Missing, |image| Loaded::Asleep(Box::new(image)));
                keeper.shard.handle_loaded(clock, room, loaded);
            }
            Event::Timer => {
                self.timer_at = None;
                keeper.shard.handle_timeout(clock);
                keeper.director.handle_timeout(clock);
            }
            Event::RecoverNext(mut images) => match images.pop() {
                Some(image) => {
                    keeper.recovered(now, image);
                    let after = Span(self.rng.below(3_000));
                    self.schedule(after, self.life, Event::RecoverNext(images));
                }
                None => {
                    keeper.shard.handle_recovery_done(clock);
                    self.drain()?;
                    if let Some(keeper) = &mut self.keeper {
                        keeper.director.handle_recovery_done(clock);
                    }
                }
            },
            _ => {}
        }
        self.drain()
    }

    /// Drains the keeper after every handle, and does what it wants.
    fn drain(&mut self) -> Result<(), String> {
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        let wishes = keeper.drain(self.now, &mut self.store)?;
        let next = [keeper.shard.next_timeout(), keeper.director.next_timeout()];
        let began = keeper.began;
        if let Some(at) = next.into_iter().flatten().min() {
            let at = Time(began.0 + at.0).max(self.now + Span(100));
            // One timer event is enough, unless an earlier one is needed now.
            if self.timer_at.is_none_or(|set| set <= self.now || set > at) {
                self.timer_at = Some(at);
                self.schedule(at.since(self.now), self.life, Event::Timer);
            }
        }
        for wish in wishes {
            self.grant(wish);
        }
        Ok(())
    }

    fn grant(&mut self, wish: Wish) {
        let life = self.life;
        match wish {
            Wish::Client(message) => {
                self.send((1, message.conn().0), life, Event::ToClient(message))
            }
            Wish::Worker(id, message) => {
                self.strike(id, &message);
                if let Some(worker) = self.workers.get_mut(&id) {
                    worker.inbox.push_back(message);
                    self.send((2, id.0), life, Event::WorkerStep(id));
                }
            }
            Wish::Batch => {
                let delay = Span(100 + self.rng.below(self.options.fsync_max.0));
                let last = self.links.get(&(3, 0)).copied().unwrap_or_default();
                let at = (self.now + delay).max(last + Span(1));
                self.links.insert((3, 0), at);
                self.schedule(at.since(self.now), life, Event::Fsync);
            }
            Wish::Load(room) => self.schedule(Span(300), life, Event::Loaded(room)),
            Wish::Kill(id) => self.kill_worker(id),
            Wish::Workers(release, count) => {
                self.wanted.insert(release, count);
                self.keep_workers();
            }
            Wish::Note(Report::Moved { .. }) => self.summary.moved += 1,
            Wish::Note(Report::MoveFailed { .. }) => self.summary.move_failed += 1,
            Wish::Note(Report::Gone { asleep: true, .. }) => self.summary.slept += 1,
            Wish::Note(Report::Quarantined { room, .. }) => {
                self.clients.iter_mut().filter(|c| c.room == room).for_each(|c| c.tainted = true);
            }
            Wish::Note(_) => {}
        }
    }

    // --- the keeper's life -------------------------------------------------------------------------------------

    fn start_keeper(&mut self) -> Result<(), String> {
        self.life += 1;
        self.timer_at = None;
        self.store.epoch = Epoch(self.store.epoch.0 + 1);
        let lossy = self.clients.iter().filter(|c| c.lossy).map(|c| c.room).collect();
        let mut keeper = Keeper::new(self.store.epoch, self.now, lossy);
        let unfinished = self.store.deploy.clone().filter(|record| !record.phase.is_final());
        keeper.director.handle_recovered(Time(0), self.store.current, unfinished);
        self.keeper = Some(keeper);
        let images = self.store.recover(&ApplyBounds::from(&limits()))?;
        let after = Span(self.rng.below(5_000));
        self.schedule(after, self.life, Event::RecoverNext(images));
        self.drain()
    }

    /// kill -9: what the store had not made safe may be lost, from some batch on.
    fn crash_keeper(&mut self) -> Result<(), String> {
        self.summary.keeper_crashes += 1;
        self.keeper = None;
        let survive = self.rng.below(self.store.pending.len() as u64 + 1);
        for _ in 0..survive {
            self.store.make_safe()?;
        }
        self.store.pending.clear();
        self.links.remove(&(3, 0));
        self.workers.clear();
        self.attempts.clear();
        self.wanted.clear();
        self.spawning.clear();
        for conn in std::mem::take(&mut self.sockets).into_keys() {
            self.lose_socket(conn);
        }
        self.life += 1;
        let after = Span::millis(50 + self.rng.below(200));
        self.schedule(after, 0, Event::KeeperStart);
        Ok(())
    }

    // --- workers -----------------------------------------------------------------------------------------------

    /// What a supervisor does: as many workers as are wanted.
    fn keep_workers(&mut self) {
        for (release, count) in self.wanted.clone() {
            let running = self.workers.values().filter(|w| w.release == release).count() as u64;
            let spawning = u64::from(self.spawning.get(&release).copied().unwrap_or(0));
            for _ in running + spawning..u64::from(count) {
                *self.spawning.entry(release).or_default() += 1;
                let after = Span::millis(5 + self.rng.below(60));
                self.schedule(after, self.life, Event::WorkerAttached(release));
            }
            if count == 0 {
                let idle: Vec<WorkerId> =
                    self.workers.values().filter(|w| w.release == release).map(|w| w.id).collect();
                idle.into_iter().for_each(|id| self.kill_worker(id));
            }
        }
    }

    fn attach(&mut self, release: ReleaseId) {
        let id = WorkerId(self.fresh());
        if let Some(spawning) = self.spawning.get_mut(&release) {
            *spawning = spawning.saturating_sub(1);
        }
        let calm = self.now >= self.calm_from;
        let (panic, bad_copy) =
            if calm { (0, 0) } else { (self.options.panic, self.options.bad_copy) };
        let mut worker = Worker::new(id, release, panic, bad_copy);
        worker.attached = true;
        self.workers.insert(id, worker);
        let info = WorkerInfo { id, release, kinds: kinds_of(release) };
        if let Some(keeper) = &mut self.keeper {
            let clock = keeper.clock(self.now);
            keeper.shard.handle_worker_up(clock, info.clone());
            keeper.director.handle_worker_up(clock, &info);
        }
    }

    fn step_worker(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        if worker.hung_until > self.now {
            let after = worker.hung_until.since(self.now);
            self.schedule(after, self.life, Event::WorkerStep(id));
            return;
        }
        let answer = worker.step(&mut self.rng);
        if let Some(message) = answer {
            self.attempts.entry(id).or_default().insert(message.about().1);
            let repeat = self.now < self.calm_from && self.rng.percent(self.options.repeat);
            if repeat {
                self.send((4, id.0), self.life, Event::FromWorker(id, message.clone()));
            }
            self.send((4, id.0), self.life, Event::FromWorker(id, message));
        }
    }

    fn kill_worker(&mut self, id: WorkerId) {
        if self.workers.remove(&id).is_some() {
            let after = Span(100 + self.rng.below(3_000));
            self.schedule(after, self.life, Event::WorkerGone(id));
        }
    }

    // --- players -----------------------------------------------------------------------------------------------

    fn connect(&mut self, index: u64) {
        let (conn, fresh) = (ConnId(self.fresh()), SessionId(1_000_000 + self.fresh()));
        let life = self.life;
        let Some(keeper) = self.keeper.as_mut().filter(|_| life > 0) else {
            return self.schedule(Span::millis(100), 0, Event::Connect(index));
        };
        let client = &mut self.clients[index as usize];
        if client.conn.is_some() {
            return;
        }
        let room = client.room;
        let kind = KINDS[(u64::from(room.0[15]) % 3) as usize];
        let create =
            Create { kind: kind.into(), name: String::new(), params: Bytes::new(), seed: 1 };
        let who = client.introduce(conn, fresh);
        keeper.conns.insert(conn, room);
        self.sockets.insert(conn, index);
        let hello = Hello { conn, room, who, create: Some(create) };
        self.send((0, conn.0), life, Event::ToOwner(ToOwner::Hello(hello)));
    }

    fn act(&mut self, index: u64) {
        let stop_at = self.calm_from + Span::secs(2);
        let client = &mut self.clients[index as usize];
        let Some(conn) = client.conn.filter(|_| client.welcomed) else { return };
        let recv = client.seat.map_or(0, |seat| seat.recv);
        let open = client.sent - client.applied < 40;
        if self.now < stop_at && open {
            let seq = client.make_input();
            self.summary.inputs += 1;
            let message = ToOwner::Input { conn, seq, recv, payload: Bytes::new() };
            self.send((0, conn.0), self.life, Event::ToOwner(message));
        } else {
            self.send((0, conn.0), self.life, Event::ToOwner(ToOwner::Ack { conn, recv }));
        }
        if self.now < self.calm_from && self.rng.below(1_000) < self.options.leave {
            self.clients[index as usize].leaving = true;
            self.send((0, conn.0), self.life, Event::ToOwner(ToOwner::Bye { conn }));
            return;
        }
        let after = Span::millis(20 + self.rng.below(200));
        self.schedule(after, self.life, Event::Act(index));
    }

    fn tell_client(&mut self, message: ToGateway) -> Result<(), String> {
        let conn = message.conn();
        let Some(index) = self.sockets.get(&conn).copied() else { return Ok(()) };
        let client = &mut self.clients[index as usize];
        if client.conn != Some(conn) {
            return Ok(());
        }
        match message {
            ToGateway::Welcome { welcome, .. } => {
                let again = client.welcome(&welcome)?;
                let recv = client.seat.map_or(0, |seat| seat.recv);
                for seq in again {
                    let message = ToOwner::Input { conn, seq, recv, payload: Bytes::new() };
                    self.send((0, conn.0), self.life, Event::ToOwner(message));
                }
                self.schedule(Span::millis(10), self.life, Event::Act(index));
            }
            ToGateway::Push { push, .. } => return self.push(conn, index, push),
            ToGateway::Close { why, .. } => {
                client.closed(why)?;
                self.sockets.remove(&conn);
                self.send((0, conn.0), self.life, Event::ToOwner(ToOwner::Gone { conn }));
                let after = Span::millis(20 + self.rng.below(300));
                self.schedule(after, 0, Event::Connect(index));
            }
        }
        Ok(())
    }

    fn push(&mut self, conn: ConnId, index: u64, mut push: Push) -> Result<(), String> {
        let client = &mut self.clients[index as usize];
        let recv = client.seat.map_or(0, |seat| seat.recv);
        match self.slow.get(&conn) {
            Some(Slow::Full) => {
                push.events.clear();
                push.view = None;
            }
            Some(Slow::Over) => push.events.retain(|(seq, _)| *seq > recv),
            Some(Slow::Asked) => {
                push.events.retain(|(seq, _)| *seq > recv);
                if push.events.first().is_some_and(|(seq, _)| *seq != recv + 1) {
                    push.events.clear();
                    push.view = None;
                } else if !push.events.is_empty()
                    || push.view.as_ref().is_some_and(|(as_of, _)| *as_of > recv)
                {
                    self.slow.insert(conn, Slow::Over);
                }
            }
            None if self.now < self.calm_from && self.rng.below(1_000) < self.options.slow => {
                self.slow.insert(conn, Slow::Full);
                let after = Span::millis(self.rng.below(400));
                self.schedule(after, self.life, Event::CaughtUp(conn));
            }
            None => {}
        }
        self.clients[index as usize].take(self.now, &push)
    }

    fn caught_up(&mut self, conn: ConnId) {
        let Some(index) = self.sockets.get(&conn) else { return };
        let sent = self.clients[*index as usize].seat.map_or(0, |seat| seat.recv);
        self.slow.insert(conn, Slow::Asked);
        self.send((0, conn.0), self.life, Event::ToOwner(ToOwner::Drained { conn, sent }));
    }

    /// The player's side notices that its socket is gone, and comes again.
    fn lose_socket(&mut self, conn: ConnId) {
        let found = self.clients.iter_mut().find(|client| client.conn == Some(conn));
        let Some(client) = found else { return };
        client.conn = None;
        client.welcomed = false;
        let index = client.index;
        // Some stay away for so long that a room without anybody goes to sleep.
        let holiday = self.now < self.calm_from && self.rng.percent(self.options.holiday);
        let pause = if holiday { 5_000 + self.rng.below(4_000) } else { 5 + self.rng.below(500) };
        self.schedule(Span::millis(pause), 0, Event::Connect(index));
    }

    // --- faults ------------------------------------------------------------------------------------------------

    fn trouble(&mut self) -> Result<(), String> {
        if self.now >= self.calm_from {
            // From here on nothing new goes wrong.
            self.workers.values_mut().for_each(|w| (w.panic, w.bad_copy) = (0, 0));
            return Ok(());
        }
        self.schedule(Span::millis(50), 0, Event::Trouble);
        if self.keeper.is_none() {
            return Ok(());
        }
        let options = self.options.clone();
        let per = |rng: &mut Rng, percent: u64| rng.below(500) < percent;
        if per(&mut self.rng, options.crash_worker)
            && let Some(id) = self.any_worker()
        {
            self.summary.worker_crashes += 1;
            self.kill_worker(id);
        }
        if per(&mut self.rng, options.cut_worker)
            && let Some(id) = self.any_worker()
        {
            // The keeper sees the link end at once; what is still on its way must have no effect.
            self.summary.worker_crashes += 1;
            self.workers.remove(&id);
            self.step_keeper(Event::WorkerGone(id))?;
        }
        if per(&mut self.rng, options.hang_worker) {
            let until = self.now + Span::secs(3);
            if let Some(worker) = self.any_worker().and_then(|id| self.workers.get_mut(&id)) {
                self.summary.worker_crashes += 1;
                worker.hung_until = until;
            }
        }
        if per(&mut self.rng, options.cut_client) {
            let index = self.rng.below(self.clients.len() as u64) as usize;
            if let Some(conn) = self.clients[index].conn {
                self.summary.cuts += 1;
                self.sockets.remove(&conn);
                self.lose_socket(conn);
                self.send((0, conn.0), self.life, Event::ToOwner(ToOwner::Gone { conn }));
            }
        }
        if per(&mut self.rng, options.deploy) {
            self.deploy()?;
        }
        if per(&mut self.rng, options.crash_keeper) {
            self.crash_keeper()?;
        }
        Ok(())
    }

    /// Faults aimed at a handoff: between its steps, the processes in it die more often than by chance.
    fn strike(&mut self, worker: WorkerId, message: &ToWorker) {
        let aimed = matches!(
            message,
            ToWorker::Tail { .. }
                | ToWorker::Export { .. }
                | ToWorker::Prewarm { .. }
                | ToWorker::Retire { .. }
        );
        if !aimed || self.now >= self.calm_from || !self.rng.percent(self.options.strike) {
            return;
        }
        let victim = match self.rng.below(3) {
            0 => Some(worker),
            1 => self.any_worker(),
            _ => None,
        };
        let after = Span(self.rng.below(2 * self.options.delay_max.0 + self.options.fsync_max.0));
        self.schedule(after, self.life, Event::Strike(victim));
    }

    fn any_worker(&mut self) -> Option<WorkerId> {
        let count = self.workers.len() as u64;
        self.workers.keys().nth(self.rng.below(count.max(1)) as usize).copied()
    }

    fn deploy(&mut self) -> Result<(), String> {
        self.deploys += 1;
        self.summary.deploys += 1;
        let (id, to) = (DeployId(self.deploys), RELEASES[self.rng.below(2) as usize]);
        let at_once = self.rng.percent(50);
        if let Some(keeper) = &mut self.keeper {
            let clock = keeper.clock(self.now);
            // A refusal means that there is nothing to do.
            let _ = keeper.director.handle_deploy(clock, id, to, at_once);
        }
        self.drain()
    }

    // --- the end -----------------------------------------------------------------------------------------------

    /// Some time after the last fault everything must be well.
    fn check_end(&mut self) -> Result<(), String> {
        let bounds = ApplyBounds::from(&limits());
        if let Some(keeper) = &mut self.keeper {
            keeper.order(self.now, Order::Stop);
        }
        self.drain()?;
        while !self.store.pending.is_empty() {
            self.store.make_safe()?;
        }
        if self.store.deploy.as_ref().is_some_and(|record| !record.phase.is_final()) {
            return Err(format!("I18: the deploy never ended: {:?}", self.store.deploy));
        }
        for client in &self.clients {
            let i = client.index;
            if !client.welcomed {
                return Err(format!("I17: client {i} is not connected at the end"));
            }
            if client.applied != client.sent {
                return Err(format!(
                    "I17: client {i}: {} of {} applied",
                    client.applied, client.sent
                ));
            }
            let image = self
                .store
                .read(client.room, &bounds)?
                .ok_or(format!("I22: {} is gone", client.room))?;
            let game = Game::decode(&image.state).ok_or("I10: unreadable state")?;
            if game.disorder + game.early > 0 && !client.tainted {
                return Err(format!(
                    "I7: {} inputs of {} were out of order",
                    game.disorder, client.room
                ));
            }
            if game.ticking && client.heard + Span::secs(1) < self.now {
                return Err(format!("I17: client {i} heard nothing since {:?}", client.heard));
            }
            let session = client.seat.map(|seat| seat.session).unwrap_or_default();
            let tally =
                game.players.get(&session).ok_or(format!("I9: client {i} lost its seat"))?;
            if !client.tainted && (tally.count, tally.chain) != (client.sent, client.chain()) {
                return Err(format!(
                    "I7: client {i} sent {}, the room has {}",
                    client.sent, tally.count
                ));
            }
        }
        Ok(())
    }
}

fn room_id(number: u64) -> RoomId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    RoomId(bytes)
}
