//! A worker driven by hand: it says what a test tells it to, over the real attach socket.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use bytes::Bytes;
use playon_types::attach::{Body, Commit, Deliver, FromWorker, Prewarmed, Ready, ToWorker};
use playon_types::image::StateCodec;
use playon_types::kind::{KindInfo, OnDeploy, Policies};
use playon_types::time::Span;
use playon_wire::attach::{
    ATTACH_PROTOCOL, Down, LinkSecret, Up, WorkerHello, cost, encode_up, read_down,
};
use playon_wire::state::ZstdXxh3;

use super::rig::{PATIENCE, Rig};

/// A process that has connected to a keeper.
pub(crate) struct Rogue {
    stream: UnixStream,
}

/// What a worker of that label would say that serves the drill game's kind of room, as nobody has started it.
pub(crate) fn hello(rig: &Rig, label: &str) -> WorkerHello {
    let secret = std::fs::read_to_string(rig.data().join("worker.secret")).unwrap();
    let (on_deploy, tick) = (OnDeploy::Now, Some(Span::millis(50)));
    let pause_budget = Span::secs(PATIENCE.as_secs());
    let policies = Policies { on_deploy, pause_budget, tick, ..Policies::default() };
    let kind =
        KindInfo { name: "drill-20".into(), writes: 1, reads_from: 1, exports_to: 1, policies };
    WorkerHello {
        protocol: ATTACH_PROTOCOL,
        secret: LinkSecret::parse(secret.trim()).unwrap(),
        app: "rogue".into(),
        label: label.into(),
        pid: std::process::id(),
        kinds: vec![kind],
        assets: Vec::new(),
        defects: Vec::new(),
    }
}

pub(crate) fn hash(state: &[u8]) -> u64 {
    ZstdXxh3.hash(state)
}

