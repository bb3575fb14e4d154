//! A WebSocket client that costs as little as it can, so that a load says more about the server than about itself.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Bytes of the largest message taken.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// An open socket.
#[derive(Debug)]
pub(crate) struct Ws {
    stream: TcpStream,
    unread: BytesMut,
    frame: Vec<u8>,
}

impl Ws {
    /// Connects and upgrades.
    pub(crate) async fn connect(address: SocketAddr, path: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("connecting")?;
        stream.set_nodelay(true)?;
        let mut ws = Self { stream, unread: BytesMut::new(), frame: Vec::new() };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: cGxheW9uLWJlbmNoLWtleQ==\r\n\r\n"
        );
        ws.stream.write_all(request.as_bytes()).await?;
        let end = loop {
            if let Some(at) = ws.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            ws.read().await?;
        };
        let head = ws.unread.split_to(end);
        if !head.starts_with(b"HTTP/1.1 101") {
            bail!("no upgrade: {}", String::from_utf8_lossy(&head).lines().next().unwrap_or(""));
        }
        Ok(ws)
    }

    /// Sends one binary message.
    pub(crate) async fn send(&mut self, message: &[u8]) -> anyhow::Result<()> {
        self.write(BINARY, message).await
    }

    /// The next binary message.
    pub(crate) async fn recv(&mut self) -> anyhow::Result<Bytes> {
        loop {
            let Some((kind, payload)) = self.frame()? else {
                self.read().await?;
                continue;
            };
            match kind {
                BINARY => return Ok(payload),
                PING => self.write(PONG, &payload).await?,
                PONG => {}
                CLOSE => bail!("closed by the server: {}", close_text(&payload)),
                _ => bail!("a frame of kind {kind}"),
            }
        }
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        self.unread.reserve(1 << 10);
        if self.stream.read_buf(&mut self.unread).await? == 0 {
            bail!("cut off");
        }
        Ok(())
    }

    /// A client must mask; with a key of zeros the masked bytes are the bytes, and the server's work is the same.
    async fn write(&mut self, kind: u8, payload: &[u8]) -> anyhow::Result<()> {
        self.frame.clear();
        self.frame.push(FIN | kind);
        match u8::try_from(payload.len()) {
            Ok(len @ 0..126) => self.frame.push(MASKED | len),
            _ => {
                let len = u16::try_from(payload.len()).context("a message over 64 KiB")?;
                self.frame.push(MASKED | 126);
                self.frame.extend(len.to_be_bytes());
            }
        }
        self.frame.extend([0; 4]);
        self.frame.extend(payload);
        Ok(self.stream.write_all(&self.frame).await?)
    }

    /// The next whole frame of what was read.
    fn frame(&mut self) -> anyhow::Result<Option<(u8, Bytes)>> {
        let [first, second, ..] = self.unread[..] else { return Ok(None) };
        if first & FIN == 0 || second & MASKED != 0 {
            bail!("a frame in pieces, or masked by a server");
        }
        let (head, len) = match (second, &self.unread[2..]) {
            (126, [a, b, ..]) => (4, usize::from(u16::from_be_bytes([*a, *b]))),
            (127, [_, _, _, _, a, b, c, d, ..]) => {
                (10, u32::from_be_bytes([*a, *b, *c, *d]) as usize)
            }
            (126.., _) => return Ok(None),
            (len, _) => (2, usize::from(len)),
        };
        if len > MESSAGE_BYTES_MAX {
            bail!("a message of {len} bytes");
        }
        if self.unread.len() < head + len {
            return Ok(None);
        }
        self.unread.advance(head);
        Ok(Some((first & 0x0f, self.unread.split_to(len).freeze())))
    }
}

fn close_text(payload: &[u8]) -> String {
    match payload {
        [a, b, text @ ..] => {
            format!("{} {}", u16::from_be_bytes([*a, *b]), String::from_utf8_lossy(text))
        }
        _ => "without a code".to_owned(),
    }
}
