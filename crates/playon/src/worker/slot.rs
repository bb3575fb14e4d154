//! What a worker holds of one room under one attempt.

use std::sync::Arc;

use bytes::Bytes;
use playon_types::ids::Seq;

use super::pace::Pace;
use super::proofs::Proof;
use crate::codec::Encoded;
use crate::kind::Kind;
use crate::live::Live;

/// A room, or a copy of one.
pub(super) enum WorkerSlot {
    /// Waits for batches.
    Open(OpenRoom),
    /// The copy of a room that is live elsewhere: bytes on which a tail can be put.
    Warm(WarmCopy),
}

/// A live room.
pub(super) struct OpenRoom {
    pub(super) kind: Arc<dyn Kind>,
    pub(super) live: Box<dyn Live>,
    /// The last commit.
    pub(super) seq: Seq,
    /// Its bytes, which the next one is made from.
    pub(super) bytes: Bytes,
    /// How many there may be.
    pub(super) bytes_max: usize,
    /// Their hash.
    pub(super) hash: u64,
    /// What is known of whether they can be read.
    pub(super) proof: Proof,
    /// How long its batches take.
    pub(super) pace: Pace,
    /// Inputs that the game could not read.
    pub(super) unreadable: u64,
    /// Bytes that a view or an event may have.
    pub(super) view_bytes_max: usize,
    /// Views that were left out because of their size.
    pub(super) left_out: u64,
}

/// A copy as it was given, and what was made of it: if nothing happens to the room meanwhile, that is the room.
pub(super) struct WarmCopy {
    pub(super) name: String,
    pub(super) kind: Arc<dyn Kind>,
    pub(super) base: Bytes,
    pub(super) live: Box<dyn Live>,
    pub(super) encoded: Encoded,
}
