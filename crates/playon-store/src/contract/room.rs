//! A room as it is handed over and as it is read back.

use bytes::Bytes;
use playon_types::ids::{Epoch, ReleaseId, RoomId, Seq};

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

/// A room that goes to rest, as it is handed over.
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
