//! A player's socket without a client: frames as a test wants them.

use std::sync::atomic::AtomicU64;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, Stream};
use playon_drill::game::Input;
use playon_types::ids::{Generation, History, RoomId};
use playon_wire::player::{
    ClientFrame, ClientHello, PLAYER_PROTOCOL, ServerFrame, ServerWelcome, decode_server,
};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::rig::{PATIENCE, Rig};

/// A player's socket.
pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// The hello of a new player of the drill game.
pub(crate) fn hello(name: &str) -> ClientHello {
    ClientHello {
        protocol: PLAYER_PROTOCOL,
        watch: false,
        whole: false,
        deltas: false,
        token: None,
        room: None,
        kind: "drill-20".into(),
        name: name.into(),
        profile: Bytes::from_static(b"{}"),
        params: Bytes::new(),
        history: History(0),
        generation: Generation(1),
        recv: 0,
        lo: 1,
    }
}

/// The hello with which the session of that welcome is taken up again.
pub(crate) fn again(welcome: &ServerWelcome, room: RoomId, generation: u64) -> ClientHello {
    ClientHello {
        token: welcome.token,
        room: Some(room),
        history: welcome.history,
        generation: Generation(generation),
        ..hello("")
    }
}

pub(crate) fn input(seq: u64) -> ClientFrame {
    let payload = serde_json::to_vec(&Input { n: seq, word: seq }).unwrap();
    ClientFrame::Input { seq, recv: 0, payload: payload.into() }
}

pub(crate) fn encoded(frames: impl IntoIterator<Item = ClientFrame>) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    frames.into_iter().for_each(|frame| frame.encode(&mut bytes));
    bytes.to_vec()
}

impl Socket {
    pub(crate) async fn open(rig: &Rig) -> Self {
        Self(timeout(PATIENCE, connect_async(rig.url())).await.unwrap().unwrap().0)
    }

    /// A socket that has said that hello and been let in.
    pub(crate) async fn seated(rig: &Rig, hello: ClientHello) -> (Self, ServerWelcome) {
        let mut socket = Self::open(rig).await;
        socket.send([ClientFrame::Hello(Box::new(hello))]).await;
        let message = socket.message().await;
        let Message::Binary(bytes) = message else { panic!("{message:?} instead of a welcome") };
        let first = decode_server(bytes).unwrap().into_iter().next();
        let Some(ServerFrame::Welcome(welcome)) = first else { panic!("{first:?}") };
        (socket, *welcome)
    }

    /// Says hello.
    pub(crate) async fn greet(&mut self, hello: ClientHello) {
        self.send([ClientFrame::Hello(Box::new(hello))]).await;
    }

    /// Waits to be let in, and answers when it is asked meanwhile.
    pub(crate) async fn welcomed(&mut self) {
        loop {
            let message = self.message().await;
            let Message::Binary(bytes) = message else { panic!("{message:?}, and no welcome") };
            for frame in decode_server(bytes).unwrap() {
                match frame {
                    ServerFrame::Welcome(_) => return,
                    ServerFrame::Ping { nonce } => self.send([ClientFrame::Pong { nonce }]).await,
                    other => panic!("{other:?} before a welcome"),
                }
            }
        }
    }

    /// Answers pings and counts them, and says nothing else; gives the code with which it is closed.
    pub(crate) async fn answer_until_closed(mut self, answered: &AtomicU64) -> u16 {
        self.send([ClientFrame::Ack { recv: 0 }]).await;
        loop {
            let bytes = match self.message().await {
                Message::Binary(bytes) => bytes,
                Message::Close(frame) => return frame.map_or(0, |frame| frame.code.into()),
                other => panic!("{other:?}"),
            };
            for frame in decode_server(bytes).unwrap() {
                if let ServerFrame::Ping { nonce } = frame {
                    self.send([ClientFrame::Pong { nonce }]).await;
                    answered.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            }
        }
    }

    pub(crate) async fn send(&mut self, frames: impl IntoIterator<Item = ClientFrame>) {
        self.send_raw(Message::Binary(encoded(frames).into())).await;
    }

    /// The keeper may have hung up already.
    pub(crate) async fn send_raw(&mut self, message: Message) {
        let _ = self.0.send(message).await;
    }

    async fn message(&mut self) -> Message {
        let next = std::future::poll_fn(|cx| std::pin::Pin::new(&mut self.0).poll_next(cx));
        timeout(PATIENCE, next).await.expect("the keeper says nothing").unwrap().unwrap()
    }

    /// Closes and waits until the keeper has hung up, and knows that the socket is gone.
    pub(crate) async fn hang_up(mut self) {
        self.send_raw(Message::Close(None)).await;
        while let Ok(Some(Ok(_))) =
            timeout(PATIENCE, futures_util::StreamExt::next(&mut self.0)).await
        {}
    }

    /// Waits for inputs up to that one to be applied.
    pub(crate) async fn applied(&mut self, wanted: u64) {
        loop {
            let Message::Binary(bytes) = self.message().await else { panic!("no frames") };
            let done = |frame: &ServerFrame| matches!(frame, ServerFrame::Ack { applied } if *applied >= wanted);
            if decode_server(bytes).unwrap().iter().any(done) {
                return;
            }
        }
    }

    /// Reads to the end: the close code and the code that the reason begins with.
    pub(crate) async fn ended(&mut self) -> (u16, String) {
        let (code, reason) = self.ended_with().await;
        (code, reason.chars().take(8).collect())
    }

    /// Reads to the end: the close code and the whole reason.
    pub(crate) async fn ended_with(&mut self) -> (u16, String) {
        loop {
            if let Message::Close(frame) = self.message().await {
                let CloseFrame { code, reason } = frame.expect("a close without a code");
                return (code.into(), reason.to_string());
            }
        }
    }
}
