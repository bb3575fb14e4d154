//! What a room tells a player.

use std::fmt;

use bytes::Bytes;
use playon_types::gate::Close;

/// One thing a player learns, in the order in which it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update<E, V> {
    /// A reliable event. Each comes once and in order, also across lost sockets.
    Event {
        /// Its number within the session.
        seq: u64,
        /// The event.
        event: E,
    },
    /// What the player sees; replaces every earlier view.
    View {
        /// The last event it already includes.
        as_of: u64,
        /// The view.
        view: V,
    },
    /// Something of the moment, sent once and not kept.
    Now(E),
    /// Inputs up to this number are applied and safe.
    Applied(u64),
    /// Inputs were set aside: the game fails on them, or they are longer than the keeper takes by now (`PLY-0182`), so they were
    /// not run and never will be. Whatever they were to do has not happened; [`Update::Applied`] counts them as dealt with.
    SetAside {
        /// Their numbers, lowest first.
        inputs: Vec<u64>,
        /// Why: the number of a `PLY-` code.
        code: u16,
    },
    /// Events will never come; the next view makes up for them.
    Gap {
        /// How many; 0 when nobody can tell because the room lost its own count.
        missed: u64,
    },
    /// Inputs are lost: the keeper crashed and the kind of room does not survive that, or the session had to begin anew.
    Lost {
        /// How many.
        inputs: u64,
    },
    /// The connection's state has changed.
    State(State),
    /// A payload that does not have the expected shape, perhaps of a newer release.
    Unreadable {
        /// The payload.
        payload: Bytes,
        /// What is wrong with it.
        why: String,
    },
    /// It is over. Nothing else follows.
    Ended(End),
}

/// An update whose payloads are left as they came.
pub type RawUpdate = Update<Bytes, Bytes>;

/// Where the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is no seat yet, or not any more as the keeper no longer knows it; or this is a spectator without a socket.
    Joining,
    /// A socket is open and everything flows.
    Live,
    /// The socket was lost and the next one is on its way; inputs are kept, nothing is lost so far.
    Reconnecting,
    /// Over for good.
    Ended,
}

/// Why a session is over. A deploy never is the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// This side left.
    Left,
    /// The keeper said so.
    Closed {
        /// The WebSocket close code.
        code: u16,
        /// One line for people, starting with a `PLY-` code.
        reason: String,
    },
    /// A socket was refused with an HTTP status that does not pass by itself, before this client was ever let in: the address is
    /// not a keeper's, pages of that origin may not connect, or the versions of WebSocket have nothing in common.
    Refused {
        /// The status: 403, 404 or 426.
        status: u16,
        /// One line for people, starting with a `PLY-` code if a keeper said it.
        reason: String,
    },
    /// No keeper could be reached for as long as the options allow.
    GaveUp,
    /// The keeper speaks something that this client does not.
    Foreign(String),
}

impl End {
    /// The keeper's reason, if it is one this version knows.
    pub fn close(&self) -> Option<Close> {
        match self {
            Self::Closed { code, .. } => Close::ALL.into_iter().find(|close| close.code() == *code),
            _ => None,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Left => f.write_str("left"),
            Self::Closed { code, reason } => write!(f, "closed with {code} {reason}"),
            Self::Refused { status, reason } => write!(f, "HTTP {status}: {reason}"),
            Self::GaveUp => f.write_str("no keeper could be reached"),
            Self::Foreign(what) => write!(f, "not understood: {what}"),
        }
    }
}
