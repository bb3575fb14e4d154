//! A test that plays the owner: it holds committed bytes, and talks to a real worker over a real socket.

use std::collections::VecDeque;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use playon::App;
use playon::worker::{LinkSecret, ServeError};
use playon_types::attach::{Body, Commit, Deliver, Fault, FromWorker, Item, Ready, ToWorker};
use playon_types::ids::{Attempt, RoomId, Seq, SessionId, WorkerId};
use playon_types::image::{StateCodec, materialize};
use playon_types::time::RoomTime;
use playon_wire::attach::{
    Down, KeeperWelcome, LogLine, Up, WorkerHello, cost, read_up, write_down,
};
use playon_wire::state::ZstdXxh3;

/// The owner's end of a link to a worker.
pub struct Owner {
    stream: UnixStream,
    worker: JoinHandle<Result<(), ServeError>>,
    unread: VecDeque<Up>,
    pub hello: WorkerHello,
    pub logs: Vec<LogLine>,
    /// What was sent and not yet given back, in bytes.
    pub owed: u64,
}

/// A room as the owner holds it.
#[derive(Clone)]
pub struct Held {
    pub room: RoomId,
    pub attempt: Attempt,
    pub kind: &'static str,
    pub seq: Seq,
    pub version: u32,
    pub state: Bytes,
    pub hash: u64,
}

impl Held {
    /// Applies a commit after checking that it is the next one.
    pub fn take_in(&mut self, commit: &Commit) {
        assert_eq!((commit.room, commit.attempt), (self.room, self.attempt));
        assert_eq!((commit.seq, commit.parent_hash), (self.seq.next(), self.hash));
        self.state =
            materialize(commit.seq, &self.state, &commit.body, commit.hash, &ZstdXxh3, 1 << 24)
                .unwrap();
        (self.seq, self.hash, self.version) = (commit.seq, commit.hash, commit.version);
    }
}

impl Owner {
    /// Starts a worker for the app and shakes hands.
    pub fn attach(app: App) -> Self {
        Self::attach_with(app, None)
    }

    /// The same, with a page for the worker's notes.
    pub fn attach_with(app: App, turns: Option<String>) -> Self {
        let mut owner = Self::connect(app);
        let welcome = KeeperWelcome {
            protocol: 1,
            worker: WorkerId(1),
            heartbeat_ms: 5_000,
            credit_bytes: 1 << 20,
            state_bytes_max: 16 << 20,
            view_bytes_max: 64 << 20,
            turns,
        };
        owner.send(&[Down::Welcome(welcome)]);
        owner
    }

