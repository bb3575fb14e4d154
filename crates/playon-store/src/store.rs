//! The contract of every engine.

use bytes::Bytes;
use playon_types::ids::{Epoch, RoomId};

use crate::batch::{
    Batch, Decision, DeployRow, ReleaseRow, Rest, RestGroup, RoomDamage, StoredRoom,
};
use crate::error::StoreError;

/// Called once, on the store's own thread, when the fate of a batch is known.
pub type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// What makes commits survive. All methods may be called from any thread.
pub trait Store: Send + Sync {
    /// The epoch raised and synced when this store was opened.
    fn epoch(&self) -> Epoch;

    /// Hands a batch over and returns at once; `done` is called in order of submission, when the batch is
    /// safe or the store has failed. After one failure every later batch fails: nothing is retried.
    fn submit(&self, batch: Batch, done: Done);

    /// Reads every room in the hot log once, in any order. Rooms that are damaged are reported as such and
    /// never served older than they were acknowledged.
    ///
    /// # Errors
    /// When the damage cannot be pinned to single rooms.
    fn recover(
        &self,
        each: &mut dyn FnMut(Result<StoredRoom, RoomDamage>),
    ) -> Result<(), StoreError>;

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
    fn rests(&self, after: Option<RoomId>, limit: usize) -> Result<Vec<Rest>, StoreError>;

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
    ) -> Result<Vec<Rest>, StoreError>;

    /// One room as it is listed, if it is at rest.
    ///
    /// # Errors
    /// When that cannot be read.
    fn rest(&self, room: RoomId) -> Result<Option<Rest>, StoreError>;

    /// Names the rooms whose snapshots the owners must write soon, so that the head of the log can be cut.
    fn on_snapshots_wanted(&self, wanted: Box<dyn Fn(Vec<RoomId>) + Send>);

    /// Adds or renames a release.
    ///
    /// # Errors
    /// When it cannot be stored.
    fn put_release(&self, release: ReleaseRow) -> Result<(), StoreError>;

    /// All releases, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    fn releases(&self) -> Result<Vec<ReleaseRow>, StoreError>;

    /// Writes a deploy record and returns when it is safe.
    ///
    /// # Errors
    /// When it cannot be stored.
    fn put_deploy(&self, deploy: DeployRow) -> Result<(), StoreError>;

    /// Writes a decision: a deploy record and a named value that follows from it, both or neither, if the value is as
    /// `expected` before. Returns when they are safe.
    ///
    /// # Errors
    /// [`StoreError::Misused`] when the value is another one, and nothing is written then; or when it cannot be stored.
    fn decide(&self, decision: Decision) -> Result<(), StoreError>;

    /// The newest deploys, newest first, at most `limit`.
    ///
    /// # Errors
    /// When they cannot be read.
    fn deploys(&self, limit: usize) -> Result<Vec<DeployRow>, StoreError>;

    /// Writes one small named value and returns when it is safe (the current release, for one).
    ///
    /// # Errors
    /// When it cannot be stored.
    fn put_setting(&self, name: &str, value: Bytes) -> Result<(), StoreError>;

    /// Reads one named value.
    ///
    /// # Errors
    /// When it cannot be read.
    fn setting(&self, name: &str) -> Result<Option<Bytes>, StoreError>;

    /// Looks whether what is written still reaches the data directory, as is done with every batch before it counts as safe. Small
    /// files that are missing are made again. Returns why that cannot be seen, if it cannot. Engines without files have nothing to
    /// look at.
    ///
    /// # Errors
    /// When it does not, or the store had stopped before. Every later batch fails.
    fn in_place(&self) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    /// Waits until everything submitted is safe, checkpoints and closes. Further batches fail.
    ///
    /// # Errors
    /// When the last batches could not be made safe.
    fn close(&self) -> Result<(), StoreError>;
}
