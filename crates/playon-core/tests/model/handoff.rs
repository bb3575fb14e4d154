//! Handoffs against the model: random sequences of deploys, failures of every party and crashes in every step.

use bytes::Bytes;
use playon_core::effect::{Effect, Order};
use playon_core::limits::Limits;
use playon_types::attach::{FromWorker, ToWorker};
use playon_types::gate::{Hello, ToGateway, ToOwner, Who};
use playon_types::ids::{
    ConnId, DeployId, Generation, History, ReleaseId, SecretHash, SessionId, WorkerId,
};
use playon_types::kind::{OnDeploy, Policies, Survives};
use playon_types::time::Span;
use proptest::collection::vec;
use proptest::prelude::*;
#[cfg(feature = "mutants")]
use proptest::strategy::ValueTree;
#[cfg(feature = "mutants")]
use proptest::test_runner::TestRunner;

use crate::game::{Command, INPUT};
use crate::handoff_model::Truth;
use crate::rig::{ROOM, Release, Rig, Write};
use crate::worker::Manner;

/// The second reads what the first writes and can turn it back; the third has dropped the first version.
const RELEASES: [Release; 3] = [
    Release { id: ReleaseId([1; 32]), writes: 1, reads_from: 1, exports_to: 1 },
    Release { id: ReleaseId([2; 32]), writes: 2, reads_from: 1, exports_to: 1 },
    Release { id: ReleaseId([3; 32]), writes: 2, reads_from: 2, exports_to: 2 },
];

const PLAYER: SessionId = SessionId(7);
const SECRET: SecretHash = SecretHash([7; 16]);

/// How much time passes at once while nothing is done to anybody.
const CALM: Span = Span::millis(25);

#[derive(Clone, Debug)]
enum Op {
    Input(Command),
    Move {
        to: u8,
        at_once: bool,
    },
    Check {
        to: u8,
    },
    Cancel {
        which: u8,
    },
    /// A deploy is in more of a hurry.
    Hurry {
        which: u8,
    },
    Work {
        whose: u8,
        manner: Manner,
        slow: bool,
    },
    /// The worker hangs on its next message.
    Lose {
        whose: u8,
    },
    Hear {
        whose: u8,
    },
    Stale(u8),
    Store,
    Kill {
        whose: u8,
    },
    Up {
        release: u8,
    },
    Wait(u8),
    Crash(u8),
}

#[derive(Clone, Copy, Debug)]
struct Setup {
    durable: bool,
    ticks: bool,
    patient: bool,
}

fn setup() -> impl Strategy<Value = Setup> {
    (prop::bool::weighted(0.7), any::<bool>(), any::<bool>())
        .prop_map(|(durable, ticks, patient)| Setup { durable, ticks, patient })
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        6 => Just(Command::Note),
        2 => Just(Command::Tell(1, 3)),
        2 => (0..40_u8).prop_map(Command::Timer),
        3 => any::<bool>().prop_map(Command::Between),
        1 => Just(Command::Poison),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let manner = prop_oneof![
        20 => Just(Manner::Well),
        1 => Just(Manner::Fails),
        1 => Just(Manner::Lies),
    ];
    prop_oneof![
        8 => command().prop_map(Op::Input),
        5 => (0..3_u8, any::<bool>()).prop_map(|(to, at_once)| Op::Move { to, at_once }),
        1 => (0..3_u8).prop_map(|to| Op::Check { to }),
        1 => any::<u8>().prop_map(|which| Op::Cancel { which }),
        1 => any::<u8>().prop_map(|which| Op::Hurry { which }),
        16 => (any::<u8>(), manner, prop::bool::weighted(0.1))
            .prop_map(|(whose, manner, slow)| Op::Work { whose, manner, slow }),
        3 => any::<u8>().prop_map(|whose| Op::Lose { whose }),
        16 => any::<u8>().prop_map(|whose| Op::Hear { whose }),
        2 => any::<u8>().prop_map(Op::Stale),
        9 => Just(Op::Store),
        2 => any::<u8>().prop_map(|whose| Op::Kill { whose }),
        2 => (0..3_u8).prop_map(|release| Op::Up { release }),
        4 => (1..120_u8).prop_map(Op::Wait),
        1 => (0..4_u8).prop_map(Op::Crash),
    ]
}

