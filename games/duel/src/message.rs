//! What players and the room say to each other.

use serde::{Deserialize, Serialize};

use crate::{Pair, Side};

/// How a duel is created; every field may be left out.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Seconds for each turn, 5 to 3,600.
    pub turn_seconds: u64,
}

impl Default for Params {
    fn default() -> Self {
        Self { turn_seconds: 30 }
    }
}

/// What a player sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Move {
    /// A disc into a column, from 0.
    Drop(usize),
    /// Gives the round up.
    Resign,
}

/// What players are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A round begins.
    Started {
        /// From 1.
        round: u32,
        /// Who is to move.
        first: Side,
    },
    /// A disc fell.
    Dropped {
        /// Whose.
        side: Side,
        /// Where.
        column: usize,
    },
    /// A round is over.
    Ended {
        /// Who won it; nobody when the board is full.
        winner: Option<Side>,
        /// How.
        how: How,
    },
    /// The last move did not count; to its player alone.
    Rejected {
        /// Why, for people.
        why: String,
    },
}

/// How a round came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Four in a row.
    Row,
    /// The board is full.
    Full,
    /// The clock of a turn ran out.
    Clock,
    /// A player gave up or left.
    Resigned,
}

/// What a player or a spectator sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Which side one plays; nothing for spectators.
    pub you: Option<Side>,
    /// Who sits where.
    pub seats: Pair<Option<Seat>>,
    /// Rounds won.
    pub wins: Pair<u32>,
    /// From 1; 0 before the first.
    pub round: u32,
    /// Who is to move, during a round.
    pub turn: Option<Side>,
    /// Milliseconds until the turn is lost or the next round begins.
    pub clock_ms: Option<u64>,
    /// The board, top line first: `r`, `y` and `.`.
    pub board: Vec<String>,
}

/// A player as the other one sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// The name it gave itself.
    pub name: String,
    /// Whether it is here just now.
    pub here: bool,
}
