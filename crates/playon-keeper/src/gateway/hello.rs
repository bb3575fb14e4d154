//! What a socket asks for with its HELLO, and where it is sent.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes};
use playon_core::lobby::{Lobby, Pick, Refusal};
use playon_types::code::Code;
use playon_types::gate::{Close, Create, Hello, Mode, Welcome, Who};
use playon_types::ids::{ConnId, NUMBER_MAX, RoomId, SecretHash, SessionId};
use playon_types::ply;
use playon_types::reason;
use playon_types::reason::Reason;
use playon_types::time::Time;
use playon_wire::player::{CODEC_JSON, ClientHello, PLAYER_PROTOCOL, ServerWelcome, Token, kind};
use playon_wire::range::ProtocolRange;
use playon_wire::varint;
use sha2::{Digest, Sha256};

use super::close::Farewell;
use super::config::GatewayConfig;
use crate::log::text::is_plain;

/// Rooms that a player or spectator without one is sent to before it is told that none takes it. The last is a new one, made
/// for the player, unless all before were merely full.
const MATCHES_MAX: usize = 4;

/// The game does not take the player in, or does not make a room of what the player said of it.
const DECLINED: Code = ply!("PLY-0106");

/// The game failed while taking the player in.
const FAILED: Code = ply!("PLY-0107");

/// The game failed while making the room.
const NOT_MADE: Code = ply!("PLY-0117");

/// The room has as many spectators as it may have.
const CROWDED: Code = ply!("PLY-0114");

/// The room cannot be shown to spectators for some time.
const BLIND: Code = ply!("PLY-0139");

/// A HELLO that makes sense, until the owner has answered it.
#[derive(Debug)]
pub(super) struct Request {
    hello: Box<ClientHello>,
    protocol: u32,
    /// Its key: shown by it, or drawn for it. Watchers have none.
    token: Option<Token>,
    room: RoomId,
    /// The owner may have to create the room.
    create: bool,
    /// Its room was found by the lobby: another one may do as well.
    matched: bool,
    /// The lobby has thought of this room for it first; others may have been sent there since.
    drawn: bool,
    /// Rooms that did not take it.
    tried: Vec<RoomId>,
    /// How some of these refused it, which is held against them once another takes it.
    refusals: Vec<(RoomId, Refusal)>,
}

/// Where somebody may be sent whom a room did not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Onward {
    /// Into any other open room, or a new one.
    Any,
    /// Into another room that did not turn it away, the last one being new.
    Other,
    /// Into a new room, and no further.
    New,
    /// It would be the same elsewhere.
    Nowhere,
}

impl Request {
    /// Judges a HELLO and finds its room.
    pub(super) fn new(
        hello: Box<ClientHello>,
        now: Time,
        lobby: &Mutex<Lobby>,
    ) -> Result<Self, Farewell> {
        let protocol =
            PLAYER_PROTOCOL.common(hello.protocol).ok_or_else(|| version(hello.protocol))?;
        let token = match (hello.watch, hello.token) {
            (true, _) => None,
            (false, Some(_)) if hello.room.is_none() => {
                return Err(bad(reason!("PLY-0147 a token without its room")));
            }
            (false, Some(token)) => Some(token),
            (false, None) => Some(new_token()?),
        };
        let mut request = Self {
            hello,
            protocol,
            token,
            room: RoomId::default(),
            create: false,
            matched: false,
            drawn: false,
            tried: Vec::new(),
            refusals: Vec::new(),
        };
        match request.hello.room {
            Some(room) => request.room = room,
            None => request.find(now, lobby)?,
        }
        Ok(request)
    }

    fn find(&mut self, now: Time, lobby: &Mutex<Lobby>) -> Result<(), Farewell> {
        let hello = &self.hello;
        // The slash separates kind and name in what a room's id is made of.
        if hello.kind.is_empty() || hello.kind.contains('/') {
            return Err(bad(reason!("PLY-0147 neither a room nor a kind of room")));
        }
        // They stand in lists, logs and on terminals.
        if !is_plain(&hello.kind) || !is_plain(&hello.name) {
            return Err(bad(reason!(
                "PLY-0166 a name with control characters or marks of direction"
            )));
        }
        if !hello.name.is_empty() {
            self.room = named_room(&hello.kind, &hello.name);
            self.create = !hello.watch;
        } else if !self.pick(now, lobby, Onward::Any)? {
            return Err(Farewell::new(
                Close::UnknownRoom,
                reason!("PLY-0121 there is nothing to watch"),
            ));
        }
        Ok(())
    }

