//! What a release of the model game cannot do, and how it fails.

/// How the game's code fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It panics, and the worker lives.
    Panic,
    /// The process dies.
    Abort,
    /// It never comes back.
    Hang,
}

impl Deed {
    /// One of them, drawn by a number.
    pub const fn of(number: u64) -> Self {
        match number % 3 {
            0 => Self::Panic,
            1 => Self::Abort,
            _ => Self::Hang,
        }
    }
}

/// What of a room a release cannot do, and how it fails at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doom {
    /// What it cannot do.
    pub at: Task,
    /// How it fails.
    pub deed: Deed,
}

/// What is done of a room with a release's code beside running it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Copying {
    /// A copy is opened.
    Open,
    /// An older version is written.
    Export,
}

/// What a release does of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// It runs batches.
    Run,
    /// It opens what another release wrote, or writes what another one reads.
    Copy,
    /// It shows the room to spectators.
    Show,
}
