//! Sessions against the model: random sequences of what sockets, workers, the store and crashes can do, compared
//! after every step.

use std::collections::BTreeMap;

use bytes::Bytes;
use playon_core::effect::{Effect, Report};
use playon_types::attach::{FromWorker, ToWorker};
use playon_types::gate::{Hello, Mode, ToOwner, Who};
use playon_types::ids::{
    ConnId, Generation, History, NUMBER_MAX, ReleaseId, SecretHash, SessionId, WorkerId,
};
use playon_types::kind::{Policies, Survives};
use playon_types::time::Span;
use proptest::collection::vec;
use proptest::prelude::*;
#[cfg(feature = "mutants")]
use proptest::strategy::ValueTree;
#[cfg(feature = "mutants")]
use proptest::test_runner::TestRunner;

use crate::game::{Command, INPUT, JOINED, UNWELCOME};
use crate::rig::{ROOM, Release, Rig, reports, session_limits};
use crate::session_model::{Claim, Model, Standing, Told};
use crate::worker::Manner;

pub(crate) const GAME: ReleaseId = ReleaseId([1; 32]);
const HOLD: Span = Span::millis(900);

/// A number as a client might give it.
#[derive(Clone, Copy, Debug)]
enum Nth {
    Right,
    Less(u8),
    More(u8),
    Edge(u64),
}

impl Nth {
    fn of(self, right: u64) -> u64 {
        match self {
            Self::Right => right,
            Self::Less(by) => right.saturating_sub(u64::from(by)),
            Self::More(by) => right.saturating_add(u64::from(by)),
            Self::Edge(edge) => edge,
        }
    }
}

/// Where a socket's message comes from: the newest socket of a session, or any that ever was.
#[derive(Clone, Copy, Debug)]
enum From {
    Newest(u8),
    Any(u8),
}

#[derive(Clone, Debug)]
enum Op {
    Hello {
        again: Option<u8>,
        unwelcome: bool,
    },
    Resume {
        whose: u8,
        generation: Nth,
        recv: Nth,
        lo: Nth,
        secret: bool,
        history: bool,
        whole: bool,
    },
    Input {
        from: From,
        seq: Nth,
        recv: Nth,
        command: Command,
    },
    TooLarge {
        from: From,
    },
    Ack {
        from: From,
        recv: Nth,
    },
    Bye {
        from: From,
    },
    Gone {
        from: From,
    },
    Drained {
        from: From,
        sent: Nth,
    },
    Work(Manner),
    Hear,
    Stale(u8),
    Store,
    Kill,
    Wait(u16),
    Crash(u8),
    SnapshotWanted,
}

fn nth() -> impl Strategy<Value = Nth> {
    prop_oneof![
        12 => Just(Nth::Right),
        2 => (1..4_u8).prop_map(Nth::Less),
        1 => (1..4_u8).prop_map(Nth::More),
        1 => edge().prop_map(Nth::Edge),
    ]
}

/// A number near where counting ends for somebody.
fn edge() -> impl Strategy<Value = u64> {
    let ends = [NUMBER_MAX, i64::MAX as u64, u64::MAX - 2];
    (0..ends.len(), 0..5_u64).prop_map(move |(end, by)| ends[end] - 2 + by)
}

