//! What all items have in common: bytes that came with a frame, and rooms.

use bytes::Bytes;
use playon_types::ids::RoomId;

use super::{AttachError, PINNED_TIMES_MAX};

/// Decides whether bytes may stay slices of the frame they came in.
#[derive(Clone, Copy)]
pub(super) struct Pieces {
    frame_bytes: usize,
}

impl Pieces {
    /// Of this frame.
    pub(super) const fn of(frame: &Bytes) -> Self {
        Self { frame_bytes: frame.len() }
    }

    pub(super) fn keep(self, piece: Bytes) -> Bytes {
        if piece.len().saturating_mul(PINNED_TIMES_MAX) < self.frame_bytes {
            Bytes::copy_from_slice(&piece)
        } else {
            piece
        }
    }
}

pub(super) fn room_bytes(room: RoomId) -> Bytes {
    Bytes::copy_from_slice(&room.0)
}

pub(super) fn room_id(bytes: &[u8]) -> Result<RoomId, AttachError> {
    bytes.try_into().map(RoomId).map_err(|_| AttachError::Field { field: "the room" })
}
