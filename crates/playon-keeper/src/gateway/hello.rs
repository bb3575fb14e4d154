//! What a socket asks for with its HELLO, and where it is sent.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes};
use playon_core::lobby::{Lobby, Pick};
use playon_types::gate::{Close, Create, Hello, Mode, Welcome, Who};
use playon_types::ids::{ConnId, NUMBER_MAX, RoomId, SecretHash, SessionId};
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

/// Rooms that a player without one is sent to before it is told that all are full.
const MATCHES_MAX: u32 = 4;

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
    /// How many rooms the lobby has picked for it.
    matches: u32,
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
        let mut request =
            Self { hello, protocol, token, room: RoomId::default(), create: false, matches: 0 };
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
        } else if hello.watch {
            let room = lock(lobby).watch(&hello.kind);
            self.room = room.ok_or_else(|| {
                Farewell::new(Close::UnknownRoom, reason!("PLY-0121 there is nothing to watch"))
            })?;
        } else {
            self.pick(now, lobby)?;
        }
        Ok(())
    }

    fn pick(&mut self, now: Time, lobby: &Mutex<Lobby>) -> Result<(), Farewell> {
        let pick = lock(lobby).pick(now, &self.hello.kind, nameless_room()?);
        self.room = pick.room();
        self.create = matches!(pick, Pick::New(_));
        self.matches += 1;
        Ok(())
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
    pub(super) fn retry(&mut self, why: Close, now: Time, lobby: &Mutex<Lobby>) -> bool {
        if self.matches == 0 {
            return false;
        }
        match why {
            Close::RoomFull => lock(lobby).handle_full(self.room),
            Close::RoomEnded | Close::UnknownRoom | Close::RoomHalted => {
                lock(lobby).handle_gone(self.room)
            }
            _ => {
                lock(lobby).handle_lost(self.room);
                return false;
            }
        }
        self.matches < MATCHES_MAX && self.pick(now, lobby).is_ok()
    }

    /// The socket went before it had an answer.
    pub(super) fn give_up(&self, lobby: &Mutex<Lobby>) {
        if self.matches > 0 {
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