    /// Finds a room that was not tried yet. Spectators make none, so for them there may be none.
    fn pick(&mut self, now: Time, lobby: &Mutex<Lobby>, onward: Onward) -> Result<bool, Farewell> {
        let (kind, tried) = (&self.hello.kind, &self.tried);
        if self.hello.watch {
            let Some(room) = lock(lobby).watch(kind, tried) else { return Ok(false) };
            (self.room, self.matched) = (room, true);
            return Ok(true);
        }
        let fresh = nameless_room()?;
        let pick = match onward {
            Onward::New => lock(lobby).pick_new(now, kind, fresh),
            _ => lock(lobby).pick(now, kind, fresh, tried),
        };
        (self.room, self.matched) = (pick.room(), true);
        self.create = matches!(pick, Pick::New(_));
        self.drawn = pick == Pick::New(fresh);
        Ok(true)
    }

    pub(super) fn room(&self) -> RoomId {
        self.room
    }

    /// What the owner is asked.
    pub(super) fn to_owner(&self, conn: ConnId) -> Result<Hello, Farewell> {
        let hello = &self.hello;
        let who = match (self.token, hello.token) {
            (None, _) => Who::Watcher,
            (Some(token), None) => {
                let secret = hash(&token.secret);
                Who::New { session: token.session, secret, profile: hello.profile.clone() }
            }
            (Some(token), Some(_)) => Who::Known {
                session: token.session,
                secret: hash(&token.secret),
                history: hello.history,
                generation: hello.generation,
                recv: hello.recv,
                lo: hello.lo,
                whole: hello.whole,
            },
        };
        let seed = u64::from_le_bytes(draw()?);
        let create = self.create.then(|| Create {
            kind: hello.kind.clone(),
            name: hello.name.clone(),
            params: hello.params.clone(),
            seed,
        });
        Ok(Hello { conn, room: self.room, who, create })
    }

    /// The owner closed instead of welcoming. Whether there is another room to try, which is then chosen.
    pub(super) fn retry(&mut self, farewell: &Farewell, now: Time, lobby: &Mutex<Lobby>) -> bool {
        if !self.matched {
            return false;
        }
        self.tried.push(self.room);
        let onward = if self.hello.watch {
            self.watch_onward(farewell)
        } else {
            self.onward(farewell, &mut lock(lobby))
        };
        let left = MATCHES_MAX.saturating_sub(self.tried.len());
        let onward = match onward {
            Onward::Other if left == 1 => Onward::New,
            onward => onward,
        };
        if onward == Onward::Nowhere || left == 0 {
            return false;
        }
        self.pick(now, lobby, onward).unwrap_or(false)
    }

    /// Tells the lobby how it went, and judges where the player may still be taken.
    fn onward(&mut self, farewell: &Farewell, lobby: &mut Lobby) -> Onward {
        match (farewell.why, farewell.code) {
            (Close::RoomFull, _) => lobby.handle_full(self.room),
            (Close::RoomEnded | Close::UnknownRoom | Close::RoomHalted | Close::RoomFails, _) => {
                lobby.handle_gone(self.room);
            }
            (Close::Refused, Some(DECLINED)) => {
                let others = lobby.handle_refused(self.room);
                self.refusals.push((self.room, Refusal::Declined));
                // An empty room that was made for this player would be the same a second time.
                return if self.drawn && !others { Onward::Nowhere } else { Onward::Other };
            }
            (Close::Refused, Some(FAILED)) => {
                lobby.handle_refused(self.room);
                self.refusals.push((self.room, Refusal::Failed));
                // What fails may cost a process, and this player may be why: one more try, where nobody else is.
                return if self.drawn { Onward::Nowhere } else { Onward::New };
            }
            (Close::Refused, Some(NOT_MADE)) => {
                lobby.handle_gone(self.room);
                // It was to be made with what this player said of it; others were only sent there, too.
                return if self.drawn { Onward::Nowhere } else { Onward::Any };
            }
            _ => {
                lobby.handle_lost(self.room);
                return Onward::Nowhere;
            }
        }
        Onward::Any
    }

    /// The lobby does not count spectators, and their rooms are left to what players meet there.
    fn watch_onward(&self, farewell: &Farewell) -> Onward {
        match (farewell.why, farewell.code) {
            (Close::Refused, Some(CROWDED | BLIND)) => Onward::Any,
            (Close::RoomEnded | Close::UnknownRoom | Close::RoomHalted | Close::RoomFails, _) => {
                Onward::Any
            }
            _ => Onward::Nowhere,
        }
    }

