//! The rooms of one thread, and what each message does to them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use playon_types::attach::{
    Body, Commit, Deliver, Exported, Fault, FromWorker, Prewarmed, Ready, Stage, ToWorker, Turn,
};
use playon_types::ids::{Attempt, RoomId, Seq};
use playon_types::image::StateCodec;
use playon_types::image::state_bound;
use playon_wire::attach::{AttachError, KeeperWelcome, LogLevel, LogLine, Up};
use playon_wire::state::{ZstdXxh3, diff};

use super::batch;
use super::guard::{Panicked, guard};
use super::pace::{Change, Pace};
use super::proofs::{Proof, Proofs};
use super::slot::{OpenRoom, WarmCopy, WorkerSlot};
use crate::check;
use crate::codec::Encoded;
use crate::envelope::Trouble;
use crate::kind::Kind;
use crate::live::Live;

/// A room under one attempt. Whatever carries another attempt has no effect on it.
type Key = (RoomId, Attempt);

/// The rooms of one thread.
pub(super) struct Rooms {
    kinds: BTreeMap<String, Arc<dyn Kind>>,
    slots: HashMap<Key, WorkerSlot>,
    proofs: Proofs,
    state_bytes_max: usize,
    view_bytes_max: usize,
}

/// All that a thread has of one room, on its way to another.
pub(super) struct MovedRoom(Vec<(Key, WorkerSlot)>);

/// A room and its bytes as they would be committed.
struct Opened {
    live: Box<dyn Live>,
    encoded: Encoded,
    cost_us: u32,
}

impl Rooms {
    /// No rooms yet; their bounds are those that the keeper told.
    pub(super) fn new(kinds: Vec<Arc<dyn Kind>>, welcome: &KeeperWelcome) -> Self {
        let kinds = kinds.into_iter().map(|kind| (kind.info().name, kind)).collect();
        let told = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Self {
            kinds,
            slots: HashMap::new(),
            proofs: Proofs::new(),
            state_bytes_max: told(welcome.state_bytes_max),
            view_bytes_max: told(welcome.view_bytes_max),
        }
    }

    /// Does what the owner asks and puts the answer into `out`. A message that comes twice is answered once.
    pub(super) fn handle(&mut self, message: ToWorker, out: &mut Vec<Up>) {
        match message {
            ToWorker::Create { room, attempt, kind, params, seed } => {
                if !self.slots.contains_key(&(room, attempt)) {
                    let made = self.create((room, attempt), &kind, &params, seed, out);
                    self.answer((room, attempt), Stage::Create, made, out);
                }
            }
            ToWorker::Open { room, attempt, kind, seq, version: _, state } => {
                if !matches!(self.slots.get(&(room, attempt)), Some(WorkerSlot::Open(_))) {
                    let opened = self.open((room, attempt), &kind, seq, state, out);
                    self.answer((room, attempt), Stage::Open, opened, out);
                }
            }
            ToWorker::Deliver(deliver) => self.deliver(&deliver, out),
            ToWorker::Export { room, attempt, kind, seq, version, state } => {
                let exported = self.export((room, attempt), &kind, seq, version, &state, out);
                self.answer((room, attempt), Stage::Export, exported, out);
            }
            ToWorker::Prewarm { room, attempt, kind, seq, version: _, state } => {
                if !self.slots.contains_key(&(room, attempt)) {
                    let warmed = self.prewarm((room, attempt), &kind, seq, state, out);
                    self.answer((room, attempt), Stage::Prewarm, warmed, out);
                }
            }
            ToWorker::Tail { room, attempt, seq, hash, deltas } => {
                if !matches!(self.slots.get(&(room, attempt)), Some(WorkerSlot::Open(_))) {
                    let opened = self.tail((room, attempt), seq, hash, &deltas, out);
                    self.answer((room, attempt), Stage::Open, opened, out);
                }
            }
            ToWorker::Retire { room, attempt } => self.forget((room, attempt)),
        }
    }

    /// Answers what nobody wants any more, instead of doing it.
    pub(super) fn decline(&mut self, message: &ToWorker, out: &mut Vec<Up>) {
        let stage = match message {
            ToWorker::Create { .. } => Stage::Create,
            ToWorker::Open { .. } | ToWorker::Tail { .. } => Stage::Open,
            ToWorker::Deliver(_) => Stage::Deliver,
            ToWorker::Export { .. } => Stage::Export,
            ToWorker::Prewarm { .. } => Stage::Prewarm,
            // It is not answered.
            ToWorker::Retire { .. } => return,
        };
        let Turn { room, attempt, .. } = message.turn();
        self.answer((room, attempt), stage, Err(Trouble::NotHeld), out);
    }

