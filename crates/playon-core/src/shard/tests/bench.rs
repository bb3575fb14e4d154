//! A shard on the bench: the test plays gateway, worker and store, one message at a time.

use crate::effect::{Effect, Loaded, Order, Report, Stored};
use crate::fleet::{Berth, WorkerEnd, WorkerInfo};
use crate::limits::Limits;
use crate::shard::{Shard, ShardConfig};
use bytes::Bytes;
use playon_types::attach::{Body, Commit, FromWorker, Prewarmed, Ready, ToWorker};
use playon_types::gate::{Close, Create, Hello, ToGateway, ToOwner, Who};
use playon_types::ids::{
    Attempt, ConnId, DeployId, Epoch, Generation, History, ReleaseId, RoomId, SecretHash, Seq,
    SessionId, WorkerId,
};
use playon_types::image::{Image, StateCodec};
use playon_types::kind::{KindInfo, OnDeploy, Policies};
use playon_types::time::{RoomTime, Span, Time, WallTime};

pub(crate) const ROOM: RoomId = RoomId([9; 16]);
pub(crate) const OLD: ReleaseId = ReleaseId([1; 32]);
pub(crate) const NEW: ReleaseId = ReleaseId([2; 32]);
pub(crate) const ONE: WorkerId = WorkerId(1);
pub(crate) const TWO: WorkerId = WorkerId(2);
pub(crate) const DEPLOY: DeployId = DeployId(7);

/// Deltas are the whole bytes, hashes their sum: the rules do not care.
pub(crate) struct Plain;

impl StateCodec for Plain {
    fn apply(&self, _base: &[u8], delta: &[u8], max: usize) -> Option<Bytes> {
        (delta.len() <= max).then(|| Bytes::copy_from_slice(delta))
    }

    fn hash(&self, state: &[u8]) -> u64 {
        state.iter().fold(1, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)))
    }
}

pub(crate) fn kind(writes: u32, policies: Policies) -> KindInfo {
    KindInfo { name: "duel".into(), writes, reads_from: 1, exports_to: 1, policies }
}

/// A kind that does not tick, and that a deploy may move at once.
pub(crate) fn turn_based() -> Policies {
    Policies { tick: None, ..super::now() }
}

/// The shard and what it asked for that nobody has looked at yet.
pub(crate) struct Bench {
    pub(crate) shard: Shard<Plain>,
    pub(crate) now: Time,
    pub(crate) effects: Vec<Effect>,
    /// Whether what is stored becomes safe at once.
    pub(crate) store_works: bool,
}

impl Bench {
    /// A shard with one worker of the old release and one of the new.
    pub(crate) fn new(policies: &Policies) -> Self {
        Self::under(1, Span::ZERO, policies)
    }

    /// The same of a keeper that is not the first one: keepers are so old when its time begins.
    pub(crate) fn under(epoch: u64, age: Span, policies: &Policies) -> Self {
        let (epoch, limits) = (Epoch(epoch), Limits::default());
        Self::of(ShardConfig { epoch, limits, shard: 0, age }, policies)
    }

    /// The first keeper, with other limits.
    pub(crate) fn limited(policies: &Policies, limits: Limits) -> Self {
        Self::of(ShardConfig { epoch: Epoch(1), limits, shard: 0, age: Span::ZERO }, policies)
    }

    fn of(config: ShardConfig, policies: &Policies) -> Self {
        let mut bench = Self {
            shard: Shard::new(config, Plain),
            now: Time(1_000),
            effects: Vec::new(),
            store_works: true,
        };
        bench.shard.handle_recovery_done(bench.now);
        for (id, release, writes) in [(ONE, OLD, 1), (TWO, NEW, 2)] {
            let kinds = vec![kind(writes, policies.clone())];
            let info = WorkerInfo { id, berth: Berth::Common, release, kinds };
            bench.shard.handle_worker_up(bench.now, info);
        }
        bench.order(Order::Prefer(OLD));
        bench
    }

    pub(crate) fn order(&mut self, order: Order) {
        self.shard.handle_order(self.now, order);
        self.drain();
    }

    pub(crate) fn gate(&mut self, message: ToOwner) {
        self.shard.handle_gate(self.now, message);
        self.drain();
    }

    pub(crate) fn worker(&mut self, id: WorkerId, message: FromWorker) {
        self.shard.handle_worker(self.now, id, message);
        self.drain();
    }

    pub(crate) fn loaded(&mut self, loaded: Loaded) {
        self.shard.handle_loaded(self.now, ROOM, loaded);
        self.drain();
    }

    /// The store has found the room at rest since that millisecond.
    pub(crate) fn found_asleep(&mut self, image: Image, since: u64) {
        let (image, since) = (Box::new(image), WallTime(since));
        self.loaded(Loaded::Asleep { image, since });
    }

    pub(crate) fn recovered(&mut self, image: Image) {
        self.shard.handle_recovered(self.now, image);
        self.drain();
    }

    pub(crate) fn stored(&mut self, stored: Stored) {
        self.shard.handle_stored(self.now, ROOM, stored);
        self.drain();
    }