fn limits() -> Limits {
    Limits {
        batch_items_max: 3,
        unsafe_commits_max: 3,
        tail_deltas_max: 2,
        open_timeout: Span::millis(300),
        prewarm_timeout: Span::millis(400),
        // These workers do not note what they are at: one that answers other things is waited for so long.
        turn_timeout: Span::secs(1),
        over_budget_wait: Span::millis(700),
        freeze_timeout: Span::millis(150),
        reopen_backoff_max: Span::millis(300),
        snapshot_every_commits: 7,
        ..Limits::default()
    }
}

struct Run {
    rig: Rig,
    truth: Truth,
    /// The player's socket and its generation.
    conn: u64,
    history: u64,
    /// Inputs sent, told to be applied, and events taken in.
    sent: u64,
    told: u64,
    recv: u64,
    deploys: u64,
    lies: Vec<FromWorker>,
}

impl Run {
    fn new(setup: Setup) -> Self {
        let survives = match setup.durable {
            true => Survives::KeeperCrash,
            false => Survives::WorkerCrash { checkpoint: Span::millis(250) },
        };
        let on_deploy = match setup.patient {
            true => OnDeploy::BetweenRounds { deadline: Span::millis(400) },
            false => OnDeploy::Now,
        };
        let policies = Policies {
            survives,
            on_deploy,
            tick: setup.ticks.then(|| Span::millis(50)),
            seat_hold: Span::secs(100_000),
            idle_hibernate: Span::secs(100_000),
            batch_timeout: Span::millis(300),
            ..Policies::default()
        };
        let period = policies.tick;
        let rig = Rig::new(policies, limits(), &RELEASES);
        let (id, first) = rig.workers.first_key_value().expect("three");
        let attempt = *first.rooms.keys().next().expect("it made the room");
        let image = rig.disk.as_ref().expect("stored");
        let truth = Truth::new(image, (attempt, *id), setup.durable, period);
        let history = image.history.0;
        let mut run = Self {
            rig,
            truth,
            conn: 1,
            history,
            sent: 0,
            told: 0,
            recv: 0,
            deploys: 0,
            lies: Vec::new(),
        };
        run.hello(Who::New { session: PLAYER, secret: SECRET, profile: Bytes::new() });
        while run.rig.disk.as_ref().is_some_and(|image| image.seats.is_empty()) {
            run.calm();
        }
        run
    }

    fn hello(&mut self, who: Who) {
        let conn = ConnId(self.conn);
        self.rig.gate(ToOwner::Hello(Hello { conn, room: ROOM, who, create: None }));
        self.look(None);
    }

    fn step(&mut self, op: &Op) {
        match op {
            Op::Input(command) => self.input(*command),
            Op::Move { to, at_once } => self.deploy(*to, Some(*at_once)),
            Op::Check { to } => self.deploy(*to, None),
            Op::Cancel { which } => self.cancel(*which),
            Op::Hurry { which } => self.hurry(*which),
            Op::Work { whose, manner, slow } => {
                if let Some(worker) = self.rig.nth_worker(usize::from(*whose)) {
                    self.work(worker, *manner, *slow);
                }
            }
            Op::Lose { whose } => self.lose(*whose),
            Op::Hear { whose } => {
                if let Some(worker) = self.rig.nth_worker(usize::from(*whose)) {
                    self.hear(worker);
                }
            }
            Op::Stale(n) => self.stale(*n),
            Op::Store => drop(self.store()),
            Op::Kill { whose } => {
                if let Some(worker) = self.rig.nth_worker(usize::from(*whose)) {
                    self.kill(worker);
                }
            }
            Op::Up { release } => {
                if self.rig.workers.len() < 5 {
                    self.rig.worker_up(RELEASES[usize::from(*release)].id);
                    self.look(None);
                }
            }
            Op::Wait(ms) => self.wait(Span::millis(u64::from(*ms))),
            Op::Crash(survive) => self.crash(usize::from(*survive)),
        }
    }

    fn input(&mut self, command: Command) {
        self.sent += 1;
        let (conn, seq, payload) = (ConnId(self.conn), self.sent, command.payload());
        self.rig.gate(ToOwner::Input { conn, seq, recv: self.recv, payload });
        self.look(None);
    }

    /// Orders a move, or with `None` a check.
    fn deploy(&mut self, to: u8, at_once: Option<bool>) {
        self.deploys += 1;
        let (deploy, to) = (DeployId(self.deploys), RELEASES[usize::from(to)].id);
        self.truth.orders.insert(self.deploys, false);
        self.rig.order(match at_once {
            Some(at_once) => Order::Move { deploy, room: ROOM, to, at_once, since: None },
            None => Order::Check { deploy, room: ROOM, to },
        });
        self.look(None);
    }

