//! A file as the body of a request, read as it is sent.

use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// Bytes read at once.
const CHUNK: usize = 256 << 10;

/// The body, with somebody who is told how far it is.
pub(super) struct FileBody<F> {
    file: File,
    left: u64,
    progress: F,
}

impl<F: FnMut(u64) + Unpin> FileBody<F> {
    pub(super) const fn new(file: File, length: u64, progress: F) -> Self {
        Self { file, left: length, progress }
    }
}

impl<F: FnMut(u64) + Unpin> Body for FileBody<F> {
    type Data = Bytes;
    type Error = io::Error;

    /// Reads from the disk on the spot: nothing else runs beside an upload.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut chunk = vec![0; CHUNK.min(usize::try_from(self.left).unwrap_or(CHUNK))];
        Poll::Ready(Some(match self.file.read(&mut chunk) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                chunk.truncate(count);
                self.left -= count as u64;
                (self.progress)(count as u64);
                Ok(Frame::data(chunk.into()))
            }
            Err(error) => Err(error),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