    pub(crate) fn worker_down(&mut self, id: WorkerId) {
        self.worker_ends(id, &WorkerEnd::DISMISSED);
    }

    pub(crate) fn worker_ends(&mut self, id: WorkerId, end: &WorkerEnd) {
        self.shard.handle_worker_down(self.now, id, end);
        self.drain();
    }

    /// A worker of the old release attaches in that berth, whose kind goes by turns.
    pub(crate) fn old_worker_up(&mut self, id: u64, berth: Berth) -> WorkerId {
        let kinds = vec![kind(1, turn_based())];
        let info = WorkerInfo { id: WorkerId(id), berth, release: OLD, kinds };
        self.shard.handle_worker_up(self.now, info);
        self.wait(Span::ZERO);
        WorkerId(id)
    }

    /// Another worker of the new release, under the same number.
    pub(crate) fn worker_up(&mut self, id: WorkerId) {
        let kinds = vec![kind(2, Policies { on_deploy: OnDeploy::Now, ..Policies::default() })];
        let info = WorkerInfo { id, berth: Berth::Common, release: NEW, kinds };
        self.shard.handle_worker_up(self.now, info);
        self.drain();
    }

    pub(crate) fn wait(&mut self, span: Span) {
        self.now = self.now + span;
        self.shard.handle_timeout(self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(effect) = self.shard.poll() {
            let safe = match &effect {
                Effect::Append { room, seq, .. } => Some((*room, Stored::Record(*seq))),
                Effect::Snapshot(image) => Some((image.room, Stored::Snapshot(image.seq))),
                Effect::Sleep(image) => Some((image.room, Stored::Asleep)),
                Effect::Delete(room) => Some((*room, Stored::Deleted)),
                _ => None,
            };
            self.effects.push(effect);
            if let Some((room, stored)) = safe.filter(|_| self.store_works) {
                self.shard.handle_stored(self.now, room, stored);
            }
        }
        assert_eq!(self.shard.check_timers(), Ok(()));
    }

    /// Takes what was sent to a worker.
    pub(crate) fn sent_to(&mut self, worker: WorkerId) -> Vec<ToWorker> {
        let (mine, rest) = std::mem::take(&mut self.effects)
            .into_iter()
            .partition(|effect| matches!(effect, Effect::Worker(to, _) if *to == worker));
        self.effects = rest;
        let message = |effect| match effect {
            Effect::Worker(_, message) => Some(message),
            _ => None,
        };
        Vec::into_iter(mine).filter_map(message).collect()
    }

    /// Takes the reports.
    pub(crate) fn reports(&mut self) -> Vec<Report> {
        let (mine, rest): (Vec<Effect>, Vec<Effect>) = std::mem::take(&mut self.effects)
            .into_iter()
            .partition(|effect| matches!(effect, Effect::Report(_)));
        self.effects = rest;
        let report = |effect| match effect {
            Effect::Report(report) => Some(report),
            _ => None,
        };
        mine.into_iter().filter_map(report).collect()
    }

    /// Why a socket was closed, if it was.
    pub(crate) fn closed(&self, conn: u64) -> Option<Close> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Gate(ToGateway::Close { conn: at, why, .. }) if at.0 == conn => Some(*why),
            _ => None,
        })
    }

    /// Whether a socket was welcomed.
    pub(crate) fn welcomed(&self, conn: u64) -> bool {
        self.effects.iter().any(
            |effect| matches!(effect, Effect::Gate(ToGateway::Welcome { conn: at, .. }) if at.0 == conn),
        )
    }

    pub(crate) fn hello(&mut self, conn: u64) {
        self.hello_to(conn, "table");
    }

    /// A new player for the room, which is made with that name if it is not there.
    pub(crate) fn hello_to(&mut self, conn: u64, name: &str) {
        let who = Who::New {
            session: SessionId(100 + conn),
            secret: SecretHash([conn as u8; 16]),
            profile: Bytes::new(),
        };
        let create =
            Create { kind: "duel".into(), name: name.into(), params: Bytes::new(), seed: 0 };
        let hello = Hello { conn: ConnId(conn), room: ROOM, who, create: Some(create) };
        self.gate(ToOwner::Hello(hello));
        if self.effects.iter().any(|effect| matches!(effect, Effect::Load(_))) {
            self.effects.retain(|effect| !matches!(effect, Effect::Load(_)));
            self.shard.handle_loaded(self.now, ROOM, Loaded::Missing);
            self.drain();
        }
    }

    /// The first player comes back on another socket.
    pub(crate) fn hello_again(&mut self, conn: u64) {
        let who = Who::Known {
            session: SessionId(101),
            secret: SecretHash([1; 16]),
            history: History(1),
            generation: Generation(conn),
            recv: 0,
            lo: 1,
            whole: false,
        };
        self.gate(ToOwner::Hello(Hello { conn: ConnId(conn), room: ROOM, who, create: None }));
    }

    /// The room goes to rest, as nobody is connected.
    pub(crate) fn goes_to_rest(&mut self, idle: Span) -> Image {
        self.effects.clear();
        self.wait(idle);
        let asleep = self.effects.iter().find_map(|effect| match effect {
            Effect::Sleep(image) => Some(image.clone()),
            _ => None,
        });
        self.effects.clear();
        asleep.expect("nobody is there")
    }

    pub(crate) fn input(&mut self, conn: u64, seq: u64) {
        let payload = Bytes::from_static(b"move");
        self.gate(ToOwner::Input { conn: ConnId(conn), seq, recv: 0, payload });
    }

    /// Answers everything a worker was sent, as a good game would. `between` is what its commits say about
    /// the safe point.
    pub(crate) fn obey(&mut self, worker: WorkerId, between: bool) {
        loop {
            let messages = self.sent_to(worker);
            if messages.is_empty() {
                return;
            }
            for message in messages {
                if let Some(answer) = answer(worker, &message, between) {
                    self.worker(worker, answer);
                }
            }
        }
    }

    /// A live room on the old release with one seated player.
    pub(crate) fn with_player(policies: &Policies, between: bool) -> Self {
        let mut bench = Self::new(policies);
        bench.hello(1);
        bench.obey(ONE, between);
        if policies.tick.is_some() {
            bench.wait(Span::millis(200));
            bench.obey(ONE, between);
        }
        assert!(bench.welcomed(1));
        bench.effects.clear();
        bench
    }

    pub(crate) fn move_to(&mut self, to: ReleaseId, at_once: bool) {
        self.order(Order::Move { deploy: DEPLOY, room: ROOM, to, at_once, since: None });
    }
}

