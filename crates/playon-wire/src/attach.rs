//! The attach protocol: what keeper and worker tell each other over their link.
//!
//! Source of truth is `proto/attach.proto` with `proto/kinds.proto`; the page about it is `docs/attach-protocol.md`. A frame is a length of
//! 4 bytes, highest first, and one batch of up to [`BATCH_ITEMS_MAX`] items. The keeper's items are [`Down`],
//! the worker's are [`Up`]. The worker speaks first, with [`Up::Hello`]; the keeper answers with
//! [`Down::Welcome`] or with [`Down::Refuse`] and the end of the link.
//!
//! Bytes read from a frame are slices of it as long as they make up a fair part of it, and copies
//! otherwise: nothing kept for long holds more than [`PINNED_TIMES_MAX`] times its size in memory.

mod batch;
mod credit;
mod down;
mod entries;
mod error;
mod frame;
#[rustfmt::skip]
#[allow(missing_docs, unreachable_pub, dead_code, clippy::all, reason = "generated")]
mod generated;
mod hello;
#[rustfmt::skip]
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
mod kinds;
mod pieces;
mod secret;
mod turns;
mod up;

use bytes::Bytes;
use playon_types::attach::{FromWorker, ToWorker};
use playon_types::ids::{RoomId, WorkerId};
use playon_types::kind::KindInfo;

use crate::range::ProtocolRange;

pub use batch::{decode_down, decode_up, encode_down, encode_up};
pub use credit::{Consumed, Credit, ITEM_COST, cost};
pub use error::AttachError;
pub use frame::{FrameDecoder, read_down, read_frame, read_up, write_down, write_frame, write_up};
pub use secret::LinkSecret;
pub use turns::{AT_REST, TURN_BYTES, TURNS_MAX, TURNS_PAGE_BYTES, decode_turns, encode_turn};

/// The versions of the attach protocol that this build speaks.
pub const ATTACH_PROTOCOL: ProtocolRange = ProtocolRange::only(1);

/// Bytes of a frame without its length. A longer one ends the link.
pub const FRAME_BYTES_MAX: usize = 32 << 20;

/// Items of one batch. More end the link.
pub const BATCH_ITEMS_MAX: usize = 256;

/// Entries of all the lists within the items of a frame. More end the link.
///
/// It is what bounds the memory that a frame becomes: an empty entry of 2 bytes takes up to 100 once decoded.
pub const FRAME_ENTRIES_MAX: usize = 1 << 18;

/// Bytes of all the assets of a release. More are refused.
pub const ASSETS_BYTES_MAX: usize = 16 << 20;

/// Assets of a release. More are refused.
pub const ASSETS_MAX: usize = 1_024;

/// Kinds of a release. More are refused.
pub const KINDS_MAX: usize = 64;

/// Defects that a worker reports. More are refused.
pub const DEFECTS_MAX: usize = 64;

/// How many times its own size a piece of a frame may keep in memory.
pub const PINNED_TIMES_MAX: usize = 4;

/// The variable in a spawned worker's environment with the path of the socket to attach to.
pub const ENV_ATTACH: &str = "PLAYON_ATTACH";

/// The variable in a spawned worker's environment with the secret it shows, in hexadecimal.
pub const ENV_SECRET: &str = "PLAYON_SECRET";

/// Keeper to worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Down {
    /// The worker is accepted.
    Welcome(KeeperWelcome),
    /// The worker is not accepted; the link ends.
    Refuse(KeeperRefuse),
    /// About one room.
    Room(ToWorker),
    /// Asks for a [`Up::Pong`].
    Ping {
        /// To be sent back.
        nonce: u64,
    },
    /// Nothing more comes; the worker ends.
    Shutdown,
}

/// Worker to keeper.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all items are about rooms")]
pub enum Up {
    /// The first item of a link, alone in its frame.
    Hello(Box<WorkerHello>),
    /// About one room.
    Room(FromWorker),
    /// The answer to [`Down::Ping`].
    Pong {
        /// That of the ping.
        nonce: u64,
    },
    /// Items worth this many bytes have been worked off; see [`cost`].
    Credit {
        /// How many.
        bytes: u64,
    },
    /// A line for the keeper's log.
    Log(LogLine),
}

/// Who the worker is and what it can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerHello {
    /// The versions the worker speaks.
    pub protocol: ProtocolRange,
    /// The secret it was started with.
    pub secret: LinkSecret,
    /// The app's name.
    pub app: String,
    /// The release's own name for itself, or empty.
    pub label: String,
    /// Its process id.
    pub pid: u32,
    /// The kinds of rooms it runs, at most [`KINDS_MAX`].
    pub kinds: Vec<KindInfo>,
    /// Files for browsers, at most [`ASSETS_MAX`] and [`ASSETS_BYTES_MAX`].
    pub assets: Vec<Asset>,
    /// What it found wrong with itself, at most [`DEFECTS_MAX`] lines; any one makes the keeper refuse it.
    pub defects: Vec<String>,
}

/// A file that a release brings along for browsers.
#[derive(Clone, PartialEq, Eq)]
pub struct Asset {
    /// Its path below the root of the site, without a leading slash.
    pub path: String,
    /// Its media type.
    pub mime: String,
    /// Its content.
    pub bytes: Bytes,
}

impl std::fmt::Debug for Asset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Asset({}, {}, {} bytes)", self.path, self.mime, self.bytes.len())
    }
}

/// The terms of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeeperWelcome {
    /// The version spoken from here on.
    pub protocol: u32,
    /// What the keeper calls this worker.
    pub worker: WorkerId,
    /// How often the keeper pings, in milliseconds; a side that hears nothing for three times as long
    /// takes the link for dead.
    pub heartbeat_ms: u64,
    /// The credit that the keeper begins with, in bytes; see [`Credit`].
    pub credit_bytes: u64,
    /// The most bytes of one room's state that the keeper takes; a commit with more is refused.
    pub state_bytes_max: u64,
    /// The most bytes of one view or event that the keeper sends to a player. A larger view is left out, a larger event is a
    /// fault of its batch.
    pub view_bytes_max: u64,
    /// The file on which the worker notes what it has begun, of [`TURNS_PAGE_BYTES`]; see [`encode_turn`].
    pub turns: Option<String>,
}

/// Why a worker is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeeperRefuse {
    /// A stable code, such as `PLY-0401`.
    pub code: String,
    /// One line for people.
    pub detail: String,
}

/// A line for the keeper's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How serious.
    pub level: LogLevel,
    /// The room it is about, if it is about one.
    pub room: Option<RoomId>,
    /// The line.
    pub text: String,
}

/// How serious a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something may fail.
    Warn,
    /// Something happened.
    Info,
    /// For those who look for a mistake.
    Debug,
    /// For those who look very closely.
    Trace,
}