    fn cancel(&mut self, which: u8) {
        let count = self.truth.orders.len().max(1);
        let Some((deploy, cancelled)) =
            self.truth.orders.iter_mut().nth(usize::from(which) % count)
        else {
            return;
        };
        *cancelled = true;
        let deploy = DeployId(*deploy);
        self.rig.order(Order::CancelMoves { deploy });
        self.look(None);
    }

    fn hurry(&mut self, which: u8) {
        let deploy = DeployId(u64::from(which) % (self.deploys + 1));
        self.rig.order(Order::Hurry { deploy, room: ROOM });
        self.look(None);
    }

    fn work(&mut self, worker: WorkerId, manner: Manner, slow: bool) -> bool {
        let before = self.rig.workers[&worker].said.len();
        let worked = self.rig.work(worker, manner, if slow { 80_000 } else { 1 });
        let said = &self.rig.workers[&worker].said;
        if manner == Manner::Lies && said.len() > before {
            let tells =
                |said: &&FromWorker| matches!(said, FromWorker::Commit(_) | FromWorker::Ready(_));
            self.lies.extend(said.back().filter(tells).cloned());
        }
        worked
    }

    fn lose(&mut self, whose: u8) {
        let Some(worker) = self.rig.nth_worker(usize::from(whose)) else { return };
        let inbox = &mut self.rig.workers.get_mut(&worker).expect("there").inbox;
        if !matches!(inbox.front(), None | Some(ToWorker::Retire { .. })) {
            inbox.pop_front();
        }
    }

    fn hear(&mut self, worker: WorkerId) -> bool {
        let Some(next) = self.rig.workers[&worker].said.front().cloned() else { return false };
        let (_, attempt) = next.about();
        let lie = self.lies.contains(&next);
        let commits = self.truth.is_answer(&next) && !lie;
        let before = self.rig.writes.len();
        if commits {
            self.truth.commit();
        }
        self.rig.hear(worker);
        let records = |write: &&Write| matches!(write, Write::Record(_));
        let written = self.rig.writes.iter().skip(before).filter(records).count();
        let durable = matches!(self.rig.policies.survives, Survives::KeeperCrash);
        assert!(!(commits && durable) || written == 1, "a commit is one record");
        if matches!(next, FromWorker::Fault(_))
            && self.truth.switch.is_some_and(|s| s.to == attempt)
        {
            self.truth.attempt_ends(attempt);
        }
        self.look((!lie).then_some(&next));
        true
    }

    /// What was heard before has no effect when it is heard again.
    fn stale(&mut self, n: u8) {
        let count = self.rig.archive.len();
        if count == 0 {
            return;
        }
        let (worker, message) = self.rig.archive[count - 1 - usize::from(n) % count].clone();
        if matches!(message, FromWorker::Fault(_) | FromWorker::Exported(_)) {
            // These name what they answer by the attempt alone; a link repeats nothing.
            return;
        }
        let worker = if self.rig.workers.contains_key(&worker) {
            Some(worker)
        } else {
            self.rig.nth_worker(0)
        };
        let Some(worker) = worker else { return };
        self.rig.tell_shard(worker, message.clone());
        let effects = &self.rig.effects;
        let quiet = |effect: &Effect| matches!(effect, Effect::Report(_));
        assert!(effects.iter().all(quiet), "{message:?}, heard again, has an effect: {effects:?}");
        self.look(None);
    }

    fn store(&mut self) -> bool {
        if let Some(write) = self.rig.writes.front() {
            self.truth.stored(write.seq().0);
        }
        let stored = self.rig.store_next();
        self.look(None);
        stored
    }

    fn kill(&mut self, worker: WorkerId) {
        self.truth.worker_down(worker);
        self.rig.worker_down(worker);
        self.look(None);
    }

    fn wait(&mut self, span: Span) {
        let until = self.rig.now + span;
        for round in 0.. {
            assert!(round < 10_000, "the shard wants to be called without end");
            if !self.rig.next_timeout(until) {
                return;
            }
            self.rig.timeout();
            self.look(None);
        }
    }

    fn crash(&mut self, survive: usize) {
        let safe = self.safe();
        self.rig.crash(survive);
        let image = self.rig.disk.clone().expect("stored");
        self.truth.recovered(&image, safe);
        self.lies.clear();
        self.look(None);
        self.conn += 1;
        let (history, generation) = (History(self.history), Generation(self.conn));
        let lo = self.told + 1;
        let recv = self.recv;
        let (session, secret) = (PLAYER, SECRET);
        // What the client still holds it sends again.
        self.sent = self.told;
        self.hello(Who::Known { session, secret, history, generation, recv, lo, whole: false });
    }

