//! A connection that notices when the other end has gone quiet, and that hears what was said before the other end hung up.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// The connection.
///
/// Reading fails with `TimedOut` once nothing has moved in either direction for the whole of its patience: a long upload
/// counts from the last byte that was taken, not from its beginning.
///
/// Whoever refuses an upload may answer and hang up while we write. Then there is an answer to be read, so writing that
/// fails is not what fails here: it waits, and reading ends it, with the answer or without.
#[derive(Debug)]
pub(super) struct Lively<S> {
    stream: S,
    patience: Duration,
    quiet: Pin<Box<Sleep>>,
    /// Why nothing can be written any more.
    hung_up: Option<io::Error>,
    /// Whether anything has been read.
    heard: bool,
}

impl<S> Lively<S> {
    /// Must be called in a runtime.
    pub(super) fn new(stream: S, patience: Duration) -> Self {
        let quiet = Box::pin(sleep(patience));
        Self { stream, patience, quiet, hung_up: None, heard: false }
    }

    fn alive(&mut self) {
        self.quiet.as_mut().reset(Instant::now() + self.patience);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lively<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(Ok(())) if buffer.filled().len() > before => {
                self.heard = true;
                self.alive();
                Poll::Ready(Ok(()))
            }
            // The end. Without a word it is what writing failed of.
            Poll::Ready(Ok(())) if !self.heard => {
                Poll::Ready(self.hung_up.take().map_or(Ok(()), Err))
            }
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => {
                ready!(self.quiet.as_mut().poll(context));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lively<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.hung_up.is_some() {
            // Nobody wakes this; whoever polls it reads as well, and that ends.
            return Poll::Pending;
        }
        match ready!(Pin::new(&mut self.stream).poll_write(context, bytes)) {
            Ok(count) => {
                self.alive();
                Poll::Ready(Ok(count))
            }
            Err(error) => {
                self.hung_up = Some(error);
                // What can be read now was there before, and nobody announces it.
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.hung_up {
            Some(_) => Poll::Pending,
            None => Pin::new(&mut self.stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn silence_is_counted_from_the_last_byte_in_either_direction() {
        let (near, mut far) = duplex(4);
        let mut near = Lively::new(near, PATIENCE);
        let began = Instant::now();
        for _ in 0..3 {
            tokio::time::advance(PATIENCE / 2).await;
            near.write_all(b"more").await.unwrap();
            far.read_exact(&mut [0; 4]).await.unwrap();
        }
        tokio::time::advance(PATIENCE / 2).await;
        far.write_all(b"yes").await.unwrap();
        near.read_exact(&mut [0; 3]).await.unwrap();
        let error = near.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), PATIENCE.as_secs() * 3);
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_that_takes_nothing_is_quiet_too() {
        let (near, _far) = duplex(4);
        let mut near = Lively::new(near, PATIENCE);
        // Nobody reads: the second piece waits for ever.
        near.write_all(b"some").await.unwrap();
        let both = poll_fn(|context| {
            let written = Pin::new(&mut near).poll_write(context, b"more");
            assert!(written.is_pending());
            Pin::new(&mut near).poll_read(context, &mut ReadBuf::new(&mut [0; 4]))
        });
        assert_eq!(both.await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn an_answer_is_heard_after_writing_has_failed() {
        for (said, heard) in [(&b"no"[..], Ok(2)), (&b""[..], Err(io::ErrorKind::BrokenPipe))] {
            let (near, mut far) = duplex(4);
            let mut near = Lively::new(near, PATIENCE);
            far.write_all(said).await.unwrap();
            drop(far);
            let write = poll_fn(|context| {
                assert!(Pin::new(&mut near).poll_write(context, b"more").is_pending());
                Poll::Ready(())
            });
            write.await;
            let read = near.read(&mut [0; 4]).await;
            assert_eq!(read.map_err(|error| error.kind()), heard);
        }
    }
}
