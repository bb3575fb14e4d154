//! How a shard begins.

use playon_types::ids::Epoch;
use playon_types::time::Span;

use crate::limits::Limits;

/// How a shard begins.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// Raised and synced by the store when it was opened.
    pub epoch: Epoch,
    /// All bounds.
    pub limits: Limits,
    /// Which shard this is; attempts of different shards never meet.
    pub shard: u16,
    /// For how long keepers of this data directory had run when the shard's time began. With it the time of one keeper goes on
    /// from that of the one before, without what lay between them: an outage of ours costs nobody a seat.
    pub age: Span,
}
