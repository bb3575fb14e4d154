//! The model of a worker process: it does what it is told, late, and may die at any moment.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use playon_core::fleet::Berth;
use playon_types::attach::{
    Body, Commit, Deliver, Exported, Fault, FromWorker, Item, Prewarmed, Ready, Stage, ToWorker,
    Turn,
};
use playon_types::ids::{Attempt, ReleaseId, RoomId, Seq, WorkerId};
use playon_types::image::StateCodec;
use playon_types::kind::{KindInfo, Policies, Survives};
use playon_types::rng::{Rng, mix};
use playon_types::time::{Span, Time};
use playon_wire::attach::cost;
use playon_wire::state::{ZstdXxh3, diff};

use crate::batch::{Object, commit};
use crate::deeds::{Copying, Doom, FailingTask, GameFailure};
use crate::game::Game;
use crate::manners::Manners;
use crate::worklist::{Worklist, stage_of};

/// The releases of the model game. The third does not read what the first wrote, and cannot write it.
pub const RELEASES: [ReleaseId; 3] = [ReleaseId([1; 32]), ReleaseId([2; 32]), ReleaseId([3; 32])];

/// The state version that a release writes.
pub fn version_of(release: ReleaseId) -> u32 {
    u32::from(release.0[0])
}

/// The oldest state version that a release reads.
pub const fn reads_from(release: ReleaseId) -> u32 {
    if release.0[0] == 3 { 2 } else { 1 }
}

/// The oldest state version that a release can write.
pub const fn exports_to(release: ReleaseId) -> u32 {
    reads_from(release)
}

/// What a step came to.
#[derive(Debug)]
pub enum Stepped {
    /// It is done, and answered if it is something that is.
    Done(Option<Box<FromWorker>>),
    /// The process has died of it.
    Died,
    /// It goes on for ever.
    Hangs,
}

/// How long a room of the kind `ticking` keeps the seat of a player who is gone.
pub const SEAT_HOLD: Span = Span::secs(6);

/// What a release says about its kinds: one that ticks, one that does not, one that may lose its tail.
pub fn kinds_of(release: ReleaseId, manners: Manners) -> Vec<KindInfo> {
    let writes = version_of(release);
    let tick = Some(Span::millis(50));
    let survives = Survives::WorkerCrash { checkpoint: Span::millis(300) };
    let rest = Span::millis(1_500);
    [
        ("ticking", Policies { tick, seat_hold: SEAT_HOLD, ..Policies::default() }),
        ("turns", Policies { idle_hibernate: rest, ..Policies::default() }),
        ("lossy", Policies { tick, survives, ..Policies::default() }),
    ]
    .map(|(name, policies)| KindInfo {
        name: name.into(),
        writes,
        reads_from: reads_from(release),
        exports_to: exports_to(release),
        policies: Policies {
            on_deploy: manners.of(name),
            expire: manners.keeps(release),
            ..policies
        },
    })
    .into()
}

/// One worker process.
#[derive(Debug)]
pub struct Worker {
    /// Its id.
    pub id: WorkerId,
    /// Its release.
    pub release: ReleaseId,
    /// What it is there for.
    pub berth: Berth,
    /// Whether the keeper has it attached.
    pub attached: bool,
    /// Until when it does nothing.
    pub hung_until: Time,
    /// What it was sent and has not done.
    pub work: Worklist,
    /// Panics per thousand batches.
    pub panic: u64,
    /// Players whose hooks fail, per hundred.
    pub cursed: u64,
    /// What it began last, which it may have done already; nothing while it waits for more.
    pub turn: Option<Turn>,
    /// Whether its keeper can see what it is at.
    pub notes: bool,
    /// Copies that fail, per hundred.
    pub bad_copy: u64,
    /// How a panic has left it, if not as it was.
    spoiled: Option<GameFailure>,
    /// Wrong hashes, per thousand batches.
    pub lie: u64,
    /// Rooms of which no batch can be run, or no copy made: the game panics, or the process ends.
    pub doomed: BTreeMap<RoomId, Doom>,
    /// Rooms of which each batch leaves a thread behind that ends the process a while later.
    pub threads: BTreeSet<RoomId>,
    /// The room that has just left one behind, until somebody takes note.
    pub left: Option<RoomId>,
    /// One of them is going to end the process.
    pub doomed_by: Option<RoomId>,
    /// The room to which it last gave a wrong hash, until somebody takes note.
    pub lied: Option<RoomId>,
    /// What the owner did that no worker should see.
    pub wronged: Option<String>,
    /// Rooms that it has been told to forget, and has not.
    ghosts: BTreeMap<RoomId, (Attempt, Object)>,
    objects: BTreeMap<(RoomId, Attempt), Object>,
}