    /// Sends the answer. After a fault nothing is held under the attempt any more.
    fn answer(
        &mut self,
        key: Key,
        stage: Stage,
        result: Result<FromWorker, Trouble>,
        out: &mut Vec<Up>,
    ) {
        let answer = result.unwrap_or_else(|trouble| {
            self.forget(key);
            let refusal = matches!(trouble, Trouble::Refused(_));
            let (room, attempt) = key;
            FromWorker::Fault(Fault { room, attempt, stage, message: trouble.to_string(), refusal })
        });
        out.push(Up::Room(answer));
    }

    /// What is sent in the place of an answer that cannot be sent.
    pub(super) fn retract(&mut self, answer: &FromWorker, error: &AttachError) -> Up {
        let key = answer.about();
        let stage = match answer {
            FromWorker::Commit(commit) if commit.seq == Seq(1) => Stage::Create,
            FromWorker::Commit(_) => Stage::Deliver,
            FromWorker::Ready(_) => Stage::Open,
            FromWorker::Exported(_) => Stage::Export,
            FromWorker::Prewarmed(_) => Stage::Prewarm,
            FromWorker::Fault(fault) => fault.stage,
        };
        if stage != Stage::Export {
            self.forget(key);
        }
        let (room, attempt) = key;
        let message = format!("PLY-0457 what it answers fits into no frame: {error}");
        Up::Room(FromWorker::Fault(Fault { room, attempt, stage, message, refusal: false }))
    }

    /// The game's own types are dropped here, and they may panic when they are.
    fn forget(&mut self, key: Key) {
        if let Some(slot) = self.slots.remove(&key) {
            let _ = guard(|| drop(slot));
        }
    }

    /// A batch of the room took so long. Gives where it is to run if that is somewhere else from now on.
    pub(super) fn took(&mut self, turn: &Turn, time: Duration) -> Option<Change> {
        match self.slots.get_mut(&(turn.room, turn.attempt)) {
            Some(WorkerSlot::Open(open)) => open.pace.took(time),
            _ => None,
        }
    }

    /// There is no other thread for it.
    pub(super) fn stays(&mut self, turn: &Turn) {
        if let Some(WorkerSlot::Open(open)) = self.slots.get_mut(&(turn.room, turn.attempt)) {
            open.pace.stays();
        }
    }

    /// Whether there is anything of that room here.
    pub(super) fn has(&self, room: RoomId) -> bool {
        self.slots.keys().any(|(of, _)| *of == room)
    }

    /// Lets go of the room, for another thread to have it.
    pub(super) fn take(&mut self, room: RoomId) -> MovedRoom {
        MovedRoom(self.slots.extract_if(|(of, _), _| *of == room).collect())
    }

    /// Another thread has let go of it.
    pub(super) fn adopt(&mut self, room: MovedRoom) {
        for (key, mut slot) in room.0 {
            if let WorkerSlot::Open(open) = &mut slot {
                open.proof.belongs_to(self.proofs.kind(&open.kind.info().name));
            }
            self.slots.insert(key, slot);
        }
    }

    fn kind(&self, name: &str) -> Result<Arc<dyn Kind>, Trouble> {
        self.kinds.get(name).cloned().ok_or_else(|| Trouble::UnknownKind(name.to_owned()))
    }

    fn create(
        &mut self,
        key: Key,
        kind: &str,
        params: &[u8],
        seed: u64,
        out: &mut Vec<Up>,
    ) -> Result<FromWorker, Trouble> {
        let name = kind;
        let kind = self.kind(name)?;
        let Opened { live, encoded, cost_us } =
            self.make(key, name, 0, out, || kind.create(params, seed))?;
        play(key, out, || live.prove(&encoded, check::COPIES))?;
        let facts = live.facts();
        let proof = self.proof(name, &encoded, true, facts.attended);
        let bytes = Bytes::from(encoded.bytes);
        let seq = Seq(1);
        let hash = ZstdXxh3.hash(&bytes);
        let commit = Commit {
            room: key.0,
            attempt: key.1,
            seq,
            parent_hash: 0,
            hash,
            version: kind.version(),
            body: Body::Full(bytes.clone()),
            refused: Vec::new(),
            dismissed: Vec::new(),
            outputs: Vec::new(),
            inputs: 0,
            views: Vec::new(),
            left_out: Vec::new(),
            watch_view: None,
            wake_at: facts.wake_at,
            between_rounds: facts.between_rounds,
            ended: facts.ended,
            cost_us,
        };
        self.hold(key, (kind, live), seq, (bytes, hash), proof);
        Ok(FromWorker::Commit(commit))
    }

