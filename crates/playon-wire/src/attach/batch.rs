//! Batches: the items of one frame.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;

use super::frame::LENGTH_BYTES;
use super::pieces::Pieces;
use super::{
    AttachError, BATCH_ITEMS_MAX, Down, FRAME_BYTES_MAX, FRAME_ENTRIES_MAX, Up, down, entries,
    generated as wire, up,
};
use crate::varint;

/// The key of the only field of a batch: number 1, length-delimited.
const ITEM_KEY: u8 = 0x0a;

/// The keeper's items as frames ready for the stream, lengths included; no bytes for no items.
///
/// # Errors
/// When one item alone is longer than a frame may be, or has more entries.
pub fn encode_down(items: &[Down]) -> Result<Bytes, AttachError> {
    encode(items.iter().map(down::to_wire), entries::of_down)
}

/// The worker's items as frames ready for the stream, lengths included; no bytes for no items.
///
/// # Errors
/// When one item alone is longer than a frame may be, or has more entries.
pub fn encode_up(items: &[Up]) -> Result<Bytes, AttachError> {
    encode(items.iter().map(up::to_wire), entries::of_up)
}

/// The items of a frame of the keeper, given without its length.
///
/// # Errors
/// When the frame is not a batch within the limits. Then none of its items counts.
pub fn decode_down(frame: Bytes) -> Result<Vec<Down>, AttachError> {
    decode(frame, entries::DOWN_LISTS, |item: wire::Down, pieces| down::from_wire(item, pieces))
}

/// The items of a frame of the worker, given without its length.
///
/// # Errors
/// When the frame is not a batch within the limits. Then none of its items counts.
pub fn decode_up(frame: Bytes) -> Result<Vec<Up>, AttachError> {
    decode(frame, entries::UP_LISTS, |item: wire::Up, pieces| up::from_wire(item, pieces))
}

const TOO_MANY_ITEMS: AttachError = AttachError::Items { what: "items", max: BATCH_ITEMS_MAX };

const TOO_MANY_ENTRIES: AttachError =
    AttachError::Items { what: "entries in lists", max: FRAME_ENTRIES_MAX };

fn encode<M: Message>(
    items: impl Iterator<Item = M>,
    entries: impl Fn(&M) -> usize,
) -> Result<Bytes, AttachError> {
    let mut frames = Frames { out: BytesMut::new(), start: 0, items: 0, entries: 0 };
    for item in items {
        frames.add(&item, entries(&item))?;
    }
    frames.end_frame();
    Ok(frames.out.freeze())
}

/// Frames under construction. The last one begins at `start` and has `items` items with `entries` entries; its length
/// is not yet set.
struct Frames {
    out: BytesMut,
    start: usize,
    items: usize,
    entries: usize,
}

impl Frames {
    fn add<M: Message>(&mut self, item: &M, entries: usize) -> Result<(), AttachError> {
        let length = item.encoded_len();
        let bytes = 1 + varint::len(length as u64) + length;
        if bytes > FRAME_BYTES_MAX {
            return Err(AttachError::Frame { bytes, max: FRAME_BYTES_MAX });
        }
        if entries > FRAME_ENTRIES_MAX {
            return Err(TOO_MANY_ENTRIES);
        }
        let is_full = self.items == BATCH_ITEMS_MAX
            || self.frame_bytes() + bytes > FRAME_BYTES_MAX
            || self.entries + entries > FRAME_ENTRIES_MAX;
        if is_full {
            self.end_frame();
        }
        if self.items == 0 {
            self.out.put_u32(0);
        }
        self.items += 1;
        self.entries += entries;
        self.out.reserve(bytes);
        self.out.put_u8(ITEM_KEY);
        item.encode_length_delimited(&mut self.out)
            .map_err(|error| AttachError::Protobuf(error.to_string()))
    }

    fn frame_bytes(&self) -> usize {
        self.out.len().saturating_sub(self.start + LENGTH_BYTES)
    }

    fn end_frame(&mut self) {
        // A frame was never begun longer than FRAME_BYTES_MAX, which fits.
        let length = self.frame_bytes() as u32;
        if let Some(place) = self.out.get_mut(self.start..self.start + LENGTH_BYTES) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        self.start = self.out.len();
        self.items = 0;
        self.entries = 0;
    }
}

/// Reads the outer layer by hand, so that items and their entries are bounded before any is made.
fn decode<M: Message + Default, T>(
    mut frame: Bytes,
    lists: &[entries::List],
    from_wire: impl Fn(M, Pieces) -> Result<T, AttachError>,
) -> Result<Vec<T>, AttachError> {
    const FIELD: AttachError = AttachError::Field { field: "an item of the batch" };
    let pieces = Pieces::of(&frame);
    let (mut items, mut entries) = (Vec::new(), 0);
    while frame.has_remaining() {
        if items.len() == BATCH_ITEMS_MAX {
            return Err(TOO_MANY_ITEMS);
        }
        let key = frame.get_u8();
        let length = varint::take(&mut frame).and_then(|length| usize::try_from(length).ok());
        let length =
            length.filter(|length| key == ITEM_KEY && *length <= frame.len()).ok_or(FIELD)?;
        let item = frame.split_to(length);
        entries += entries::encoded(&item, lists);
        if entries > FRAME_ENTRIES_MAX {
            return Err(TOO_MANY_ENTRIES);
        }
        let item = M::decode(item);
        items.push(from_wire(
            item.map_err(|error| AttachError::Protobuf(error.to_string()))?,
            pieces,
        )?);
    }
    Ok(items)
}