/// A room as the store has it, without players, after its fifth commit.
pub(crate) fn committed(room: RoomId, kind: &str, state: Bytes) -> Image {
    Image {
        room,
        kind: kind.into(),
        name: String::new(),
        history: History(1),
        release: OLD,
        epoch: Epoch(1),
        seq: Seq(5),
        version: 1,
        hash: Plain.hash(&state),
        state,
        now: RoomTime(0),
        clock: RoomTime(0),
        tick: 0,
        wake_at: None,
        between_rounds: false,
        ended: false,
        clean: true,
        seats: Default::default(),
    }
}

fn state(version: u32, seq: u64) -> Bytes {
    Bytes::from(vec![version as u8, seq as u8])
}

fn version_of(worker: WorkerId) -> u32 {
    if worker == ONE { 1 } else { 2 }
}

/// What a good worker answers.
pub(crate) fn answer(worker: WorkerId, message: &ToWorker, between: bool) -> Option<FromWorker> {
    let version = version_of(worker);
    match message {
        ToWorker::Create { room, attempt, .. } => {
            Some(commit(*room, *attempt, 1, version, None, between))
        }
        ToWorker::Deliver(deliver) => {
            let seq = deliver.seq.0;
            // The bytes before are those of the last commit, whoever wrote it.
            let mut answer =
                commit(deliver.room, deliver.attempt, seq, version, Some(seq - 1), between);
            if let FromWorker::Commit(commit) = &mut answer {
                commit.inputs = deliver.inputs();
            }
            Some(answer)
        }
        ToWorker::Open { room, attempt, seq, .. } | ToWorker::Tail { room, attempt, seq, .. } => {
            let bytes = state(version, seq.0);
            let hash = Plain.hash(&bytes);
            Some(FromWorker::Ready(Ready {
                room: *room,
                attempt: *attempt,
                seq: *seq,
                version,
                body: Body::Full(bytes),
                hash,
                wake_at: None,
                cost_us: 5,
            }))
        }
        ToWorker::Prewarm { room, attempt, seq, .. } => Some(prewarmed(*room, *attempt, seq.0, 5)),
        ToWorker::Export { room, attempt, version, .. } => {
            Some(FromWorker::Exported(playon_types::attach::Exported {
                room: *room,
                attempt: *attempt,
                seq: Seq(0),
                version: *version,
                state: state(*version, 0),
                cost_us: 5,
            }))
        }
        ToWorker::Retire { .. } => None,
    }
}

pub(crate) fn prewarmed(room: RoomId, attempt: Attempt, seq: u64, cost_us: u32) -> FromWorker {
    let seq = Seq(seq);
    FromWorker::Prewarmed(Prewarmed { room, attempt, seq, size: 2, cost_us })
}

/// A commit whose bytes say version and seq. After a move the parent's bytes are `[version, parent - 1]`,
/// so the parent's hash is looked up by trying both.
pub(crate) fn commit(
    room: RoomId,
    attempt: Attempt,
    seq: u64,
    version: u32,
    parent: Option<u64>,
    between: bool,
) -> FromWorker {
    let bytes = state(version, seq);
    let parent_hash = parent.map_or(0, |parent| Plain.hash(&state(version, parent)));
    FromWorker::Commit(Commit {
        room,
        attempt,
        seq: Seq(seq),
        parent_hash,
        hash: Plain.hash(&bytes),
        version,
        body: Body::Full(bytes),
        refused: Vec::new(),
        dismissed: Vec::new(),
        outputs: Vec::new(),
        inputs: 0,
        views: Vec::new(),
        left_out: Vec::new(),
        watch_view: None,
        wake_at: None,
        between_rounds: between,
        ended: false,
        cost_us: 5,
    })
}