    fn open(
        &mut self,
        key: Key,
        kind: &str,
        seq: Seq,
        state: Bytes,
        out: &mut Vec<Up>,
    ) -> Result<FromWorker, Trouble> {
        let name = kind;
        let kind = self.kind(name)?;
        let opened = self.make(key, name, state.len(), out, || kind.open(&state))?;
        let proved = opening_proved(key, &opened, &state, out)?;
        Ok(self.ready(key, (name, kind), opened, seq, &state, proved))
    }

    fn prewarm(
        &mut self,
        key: Key,
        kind: &str,
        seq: Seq,
        state: Bytes,
        out: &mut Vec<Up>,
    ) -> Result<FromWorker, Trouble> {
        let name = kind;
        let kind = self.kind(name)?;
        let Opened { live, encoded, cost_us } =
            self.make(key, name, state.len(), out, || kind.open(&state))?;
        let max = self.view_bytes_max;
        play(key, out, || {
            if encoded.bytes != state {
                live.prove(&encoded, 1)?;
            }
            // What players would see at once, or would not see any more.
            let views = batch::views(&*live, &live.players(), true, max)?;
            views.too_large.map_or(Ok(()), |bytes| Err(Trouble::ViewTooLarge { bytes, max }))
        })?;
        let size = encoded.bytes.len() as u64;
        let name = name.to_owned();
        self.slots
            .insert(key, WorkerSlot::Warm(WarmCopy { name, kind, base: state, live, encoded }));
        Ok(FromWorker::Prewarmed(Prewarmed { room: key.0, attempt: key.1, seq, size, cost_us }))
    }

    fn tail(
        &mut self,
        key: Key,
        seq: Seq,
        hash: u64,
        deltas: &[Bytes],
        out: &mut Vec<Up>,
    ) -> Result<FromWorker, Trouble> {
        let Some(WorkerSlot::Warm(copy)) = self.slots.remove(&key) else {
            return Err(Trouble::NotHeld);
        };
        let WarmCopy { name, kind, base, live, encoded } = copy;
        let started = Instant::now();
        if deltas.is_empty() && ZstdXxh3.hash(&base) == hash {
            // Nothing has happened meanwhile: the copy is the room, and was proved then.
            let opened = Opened { live, encoded, cost_us: micros(started) };
            return Ok(self.ready(key, (&name, kind), opened, seq, &base, true));
        }
        // The game's own types may panic when they are dropped.
        let _ = guard(|| drop(live));
        // Each commit in between was within the bound of its room.
        let max = state_bound(self.state_bytes_max, base.len());
        let state = deltas
            .iter()
            .try_fold(base, |state, delta| ZstdXxh3.apply(&state, delta, max))
            .filter(|state| ZstdXxh3.hash(state) == hash)
            .ok_or(Trouble::Tail)?;
        let mut opened = self.make(key, &name, state.len(), out, || kind.open(&state))?;
        let proved = opening_proved(key, &opened, &state, out)?;
        opened.cost_us = micros(started);
        Ok(self.ready(key, (&name, kind), opened, seq, &state, proved))
    }

    /// Works on the bytes it is given and keeps nothing, so that a room of which no batch can be run can still be left.
    fn export(
        &self,
        key: Key,
        kind: &str,
        seq: Seq,
        version: u32,
        state: &[u8],
        out: &mut Vec<Up>,
    ) -> Result<FromWorker, Trouble> {
        let kind = self.kind(kind)?;
        let started = Instant::now();
        let written = play(key, out, || kind.export(state, version))?;
        self.bounded(&written, state.len())?;
        let (state, cost_us) = (Bytes::from(written), micros(started));
        let (room, attempt) = key;
        Ok(FromWorker::Exported(Exported { room, attempt, seq, version, state, cost_us }))
    }

    fn deliver(&mut self, deliver: &Deliver, out: &mut Vec<Up>) {
        let key = (deliver.room, deliver.attempt);
        let Some(WorkerSlot::Open(open)) = self.slots.get_mut(&key) else {
            self.answer(key, Stage::Deliver, Err(Trouble::NotHeld), out);
            return;
        };
        if deliver.seq <= open.seq {
            return;
        }
        let proofs = &mut self.proofs;
        let commit = play(key, out, || batch::run(open, deliver, proofs)).map(|(commit, notes)| {
            out.extend(notes.into_iter().map(|(level, note)| log(level, key.0, note)));
            FromWorker::Commit(commit)
        });
        self.answer(key, Stage::Deliver, commit, out);
    }

