//! What makes commits survive.
//!
//! A [`Store`] speaks epochs and batches and knows nothing of what is inside a state. One group commit of
//! all rooms is one append-only row; snapshots are rows per room; what rests and is queried are
//! ordinary tables. The layout is the same for every SQL engine; the embedded one is SQLite.

use bytes::Bytes;
use playon_core::ids::{DeployId, Epoch, ReleaseId, RoomId, Seq};

/// One record of a room, opaque to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// The room.
    pub room: RoomId,
    /// Its position in the room's history.
    pub seq: Seq,
    /// What happened, encoded by `playon-wire`.
    pub body: Bytes,
}

/// A whole room as of one commit, opaque to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotRow {
    /// The room.
    pub room: RoomId,
    /// The commit it stands for.
    pub seq: Seq,
    /// The room, encoded by `playon-wire`.
    pub body: Bytes,
}

/// What the owners hand over at once; all of it becomes safe together or not at all.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Appended to the log, in order. A room's sequences have no gaps.
    pub records: Vec<LogRecord>,
    /// Replace the snapshots of their rooms.
    pub snapshots: Vec<SnapshotRow>,
    /// Leave the hot log and go to rest.
    pub sleeps: Vec<SnapshotRow>,
    /// Rooms that ended or expired: everything about them is deleted.
    pub deletes: Vec<RoomId>,
}

/// Called once, on the store's own thread, when the fate of a batch is known.
pub type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// A room as found at recovery or when a sleeping one is touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRoom {
    /// The room.
    pub room: RoomId,
    /// The newest snapshot.
    pub snapshot: SnapshotRow,
    /// The epoch that wrote the snapshot.
    pub snapshot_epoch: Epoch,
    /// All later records with the epochs that wrote them, without gaps.
    pub records: Vec<(Epoch, LogRecord)>,
}

/// A damaged room: what is wrong, and where exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The room, if that much can be told.
    pub room: Option<RoomId>,
    /// Table, row, offset and what was expected there.
    pub place: String,
}

/// A stored release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseRow {
    /// Hash of its executable; the artifact lies under that name beside the database.
    pub id: ReleaseId,
    /// The name people use, unique.
    pub label: String,
    /// Wall-clock milliseconds since 1970, for people only.
    pub added_ms: u64,
}

/// A stored deploy, opaque to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployRow {
    /// The deploy.
    pub id: DeployId,
    /// Its record, encoded by the keeper.
    pub body: Bytes,
}

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
    fn recover(&self, each: &mut dyn FnMut(Result<StoredRoom, Damage>)) -> Result<(), StoreError>;

    /// Reads one sleeping room; `None` only if it certainly does not exist.
    ///
    /// # Errors
    /// When it cannot be read now or is damaged.
    fn load_sleeping(&self, room: RoomId) -> Result<Option<StoredRoom>, StoreError>;

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

    /// Waits until everything submitted is safe, checkpoints and closes. Further batches fail.
    ///
    /// # Errors
    /// When the last batches could not be made safe.
    fn close(&self) -> Result<(), StoreError>;
}

/// Why the store cannot do something.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// It has failed before, or was closed; nothing more is written.
    #[error("PLY-0201 the store has stopped: {0}")]
    Stopped(String),
    /// The operating system or the engine reported an error.
    #[error("PLY-0202 the store failed: {0}")]
    Io(String),
}