impl Worker {
    /// A fresh process.
    pub fn new(id: WorkerId, release: ReleaseId, berth: Berth) -> Self {
        Self {
            id,
            release,
            berth,
            attached: false,
            hung_until: Time(0),
            work: Worklist::default(),
            panic: 0,
            spoiled: None,
            cursed: 0,
            turn: None,
            bad_copy: 0,
            lie: 0,
            doomed: BTreeMap::new(),
            threads: BTreeSet::new(),
            left: None,
            doomed_by: None,
            lied: None,
            wronged: None,
            ghosts: BTreeMap::new(),
            objects: BTreeMap::new(),
            notes: true,
        }
    }

    /// What its keeper finds that it was at.
    pub fn turns(&self) -> Option<Vec<Turn>> {
        self.notes.then(|| self.turn.into_iter().collect())
    }

    fn version(&self) -> u32 {
        version_of(self.release)
    }

    /// When it is done with what it is at, or begins with now: bytes take their time.
    pub fn done_at(&mut self, now: Time, byte_us: u64) -> Time {
        let Some(front) = self.work.front() else { return now };
        let held = |room: RoomId, attempt| {
            self.objects.get(&(room, attempt)).map_or(0, |object| object.state.len() as u64)
        };
        let turn = front.turn();
        let wanted = u64::from(!self.work.is_void(front));
        let bytes = wanted * (cost(front) + held(turn.room, turn.attempt));
        self.turn = Some(turn);
        self.work.begin(now, Span(bytes * byte_us))
    }

    /// Reads a state if this release can.
    fn read(&self, given: &[u8]) -> Option<Game> {
        let reads = reads_from(self.release)..=self.version();
        Game::decode(given).filter(|game| reads.contains(&game.version))
    }

    /// Does the next thing it was sent.
    pub fn step(&mut self, rng: &mut Rng) -> Stepped {
        self.work.reach();
        let Some(message) = self.work.front() else { return Stepped::Done(None) };
        self.turn = Some(message.turn());
        match self.deed(message) {
            Some(GameFailure::Abort) => return Stepped::Died,
            Some(GameFailure::Hang) => return Stepped::Hangs,
            Some(spoils @ (GameFailure::Spoil | GameFailure::SpoilInputs)) => {
                self.spoiled = Some(spoils);
            }
            Some(GameFailure::Panic) | None => {}
        }
        let answer = self.obey(rng).map(Box::new);
        if self.work.is_empty() {
            self.turn = None;
        }
        Stepped::Done(answer)
    }

    /// The game fails no more, but on inputs that are made for it.
    pub fn mend(&mut self) {
        (self.panic, self.cursed, self.bad_copy, self.lie) = (0, 0, 0, 0);
        self.doomed.clear();
        self.threads.clear();
        self.doomed_by = None;
    }

    /// How the game fails on the message, if it does.
    fn deed(&self, message: &ToWorker) -> Option<GameFailure> {
        if self.work.is_void(message) {
            return None;
        }
        let at = if self.is_copy(message) { FailingTask::Copy } else { FailingTask::Run };
        if let Some(deed) = self.doom(message.turn().room, at) {
            return Some(deed);
        }
        let ToWorker::Deliver(deliver) = message else { return None };
        if let Some(deed) =
            self.doom(deliver.room, FailingTask::Show).filter(|_| deliver.render_watch)
        {
            return Some(deed);
        }
        deliver.items.iter().find_map(|item| self.deed_on(item))
    }

    fn doom(&self, room: RoomId, at: FailingTask) -> Option<GameFailure> {
        self.doomed.get(&room).filter(|doom| doom.at == at).map(|doom| doom.deed)
    }

    /// Whether the game's code brings a state from one version to another for it.
    fn is_copy(&self, message: &ToWorker) -> bool {
        match message {
            ToWorker::Open { version, .. } => *version != self.version(),
            ToWorker::Prewarm { .. } | ToWorker::Tail { .. } | ToWorker::Export { .. } => true,
            ToWorker::Create { .. } | ToWorker::Deliver(_) | ToWorker::Retire { .. } => false,
        }
    }

    /// What it is at, if it is such a thing.
    pub fn copies(&self) -> Option<Copying> {
        let message = self.work.front().filter(|message| self.is_copy(message))?;
        Some(match message {
            ToWorker::Export { .. } => Copying::Export,
            _ => Copying::Open,
        })
    }

    fn deed_on(&self, item: &Item) -> Option<GameFailure> {
        let (session, hook) = match item {
            Item::Input { payload, .. } => return GameFailure::on_input(payload, self.release),
            Item::Join { session, .. } => (session, 1),
            Item::Away(session) => (session, 2),
            Item::Back { session, .. } => (session, 3),
            Item::Leave(session) => (session, 4),
            _ => return None,
        };
        let lot = mix(session.0 ^ (hook << 32));
        (lot % 400 < self.cursed).then(|| GameFailure::of(lot >> 32))
    }

