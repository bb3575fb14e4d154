//! Why the attach protocol cannot go on.

use std::io;

use thiserror::Error;

/// Why the attach protocol cannot go on. After any of them the link is of no further use, except when something that was to
/// be sent is too large.
#[derive(Debug, Error)]
pub enum AttachError {
    /// A frame announces more bytes than [`super::FRAME_BYTES_MAX`], or one item alone would need them.
    #[error("PLY-0480 a frame of {bytes} bytes, {max} are allowed")]
    Frame {
        /// How many.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The stream ends within a frame.
    #[error("PLY-0481 the stream ends within a frame")]
    Cut,
    /// A batch has more items than [`super::BATCH_ITEMS_MAX`], or more entries in their lists than
    /// [`super::FRAME_ENTRIES_MAX`], or one item alone has.
    #[error("PLY-0482 a batch has more than {max} {what}")]
    Items {
        /// Of what.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// The bytes are not a batch.
    #[error("PLY-0483 a batch cannot be read: {0}")]
    Protobuf(String),
    /// A field is missing or holds a value that has no meaning.
    #[error("PLY-0484 {field} is missing or has no meaning")]
    Field {
        /// Which one.
        field: &'static str,
    },
    /// The hello brings more of something than is allowed.
    #[error("PLY-0485 the worker brings {found} {what}, {max} are allowed")]
    Hello {
        /// Of what.
        what: &'static str,
        /// How much.
        found: usize,
        /// The limit.
        max: usize,
    },
    /// The worker says that it has worked off more than it was sent.
    #[error("PLY-0486 the worker returns more credit than it was sent")]
    Credit,
    /// The operating system reports an error.
    #[error("PLY-0487 the link failed: {0}")]
    Io(#[from] io::Error),
}

impl AttachError {
    /// Whether something that was to be sent fits into no frame. Nothing of it has been sent then, and the link goes on.
    pub const fn is_too_large(&self) -> bool {
        matches!(self, Self::Frame { .. } | Self::Items { .. })
    }
}
