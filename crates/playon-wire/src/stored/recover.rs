//! From stored bytes back to the room that was held.

use playon_types::ids::{Epoch, Seq};
use playon_types::image::{ApplyBounds, Image, Misfit, StateCodec};
use thiserror::Error;

use super::{StoredError, decode_image, decode_record};

/// Why a room cannot be recovered. No older state of it may be served instead.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RecoverError {
    /// The snapshot cannot be read.
    #[error("the snapshot: {0}")]
    Snapshot(#[source] StoredError),
    /// The state in the snapshot is not the one that was written.
    #[error("PLY-0283 the snapshot's state should hash to {told:016x}, it hashes to {found:016x}")]
    Hash {
        /// What the snapshot says.
        told: u64,
        /// What came out.
        found: u64,
    },
    /// A record cannot be read.
    #[error("the record after commit {after}: {source}")]
    Record {
        /// The last commit that could be applied.
        after: Seq,
        /// Why.
        source: StoredError,
    },
    /// A record does not fit what comes before it.
    #[error("PLY-0284 the record after commit {after} does not fit: {source}")]
    Misfit {
        /// The last commit that could be applied.
        after: Seq,
        /// Why.
        source: Misfit,
    },
}

/// Applies all later records to a snapshot, each with the epoch that wrote it.
///
/// # Errors
/// When anything cannot be read or does not fit. The room is damaged then.
pub fn recover<'a>(
    snapshot: &[u8],
    records: impl IntoIterator<Item = (Epoch, &'a [u8])>,
    codec: &impl StateCodec,
    bounds: &ApplyBounds,
) -> Result<Image, RecoverError> {
    let mut image = decode_image(snapshot).map_err(RecoverError::Snapshot)?;
    let found = codec.hash(&image.state);
    if found != image.hash {
        return Err(RecoverError::Hash { told: image.hash, found });
    }
    for (epoch, bytes) in records {
        let after = image.seq;
        let record =
            decode_record(bytes).map_err(|source| RecoverError::Record { after, source })?;
        let applied = image.apply(epoch, &record, codec, bounds);
        applied.map_err(|source| RecoverError::Misfit { after, source })?;
    }
    Ok(image)
}
