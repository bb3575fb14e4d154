//! How a connection ends whose other side may still be writing.
//!
//! Closing a socket in which something is left unread resets the connection, and the reset overtakes the answer: whoever is
//! still writing is told that the connection broke, and not why it was refused.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1::{Connection, Parts};
use hyper::service::HttpService;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long what is left of a request is read that was answered before all of it had come.
const LINGER_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes read at once. What they are is of no interest.
const READ_BYTES: usize = 2 << 10;

/// Serves requests until the last answer is written, or an upgrade is granted. Gives the socket back, which is to be lingered
/// over unless it goes on as something else.
pub(crate) async fn served<S, B>(
    mut connection: Connection<TokioIo<TcpStream>, S>,
) -> Parts<TokioIo<TcpStream>, S>
where
    S: HttpService<Incoming, ResBody = B> + Unpin,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::Future: Unpin,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // A request that makes no sense is an error as well, and was answered.
    if let Err(error) = poll_fn(|cx| connection.poll_without_shutdown(cx)).await {
        tracing::debug!(%error, "a connection was not served to its end");
    }
    connection.into_parts()
}

/// Ends a connection on which the last answer is written: says so, and reads on for a while, at most that many bytes, so that
/// the other side finds the answer. Whoever sends more than that without a look at it may not get it.
pub(crate) async fn linger(mut stream: TcpStream, bytes_max: u64) {
    let read = async {
        stream.shutdown().await?;
        let (mut left, mut rest) = (bytes_max, [0; READ_BYTES]);
        while left > 0 {
            stream.readable().await?;
            match stream.try_read(&mut rest) {
                Ok(0) => break,
                Ok(count) => left = left.saturating_sub(count as u64),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        io::Result::Ok(())
    };
    // However it ends, nothing more can be done for the other side.
    let _ = timeout(LINGER_TIMEOUT, read).await;
}
