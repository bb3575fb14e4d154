//! Writing frames.

use bytes::{BufMut, BytesMut};
use playon_types::gate::Mode;

use super::{
    ClientFrame, ClientHello, FLAG_DELTAS, FLAG_WATCH, FLAG_WHOLE, MoveTo, ServerFrame,
    ServerWelcome, Token, kind,
};
use crate::varint;

/// Where a body goes: first into [`Count`] for its length, then into the buffer. One description of the
/// fields serves both, so that the length cannot be wrong.
trait Sink {
    fn int(&mut self, value: u64);
    fn raw(&mut self, bytes: &[u8]);

    fn bytes(&mut self, bytes: &[u8]) {
        self.int(bytes.len() as u64);
        self.raw(bytes);
    }

    fn token(&mut self, token: Option<Token>) {
        match token {
            Some(token) => self.bytes(&token.to_bytes()),
            None => self.bytes(&[]),
        }
    }
}

struct Count(usize);

impl Sink for Count {
    fn int(&mut self, value: u64) {
        self.0 += varint::len(value);
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

impl Sink for BytesMut {
    fn int(&mut self, value: u64) {
        varint::put(value, self);
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.put_slice(bytes);
    }
}

trait Frame {
    fn kind(&self) -> u8;
    fn body(&self, out: &mut impl Sink);

    fn write(&self, out: &mut BytesMut) {
        let mut count = Count(0);
        self.body(&mut count);
        out.reserve(1 + varint::VARINT_BYTES_MAX + count.0);
        out.put_u8(self.kind());
        varint::put(count.0 as u64, out);
        self.body(out);
    }
}

impl ClientFrame {
    /// Appends the frame.
    pub fn encode(&self, out: &mut BytesMut) {
        self.write(out);
    }
}

impl ServerFrame {
    /// Appends the frame.
    pub fn encode(&self, out: &mut BytesMut) {
        self.write(out);
    }
}

impl Frame for ClientFrame {
    fn kind(&self) -> u8 {
        match self {
            Self::Hello(_) => kind::HELLO,
            Self::Input { .. } => kind::IN,
            Self::Ack { .. } => kind::CLIENT_ACK,
            Self::Bye => kind::BYE,
            Self::Pong { .. } => kind::PONG,
        }
    }

    fn body(&self, out: &mut impl Sink) {
        match self {
            Self::Hello(hello) => hello_body(hello, out),
            Self::Input { seq, recv, payload } => {
                out.int(*seq);
                out.int(*recv);
                out.raw(payload);
            }
            Self::Ack { recv } => out.int(*recv),
            Self::Bye => {}
            Self::Pong { nonce } => out.int(*nonce),
        }
    }
}

fn hello_body(hello: &ClientHello, out: &mut impl Sink) {
    out.int(hello.protocol.min.into());
    out.int(hello.protocol.max.into());
    let flag = |set: bool, flag| if set { flag } else { 0 };
    let watch = flag(hello.watch, FLAG_WATCH);
    out.int(watch | flag(hello.whole, FLAG_WHOLE) | flag(hello.deltas, FLAG_DELTAS));
    out.token(hello.token);
    out.bytes(hello.room.as_ref().map_or(&[], |room| &room.0[..]));
    out.bytes(hello.kind.as_bytes());
    out.bytes(hello.name.as_bytes());
    out.bytes(&hello.profile);
    out.bytes(&hello.params);
    out.int(hello.history.0);
    out.int(hello.generation.0);
    out.int(hello.recv);
    out.int(hello.lo);
}

impl Frame for ServerFrame {
    fn kind(&self) -> u8 {
        match self {
            Self::Welcome(_) => kind::WELCOME,
            Self::Event { .. } => kind::EVT,
            Self::View { .. } => kind::VIEW,
            Self::Now { .. } => kind::NOW,
            Self::Ack { .. } => kind::SERVER_ACK,
            Self::Ping { .. } => kind::PING,
            Self::Move(_) => kind::MOVE,
            Self::SetAside { .. } => kind::SET_ASIDE,
        }
    }

    fn body(&self, out: &mut impl Sink) {
        match self {
            Self::Welcome(welcome) => welcome_body(welcome, out),
            Self::Event { seq, payload } => {
                out.int(*seq);
                out.raw(payload);
            }
            Self::View { as_of, base, payload } => {
                View { as_of: *as_of, base: *base, payload }.body(out);
            }
            Self::Now { payload } => out.raw(payload),
            Self::Ack { applied } => out.int(*applied),
            Self::Ping { nonce } => out.int(*nonce),
            Self::Move(to) => move_body(to, out),
            Self::SetAside { code, inputs } => {
                out.int((*code).into());
                inputs.iter().for_each(|seq| out.int(*seq));
            }
        }
    }
}

/// The frame [`ServerFrame::View`] of a payload that others have, too.
struct View<'a> {
    as_of: u64,
    base: u64,
    payload: &'a [u8],
}

impl Frame for View<'_> {
    fn kind(&self) -> u8 {
        kind::VIEW
    }

    fn body(&self, out: &mut impl Sink) {
        out.int(self.as_of);
        out.int(self.base);
        out.raw(self.payload);
    }
}

/// Appends a [`ServerFrame::View`].
pub fn put_view(as_of: u64, base: u64, payload: &[u8], out: &mut BytesMut) {
    View { as_of, base, payload }.write(out);
}

fn welcome_body(welcome: &ServerWelcome, out: &mut impl Sink) {
    out.int(welcome.protocol.into());
    out.int(match welcome.mode {
        Mode::New => 0,
        Mode::Resumed => 1,
        Mode::Fresh => 2,
        Mode::Watching => 3,
    });
    out.int(welcome.codec.into());
    out.token(welcome.token);
    out.bytes(&welcome.room.0);
    out.int(welcome.history.0);
    out.int(welcome.generation.0);
    out.int(welcome.in_next);
    out.int(welcome.event_seq);
    out.int(welcome.lost);
    out.int(welcome.ttl_ms);
    out.int(welcome.ping_ms);
    out.int(welcome.input_bytes_max);
    out.int(welcome.inputs_pending_max);
    out.int(welcome.frames_per_second);
    out.int(welcome.bytes_per_second);
    out.bytes(welcome.release.as_bytes());
}

fn move_body(to: &MoveTo, out: &mut impl Sink) {
    out.bytes(to.url.as_bytes());
    out.bytes(&to.ticket);
    out.int(to.window_ms);
    out.int(to.deadline_ms);
}
