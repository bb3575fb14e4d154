//! The model of a player: numbers inputs, keeps them until they are applied, resumes, and checks what it is told
//! with its own books.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Buf;
use bytes::Bytes;
use playon_types::gate::{Close, Mode, Push, Welcome, Who};
use playon_types::ids::{ConnId, Generation, History, RoomId, SecretHash, SessionId};
use playon_types::time::Time;

use crate::batch::FAREWELL;
use crate::game::link;
use crate::keeper::limits;
use crate::worker::SEAT_HOLD;
use crate::world::RoomKind;

/// What a player knows.
#[derive(Debug)]
pub struct Client {
    /// Which one.
    pub index: u64,
    /// Its room.
    pub room: RoomId,
    /// Whether its room's kind may lose the tail of its history with the keeper.
    pub lossy: bool,
    /// Its socket, if it has one.
    pub conn: Option<ConnId>,
    /// Whether the socket was welcomed.
    pub welcomed: bool,
    /// Its seat.
    pub seat: Option<ClientSeat>,
    /// The last input made.
    pub sent: u64,
    /// All inputs up to here were acknowledged.
    pub applied: u64,
    /// When it last heard of its room.
    pub heard: Time,
    /// When it was last shown its room as a commit left it, that it is here included.
    shown: Time,
    /// The chain over its inputs, by number.
    chains: BTreeMap<u64, u64>,
    /// The chain cannot be checked any more: inputs were lost (and told so) or set aside.
    pub tainted: bool,
    /// It has said goodbye.
    pub leaving: bool,
    /// Something was heard that shows that the owner has heard of this player: only then is the seat sure.
    pub proven: bool,
    /// Attempts to connect that were refused in a row.
    pub refused: u32,
    /// When it last heard that its room fails.
    pub told_at: Option<Time>,
    /// Since when it has no socket that was welcomed.
    pub lost_at: Option<Time>,
    /// It has left an input out and will be closed for it.
    pub skipped: bool,
    /// Its room gives up the seats of absent players soon.
    brief: bool,
    /// Inputs on which the game fails, and how.
    poison: BTreeMap<u64, Bytes>,
    /// Inputs that it was told are set aside.
    set_aside: BTreeSet<u64>,
    /// The input that ends the room.
    farewell: Option<u64>,
    gone: u64,
}

/// A player's seat.
#[derive(Clone, Copy, Debug)]
pub struct ClientSeat {
    /// The session.
    pub session: SessionId,
    /// What its event numbers belong to.
    pub history: History,
    /// Of the last socket.
    pub generation: Generation,
    /// The last event taken in.
    pub recv: u64,
}

/// What may explain that a socket is closed.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// The room that the player sat in has been deleted.
    pub over: bool,
    /// The game fails for no reason.
    pub panics: bool,
    /// What was stored about the room was damaged.
    pub damaged: bool,
    /// Executables were lost, and perhaps nobody could run the room.
    pub stranded: bool,
}

/// The secret of a player, made of its number.
pub fn secret_of(session: SessionId) -> SecretHash {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&session.0.to_be_bytes());
    SecretHash(bytes)
}

impl Client {
    /// A player that has not connected.
    pub fn new(index: u64, room: RoomId) -> Self {
        let kind = RoomKind::of(room);
        Self {
            index,
            room,
            lossy: kind.is_lossy(),
            conn: None,
            welcomed: false,
            seat: None,
            sent: 0,
            applied: 0,
            heard: Time(0),
            shown: Time(0),
            chains: BTreeMap::new(),
            tainted: false,
            leaving: false,
            proven: false,
            refused: 0,
            told_at: None,
            lost_at: None,
            skipped: false,
            brief: matches!(kind, RoomKind::Ticking),
            poison: BTreeMap::new(),
            set_aside: BTreeSet::new(),
            farewell: None,
            gone: 0,
        }
    }

    /// How it introduces itself on a new socket.
    pub fn introduce(&mut self, conn: ConnId, fresh: SessionId) -> Who {
        self.conn = Some(conn);
        self.welcomed = false;
        match &mut self.seat {
            None => Who::New { session: fresh, secret: secret_of(fresh), profile: Bytes::new() },
            Some(seat) => {
                seat.generation = seat.generation.next();
                Who::Known {
                    session: seat.session,
                    secret: secret_of(seat.session),
                    history: seat.history,
                    generation: seat.generation,
                    recv: seat.recv,
                    lo: self.applied + 1,
                    whole: false,
                }
            }
        }
    }

