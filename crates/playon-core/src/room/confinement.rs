//! Where a room may be run.

use crate::fleet::{Berth, Half};

/// How a room is kept from the others, if it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Confinement {
    Free,
    OnTrial,
    /// For its next batch only.
    Apart,
    /// With half of those that may have left behind what took a process down, for a while.
    Suspected(Half),
    /// As one that has taken a process down, for a while.
    Quarantined,
}

impl Confinement {
    /// The workers that the room may run in; nothing if it has to be alone.
    pub(crate) const fn berth(self) -> Option<Berth> {
        match self {
            Self::Free => Some(Berth::Common),
            Self::OnTrial | Self::Apart => None,
            Self::Suspected(half) => Some(Berth::Suspects(half)),
            Self::Quarantined => Some(Berth::Quarantine),
        }
    }

    /// Whether nobody else is where it runs.
    pub(crate) const fn is_alone(self) -> bool {
        matches!(self, Self::OnTrial | Self::Apart)
    }

    /// Whether it runs for a while among those that are a danger to others, or one of which is.
    pub(crate) const fn is_detained(self) -> bool {
        matches!(self, Self::Quarantined | Self::Suspected(_))
    }
}
