//! Frames on a stream of bytes: a length of 4 bytes, highest first, and the batch.

use std::io::{ErrorKind, Read, Write};

use bytes::{Buf, Bytes, BytesMut};

use super::{
    AttachError, Down, FRAME_BYTES_MAX, Up, decode_down, decode_up, encode_down, encode_up,
};

/// Bytes of the length in front of each frame.
pub(super) const LENGTH_BYTES: usize = 4;

/// What is allocated for a frame before its bytes have arrived.
const ADVANCE_BYTES: usize = 256 << 10;

/// Takes frames out of bytes that arrive in pieces of any size.
///
/// It holds the bytes of at most one unfinished frame and of what was pushed after it, provided that
/// [`FrameDecoder::next_frame`] is called until it has nothing more after every push.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    held: BytesMut,
}

impl FrameDecoder {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// Where bytes can be read into directly instead of being pushed; only append to it.
    pub const fn buffer(&mut self) -> &mut BytesMut {
        &mut self.held
    }

    /// The next whole frame without its length, or nothing until more bytes come.
    ///
    /// # Errors
    /// When the frame is announced to be longer than [`FRAME_BYTES_MAX`].
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, AttachError> {
        let Some(length) = self.held.first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = check_length(*length)?;
        let whole = LENGTH_BYTES + length;
        if self.held.len() < whole {
            // Room for the frame is made as it arrives, so that a length alone reserves little.
            self.held.reserve(ADVANCE_BYTES.min(whole - self.held.len()));
            return Ok(None);
        }
        self.held.advance(LENGTH_BYTES);
        Ok(Some(self.held.split_to(length).freeze()))
    }

    /// Whether no part of a frame is held: the stream may end here.
    pub fn is_between_frames(&self) -> bool {
        self.held.is_empty()
    }
}

fn check_length(bytes: [u8; LENGTH_BYTES]) -> Result<usize, AttachError> {
    match u32::from_be_bytes(bytes) as usize {
        bytes if bytes > FRAME_BYTES_MAX => Err(AttachError::Frame { bytes, max: FRAME_BYTES_MAX }),
        length => Ok(length),
    }
}

/// Reads one frame without its length and waits for it; nothing when the stream ends before it.
///
/// # Errors
/// When the frame is too long, the stream ends within it or cannot be read.
pub fn read_frame(reader: &mut impl Read) -> Result<Option<Bytes>, AttachError> {
    let mut length = [0; LENGTH_BYTES];
    if !read_length(reader, &mut length)? {
        return Ok(None);
    }
    let length = check_length(length)?;
    let mut frame = Vec::with_capacity(length.min(ADVANCE_BYTES));
    reader.by_ref().take(length as u64).read_to_end(&mut frame)?;
    if frame.len() < length {
        return Err(AttachError::Cut);
    }
    Ok(Some(frame.into()))
}

/// Fills `length`; false when the stream ends before its first byte.
fn read_length(reader: &mut impl Read, length: &mut [u8]) -> Result<bool, AttachError> {
    let mut filled = 0;
    while filled < length.len() {
        match reader.read(&mut length[filled..]) {
            Ok(0) if filled == 0 => return Ok(false),
            Ok(0) => return Err(AttachError::Cut),
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// Writes one frame with its length. It is not flushed.
///
/// # Errors
/// When the frame is too long or the stream cannot be written.
pub fn write_frame(writer: &mut impl Write, frame: &[u8]) -> Result<(), AttachError> {
    let length = match u32::try_from(frame.len()) {
        Ok(length) if frame.len() <= FRAME_BYTES_MAX => length,
        _ => {
            return Err(AttachError::Frame { bytes: frame.len(), max: FRAME_BYTES_MAX });
        }
    };
    writer.write_all(&length.to_be_bytes())?;
    writer.write_all(frame)?;
    Ok(())
}

/// Reads the keeper's next batch and waits for it; nothing when the link ends before it.
///
/// # Errors
/// As [`read_frame`] and [`decode_down`].
pub fn read_down(reader: &mut impl Read) -> Result<Option<Vec<Down>>, AttachError> {
    read_frame(reader)?.map(decode_down).transpose()
}

/// Reads the worker's next batch and waits for it; nothing when the link ends before it.
///
/// # Errors
/// As [`read_frame`] and [`decode_up`].
pub fn read_up(reader: &mut impl Read) -> Result<Option<Vec<Up>>, AttachError> {
    read_frame(reader)?.map(decode_up).transpose()
}

/// Writes the keeper's items in as many frames as they need. They are not flushed.
///
/// # Errors
/// As [`encode_down`], or when the stream cannot be written.
pub fn write_down(writer: &mut impl Write, items: &[Down]) -> Result<(), AttachError> {
    Ok(writer.write_all(&encode_down(items)?)?)
}

/// Writes the worker's items in as many frames as they need. They are not flushed.
///
/// # Errors
/// As [`encode_up`], or when the stream cannot be written.
pub fn write_up(writer: &mut impl Write, items: &[Up]) -> Result<(), AttachError> {
    Ok(writer.write_all(&encode_up(items)?)?)
}
