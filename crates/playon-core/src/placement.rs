//! Where a room is run.

use playon_types::ids::{Attempt, ReleaseId, WorkerId};

use crate::fleet::Berth;

/// A place in a worker, fenced by its attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    pub(crate) worker: WorkerId,
    pub(crate) attempt: Attempt,
    pub(crate) release: ReleaseId,
    pub(crate) berth: Berth,
}
