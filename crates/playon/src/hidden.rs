//! The part of a room's state that is not the game's: it travels with the game's state in every envelope.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Player, PlayerId, Rng};

/// Readable by every release whatever the game's version: fields are only ever added, with a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hidden {
    /// Where the room's random numbers are.
    pub(crate) rng: Rng,
    /// The last id given out.
    pub(crate) ids: u64,
    /// The last tick that ran.
    pub(crate) tick: u64,
    /// Armed timers: name to deadline in microseconds of room time.
    pub(crate) timers: BTreeMap<String, u64>,
    /// Seated players in the order in which they joined.
    pub(crate) players: Vec<Player>,
    /// The game says that no player would mind an interruption now.
    pub(crate) between_rounds: bool,
    /// The game says that the room is over.
    pub(crate) ended: bool,
}

impl Hidden {
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            rng: Rng::new(seed),
            ids: 0,
            tick: 0,
            timers: BTreeMap::new(),
            players: Vec::new(),
            between_rounds: false,
            ended: false,
        }
    }

    pub(crate) fn player(&self, id: PlayerId) -> Option<&Player> {
        self.players.iter().find(|player| player.id() == id)
    }

    pub(crate) fn player_mut(&mut self, id: PlayerId) -> Option<&mut Player> {
        self.players.iter_mut().find(|player| player.id() == id)
    }

    /// Takes the seat away; false if there was none.
    pub(crate) fn unseat(&mut self, id: PlayerId) -> bool {
        let before = self.players.len();
        self.players.retain(|player| player.id() != id);
        self.players.len() < before
    }

    /// The earliest deadline, in microseconds of room time.
    pub(crate) fn wake_at(&self) -> Option<u64> {
        self.timers.values().min().copied()
    }
}
