//! What the supervisor of workers is told.

use std::path::PathBuf;

use playon_core::fleet::Berth;
use playon_types::ids::{ReleaseId, WorkerId};
use playon_types::reason::Reason;

use crate::error::Coded;
use crate::workers::SpawnId;

/// What the supervisor is told: by the control thread, and by the threads that wait for the ends of processes.
///
/// A channel without a bound, which the supervisor empties at once; so much goes in as there are workers that come and go, at most
/// `workers_max` at a time.
#[derive(Debug)]
pub(crate) enum ToSupervisor {
    /// So many workers should run from now on.
    Want(Want),
    /// A started process has attached.
    Attached(SpawnId, WorkerId),
    /// The link of a worker is gone.
    Detached(WorkerId, Parting),
    /// A worker must be killed, and why.
    Kill(WorkerId, Reason),
    /// A started process was not let in, and why.
    Refused(SpawnId, Coded),
    /// A process has ended.
    Exited(SpawnId),
    /// All workers are ended, and then the thread.
    Stop,
}

/// How many workers of a release and berth should run.
#[derive(Clone, Debug)]
pub(crate) struct Want {
    /// The release.
    pub(crate) release: ReleaseId,
    /// What they are there for.
    pub(crate) berth: Berth,
    /// Its label.
    pub(crate) label: String,
    /// Its executable.
    pub(crate) executable: PathBuf,
    /// How many.
    pub(crate) count: u32,
    /// Rooms need it: it is tried for ever, however often it fails.
    pub(crate) needed: bool,
    /// It is tried again at once, whatever has failed before.
    pub(crate) afresh: bool,
}

/// How the link of a worker ended.
#[derive(Debug)]
pub(crate) struct Parting {
    /// The process ended it.
    pub(crate) by_itself: bool,
    /// It was at something of a room.
    pub(crate) at_work: bool,
    /// For whoever reads the log: how the process ended too, if that is known.
    pub(crate) how: String,
}
