//! The player protocol: what travels over a player's WebSocket.
//!
//! Source of truth for `docs/player-protocol.md`. A binary message is one or more frames back to back; a frame
//! is a type byte, a varint with the length of the rest, and its fields in the order in which the types
//! below list them. Integers are varints; strings and byte strings are a varint length and the bytes; the
//! payload that ends a frame has no length of its own.

mod decode;
mod delta;
mod encode;
mod error;
mod limits;
mod token;

use bytes::Bytes;
use playon_types::gate::Mode;
use playon_types::ids::{Generation, History, RoomId};

use crate::range::ProtocolRange;

pub use decode::{decode_client, decode_server};
pub use delta::{DELTA_VIEW_BYTES_MAX, DeltaError, apply_delta, put_delta};
pub use encode::put_view;
pub use error::DecodeError;
pub use limits::{CLIENT_FRAMES_MAX, PlayerLimits, SERVER_FRAMES_MAX};
pub use token::Token;

/// The versions of the player protocol that this build speaks.
pub const PLAYER_PROTOCOL: ProtocolRange = ProtocolRange::only(1);

/// The payload codec JSON, the only one so far.
pub const CODEC_JSON: u8 = 0;

/// Server frames with this bit set in their type are skipped by clients that do not know them.
pub const SKIPPABLE: u8 = 0x80;

/// The type bytes of frames.
pub mod kind {
    /// [`super::ClientFrame::Hello`].
    pub const HELLO: u8 = 0x01;
    /// [`super::ClientFrame::Input`].
    pub const IN: u8 = 0x02;
    /// [`super::ClientFrame::Ack`].
    pub const CLIENT_ACK: u8 = 0x03;
    /// [`super::ClientFrame::Bye`].
    pub const BYE: u8 = 0x04;
    /// [`super::ClientFrame::Pong`].
    pub const PONG: u8 = 0x05;
    /// [`super::ServerFrame::Welcome`].
    pub const WELCOME: u8 = 0x11;
    /// [`super::ServerFrame::Event`].
    pub const EVT: u8 = 0x12;
    /// [`super::ServerFrame::View`].
    pub const VIEW: u8 = 0x13;
    /// [`super::ServerFrame::Now`].
    pub const NOW: u8 = 0x14;
    /// [`super::ServerFrame::Ack`].
    pub const SERVER_ACK: u8 = 0x15;
    /// [`super::ServerFrame::Ping`].
    pub const PING: u8 = 0x16;
    /// [`super::ServerFrame::Move`].
    pub const MOVE: u8 = 0x17;
    /// [`super::ServerFrame::SetAside`].
    pub const SET_ASIDE: u8 = 0x18;
}

/// The flag in HELLO that asks to watch instead of to play.
pub const FLAG_WATCH: u64 = 1;

/// The flag in HELLO that asks for a whole view to begin with, although events may be kept: a page that was loaded again.
pub const FLAG_WHOLE: u64 = 2;

/// The flag in HELLO that says that views may be told as deltas. Keepers that do not know it tell all views whole.
pub const FLAG_DELTAS: u64 = 4;

/// The `base` of a view that is whole.
pub const BASE_NONE: u64 = 0;

/// The `base` of a view that is told as a delta of the one that was written before it on the same socket.
pub const BASE_LAST: u64 = 1;

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame {
    /// The first frame of every socket, and only that.
    Hello(Box<ClientHello>),
    /// One input.
    Input {
        /// Its number; the first of a session is 1, each next one more.
        seq: u64,
        /// The last event taken in.
        recv: u64,
        /// The input, opaque here.
        payload: Bytes,
    },
    /// Events were taken in, and no input is at hand to say so.
    Ack {
        /// The last of them.
        recv: u64,
    },
    /// The player leaves for good.
    Bye,
    /// The answer to [`ServerFrame::Ping`].
    Pong {
        /// That of the ping.
        nonce: u64,
    },
}

