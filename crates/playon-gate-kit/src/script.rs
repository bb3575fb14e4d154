//! The owner's side, and what players do that several points need.

use bytes::Bytes;
use playon_types::gate::{Close, Hello, Mode, Push, ToGateway, ToOwner, Welcome, Who};
use playon_types::ids::{ConnId, Generation, History, ReleaseId, RoomId, SessionId};
use playon_types::reason::Reason;
use playon_types::time::Span;

use crate::{Guest, Heard, Said, ScriptedPlayer, Subject};

/// The room of all scripts.
pub(crate) const ROOM: RoomId = RoomId([7; 16]);

/// An owner and players that follow a script.
pub struct Script<'a> {
    pub(crate) subject: &'a mut dyn Subject,
}

impl<'a> Script<'a> {
    pub(crate) fn new(subject: &'a mut dyn Subject) -> Self {
        Self { subject }
    }

    /// A player introduces itself, and the owner is asked.
    pub(crate) fn asks(&mut self, guest: Guest) -> Result<(ScriptedPlayer, Hello), String> {
        let player = self.subject.connect();
        self.subject.say(player, Said::Hello(guest));
        match self.subject.told() {
            ToOwner::Hello(hello) => Ok((player, hello)),
            other => Err(format!("the owner is told {other:?} instead of a hello")),
        }
    }

    pub(crate) fn welcome(&mut self, hello: &Hello) {
        let mode = match &hello.who {
            Who::New { .. } => Mode::New,
            Who::Known { .. } => Mode::Resumed,
            Who::Watcher => Mode::Watching,
        };
        self.subject.tell(welcome(hello, mode));
    }

    /// A player has its seat.
    pub(crate) fn seated(&mut self, guest: Guest) -> Result<(ScriptedPlayer, Hello), String> {
        let (player, hello) = self.asks(guest)?;
        self.welcome(&hello);
        self.hears(player, Heard::Welcome)?;
        Ok((player, hello))
    }

    pub(crate) fn close(&mut self, conn: ConnId, why: Close) {
        let detail = Reason::read("because");
        self.subject.tell(ToGateway::Close { conn, why, detail });
    }

    pub(crate) fn push(&mut self, conn: ConnId, push: Push) {
        self.subject.tell(ToGateway::Push { conn, push });
    }

    pub(crate) fn input(seq: u64) -> Said {
        Said::Input { seq, recv: 0, payload: Bytes::from_static(b"i") }
    }

    pub(crate) fn hears(&mut self, player: ScriptedPlayer, due: Heard) -> Result<(), String> {
        let heard = self.subject.hear(player);
        equal("what the player hears", heard, due)
    }

    pub(crate) fn is_told(&mut self, due: ToOwner) -> Result<(), String> {
        let told = self.subject.told();
        equal("what the owner is told", told, due)
    }

    /// All that was to be told was told: what comes of somebody new comes next.
    pub(crate) fn nothing_else(&mut self) -> Result<(), String> {
        let (player, hello) =
            self.asks(Guest::New(ROOM)).map_err(|why| format!("nothing else is owed: {why}"))?;
        self.subject.hang_up(player);
        self.is_told(ToOwner::Gone { conn: hello.conn })
    }
}

/// Says what is not as it should be.
pub(crate) fn equal<T: PartialEq + std::fmt::Debug>(
    what: &str,
    is: T,
    due: T,
) -> Result<(), String> {
    if is == due { Ok(()) } else { Err(format!("{what}: {is:?} instead of {due:?}")) }
}

pub(crate) fn events(seqs: impl IntoIterator<Item = u64>, bytes: usize) -> Push {
    let payload = Bytes::from(vec![b'e'; bytes]);
    Push { events: seqs.into_iter().map(|seq| (seq, payload.clone())).collect(), ..Push::default() }
}

pub(crate) fn view(as_of: u64) -> Push {
    Push { view: Some((as_of, Bytes::from_static(b"v"))), ..Push::default() }
}

/// An owner's answer to a HELLO that lets the socket in.
pub fn welcome(hello: &Hello, mode: Mode) -> ToGateway {
    let session = match &hello.who {
        Who::New { session, .. } | Who::Known { session, .. } => *session,
        Who::Watcher => SessionId(0),
    };
    let welcome = Welcome {
        mode,
        session,
        room: hello.room,
        release: ReleaseId([1; 32]),
        history: History(3),
        generation: Generation(1),
        in_next: 1,
        event_seq: 0,
        lost: 0,
        ttl: Span::secs(120),
    };
    ToGateway::Welcome { conn: hello.conn, welcome }
}
