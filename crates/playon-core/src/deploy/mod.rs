//! A deploy: a supervised series of handoffs from one release to another.
//!
//! `Starting` waits for a worker of the new release. `Checking` opens a copy of one live room of each kind on
//! it. `Moving` begins with a stored decision: from then on a keeper that comes back goes on with the
//! deploy; before it, a deploy that is cut off has moved nothing and is reverted.

mod director;
mod home;
mod moving;

pub use director::{Director, DirectorConfig, DirectorEffect, Target};

use crate::ids::{DeployId, ReleaseId};

/// Where a deploy stands. Numbers leave gaps for states to come; they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum DeployPhase {
    /// Waiting for a worker of the new release.
    Starting = 0,
    /// Opening copies of live rooms.
    Checking = 10,
    /// Handing rooms over.
    Moving = 20,
    /// Every room is where it belongs.
    Done = 30,
    /// A room failed to move: it and all after it stay on the old release.
    Stopped = 40,
    /// Refused or cut off before anything moved.
    Reverted = 50,
    /// A newer deploy took its place.
    Superseded = 60,
}

impl DeployPhase {
    /// All phases, in order.
    pub const ALL: [Self; 7] = [
        Self::Starting,
        Self::Checking,
        Self::Moving,
        Self::Done,
        Self::Stopped,
        Self::Reverted,
        Self::Superseded,
    ];

    /// Whether nothing more will happen.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Stopped | Self::Reverted | Self::Superseded)
    }

    /// Reads a stored number back.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| *phase as u8 == number)
    }

    /// One word for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Checking => "checking",
            Self::Moving => "moving",
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Reverted => "reverted",
            Self::Superseded => "superseded",
        }
    }
}

/// A deploy as it is stored and shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployRecord {
    /// Its number.
    pub id: DeployId,
    /// The release before, if there was one.
    pub from: Option<ReleaseId>,
    /// The release after.
    pub to: ReleaseId,
    /// Where it stands.
    pub phase: DeployPhase,
    /// Rooms move in the middle of a round if need be.
    pub at_once: bool,
    /// Rooms that have moved.
    pub moved: u64,
    /// Rooms that still have to move.
    pub waiting: u64,
    /// Rooms that end on the release they have.
    pub staying: u64,
    /// Handoffs that failed, retries included.
    pub faults: u64,
    /// Why it was stopped or reverted.
    pub reason: Option<String>,
}

/// Why a deploy is not begun; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeployRefusal {
    /// The release is the current one already and no deploy away from it is under way.
    #[error("PLY-0301 this release is already current: nothing to do")]
    NoChange,
}
