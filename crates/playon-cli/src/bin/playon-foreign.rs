//! A worker without the crate `playon`, as one in another language would be: one thread for all its rooms, and no notes of what that
//! is at. For tests of how a keeper gets on with such a one.
//!
//! Its rooms count words. At `"slow"` the thread takes [`SLOW`] first, from `"hang"` it does not come back; pings are answered all the
//! same, by the thread that reads.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use playon_types::attach::{
    Body, Commit, Deliver, Exported, FromWorker, Item, Prewarmed, Ready, ToWorker,
};
use playon_types::ids::{Attempt, RoomId, Seq};
use playon_types::image::StateCodec;
use playon_types::kind::{KindInfo, OnDeploy, Policies};
use playon_wire::attach::{
    ATTACH_PROTOCOL, Down, ENV_ATTACH, ENV_SECRET, LinkSecret, Up, WorkerHello, cost, encode_up,
    read_down,
};
use playon_wire::state::ZstdXxh3;

/// How long the thread takes over a slow word: less than a batch may.
const SLOW: Duration = Duration::from_millis(600);

/// Bytes of a state that are taken at most.
const STATE_BYTES: usize = 1 << 10;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome<()> {
    let stream = UnixStream::connect(std::env::var(ENV_ATTACH)?)?;
    let said = Arc::new(Mutex::new(stream.try_clone()?));
    let (orders, inbox) = mpsc::channel();
    say(&said, &[Up::Hello(Box::new(hello()?))])?;
    let answers = Arc::clone(&said);
    thread::spawn(move || {
        if let Err(error) = listen(stream, &answers, &orders) {
            eprintln!("{error}");
        }
        // Also if the other thread does not come back.
        std::process::exit(0);
    });
    let mut rooms = Rooms::default();
    for order in inbox {
        let credit = Up::Credit { bytes: cost(&order) };
        let answer = rooms.answer(order)?.map(Up::Room);
        say(&said, &answer.into_iter().chain([credit]).collect::<Vec<_>>())?;
    }
    Ok(())
}

fn hello() -> Outcome<WorkerHello> {
    let policies = Policies { on_deploy: OnDeploy::Now, ..Policies::default() };
    let kind = KindInfo { name: "words".into(), writes: 1, reads_from: 1, exports_to: 1, policies };
    let secret = LinkSecret::parse(std::env::var(ENV_SECRET)?.trim());
    Ok(WorkerHello {
        protocol: ATTACH_PROTOCOL,
        secret: secret.ok_or("the secret is none")?,
        app: "foreign".into(),
        label: String::new(),
        pid: std::process::id(),
        kinds: vec![kind],
        assets: Vec::new(),
        defects: Vec::new(),
    })
}

fn say(said: &Mutex<UnixStream>, items: &[Up]) -> Outcome<()> {
    let mut stream = said.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(stream.write_all(&encode_up(items)?)?)
}

/// Answers pings, and passes on what is about rooms, until the link ends.
fn listen(
    mut stream: UnixStream,
    said: &Mutex<UnixStream>,
    orders: &Sender<ToWorker>,
) -> Outcome<()> {
    while let Some(items) = read_down(&mut stream)? {
        for item in items {
            match item {
                Down::Welcome(_) => {}
                Down::Ping { nonce } => say(said, &[Up::Pong { nonce }])?,
                Down::Room(order) => orders.send(order)?,
                Down::Refuse(refusal) => return Err(refusal.detail.into()),
                Down::Shutdown => return Ok(()),
            }
        }
    }
    Ok(())
}

/// The states of rooms, each a number of words in 8 bytes.
#[derive(Default)]
struct Rooms(BTreeMap<(RoomId, Attempt), Bytes>);

impl Rooms {
    fn answer(&mut self, order: ToWorker) -> Outcome<Option<FromWorker>> {
        let (version, cost_us) = (1, 1);
        let ready = |room, attempt, seq, state: &Bytes| {
            let (hash, body, wake_at) = (ZstdXxh3.hash(state), Body::Same, None);
            FromWorker::Ready(Ready { room, attempt, seq, version, body, hash, wake_at, cost_us })
        };
        Ok(Some(match order {
            ToWorker::Create { room, attempt, .. } => {
                let state = Bytes::copy_from_slice(&0_u64.to_le_bytes());
                self.0.insert((room, attempt), state.clone());
                let made =
                    Commit { body: Body::Full(state.clone()), ..blank(room, attempt, &state) };
                FromWorker::Commit(Commit { parent_hash: 0, ..made })
            }
            ToWorker::Open { room, attempt, seq, state, .. } => {
                let answer = ready(room, attempt, seq, &state);
                self.0.insert((room, attempt), state);
                answer
            }
            ToWorker::Prewarm { room, attempt, seq, state, .. } => {
                let size = state.len() as u64;
                self.0.insert((room, attempt), state);
                FromWorker::Prewarmed(Prewarmed { room, attempt, seq, size, cost_us })
            }
            ToWorker::Tail { room, attempt, seq, deltas, .. } => {
                let state = self.0.get_mut(&(room, attempt)).ok_or("a tail without a copy")?;
                for delta in deltas {
                    let applied = ZstdXxh3.apply(state, &delta, STATE_BYTES);
                    *state = applied.ok_or("a delta of another state")?;
                }
                ready(room, attempt, seq, state)
            }
            ToWorker::Export { room, attempt, version, seq, state, .. } => {
                FromWorker::Exported(Exported { room, attempt, seq, version, state, cost_us })
            }
            ToWorker::Deliver(batch) => FromWorker::Commit(self.run(batch)?),
            ToWorker::Retire { room, attempt } => {
                self.0.remove(&(room, attempt));
                return Ok(None);
            }
        }))
    }

    fn run(&mut self, batch: Deliver) -> Outcome<Commit> {
        let (room, attempt) = (batch.room, batch.attempt);
        let state = self.0.get_mut(&(room, attempt)).ok_or("a batch of a room that is not open")?;
        let before = ZstdXxh3.hash(state);
        let mut words = u64::from_le_bytes(state[..].try_into()?);
        for item in &batch.items {
            let Item::Input { payload, .. } = item else { continue };
            match &payload[..] {
                b"\"slow\"" => thread::sleep(SLOW),
                b"\"hang\"" => loop {
                    thread::park();
                },
                _ => {}
            }
            words += 1;
        }
        *state = Bytes::copy_from_slice(&words.to_le_bytes());
        let view = Bytes::from(words.to_string());
        Ok(Commit {
            seq: batch.seq,
            parent_hash: before,
            body: Body::Full(state.clone()),
            inputs: batch.inputs(),
            views: batch.render.iter().map(|who| (*who, view.clone())).collect(),
            ..blank(room, attempt, state)
        })
    }
}

/// The first commit of a room, which changes nothing.
fn blank(room: RoomId, attempt: Attempt, state: &[u8]) -> Commit {
    Commit {
        room,
        attempt,
        seq: Seq(1),
        parent_hash: ZstdXxh3.hash(state),
        hash: ZstdXxh3.hash(state),
        version: 1,
        body: Body::Same,
        refused: Vec::new(),
        dismissed: Vec::new(),
        outputs: Vec::new(),
        inputs: 0,
        views: Vec::new(),
        left_out: Vec::new(),
        watch_view: None,
        wake_at: None,
        between_rounds: true,
        ended: false,
        cost_us: 1,
    }
}
