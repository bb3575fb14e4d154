//! The body of a `batch` row: what one group commit did to all rooms.
//!
//! ```text
//! head      magic u32 · count u32 · first live batch u64 · room parity 16 · seq parity u64 · check u64
//! entries   count x { kind u32 · room 16 · seq u64 · end u32 · head check u32 · check u64 }
//! bodies    back to back; an entry's body runs from the end of the one before it to its own end
//! ```
//!
//! All numbers are little-endian. Every checksum covers the number and the epoch of the batch, so a row
//! cannot pass for another one. An entry's check covers its header and its body, the shorter one its header
//! alone: when a body is damaged it is still certain whose it was. When a header is damaged, the room and the
//! sequence follow from the parities, which are the exclusive or of all rooms and all sequences. So the worst
//! that one damaged entry can do is to halt its own room.

use bytes::Bytes;
use playon_types::ids::{Epoch, RoomId, Seq};

use crate::check::Check;

const MAGIC: u32 = u32::from_le_bytes(*b"PLB1");
const HEAD_BYTES: usize = 48;
const ENTRY_BYTES: usize = 44;

/// Most bytes of bodies in one batch row; a larger group is refused.
pub(crate) const BATCH_BYTES_MAX: usize = 512 << 20;

/// What an entry says about its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum EntryKind {
    /// The record of one commit.
    Record,
    /// The room's snapshot was replaced by the one of this sequence.
    Snapshot,
    /// The room went to rest as of this sequence.
    Sleep,
    /// Everything about the room was deleted.
    Delete,
    /// A row of a small table was written. The "room" is a hash of its key, the body its checksum.
    Put,
}

impl EntryKind {
    /// The number stored.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Record => 1,
            Self::Snapshot => 2,
            Self::Sleep => 3,
            Self::Delete => 4,
            Self::Put => 5,
        }
    }

    /// The kind of a stored number.
    pub(crate) fn of(number: u32) -> Option<Self> {
        [Self::Record, Self::Snapshot, Self::Sleep, Self::Delete, Self::Put]
            .into_iter()
            .find(|kind| kind.number() == number)
    }
}

/// One entry of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogEntry {
    pub(crate) kind: EntryKind,
    pub(crate) room: RoomId,
    pub(crate) seq: Seq,
    pub(crate) body: Bytes,
}

/// An entry as found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FoundEntry {
    /// Its checksum holds. `offset` is where its body begins within the row.
    Good { entry: LogEntry, offset: usize },
    /// It is damaged, but it is certain which room it belongs to.
    /// `kind` is not known when the header is what is damaged.
    Bad { kind: Option<EntryKind>, room: RoomId, seq: Seq, offset: usize, why: String },
}

/// A batch as found.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// The first batch that was kept when this one was written.
    pub(crate) first: u64,
    pub(crate) items: Vec<FoundEntry>,
}

/// Encodes the body of batch `id`.
pub(crate) fn encode(
    id: u64,
    epoch: Epoch,
    first: u64,
    entries: &[LogEntry],
) -> Result<Vec<u8>, String> {
    let bodies: usize = entries.iter().map(|entry| entry.body.len()).sum();
    if bodies > BATCH_BYTES_MAX {
        return Err(format!("a batch of {bodies} bytes is over the limit of {BATCH_BYTES_MAX}"));
    }
    let count =
        u32::try_from(entries.len()).map_err(|_| "too many entries in a batch".to_owned())?;
    let mut out = Vec::with_capacity(HEAD_BYTES + ENTRY_BYTES * entries.len() + bodies);
    let mut rooms = [0_u8; 16];
    let mut seqs = 0;
    for entry in entries {
        xor(&mut rooms, entry.room);
        seqs ^= entry.seq.0;
    }
    out.extend_from_slice(&MAGIC.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&first.to_le_bytes());
    out.extend_from_slice(&rooms);
    out.extend_from_slice(&seqs.to_le_bytes());
    let sum = head_check(id, epoch, &out);
    out.extend_from_slice(&sum.to_le_bytes());
    let mut end = 0;
    for (index, entry) in entries.iter().enumerate() {
        let at = out.len();
        end += u32::try_from(entry.body.len()).map_err(|_| "a body is too long".to_owned())?;
        out.extend_from_slice(&entry.kind.number().to_le_bytes());
        out.extend_from_slice(&entry.room.0);
        out.extend_from_slice(&entry.seq.0.to_le_bytes());
        out.extend_from_slice(&end.to_le_bytes());
        let header = entry_check(id, epoch, index, &out[at..]);
        out.extend_from_slice(&low(header).to_le_bytes());
        out.extend_from_slice(&header.bytes(&entry.body).sum().to_le_bytes());
    }
    for entry in entries {
        out.extend_from_slice(&entry.body);
    }
    Ok(out)
}

