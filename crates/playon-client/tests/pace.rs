//! A keeper that takes not a frame or byte more at once than its WELCOME tells never finds the client too fast.

use bytes::{Bytes, BytesMut};
use playon_client::JoinOptions;
use playon_client::session::{Action, Closed, Session, SocketId};
use playon_types::gate::Mode;
use playon_types::ids::{Generation, History, RoomId, SessionId};
use playon_types::rng::Rng;
use playon_types::time::{Span, Time};
use playon_wire::player::{
    ClientFrame, PlayerLimits, ServerFrame, ServerWelcome, Token, decode_client,
};

/// What is left of a rate, in millionths.
#[derive(Clone, Copy)]
struct Left {
    per_second: u64,
    most: u64,
    level: u64,
    at: Time,
}

impl Left {
    fn new(at: Time, per_second: u64, at_once: u64) -> Self {
        let most = at_once * 1_000_000;
        Self { per_second, most, level: most, at }
    }

    /// Takes so much, or says that there was less.
    fn take(&mut self, now: Time, cost: u64) -> bool {
        let filled = now.since(self.at).0 * self.per_second;
        (self.level, self.at) = ((self.level + filled).min(self.most), now);
        let rest = self.level.checked_sub(cost * 1_000_000);
        self.level = rest.unwrap_or(0);
        rest.is_some()
    }
}

/// The terms of one keeper.
#[derive(Clone, Copy, Debug)]
struct Terms {
    frames_per_second: u64,
    bytes_per_second: u64,
    inputs_pending_max: u64,
    /// Not told: bytes of one input, and how many are made at once.
    input_bytes: u64,
    inputs: u64,
}

/// A client and a strict keeper, in virtual time.
struct World {
    terms: Terms,
    now: Time,
    rng: Rng,
    session: Session,
    socket: Option<SocketId>,
    frames: Left,
    bytes: Left,
    /// The last input that was made.
    made: u64,
    /// The last input that came, and the last event that went.
    received: u64,
    events: u64,
    welcomed: bool,
    pinged: Time,
}

impl World {
    fn new(seed: u64, terms: Terms) -> Self {
        let mut options = JoinOptions::new("ws://home/play", "arena");
        // A HELLO that is more than what inputs leave of a small rate.
        options.profile = vec![b'1'; Rng::new(seed).below(900) as usize].into();
        let none = Left::new(Time(0), 0, 0);
        Self {
            terms,
            now: Time(0),
            rng: Rng::new(seed),
            session: Session::new(Time(0), options, seed),
            socket: None,
            frames: none,
            bytes: none,
            made: 0,
            received: 0,
            events: 0,
            welcomed: false,
            pinged: Time(0),
        }
    }

    fn say(&mut self, frames: &[ServerFrame]) {
        let Some(socket) = self.socket else { return };
        let mut message = BytesMut::new();
        frames.iter().for_each(|frame| frame.encode(&mut message));
        self.session.handle_message(self.now, socket, message.freeze());
    }

    fn drain(&mut self) {
        loop {
            while self.session.poll_update().is_some() {}
            let Some(action) = self.session.poll() else { return };
            match action {
                Action::Open { socket, .. } => {
                    let Terms { frames_per_second, bytes_per_second, inputs_pending_max, .. } =
                        self.terms;
                    let at_once = frames_per_second.max(inputs_pending_max);
                    self.frames = Left::new(self.now, frames_per_second, at_once);
                    self.bytes = Left::new(self.now, bytes_per_second, bytes_per_second);
                    self.socket = Some(socket);
                    self.session.handle_opened(self.now, socket);
                }
                Action::Write { message, .. } => self.read(message),
                Action::Drop { .. } => panic!("the client gave a socket up"),
            }
        }
    }

