//! What is handed over and what is read back.

use bytes::Bytes;
use playon_types::ids::{DeployId, Epoch, ReleaseId, RoomId, Seq};

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

/// What is known of a room at rest without reading it, for lists, ages and the question which releases are needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestNote {
    /// Which kind; empty if it was put to rest by a build that did not note it.
    pub kind: String,
    /// Its name within the kind, or empty.
    pub name: String,
    /// Version of its state.
    pub version: u32,
    /// The release that wrote it.
    pub release: ReleaseId,
    /// Seats that are kept in it.
    pub seats: u32,
    /// When it was put to rest, in wall-clock milliseconds since 1970; 0 if that is not known.
    pub since_ms: u64,
}

/// A room that goes to rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestRow {
    /// The whole room.
    pub row: SnapshotRow,
    /// What is known of it without reading it.
    pub note: RestNote,
}

/// A room that goes to rest without a note.
impl From<SnapshotRow> for RestRow {
    fn from(row: SnapshotRow) -> Self {
        Self { row, note: RestNote::default() }
    }
}

/// A room at rest, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest {
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
    /// What is noted of a room at rest; nothing of a hot one.
    pub rest: Option<RestNote>,
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
