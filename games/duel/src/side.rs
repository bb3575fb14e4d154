//! The two sides of a duel.

use serde::{Deserialize, Serialize};

/// One of the two players, by the color of the discs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Begins the first round.
    Red,
    /// The other one.
    Yellow,
}

impl Side {
    /// Both, red first.
    pub const BOTH: [Self; 2] = [Self::Red, Self::Yellow];

    /// The one across the board.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Red => Self::Yellow,
            Self::Yellow => Self::Red,
        }
    }
}

/// Something that each side has one of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair<T> {
    /// Red's.
    pub red: T,
    /// Yellow's.
    pub yellow: T,
}

impl<T> Pair<T> {
    /// One side's.
    pub const fn of(&self, side: Side) -> &T {
        match side {
            Side::Red => &self.red,
            Side::Yellow => &self.yellow,
        }
    }

    /// One side's, to be changed.
    pub const fn of_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Red => &mut self.red,
            Side::Yellow => &mut self.yellow,
        }
    }

    /// The same for both with every part turned into something else.
    pub fn map<U>(&self, mut turn: impl FnMut(&T) -> U) -> Pair<U> {
        Pair { red: turn(&self.red), yellow: turn(&self.yellow) }
    }
}
