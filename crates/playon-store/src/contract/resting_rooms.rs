//! Rooms at rest: one is read when somebody asks for it, and all are counted and listed without being read.

use playon_types::ids::{ReleaseId, RoomId};

use super::room::{RestNote, StoredRoom};
use crate::error::StoreError;

/// Rooms that have left the hot log and wait for somebody. They go to rest, wake and are deleted with the batches of
/// [`RoomLog`](super::RoomLog); nothing is written here. All methods may be called from any thread, and none makes another wait
/// for long: a room that is touched is read beside the lists.
pub trait RestingRooms: Send + Sync {
    /// Reads one sleeping room; `None` only if it certainly does not exist.
    ///
    /// # Errors
    /// When it cannot be read now or is damaged.
    fn load_sleeping(&self, room: RoomId) -> Result<Option<StoredRoom>, StoreError>;

    /// How many rooms rest of each kind, version and release. No room is read for it.
    ///
    /// # Errors
    /// When it cannot be read.
    fn rest_groups(&self) -> Result<Vec<RestGroup>, StoreError>;

    /// Rooms at rest in the order of their ids, after `after`, at most `limit`. No room is read for it: one that is damaged is
    /// listed like the others.
    ///
    /// # Errors
    /// When they cannot be read.
    fn rests(&self, after: Option<RoomId>, limit: usize) -> Result<Vec<RestingRoom>, StoreError>;

    /// Rooms of a group (its kind, version and release) that were put to rest by `by_ms`, the first one first, after that time
    /// and room, at most `limit`. Rooms of which it is not known since when they rest are not among them.
    ///
    /// # Errors
    /// When they cannot be read.
    fn rests_of(
        &self,
        group: &RestGroup,
        after: Option<(u64, RoomId)>,
        by_ms: u64,
        limit: usize,
    ) -> Result<Vec<RestingRoom>, StoreError>;

    /// One room as it is listed, if it is at rest.
    ///
    /// # Errors
    /// When that cannot be read.
    fn rest(&self, room: RoomId) -> Result<Option<RestingRoom>, StoreError>;
}

/// A room at rest, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestingRoom {
    /// The room.
    pub room: RoomId,
    /// What is known of it.
    pub note: RestNote,
    /// Bytes of what is stored of it.
    pub bytes: u64,
}

/// Rooms at rest that need the same of a release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RestGroup {
    /// Which kind.
    pub kind: String,
    /// Version of their states.
    pub version: u32,
    /// The release that wrote them.
    pub release: ReleaseId,
    /// How many.
    pub rooms: u64,
    /// When the first of them was put to rest, in milliseconds since 1970.
    pub oldest_ms: u64,
}