    /// Whether it takes views that are told by the one before.
    pub(super) const fn takes_deltas(&self) -> bool {
        self.hello.deltas
    }

    /// The owner has let it in.
    pub(super) fn taken(&self, now: Time, lobby: &Mutex<Lobby>) {
        if self.matched && !self.hello.watch {
            let mut lobby = lock(lobby);
            lobby.handle_taken(self.room);
            for (room, how) in &self.refusals {
                lobby.handle_taken_elsewhere(now, *room, *how);
            }
        }
    }

    /// The socket went before it had an answer.
    pub(super) fn give_up(&self, lobby: &Mutex<Lobby>) {
        if self.matched && !self.hello.watch {
            lock(lobby).handle_lost(self.room);
        }
    }

    /// The frame that answers it.
    pub(super) fn welcome(
        &self,
        welcome: &Welcome,
        config: &GatewayConfig,
        release: String,
    ) -> ServerWelcome {
        ServerWelcome {
            protocol: self.protocol,
            mode: welcome.mode,
            codec: CODEC_JSON,
            token: self.token.filter(|_| welcome.mode == Mode::New),
            room: welcome.room,
            history: welcome.history,
            generation: welcome.generation,
            in_next: welcome.in_next,
            event_seq: welcome.event_seq,
            lost: welcome.lost,
            // A worker may have said any time.
            ttl_ms: welcome.ttl.as_millis().min(NUMBER_MAX),
            ping_ms: config.ping_after.as_millis() as u64,
            input_bytes_max: config.limits.input_bytes_max as u64,
            inputs_pending_max: config.inputs_pending_max as u64,
            frames_per_second: config.rate.frames_per_second.into(),
            bytes_per_second: config.rate.bytes_per_second.into(),
            release,
        }
    }
}

/// The versions named by a HELLO of whatever version, if the message begins with one: later versions may
/// add fields that this one cannot read, and are told about the version and not about the fields.
pub(super) fn check_version(message: &Bytes) -> Result<(), Farewell> {
    let mut bytes = message.clone();
    if bytes.is_empty() || bytes.get_u8() != kind::HELLO {
        return Ok(());
    }
    let mut int = || varint::take(&mut bytes);
    let (Some(_), Some(min), Some(max)) = (int(), int(), int()) else { return Ok(()) };
    let small = |n| u32::try_from(n).unwrap_or(u32::MAX);
    let range = ProtocolRange { min: small(min), max: small(max) };
    PLAYER_PROTOCOL.common(range).map(|_| ()).ok_or_else(|| version(range))
}

fn version(theirs: ProtocolRange) -> Farewell {
    Farewell::new(
        Close::Version,
        reason!("PLY-0141 the keeper speaks versions {PLAYER_PROTOCOL}, the client {theirs}"),
    )
}

fn bad(reason: Reason) -> Farewell {
    Farewell::new(Close::BadFrame, reason)
}

/// The id of the room of that kind and name: the same in every keeper and at all times.
pub fn named_room(kind: &str, name: &str) -> RoomId {
    RoomId(half(Sha256::digest(format!("{kind}/{name}"))))
}

/// What is kept of a secret.
fn hash(secret: &[u8; 16]) -> SecretHash {
    SecretHash(half(Sha256::digest(secret)))
}

fn half(hash: impl AsRef<[u8]>) -> [u8; 16] {
    let mut half = [0; 16];
    half.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
    half
}

fn nameless_room() -> Result<RoomId, Farewell> {
    let mut bytes: [u8; 16] = draw()?;
    // The marks of a random UUID (RFC 9562, 5.4).
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Ok(RoomId(bytes))
}

fn new_token() -> Result<Token, Farewell> {
    // 53 bits fit a number of a browser; 0 would read as no session.
    let session = u64::from_le_bytes(draw()?) >> 11;
    Ok(Token { session: SessionId(session.max(1)), secret: draw()? })
}

fn draw<const N: usize>() -> Result<[u8; N], Farewell> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Farewell::new(Close::Busy, reason!("PLY-0101 no randomness: {error}")))?;
    Ok(bytes)
}

fn lock(lobby: &Mutex<Lobby>) -> MutexGuard<'_, Lobby> {
    // A panic in the lobby leaves at worst a room that is matched too often or never; the game goes on.
    lobby.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "hello_tests.rs"]
mod tests;
