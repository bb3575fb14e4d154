//! What the control thread is told.

use playon_core::effect::Report;
use playon_core::fleet::{Suspicion, WorkerEnd, WorkerInfo};
use playon_store::StoreError;
use playon_types::ids::{ReleaseId, RoomId, WorkerId};
use playon_types::reason::Reason;
use playon_wire::attach::Asset;
use tokio::sync::oneshot;

use super::from_operator::FromOperator;
use crate::error::Coded;
use crate::workers::{Fate, SpawnId};

/// What the control thread is told.
///
/// A channel without a bound: a keeper that lost what is said here would not know any more which rooms there are. So much goes in
/// as shards report, which is bounded by what rooms do, and as operators ask, at most `admin_connections_max` at a time.
#[derive(Debug)]
pub(crate) enum ToControl {
    /// From the shard of that number.
    Shard(u16, FromShard),
    /// From the links.
    Links(FromLinks),
    /// From the supervisor of workers.
    Supervisor(FromSupervisor),
    /// Somebody wants something.
    Operator(FromOperator),
    /// The keeper cannot go on: its rooms cannot be read back, or its data directory is gone.
    Failed(Coded),
    /// The thread ends.
    Quit,
}

/// What a shard tells the control thread.
#[derive(Debug)]
pub(crate) enum FromShard {
    /// In order.
    Reports(Vec<Report>),
    /// Every recovered room has been listed.
    Recovered,
    /// A worker that must be killed.
    Suspect(WorkerId, Suspicion, Reason),
    /// Nothing can be made safe any more.
    StoreFailed(StoreError),
}

/// What the links tell the control thread.
#[derive(Debug)]
pub(crate) enum FromLinks {
    /// A worker has attached; the shards know.
    Up(Box<Attached>),
    /// A worker is gone; the shards know.
    Down {
        /// Which.
        worker: WorkerId,
        /// How it ended.
        end: WorkerEnd,
    },
    /// A worker says something of a room that whoever looks at the room should see.
    Note {
        /// Which.
        room: RoomId,
        /// What, with a code.
        what: String,
    },
    /// A started process is not let in.
    Refused {
        /// Which.
        spawn: SpawnId,
        /// Why.
        error: Coded,
        /// Dropped when the supervisor knows: then the process may be told, which ends it.
        known: oneshot::Sender<()>,
    },
}

/// A worker that has been accepted.
#[derive(Clone, Debug)]
pub(crate) struct Attached {
    /// What the core needs to know.
    pub(crate) info: WorkerInfo,
    /// The release's label.
    pub(crate) label: String,
    /// The game's own name.
    pub(crate) app: String,
    /// Its process.
    pub(crate) pid: u32,
    /// Set if the keeper started it: which process it is, and what becomes of that.
    pub(crate) process: Option<(SpawnId, Fate)>,
    /// The release's files for browsers.
    pub(crate) assets: Vec<Asset>,
}

/// What the supervisor of workers tells the control thread.
#[derive(Debug)]
pub(crate) enum FromSupervisor {
    /// A worker ended or was ended.
    Ended {
        /// The release it ran.
        release: ReleaseId,
        /// Why.
        error: Coded,
        /// It is not started again until it is wanted anew.
        given_up: bool,
    },
}