fn from() -> impl Strategy<Value = From> {
    prop_oneof![6 => any::<u8>().prop_map(From::Newest), 1 => any::<u8>().prop_map(From::Any)]
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        4 => Just(Command::Note),
        4 => (0..4_u8, 1..40_u8).prop_map(|(count, size)| Command::Tell(count, size)),
        2 => Just(Command::Shout),
        1 => Just(Command::Kick),
        1 => (0..30_u8).prop_map(Command::Timer),
        1 => Just(Command::Poison),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let yes = || prop::bool::weighted(0.93);
    let whole = prop::bool::weighted(0.1);
    let resume = (any::<u8>(), nth(), nth(), nth(), yes(), yes(), whole).prop_map(
        |(whose, generation, recv, lo, secret, history, whole)| Op::Resume {
            whose,
            generation,
            recv,
            lo,
            secret,
            history,
            whole,
        },
    );
    prop_oneof![
        2 => (prop::option::weighted(0.1, any::<u8>()), prop::bool::weighted(0.1))
            .prop_map(|(again, unwelcome)| Op::Hello { again, unwelcome }),
        4 => resume,
        12 => (from(), nth(), nth(), command())
            .prop_map(|(from, seq, recv, command)| Op::Input { from, seq, recv, command }),
        1 => from().prop_map(|from| Op::TooLarge { from }),
        2 => (from(), nth()).prop_map(|(from, recv)| Op::Ack { from, recv }),
        1 => from().prop_map(|from| Op::Bye { from }),
        3 => from().prop_map(|from| Op::Gone { from }),
        1 => (from(), nth()).prop_map(|(from, sent)| Op::Drained { from, sent }),
        12 => prop_oneof![14 => Just(Manner::Well), 1 => Just(Manner::Lies)].prop_map(Op::Work),
        12 => Just(Op::Hear),
        1 => any::<u8>().prop_map(Op::Stale),
        10 => Just(Op::Store),
        1 => Just(Op::Kill),
        3 => (1..600_u16).prop_map(Op::Wait),
        1 => (0..4_u8).prop_map(Op::Crash),
        1 => Just(Op::SnapshotWanted),
    ]
}

/// What an honest client knows.
#[derive(Clone, Debug, Default)]
struct Client {
    conn: u64,
    generation: u64,
    history: u64,
    recv: u64,
    applied: u64,
    welcomed: bool,
}

struct Run {
    rig: Rig,
    model: Model,
    clients: BTreeMap<u64, Client>,
    /// Every socket that was taken in, with its session.
    conns: BTreeMap<u64, u64>,
    next: u64,
    /// Answers that were made to be wrong, by attempt and number.
    lies: Vec<FromWorker>,
}

fn secret(id: u64) -> SecretHash {
    SecretHash([id as u8; 16])
}

impl Run {
    fn new(durable: bool) -> Self {
        let survives = match durable {
            true => Survives::KeeperCrash,
            false => Survives::WorkerCrash { checkpoint: Span::millis(700) },
        };
        let policies = Policies {
            survives,
            seat_hold: HOLD,
            players_max: 3,
            idle_hibernate: Span::secs(1_000_000),
            ..Policies::default()
        };
        let release = Release { id: GAME, writes: 1, reads_from: 1, exports_to: 1 };
        let rig = Rig::new(policies, session_limits(), &[release]);
        let image = rig.disk.clone().expect("stored");
        let model = Model::new(&image, rig.now, durable, session_limits(), HOLD, 3);
        let (clients, conns, lies) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        Self { rig, model, clients, conns, next: 0, lies }
    }

    fn worker(&self) -> WorkerId {
        *self.rig.workers.keys().next().expect("one worker")
    }

    /// The socket and the session that it was taken in for.
    fn pick(&self, from: From) -> Option<(u64, u64)> {
        match from {
            From::Newest(n) => {
                let (id, client) = nth_of(&self.clients, n)?;
                Some((client.conn, *id))
            }
            From::Any(n) => nth_of(&self.conns, n).map(|(conn, id)| (*conn, *id)),
        }
    }

    fn step(&mut self, op: &Op) {
        self.model.tick(self.rig.now);
        match op {
            Op::Hello { again, unwelcome } => self.hello(*again, *unwelcome),
            Op::Resume { whose, generation, recv, lo, secret, history, whole } => {
                if let Some((id, client)) = nth_of(&self.clients, *whose) {
                    let claim = Claim {
                        secret: SecretHash([*id as u8 + u8::from(!secret); 16]),
                        history: if *history { client.history } else { client.history + 99 },
                        generation: generation.of(client.generation.saturating_add(1)),
                        recv: recv.of(client.recv),
                        lo: lo.of(client.applied + 1),
                        whole: *whole,
                    };
                    self.resume(*id, claim);
                }
            }
            Op::Input { .. }
            | Op::TooLarge { .. }
            | Op::Ack { .. }
            | Op::Bye { .. }
            | Op::Gone { .. }
            | Op::Drained { .. } => self.socket(op),
            Op::Work(manner) => self.work(*manner),
            Op::Hear => self.hear(),
            Op::Stale(n) => self.stale(*n),
            Op::Store => self.store(),
            Op::Kill => self.kill(self.worker()),
            Op::Wait(ms) => self.wait(Span::millis(u64::from(*ms))),
            Op::Crash(survive) => self.crash(usize::from(*survive)),
            Op::SnapshotWanted => self.rig.snapshot_wanted(),
        }
        self.compare();
    }

