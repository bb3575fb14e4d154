//! Many rooms that take their workers down in the same moment: what that costs those that do not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::berths::Berths;
use crate::effect::{Effect, Report, Stored};
use crate::fleet::{Berth, Ended, WorkerEnd, WorkerInfo};
use crate::limits::Limits;
use crate::shard::{Shard, ShardConfig};
use bytes::Bytes;
use playon_types::attach::{Body, Commit, FromWorker, Item, Ready, ToWorker, Turn};
use playon_types::gate::{Create, Hello, ToGateway, ToOwner, Who};
use playon_types::ids::{ConnId, Epoch, ReleaseId, RoomId, SecretHash, Seq, SessionId, WorkerId};
use playon_types::image::{Image, StateCodec};
use playon_types::kind::Policies;
use playon_types::time::{Span, Time};

use super::bench::{OLD, Plain, committed, kind};

/// How long a process takes to start.
const START: Span = Span::millis(30);

/// What one message costs a worker.
const STEP: Span = Span::millis(1);

/// How the game ends its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Aborts,
    Hangs,
}

/// A process with one thread.
struct Process {
    berth: Berth,
    /// Nothing is answered before.
    attached_at: Time,
    waiting: VecDeque<ToWorker>,
    /// What it does not come back from.
    hangs_at: Option<Turn>,
}

/// Rooms of one shard, players, a supervisor that starts what is missing, and workers that do as their rooms tell them.
struct World {
    shard: Shard<Plain>,
    now: Time,
    deed: Deed,
    /// Rooms that cannot be opened.
    unopenable: BTreeSet<RoomId>,
    berths: Berths,
    wanted: BTreeMap<(ReleaseId, Berth), u32>,
    processes: BTreeMap<WorkerId, Process>,
    next: u64,
    /// How often each room was asked to be opened.
    opened: BTreeMap<RoomId, u32>,
    /// Common workers that were lost.
    lost: u32,
    /// When each room last had a commit.
    committed: BTreeMap<RoomId, Time>,
    aside: BTreeSet<RoomId>,
}

fn room(n: u8) -> RoomId {
    RoomId([n; 16])
}

fn state(seq: Seq) -> Bytes {
    Bytes::from(vec![1, seq.0 as u8])
}

fn image(id: RoomId, tick: bool) -> Image {
    committed(id, if tick { "clock" } else { "duel" }, state(Seq(5)))
}

impl World {
    /// Rooms `1..=still` without ticks and the next `ticking` with, each with a player who has a seat.
    fn new(deed: Deed, still: u8, ticking: u8) -> Self {
        let config =
            ShardConfig { epoch: Epoch(2), limits: Limits::default(), shard: 0, age: Span::ZERO };
        let mut world = Self {
            shard: Shard::new(config, Plain),
            now: Time(1_000),
            deed,
            unopenable: BTreeSet::new(),
            berths: Berths::new(Span::secs(10)),
            wanted: BTreeMap::from([((OLD, Berth::Common), 1)]),
            processes: BTreeMap::new(),
            next: 1,
            opened: BTreeMap::new(),
            lost: 0,
            committed: BTreeMap::new(),
            aside: BTreeSet::new(),
        };
        for n in 1..=still + ticking {
            world.shard.handle_recovered(world.now, image(room(n), n > still));
        }
        world.shard.handle_recovery_done(world.now);
        world.run(Span::secs(1));
        for n in 1..=still + ticking {
            let who = Who::New {
                session: SessionId(u64::from(n)),
                secret: SecretHash([n; 16]),
                profile: Bytes::new(),
            };
            let create =
                Create { kind: "duel".into(), name: String::new(), params: Bytes::new(), seed: 0 };
            let conn = ConnId(u64::from(n));
            let hello = Hello { conn, room: room(n), who, create: Some(create) };
            world.shard.handle_gate(world.now, ToOwner::Hello(hello));
        }
        world.run(Span::secs(1));
        world.opened.clear();
        assert_eq!(world.lost, 0);
        world
    }

    fn input(&mut self, n: u8, seq: u64, payload: &'static [u8]) {
        let payload = Bytes::from_static(payload);
        let input = ToOwner::Input { conn: ConnId(u64::from(n)), seq, recv: 0, payload };
        self.shard.handle_gate(self.now, input);
    }

    fn run(&mut self, span: Span) {
        let until = self.now + span;
        while self.now < until {
            self.drain();
            self.supervise();
            for id in self.processes.keys().copied().collect::<Vec<_>>() {
                self.step(id);
            }
            self.now = self.now + STEP;
            if self.shard.next_timeout().is_some_and(|at| at <= self.now) {
                self.shard.handle_timeout(self.now);
            }
            self.berths.handle_timeout(self.now);
        }
    }