/// Reads the body of batch `id`. An error means that it cannot be told which rooms are concerned.
pub(crate) fn decode(id: u64, epoch: Epoch, row: &Bytes) -> Result<Decoded, String> {
    let head = row.get(..HEAD_BYTES).ok_or("it is shorter than its head")?;
    if u32_at(head, 0) != MAGIC {
        return Err("it does not begin with PLB1".to_owned());
    }
    if head_check(id, epoch, &head[..HEAD_BYTES - 8]) != u64_at(head, HEAD_BYTES - 8) {
        return Err("the checksum of its head is wrong".to_owned());
    }
    let count = u32_at(head, 4) as usize;
    let bodies_at = HEAD_BYTES + ENTRY_BYTES * count;
    if bodies_at > row.len() {
        return Err(format!("it is too short for its {count} entries"));
    }
    let mut reader =
        LogReader { id, epoch, row, bodies_at, items: Vec::with_capacity(count), lost: None };
    for index in 0..count {
        reader.entry(index)?;
    }
    let mut rooms = [0; 16];
    rooms.copy_from_slice(&head[16..32]);
    reader.resolve(rooms, u64_at(head, 32))?;
    Ok(Decoded { first: u64_at(head, 8), items: reader.items })
}

struct LogReader<'a> {
    id: u64,
    epoch: Epoch,
    row: &'a Bytes,
    bodies_at: usize,
    items: Vec<FoundEntry>,
    /// The entry whose header cannot be trusted.
    lost: Option<usize>,
}

impl LogReader<'_> {
    fn entry(&mut self, index: usize) -> Result<(), String> {
        let at = HEAD_BYTES + ENTRY_BYTES * index;
        let raw = &self.row[at..at + ENTRY_BYTES];
        let header = entry_check(self.id, self.epoch, index, &raw[..32]);
        if low(header) != u32_at(raw, 32) {
            if self.lost.replace(index).is_some() {
                return Err(format!(
                    "the headers of more than one entry are damaged, the second at offset {at}"
                ));
            }
            let why = "its header does not match its checksum".to_owned();
            self.items.push(FoundEntry::Bad {
                kind: None,
                room: RoomId::default(),
                seq: Seq(0),
                offset: at,
                why,
            });
            return Ok(());
        }
        let mut room = RoomId::default();
        room.0.copy_from_slice(&raw[4..20]);
        let seq = Seq(u64_at(raw, 20));
        let begin = match index {
            0 => self.bodies_at,
            _ => self.bodies_at + u32_at(self.row, at - ENTRY_BYTES + 28) as usize,
        };
        let end = self.bodies_at + u32_at(raw, 28) as usize;
        let body = (begin <= end && end <= self.row.len()).then(|| self.row.slice(begin..end));
        let kind = EntryKind::of(u32_at(raw, 0))
            .ok_or_else(|| format!("unknown kind of entry at offset {at}"))?;
        let item = match body {
            Some(body) if header.bytes(&body).sum() == u64_at(raw, 36) => {
                FoundEntry::Good { entry: LogEntry { kind, room, seq, body }, offset: begin }
            }
            _ => {
                let why = "its body does not match its checksum".to_owned();
                FoundEntry::Bad { kind: Some(kind), room, seq, offset: begin, why }
            }
        };
        self.items.push(item);
        Ok(())
    }

    /// Finds out whose the one entry with a damaged header was. Without one, the parities must add up: a head that
    /// goes with other entries is none of this row's, whatever its checksum says.
    fn resolve(&mut self, mut rooms: [u8; 16], mut seqs: u64) -> Result<(), String> {
        for (index, item) in self.items.iter().enumerate() {
            let (room, seq) = match item {
                FoundEntry::Good { entry, .. } => (entry.room, entry.seq),
                FoundEntry::Bad { room, seq, .. } => (*room, *seq),
            };
            if Some(index) != self.lost {
                xor(&mut rooms, room);
                seqs ^= seq.0;
            }
        }
        match self.lost.and_then(|lost| self.items.get_mut(lost)) {
            Some(FoundEntry::Bad { room, seq, .. }) => {
                *room = RoomId(rooms);
                *seq = Seq(seqs);
            }
            _ if rooms != [0; 16] || seqs != 0 => {
                return Err("its head belongs to other entries".to_owned());
            }
            _ => {}
        }
        Ok(())
    }
}

fn xor(sum: &mut [u8; 16], room: RoomId) {
    for (byte, other) in sum.iter_mut().zip(room.0) {
        *byte ^= other;
    }
}

