//! Writes the beginnings of the corpus: one small valid input of each shape, for every target.

use std::fs;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use playon_types::attach::{
    Body, Commit, Deliver, Exported, Fault, FromWorker, Item, Output, Prewarmed, Ready, Stage,
    ToWorker,
};
use playon_types::ids::{Attempt, RoomId, Seq, SessionId, WorkerId};
use playon_types::kind::{KindInfo, Policies};
use playon_types::time::{RoomTime, Span};
use playon_wire::attach::{
    ATTACH_PROTOCOL, Asset, Down, KeeperRefuse, KeeperWelcome, LinkSecret, LogLevel, LogLine, Up,
    WorkerHello, encode_down, encode_up,
};
use playon_wire::player::{ClientFrame, MoveTo, ServerFrame};

const ROOM: RoomId = RoomId([9; 16]);
const ATTEMPT: Attempt = Attempt(3);
const SEQ: Seq = Seq(5);

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let folder = folder.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)
    };
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/playon-wire/vectors");
    for (target, file) in [("stored-image", "image-1.hex"), ("stored-record", "record-1.hex")] {
        write(target, "vector", &unhex(&fs::read_to_string(vectors.join(file))?))?;
    }
    let player = fs::read_to_string(vectors.join("player.json"))?;
    let messages = player.split("\"from\": \"").skip(1).enumerate();
    for (number, message) in messages {
        let hex = message.split("\"hex\": \"").nth(1).and_then(|rest| rest.split('"').next());
        let target = if message.starts_with("client") { "player-client" } else { "player-server" };
        write(target, &format!("vector-{number:02}"), &unhex(hex.unwrap_or_default()))?;
    }
    let mut out = BytesMut::new();
    ClientFrame::Input { seq: 1, recv: 300, payload: Bytes::from_static(b"{}") }.encode(&mut out);
    ClientFrame::Pong { nonce: u64::MAX }.encode(&mut out);
    write("player-client", "several", &out)?;
    let mut out = BytesMut::new();
    let ticket = Bytes::from_static(b"t");
    let to = MoveTo { url: "wss://b".into(), ticket, window_ms: 1_000, deadline_ms: 9_000 };
    ServerFrame::Move(Box::new(to)).encode(&mut out);
    write("player-server", "move", &out)?;

    let mut stream = vec![7];
    for (number, item) in downs().into_iter().enumerate() {
        let frame = encode_down(&[item]).map_err(std::io::Error::other)?;
        write("attach-down", &format!("{number:02}"), &frame[4..])?;
        stream.extend_from_slice(&frame);
    }
    write("attach-stream", "down", &stream)?;
    for (number, item) in ups().into_iter().enumerate() {
        let frame = encode_up(&[item]).map_err(std::io::Error::other)?;
        write("attach-up", &format!("{number:02}"), &frame[4..])?;
    }
    write("batch-row", "row", &playon_store::fuzz::sample())?;
    write("envelope", "state", &playon::fuzz::sample())?;
    let base: Vec<u8> = (0..200_u8).collect();
    let mut new = base.clone();
    new.splice(50..60, *b"changed in the middle");
    if let Body::Delta(delta) = playon_wire::state::diff(&base, &new) {
        write("delta", "splice", &[&[200], base.as_slice(), &delta].concat())?;
    }
    for (number, delta) in player.split("\"base\": \"").skip(1).enumerate() {
        let base = unhex(delta.split('"').next().unwrap_or_default());
        let hex = delta.split("\"delta\": \"").nth(1).and_then(|rest| rest.split('"').next());
        let size = u8::try_from(base.len()).unwrap_or(u8::MAX);
        let bytes = [&[size], base.as_slice(), &unhex(hex.unwrap_or_default())].concat();
        write("view-delta", &format!("vector-{number:02}"), &bytes)?;
    }
    write("names", "room", ROOM.to_string().as_bytes())?;
    write("names", "release", "0a".repeat(32).as_bytes())?;
    write("names", "token", &[5; 24])
}

