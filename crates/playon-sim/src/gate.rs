//! The model of the gateway: sockets, and nothing that knows a game.
//!
//! It is held to the points that the real one is held to (`crates/playon-sim/tests/gate.rs`). It waits for nothing and draws nothing: whoever
//! uses it says what time it is, which socket takes nothing more, and carries what comes of that.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use playon_types::gate::{Close, Create, Hello, Push, ToGateway, ToOwner, Welcome};
use playon_types::ids::{ConnId, RoomId};
use playon_types::time::{Span, Time};

/// How long a view waits for the events before it to be sent again; then it stands for them.
pub const VIEW_GRACE: Span = Span::millis(250);

/// Time after which the owner is asked again, should it have had no answer.
const ASK_AGAIN: Span = Span::secs(1);

/// Bytes of one event or view. A larger view is left out, a larger event is a fault of its room.
const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// Rooms that a player without one is sent to before it is told that none takes it.
const MATCHES_MAX: u32 = 4;

/// Another room, and how it is made if it is a new one.
pub type Elsewhere = (RoomId, Option<Create>);

/// Whom something is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Out {
    /// For the owner.
    Owner(ToOwner),
    /// For the player of that socket.
    Player(ConnId, Heard),
}

/// What a player hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It has its seat.
    Welcome(Welcome),
    /// What is written for it.
    Push(Push),
    /// Its socket is closed.
    Closed(Close),
}

/// Whether events are missing after the last that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GapModel {
    No,
    /// Some were dropped, up to this one.
    Dropped {
        to: u64,
    },
    /// As before, and the owner was asked for them.
    Asked {
        to: u64,
        at: Time,
    },
}

/// How far a socket has come.
#[derive(Clone, Debug)]
enum SocketStage {
    /// Nothing was said yet.
    Silent,
    /// The owner was asked for a seat.
    Asking {
        hello: Box<Hello>,
        /// How many rooms were found for it; none if it named one.
        matches: u32,
    },
    /// The owner has let it in.
    Seated,
}

/// One player's socket. What it does not take is merged, replaced or dropped, and asked for again.
#[derive(Clone, Debug)]
struct Socket {
    stage: SocketStage,
    /// The owner has heard from the player since it was told its seat.
    confirmed: bool,
    /// It takes nothing more.
    blocked: bool,
    /// The last event that was written, or is included in a view that was.
    last: u64,
    gap: GapModel,
    /// What waits. Events do not.
    waits: Push,
}

impl Socket {
    const fn new() -> Self {
        Self {
            stage: SocketStage::Silent,
            confirmed: false,
            blocked: false,
            last: 0,
            gap: GapModel::No,
            waits: Push {
                set_aside: Vec::new(),
                applied: None,
                events: Vec::new(),
                view: None,
                now: Vec::new(),
            },
        }
    }

    /// Takes what the owner wants written.
    fn push(&mut self, now: Time, push: Push) {
        let Push { set_aside, applied, events, view, now: messages } = push;
        self.waits.set_aside.extend(set_aside);
        self.waits.applied = applied.or(self.waits.applied);
        events.into_iter().for_each(|(seq, event)| self.event(now, seq, event));
        if let Some((as_of, view)) = view.filter(|(_, view)| !is_large(view)) {
            if self.gap == GapModel::No {
                self.last = self.last.max(as_of);
            }
            self.waits.view = Some((as_of, view));
        }
        self.waits.now.extend(messages);
    }

    fn event(&mut self, now: Time, seq: u64, event: Bytes) {
        // Sent again although it is on its way already.
        if seq <= self.last && self.last != 0 {
            return;
        }
        if self.blocked || self.gap != GapModel::No && seq != self.last + 1 {
            self.gap = self.gap.widened(now, seq);
            return;
        }
        self.gap = GapModel::No;
        self.last = seq;
        self.waits.events.push((seq, event));
    }

    /// What may be written now.
    fn write(&mut self, now: Time) -> Option<Push> {
        if self.blocked {
            return None;
        }
        let mut push = std::mem::take(&mut self.waits);
        if !self.is_ripe(now, push.view.as_ref().map(|(as_of, _)| *as_of)) {
            self.waits.view = push.view.take();
        }
        Some(push).filter(|push| !push.is_empty())
    }

