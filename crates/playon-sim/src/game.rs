//! A game small enough to be checked completely: it counts and chains every input of every player.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use playon_types::ids::SessionId;
use playon_types::rng::mix;
use playon_types::time::{RoomTime, Span};

/// What the game knows of a player.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlayerTally {
    /// Inputs applied; the next must be numbered one more.
    pub count: u64,
    /// A chain over all of them in order.
    pub chain: u64,
    /// Whether the player was last said to be here.
    pub here: bool,
}

/// The state of a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Game {
    /// The layout in which it is written: 1, or 2 with `extra`.
    pub version: u32,
    /// The attempt that wrote it: makes the bytes of every attempt different.
    pub writer: u64,
    /// Ticks that ran.
    pub ticks: u64,
    /// Whether the kind ticks.
    pub ticking: bool,
    /// The armed timer and when it is due.
    pub timer: Option<RoomTime>,
    /// Timers that fired.
    pub fired: u64,
    /// Timers that were armed.
    pub armed: u64,
    /// Only in version 2.
    pub extra: u64,
    /// Inputs that did not come in order: must stay 0.
    pub disorder: u64,
    /// Comings and goings of players that make no sense: must stay 0.
    pub odd: u64,
    /// The players.
    pub players: BTreeMap<SessionId, PlayerTally>,
}

/// How long the game's timer runs.
pub const TIMER: Span = Span::millis(700);

/// One more link of a chain.
pub const fn link(chain: u64, input: u64) -> u64 {
    mix(chain ^ mix(input))
}

impl Game {
    /// A new room of that version.
    pub fn new(version: u32, ticking: bool) -> Self {
        Self { version, ticking, ..Self::default() }
    }

    /// Applies one input.
    pub fn input(&mut self, from: SessionId, number: u64, now: RoomTime) {
        let Some(tally) = self.players.get_mut(&from) else {
            self.disorder += 1;
            return;
        };
        if number != tally.count + 1 {
            self.disorder += 1;
        }
        tally.count = number;
        tally.chain = link(tally.chain, number);
        if self.timer.is_none() {
            self.timer = Some(now + TIMER);
            self.armed += 1;
        }
    }

    /// Fires what is due.
    pub fn fire(&mut self, now: RoomTime) {
        if self.timer.is_some_and(|at| at <= now) {
            self.timer = None;
            self.fired += 1;
        }
    }

    /// Whether the room is at a safe point: every fourth tick, or always without ticks.
    pub const fn between_rounds(&self) -> bool {
        self.ticks.is_multiple_of(4)
    }

    /// The same state in another layout.
    pub fn migrate(mut self, version: u32) -> Self {
        self.extra = if version >= 2 { self.players.len() as u64 } else { 0 };
        self.version = version;
        self
    }

    /// Writes the state.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.put_u32(self.version);
        for number in [self.writer, self.ticks, self.fired, self.armed, self.disorder, self.odd] {
            out.put_u64(number);
        }
        out.put_u8(u8::from(self.ticking));
        out.put_u64(self.timer.map_or(0, |at| at.0 + 1));
        if self.version >= 2 {
            out.put_u64(self.extra);
        }
        out.put_u32(self.players.len() as u32);
        for (id, tally) in &self.players {
            out.put_u64(id.0);
            out.put_u64(tally.count);
            out.put_u64(tally.chain);
            out.put_u8(u8::from(tally.here));
        }
        out.freeze()
    }

    /// Reads the state.
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let need = |bytes: &[u8], n: usize| bytes.len() >= n;
        if !need(bytes, 4) {
            return None;
        }
        let version = bytes.get_u32();
        if !need(bytes, 6 * 8 + 1 + 8 + if version >= 2 { 8 } else { 0 } + 4) {
            return None;
        }
        let mut game = Self { version, ..Self::default() };
        game.writer = bytes.get_u64();
        game.ticks = bytes.get_u64();
        game.fired = bytes.get_u64();
        game.armed = bytes.get_u64();
        game.disorder = bytes.get_u64();
        game.odd = bytes.get_u64();
        game.ticking = bytes.get_u8() == 1;
        game.timer = bytes.get_u64().checked_sub(1).map(RoomTime);
        if version >= 2 {
            game.extra = bytes.get_u64();
        }
        let players = bytes.get_u32();
        for _ in 0..players {
            if !need(bytes, 25) {
                return None;
            }
            let id = SessionId(bytes.get_u64());
            let tally = PlayerTally {
                count: bytes.get_u64(),
                chain: bytes.get_u64(),
                here: bytes.get_u8() == 1,
            };
            game.players.insert(id, tally);
        }
        Some(game)
    }
}
