//! What the store keeps of a room: images and records, as bytes.
//!
//! Source of truth is `proto/stored.proto`; the page about it is `docs/stored-formats.md`. In front stands one byte with
//! the version of the format, [`FORMAT`]. There are no checksums here: the store guards what it holds.

#[rustfmt::skip]
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
mod generated;
mod image;
mod record;
mod recover;

use bytes::{BufMut, Bytes, BytesMut};
use playon_types::ids::{ReleaseId, SecretHash};
use prost::Message;
use thiserror::Error;

pub use image::{decode_image, encode_image};
pub use record::{decode_record, encode_record};
pub use recover::{RecoverError, recover};

/// The version of the format that is written. All versions up to it are read.
pub const FORMAT: u8 = 1;

/// Why stored bytes cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoredError {
    /// They were written by a later build. They may be whole; this build must not touch them.
    #[error("PLY-0280 the format is version {found}, this build reads up to {}", FORMAT)]
    Newer {
        /// The version found.
        found: u8,
    },
    /// There are none, or they do not hold a message.
    #[error("PLY-0281 the bytes cannot be read: {0}")]
    Malformed(String),
    /// A field is missing or holds a value that has no meaning.
    #[error("PLY-0282 {field} is missing or has no meaning")]
    Field {
        /// Which one.
        field: &'static str,
    },
}

fn encode(message: &impl Message) -> Bytes {
    let mut out = BytesMut::with_capacity(1 + message.encoded_len());
    out.put_u8(FORMAT);
    // The buffer grows as needed, which is the only way in which encoding can fail.
    let _ = message.encode(&mut out);
    out.freeze()
}

fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, StoredError> {
    match bytes.split_first() {
        None => Err(StoredError::Malformed("there are none".to_owned())),
        Some((0, _)) => Err(StoredError::Malformed("version 0 never was".to_owned())),
        Some((&found, _)) if found > FORMAT => Err(StoredError::Newer { found }),
        Some((_, body)) => {
            M::decode(body).map_err(|error| StoredError::Malformed(error.to_string()))
        }
    }
}

fn release_id(bytes: &[u8]) -> Result<ReleaseId, StoredError> {
    bytes.try_into().map(ReleaseId).map_err(|_| StoredError::Field { field: "the release" })
}

fn secret_hash(bytes: &[u8]) -> Result<SecretHash, StoredError> {
    bytes
        .try_into()
        .map(SecretHash)
        .map_err(|_| StoredError::Field { field: "the hash of a secret" })
}
