//! What a player's socket brings, looked at before anything is gathered of it.
//!
//! The library below gathers a message until it is whole. So the heads of its frames are read here as they come: a message in
//! pieces is refused at its first piece, a first message that is too long at its head, and bytes count when they are read
//! and not when somebody has decided to finish a message.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use playon_types::gate::Close;
use playon_types::reason;
use playon_types::reason::Reason;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::gateway::unacked::SocketDiag;

/// Bytes of the first message of a socket, which nobody has vouched for yet.
pub(super) const FIRST_MESSAGE_BYTES_MAX: u64 = 8 << 10;

/// Bytes of the longest head of a frame.
const HEAD_BYTES_MAX: usize = 14;

/// What is refused before it is gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwanted {
    /// A message in pieces.
    Pieces,
    /// A first message of so many bytes.
    LongFirst(u64),
}

impl Unwanted {
    pub(super) const fn close(self) -> Close {
        match self {
            Self::Pieces => Close::BadFrame,
            Self::LongFirst(_) => Close::TooLarge,
        }
    }

    pub(super) fn reason(self) -> Reason {
        match self {
            Self::Pieces => reason!("PLY-0167 a message must come in one piece"),
            Self::LongFirst(bytes) => {
                reason!("PLY-0168 the first message has {bytes} of {FIRST_MESSAGE_BYTES_MAX} bytes")
            }
        }
    }
}

impl fmt::Display for Unwanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason().fmt(f)
    }
}

impl std::error::Error for Unwanted {}

/// A socket that is watched.
#[derive(Debug)]
pub(super) struct WatchedSocket {
    stream: TcpStream,
    /// What came together with the request that asked for the upgrade.
    begun: Bytes,
    heads: Heads,
    read: usize,
    /// Bytes that the kernel has taken, since the upgrade.
    written: u64,
}

impl WatchedSocket {
    pub(super) fn new(stream: TcpStream, begun: Bytes) -> Self {
        Self { stream, begun, heads: Heads::default(), read: 0, written: 0 }
    }

    /// The socket itself.
    pub(super) fn into_inner(self) -> TcpStream {
        self.stream
    }

    /// Bytes that the kernel has taken.
    pub(super) const fn written(&self) -> u64 {
        self.written
    }

    /// Bytes that the other side has taken, or where that cannot be known the kernel.
    pub(super) fn taken(&self, kernel: &SocketDiag) -> u64 {
        self.written.saturating_sub(kernel.unacked(&self.stream).unwrap_or(0))
    }

    fn count(&mut self, wrote: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = &wrote {
            self.written += *count as u64;
        }
        wrote
    }

    /// Bytes read since it was asked last.
    pub(super) fn take_read(&mut self) -> usize {
        std::mem::take(&mut self.read)
    }
}

/// Follows the frames of a stream (RFC 6455, 5.2).
#[derive(Debug, Default)]
struct Heads {
    head: [u8; HEAD_BYTES_MAX],
    filled: usize,
    /// Bytes of the frame under way that are still to come.
    payload: u64,
    /// The first message has begun.
    begun: bool,
}

impl Heads {
    fn see(&mut self, mut bytes: &[u8]) -> Result<(), Unwanted> {
        while !bytes.is_empty() {
            if self.payload > 0 {
                let skip = usize::try_from(self.payload).unwrap_or(usize::MAX).min(bytes.len());
                self.payload -= skip as u64;
                bytes = &bytes[skip..];
                continue;
            }
            self.head[self.filled] = bytes[0];
            self.filled += 1;
            bytes = &bytes[1..];
            if self.filled >= 2 && self.filled == head_bytes(self.head[1]) {
                self.filled = 0;
                self.judge()?;
            }
        }
        Ok(())
    }

    fn judge(&mut self) -> Result<(), Unwanted> {
        const CONTINUATION: u8 = 0;
        const CONTROL: u8 = 8;
        let (last, kind) = (self.head[0] & 0x80 != 0, self.head[0] & 0x0f);
        if !last || kind == CONTINUATION {
            return Err(Unwanted::Pieces);
        }
        self.payload = payload_bytes(&self.head);
        let first = kind < CONTROL && !std::mem::replace(&mut self.begun, true);
        match self.payload {
            bytes if first && bytes > FIRST_MESSAGE_BYTES_MAX => Err(Unwanted::LongFirst(bytes)),
            _ => Ok(()),
        }
    }
}

/// Bytes of a head whose second byte is this.
const fn head_bytes(second: u8) -> usize {
    let length = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    2 + length + mask
}

fn payload_bytes(head: &[u8; HEAD_BYTES_MAX]) -> u64 {
    let number = |count: usize| head[2..2 + count].iter().fold(0, |n, b| n << 8 | u64::from(*b));
    match head[1] & 0x7f {
        126 => number(2),
        127 => number(8),
        short => short.into(),
    }
}

impl AsyncRead for WatchedSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        if this.begun.is_empty() {
            std::task::ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        } else {
            let count = this.begun.len().min(buffer.remaining());
            buffer.put_slice(&this.begun.split_to(count));
        }
        let new = &buffer.filled()[before..];
        this.read += new.len();
        Poll::Ready(this.heads.see(new).map_err(io::Error::other))
    }
}

impl AsyncWrite for WatchedSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.count(wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.count(wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, bytes: usize) -> Vec<u8> {
        let mut frame = vec![first];
        match bytes {
            0..126 => frame.push(0x80 | u8::try_from(bytes).unwrap()),
            126..65_536 => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(bytes).unwrap().to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 127);
                frame.extend((bytes as u64).to_be_bytes());
            }
        }
        frame.extend([1, 2, 3, 4]);
        frame.resize(frame.len() + bytes, 7);
        frame
    }

    /// The same, however the stream is cut.
    fn see(stream: &[u8]) -> Result<(), Unwanted> {
        let by = |size: usize| {
            let mut heads = Heads::default();
            stream.chunks(size).try_for_each(|piece| heads.see(piece))
        };
        let seen = by(1);
        for size in [2, 3, 7, 4_096, usize::MAX] {
            assert_eq!(by(size), seen, "in pieces of {size}");
        }
        seen
    }

    #[test]
    fn whole_messages_and_pings_between_them_pass() {
        let sizes = [0, 125, 126, 8 << 10, 0, 65_535, 65_536, 70_000];
        let stream: Vec<u8> =
            sizes.iter().flat_map(|size| [frame(0x82, *size), frame(0x89, 3)].concat()).collect();
        assert_eq!(see(&stream), Ok(()));
    }

    #[test]
    fn a_long_first_message_is_refused_at_its_head_and_a_ping_is_no_message() {
        let mut stream = [frame(0x89, 100), frame(0x82, 8_193)].concat();
        stream.truncate(stream.len() - 8_193);
        assert_eq!(see(&stream), Err(Unwanted::LongFirst(8_193)));
    }

    #[test]
    fn pieces_are_refused_at_the_first_of_them() {
        let hello = frame(0x82, 100);
        for piece in [0x02, 0x00, 0x80, 0x09] {
            let stream = [&hello[..], &frame(piece, 10)[..6]].concat();
            assert_eq!(see(&stream), Err(Unwanted::Pieces), "{piece:#x}");
        }
    }
}