    /// Starts a worker and reads its hello.
    pub fn connect(app: App) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut ours = ours;
        ours.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let secret = LinkSecret([7; 32]);
        let worker = std::thread::spawn(move || app.serve(theirs, secret));
        let mut first = read_up(&mut ours).unwrap().unwrap();
        let Some(Up::Hello(hello)) = first.pop() else { panic!("no hello") };
        assert_eq!((first.len(), hello.secret), (0, secret));
        Self {
            stream: ours,
            worker,
            unread: VecDeque::new(),
            hello: *hello,
            logs: Vec::new(),
            owed: 0,
        }
    }

    pub fn send(&mut self, items: &[Down]) {
        write_down(&mut self.stream, items).unwrap();
    }

    pub fn tell(&mut self, message: ToWorker) {
        self.owed += cost(&message);
        self.send(&[Down::Room(message)]);
    }

    /// The next answer about a room; log lines and credit are noted on the way.
    pub fn answer(&mut self) -> FromWorker {
        loop {
            match self.next() {
                Up::Room(answer) => return answer,
                Up::Log(line) => self.logs.push(line),
                Up::Credit { bytes } => self.owed = self.owed.checked_sub(bytes).unwrap(),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits until the worker has read all that it was told, and handed it to its rooms' threads. No room may answer meanwhile.
    pub fn until_read(&mut self) {
        self.send(&[Down::Ping { nonce: 0 }]);
        loop {
            match self.next() {
                Up::Pong { .. } => return,
                Up::Log(line) => self.logs.push(line),
                Up::Credit { bytes } => self.owed = self.owed.checked_sub(bytes).unwrap(),
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next item of any sort.
    pub fn next(&mut self) -> Up {
        while self.unread.is_empty() {
            self.unread.extend(read_up(&mut self.stream).unwrap().expect("the worker is gone"));
        }
        self.unread.pop_front().unwrap()
    }

    /// Ends the link in good order.
    pub fn shutdown(mut self) {
        self.send(&[Down::Shutdown]);
        self.worker.join().unwrap().unwrap();
    }

    /// Closes the link and gives what the worker made of it.
    pub fn hang_up(self) -> Result<(), ServeError> {
        drop(self.stream);
        self.worker.join().unwrap()
    }

    /// What the worker made of what it was told last.
    pub fn ended(self) -> Result<(), ServeError> {
        self.worker.join().unwrap()
    }

    pub fn create(&mut self, number: u8, kind: &'static str, params: &str) -> Result<Held, Fault> {
        let (room, attempt) = (RoomId([number; 16]), Attempt(u64::from(number)));
        let params = Bytes::copy_from_slice(params.as_bytes());
        self.tell(ToWorker::Create { room, attempt, kind: kind.to_owned(), params, seed: 1 });
        match self.answer() {
            FromWorker::Commit(commit) => {
                assert_eq!((commit.room, commit.attempt, commit.seq), (room, attempt, Seq(1)));
                let Body::Full(state) = commit.body else { panic!("{:?}", commit.body) };
                assert_eq!(ZstdXxh3.hash(&state), commit.hash);
                let (seq, version, hash) = (commit.seq, commit.version, commit.hash);
                Ok(Held { room, attempt, kind, seq, version, state, hash })
            }
            FromWorker::Fault(fault) => Err(fault),
            other => panic!("{other:?}"),
        }
    }

    pub fn open(&mut self, held: &mut Held) -> Result<Ready, Fault> {
        let Held { room, attempt, seq, version, .. } = *held;
        let (kind, state) = (held.kind.to_owned(), held.state.clone());
        self.tell(ToWorker::Open { room, attempt, kind, seq, version, state });
        self.ready(held)
    }

    pub fn prewarm(&mut self, held: &Held, attempt: Attempt) -> FromWorker {
        let (room, kind, seq, version) = (held.room, held.kind.to_owned(), held.seq, held.version);
        let state = held.state.clone();
        self.tell(ToWorker::Prewarm { room, attempt, kind, seq, version, state });
        self.answer()
    }

    pub fn tail(&mut self, held: &mut Held, deltas: Vec<Bytes>) -> Result<Ready, Fault> {
        let Held { room, attempt, seq, hash, .. } = *held;
        self.tell(ToWorker::Tail { room, attempt, seq, hash, deltas });
        self.ready(held)
    }

    fn ready(&mut self, held: &mut Held) -> Result<Ready, Fault> {
        match self.answer() {
            FromWorker::Ready(ready) => {
                assert_eq!(
                    (ready.room, ready.attempt, ready.seq),
                    (held.room, held.attempt, held.seq)
                );
                let seq = held.seq.next();
                held.state =
                    materialize(seq, &held.state, &ready.body, ready.hash, &ZstdXxh3, 1 << 24)
                        .unwrap();
                (held.hash, held.version) = (ready.hash, ready.version);
                if ready.body != Body::Same {
                    // The record of the migration takes a number of its own.
                    held.seq = seq;
                }
                Ok(ready)
            }
            FromWorker::Fault(fault) => Err(fault),
            other => panic!("{other:?}"),
        }
    }

    pub fn deliver(&mut self, held: &Held, at_ms: u64, items: Vec<Item>) {
        self.deliver_and_render(held, at_ms, items, Vec::new());
    }

    pub fn deliver_and_render(
        &mut self,
        held: &Held,
        at_ms: u64,
        items: Vec<Item>,
        render: Vec<SessionId>,
    ) {
        self.tell(ToWorker::Deliver(Deliver {
            room: held.room,
            attempt: held.attempt,
            seq: held.seq.next(),
            now: RoomTime(at_ms * 1_000),
            items,
            render_watch: !render.is_empty(),
            render,
        }));
    }

    /// Takes a commit in as an owner does.
    pub fn commit(&mut self, held: &mut Held) -> Commit {
        let answer = self.answer();
        let FromWorker::Commit(commit) = answer else { panic!("{answer:?}") };
        held.take_in(&commit);
        commit
    }

    pub fn batch(&mut self, held: &mut Held, at_ms: u64, items: Vec<Item>) -> Commit {
        self.deliver(held, at_ms, items);
        self.commit(held)
    }

    pub fn fault(&mut self) -> Fault {
        let answer = self.answer();
        let FromWorker::Fault(fault) = answer else { panic!("{answer:?}") };
        fault
    }
}

pub fn join(session: u64, name: &str) -> Item {
    let profile = serde_json::json!({ "name": name }).to_string();
    Item::Join { session: SessionId(session), profile: profile.into() }
}

pub fn input(session: u64, seq: u64, input: &impl serde::Serialize) -> Item {
    let payload = serde_json::to_vec(input).unwrap().into();
    Item::Input { session: SessionId(session), seq, payload }
}

/// What the commit tells a player, as JSON text.
pub fn told(commit: &Commit, session: u64) -> Vec<&str> {
    let of = |id: SessionId| id == SessionId(session);
    commit
        .outputs
        .iter()
        .filter(|output| of(output.session))
        .map(|output| std::str::from_utf8(&output.payload).unwrap())
        .collect()
}