fn head_check(id: u64, epoch: Epoch, head: &[u8]) -> u64 {
    Check::of("batch").number(id).number(epoch.0).bytes(head).sum()
}

fn entry_check(id: u64, epoch: Epoch, index: usize, header: &[u8]) -> Check {
    Check::of("entry").number(id).number(epoch.0).number(index as u64).bytes(header)
}

/// The short check of a header: the lower half of its checksum.
fn low(check: Check) -> u32 {
    (check.sum() & u64::from(u32::MAX)) as u32
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: EntryKind, room: u8, seq: u64, body: &[u8]) -> LogEntry {
        LogEntry {
            kind,
            room: RoomId([room; 16]),
            seq: Seq(seq),
            body: Bytes::copy_from_slice(body),
        }
    }

    fn sample() -> Vec<LogEntry> {
        vec![
            entry(EntryKind::Snapshot, 1, 4, b""),
            entry(EntryKind::Record, 1, 5, b"five"),
            entry(EntryKind::Record, 2, 77, b"seventy-seven"),
            entry(EntryKind::Delete, 3, 9, b""),
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        let row = Bytes::from(encode(8, Epoch(2), 3, &sample()).unwrap());
        let decoded = decode(8, Epoch(2), &row).unwrap();
        assert_eq!(decoded.first, 3);
        let found: Vec<_> = decoded
            .items
            .into_iter()
            .map(|item| match item {
                FoundEntry::Good { entry, .. } => entry,
                FoundEntry::Bad { .. } => panic!("{item:?}"),
            })
            .collect();
        assert_eq!(found, sample());
    }

    /// The format is on the disks of people. If this fails, rows written before can no longer be read: the
    /// new format needs another magic number, and the old one must still be understood.
    #[test]
    fn the_format_stays_as_it_is() {
        let row = encode(8, Epoch(2), 3, &sample()).unwrap();
        assert_eq!(
            (row.len(), xxhash_rust::xxh3::xxh3_64(&row)),
            (241, 16_511_534_490_808_824_246)
        );
        assert_eq!(&row[..16], b"PLB1\x04\0\0\0\x03\0\0\0\0\0\0\0");
    }

    #[test]
    fn a_row_does_not_pass_for_another() {
        let row = Bytes::from(encode(8, Epoch(2), 3, &sample()).unwrap());
        assert!(decode(9, Epoch(2), &row).is_err());
        assert!(decode(8, Epoch(1), &row).is_err());
    }

    /// Found by fuzzing, with a checksum that was made to fit.
    #[test]
    fn a_head_of_other_entries_is_refused() {
        let mut head = encode(8, Epoch(2), 3, &sample()).unwrap()[..HEAD_BYTES - 8].to_vec();
        head[4..8].copy_from_slice(&0_u32.to_le_bytes());
        let sum = head_check(8, Epoch(2), &head);
        head.extend_from_slice(&sum.to_le_bytes());
        assert_eq!(
            decode(8, Epoch(2), &Bytes::from(head)).unwrap_err(),
            "its head belongs to other entries"
        );
    }

    #[test]
    fn every_flipped_bit_is_pinned_to_a_room_or_refused() {
        let whole = encode(8, Epoch(2), 3, &sample()).unwrap();
        for at in 0..whole.len() * 8 {
            let mut row = whole.clone();
            row[at / 8] ^= 1 << (at % 8);
            let Ok(decoded) = decode(8, Epoch(2), &Bytes::from(row)) else {
                assert!(
                    at / 8 < HEAD_BYTES,
                    "only the head may make a row unreadable, not bit {at}"
                );
                continue;
            };
            let mut bad = 0;
            for (item, written) in decoded.items.iter().zip(sample()) {
                match item {
                    FoundEntry::Good { entry, .. } => assert_eq!(entry, &written, "bit {at}"),
                    FoundEntry::Bad { room, seq, .. } => {
                        assert_eq!((*room, *seq), (written.room, written.seq), "bit {at}");
                        bad += 1;
                    }
                }
            }
            assert!((1..=2).contains(&bad), "bit {at} makes {bad} entries bad");
        }
    }

    #[test]
    fn every_cut_is_noticed() {
        let whole = encode(8, Epoch(2), 3, &sample()).unwrap();
        for len in 0..whole.len() {
            let noticed = decode(8, Epoch(2), &Bytes::copy_from_slice(&whole[..len]))
                .map_or(true, |found| {
                    found.items.iter().any(|item| matches!(item, FoundEntry::Bad { .. }))
                });
            assert!(noticed, "cut to {len} bytes");
        }
    }
}
