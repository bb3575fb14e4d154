//! A link with a real process at its other end.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use playon_core::fleet::{Berth, Ended};
use playon_types::attach::{ToWorker, Turn};
use playon_types::ids::{Attempt, Epoch, ReleaseId, RoomId, Seq, WorkerId};
use playon_types::kind::{KindInfo, Policies};
use playon_wire::attach::{
    ATTACH_PROTOCOL, Down, LinkSecret, Up, WorkerHello, encode_turn, encode_up, read_down,
};

use super::{Doors, Hub, HubSetup, bind, serve};
use crate::config::Bounds;
use crate::gateway::GatewayStats;
use crate::messages::{FromLinks, ToShard};
use crate::metrics::Metrics;
use crate::owner::Shards;
use crate::process::alarm::Alarms;
use crate::time::clock::Clock;
use crate::workers::{Fate, Passes, SpawnId, WorkerPass};

const SECRET: LinkSecret = LinkSecret([5; 32]);

/// Where the process below finds the keeper.
const SOCKET: &str = "PLAYON_TEST_ATTACH";

const PATIENCE: Duration = Duration::from_secs(20);

const STUCK_AFTER: Duration = Duration::from_millis(500);

/// What it is at, for ever.
const TURN: Turn = Turn { room: RoomId([3; 16]), attempt: Attempt(1), seq: Seq(9) };

fn say_hello(stream: &mut UnixStream, secret: LinkSecret, defects: Vec<String>) {
    let kind = KindInfo {
        name: "duel".into(),
        writes: 1,
        reads_from: 1,
        exports_to: 1,
        policies: Policies::default(),
    };
    let hello = WorkerHello {
        protocol: ATTACH_PROTOCOL,
        secret,
        app: "a test".into(),
        label: "stuck".into(),
        pid: std::process::id(),
        kinds: vec![kind],
        assets: Vec::new(),
        defects,
    };
    stream.write_all(&encode_up(&[Up::Hello(Box::new(hello))]).unwrap()).unwrap();
}

/// The other process of the test below, and nothing where that has not started it: it takes a message, notes that it has begun
/// with it, and does nothing more but answer pings.
#[test]
fn a_process_that_gets_no_further() {
    let Ok(socket) = std::env::var(SOCKET) else { return };
    let mut stream = UnixStream::connect(socket).unwrap();
    say_hello(&mut stream, SECRET, Vec::new());
    let mut page = None;
    while let Some(items) = read_down(&mut stream).unwrap() {
        for item in items {
            match item {
                Down::Welcome(welcome) => page = welcome.turns,
                Down::Ping { nonce } => {
                    stream.write_all(&encode_up(&[Up::Pong { nonce }]).unwrap()).unwrap();
                }
                Down::Room(message) => {
                    let page = page.as_ref().expect("a page for turns");
                    let page = OpenOptions::new().write(true).open(page).unwrap();
                    page.write_all_at(&encode_turn(1, &message.turn()), 0).unwrap();
                }
                Down::Shutdown | Down::Refuse(_) => return,
            }
        }
    }
}

fn hub(news: mpsc::Sender<FromLinks>) -> (Arc<Hub>, Shards) {
    let alarms = Alarms::new(Clock::new());
    let shards = Shards::new(2, 100);
    let setup = HubSetup {
        passes: Arc::new(Passes::new(SECRET)),
        shards: shards.clone(),
        bounds: Bounds::default(),
        epoch: Epoch(1),
        state_bytes_max: 1 << 20,
        view_bytes_max: 1 << 20,
        stuck_after: STUCK_AFTER,
        metrics: Arc::new(Metrics::new(Arc::new(GatewayStats::default()))),
        alarms,
        news: Box::new(move |told| {
            // Who has seen enough does not listen.
            let _ = news.send(told);
        }),
    };
    (Arc::new(Hub::new(setup)), shards)
}

