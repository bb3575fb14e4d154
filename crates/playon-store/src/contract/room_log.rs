//! Commits: what the owners of rooms hand over, and what a keeper that comes after them finds.

use std::fmt;

use playon_types::ids::{Epoch, RoomId};

use super::room::{LogRecord, RestRow, SnapshotRow, StoredRoom};
use crate::damage::RoomDamage;
use crate::error::StoreError;

/// Called once, on the store's own thread, when the fate of a batch is known.
pub type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// The log of the rooms that one keeper owns, who was given an epoch with it: who holds a log of the same rooms with an earlier epoch
/// writes nothing more. All methods may be called from any thread.
pub trait RoomLog: fmt::Debug + Send + Sync {
    /// The epoch raised and synced when this store was opened.
    fn epoch(&self) -> Epoch;

    /// Hands a batch over and returns at once; `done` is called in order of submission, when the batch is
    /// safe or the store has failed. After one failure every later batch fails: nothing is retried.
    fn submit(&self, batch: Batch, done: Done);

    /// Times that something submitted was made safe, of which batches that wait at the same time share one: for an engine with a disk, its
    /// syncs. It may grow a moment before the batches are answered, and counts from the opening.
    fn syncs(&self) -> u64;

    /// Reads every room in the hot log once, in any order. Rooms that are damaged are reported as such and
    /// never served older than they were acknowledged.
    ///
    /// # Errors
    /// When the damage cannot be pinned to single rooms.
    fn recover(
        &self,
        each: &mut dyn FnMut(Result<StoredRoom, RoomDamage>),
    ) -> Result<(), StoreError>;

    /// Names the rooms whose snapshots the owners must write soon, so that the head of the log can be cut.
    fn on_snapshots_wanted(&self, wanted: Box<dyn Fn(Vec<RoomId>) + Send>);

    /// Looks whether what is written still reaches the data directory, as is done with every batch before it counts as safe. Small
    /// files that are missing are made again. Returns why that cannot be seen, if it cannot. Engines without files have nothing to
    /// look at.
    ///
    /// # Errors
    /// When it does not, or the store had stopped before. Every later batch fails.
    fn in_place(&self) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    /// Waits until everything submitted is safe and closes the engine. Whatever is asked of it afterwards fails.
    ///
    /// # Errors
    /// When the last batches could not be made safe.
    fn close(&self) -> Result<(), StoreError>;
}

/// What the owners hand over at once; all of it becomes safe together or not at all.
///
/// Rules, a breach of which stops the store with [`StoreError::Misused`](crate::StoreError::Misused) before
/// anything of the batch is written:
///
/// - A room begins, and wakes from its rest, with a snapshot, in the same batch as its next records or in an
///   earlier one.
/// - A record follows the room's last commit, or any snapshot in the same batch that runs ahead of it.
/// - Neither a snapshot nor a rest is older than what is stored. A snapshot may lag behind the records.
/// - No sequence is above `i64::MAX`.
/// - Of a room found damaged, only the deletion is accepted.
///
/// Within a batch, snapshots and records come first, whatever their order, then rests, then deletions. Of several
/// snapshots of a room the one of the newest commit counts, and of several of that commit the last row.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Appended to the log, in order. A room's sequences have no gaps.
    pub records: Vec<LogRecord>,
    /// Replace the snapshots of their rooms. A room may have several.
    pub snapshots: Vec<SnapshotRow>,
    /// Leave the hot log and go to rest.
    pub sleeps: Vec<RestRow>,
    /// Rooms that ended or expired: everything about them is deleted.
    pub deletes: Vec<RoomId>,
}
