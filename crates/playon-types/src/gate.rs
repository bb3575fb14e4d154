//! The narrow interface between gateway and owner.
//!
//! A channel in one process, a link between two keepers in a cluster. The gateway knows sockets and
//! nothing of games; the owner knows rooms and never touches a socket.

use bytes::Bytes;

use crate::ids::{ConnId, Generation, History, ReleaseId, RoomId, SecretHash, SessionId};
use crate::reason::Reason;
use crate::time::Span;

/// Gateway to owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToOwner {
    /// A socket wants a seat, its old seat back, or to watch.
    Hello(Hello),
    /// The next input.
    Input {
        /// The socket.
        conn: ConnId,
        /// Its number, from 1.
        seq: u64,
        /// The last event the client has taken in.
        recv: u64,
        /// The input.
        payload: Bytes,
    },
    /// Events up to `recv` have been taken in.
    Ack {
        /// The socket.
        conn: ConnId,
        /// The last event.
        recv: u64,
    },
    /// The player gives the seat up.
    Bye {
        /// The socket.
        conn: ConnId,
    },
    /// The socket is gone.
    Gone {
        /// The socket.
        conn: ConnId,
    },
    /// A socket that was too slow has caught up: events after `sent` were not written to it.
    Drained {
        /// The socket.
        conn: ConnId,
        /// The last event that was written.
        sent: u64,
    },
}

impl ToOwner {
    /// The socket this is about.
    pub const fn conn(&self) -> ConnId {
        match self {
            Self::Hello(hello) => hello.conn,
            Self::Input { conn, .. }
            | Self::Ack { conn, .. }
            | Self::Bye { conn }
            | Self::Gone { conn }
            | Self::Drained { conn, .. } => *conn,
        }
    }
}

/// The first thing a socket says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The socket.
    pub conn: ConnId,
    /// Which room.
    pub room: RoomId,
    /// As whom.
    pub who: Who,
    /// What to create if there is no such room; without it a missing room is an error.
    pub create: Option<Create>,
}

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A new player.
    New {
        /// Drawn by the gateway.
        session: SessionId,
        /// Of the secret drawn by the gateway.
        secret: SecretHash,
        /// What the player says about itself.
        profile: Bytes,
    },
    /// A player who was here before.
    Known {
        /// The session.
        session: SessionId,
        /// Of the secret it shows.
        secret: SecretHash,
        /// The history its event numbers belong to.
        history: History,
        /// Higher than that of every earlier socket.
        generation: Generation,
        /// The last event it has taken in.
        recv: u64,
        /// The first input that was not acknowledged to it; all before were.
        lo: u64,
        /// It begins with a whole view, whatever is kept for it: a page that was loaded again.
        whole: bool,
    },
    /// A spectator.
    Watcher,
}

/// How to create a room that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Create {
    /// Which kind.
    pub kind: String,
    /// Its name, unique within the kind; empty for a nameless one.
    pub name: String,
    /// How it is created.
    pub params: Bytes,
    /// Where its random numbers begin.
    pub seed: u64,
}

/// Owner to gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToGateway {
    /// The socket has its seat.
    Welcome {
        /// The socket.
        conn: ConnId,
        /// The terms.
        welcome: Welcome,
    },
    /// Write this.
    Push {
        /// The socket.
        conn: ConnId,
        /// What.
        push: Push,
    },
    /// Close the socket.
    Close {
        /// The socket.
        conn: ConnId,
        /// Why.
        why: Close,
        /// In words, with a code.
        detail: Reason,
    },
}

impl ToGateway {
    /// The socket this is about.
    pub const fn conn(&self) -> ConnId {
        match self {
            Self::Welcome { conn, .. } | Self::Push { conn, .. } | Self::Close { conn, .. } => {
                *conn
            }
        }
    }
}

/// How a session begins or goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A new session.
    New,
    /// Everything goes on where it was; missed events follow.
    Resumed,
    /// The seat is the same, but missed events cannot be sent; a whole view follows.
    Fresh,
    /// A spectator.
    Watching,
}

/// The terms of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// How.
    pub mode: Mode,
    /// Who.
    pub session: SessionId,
    /// Where.
    pub room: RoomId,
    /// The release that runs the room.
    pub release: ReleaseId,
    /// What event numbers belong to.
    pub history: History,
    /// This socket's generation.
    pub generation: Generation,
    /// The number of the next input the owner wants.
    pub in_next: u64,
    /// The last event given out before this socket.
    pub event_seq: u64,
    /// Inputs once acknowledged that are lost (only after a keeper crash of a `WorkerCrash` kind).
    pub lost: u64,
    /// How long the seat is kept without a socket.
    pub ttl: Span,
}

/// Something to write to a socket, in the order of the fields.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Push {
    /// Inputs of this session that were not run and never will be, lowest first. They count as dealt with: `applied`
    /// covers them, here or later.
    pub set_aside: Vec<u64>,
    /// Inputs up to here are applied and safe, if that is news.
    pub applied: Option<u64>,
    /// Reliable events with their numbers.
    pub events: Vec<(u64, Bytes)>,
    /// What the player sees as of an event number; replaces every earlier view.
    pub view: Option<(u64, Bytes)>,
    /// Unnumbered messages.
    pub now: Vec<Bytes>,
}