impl Rogue {
    pub(crate) fn connect(rig: &Rig) -> Self {
        let stream = UnixStream::connect(rig.data().join("attach.sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream }
    }

    /// Attaches as a worker that serves the drill game's kind of room.
    pub(crate) fn attach(rig: &Rig, label: &str) -> Self {
        let mut rogue = Self::connect(rig);
        rogue.say(&[Up::Hello(Box::new(hello(rig, label)))]);
        match rogue.hear().as_deref() {
            Some([Down::Welcome(_), ..]) => rogue,
            other => panic!("{other:?} instead of a welcome"),
        }
    }

    /// The code with which that hello is refused.
    pub(crate) fn refused(rig: &Rig, hello: WorkerHello) -> String {
        let mut rogue = Self::connect(rig);
        rogue.say(&[Up::Hello(Box::new(hello))]);
        let code = match rogue.hear().as_deref() {
            Some([Down::Refuse(refusal)]) => refusal.code.clone(),
            other => panic!("{other:?} instead of a refusal"),
        };
        rogue.cut();
        code
    }

    pub(crate) fn say(&mut self, items: &[Up]) {
        self.stream.write_all(&encode_up(items).unwrap()).unwrap();
    }

    /// Bytes as they are; the keeper may hang up in the middle of them.
    pub(crate) fn blurt(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    pub(crate) fn hear(&mut self) -> Option<Vec<Down>> {
        read_down(&mut self.stream).unwrap()
    }

    /// No more will be said; the keeper's part is still read.
    pub(crate) fn fall_silent(&self) {
        self.stream.shutdown(std::net::Shutdown::Write).unwrap();
    }

    /// Waits until the keeper has hung up.
    pub(crate) fn cut(mut self) {
        let mut rest = [0; 4096];
        loop {
            match self.stream.read(&mut rest) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return,
                Err(error) => panic!("the keeper does not hang up: {error}"),
            }
        }
    }

    /// The next message about a room. Pings are answered and credit is returned on the way.
    pub(crate) fn order(&mut self) -> Option<ToWorker> {
        loop {
            let mut found = None;
            for item in self.hear()? {
                match item {
                    Down::Ping { nonce } => self.say(&[Up::Pong { nonce }]),
                    Down::Room(message) => {
                        self.say(&[Up::Credit { bytes: cost(&message) }]);
                        assert!(found.is_none(), "one room has one order at a time");
                        // A retirement is not answered.
                        found = Some(message).filter(|m| !matches!(m, ToWorker::Retire { .. }));
                    }
                    Down::Shutdown => return None,
                    Down::Welcome(_) | Down::Refuse(_) => panic!("said already"),
                }
            }
            if found.is_some() {
                return found;
            }
        }
    }

    /// Does what a good worker does until a batch of the room arrives, and returns that with the room's bytes.
    pub(crate) fn take_over(&mut self) -> (Deliver, Bytes) {
        let mut held = Bytes::new();
        loop {
            match self.order().expect("the link is kept") {
                ToWorker::Prewarm { room, attempt, seq, state, .. } => {
                    let size = state.len() as u64;
                    held = state;
                    let warm = Prewarmed { room, attempt, seq, size, cost_us: 1 };
                    self.say(&[Up::Room(FromWorker::Prewarmed(warm))]);
                }
                ToWorker::Tail { room, attempt, seq, hash, deltas } => {
                    for delta in deltas {
                        held = ZstdXxh3.apply(&held, &delta, 16 << 20).unwrap();
                    }
                    let ready = Ready {
                        room,
                        attempt,
                        seq,
                        version: 1,
                        body: Body::Same,
                        hash,
                        wake_at: None,
                        cost_us: 1,
                    };
                    self.say(&[Up::Room(FromWorker::Ready(ready))]);
                }
                ToWorker::Deliver(deliver) => return (deliver, held),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Takes rooms over. Of the first it says that it ran so many inputs more than it was given, in the first batch that has
    /// any; only after that is another one taken. Ends with the link.
    pub(crate) fn take_two_over(mut self, by: i32) {
        let mut held = BTreeMap::new();
        let (mut first, mut lied, mut waiting) = (None, false, Vec::new());
        while let Ok(Some(items)) = read_down(&mut self.stream) {
            let mut answers = Vec::new();
            for item in items {
                let message = match item {
                    Down::Ping { nonce } => {
                        answers.push(Up::Pong { nonce });
                        continue;
                    }
                    Down::Room(message) => message,
                    _ => return,
                };
                answers.push(Up::Credit { bytes: cost(&message) });
                match message {
                    ToWorker::Prewarm { room, attempt, seq, state, .. } => {
                        let size = state.len() as u64;
                        held.insert(room, state);
                        let warm = Prewarmed { room, attempt, seq, size, cost_us: 1 };
                        answers.push(Up::Room(FromWorker::Prewarmed(warm)));
                    }
                    ToWorker::Tail { room, attempt, seq, hash, deltas } => {
                        let state = held.get_mut(&room).unwrap();
                        for delta in deltas {
                            *state = ZstdXxh3.apply(state, &delta, 16 << 20).unwrap();
                        }
                        let (version, body, wake_at) = (1, Body::Same, None);
                        let cost_us = 1;
                        let ready =
                            Ready { room, attempt, seq, version, body, hash, wake_at, cost_us };
                        let ready = Up::Room(FromWorker::Ready(ready));
                        if *first.get_or_insert(room) == room || lied {
                            answers.push(ready);
                        } else {
                            waiting.push(ready);
                        }
                    }
                    ToWorker::Deliver(deliver) => {
                        let mut commit = idle_commit(&deliver, &held[&deliver.room]);
                        if !lied && (by > 0 || deliver.inputs() > 0) {
                            commit.inputs = commit.inputs.saturating_add_signed(by);
                            lied = true;
                        }
                        answers.push(Up::Room(FromWorker::Commit(commit)));
                        if lied {
                            answers.append(&mut waiting);
                        }
                    }
                    _ => {}
                }
            }
            if !self.blurt(&encode_up(&answers).unwrap()) {
                return;
            }
        }
    }
}

/// A commit that answers the batch and changes nothing, for tests to spoil.
pub(crate) fn idle_commit(deliver: &Deliver, state: &[u8]) -> Commit {
    Commit {
        room: deliver.room,
        attempt: deliver.attempt,
        seq: deliver.seq,
        parent_hash: hash(state),
        hash: hash(state),
        version: 1,
        body: Body::Same,
        refused: Vec::new(),
        dismissed: Vec::new(),
        outputs: Vec::new(),
        inputs: deliver.inputs(),
        views: Vec::new(),
        left_out: Vec::new(),
        watch_view: None,
        wake_at: None,
        between_rounds: true,
        ended: false,
        cost_us: 1,
    }
}