    fn drain(&mut self) {
        while let Some(effect) = self.shard.poll() {
            match effect {
                Effect::Append { room, seq, .. } => {
                    self.committed.insert(room, self.now);
                    self.shard.handle_stored(self.now, room, Stored::Record(seq));
                }
                Effect::Snapshot(image) => {
                    self.shard.handle_stored(self.now, image.room, Stored::Snapshot(image.seq));
                }
                Effect::Worker(worker, message) => {
                    if let ToWorker::Open { room, .. } = &message {
                        *self.opened.entry(*room).or_default() += 1;
                    }
                    if let Some(process) = self.processes.get_mut(&worker) {
                        process.waiting.push_back(message);
                    }
                }
                Effect::Suspect { worker, .. } => {
                    let turns = self.processes.get(&worker).and_then(|process| process.hangs_at);
                    self.lose(worker, false, turns);
                }
                Effect::Report(Report::Berths(needed)) => {
                    self.berths.handle_report(self.now, 0, &needed);
                }
                Effect::Report(Report::SetAside { room, .. }) => {
                    self.aside.insert(room);
                }
                Effect::Gate(ToGateway::Close { conn, detail, .. }) => {
                    assert!(!self.unopenable.is_empty(), "{conn:?} is closed: {detail}");
                    assert!(self.unopenable.contains(&room(conn.0 as u8)), "{detail}");
                }
                _ => {}
            }
        }
        assert_eq!(self.shard.check_timers(), Ok(()));
        while let Some((release, berth, count)) = self.berths.poll() {
            self.wanted.insert((release, berth), count);
        }
    }

    fn supervise(&mut self) {
        for ((_, berth), count) in self.wanted.clone() {
            let there: Vec<WorkerId> = self
                .processes
                .iter()
                .filter(|(_, process)| process.berth == berth)
                .map(|(id, _)| *id)
                .collect();
            if count == 0 {
                there.into_iter().for_each(|id| self.lose_quietly(id));
            } else if there.is_empty() {
                self.next += 1;
                let attached_at = self.now + START;
                let process =
                    Process { berth, attached_at, waiting: VecDeque::new(), hangs_at: None };
                self.processes.insert(WorkerId(self.next), process);
            }
        }
    }

    fn lose_quietly(&mut self, id: WorkerId) {
        self.processes.remove(&id);
        self.shard.handle_worker_down(self.now, id, &WorkerEnd::DISMISSED);
    }

    fn lose(&mut self, id: WorkerId, by_itself: bool, turn: Option<Turn>) {
        let Some(process) = self.processes.remove(&id) else { return };
        self.lost += u32::from(process.berth == Berth::Common);
        let end = WorkerEnd {
            ended: if by_itself { Ended::ByItself } else { Ended::Suspect },
            turns: Some(turn.into_iter().collect()),
            how: String::new(),
        };
        self.shard.handle_worker_down(self.now, id, &end);
    }

    fn step(&mut self, id: WorkerId) {
        let now = self.now;
        let Some(process) = self.processes.get_mut(&id) else { return };
        if process.attached_at > now || process.hangs_at.is_some() {
            return;
        }
        if process.attached_at + STEP > now {
            let period = Span::millis(50);
            let clock = Policies { tick: Some(period), ..Policies::default() };
            let mut ticking = kind(1, clock);
            ticking.name = "clock".into();
            let kinds = vec![kind(1, Policies { tick: None, ..Policies::default() }), ticking];
            let info = WorkerInfo { id, berth: process.berth, release: OLD, kinds };
            return self.shard.handle_worker_up(now, info);
        }
        let Some(message) = process.waiting.pop_front() else { return };
        let turn = message.turn();
        let closed =
            matches!(message, ToWorker::Open { room, .. } if self.unopenable.contains(&room));
        if closed || is_bad(&message) {
            match self.deed {
                Deed::Aborts => self.lose(id, true, Some(turn)),
                Deed::Hangs => {
                    process.hangs_at = Some(turn);
                    self.shard.handle_turn(now, id, turn);
                }
            }
        } else if let Some(answer) = answer(&message) {
            self.shard.handle_worker(now, id, answer);
        }
    }

    /// How often the room was opened again, and for how long nothing of it has been committed.
    fn told(&self, n: u8) -> (u32, Span) {
        let silent = self.committed.get(&room(n)).map_or(Span::ZERO, |at| self.now.since(*at));
        (self.opened.get(&room(n)).copied().unwrap_or(0), silent)
    }
}

fn is_bad(message: &ToWorker) -> bool {
    let bad = |item: &Item| matches!(item, Item::Input { payload, .. } if payload[..] == *b"bad");
    matches!(message, ToWorker::Deliver(deliver) if deliver.items.iter().any(bad))
}

fn answer(message: &ToWorker) -> Option<FromWorker> {
    match message {
        ToWorker::Open { room, attempt, seq, .. } => Some(FromWorker::Ready(Ready {
            room: *room,
            attempt: *attempt,
            seq: *seq,
            version: 1,
            body: Body::Same,
            hash: Plain.hash(&state(*seq)),
            wake_at: None,
            cost_us: 5,
        })),
        ToWorker::Deliver(deliver) => Some(FromWorker::Commit(Commit {
            room: deliver.room,
            attempt: deliver.attempt,
            seq: deliver.seq,
            parent_hash: Plain.hash(&state(Seq(deliver.seq.0 - 1))),
            hash: Plain.hash(&state(deliver.seq)),
            version: 1,
            body: Body::Full(state(deliver.seq)),
            refused: Vec::new(),
            dismissed: Vec::new(),
            outputs: Vec::new(),
            inputs: deliver.inputs(),
            views: Vec::new(),
            left_out: Vec::new(),
            watch_view: None,
            wake_at: None,
            between_rounds: false,
            ended: false,
            cost_us: 5,
        })),
        _ => None,
    }
}