    fn obey(&mut self, rng: &mut Rng) -> Option<FromWorker> {
        let (message, void) = self.work.pop()?;
        if void {
            let Turn { room, attempt, .. } = message.turn();
            return Some(self.fault(room, attempt, stage_of(&message), "nobody wants it any more"));
        }
        match message {
            ToWorker::Create { room, attempt, .. } if self.spoiled == Some(GameFailure::Spoil) => {
                Some(self.fault(room, attempt, Stage::Create, "panicked in a spoiled process"))
            }
            ToWorker::Create { room, attempt, kind, .. } => Some(self.create(room, attempt, &kind)),
            ToWorker::Prewarm { room, attempt, .. }
            | ToWorker::Tail { room, attempt, .. }
            | ToWorker::Export { room, attempt, .. }
                if self.doom(room, FailingTask::Copy).is_some() =>
            {
                Some(self.fault(room, attempt, Stage::Prewarm, "panicked at the copy"))
            }
            ToWorker::Open { room, attempt, version, .. }
                if version != self.version() && self.doom(room, FailingTask::Copy).is_some() =>
            {
                Some(self.fault(room, attempt, Stage::Open, "panicked at the copy"))
            }
            ToWorker::Open { room, attempt, .. } if self.spoiled == Some(GameFailure::Spoil) => {
                Some(self.fault(room, attempt, Stage::Open, "panicked in a spoiled process"))
            }
            ToWorker::Open { room, attempt, seq, state, .. } => {
                Some(self.open(room, attempt, seq, &state, Stage::Open))
            }
            // One that it has had has happened.
            ToWorker::Deliver(deliver) if self.has_had(&deliver) => None,
            ToWorker::Deliver(deliver) => Some(self.deliver(&deliver, rng)),
            ToWorker::Export { room, attempt, seq, version, state, .. } => {
                Some(self.export(room, attempt, seq, version, &state))
            }
            ToWorker::Prewarm { room, attempt, seq, state, .. } => {
                Some(self.prewarm(room, attempt, seq, state, rng))
            }
            ToWorker::Tail { room, attempt, seq, hash, deltas } => {
                Some(self.tail(room, attempt, seq, hash, &deltas))
            }
            ToWorker::Retire { room, attempt } => {
                if let Some(object) = self.objects.remove(&(room, attempt)) {
                    self.ghosts.insert(room, (attempt, object));
                }
                None
            }
        }
    }

    /// What it holds: a room under an attempt.
    pub fn held(&self) -> impl Iterator<Item = &(RoomId, Attempt)> {
        self.objects.keys()
    }

    /// A commit by an attempt that has ended, in answer to a batch that went to another.
    pub fn haunt(&mut self, deliver: &Deliver) -> Option<FromWorker> {
        let (attempt, object) = self.ghosts.get_mut(&deliver.room)?;
        Some(FromWorker::Commit(commit(&Deliver { attempt: *attempt, ..deliver.clone() }, object)))
    }

    fn fault(&mut self, room: RoomId, attempt: Attempt, stage: Stage, message: &str) -> FromWorker {
        self.objects.remove(&(room, attempt));
        FromWorker::Fault(Fault { room, attempt, stage, message: message.into(), refusal: false })
    }

    fn create(&mut self, room: RoomId, attempt: Attempt, kind: &str) -> FromWorker {
        let mut game = Game::new(self.version(), kind != "turns");
        game.writer = attempt.0;
        let state = game.encode();
        let hash = ZstdXxh3.hash(&state);
        let commit = Commit {
            room,
            attempt,
            seq: Seq(1),
            parent_hash: 0,
            hash,
            version: self.version(),
            body: Body::Full(state.clone()),
            refused: Vec::new(),
            dismissed: Vec::new(),
            outputs: Vec::new(),
            views: Vec::new(),
            inputs: 0,
            left_out: Vec::new(),
            watch_view: None,
            wake_at: None,
            between_rounds: true,
            ended: false,
            cost_us: 10,
        };
        self.objects.insert((room, attempt), Object { game, seq: Seq(1), state, ended: false });
        FromWorker::Commit(commit)
    }

    fn open(
        &mut self,
        room: RoomId,
        attempt: Attempt,
        seq: Seq,
        given: &Bytes,
        stage: Stage,
    ) -> FromWorker {
        let Some(game) = self.read(given) else {
            self.wronged = Some(format!("I10: {room} is opened with an unreadable state"));
            return self.fault(room, attempt, stage, "unreadable state");
        };
        let game = if game.version < self.version() { game.migrate(self.version()) } else { game };
        let state = game.encode();
        let ready = Ready {
            room,
            attempt,
            seq,
            version: self.version(),
            body: diff(given, &state),
            hash: ZstdXxh3.hash(&state),
            wake_at: game.timer,
            cost_us: 10,
        };
        self.objects.insert((room, attempt), Object { game, seq, state, ended: false });
        FromWorker::Ready(ready)
    }

