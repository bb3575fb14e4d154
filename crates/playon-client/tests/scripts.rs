//! The scripts of a session that all clients share: `vectors/sessions.json` says what they are made of.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use playon_client::session::{Action, Closed, Session, SocketId};
use playon_client::{JoinOptions, RawUpdate, State, Update};
use playon_types::gate::Mode;
use playon_types::ids::{Generation, History, RoomId, SessionId};
use playon_types::time::{Span, Time};
use playon_wire::player::{
    ClientFrame, MoveTo, PlayerLimits, ServerFrame, ServerWelcome, Token, decode_client,
};
use serde_json::{Map, Value, json};

const SCRIPTS: &str = include_str!("../../playon-wire/vectors/sessions.json");

/// A session whose sockets are in the hands of a script.
struct Run {
    now: Time,
    session: Session,
    sockets: u64,
    wrote: BTreeMap<u64, Vec<ClientFrame>>,
    /// Frames and bytes of each socket since it was opened.
    weight: BTreeMap<u64, (u64, u64)>,
    told: Vec<String>,
    shown: Bytes,
}

impl Run {
    fn new(watch: bool) -> Self {
        let options = JoinOptions { watch, ..JoinOptions::new("ws://home/play", "arena") };
        let session = Session::new(Time(0), options, 7);
        let (wrote, weight) = (BTreeMap::new(), BTreeMap::new());
        let (told, shown) = (Vec::new(), Bytes::new());
        let mut run = Self { now: Time(0), session, sockets: 0, wrote, weight, told, shown };
        run.drain();
        run
    }

    fn drain(&mut self) {
        while let Some(action) = self.session.poll() {
            match action {
                Action::Open { socket, .. } => self.sockets = socket.0,
                Action::Write { socket, message } => {
                    let bytes = message.len() as u64;
                    let frames = decode_client(message, &PlayerLimits::default()).expect("frames");
                    let weight = self.weight.entry(socket.0).or_default();
                    (weight.0, weight.1) = (weight.0 + frames.len() as u64, weight.1 + bytes);
                    self.wrote.entry(socket.0).or_default().extend(frames);
                }
                Action::Drop { .. } => {}
            }
        }
        while let Some(update) = self.session.poll_update() {
            self.told.extend(words(&update));
            if let Update::View { view, .. } = update {
                self.shown = view;
            }
        }
    }

    fn pass(&mut self, span: Span) {
        let end = self.now + span;
        while let Some(due) = self.session.next_timeout().filter(|due| *due <= end) {
            self.now = due;
            self.session.handle_timeout(due);
            self.drain();
        }
        self.now = end;
    }

    fn step(&mut self, step: &Value) {
        let number = |name: &str| step[name].as_u64();
        let frames = step["frames"].as_array().cloned().unwrap_or_default();
        if let Some(socket) = number("open") {
            self.session.handle_opened(self.now, SocketId(socket));
        }
        if let Some(socket) = number("say") {
            let mut message = BytesMut::new();
            for fields in &frames {
                match fields["hex"].as_str() {
                    Some(digits) => message.extend(hex(digits)),
                    None => spoken(fields).encode(&mut message),
                }
            }
            self.session.handle_message(self.now, SocketId(socket), message.freeze());
        }
        if let Some(socket) = number("close") {
            let code = number("code").filter(|code| *code > 0).map(|code| code as u16);
            let status = number("http").map(|status| status as u16);
            let closed = Closed { code, status, ..Closed::default() };
            self.session.handle_closed(self.now, SocketId(socket), closed);
        }
        let payload = Bytes::from(vec![b'1'; number("bytes").unwrap_or(1) as usize]);
        for _ in 0..number("send").unwrap_or(0) {
            self.session.send(self.now, payload.clone()).expect("room for an input");
        }
        if step["network"] == true {
            self.session.network_changed(self.now);
        }
        if step["leave"] == true {
            self.session.leave(self.now);
        }
        self.drain();
        self.pass(Span::millis(number("pass").unwrap_or(0)));
        if let Some(socket) = number("wrote") {
            let wrote = self.wrote.remove(&socket).unwrap_or_default();
            let like = |(n, frame)| likened(frame, frames.get(n));
            let wrote: Vec<Value> = wrote.iter().enumerate().map(like).collect();
            assert_eq!(wrote, frames, "{step}");
        }
        if let Some(socket) = number("weighed") {
            let (frames, bytes) = self.weight.get(&socket).copied().unwrap_or_default();
            let within = |what: u64, least: &str, most: &str| {
                number(least).is_none_or(|least| what >= least)
                    && number(most).is_none_or(|most| what <= most)
            };
            let fits = within(frames, "frames_min", "frames_max")
                && within(bytes, "bytes_min", "bytes_max");
            assert!(fits, "{frames} frames of {bytes} bytes: {step}");
        }
        self.look(step);
    }

    /// Compares where the session stands, and what its player knows.
    fn look(&mut self, step: &Value) {
        if let Some(sockets) = step["sockets"].as_u64() {
            assert_eq!(self.sockets, sockets, "{step}");
        }
        if let Some(state) = step["state"].as_str() {
            let is = match self.session.state() {
                State::Joining => "joining",
                State::Live => "open",
                State::Reconnecting => "resuming",
                State::Ended => "ended",
            };
            assert_eq!(is, state, "{step}");
        }
        if let Some(shown) = step.get("shown") {
            let is: Value = serde_json::from_slice(&self.shown).expect("JSON");
            assert_eq!(is, *shown, "{step}");
        }
        if let Some(told) = step["told"].as_array() {
            let is: Vec<Value> =
                std::mem::take(&mut self.told).into_iter().map(Value::from).collect();
            assert_eq!(is, *told, "{step}");
        }
    }
}