/// Who the client is, where it wants to go, and where it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientHello {
    /// The versions the client speaks.
    pub protocol: ProtocolRange,
    /// Whether it wants to watch instead of to play.
    pub watch: bool,
    /// Whether it wants to begin with a whole view, whatever the keeper could repeat.
    pub whole: bool,
    /// Whether views may be told as deltas.
    pub deltas: bool,
    /// A session to go on with. Then `room` is set as well.
    pub token: Option<Token>,
    /// The room, when its id is known.
    pub room: Option<RoomId>,
    /// The kind of room, when it is not.
    pub kind: String,
    /// The room's name within the kind; empty asks for any open room of the kind.
    pub name: String,
    /// What a new player says about itself, opaque here.
    pub profile: Bytes,
    /// How the room is created if it must be, opaque here.
    pub params: Bytes,
    /// The history that `recv` counts in; 0 in a new session.
    pub history: History,
    /// Higher than that of every earlier socket of the session.
    pub generation: Generation,
    /// The last event taken in.
    pub recv: u64,
    /// The first input that was not acknowledged: all before were, by a [`ServerFrame::Ack`].
    pub lo: u64,
}

/// What the keeper sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFrame {
    /// The first frame of every socket that gets a seat.
    Welcome(Box<ServerWelcome>),
    /// A reliable event.
    Event {
        /// Its number.
        seq: u64,
        /// The event, opaque here.
        payload: Bytes,
    },
    /// What the player sees; replaces every earlier view.
    View {
        /// The last event that the view already includes.
        as_of: u64,
        /// What the payload is a delta of: [`BASE_NONE`] or [`BASE_LAST`].
        base: u64,
        /// The view, opaque here, or what [`apply_delta`] takes.
        payload: Bytes,
    },
    /// A message without a number, sent once.
    Now {
        /// The message, opaque here.
        payload: Bytes,
    },
    /// Inputs are applied, and the result is as safe as the kind of room asks.
    Ack {
        /// The last of them.
        applied: u64,
    },
    /// Asks for a [`ClientFrame::Pong`].
    Ping {
        /// To be sent back.
        nonce: u64,
    },
    /// Asks the client to connect elsewhere while this socket goes on.
    Move(Box<MoveTo>),
    /// Inputs were not run and never will be. An [`ServerFrame::Ack`] that covers them comes after it.
    SetAside {
        /// Why: the number of a `PLY-` code.
        code: u16,
        /// Their numbers, lowest first.
        inputs: Vec<u64>,
    },
}

/// The terms of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerWelcome {
    /// The version spoken from here on.
    pub protocol: u32,
    /// How the session begins or goes on. On the wire: 0 new, 1 resumed, 2 fresh, 3 watching.
    pub mode: Mode,
    /// How payloads are encoded: [`CODEC_JSON`].
    pub codec: u8,
    /// The key to a new session; absent when the client has one already or watches.
    pub token: Option<Token>,
    /// The room.
    pub room: RoomId,
    /// What event numbers belong to.
    pub history: History,
    /// That of this socket.
    pub generation: Generation,
    /// The number of the next input that is wanted: all before have arrived, which is less than acknowledged.
    pub in_next: u64,
    /// The event after which events go on on this socket.
    pub event_seq: u64,
    /// Inputs that were acknowledged once and are lost all the same.
    pub lost: u64,
    /// How long the seat is kept without a socket, in milliseconds.
    pub ttl_ms: u64,
    /// How long the keeper listens to silence before it pings, in milliseconds.
    pub ping_ms: u64,
    /// Bytes of the largest input.
    pub input_bytes_max: u64,
    /// Inputs that may be sent and not yet acknowledged.
    pub inputs_pending_max: u64,
    /// Frames that may be sent a second in the long run; 0 for any number.
    pub frames_per_second: u64,
    /// Bytes of messages that may be sent a second in the long run; 0 for any number.
    pub bytes_per_second: u64,
    /// The label of the release that runs the room.
    pub release: String,
}

/// Where to connect instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveTo {
    /// The address of the other keeper's socket.
    pub url: String,
    /// Shown there, opaque to the client.
    pub ticket: Bytes,
    /// The client picks a random moment within this many milliseconds.
    pub window_ms: u64,
    /// This socket closes after this many milliseconds.
    pub deadline_ms: u64,
}
