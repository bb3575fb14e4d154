//! Where a room may be run.

use crate::fleet::Half;

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

/// Where a room may be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Among the others.
    Common,
    /// Where nobody else is.
    Trial,
    /// Among those one of which may have taken a process down.
    Suspects(Half),
    /// Among those that have.
    Quarantine,
}

impl Confinement {
    pub(crate) const fn place(self) -> Place {
        match self {
            Self::Free => Place::Common,
            Self::OnTrial | Self::Apart => Place::Trial,
            Self::Suspected(half) => Place::Suspects(half),
            Self::Quarantined => Place::Quarantine,
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