/// Rooms `1..=guilty` get an input that ends their process, in the same moment as the healthy ones after them get a good one.
/// The first healthy rooms speak, the last ones tick.
fn at_once(deed: Deed, guilty: u8, speaking: u8, ticking: u8) -> World {
    let mut world = World::new(deed, guilty + speaking, ticking);
    for n in 1..=guilty {
        world.input(n, 1, b"bad");
    }
    for n in guilty + 1..=guilty + speaking {
        world.input(n, 1, b"good");
    }
    world.run(Span::secs(6));
    world
}

#[test]
fn ten_rooms_that_abort_at_once_cost_the_others_a_few_openings_and_not_ten() {
    for guilty in [2, 10, 40] {
        let world = at_once(Deed::Aborts, guilty, 3, 3);
        assert!(world.lost <= 2, "{guilty} guilty rooms: {} common workers lost", world.lost);
        for n in guilty + 1..=guilty + 6 {
            let (opened, _) = world.told(n);
            assert!(opened <= 3, "{guilty} guilty rooms: room {n} was opened {opened} times");
            assert!(world.committed.contains_key(&room(n)));
        }
    }
}

/// Nobody is as quick as a process that ends: the others' inputs find their rooms without a worker.
#[test]
fn inputs_that_arrive_while_the_rooms_have_no_worker_are_no_exception() {
    for apart in [Span::millis(1), Span::millis(4), START] {
        let mut world = World::new(Deed::Aborts, 16, 4);
        for n in 1..=10 {
            world.input(n, 1, b"bad");
            world.run(if n < 5 { apart } else { Span::ZERO });
        }
        world.run(Span::secs(6));
        let most = if apart == START { 6 } else { 3 };
        assert!(world.lost <= most, "{apart:?} apart: {} common workers lost", world.lost);
        assert_eq!(world.aside, (1..=10).map(room).collect());
    }
}

#[test]
fn ten_rooms_that_hang_at_once_hold_the_others_up_for_two_deadlines_and_not_ten() {
    let world = at_once(Deed::Hangs, 10, 3, 3);
    assert!(world.lost <= 2, "{} common workers lost", world.lost);
    for n in 11..=16 {
        let (opened, silent) = world.told(n);
        assert!(opened <= 3, "room {n} was opened {opened} times");
        assert!(n <= 13 || silent < Span::millis(200), "room {n} stands still since {silent:?}");
    }
}

#[test]
fn each_of_ten_that_abort_is_found_out_and_plays_on() {
    let mut world = at_once(Deed::Aborts, 10, 3, 3);
    world.run(Span::secs(4));
    let guilty: BTreeSet<RoomId> = (1..=10).map(room).collect();
    assert_eq!(world.aside, guilty, "nobody else's input is set aside");
    for n in 1..=16 {
        let before = world.committed.get(&room(n)).copied();
        world.input(n, if n <= 13 { 2 } else { 1 }, b"good");
        world.run(Span::millis(200));
        assert!(world.committed.get(&room(n)).copied() > before, "room {n} plays on");
    }
}

#[test]
fn rooms_that_end_their_process_when_they_are_opened_do_not_keep_the_others_from_being_opened() {
    let mut world = World::new(Deed::Aborts, 16, 4);
    world.unopenable = (1..=10).map(room).collect();
    let common = *world.processes.iter().find(|(_, p)| p.berth == Berth::Common).unwrap().0;
    world.lose(common, true, None);
    world.run(Span::secs(2));
    assert!(world.lost <= 4, "{} common workers lost", world.lost);
    for n in 11..=20 {
        let (opened, silent) = world.told(n);
        assert!(opened <= 5, "room {n} was opened {opened} times");
        assert!(n <= 16 || silent < Span::millis(200), "room {n} stands still since {silent:?}");
    }
    // Who was only asked to wait apart from the others waits there for nothing.
    for n in 11..=16 {
        world.input(n, 1, b"good");
    }
    world.run(Span::millis(100));
    for n in 11..=16 {
        let (_, silent) = world.told(n);
        assert!(silent <= Span::millis(100), "room {n} stands still since {silent:?}");
    }
    let on = |facts: crate::facts::RoomFacts<'_>| facts.posts.first().map(|post| post.0);
    let common = world.processes.iter().find(|(_, p)| p.berth == Berth::Common).map(|p| *p.0);
    let healthy = world.shard.rooms(world.now).filter(|f| f.room.0[0] > 10).map(on);
    assert!(healthy.collect::<Vec<_>>().iter().all(|worker| *worker == common));
}