    /// The next input.
    pub fn make_input(&mut self) -> u64 {
        let before = self.chains.get(&self.sent).copied().unwrap_or(0);
        self.sent += 1;
        self.chains.insert(self.sent, link(before, self.sent));
        self.sent
    }

    /// On the last input made the game will fail, which its payload says how.
    pub fn poison(&mut self, payload: Bytes) {
        self.poison.insert(self.sent, payload);
    }

    /// The last input made will end the room.
    pub fn say_farewell(&mut self) {
        self.poison.remove(&self.sent);
        self.farewell = Some(self.sent);
    }

    /// What an input carries.
    pub fn payload(&self, number: u64) -> Bytes {
        if self.farewell == Some(number) {
            return Bytes::from_static(&[FAREWELL]);
        }
        match self.poison.get(&number) {
            Some(payload) => payload.clone(),
            None => Bytes::new(),
        }
    }

    /// Its room was put back to what it once was: like one whose keeper may lose the tail, from here on.
    pub const fn restored(&mut self) {
        self.lossy = true;
        self.tainted = true;
    }

    /// A new life: another session, with books of its own.
    fn begin_again(&mut self) {
        *self = Self::new(self.index, self.room);
    }

    /// Whether it is in its first moments, and may choose a room.
    pub const fn is_new(&self) -> bool {
        self.may_go_anywhere() && self.conn.is_none()
    }

    /// Whether it has no seat yet and has made nothing, so that every room is as good.
    pub const fn may_go_anywhere(&self) -> bool {
        self.seat.is_none() && self.sent == 0
    }

    /// The gateway has found another room for it.
    pub fn go_elsewhere(&mut self, room: RoomId) {
        *self = Self { conn: self.conn, lost_at: self.lost_at, ..Self::new(self.index, room) };
    }

    /// The chain over all inputs made.
    pub fn chain(&self) -> u64 {
        self.chains.get(&self.sent).copied().unwrap_or(0)
    }

    /// The owner's terms. Gives the inputs to send again.
    ///
    /// # Errors
    /// When a promise is broken.
    pub fn welcome(&mut self, welcome: &Welcome) -> Result<std::ops::RangeInclusive<u64>, String> {
        self.welcomed = true;
        self.lost_at = None;
        self.refused = 0;
        self.proven |= welcome.mode != Mode::New;
        let recv = self.seat.map_or(0, |seat| seat.recv);
        match welcome.mode {
            Mode::New if self.seat.is_some() => {
                return Err(format!("I6: client {} got a second seat", self.index));
            }
            Mode::Resumed if welcome.event_seq != recv => {
                return Err(format!("I6: client {} resumed elsewhere", self.index));
            }
            Mode::Fresh if !self.lossy && welcome.event_seq < recv => {
                return Err(format!("I14: client {} was thrown back", self.index));
            }
            _ => {}
        }
        if welcome.lost > 0 {
            if !self.lossy {
                return Err(format!("I7: client {} lost {} inputs", self.index, welcome.lost));
            }
            self.tainted = true;
        }
        if welcome.in_next <= self.applied && !self.lossy {
            return Err(format!(
                "I7: client {} is asked for applied input {}",
                self.index, welcome.in_next
            ));
        }
        self.seat = Some(ClientSeat {
            session: welcome.session,
            history: welcome.history,
            generation: welcome.generation,
            recv: welcome.event_seq,
        });
        Ok(welcome.in_next..=self.sent)
    }

