//! What a release of the model game cannot do, and how it fails.

use bytes::Bytes;
use playon_types::ids::ReleaseId;

/// How the game's code fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GameFailure {
    /// It panics, and the worker lives.
    Panic,
    /// The process dies.
    Abort,
    /// It never comes back.
    Hang,
    /// It panics, and leaves the process so that every batch, opening and making of a room panics from then on.
    Spoil,
    /// It panics, and leaves the process so that every batch with an input panics from then on.
    SpoilInputs,
}

/// The first byte of an input that makes the game fail. Then how, and the release that fails on it if not every one does.
const POISON: u8 = 0xbd;

impl GameFailure {
    /// An input on which the game does it, on that release or on all.
    pub fn poison(self, on: Option<ReleaseId>) -> Bytes {
        let only = on.map(|release| release.0[0]);
        [POISON, self as u8].into_iter().chain(only).collect()
    }

    /// Whether some release fails on that input.
    pub fn is_poison(payload: &[u8]) -> bool {
        payload.first() == Some(&POISON)
    }

    /// What a release does on that input, if it fails on it.
    pub fn on_input(payload: &[u8], release: ReleaseId) -> Option<Self> {
        match payload {
            [POISON, deed] => Some(Self::of(u64::from(*deed))),
            [POISON, deed, on] if *on == release.0[0] => Some(Self::of(u64::from(*deed))),
            _ => None,
        }
    }

    /// One of them, drawn by a number.
    pub const fn of(number: u64) -> Self {
        match number % 5 {
            0 => Self::Panic,
            1 => Self::Abort,
            2 => Self::Hang,
            3 => Self::Spoil,
            _ => Self::SpoilInputs,
        }
    }
}

/// What of a room a release cannot do, and how it fails at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doom {
    /// What it cannot do.
    pub at: FailingTask,
    /// How it fails.
    pub deed: GameFailure,
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
pub enum FailingTask {
    /// It runs batches.
    Run,
    /// It opens what another release wrote, or writes what another one reads.
    Copy,
    /// It shows the room to spectators.
    Show,
}