    fn hello(&mut self, again: Option<u8>, unwelcome: bool) {
        // A number that is taken is refused. One that was is not given out again: the gateway draws each at random.
        let known = again.and_then(|n| nth_of(&self.clients, n)).map(|(id, _)| *id);
        let known = known.filter(|id| self.model.players.contains_key(id));
        self.next += 1;
        let (conn, id) = (self.next, known.unwrap_or(self.next));
        let profile = if unwelcome { Bytes::from_static(UNWELCOME) } else { Bytes::new() };
        if self.model.hello(conn, id, secret(id), profile.clone()) {
            self.conns.insert(conn, id);
            self.clients.insert(id, Client { conn, generation: 1, ..Client::default() });
        }
        let who = Who::New { session: SessionId(id), secret: secret(id), profile };
        self.rig.gate(ToOwner::Hello(Hello { conn: ConnId(conn), room: ROOM, who, create: None }));
    }

    fn resume(&mut self, id: u64, claim: Claim) {
        self.next += 1;
        let conn = self.next;
        if self.model.resume(conn, id, claim) {
            self.conns.insert(conn, id);
            let client = self.clients.get_mut(&id).expect("resumed");
            client.generation = client.generation.max(claim.generation);
            (client.conn, client.welcomed) = (conn, false);
            client.applied = client.applied.max(claim.lo.max(1) - 1);
            client.recv = claim.recv;
        }
        let who = Who::Known {
            session: SessionId(id),
            secret: claim.secret,
            history: History(claim.history),
            generation: Generation(claim.generation),
            recv: claim.recv,
            lo: claim.lo,
            whole: claim.whole,
        };
        self.rig.gate(ToOwner::Hello(Hello { conn: ConnId(conn), room: ROOM, who, create: None }));
    }

    fn socket(&mut self, op: &Op) {
        let (Op::Input { from, .. }
        | Op::TooLarge { from }
        | Op::Ack { from, .. }
        | Op::Bye { from }
        | Op::Gone { from }
        | Op::Drained { from, .. }) = op
        else {
            return;
        };
        let Some((at, id)) = self.pick(*from) else { return };
        let conn = ConnId(at);
        let has = self.clients.get(&id).map_or(0, |client| client.recv);
        let taken = self.model.players.get(&id).map_or(0, |player| player.taken);
        let message = match op {
            Op::Input { seq, recv, command, .. } => {
                let (seq, recv) = (seq.of(taken.saturating_add(1)), recv.of(has));
                let payload = command.payload();
                self.model.ack(at, id, recv);
                self.model.input(at, id, seq, payload.clone());
                ToOwner::Input { conn, seq, recv, payload }
            }
            Op::TooLarge { .. } => {
                let (seq, payload) = (taken.saturating_add(1), Bytes::from(vec![0; 17]));
                self.model.ack(at, id, 0);
                self.model.input(at, id, seq, payload.clone());
                ToOwner::Input { conn, seq, recv: 0, payload }
            }
            Op::Ack { recv, .. } => {
                let recv = recv.of(has);
                self.model.ack(at, id, recv);
                ToOwner::Ack { conn, recv }
            }
            Op::Bye { .. } => {
                self.model.bye(at, id);
                ToOwner::Bye { conn }
            }
            Op::Drained { sent, .. } => {
                // Only a socket that was welcomed can have been too slow.
                let seated =
                    self.model.players.get(&id).map(|p| p.standing) != Some(Standing::Asking);
                let sent = sent.of(has);
                if !seated {
                    return;
                }
                self.model.drained(at, id, sent);
                let view = self.model.view_stands_for(at, id, sent);
                if let Some(client) = self.clients.get_mut(&id).filter(|client| client.conn == at) {
                    // What was not written never reached the client, or the next view stands for it.
                    client.recv = view.unwrap_or(sent.min(client.recv));
                }
                ToOwner::Drained { conn, sent }
            }
            _ => {
                self.model.gone(at, id);
                ToOwner::Gone { conn }
            }
        };
        self.rig.gate(message);
        if matches!(op, Op::Gone { .. }) {
            // The gateway says nothing more of a socket that is gone.
            self.conns.remove(&at);
        }
    }