fn downs() -> Vec<Down> {
    let (room, attempt, seq, version) = (ROOM, ATTEMPT, SEQ, 2);
    let (kind, state) = ("duel".to_owned(), Bytes::from_static(b"state"));
    let session = SessionId(77);
    let items = vec![
        Item::Join { session, profile: state.clone() },
        Item::Input { session, seq: 1, payload: state.clone() },
        Item::Away(session),
        Item::Back { session, lost: 2 },
        Item::Leave(session),
        Item::Tick(4),
        Item::Wake,
    ];
    let (now, render) = (RoomTime(1_000), vec![session]);
    let deliver = Deliver { room, attempt, seq, now, items, render, render_watch: true };
    let (kind2, state2, params) = (kind.clone(), state.clone(), state.clone());
    let export = ToWorker::Export {
        room,
        attempt,
        kind: kind.clone(),
        seq,
        version: 1,
        state: state.clone(),
    };
    vec![
        Down::Welcome(KeeperWelcome {
            protocol: 1,
            worker: WorkerId(1),
            heartbeat_ms: 1_000,
            credit_bytes: 1 << 20,
            state_bytes_max: 16 << 20,
            view_bytes_max: 1 << 20,
            turns: Some("/proc/7/fd/9".into()),
        }),
        Down::Refuse(KeeperRefuse { code: "PLY-0401".into(), detail: "no".into() }),
        Down::Ping { nonce: 9 },
        Down::Shutdown,
        Down::Room(ToWorker::Create { room, attempt, kind: kind.clone(), params, seed: 4 }),
        Down::Room(ToWorker::Open { room, attempt, kind, seq, version, state: state.clone() }),
        Down::Room(ToWorker::Deliver(deliver)),
        Down::Room(export),
        Down::Room(ToWorker::Prewarm { room, attempt, kind: kind2, seq, version, state: state2 }),
        Down::Room(ToWorker::Tail { room, attempt, seq, hash: 8, deltas: vec![state] }),
        Down::Room(ToWorker::Retire { room, attempt }),
    ]
}

fn ups() -> Vec<Up> {
    let (room, attempt, seq, version) = (ROOM, ATTEMPT, SEQ, 2);
    let (session, bytes) = (SessionId(77), Bytes::from_static(b"bytes"));
    let policies = Policies { tick: Some(Span::millis(50)), ..Policies::default() };
    let kind = KindInfo { name: "duel".into(), writes: 2, reads_from: 1, exports_to: 1, policies };
    let commit = Commit {
        room,
        attempt,
        seq,
        parent_hash: 1,
        hash: 2,
        version,
        body: Body::Delta(bytes.clone()),
        refused: vec![(session, "full".into())],
        dismissed: vec![(session, "rude".into())],
        outputs: vec![Output { session, payload: bytes.clone(), reliable: true }],
        inputs: 1,
        views: vec![(session, bytes.clone())],
        left_out: Vec::new(),
        watch_view: Some(bytes.clone()),
        wake_at: Some(RoomTime(5)),
        between_rounds: true,
        ended: false,
        cost_us: 12,
    };
    let (body, wake_at, cost_us) = (Body::Full(bytes.clone()), None, 3);
    vec![
        Up::Hello(Box::new(WorkerHello {
            protocol: ATTACH_PROTOCOL,
            secret: LinkSecret([1; 32]),
            app: "duel".into(),
            label: "r1".into(),
            pid: 42,
            kinds: vec![kind],
            assets: vec![Asset { path: "a".into(), mime: "b".into(), bytes: bytes.clone() }],
            defects: vec!["d".into()],
        })),
        Up::Pong { nonce: 9 },
        Up::Credit { bytes: 1_000 },
        Up::Log(LogLine { level: LogLevel::Warn, room: Some(room), text: "line".into() }),
        Up::Room(FromWorker::Commit(commit)),
        Up::Room(FromWorker::Ready(Ready {
            room,
            attempt,
            seq,
            version,
            body,
            hash: 2,
            wake_at,
            cost_us,
        })),
        Up::Room(FromWorker::Exported(Exported {
            room,
            attempt,
            seq,
            version,
            state: bytes,
            cost_us,
        })),
        Up::Room(FromWorker::Prewarmed(Prewarmed { room, attempt, seq, size: 5, cost_us })),
        Up::Room(FromWorker::Fault(Fault {
            room,
            attempt,
            stage: Stage::Open,
            message: "no".into(),
            refusal: true,
        })),
    ]
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | *digit) as u8)
        .collect()
}