    /// Whether no event that the view includes may yet come.
    fn is_ripe(&mut self, now: Time, as_of: Option<u64>) -> bool {
        let Some(as_of) = as_of else { return true };
        if let GapModel::Dropped { to } | GapModel::Asked { to, .. } = self.gap
            && as_of > self.last
        {
            if !matches!(self.gap, GapModel::Asked { at, .. } if now.since(at) >= VIEW_GRACE) {
                return false;
            }
            // The owner no longer has those events, so the view stands for them.
            self.last = as_of;
            self.gap = if to > as_of { GapModel::Dropped { to } } else { GapModel::No };
        }
        true
    }

    /// All is written: the last event that was, if later ones were dropped.
    fn drained(&mut self, now: Time) -> Option<u64> {
        let GapModel::Dropped { to } = self.gap else { return None };
        if self.blocked || !matches!(self.stage, SocketStage::Seated) {
            return None;
        }
        self.gap = GapModel::Asked { to, at: now };
        Some(self.last)
    }
}

impl GapModel {
    fn widened(self, now: Time, seq: u64) -> Self {
        match self {
            Self::No => Self::Dropped { to: seq },
            Self::Dropped { to } => Self::Dropped { to: to.max(seq) },
            Self::Asked { to, at } if now.since(at) < ASK_AGAIN => {
                Self::Asked { to: to.max(seq), at }
            }
            Self::Asked { to, .. } => Self::Dropped { to: to.max(seq) },
        }
    }
}

const fn is_large(payload: &Bytes) -> bool {
    payload.len() > PAYLOAD_BYTES_MAX
}

/// All sockets of a keeper.
#[derive(Debug, Default)]
pub struct Gate {
    sockets: BTreeMap<ConnId, Socket>,
    /// The owner takes nothing more.
    refused: bool,
    /// Sockets that are gone, of which the owner could not be told yet.
    untold: BTreeSet<ConnId>,
}

impl Gate {
    /// A socket is opened.
    pub fn open(&mut self, conn: ConnId) {
        self.sockets.insert(conn, Socket::new());
    }

    /// Sockets that are open.
    pub fn conns(&self) -> impl Iterator<Item = ConnId> {
        self.sockets.keys().copied()
    }

    /// Whether the socket is open.
    pub fn is_open(&self, conn: ConnId) -> bool {
        self.sockets.contains_key(&conn)
    }

    /// A player's first words. One without a room of its own is sent to others, if this one does not take it.
    pub fn introduce(&mut self, hello: Hello, anywhere: bool) -> Vec<Out> {
        let conn = hello.conn;
        let Some(socket) = self.sockets.get_mut(&conn) else { return Vec::new() };
        if !matches!(socket.stage, SocketStage::Silent) {
            return self.close(conn, Close::BadFrame);
        }
        let asked = ToOwner::Hello(hello.clone());
        socket.stage = SocketStage::Asking { hello: Box::new(hello), matches: u32::from(anywhere) };
        self.pass_on(asked)
    }

    /// A player says something, but for its first words.
    pub fn say(&mut self, message: ToOwner) -> Vec<Out> {
        let conn = message.conn();
        match self.sockets.get(&conn).map(|socket| &socket.stage) {
            None => Vec::new(),
            Some(SocketStage::Seated) => self.pass_on(message),
            Some(SocketStage::Asking { .. }) if matches!(message, ToOwner::Bye { .. }) => {
                let mut out = self.pass_on(message);
                out.extend(self.close(conn, Close::Left));
                out
            }
            Some(SocketStage::Silent | SocketStage::Asking { .. }) => {
                self.close(conn, Close::BadFrame)
            }
        }
    }

    /// A player answers a ping. A player that has nothing to say is there all the same.
    pub fn pong(&mut self, conn: ConnId) -> Vec<Out> {
        match self.sockets.get_mut(&conn) {
            Some(socket) if matches!(socket.stage, SocketStage::Seated) && !socket.confirmed => {
                socket.confirmed = true;
                self.pass_on(ToOwner::Ack { conn, recv: 0 })
            }
            _ => Vec::new(),
        }
    }

    /// The other side of the socket is gone.
    pub fn hang_up(&mut self, conn: ConnId) -> Vec<Out> {
        match self.sockets.remove(&conn) {
            Some(socket) => self.gone(conn, &socket.stage),
            None => Vec::new(),
        }
    }

