//! What is handed over and what is read back.

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
    pub sleeps: Vec<SnapshotRow>,
    /// Rooms that ended or expired: everything about them is deleted.
    pub deletes: Vec<RoomId>,
}

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
    /// Whether the store was restored or repaired since the snapshot was written: later commits, of which players
    /// were told, may be gone.
    pub rewound: bool,
}

/// A damaged room: what is wrong, and where exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomDamage {
    /// The room.
    pub room: RoomId,
    /// Table, row, offset and what was expected there.
    pub place: String,
}

/// Something stored that is damaged: what is wrong, and where exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The only room it concerns, if that much can be told.
    pub room: Option<RoomId>,
    /// Table, row, offset and what was expected there.
    pub place: String,
}

impl From<RoomDamage> for Damage {
    fn from(RoomDamage { room, place }: RoomDamage) -> Self {
        Self { room: Some(room), place }
    }
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

/// A decision: what becomes of a deploy, and the named value that follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The deploy.
    pub deploy: DeployRow,
    /// The name of the value.
    pub name: String,
    /// What the value must be before; nothing if there must be none.
    pub expected: Option<Bytes>,
    /// What it is from then on; nothing if it does not change.
    pub value: Option<Bytes>,
}
