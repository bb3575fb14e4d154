//! The world: virtual time, the processes in it, and the faults that befall them.

mod end;
mod faults;
mod hostile;
mod perform;
mod players;
mod processes;
mod rests;
mod shards;
mod sockets;
mod stops;
mod storing;
mod summary;
mod threads;
mod trace;
mod upkeep;
mod watchers;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

pub use summary::Summary;
pub use trace::KEY;

use playon_core::deploy::{DueAtRest, Search};
use playon_core::effect::{Aside, Order, Report};
use playon_core::fleet::{Berth, Ended, WorkerEnd};
use playon_types::attach::{FromWorker, Turn};
use playon_types::gate::{ToGateway, ToOwner};
use playon_types::ids::{Attempt, ConnId, DeployId, ReleaseId, RoomId, SessionId, WorkerId};
use playon_types::rng::Rng;
use playon_types::time::{Span, Time};

use crate::client::Client;
use crate::deeds::Doom;
use crate::gate::Gate;
use crate::keeper::{Asks, KeeperModel, Wish, limits};
use crate::lives::Lives;
use crate::options::Options;
use crate::owner::ShardInput;
use crate::store::{Backup, RecoveredRoom, StoreModel};
use crate::worker::{RELEASES, Worker};

/// Between the keeper's own threads messages take a while, too.
const TO_SHARD: u8 = 5;
const TO_DIRECTOR: u8 = 6;

/// The kinds of rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomKind {
    /// Ticks, and gives up the seats of absent players soon.
    Ticking,
    /// Goes by inputs and timers, and sleeps soon.
    Turns,
    /// Ticks, and may lose its tail with the keeper.
    Lossy,
}

impl RoomKind {
    /// Rooms take turns in being of each kind.
    pub const fn of(room: RoomId) -> Self {
        match room.0[15] % 3 {
            0 => Self::Ticking,
            1 => Self::Turns,
            _ => Self::Lossy,
        }
    }

    /// Whether it may lose its tail with the keeper.
    pub const fn is_lossy(self) -> bool {
        matches!(self, Self::Lossy)
    }

    /// As releases call it.
    const fn name(self) -> &'static str {
        match self {
            Self::Ticking => "ticking",
            Self::Turns => "turns",
            Self::Lossy => "lossy",
        }
    }
}

/// What is going to happen.
#[derive(Debug)]
enum WorldEvent {
    ToOwner(u16, ToOwner),
    ToClient(ToGateway),
    WorkerStep(WorkerId),
    FromWorker(WorkerId, FromWorker),
    WorkerAttached(ReleaseId, Berth),
    WorkerGone(WorkerId, WorkerEnd),
    /// The shards hear that a worker answers.
    Heard(WorkerId),
    /// The keeper has seen that a worker is at something.
    Turn(WorkerId, Turn),
    /// A shard's thread gets to the next thing in its queue.
    Inbox(u16),
    /// A shard's thread hands over what it has gathered for the store.
    Flush(u16),
    Fsync,
    /// The store wants these snapshots soon.
    Wanted(Vec<RoomId>),
    /// From the director, or from an operator, to a shard.
    Order(u16, Order),
    /// From a shard to the director.
    Report(u16, Report),
    /// The director learns that a shard has listed every room that it has in the hot log.
    Listed(u16),
    Loaded(RoomId),
    /// The store is looked through for rooms at rest.
    FindSleepers(Search),
    /// The same for what is at rest, by what it needs.
    CountRests(Asks),
    /// The same for rooms that are past their age.
    FindDue(DueAtRest),
    Timer,
    RecoverNext(Vec<RecoveredRoom>),
    /// A slow socket has written what it had.
    CaughtUp(ConnId),
    /// The gateway has kept a view back for long enough.
    Ripe(ConnId),
    /// A player answers a ping.
    Pong(ConnId),
    /// The gateway notices that the other side of a socket is gone.
    HangUp(ConnId),
    /// The shard's queue was full and takes something again.
    Empty,
    /// A keeper that stops has taken too long.
    StopLate,
    /// A worker dies of what a room has left behind in a thread.
    Thread(WorkerId, RoomId),
    /// A worker dies, or the keeper.
    Strike(Option<WorkerId>),
    /// Not bound to a life of the keeper.
    KeeperStart,
    Connect(u64),
    Act(u64),
    Trouble,
}

