//! A player's WebSocket without a client behind it, for those who misbehave and those who only watch.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, Stream};
use playon_types::ids::{Generation, History};
use playon_wire::player::{ClientFrame, ClientHello, PLAYER_PROTOCOL};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// Bytes read at a time.
const READ_BYTES: usize = 4 << 10;

/// How a socket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SocketEnd {
    /// With a close code.
    Closed(u16),
    /// Without a word.
    Cut,
    /// Not within the time it should have.
    Open,
}

impl std::fmt::Display for SocketEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed(code) => write!(f, "{code}"),
            Self::Cut => f.write_str("cut"),
            Self::Open => f.write_str("still open"),
        }
    }
}

/// A WebSocket to the keeper.
pub(super) struct BotSocket(WebSocketStream<TcpStream>);

impl BotSocket {
    /// Opens one; with a receive buffer of that many bytes, if any are given.
    pub(super) async fn open(at: SocketAddr, receive_bytes: Option<u32>) -> anyhow::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        if let Some(bytes) = receive_bytes {
            socket.set_recv_buffer_size(bytes)?;
        }
        let stream = socket.connect(at).await?;
        let config = WebSocketConfig::default().read_buffer_size(READ_BYTES).write_buffer_size(0);
        let url = format!("ws://{at}/play");
        Ok(Self(client_async_with_config(url, stream, Some(config)).await?.0))
    }

    /// Says who it is and where it wants to go.
    pub(super) async fn hello(&mut self, kind: &str, name: &str) -> Result<(), SocketEnd> {
        let hello = ClientHello {
            protocol: PLAYER_PROTOCOL,
            watch: false,
            whole: false,
            deltas: false,
            token: None,
            room: None,
            kind: kind.to_owned(),
            name: name.to_owned(),
            profile: Bytes::from_static(br#"{"name":"stranger"}"#),
            params: Bytes::new(),
            history: History(0),
            generation: Generation(1),
            recv: 0,
            lo: 1,
        };
        self.send(&[ClientFrame::Hello(Box::new(hello))]).await
    }

    /// Sends frames as one message.
    pub(super) async fn send(&mut self, frames: &[ClientFrame]) -> Result<(), SocketEnd> {
        let mut bytes = BytesMut::new();
        frames.iter().for_each(|frame| frame.encode(&mut bytes));
        match self.0.send(Message::Binary(bytes.freeze())).await {
            Ok(()) => Ok(()),
            // What the other side said last may still be there to be read.
            Err(_) => Err(self.end().await),
        }
    }

    /// The next message of frames.
    pub(super) async fn next(&mut self) -> Result<Bytes, SocketEnd> {
        loop {
            let next =
                std::future::poll_fn(|cx| std::pin::Pin::new(&mut self.0).poll_next(cx)).await;
            match next {
                Some(Ok(Message::Binary(bytes))) => return Ok(bytes),
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Err(SocketEnd::Closed(frame.code.into()));
                }
                Some(Ok(Message::Close(None)) | Err(_)) | None => return Err(SocketEnd::Cut),
                Some(Ok(_)) => {}
            }
        }
    }

    /// Reads until the end.
    pub(super) async fn end(&mut self) -> SocketEnd {
        loop {
            if let Err(end) = self.next().await {
                return end;
            }
        }
    }
}
