//! What is wished for, what a director does about it, and what it holds.

use playon_types::ids::{DeployId, ReleaseId};
use playon_types::record::{Course, DeployRecord};

use crate::effect::Order;

use super::checks::Search;

/// Whom an order is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// One shard.
    Shard(u16),
    /// All of them.
    All,
}

/// A deploy that somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeployWish {
    /// The release that rooms shall run on.
    pub to: ReleaseId,
    /// Rooms move in the middle of a round if need be.
    pub at_once: bool,
    /// Who wants it.
    pub course: Course,
}

/// Something the shell must do, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectorEffect {
    /// Keep that many workers of the release running.
    Wanted {
        /// The release.
        release: ReleaseId,
        /// Workers.
        count: u32,
    },
    /// Pass an order on.
    Order(Target, Order),
    /// A decision: store the deploy and the current release, both or neither, and only then go on.
    Store {
        /// The deploy.
        record: DeployRecord,
        /// The release that is current from now on.
        current: Option<ReleaseId>,
    },
    /// Show and store how far the deploy is. Nothing depends on it: what was not stored is counted again.
    Keep(DeployRecord),
    /// Look for rooms at rest that the deploy may be checked with; answered by [`Director::handle_sleepers`](crate::deploy::Director::handle_sleepers).
    FindSleepers(Search),
    /// Say what is at rest; answered by [`Director::handle_rests`](crate::deploy::Director::handle_rests), or by nothing if that cannot be said now.
    CountRests,
    /// Delete these executables; answered by [`Director::handle_executables`](crate::deploy::Director::handle_executables).
    Discard(Vec<ReleaseId>),
    /// Show how far the deploy is.
    Progress(DeployRecord),
    /// Tell whoever runs the keeper.
    Alarm {
        /// The deploy.
        deploy: DeployId,
        /// The release.
        release: ReleaseId,
        /// What happened.
        what: String,
    },
}

/// What has come of a wish for a deploy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// A deploy has begun.
    Begun(DeployId),
    /// The deploy under way leads there already, and is what was wished for.
    Joined(DeployId),
}

impl Taken {
    /// The deploy to wait for.
    pub const fn id(self) -> DeployId {
        match self {
            Self::Begun(id) | Self::Joined(id) => id,
        }
    }
}

impl DeployWish {
    /// Whether a deploy under way does what is wished for, but perhaps in less of a hurry.
    pub fn is_done_by(&self, going: &DeployRecord) -> bool {
        !going.phase.is_final()
            && going.to == self.to
            && (going.course.leaves_behind() || !self.course.leaves_behind())
    }
}

/// Why a deploy is not begun; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeployRefusal {
    /// The release is the current one already and no deploy away from it is under way.
    #[error("PLY-0301 this release is already current: nothing to do")]
    NoChange,
    /// The keeper has done nothing that could be undone.
    #[error("PLY-0512 there is no release to go back to")]
    NoWayBack,
}

/// What the director holds, for whoever checks its bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirectorFacts {
    /// Rooms that are listed.
    pub rooms: usize,
    /// Orders that wait for their turn.
    pub queued: usize,
    /// Orders that are not answered.
    pub unanswered: usize,
    /// Rooms in memory that the deploy waits for.
    pub waited_for: usize,
    /// Of these, rooms that may be at fault themselves.
    pub doubts: usize,
    /// Rooms at rest that it tries, or may try.
    pub sleepers: usize,
    /// Finished deploys.
    pub past: usize,
    /// Rooms of which it is not known yet what they fail on.
    pub inquiries: usize,
}