/// The world of one run.
pub struct World {
    options: Options,
    rng: Rng,
    now: Time,
    events: BinaryHeap<Reverse<(Time, u64)>>,
    payloads: BTreeMap<u64, (u64, WorldEvent)>,
    serial: u64,
    /// Which life of the keeper events belong to.
    life: u64,
    keeper: Option<KeeperModel>,
    store: StoreModel,
    workers: BTreeMap<WorkerId, Worker>,
    attempts: BTreeMap<WorkerId, BTreeSet<(RoomId, Attempt)>>,
    wanted: BTreeMap<(ReleaseId, Berth), u32>,
    spawning: BTreeMap<(ReleaseId, Berth), u32>,
    clients: Vec<Client>,
    /// Whose sockets they are.
    sockets: BTreeMap<ConnId, u64>,
    gate: Gate,
    watchers: BTreeMap<ConnId, watchers::Watcher>,
    /// The latest arrival on each ordered link.
    links: BTreeMap<(u8, u64), Time>,
    timer_at: Option<Time>,
    /// When workers have answered, by the keeper's clock, since the shards were last told that they do.
    overheard: BTreeMap<WorkerId, Time>,
    next_id: u64,
    next_room: u64,

    /// Which rooms have ended.
    lives: Lives,
    /// The release that the last keeper watched.
    watched: Option<crate::audit::WatchedRelease>,
    /// Inputs that make the game panic.
    poison: BTreeSet<(RoomId, u64)>,
    /// Players whose views failed until when they may be shown nothing.
    blind: BTreeMap<SessionId, Time>,
    /// Rooms in which inputs were lost (and told so) or set aside: what they hold cannot be foretold.
    tainted: BTreeSet<RoomId>,
    calm_from: Time,
    /// Until when the store makes nothing safe.
    stalled_until: Time,
    /// Releases that fail at each copy.
    spoilt: BTreeSet<ReleaseId>,
    /// Batches that releases cannot run, and copies that they cannot make.
    doomed: BTreeMap<ReleaseId, BTreeMap<RoomId, Doom>>,
    /// The room that leaves threads behind which end processes.
    litterer: Option<RoomId>,
    /// Rooms that a release could not run or copy at some time, whatever it fails at now.
    unrunnable: BTreeSet<RoomId>,
    /// Executables that are stored, the one that was shipped longest ago first.
    artifacts: Vec<ReleaseId>,
    /// Those that were gone at some time although they were needed.
    lost: BTreeSet<ReleaseId>,
    /// When this keeper's last rooms at rest were handed to their shards for their age.
    expired: Vec<Time>,
    /// Rooms that were said to have moved, by deploy.
    moved: BTreeMap<DeployId, BTreeSet<RoomId>>,
    /// Rooms that the next keeper finds damaged.
    decaying: BTreeSet<RoomId>,
    /// The keeper has been told to stop.
    stopping: bool,
    /// The rooms as the last keeper left them, if it stopped in order and the next one has not begun.
    left: BTreeMap<RoomId, stops::LeftBehind>,
    /// A copy of the store.
    backup: Option<Backup>,
    /// How long the player whose socket is being cut stays away; by chance otherwise.
    away_for: Option<Span>,
    /// What the trace last said of each room.
    printed: BTreeMap<RoomId, String>,
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
            store: StoreModel::new(RELEASES[0]),
            workers: BTreeMap::new(),
            attempts: BTreeMap::new(),
            wanted: BTreeMap::new(),
            spawning: BTreeMap::new(),
            clients: Vec::new(),
            sockets: BTreeMap::new(),
            gate: Gate::default(),
            watchers: BTreeMap::new(),
            links: BTreeMap::new(),
            timer_at: None,
            overheard: BTreeMap::new(),
            next_id: 0,
            next_room: options.rooms,