/// What a player was told, in the words that all clients share.
fn words(update: &RawUpdate) -> Option<String> {
    Some(match update {
        Update::Event { seq, .. } => format!("event {seq}"),
        Update::View { as_of, .. } => format!("view {as_of}"),
        Update::Applied(seq) => format!("applied {seq}"),
        Update::SetAside { inputs, .. } => {
            let inputs: Vec<_> = inputs.iter().map(u64::to_string).collect();
            format!("set aside {}", inputs.join(" "))
        }
        Update::Gap { missed: 0 } => "gap ?".to_owned(),
        Update::Gap { missed } => format!("gap {missed}"),
        Update::Lost { inputs } => format!("lost {inputs}"),
        Update::Ended(playon_client::End::Left) => "left".to_owned(),
        Update::Ended(playon_client::End::Refused { status, .. }) => format!("refused {status}"),
        Update::Ended(playon_client::End::Closed { code, .. }) => format!("ended {code}"),
        // As if the keeper had said that there is no common version.
        Update::Ended(playon_client::End::Foreign(_)) => "ended 4900".to_owned(),
        Update::Ended(other) => format!("ended {other}"),
        Update::Now(_) | Update::State(_) | Update::Unreadable { .. } => return None,
    })
}

/// A frame of the keeper, from its fields.
fn spoken(fields: &Value) -> ServerFrame {
    let number = |name: &str, usual: u64| fields[name].as_u64().unwrap_or(usual);
    let payload = match fields["payload"].as_str() {
        Some(digits) => hex(digits).into(),
        None => Bytes::from_static(b"1"),
    };
    match fields["type"].as_str().expect("a type") {
        "WELCOME" => {
            let mode = match fields["mode"].as_str() {
                Some("new") => Mode::New,
                Some("resumed") => Mode::Resumed,
                Some("fresh") => Mode::Fresh,
                _ => Mode::Watching,
            };
            let token = Token { session: SessionId(9), secret: [3; 16] };
            ServerFrame::Welcome(Box::new(ServerWelcome {
                protocol: number("proto", 1) as u32,
                mode,
                codec: number("codec", 0) as u8,
                token: (mode == Mode::New && fields["known"] != false).then_some(token),
                room: RoomId([7; 16]),
                history: History(number("history", 3)),
                generation: Generation(number("generation", 1)),
                in_next: number("in_next", 0),
                event_seq: number("event_seq", 0),
                lost: number("lost", 0),
                ttl_ms: 120_000,
                ping_ms: number("ping_ms", 5_000),
                input_bytes_max: number("input_bytes_max", 16_384),
                inputs_pending_max: number("inputs_pending_max", 256),
                frames_per_second: number("frames_per_second", 300),
                bytes_per_second: number("bytes_per_second", 65_536),
                release: "r1".to_owned(),
            }))
        }
        "EVT" => ServerFrame::Event { seq: number("seq", 0), payload },
        "VIEW" => ServerFrame::View { as_of: number("as_of", 0), base: number("base", 0), payload },
        "ACK" => ServerFrame::Ack { applied: number("applied", 0) },
        "PING" => ServerFrame::Ping { nonce: number("nonce", 0) },
        "SET_ASIDE" => {
            let inputs = fields["inputs"].as_array().expect("numbers");
            let inputs = inputs.iter().filter_map(Value::as_u64).collect();
            ServerFrame::SetAside { code: number("code", 0) as u16, inputs }
        }
        "MOVE" => ServerFrame::Move(Box::new(MoveTo {
            url: fields["url"].as_str().expect("an address").to_owned(),
            ticket: Bytes::new(),
            window_ms: number("window_ms", 0),
            deadline_ms: number("deadline_ms", 0),
        })),
        other => panic!("no frame of a keeper: {other}"),
    }
}

/// Bytes that are given digit by digit.
fn hex(digits: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// What the client wrote, as far as the script names its fields.
fn likened(frame: &ClientFrame, fields: Option<&Value>) -> Value {
    let all = match frame {
        ClientFrame::Hello(hello) => json!({
            "type": "HELLO",
            "known": hello.token.is_some(),
            "watch": hello.watch,
            "room": hello.room.is_some(),
            "whole": hello.whole,
            "deltas": hello.deltas,
            "history": hello.history.0,
            "generation": hello.generation.0,
            "recv": hello.recv,
            "lo": hello.lo,
        }),
        ClientFrame::Input { seq, recv, .. } => json!({ "type": "IN", "seq": seq, "recv": recv }),
        ClientFrame::Ack { recv } => json!({ "type": "ACK", "recv": recv }),
        ClientFrame::Bye => json!({ "type": "BYE" }),
        ClientFrame::Pong { nonce } => json!({ "type": "PONG", "nonce": nonce }),
    };
    let Some(fields) = fields.and_then(Value::as_object) else { return all };
    let named = fields.keys().map(|name| (name.clone(), all[name].clone()));
    Value::Object(named.collect::<Map<_, _>>())
}

#[test]
fn the_shared_scripts_go_as_they_say() {
    let scripts: Value = serde_json::from_str(SCRIPTS).expect("JSON");
    let scripts = scripts["scripts"].as_array().expect("scripts");
    let mut failed = Vec::new();
    let mut run = 0;
    // A program is not loaded again.
    for script in scripts.iter().filter(|script| script["page"] != true) {
        let steps = script["steps"].as_array().expect("steps");
        let went = std::panic::catch_unwind(|| {
            let mut client = Run::new(script["watch"] == true);
            steps.iter().for_each(|step| client.step(step));
        });
        if went.is_err() {
            failed.push(&script["name"]);
        }
        run += 1;
    }
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(run >= 65, "{run} scripts");
}