    fn safe(&self) -> u64 {
        self.rig.disk.as_ref().map_or(0, |image| image.seq.0)
    }

    fn look(&mut self, heard: Option<&FromWorker>) {
        let effects = self.rig.take();
        self.truth.observe(&effects, heard, self.safe());
        for effect in &effects {
            match effect {
                Effect::Gate(ToGateway::Welcome { welcome, .. }) => {
                    self.history = welcome.history.0;
                    self.recv = welcome.event_seq;
                    self.sent = welcome.in_next - 1;
                    self.truth.applied = self.truth.applied.max(self.told_lost(welcome.in_next));
                }
                Effect::Gate(ToGateway::Push { push, .. }) => {
                    self.told = self.told.max(push.applied.unwrap_or(0));
                    for (number, _) in &push.events {
                        assert_eq!(*number, self.recv + 1, "an event is missing or repeated");
                        self.recv = *number;
                    }
                }
                Effect::Gate(close) => panic!("the player is sent away: {close:?}"),
                _ => {}
            }
        }
        for worker in std::mem::take(&mut self.rig.suspects) {
            self.kill(worker);
        }
    }

    /// Inputs that were told to be applied and are lost with a keeper; the next one is after them.
    fn told_lost(&self, in_next: u64) -> u64 {
        if in_next - 1 > self.truth.applied && self.truth.inflight.is_none() {
            in_next - 1
        } else {
            0
        }
    }

    /// Everybody does what he should, for a moment.
    fn calm(&mut self) {
        for release in &RELEASES {
            let there = self.rig.workers.values().any(|worker| worker.release == release.id);
            if !there {
                self.rig.worker_up(release.id);
                self.look(None);
            }
        }
        let workers: Vec<WorkerId> = self.rig.workers.keys().copied().collect();
        for worker in workers {
            for round in 0.. {
                assert!(round < 1_000, "the worker is asked for the same without end");
                let there = self.rig.workers.contains_key(&worker);
                if !there || !(self.work(worker, Manner::Well, false) | self.hear(worker)) {
                    break;
                }
            }
        }
        while self.store() {}
        self.wait(CALM);
    }

    fn settle(&mut self) {
        for _ in 0..200 {
            self.calm();
        }
        self.input(Command::Between(true));
        for _ in 0..200 {
            self.calm();
        }
        // Whoever waits for a worker of its own does so for longer; here none comes.
        let longest = [limits().trial_queue_wait, limits().trial_wait];
        for _ in 0..longest.iter().map(|wait| wait.0 / CALM.0).sum::<u64>() {
            if self.truth.orders.values().all(|cancelled| *cancelled) {
                break;
            }
            self.calm();
        }
        let truth = &self.truth;
        assert!(truth.owner.is_some() && truth.switch.is_none(), "live, in one place");
        assert_eq!(
            (truth.applied, self.told),
            (self.sent, self.sent),
            "every input is applied and told"
        );
        assert_eq!(truth.state.timer, None, "every timer has fired");
        let open: Vec<_> = truth.orders.iter().filter(|(_, cancelled)| !**cancelled).collect();
        assert!(open.is_empty(), "nobody reports on {open:?}");
        let mut last = 0;
        for entry in truth.state.log.iter().filter(|entry| entry.what == INPUT) {
            assert!(entry.number > last, "{entry:?} after {last}");
            last = entry.number;
        }
        let held: Vec<_> =
            self.rig.workers.values().flat_map(|worker| worker.rooms.keys()).collect();
        assert_eq!(held, [&truth.owner.expect("live")], "exactly one object of the room is left");
    }
}

fn check(setup: Setup, ops: &[Op]) -> Run {
    let mut run = Run::new(setup);
    for op in ops {
        run.step(op);
    }
    run.settle();
    run
}

/// Tries one sequence. Panics where the shard and the model differ.
#[cfg(feature = "mutants")]
pub(crate) fn try_one(runner: &mut TestRunner) {
    let sequence = (setup(), vec(op(), 1..150)).new_tree(runner).expect("no filter");
    let (setup, ops) = sequence.current();
    check(setup, &ops);
}

proptest! {
    #![proptest_config(crate::config())]

    #[test]
    fn a_room_has_one_owner_whatever_happens(setup in setup(), ops in vec(op(), 1..150)) {
        check(setup, &ops);
    }
}