    /// The socket takes nothing more, or does again.
    pub fn take(&mut self, now: Time, conn: ConnId, takes: bool) -> Vec<Out> {
        if let Some(socket) = self.sockets.get_mut(&conn) {
            socket.blocked = !takes;
        }
        self.write(now, conn)
    }

    /// What waits for a socket is looked at again.
    pub fn write(&mut self, now: Time, conn: ConnId) -> Vec<Out> {
        let Some(socket) = self.sockets.get_mut(&conn) else { return Vec::new() };
        let push = socket.write(now);
        let mut out: Vec<Out> =
            push.into_iter().map(|push| Out::Player(conn, Heard::Push(push))).collect();
        if let Some(sent) = socket.drained(now) {
            out.extend(self.pass_on(ToOwner::Drained { conn, sent }));
        }
        out
    }

    /// The owner says something. `elsewhere` finds another room for a player that has none of its own.
    pub fn hear(
        &mut self,
        now: Time,
        message: ToGateway,
        elsewhere: impl FnOnce() -> Elsewhere,
    ) -> Vec<Out> {
        let conn = message.conn();
        let Some(socket) = self.sockets.get_mut(&conn) else { return Vec::new() };
        match message {
            ToGateway::Welcome { welcome, .. } => {
                if !matches!(socket.stage, SocketStage::Asking { .. }) {
                    return Vec::new();
                }
                socket.stage = SocketStage::Seated;
                vec![Out::Player(conn, Heard::Welcome(welcome))]
            }
            ToGateway::Push { push, .. }
                if push.events.iter().any(|(_, event)| is_large(event)) =>
            {
                self.close(conn, Close::RoomFails)
            }
            ToGateway::Push { push, .. } => {
                socket.push(now, push);
                self.write(now, conn)
            }
            ToGateway::Close { why, .. } => self.closed(conn, why, elsewhere),
        }
    }

    /// The owner has closed the socket, and hears nothing more of it, unless it is asked for another room.
    fn closed(
        &mut self,
        conn: ConnId,
        why: Close,
        elsewhere: impl FnOnce() -> Elsewhere,
    ) -> Vec<Out> {
        let other = matches!(
            why,
            Close::RoomFull | Close::RoomEnded | Close::UnknownRoom | Close::RoomHalted
        );
        let socket = self.sockets.get_mut(&conn);
        if let Some(SocketStage::Asking { hello, matches }) = socket.map(|socket| &mut socket.stage)
            && other
            && (1..MATCHES_MAX).contains(matches)
        {
            *matches += 1;
            (hello.room, hello.create) = elsewhere();
            let again = ToOwner::Hello(Hello::clone(hello));
            return self.pass_on(again);
        }
        // What still waits is for one who does not take it, or a view that must not be shown.
        self.sockets.remove(&conn);
        vec![Out::Player(conn, Heard::Closed(why))]
    }

    /// The owner takes nothing more, or does again.
    pub fn refuse(&mut self, refuses: bool) -> Vec<Out> {
        self.refused = refuses;
        if refuses {
            return Vec::new();
        }
        let untold = std::mem::take(&mut self.untold);
        untold.into_iter().map(|conn| Out::Owner(ToOwner::Gone { conn })).collect()
    }

    /// It goes down: all are told to come back, and nobody is gone.
    pub fn go_down(&mut self) -> Vec<Out> {
        self.untold.clear();
        let sockets = std::mem::take(&mut self.sockets).into_keys();
        sockets.map(|conn| Out::Player(conn, Heard::Closed(Close::Restarting))).collect()
    }

    fn pass_on(&mut self, message: ToOwner) -> Vec<Out> {
        if self.refused {
            return self.close(message.conn(), Close::Busy);
        }
        vec![Out::Owner(message)]
    }

    /// This side closes the socket.
    fn close(&mut self, conn: ConnId, why: Close) -> Vec<Out> {
        let Some(socket) = self.sockets.remove(&conn) else { return Vec::new() };
        let mut out = self.gone(conn, &socket.stage);
        out.push(Out::Player(conn, Heard::Closed(why)));
        out
    }

    /// The owner is told, if it was asked for that socket.
    fn gone(&mut self, conn: ConnId, stage: &SocketStage) -> Vec<Out> {
        if matches!(stage, SocketStage::Silent) {
            return Vec::new();
        }
        if self.refused {
            self.untold.insert(conn);
            return Vec::new();
        }
        vec![Out::Owner(ToOwner::Gone { conn })]
    }
}