impl Push {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.set_aside.is_empty()
            && self.applied.is_none()
            && self.events.is_empty()
            && self.view.is_none()
            && self.now.is_empty()
    }
}

/// The number of the code under which a player is told that an input was set aside.
pub const SET_ASIDE_CODE: u16 = crate::ply!("PLY-0127").number();

/// Why a socket is closed. The code's class tells old clients what to do with new codes:
/// 40xx reconnect and resume, 44xx start afresh, 49xx stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Close {
    /// The keeper goes away for a moment.
    Restarting,
    /// Too busy, or the room cannot be read just now.
    Busy,
    /// Nothing was heard for too long.
    Silent,
    /// More came in a second than is taken: nothing is lost, and the rest may come a moment later.
    TooFast,
    /// No such session, or the wrong secret.
    UnknownSession,
    /// No such room, and nothing to create it from.
    UnknownRoom,
    /// An input came out of order.
    InputGap,
    /// The room is full.
    RoomFull,
    /// No common protocol version.
    Version,
    /// A newer socket of the same session has taken over.
    Replaced,
    /// The room refused the player.
    Refused,
    /// The room has ended.
    RoomEnded,
    /// The player left or was sent away.
    Left,
    /// A frame that cannot be read, or one that is not allowed here.
    BadFrame,
    /// A message over the size limit.
    TooLarge,
    /// Too many frames in one message, or unapplied inputs.
    TooMany,
    /// The room is halted: its stored state is damaged.
    RoomHalted,
    /// The room's game code keeps failing; it goes on when another release comes.
    RoomFails,
}

impl Close {
    /// Every reason, for documents and tests.
    pub const ALL: [Self; 18] = [
        Self::Restarting,
        Self::Busy,
        Self::Silent,
        Self::TooFast,
        Self::UnknownSession,
        Self::UnknownRoom,
        Self::InputGap,
        Self::RoomFull,
        Self::Version,
        Self::Replaced,
        Self::Refused,
        Self::RoomEnded,
        Self::Left,
        Self::BadFrame,
        Self::TooLarge,
        Self::TooMany,
        Self::RoomHalted,
        Self::RoomFails,
    ];

    /// The WebSocket close code.
    pub const fn code(self) -> u16 {
        match self {
            Self::Restarting => 4000,
            Self::Busy => 4003,
            Self::Silent => 4008,
            Self::RoomFails => 4009,
            Self::TooFast => 4010,
            Self::UnknownSession => 4401,
            Self::UnknownRoom => 4404,
            Self::InputGap => 4410,
            Self::RoomFull => 4411,
            Self::Version => 4900,
            Self::Replaced => 4901,
            Self::Refused => 4902,
            Self::RoomEnded => 4903,
            Self::Left => 4904,
            Self::BadFrame => 4905,
            Self::TooLarge => 4906,
            Self::TooMany => 4907,
            Self::RoomHalted => 4908,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONN: ConnId = ConnId(7);

    #[test]
    fn messages_know_which_socket_they_are_about() {
        let who = Who::Watcher;
        let hello = Hello { conn: CONN, room: RoomId([1; 16]), who, create: None };
        let from = [
            ToOwner::Hello(hello),
            ToOwner::Input { conn: CONN, seq: 1, recv: 0, payload: Bytes::new() },
            ToOwner::Ack { conn: CONN, recv: 1 },
            ToOwner::Bye { conn: CONN },
            ToOwner::Gone { conn: CONN },
            ToOwner::Drained { conn: CONN, sent: 1 },
        ];
        assert!(from.iter().all(|message| message.conn() == CONN));
        let detail = crate::reason!("PLY-0109 it left");
        let to = [
            ToGateway::Push { conn: CONN, push: Push::default() },
            ToGateway::Close { conn: CONN, why: Close::Left, detail },
        ];
        assert!(to.iter().all(|message| message.conn() == CONN));
    }

    #[test]
    fn a_push_is_empty_with_nothing_of_anything() {
        let empty = Push::default;
        assert!(empty().is_empty());
        for some in [
            Push { set_aside: vec![1], ..empty() },
            Push { applied: Some(1), ..empty() },
            Push { events: vec![(1, Bytes::new())], ..empty() },
            Push { view: Some((1, Bytes::new())), ..empty() },
            Push { now: vec![Bytes::new()], ..empty() },
        ] {
            assert!(!some.is_empty(), "{some:?}");
        }
    }

    /// Clients know them by number.
    #[test]
    fn each_close_has_a_number_of_its_own_by_whether_one_may_try_again() {
        let codes = Close::ALL.map(Close::code);
        let wanted = [
            4000, 4003, 4008, 4010, 4401, 4404, 4410, 4411, 4900, 4901, 4902, 4903, 4904, 4905,
            4906, 4907, 4908, 4009,
        ];
        assert_eq!(codes, wanted);
    }
}
