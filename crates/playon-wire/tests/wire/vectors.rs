//! Byte vectors of the player protocol, for clients in other languages.
//!
//! `vectors/player.json` is compared with what this build writes. After an intended change of the protocol it is
//! written anew by `PLAYON_WRITE_VECTORS=1 cargo test -p playon-wire vectors`.

use std::fs;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use playon_types::gate::Mode;
use playon_types::ids::{Generation, History, RoomId, SessionId};
use playon_wire::player::{
    CODEC_JSON, ClientFrame, ClientHello, DELTA_VIEW_BYTES_MAX, MoveTo, PLAYER_PROTOCOL,
    PlayerLimits, ServerFrame, ServerWelcome, Token, apply_delta, decode_client, decode_server,
    put_delta,
};
use serde_json::{Value, json};

use crate::{hex, unhex};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/player.json");

/// The largest integer that every client can hold.
const LARGEST: u64 = (1 << 53) - 1;

fn token() -> Token {
    Token { session: SessionId(0x0012_3456_789a_bcde), secret: *b"sixteen bytes ok" }
}

fn room() -> RoomId {
    RoomId(*b"0123456789abcdef")
}

pub(crate) fn hello() -> ClientHello {
    ClientHello {
        protocol: PLAYER_PROTOCOL,
        watch: false,
        whole: false,
        deltas: false,
        token: None,
        room: None,
        kind: "arena".to_owned(),
        name: String::new(),
        profile: Bytes::from_static(br#"{"name":"Ada"}"#),
        params: Bytes::new(),
        history: History(0),
        generation: Generation(1),
        recv: 0,
        lo: 1,
    }
}

fn welcome() -> ServerWelcome {
    ServerWelcome {
        protocol: 1,
        mode: Mode::New,
        codec: CODEC_JSON,
        token: Some(token()),
        room: room(),
        history: History(3),
        generation: Generation(1),
        in_next: 1,
        event_seq: 0,
        lost: 0,
        ttl_ms: 120_000,
        ping_ms: 5_000,
        input_bytes_max: 16_384,
        inputs_pending_max: 256,
        frames_per_second: 300,
        bytes_per_second: 65_536,
        release: "r1".to_owned(),
    }
}

fn client_messages() -> Vec<(&'static str, Vec<ClientFrame>)> {
    let resume = ClientHello {
        token: Some(token()),
        room: Some(room()),
        kind: String::new(),
        profile: Bytes::new(),
        history: History(3),
        generation: Generation(2),
        recv: 300,
        lo: 41,
        ..hello()
    };
    let reloaded = ClientHello { whole: true, ..resume.clone() };
    let named = ClientHello {
        name: "küche".to_owned(),
        params: Bytes::from_static(br#"{"rounds":3}"#),
        profile: vec![b'x'; 130].into(),
        ..hello()
    };
    let deltas = ClientHello { deltas: true, ..hello() };
    let watch = ClientHello {
        watch: true,
        room: Some(room()),
        kind: String::new(),
        profile: Bytes::new(),
        ..hello()
    };
    let input =
        |seq, recv| ClientFrame::Input { seq, recv, payload: Bytes::from_static(br#"{"dx":1}"#) };
    vec![
        ("hello: any open room of a kind", vec![ClientFrame::Hello(Box::new(hello()))]),
        ("hello: a named room with parameters", vec![ClientFrame::Hello(Box::new(named))]),
        ("hello: back to a seat", vec![ClientFrame::Hello(Box::new(resume))]),
        (
            "hello: back to a seat, by a page that was loaded again",
            vec![ClientFrame::Hello(Box::new(reloaded))],
        ),
        ("hello: views may be told as deltas", vec![ClientFrame::Hello(Box::new(deltas))]),
        ("hello: watching", vec![ClientFrame::Hello(Box::new(watch))]),
        ("input", vec![input(1, 0)]),
        (
            "input without a payload",
            vec![ClientFrame::Input { seq: 128, recv: 127, payload: Bytes::new() }],
        ),
        ("acknowledgement", vec![ClientFrame::Ack { recv: 16_384 }]),
        ("bye", vec![ClientFrame::Bye]),
        ("pong with the largest number", vec![ClientFrame::Pong { nonce: LARGEST }]),
        (
            "several frames in one message",
            vec![input(7, 2), input(8, 2), ClientFrame::Ack { recv: 3 }],
        ),
    ]
}

fn server_messages() -> Vec<(&'static str, Vec<ServerFrame>)> {
    let mode = |mode, token, event_seq, lost| {
        let welcome = ServerWelcome { mode, token, event_seq, lost, in_next: 41, ..welcome() };
        vec![ServerFrame::Welcome(Box::new(welcome))]
    };
    let payload = Bytes::from_static(br#"{"hit":true}"#);
    let long = Bytes::from(vec![b'v'; 300]);
    let to = MoveTo {
        url: "wss://b.example/play".to_owned(),
        ticket: Bytes::from_static(&[0, 255, 128]),
        window_ms: 1_000,
        deadline_ms: 10_000,
    };
    vec![
        ("welcome: new", vec![ServerFrame::Welcome(Box::new(welcome()))]),
        ("welcome: resumed", mode(Mode::Resumed, None, 300, 0)),
        ("welcome: fresh, with a loss", mode(Mode::Fresh, None, 12, 5)),
        ("welcome: watching", mode(Mode::Watching, None, 0, 0)),
        ("event", vec![ServerFrame::Event { seq: 301, payload: payload.clone() }]),
        ("whole view", vec![ServerFrame::View { as_of: 301, base: 0, payload: long }]),
        (
            "view told as a delta",
            vec![ServerFrame::View {
                as_of: 301,
                base: 1,
                payload: Bytes::from_static(&[0x0c, 0x4a, b'8', 0x10]),
            }],
        ),
        ("message without a number", vec![ServerFrame::Now { payload: payload.clone() }]),
        ("acknowledgement", vec![ServerFrame::Ack { applied: 40 }]),
        ("ping", vec![ServerFrame::Ping { nonce: 0 }]),
        ("move", vec![ServerFrame::Move(Box::new(to))]),
        (
            "inputs set aside, then acknowledged",
            vec![
                ServerFrame::SetAside { code: 127, inputs: vec![7, 300] },
                ServerFrame::Ack { applied: 300 },
            ],
        ),
        (
            "all of a push in one message",
            vec![
                ServerFrame::Ack { applied: LARGEST },
                ServerFrame::Event { seq: 1, payload: payload.clone() },
                ServerFrame::Event { seq: 2, payload: Bytes::new() },
                ServerFrame::View { as_of: 2, base: 0, payload: Bytes::from_static(b"{}") },
                ServerFrame::Now { payload },
            ],
        ),
    ]
}

/// Messages with frames that clients must skip, and what is left of them.
const SKIPPED: &[(&str, &str)] =
    &[("a frame to be skipped between two others", "160100 8003 010203 150105")];

/// Messages of the keeper that clients must refuse.
const REFUSED: &[(&str, &str, &str)] = &[
    ("no frame", "PLY-0187", ""),
    ("a frame without a length", "PLY-0183", "15"),
    ("a frame longer than the message", "PLY-0183", "150205"),
    ("an integer cut off", "PLY-0183", "150180"),
    ("an integer not in its shortest form", "PLY-0183", "15028500"),
    ("an integer of eleven bytes", "PLY-0183", "150b8080808080808080808001"),
    ("a byte too many", "PLY-0184", "15020500"),
    ("a type that is not known and may not be skipped", "PLY-0185", "1900"),
    ("a type of the other direction", "PLY-0185", "0400"),
    (
        "a mode that does not exist",
        "PLY-0186",
        "1121 01 04 00 00 10 30313233343536373839616263646566 03 01 01 00 00 00 00 00 00 00 00 00",
    ),
];

fn client_json(frame: &ClientFrame) -> Value {
    match frame {
        ClientFrame::Hello(hello) => json!({
            "type": "HELLO",
            "proto_min": hello.protocol.min,
            "proto_max": hello.protocol.max,
            "watch": hello.watch,
            "whole": hello.whole,
            "deltas": hello.deltas,
            "token": hello.token.map(|token| hex(&token.to_bytes())).unwrap_or_default(),
            "room": hello.room.map(|room| hex(&room.0)).unwrap_or_default(),
            "kind": hello.kind,
            "name": hello.name,
            "profile": hex(&hello.profile),
            "params": hex(&hello.params),
            "history": hello.history.0,
            "generation": hello.generation.0,
            "recv": hello.recv,
            "lo": hello.lo,
        }),
        ClientFrame::Input { seq, recv, payload } => {
            json!({ "type": "IN", "seq": seq, "recv": recv, "payload": hex(payload) })
        }
        ClientFrame::Ack { recv } => json!({ "type": "ACK", "recv": recv }),
        ClientFrame::Bye => json!({ "type": "BYE" }),
        ClientFrame::Pong { nonce } => json!({ "type": "PONG", "nonce": nonce }),
    }
}

fn server_json(frame: &ServerFrame) -> Value {
    match frame {
        ServerFrame::Welcome(welcome) => welcome_json(welcome),
        ServerFrame::Event { seq, payload } => {
            json!({ "type": "EVT", "seq": seq, "payload": hex(payload) })
        }
        ServerFrame::View { as_of, base, payload } => {
            json!({ "type": "VIEW", "as_of": as_of, "base": base, "payload": hex(payload) })
        }
        ServerFrame::Now { payload } => json!({ "type": "NOW", "payload": hex(payload) }),
        ServerFrame::Ack { applied } => json!({ "type": "ACK", "applied": applied }),
        ServerFrame::Ping { nonce } => json!({ "type": "PING", "nonce": nonce }),
        ServerFrame::Move(to) => json!({
            "type": "MOVE",
            "url": to.url,
            "ticket": hex(&to.ticket),
            "window_ms": to.window_ms,
            "deadline_ms": to.deadline_ms,
        }),
        ServerFrame::SetAside { code, inputs } => {
            json!({ "type": "SET_ASIDE", "code": code, "inputs": inputs })
        }
    }
}

fn welcome_json(welcome: &ServerWelcome) -> Value {
    json!({
        "type": "WELCOME",
        "proto": welcome.protocol,
        "mode": match welcome.mode {
            Mode::New => "new",
            Mode::Resumed => "resumed",
            Mode::Fresh => "fresh",
            Mode::Watching => "watching",
        },
        "codec": welcome.codec,
        "token": welcome.token.map(|token| hex(&token.to_bytes())).unwrap_or_default(),
        "room": hex(&welcome.room.0),
        "history": welcome.history.0,
        "generation": welcome.generation.0,
        "in_next": welcome.in_next,
        "event_seq": welcome.event_seq,
        "lost": welcome.lost,
        "ttl_ms": welcome.ttl_ms,
        "ping_ms": welcome.ping_ms,
        "input_bytes_max": welcome.input_bytes_max,
        "inputs_pending_max": welcome.inputs_pending_max,
        "frames_per_second": welcome.frames_per_second,
        "bytes_per_second": welcome.bytes_per_second,
        "release": welcome.release,
    })
}

fn vectors() -> Value {
    let mut messages = Vec::new();
    for (name, frames) in client_messages() {
        let mut out = BytesMut::new();
        frames.iter().for_each(|frame| frame.encode(&mut out));
        assert_eq!(
            decode_client(out.clone().freeze(), &PlayerLimits::default()).as_ref(),
            Ok(&frames)
        );
        let fields: Vec<_> = frames.iter().map(client_json).collect();
        messages
            .push(json!({ "name": name, "from": "client", "hex": hex(&out), "frames": fields }));
    }
    for (name, frames) in server_messages() {
        let mut out = BytesMut::new();
        frames.iter().for_each(|frame| frame.encode(&mut out));
        assert_eq!(decode_server(out.clone().freeze()).as_ref(), Ok(&frames));
        let fields: Vec<_> = frames.iter().map(server_json).collect();
        messages
            .push(json!({ "name": name, "from": "server", "hex": hex(&out), "frames": fields }));
    }
    let skipped = SKIPPED.iter().map(|(name, text)| {
        let bytes = unhex(text);
        let left = decode_server(bytes.clone().into()).expect(name);
        let fields: Vec<_> = left.iter().map(server_json).collect();
        json!({ "name": name, "from": "server", "hex": hex(&bytes), "frames": fields })
    });
    let refused = REFUSED.iter().map(|(name, code, text)| {
        let bytes = unhex(text);
        let error = decode_server(bytes.clone().into()).expect_err(name);
        assert!(error.to_string().starts_with(code), "{name}: {error}");
        json!({ "name": name, "from": "server", "hex": hex(&bytes), "code": code })
    });
    json!({
        "about": "Messages of the player protocol, version 1. Byte strings are in hexadecimal; `skipped` is decode-only; `refused` must not decode. `deltas` are payloads of views with `base` 1 and what they make of the one before; `deltas_refused` must not be applied.",
        "messages": messages,
        "skipped": skipped.collect::<Vec<_>>(),
        "refused": refused.collect::<Vec<_>>(),
        "deltas": deltas(),
        "deltas_refused": deltas_refused(),
    })
}

/// Deltas as a keeper writes them, and some that it does not but might.
fn deltas() -> Vec<Value> {
    let long: Vec<u8> = (0..40_u8).flat_map(|n| [b'[', b'0' + n % 10, n, b']', b',']).collect();
    let shifted = [&long[..50], b"put in here", &long[50..]].concat();
    let moved = [&long[100..], &long[..100]].concat();
    let made: [(&str, &[u8], &[u8]); 6] = [
        ("the same again", &long, &long),
        ("a number counts on", br#"{"tick":41,"who":"Ada"}"#, br#"{"tick":42,"who":"Ada"}"#),
        ("a number gets a digit", br#"{"n":9,"who":"Ada"}"#, br#"{"n":10,"who":"Ada"}"#),
        ("something is put in", &long, &shifted),
        ("something is taken out", &shifted, &long),
        ("two halves change places", &long, &moved),
    ];
    let made = made.into_iter().map(|(name, base, view)| {
        let mut delta = BytesMut::new();
        assert!(put_delta(base, view, &mut delta), "{name}");
        (name, base, view, delta.to_vec())
    });
    let written: [(&str, &[u8], &[u8], &str); 5] = [
        ("nothing", b"abc", b"", "00"),
        ("new bytes only, and no base", b"", b"abcdef", "06 06 03 616263646566"),
        ("a copy from before the last one", b"abcdef", b"efab", "04 11 08 11 0b"),
        ("a copy elsewhere that is where it is expected", b"abc", b"abc", "03 19 00"),
        ("new bytes in two steps", b"abc", b"xyabc", "05 02 78 02 79 18"),
    ];
    let written =
        written.into_iter().map(|(name, base, view, text)| (name, base, view, unhex(text)));
    let all = made.chain(written).map(|(name, base, view, delta)| {
        let max = DELTA_VIEW_BYTES_MAX;
        let applied = apply_delta(base, delta.clone().into(), max);
        assert_eq!(applied.as_deref(), Ok(view), "{name}");
        json!({ "name": name, "base": hex(base), "view": hex(view), "delta": hex(&delta) })
    });
    all.collect()
}

/// Deltas of `abcdef` that nobody can apply.
const DELTAS_REFUSED: &[(&str, &str)] = &[
    ("no length", ""),
    ("a length that is cut off", "80"),
    ("a length that is not in its shortest form", "8600 30"),
    ("a length over the bound", "818004"),
    ("a length of 2^64 - 1", "ffffffffffffffffff01"),
    ("no step", "06"),
    ("a step that makes nothing", "06 00 30"),
    ("new bytes that are cut off", "06 04 61"),
    ("a number of new bytes that is cut off", "06 06"),
    ("more new bytes than the view has", "02 06 00 616263"),
    ("2^64 - 1 new bytes and more", "06 06 ffffffffffffffffff01 61"),
    ("a distance that is cut off", "06 31"),
    ("a copy that reaches beyond the end", "07 38"),
    ("a copy from beyond the end", "01 09 0c"),
    ("a copy from before the beginning", "01 09 01"),
    ("a copy from very far before", "01 09 ffffffffffffffffff01"),
    ("a copy from very far behind", "01 09 feffffffffffffffff01"),
    ("a copy of more than the view has", "05 30"),
    ("a copy of 2^60 bytes", "06 8080808080808080 40"),
    ("an int of eleven bytes", "06 8080808080808080808001"),
    ("the end of the view, and more", "06 30 00"),
];

fn deltas_refused() -> Vec<Value> {
    let base = b"abcdef";
    let all = DELTAS_REFUSED.iter().map(|(name, text)| {
        let error = apply_delta(base, unhex(text).into(), DELTA_VIEW_BYTES_MAX).expect_err(name);
        let text = hex(&unhex(text));
        let code = "PLY-0188";
        assert!(error.to_string().starts_with(code), "{name}: {error}");
        json!({ "name": name, "base": hex(base), "delta": text, "code": code })
    });
    all.collect()
}

#[test]
fn vectors_are_what_this_build_writes() {
    let fresh = vectors();
    if std::env::var_os("PLAYON_WRITE_VECTORS").is_some() {
        let text = serde_json::to_string_pretty(&fresh).expect("plain JSON") + "\n";
        fs::write(Path::new(FILE), text).expect("writable");
    }
    let committed: Value =
        serde_json::from_str(&fs::read_to_string(FILE).expect("committed")).expect("JSON");
    for (name, part) in fresh.as_object().expect("an object") {
        assert!(
            committed[name] == *part,
            "`{name}` in vectors/player.json is not what this build writes. If the protocol was meant to change, raise \
             its version, run `PLAYON_WRITE_VECTORS=1 cargo test -p playon-wire vectors` and adapt the other clients."
        );
    }
}
