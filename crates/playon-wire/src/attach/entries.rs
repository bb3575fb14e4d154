//! Entries of the lists within items, counted on the bytes before anything is made of them.
//!
//! An empty entry is two bytes in a frame and up to a hundred in memory, so the size of a frame alone does not bound
//! what it becomes.

use bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::generated::{self as wire, down, up};

/// A list of an item: the number of the item's kind, and that of the list within it.
pub(super) type List = (u32, u32);

/// The list of the keeper whose entries are plain numbers, which are written without keys.
const RENDER: List = (18, 6);

/// The lists of the keeper's items: those of `Deliver` and `Tail`.
pub(super) const DOWN_LISTS: &[List] = &[(18, 5), RENDER, (21, 5)];

/// The lists of the worker's items: those of `Hello` and `Commit`.
pub(super) const UP_LISTS: &[List] =
    &[(1, 7), (1, 8), (1, 9), (16, 10), (16, 11), (16, 12), (16, 13)];

/// Entries of an item that is still encoded. Bytes that are no item count up to where they stop making sense, which
/// is as far as they would be decoded.
pub(super) fn encoded(item: &[u8], lists: &[List]) -> usize {
    let mut count = 0;
    fields(item, |kind, _, body| {
        fields(body, |number, wire_type, body| {
            if (kind, number) == RENDER && wire_type == WireType::LengthDelimited {
                count += body.iter().filter(|byte| **byte < 0x80).count();
            } else if lists.contains(&(kind, number)) {
                count += 1;
            }
        });
    });
    count
}

/// Entries of an item of the keeper.
pub(super) fn of_down(item: &wire::Down) -> usize {
    match &item.item {
        Some(down::Item::Deliver(m)) => m.items.len() + m.render.len(),
        Some(down::Item::Tail(m)) => m.deltas.len(),
        _ => 0,
    }
}

/// Entries of an item of the worker.
pub(super) fn of_up(item: &wire::Up) -> usize {
    match &item.item {
        Some(up::Item::Hello(m)) => m.kinds.len() + m.assets.len() + m.defects.len(),
        Some(up::Item::Commit(m)) => {
            m.refused.len() + m.dismissed.len() + m.outputs.len() + m.views.len()
        }
        _ => 0,
    }
}

/// Tells of each field: its number, how it is written and, if behind a length, its bytes.
fn fields(mut bytes: &[u8], mut tell: impl FnMut(u32, WireType, &[u8])) {
    while bytes.has_remaining() {
        let Ok((number, wire_type)) = decode_key(&mut bytes) else { return };
        let body = if wire_type == WireType::LengthDelimited {
            let length = decode_varint(&mut bytes).ok().and_then(|n| usize::try_from(n).ok());
            let Some((body, rest)) = length.and_then(|n| bytes.split_at_checked(n)) else { return };
            bytes = rest;
            body
        } else {
            let skipped = skip_field(wire_type, number, &mut bytes, DecodeContext::default());
            if skipped.is_err() {
                return;
            }
            &[]
        };
        tell(number, wire_type, body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_of_the_protocol_is_counted() {
        let proto = concat!(
            include_str!("../../proto/attach.proto"),
            include_str!("../../proto/kinds.proto")
        );
        let lists = proto.lines().filter(|line| line.trim_start().starts_with("repeated ")).count();
        // The two others are the batches themselves.
        assert_eq!(lists, DOWN_LISTS.len() + UP_LISTS.len() + 2);
    }

    #[test]
    fn entries_are_counted_however_they_are_written() {
        // Sentences of a commit, in two parts of it, with a number of an item in between.
        let commit = [0x82, 0x01, 4, 0x52, 0, 0x62, 0, 0x82, 0x01, 4, 0x18, 1, 0x6a, 0];
        assert_eq!(encoded(&commit, UP_LISTS), 3);
        // Sessions to render: together in one field, and one by one.
        let deliver = [0x92, 0x01, 9, 0x32, 3, 1, 0x80, 1, 0x30, 7, 0x2a, 0];
        assert_eq!(encoded(&deliver, DOWN_LISTS), 4);
    }

    #[test]
    fn what_is_no_item_counts_up_to_where_it_breaks() {
        assert_eq!(encoded(&[0x82, 0x01, 4, 0x62, 0, 0x62, 9], UP_LISTS), 1);
        assert_eq!(encoded(&[0x82, 0x01, 9, 0x62, 0], UP_LISTS), 0);
        assert_eq!(encoded(&[0xff; 40], UP_LISTS), 0);
    }
}