    /// Makes a room and encodes it, as its first commit would; `held` bytes are what it is made from.
    fn make(
        &mut self,
        key: Key,
        kind: &str,
        held: usize,
        out: &mut Vec<Up>,
        make: impl FnOnce() -> Result<Box<dyn Live>, Trouble>,
    ) -> Result<Opened, Trouble> {
        let started = Instant::now();
        let kind = self.proofs.kind(kind);
        let (live, encoded) = play(key, out, || {
            let live = make()?;
            let encoded = live.encode(held, self.proofs.note(kind))?;
            Ok((live, encoded))
        })?;
        self.bounded(&encoded.bytes, held)?;
        Ok(Opened { live, encoded, cost_us: micros(started) })
    }

    fn bounded(&self, bytes: &[u8], held: usize) -> Result<(), Trouble> {
        let max = state_bound(self.state_bytes_max, held);
        if bytes.len() > max { Err(Trouble::TooLarge { bytes: bytes.len(), max }) } else { Ok(()) }
    }

    fn ready(
        &mut self,
        key: Key,
        (name, kind): (&str, Arc<dyn Kind>),
        Opened { live, encoded, cost_us }: Opened,
        seq: Seq,
        given: &[u8],
        proved: bool,
    ) -> FromWorker {
        let facts = live.facts();
        let proof = self.proof(name, &encoded, proved, facts.attended);
        let bytes = Bytes::from(encoded.bytes);
        let hash = ZstdXxh3.hash(&bytes);
        let ready = Ready {
            room: key.0,
            attempt: key.1,
            seq,
            version: kind.version(),
            body: diff(given, &bytes),
            hash,
            wake_at: facts.wake_at,
            cost_us,
        };
        self.forget(key);
        self.hold(key, (kind, live), seq, (bytes, hash), proof);
        FromWorker::Ready(ready)
    }

    /// The room is live here from now on.
    fn hold(
        &mut self,
        key: Key,
        (kind, live): (Arc<dyn Kind>, Box<dyn Live>),
        seq: Seq,
        (bytes, hash): (Bytes, u64),
        proof: Proof,
    ) {
        let open = OpenRoom {
            kind,
            live,
            seq,
            bytes_max: state_bound(self.state_bytes_max, bytes.len()),
            bytes,
            hash,
            proof,
            pace: Pace::default(),
            unreadable: 0,
            view_bytes_max: self.view_bytes_max,
            left_out: 0,
        };
        self.slots.insert(key, WorkerSlot::Open(open));
    }

    /// What is known of a room that has just been made.
    fn proof(&mut self, kind: &str, encoded: &Encoded, proved: bool, attended: bool) -> Proof {
        let kind = self.proofs.kind(kind);
        if proved {
            self.proofs.settle(kind, encoded.depth);
        }
        Proof::new(kind, encoded.calls, proved, attended)
    }
}

/// Whether what will be committed of a room that was opened can be relied on: mostly because it is what it was opened from.
///
/// A room that has been played is not refused because it comes back in another order, or with another value: it would be
/// down for good. What cannot be read at all must not take the place of what can.
fn opening_proved(
    key: Key,
    opened: &Opened,
    given: &[u8],
    out: &mut Vec<Up>,
) -> Result<bool, Trouble> {
    if opened.encoded.bytes == given {
        return Ok(true);
    }
    match play(key, out, || opened.live.prove(&opened.encoded, 1)) {
        Ok(()) => Ok(true),
        Err(trouble @ (Trouble::Unordered { .. } | Trouble::Changed { .. })) => {
            out.push(log(LogLevel::Warn, key.0, trouble.to_string()));
            Ok(matches!(trouble, Trouble::Unordered { .. }))
        }
        Err(trouble) => Err(trouble),
    }
}

/// Runs the game's code; what a panic says goes to the log with its backtrace.
fn play<T>(
    key: Key,
    out: &mut Vec<Up>,
    game: impl FnOnce() -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    guard(game).unwrap_or_else(|Panicked { message, backtrace }| {
        let text = format!("PLY-0428 the game panicked: {message}\n{backtrace}");
        out.push(log(LogLevel::Error, key.0, text));
        Err(Trouble::Panicked(message))
    })
}

/// A line about that room.
pub(super) fn log(level: LogLevel, room: RoomId, text: String) -> Up {
    Up::Log(LogLine { level, room: Some(room), text })
}

/// Microseconds since then.
pub(super) fn micros(started: Instant) -> u32 {
    u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX)
}