    fn prewarm(
        &mut self,
        room: RoomId,
        attempt: Attempt,
        seq: Seq,
        state: Bytes,
        rng: &mut Rng,
    ) -> FromWorker {
        let Some(game) = self.read(&state).filter(|_| !rng.percent(self.bad_copy)) else {
            return self.fault(room, attempt, Stage::Prewarm, "the copy cannot be opened");
        };
        let size = state.len() as u64;
        self.objects.insert((room, attempt), Object { game, seq, state, ended: false });
        FromWorker::Prewarmed(Prewarmed { room, attempt, seq, size, cost_us: 10 })
    }

    fn tail(
        &mut self,
        room: RoomId,
        attempt: Attempt,
        seq: Seq,
        hash: u64,
        deltas: &[Bytes],
    ) -> FromWorker {
        let Some(object) = self.objects.get(&(room, attempt)) else {
            self.wronged = Some(format!("I8: {room} has a tail without a copy"));
            return self.fault(room, attempt, Stage::Open, "no copy to bring up to date");
        };
        let mut state = object.state.clone();
        for delta in deltas {
            match ZstdXxh3.apply(&state, delta, 1 << 20) {
                Some(next) => state = next,
                None => {
                    self.wronged = Some(format!("I10: a delta for {room} does not fit"));
                    return self.fault(room, attempt, Stage::Open, "a delta does not fit");
                }
            }
        }
        if ZstdXxh3.hash(&state) != hash {
            self.wronged = Some(format!("I10: the tail of {room} leads elsewhere"));
            return self.fault(room, attempt, Stage::Open, "the tail leads elsewhere");
        }
        self.open(room, attempt, seq, &state, Stage::Open)
    }

    fn export(
        &mut self,
        room: RoomId,
        attempt: Attempt,
        seq: Seq,
        version: u32,
        given: &Bytes,
    ) -> FromWorker {
        let exports = exports_to(self.release)..=self.version();
        let game = Game::decode(given).filter(|game| game.version == self.version());
        let Some(game) = game.filter(|_| exports.contains(&version)) else {
            self.wronged = Some(format!("I26: {room} cannot be written in version {version} here"));
            return self.fault(room, attempt, Stage::Export, "cannot be written");
        };
        let state = game.migrate(version).encode();
        FromWorker::Exported(Exported { room, attempt, seq, version, state, cost_us: 10 })
    }

    fn is_spoiled_for(&self, deliver: &Deliver) -> bool {
        let input = |item: &Item| matches!(item, Item::Input { .. });
        match self.spoiled {
            Some(GameFailure::Spoil) => true,
            Some(GameFailure::SpoilInputs) => deliver.items.iter().any(input),
            _ => false,
        }
    }

    fn has_had(&self, deliver: &Deliver) -> bool {
        let object = self.objects.get(&(deliver.room, deliver.attempt));
        object.is_some_and(|object| deliver.seq <= object.seq)
    }

    fn deliver(&mut self, deliver: &Deliver, rng: &mut Rng) -> FromWorker {
        let key = (deliver.room, deliver.attempt);
        // Right after a handoff the `Migrate` record has taken a number that the worker does not see.
        let fits = |object: &Object| (1..=2).contains(&(deliver.seq.0 - object.seq.0));
        if self.objects.get(&key).is_some_and(|object| object.ended) {
            self.wronged = Some(format!("I7: {} is delivered to after its end", deliver.room));
        }
        if !self.objects.get(&key).is_some_and(fits) {
            self.wronged = Some(format!("I8: {} is delivered where it is not held", deliver.room));
            return self.fault(deliver.room, deliver.attempt, Stage::Deliver, "no such room");
        }
        if self.doom(deliver.room, FailingTask::Run).is_some()
            || rng.below(1_000) < self.panic
            || deliver.items.iter().any(|item| self.deed_on(item).is_some())
            || self.is_spoiled_for(deliver)
        {
            return self.fault(deliver.room, deliver.attempt, Stage::Deliver, "panicked");
        }
        let Some(object) = self.objects.get_mut(&key) else {
            return self.fault(deliver.room, deliver.attempt, Stage::Deliver, "no such room");
        };
        let mut commit = commit(deliver, object);
        if self.threads.contains(&deliver.room) {
            self.left = Some(deliver.room);
        }
        if rng.below(1_000) < self.lie {
            commit.hash ^= 1;
            self.lied = Some(deliver.room);
        }
        FromWorker::Commit(commit)
    }
}
