//! What the director knows about rooms.

use playon_types::ids::ReleaseId;

use crate::deploy::probation::FailedBefore;

/// What the director knows about a room.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) shard: u16,
    pub(super) kind: String,
    pub(super) release: ReleaseId,
    pub(super) version: u32,
    pub(super) live: bool,
    /// It does not run where it is: it is halted, or it has failed by itself and was not live since.
    pub(super) ails: bool,
    /// Faults since the keeper began that are held against the room.
    pub(super) faults: u32,
    /// The last one, of a release that is not on probation.
    pub(super) failed: Option<FailedBefore>,
}
