//! What the fuzz targets need of the log's format.

use bytes::Bytes;
use playon_types::ids::{Epoch, RoomId, Seq};

use crate::log::{EntryKind, FoundEntry, LogEntry, decode, encode};

/// The batch and the epoch that rows of the corpus are written as.
const PLACE: (u64, Epoch) = (8, Epoch(2));

/// Reads a row of the log. What is read whole is what was written; the row of another batch is never read.
pub fn batch_row(bytes: &[u8]) {
    let (id, epoch) = PLACE;
    let row = Bytes::copy_from_slice(bytes);
    assert!(decode(id + 1, epoch, &row).is_err() || decode(id, epoch, &row).is_err());
    let Ok(found) = decode(id, epoch, &row) else { return };
    let whole = |item| match item {
        FoundEntry::Good { entry, .. } => Some(entry),
        FoundEntry::Bad { .. } => None,
    };
    if let Some(entries) = found.items.into_iter().map(whole).collect::<Option<Vec<_>>>() {
        let written = encode(id, epoch, found.first, &entries);
        assert!(written.is_ok_and(|written| bytes.starts_with(&written)), "another row");
    }
}

/// A row to begin with.
pub fn sample() -> Vec<u8> {
    let entry = |kind, room, seq, body: &'static [u8]| LogEntry {
        kind,
        room: RoomId([room; 16]),
        seq: Seq(seq),
        body: Bytes::from_static(body),
    };
    let entries = [
        entry(EntryKind::Snapshot, 1, 4, b""),
        entry(EntryKind::Record, 1, 5, b"five"),
        entry(EntryKind::Delete, 2, 9, b""),
    ];
    encode(PLACE.0, PLACE.1, 3, &entries).unwrap_or_default()
}
