//! What rooms at rest need of releases: one that reads them, for as long as they are kept.

use playon_types::ids::ReleaseId;
use playon_types::time::{Span, Time};

/// Rooms at rest that need the same of a release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resting {
    /// Which kind.
    pub kind: String,
    /// Version of their states.
    pub version: u32,
    /// The release that wrote them.
    pub release: ReleaseId,
}

/// Rooms at rest that a deploy leaves without a reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnreadAtRest {
    /// That the new release does not read.
    pub unread: u64,
    /// That no release reads which can be started.
    pub lost: u64,
}

/// After so long a room that has woken is listed.
pub(super) const SETTLED_AFTER: Span = Span::secs(1);

/// What is at rest, now and a while ago.
#[derive(Debug, Default)]
pub(super) struct Rests {
    /// What was at rest when there was a `newest` look that is old enough.
    pub(super) settled: Option<Vec<Resting>>,
    pub(super) newest: Option<(Time, Vec<Resting>)>,
    pub(super) last: Vec<Resting>,
}