    /// Something from the owner.
    ///
    /// # Errors
    /// When a promise is broken.
    pub fn take(&mut self, now: Time, push: &Push) -> Result<(), String> {
        let Some(seat) = &mut self.seat else { return Err("I6: a push before the welcome".into()) };
        self.heard = now;
        for (seq, payload) in &push.events {
            if *seq != seat.recv + 1 {
                return Err(format!(
                    "I6: client {} got event {seq} after {}",
                    self.index, seat.recv
                ));
            }
            seat.recv = *seq;
            check_stamp(self.index, &self.chains, self.tainted, payload)?;
        }
        if let Some((as_of, payload)) = &push.view {
            // Its return may still wait to be tried.
            self.shown = if payload.get(24) == Some(&1) { now } else { self.shown };
            if *as_of < seat.recv && !self.lossy {
                return Err(format!(
                    "I6: client {} got a view of {as_of} after {}",
                    self.index, seat.recv
                ));
            }
            seat.recv = seat.recv.max(*as_of);
            check_stamp(self.index, &self.chains, self.tainted, payload)?;
        }
        self.set_aside.extend(&push.set_aside);
        if let Some(applied) = push.applied {
            if applied > self.sent {
                return Err(format!("I7: client {} never sent input {applied}", self.index));
            }
            self.check_told(applied)?;
            self.applied = self.applied.max(applied);
            self.proven |= applied > 0;
        }
        Ok(())
    }

    /// Whoever is told that inputs up to there are applied was told before of those that are not.
    fn check_told(&self, applied: u64) -> Result<(), String> {
        let news = self.applied + 1..=applied.max(self.applied);
        let untold = |n: &&u64| news.contains(n) && !self.set_aside.contains(n);
        match self.poison.keys().find(untold) {
            Some(n) if !self.lossy => {
                Err(format!("I24: client {} is told that input {n} ran, which cannot", self.index))
            }
            _ => Ok(()),
        }
    }

    /// The socket is closed.
    ///
    /// # Errors
    /// When it is closed for a reason that no fault of this run explains.
    pub fn closed(&mut self, now: Time, why: Close, knows: &Circumstances) -> Result<(), String> {
        // A return that no commit had seen when the keeper died has not happened for the next one.
        let absent = now.since((*self.lost_at.get_or_insert(now)).min(self.shown));
        self.conn = None;
        self.welcomed = false;
        self.refused += 1;
        self.told_at = if why == Close::RoomFails { Some(now) } else { self.told_at };
        if self.leaving && matches!(why, Close::Left | Close::UnknownSession | Close::UnknownRoom) {
            self.begin_again();
            return Ok(());
        }
        match why {
            Close::RoomEnded | Close::UnknownSession | Close::UnknownRoom if knows.over => {
                self.begin_again();
                Ok(())
            }
            Close::Refused if knows.panics && self.seat.is_none() => Ok(()),
            Close::UnknownSession | Close::UnknownRoom if self.lossy && self.gone < 100 => {
                // A seat taken after the last checkpoint went with the keeper.
                self.gone += 1;
                self.seat = None;
                self.tainted = true;
                Ok(())
            }
            // Its first words after the welcome were lost with the socket, and somebody else wanted the seat.
            Close::UnknownSession if !self.proven && self.applied == 0 => {
                self.begin_again();
                Ok(())
            }
            Close::UnknownSession if self.brief && absent >= SEAT_HOLD => {
                self.begin_again();
                Ok(())
            }
            Close::InputGap if std::mem::take(&mut self.skipped) => Ok(()),
            Close::TooMany if self.sent - self.applied >= limits().inputs_pending_max as u64 => {
                Ok(())
            }
            Close::Replaced => Err(format!("I6: client {} lost to an older socket", self.index)),
            Close::RoomHalted if knows.damaged => Ok(()),
            Close::RoomFails if knows.panics || knows.stranded => Ok(()),
            Close::Busy | Close::Restarting => Ok(()),
            other => Err(format!("client {} was closed with {other:?}", self.index)),
        }
    }
}

/// An event or view says which input it answers, and the chain up to there.
fn check_stamp(
    index: u64,
    chains: &BTreeMap<u64, u64>,
    tainted: bool,
    payload: &Bytes,
) -> Result<(), String> {
    let mut payload = payload.clone();
    if payload.len() < 24 {
        return Ok(());
    }
    let (_, number, chain) = (payload.get_u64(), payload.get_u64(), payload.get_u64());
    if !tainted && chains.get(&number).copied().unwrap_or(0) != chain {
        return Err(format!("I7: client {index} sees another history at input {number}"));
    }
    Ok(())
}
