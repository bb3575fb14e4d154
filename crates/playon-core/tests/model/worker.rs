//! A worker process: it does what it is told, when the test lets it, or fails in a chosen way.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use playon_types::attach::{
    Commit, Deliver, Exported, Fault, FromWorker, Output, Prewarmed, Ready, Stage, ToWorker,
};
use playon_types::ids::{Attempt, ReleaseId, RoomId, Seq};
use playon_types::time::RoomTime;

use crate::game::{State, hash};

/// How a worker answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Well,
    /// It reports that it could not do it.
    Fails,
    /// What it says does not belong to the bytes it gives.
    Lies,
}

/// What a worker has of a room.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) bytes: Bytes,
    /// A live object; otherwise the base of a tail.
    pub(crate) live: bool,
}

/// One worker process.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) release: ReleaseId,
    /// The version of states that its release writes.
    pub(crate) writes: u8,
    /// What it was told and has not looked at.
    pub(crate) inbox: VecDeque<ToWorker>,
    /// What it has answered and the owner has not heard.
    pub(crate) said: VecDeque<FromWorker>,
    /// Its objects of the room, by attempt.
    pub(crate) rooms: BTreeMap<Attempt, Object>,
}

impl Worker {
    pub(crate) fn new(release: ReleaseId, writes: u8) -> Self {
        Self {
            release,
            writes,
            inbox: VecDeque::new(),
            said: VecDeque::new(),
            rooms: BTreeMap::new(),
        }
    }

    /// Looks at the next message. Tells whether there was one.
    pub(crate) fn step(&mut self, manner: Manner, prewarm_us: u32) -> bool {
        let Some(message) = self.inbox.pop_front() else { return false };
        let answer = match message {
            ToWorker::Retire { attempt, .. } => {
                self.rooms.remove(&attempt);
                None
            }
            message if manner == Manner::Fails => Some(self.fail(&message)),
            ToWorker::Create { room, attempt, .. } => Some(self.create(room, attempt)),
            ToWorker::Open { room, attempt, seq, state, .. } => {
                Some(self.open(room, attempt, seq, state))
            }
            ToWorker::Deliver(deliver) => self.deliver(deliver),
            ToWorker::Export { room, attempt, seq, version, state, .. } => {
                let state = State { version: version as u8, ..State::decode(&state) }.encode();
                let exported = Exported { room, attempt, seq, version, state, cost_us: 1 };
                Some(FromWorker::Exported(exported))
            }
            ToWorker::Prewarm { room, attempt, seq, state, .. } => {
                let size = state.len() as u64;
                self.rooms.insert(attempt, Object { bytes: state, live: false });
                let cost_us = prewarm_us;
                Some(FromWorker::Prewarmed(Prewarmed { room, attempt, seq, size, cost_us }))
            }
            ToWorker::Tail { room, attempt, seq, hash, deltas } => {
                Some(self.tail(room, attempt, seq, hash, &deltas))
            }
        };
        self.said
            .extend(answer.map(|answer| if manner == Manner::Lies { lie(answer) } else { answer }));
        true
    }

    fn create(&mut self, room: RoomId, attempt: Attempt) -> FromWorker {
        let state = State::new(self.writes);
        let bytes = state.encode();
        self.rooms.insert(attempt, Object { bytes: bytes.clone(), live: true });
        FromWorker::Commit(Commit {
            room,
            attempt,
            seq: Seq(1),
            parent_hash: 0,
            hash: hash(&bytes),
            version: u32::from(self.writes),
            body: playon_types::attach::Body::Full(bytes),
            refused: Vec::new(),
            dismissed: Vec::new(),
            outputs: Vec::new(),
            views: Vec::new(),
            inputs: 0,
            left_out: Vec::new(),
            watch_view: None,
            wake_at: None,
            between_rounds: false,
            ended: false,
            cost_us: 1,
        })
    }

