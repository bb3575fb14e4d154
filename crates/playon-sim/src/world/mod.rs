//! The world: virtual time, the processes in it, and the faults that befall them.

mod end;
mod faults;
mod players;
mod processes;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use playon_core::attach::FromWorker;
use playon_core::effect::{Loaded, Report};
use playon_core::gate::{ToGateway, ToOwner};
use playon_core::ids::{Attempt, ConnId, ReleaseId, RoomId, WorkerId};
use playon_core::rng::Rng;
use playon_core::time::{Span, Time};

use crate::client::Client;
use crate::keeper::{Keeper, Wish};
use crate::options::Options;
use crate::store::Store;
use crate::worker::{RELEASES, Worker};

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
}

fn room_id(number: u64) -> RoomId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    RoomId(bytes)
}
