//! Checksums that bind a row's contents to its key, so that one row can never pass for another.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

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

#[cfg(test)]
mod tests {
    use super::*;

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