            lives: Lives::default(),
            watched: None,
            poison: BTreeSet::new(),
            blind: BTreeMap::new(),
            tainted: BTreeSet::new(),
            calm_from,
            stalled_until: Time(0),
            spoilt: BTreeSet::new(),
            doomed: BTreeMap::new(),
            litterer: None,
            unrunnable: BTreeSet::new(),
            artifacts: vec![RELEASES[0]],
            lost: BTreeSet::new(),
            expired: Vec::new(),
            moved: BTreeMap::new(),
            decaying: BTreeSet::new(),
            stopping: false,
            left: BTreeMap::new(),
            backup: None,
            away_for: None,
            printed: BTreeMap::new(),
            summary: Summary::default(),
            options,
        };
        for index in 0..world.options.rooms * world.options.players {
            let room = index / world.options.players;
            world.clients.push(Client::new(index, room_id(room)));
            let at = world.rng.below(500_000);
            world.schedule(Span(at), 0, WorldEvent::Connect(index));
        }
        world.schedule(Span::ZERO, 0, WorldEvent::KeeperStart);
        world.schedule(Span::millis(50), 0, WorldEvent::Trouble);
        world
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// The invariant that was broken.
    pub fn run(mut self) -> Result<Summary, String> {
        let end = self.calm_from + self.options.recovery;
        while self.next_at().is_some_and(|at| at <= end) {
            self.advance_one()?;
        }
        self.now = end;
        self.check_end()?;
        if let Some(keeper) = &self.keeper {
            self.summary.coverage.merge(&keeper.audit.coverage);
        }
        Ok(self.summary)
    }

    /// When the next thing happens.
    fn next_at(&self) -> Option<Time> {
        self.events.peek().map(|Reverse((at, _))| *at)
    }

    /// The next thing happens.
    fn advance_one(&mut self) -> Result<(), String> {
        let Some(Reverse((at, serial))) = self.events.pop() else { return Ok(()) };
        self.now = at;
        let Some((life, event)) = self.payloads.remove(&serial) else { return Ok(()) };
        if life != 0 && life != self.life {
            return Ok(());
        }
        self.note(&event);
        self.step(event).map_err(|e| format!("at {:?}: {e}", self.now))?;
        if self.options.trace {
            self.print_rooms();
        }
        Ok(())
    }

    fn note(&mut self, event: &WorldEvent) {
        self.summary.steps += 1;
        if !self.options.trace && !self.options.digest {
            return;
        }
        if self.options.trace {
            return self.print(event);
        }
        for byte in format!("{:?} {event:?}", self.now).bytes() {
            self.summary.trace = playon_types::rng::mix(self.summary.trace ^ u64::from(byte));
        }
    }

    fn schedule(&mut self, after: Span, life: u64, event: WorldEvent) {
        self.serial += 1;
        self.events.push(Reverse((self.now + after, self.serial)));
        self.payloads.insert(self.serial, (life, event));
    }

    /// Schedules on an ordered link: never before what was sent there earlier.
    fn send(&mut self, link: (u8, u64), life: u64, event: WorldEvent) {
        let delay = Span(50 + self.rng.below(self.options.delay_max.0));
        let last = self.links.get(&link).copied().unwrap_or_default();
        let at = (self.now + delay).max(last + Span(1));
        self.links.insert(link, at);
        self.schedule(at.since(self.now), life, event);
    }

    fn in_trouble(&self) -> bool {
        self.now < self.calm_from
    }

    const fn fresh(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn step(&mut self, event: WorldEvent) -> Result<(), String> {
        match event {
            WorldEvent::KeeperStart => return self.start_keeper(),
            WorldEvent::Trouble => return self.trouble(),
            WorldEvent::Strike(None) if self.keeper.is_some() => return self.crash_keeper(),
            WorldEvent::Strike(Some(id)) => {
                self.summary.worker_crashes += 1;
                self.kill_worker(id, Ended::ByItself);
            }
            WorldEvent::Thread(id, room) => return self.thread_ends(id, room),
            WorldEvent::Connect(index) => return self.connect(index),
            WorldEvent::Act(index) => return self.act(index),
            WorldEvent::ToClient(message) => return self.tell_client(message),
            WorldEvent::WorkerStep(id) => return self.step_worker(id),
            WorldEvent::CaughtUp(conn) => return self.caught_up(conn),
            WorldEvent::Ripe(conn) => return self.ripe(conn),
            WorldEvent::Pong(conn) => return self.pong(conn),
            WorldEvent::HangUp(conn) => return self.hang_up(conn),
            WorldEvent::Empty => return self.empty_queue(),
            WorldEvent::StopLate => return self.end_stop(false),
            other => return self.step_keeper(other),
        }
        Ok(())
    }

    fn step_keeper(&mut self, event: WorldEvent) -> Result<(), String> {
        let now = self.now;
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        let clock = keeper.clock(now);
        match event {
            WorldEvent::ToOwner(number, message) => self.tell(number, ShardInput::Gate(message))?,
            WorldEvent::FromWorker(id, message) => {
                self.overhear(id);
                self.tell_of(message.about().0, ShardInput::Worker(id, message))?;
            }
            WorldEvent::WorkerAttached(release, berth) => self.attach(release, berth)?,
            WorldEvent::Turn(id, turn)
                if self.workers.get(&id).is_some_and(|w| w.turn == Some(turn)) =>
            {
                self.tell_each(|_| ShardInput::Turn(id, turn))?;
            }
            WorldEvent::Heard(id) => self.word_of(id)?,
            WorldEvent::WorkerGone(id, end) => self.detach(id, &end)?,
            WorldEvent::Inbox(number) => return self.take_next(number),
            WorldEvent::Flush(number) => return self.flush(number),
            WorldEvent::Fsync => return self.make_safe(),
            WorldEvent::Wanted(rooms) => self.tell_wanted(&rooms)?,
            WorldEvent::Order(number, order) => self.tell(number, ShardInput::Order(order))?,
            WorldEvent::Report(number, Report::Berths(needed)) => {
                keeper.berths.handle_report(clock, number, &needed);
            }
            WorldEvent::Report(number, report) => {
                keeper.audit.director_hears(clock, &report);
                keeper.director.handle_report(clock, number, &report);
            }
            WorldEvent::Listed(_) => keeper.heard_list(now),
            WorldEvent::Loaded(room) => return self.answer_load(room),
            WorldEvent::FindSleepers(search) => return self.find_sleepers(&search),
            WorldEvent::CountRests(asks) => return self.count_rests(asks),
            WorldEvent::FindDue(due) => return self.find_due(&due),
            // One that was set before an earlier one was needed has nothing left to do.
            WorldEvent::Timer if self.timer_at != Some(now) => return Ok(()),
            WorldEvent::Timer => {
                self.timer_at = None;
                keeper.handle_timeout(now)?;
            }
            WorldEvent::RecoverNext(rooms) => self.recover_next(rooms)?,
            _ => {}
        }
        self.drain()
    }

    /// Drains the keeper after every handle, and does what it wants.
    fn drain(&mut self) -> Result<(), String> {
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        let wishes = keeper.drain(self.now, &mut self.store)?;
        let stops = wishes.iter().filter(|wish| matches!(wish, Wish::Note(_, Report::Stopped)));
        let stopped = stops.fold(false, |_, _| keeper.note_stopped());
        let began = keeper.began;
        if let Some(at) = keeper.next_timeout() {
            let at = Time(began.0 + at.0).max(self.now);
            // One timer event is enough, unless an earlier one is needed now.
            if self.timer_at.is_none_or(|set| set <= self.now || set > at) {
                self.timer_at = Some(at);
                self.schedule(at.since(self.now), self.life, WorldEvent::Timer);
            }
        }
        wishes.into_iter().try_for_each(|wish| self.grant(wish))?;
        if stopped { self.end_stop(true) } else { Ok(()) }
    }

    fn grant(&mut self, wish: Wish) -> Result<(), String> {
        let life = self.life;
        match wish {
            Wish::Client(message) => {
                if let ToGateway::Welcome { welcome, .. } = &message {
                    self.lives.seat(welcome.room, welcome.session);
                }
                self.send((1, message.conn().0), life, WorldEvent::ToClient(message))
            }
            Wish::Worker(id, message) => {
                if self.options.trace {
                    self.print_order(id, &message);
                }
                self.strike(id, &message);
                self.haunt(&message);
                if let Some(worker) = self.workers.get_mut(&id) {
                    worker.work.push(message);
                    self.send((2, id.0), life, WorldEvent::WorkerStep(id));
                }
            }
            Wish::Batch(number) => self.gather(number)?,
            Wish::Ended(room) => {
                self.lives.end(room);
                self.summary.ended += 1;
            }
            Wish::Load(room) => self.look_for(room),
            Wish::FindSleepers(search) => {
                self.send((TO_DIRECTOR, 0), life, WorldEvent::FindSleepers(search));
            }
            Wish::CountRests(asks) => {
                self.send((TO_DIRECTOR, 0), life, WorldEvent::CountRests(asks));
            }
            Wish::FindDue(due) => self.send((TO_DIRECTOR, 0), life, WorldEvent::FindDue(due)),
            Wish::Expire(room, slept_by) => self.expire(room, slept_by)?,
            Wish::Discard(executables) => self.discard(&executables)?,
            Wish::Kill(id, of, why) => {
                if self.options.trace {
                    self.print_suspect(id, &why);
                }
                self.kill_worker(id, of.ended());
            }
            Wish::Workers(release, berth, count) => {
                self.wanted.insert((release, berth), count);
                self.keep_workers();
            }
            Wish::Deploy(record) => self.follow_deploy(&record)?,
            Wish::Order(number, order) => {
                self.send((TO_SHARD, number.into()), life, WorldEvent::Order(number, order));
            }
            Wish::Note(number, report) => {
                if let Report::Halted { room, .. } = &report {
                    self.check_halt(*room)?;
                }
                self.count(&report);
                self.send((TO_DIRECTOR, number.into()), life, WorldEvent::Report(number, report));
            }
        }
        Ok(())
    }

    fn count(&mut self, report: &Report) {
        match report {
            Report::Moved { deploy, room, .. } => {
                self.summary.moved += 1;
                self.moved.entry(*deploy).or_default().insert(*room);
            }
            Report::MoveFailed { .. } => self.summary.move_failed += 1,
            Report::Gone { asleep: true, .. } => self.summary.slept += 1,
            Report::Halted { room, release, .. } => self.try_again(*room, *release),
            Report::SetAside { room, what: Aside::Input(_), .. } => {
                self.tainted.insert(*room);
                self.clients.iter_mut().filter(|c| c.room == *room).for_each(|c| c.tainted = true);
            }
            Report::SetAside { session, what: Aside::View, .. } => {
                self.blind.insert(*session, self.now + limits().quarantine);
            }
            _ => {}
        }
    }
}

fn room_id(number: u64) -> RoomId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    RoomId(bytes)
}