    fn read(&mut self, message: Bytes) {
        // A masked head: two bytes, four for the mask, and two more for a longer length.
        let bytes = message.len() as u64 + if message.len() < 126 { 6 } else { 8 };
        let frames = decode_client(message, &PlayerLimits::default()).expect("frames");
        let in_pace =
            self.frames.take(self.now, frames.len() as u64) && self.bytes.take(self.now, bytes);
        assert!(in_pace, "too fast at {:?} with {:?}: {frames:?}", self.now, self.terms);
        for frame in frames {
            match frame {
                ClientFrame::Hello(hello) => {
                    let mode = if hello.token.is_some() { Mode::Resumed } else { Mode::New };
                    self.welcome(mode);
                }
                ClientFrame::Input { seq, .. } => {
                    assert_eq!(seq, self.received + 1);
                    self.received = seq;
                }
                _ => {}
            }
        }
    }

    fn welcome(&mut self, mode: Mode) {
        self.welcomed = true;
        let token = Token { session: SessionId(9), secret: [3; 16] };
        self.say(&[ServerFrame::Welcome(Box::new(ServerWelcome {
            protocol: 1,
            mode,
            codec: 0,
            token: (mode == Mode::New).then_some(token),
            room: RoomId([7; 16]),
            history: History(3),
            generation: Generation(1),
            in_next: self.received + 1,
            event_seq: self.events,
            lost: 0,
            ttl_ms: 120_000,
            ping_ms: 5_000,
            input_bytes_max: 16_384,
            inputs_pending_max: self.terms.inputs_pending_max,
            frames_per_second: self.terms.frames_per_second,
            bytes_per_second: self.terms.bytes_per_second,
            release: "r1".to_owned(),
        }))]);
    }

    /// Time passes until a moment from now.
    fn pass(&mut self, span: Span) {
        let end = self.now + span;
        while let Some(due) = self.session.next_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.session.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// Something happens.
    fn step(&mut self) {
        match self.rng.below(100) {
            // The game speaks.
            0..40 => {
                let count = 1 + self.rng.below(20);
                let payload = Bytes::from_static(b"1");
                let events: Vec<_> = (1..=count)
                    .map(|n| ServerFrame::Event { seq: self.events + n, payload: payload.clone() })
                    .collect();
                if self.welcomed {
                    self.events += count;
                    self.say(&events);
                }
            }
            // The player plays, as fast as anything allows.
            40..90 => {
                for _ in 0..self.rng.below(self.terms.inputs) {
                    let bytes = self.rng.below(self.terms.input_bytes) as usize;
                    let sent = self.session.send(self.now, vec![b'1'; bytes].into());
                    self.made = sent.unwrap_or(self.made);
                }
            }
            90..99 if self.welcomed => {
                let applied = self.received;
                self.say(&[ServerFrame::Ack { applied }]);
            }
            99 if self.rng.below(4) == 0 => {
                if let Some(socket) = self.socket.take() {
                    self.welcomed = false;
                    self.session.handle_closed(self.now, socket, Closed::default());
                }
            }
            _ => {}
        }
        self.drain();
        if self.welcomed && self.now.since(self.pinged) >= Span::secs(1) {
            self.pinged = self.now;
            self.say(&[ServerFrame::Ping { nonce: 1 }]);
            self.drain();
        }
        let most = 1 + self.rng.below(60_000);
        self.pass(Span(most));
    }
}

#[test]
fn a_strict_keeper_is_never_talked_to_too_fast() {
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let mut one_of = |of: [u64; 4]| of[rng.below(4) as usize];
        let terms = Terms {
            frames_per_second: one_of([2, 10, 60, 300]),
            bytes_per_second: one_of([1_500, 4_000, 16_000, 65_536]),
            inputs_pending_max: one_of([1, 8, 64, 256]),
            input_bytes: one_of([1, 10, 100, 400]),
            inputs: one_of([2, 3, 10, 100]),
        };
        let mut world = World::new(seed, terms);
        world.drain();
        for _ in 0..600 {
            world.step();
        }
        assert!(world.received > 0, "nothing was played with {terms:?}");
        // What was made arrives, however long it takes.
        for _ in 0..10_000 {
            if world.received == world.made {
                break;
            }
            world.pass(Span::millis(100));
            let applied = world.received;
            if world.welcomed {
                world.say(&[ServerFrame::Ack { applied }]);
            }
            world.drain();
        }
        assert_eq!(world.received, world.made, "{terms:?}");
    }
}