    fn work(&mut self, manner: Manner) {
        let worker = self.worker();
        let next = self.rig.workers[&worker].inbox.front();
        // Only commits are lied about here: a room that cannot be opened is for the handoff's test.
        let manner = if matches!(next, Some(ToWorker::Deliver(_))) { manner } else { Manner::Well };
        self.rig.work(worker, manner, 1);
        if manner == Manner::Lies {
            let last = self.rig.workers[&worker].said.back().cloned();
            self.lies.extend(last.filter(|said| matches!(said, FromWorker::Commit(_))));
        }
    }

    fn hear(&mut self) {
        let worker = self.worker();
        let Some(next) = self.rig.workers[&worker].said.front().cloned() else { return };
        let answers = self.model.inflight.as_ref().is_some_and(|deliver| {
            matches!(&next, FromWorker::Commit(c) if c.attempt == deliver.attempt && c.seq == deliver.seq)
        });
        let sound = answers && !self.lies.contains(&next);
        self.rig.hear(worker);
        for report in reports(&self.rig.effects).filter(|_| sound) {
            if let Report::SetAside { session, what, .. } = report {
                self.model.set_aside(*session, *what, !self.lies.is_empty());
            }
        }
        if sound {
            self.model.committed();
        }
    }

    /// Something said before is heard again, in the name of the worker that is there now.
    fn stale(&mut self, n: u8) {
        let archive = &self.rig.archive;
        let at = usize::from(n) % archive.len().max(1);
        let Some((_, message)) = archive.get(at).cloned() else { return };
        self.rig.tell_shard(self.worker(), message);
    }

    fn store(&mut self) {
        if let Some(write) = self.rig.writes.front() {
            self.model.stored(write.seq().0);
        }
        self.rig.store_next();
    }

    fn kill(&mut self, worker: WorkerId) {
        self.rig.worker_down(worker);
        self.look_at_reports();
        self.rig.worker_up(GAME);
    }

    fn wait(&mut self, span: Span) {
        let until = self.rig.now + span;
        for round in 0.. {
            assert!(round < 10_000, "the shard wants to be called without end");
            let due = self.rig.next_timeout(until);
            self.model.tick(self.rig.now);
            if !due {
                return;
            }
            self.model.expire();
            self.rig.timeout();
            self.compare();
        }
    }

    fn crash(&mut self, survive: usize) {
        self.rig.effects.clear();
        self.rig.crash(survive);
        let image = self.rig.disk.clone().expect("stored");
        self.model.recovered(&image, self.rig.epoch.0);
        self.conns.clear();
        self.lies.clear();
        self.clients.values_mut().for_each(|client| client.conn = 0);
    }

    fn look_at_reports(&mut self) {
        let effects = self.rig.take();
        for report in reports(&effects) {
            match report {
                Report::Fault { .. } => self.model.fell(),
                Report::Recovered { .. } => {
                    for (conn, id) in self.model.opened() {
                        self.conns.insert(conn, id);
                        let client = Client { conn, generation: 1, ..Client::default() };
                        self.clients.insert(id, client);
                    }
                }
                _ => {}
            }
        }
        self.rig.effects = effects;
    }

    /// What the shard wanted done is what the model expected, no more and no less.
    fn compare(&mut self) {
        self.look_at_reports();
        let effects = self.rig.take();
        let mut told = Vec::new();
        for effect in &effects {
            match effect {
                Effect::Gate(message) => told.push(Told::of(message)),
                Effect::Worker(_, ToWorker::Deliver(deliver)) => self.model.delivered(deliver),
                Effect::Append { record, .. } => {
                    let state = self.model.state.encode();
                    assert_eq!(record.hash, crate::game::hash(&state), "{record:?}");
                    assert_eq!(record.seq.0, self.model.seq);
                }
                Effect::Snapshot(image) => {
                    assert_eq!(image.seq.0, self.model.seq, "a snapshot is of the last commit");
                    assert_eq!(image.state, self.model.state.encode());
                }
                _ => {}
            }
        }
        assert_eq!(told, std::mem::take(&mut self.model.expected), "what the gateway is told");
        told.iter().for_each(|told| self.client_hears(told));
        self.model.check();
        for worker in std::mem::take(&mut self.rig.suspects) {
            self.kill(worker);
            self.compare();
        }
    }