/// Accepts workers at a socket of its own, for as long as the test runs.
fn accept(hub: &Arc<Hub>, dir: &Path) -> PathBuf {
    let path = dir.join("attach.sock");
    let (listener, hub) = (bind(&path).unwrap(), Arc::clone(hub));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (_doors, opened) = Doors::new();
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, serve(listener, hub, opened));
    });
    path
}

/// What that shard is told next of which it wants to know.
fn told<T>(shards: &Shards, shard: usize, mut wanted: impl FnMut(ToShard) -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    let mut events = VecDeque::new();
    loop {
        shards.get(shard).unwrap().drain(&mut events, 1, Some(until));
        let event = events.pop_front().expect("it is told in time");
        if let Some(found) = wanted(event) {
            return found;
        }
    }
}

/// Nobody waits for this message, so no rule of a shard ends the worker: the link does.
#[test]
fn a_process_that_gets_no_further_is_told_of_at_once_and_ended_by_its_link() {
    let dir = tempfile::tempdir().unwrap();
    let (tell, news) = mpsc::channel();
    let (hub, shards) = hub(tell);
    let path = accept(&hub, dir.path());
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "links::tests::a_process_that_gets_no_further"])
        .env(SOCKET, &path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let FromLinks::Up(up) = news.recv_timeout(PATIENCE).unwrap() else { panic!("it attaches") };
    let worker: WorkerId = up.info.id;
    let Turn { room, attempt, .. } = TURN;
    let state = vec![0; 8].into();
    let open =
        ToWorker::Open { room, attempt, kind: "duel".into(), seq: TURN.seq, version: 1, state };
    hub.send(worker, vec![open]);
    for shard in 0..2 {
        let begun = told(&shards, shard, |event| match event {
            ToShard::Turn(of, turn) => Some((of, turn)),
            ToShard::WorkerDown(..) => panic!("nobody was told what it is at"),
            _ => None,
        });
        assert_eq!(begun, (worker, TURN));
    }
    let FromLinks::Down { end, .. } = news.recv_timeout(PATIENCE).unwrap() else {
        panic!("it is ended")
    };
    assert_eq!((end.ended, end.turns), (Ended::Suspect, Some(vec![TURN])));
    let named = end.how.starts_with("PLY-0454") && end.how.contains(&TURN.room.to_string());
    assert!(named, "{}", end.how);
    for shard in 0..2 {
        let down = told(&shards, shard, |event| match event {
            ToShard::WorkerDown(of, end) => Some((of, end.ended)),
            _ => None,
        });
        assert_eq!(down, (worker, Ended::Suspect));
    }
    assert!(process.wait().unwrap().success(), "it ends with its link");
}

/// Else it might have ended by then, and it would be its end that is told of.
#[test]
fn a_process_that_is_not_let_in_hears_of_it_after_the_supervisor() {
    let dir = tempfile::tempdir().unwrap();
    let (tell, news) = mpsc::channel();
    let (hub, _) = hub(tell);
    let secret = LinkSecret([6; 32]);
    let (release, label) = (ReleaseId([1; 32]), "r1".into());
    let (berth, fate) = (Berth::Common, Fate::new());
    let pass = WorkerPass::Spawned { spawn: SpawnId(7), release, label, berth, fate };
    hub.passes.grant(secret, pass);
    let mut stream = UnixStream::connect(accept(&hub, dir.path())).unwrap();
    say_hello(&mut stream, secret, vec!["it cannot be read".into()]);
    let FromLinks::Refused { spawn, known, .. } = news.recv_timeout(PATIENCE).unwrap() else {
        panic!("it is refused")
    };
    assert_eq!(spawn, SpawnId(7));
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(stream.read(&mut [0]).is_err(), "it is told nothing yet");
    drop(known);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let items = read_down(&mut stream).unwrap().unwrap();
    assert!(matches!(items[..], [Down::Refuse(_)]), "{items:?}");
}