    fn open(&mut self, room: RoomId, attempt: Attempt, seq: Seq, given: Bytes) -> FromWorker {
        let state = State { version: self.writes, ..State::decode(&given) };
        let bytes = state.encode();
        self.rooms.insert(attempt, Object { bytes: bytes.clone(), live: true });
        FromWorker::Ready(Ready {
            room,
            attempt,
            seq,
            version: u32::from(self.writes),
            body: state.body_after(&given),
            hash: hash(&bytes),
            wake_at: state.timer.map(RoomTime),
            cost_us: 1,
        })
    }

    fn tail(
        &mut self,
        room: RoomId,
        attempt: Attempt,
        seq: Seq,
        told: u64,
        deltas: &[Bytes],
    ) -> FromWorker {
        let base = self.rooms.remove(&attempt).filter(|object| !object.live);
        let Some(base) = base else {
            return fault(room, attempt, Stage::Open, "not held");
        };
        let mut bytes = base.bytes.to_vec();
        deltas.iter().for_each(|delta| bytes.extend_from_slice(delta));
        assert_eq!(hash(&bytes), told, "the tail does not lead to the owner's bytes");
        self.open(room, attempt, seq, bytes.into())
    }

    fn deliver(&mut self, deliver: Deliver) -> Option<FromWorker> {
        let (room, attempt) = (deliver.room, deliver.attempt);
        let before = self.rooms.get(&attempt).filter(|object| object.live)?.bytes.clone();
        if State::panics_on(&deliver.items) {
            self.rooms.remove(&attempt);
            return Some(fault(room, attempt, Stage::Deliver, "the game panicked"));
        }
        let mut state = State::decode(&before);
        let said = state.run(deliver.now, &deliver.items);
        let bytes = state.encode();
        self.rooms.insert(attempt, Object { bytes: bytes.clone(), live: true });
        let output = |(session, payload, reliable)| Output { session, payload, reliable };
        let sentence = |session| (session, "so it is".to_owned());
        Some(FromWorker::Commit(Commit {
            room,
            attempt,
            seq: deliver.seq,
            parent_hash: hash(&before),
            hash: hash(&bytes),
            version: u32::from(self.writes),
            body: state.body_after(&before),
            refused: said.refused.into_iter().map(sentence).collect(),
            dismissed: said.dismissed.into_iter().map(sentence).collect(),
            outputs: said.outputs.into_iter().map(output).collect(),
            inputs: deliver.inputs(),
            views: deliver.render.iter().map(|session| (*session, view(deliver.seq))).collect(),
            left_out: Vec::new(),
            watch_view: None,
            wake_at: state.timer.map(RoomTime),
            between_rounds: state.between,
            ended: false,
            cost_us: 1,
        }))
    }

    fn fail(&mut self, message: &ToWorker) -> FromWorker {
        let (room, attempt, stage) = match message {
            ToWorker::Create { room, attempt, .. } => (*room, *attempt, Stage::Create),
            ToWorker::Open { room, attempt, .. } | ToWorker::Tail { room, attempt, .. } => {
                (*room, *attempt, Stage::Open)
            }
            ToWorker::Deliver(deliver) => (deliver.room, deliver.attempt, Stage::Deliver),
            ToWorker::Export { room, attempt, .. } => (*room, *attempt, Stage::Export),
            ToWorker::Prewarm { room, attempt, .. } => (*room, *attempt, Stage::Prewarm),
            ToWorker::Retire { .. } => unreachable!("not answered"),
        };
        self.rooms.remove(&attempt);
        fault(room, attempt, stage, "it failed")
    }
}

/// What players see after a commit.
pub(crate) fn view(seq: Seq) -> Bytes {
    Bytes::from(format!("as of {seq}"))
}

fn fault(room: RoomId, attempt: Attempt, stage: Stage, message: &str) -> FromWorker {
    let message = message.to_owned();
    FromWorker::Fault(Fault { room, attempt, stage, message, refusal: false })
}

fn lie(answer: FromWorker) -> FromWorker {
    match answer {
        FromWorker::Commit(commit) => {
            FromWorker::Commit(Commit { hash: commit.hash ^ 1, ..commit })
        }
        FromWorker::Ready(ready) => FromWorker::Ready(Ready { hash: ready.hash ^ 1, ..ready }),
        other => other,
    }
}