    /// A client believes nothing: its events have no gap and no repeat.
    fn client_hears(&mut self, told: &Told) {
        let (Told::Welcome(conn, _) | Told::Push(conn, _) | Told::Close(conn, _)) = told;
        let Some(id) = self.conns.get(conn) else { return };
        let Some(client) = self.clients.get_mut(id).filter(|client| client.conn == *conn) else {
            return;
        };
        match told {
            Told::Welcome(_, welcome) => {
                assert!(!client.welcomed, "welcomed twice");
                client.welcomed = true;
                // What it acknowledged over an older socket counts, and it has taken that in.
                let goes_on = welcome.mode != Mode::Resumed || client.recv <= welcome.event_seq;
                assert!(goes_on, "{welcome:?} does not go on at {}", client.recv);
                client.recv = welcome.event_seq;
                client.history = welcome.history.0;
            }
            Told::Push(_, push) => {
                assert!(client.welcomed, "told something before the welcome");
                for (number, _) in &push.events {
                    assert_eq!(*number, client.recv + 1, "an event is missing or repeated");
                    client.recv = *number;
                }
                client.applied = client.applied.max(push.applied.unwrap_or(0));
            }
            Told::Close(..) => {}
        }
    }

    /// Everything works from here on: what was taken in is applied, once and in order.
    fn settle(&mut self) {
        for _ in 0..400 {
            for op in [Op::Work(Manner::Well), Op::Hear, Op::Store] {
                self.step(&op);
            }
            self.step(&Op::Wait(20));
        }
        assert!(self.model.live, "the room is live again");
        assert!(self.model.queue.is_empty() && self.model.inflight.is_none(), "nothing waits");
        let waits = |p: &crate::session_model::Player| {
            p.standing != Standing::Seated || (p.conn.is_none() && p.away_since.is_none())
        };
        let waiting: Vec<_> = self.model.players.iter().filter(|(_, p)| waits(p)).collect();
        assert!(waiting.is_empty(), "seats between two states: {waiting:?}");
        for (id, player) in &self.model.players {
            assert_eq!(player.applied, player.taken, "player {id}");
            assert!(player.conn.is_some(), "the empty seat of {id} was to be given up");
        }
        let mut last = BTreeMap::new();
        for entry in &self.model.state.log {
            if entry.what == JOINED {
                last.remove(&entry.session);
            }
            if entry.what != INPUT {
                continue;
            }
            let before = last.insert(entry.session, entry.number).unwrap_or(0);
            assert!(entry.number > before, "{entry:?} after {before}");
        }
        assert!(self.model.now().0 > 0);
    }
}

fn nth_of<K, V>(map: &BTreeMap<K, V>, n: u8) -> Option<(&K, &V)> {
    map.iter().nth(usize::from(n) % map.len().max(1))
}

fn check(durable: bool, ops: &[Op]) {
    let mut run = Run::new(durable);
    for op in ops {
        run.step(op);
    }
    run.settle();
}

/// Tries one sequence. Panics where the shard and the model differ.
#[cfg(feature = "mutants")]
pub(crate) fn try_one(runner: &mut TestRunner) {
    let sequence = (proptest::bool::ANY, vec(op(), 1..120)).new_tree(runner).expect("no filter");
    let (durable, ops) = sequence.current();
    check(durable, &ops);
}

proptest! {
    #![proptest_config(crate::config())]

    #[test]
    fn sessions_of_durable_rooms_are_what_the_model_says(ops in vec(op(), 1..120)) {
        check(true, &ops);
    }

    #[test]
    fn sessions_of_rooms_that_only_survive_workers_are_what_the_model_says(
        ops in vec(op(), 1..120),
    ) {
        check(false, &ops);
    }
}
