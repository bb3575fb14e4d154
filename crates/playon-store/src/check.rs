//! Checksums that bind a row's contents to its key, so that one row can never pass for another.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::contract::{RestNote, SnapshotRow};

/// A checksum over parts, each one bound to its place by seeding the next with what came before.
#[derive(Clone, Copy)]
pub(crate) struct Check(u64);

impl Check {
    /// Starts a checksum for rows of the given table.
    pub(crate) fn of(table: &str) -> Self {
        Self(xxh3_64(table.as_bytes()))
    }

    /// Adds bytes. Their length counts, so parts cannot flow into one another.
    pub(crate) fn bytes(self, part: &[u8]) -> Self {
        let sum = xxh3_64_with_seed(part, self.0);
        Self(xxh3_64_with_seed(&(part.len() as u64).to_le_bytes(), sum))
    }

    /// Adds a number.
    pub(crate) fn number(self, part: u64) -> Self {
        Self(xxh3_64_with_seed(&part.to_le_bytes(), self.0))
    }

    /// The checksum.
    pub(crate) fn sum(self) -> u64 {
        self.0
    }
}

/// The checksum of a snapshot or of a sleeping room, over its key and contents.
pub(crate) fn room_row(table: &str, room: &[u8], seq: u64, epoch: u64, body: &[u8]) -> u64 {
    Check::of(table).bytes(room).number(seq).number(epoch).bytes(body).sum()
}

/// The checksum of a row at rest. Of one without a note it is that of the row, as builds wrote it that had none.
pub(crate) fn rest_row(row: &SnapshotRow, epoch: u64, note: &RestNote) -> u64 {
    let SnapshotRow { room, seq, body } = row;
    let sum = Check::of("sleeping").bytes(&room.0).number(seq.0).number(epoch).bytes(body);
    if *note == RestNote::default() {
        return sum.sum();
    }
    let RestNote { kind, name, version, release, seats, since_ms } = note;
    sum.bytes(kind.as_bytes())
        .bytes(name.as_bytes())
        .number(u64::from(*version))
        .bytes(&release.0)
        .number(u64::from(*seats))
        .number(*since_ms)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use playon_types::ids::{ReleaseId, RoomId, Seq};

    #[test]
    fn every_part_of_a_note_counts_and_no_note_is_as_it_was() {
        let row = SnapshotRow { room: RoomId([1; 16]), seq: Seq(2), body: Bytes::from("body") };
        let bare = rest_row(&row, 3, &RestNote::default());
        assert_eq!(bare, room_row("sleeping", &[1; 16], 2, 3, b"body"));
        let note = RestNote { kind: "duel".into(), since_ms: 7, ..RestNote::default() };
        let changed = [
            RestNote { kind: "due".into(), name: "l".into(), ..note.clone() },
            RestNote { name: "a".into(), ..note.clone() },
            RestNote { version: 1, ..note.clone() },
            RestNote { release: ReleaseId([1; 32]), ..note.clone() },
            RestNote { seats: 1, ..note.clone() },
            RestNote { since_ms: 8, ..note.clone() },
        ];
        let mut sums: Vec<u64> = changed.iter().map(|note| rest_row(&row, 3, note)).collect();
        sums.extend([bare, rest_row(&row, 3, &note)]);
        sums.sort_unstable();
        sums.dedup();
        assert_eq!(sums.len(), 8);
    }

    #[test]
    fn every_part_and_its_place_counts() {
        let base = room_row("snapshot", &[1; 16], 2, 3, b"body");
        assert_eq!(base, room_row("snapshot", &[1; 16], 2, 3, b"body"));
        assert_ne!(base, room_row("sleeping", &[1; 16], 2, 3, b"body"));
        assert_ne!(base, room_row("snapshot", &[2; 16], 2, 3, b"body"));
        assert_ne!(base, room_row("snapshot", &[1; 16], 3, 2, b"body"));
        assert_ne!(base, room_row("snapshot", &[1; 16], 2, 3, b"bodx"));
        assert_ne!(
            Check::of("t").bytes(b"ab").bytes(b"c").sum(),
            Check::of("t").bytes(b"a").bytes(b"bc").sum()
        );
    }
}
