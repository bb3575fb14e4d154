//! A gateway, an owner played by the test, and clients.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, Stream};
use playon_core::lobby::Lobby;
pub(crate) use playon_gate_kit::welcome;
use playon_keeper::gateway::{
    Assets, Extra, Gateway, GatewayConfig, GatewayLink, GatewayParts, GatewayStats, Labels,
    NotTaken, OwnerLink, inboxes,
};
use playon_keeper::process::alarm::Alarms;
use playon_keeper::time::clock::Clock;
use playon_types::gate::{Close, Hello, Mode, Push, ToGateway, ToOwner};
use playon_types::ids::{ConnId, Generation, History, RoomId};
use playon_types::reason::Reason;
use playon_wire::player::{
    ClientFrame, ClientHello, PLAYER_PROTOCOL, ServerFrame, ServerWelcome, decode_server,
};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, WebSocketConfig};
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Error as WsError};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// No test may take longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Runs a test under its deadline.
pub(crate) async fn check(test: impl Future<Output = ()>) {
    timeout(DEADLINE, test).await.expect("the test took too long");
}

/// Waits for what the gateway only counts and does not say.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(2));
    while !holds() {
        looks.tick().await;
    }
}

/// An owner that looks at nothing before it is woken.
struct Link {
    sender: mpsc::UnboundedSender<(u16, ToOwner)>,
    waiting: Mutex<Vec<(u16, ToOwner)>>,
    full: Arc<AtomicBool>,
    shards: u16,
}

impl OwnerLink for Link {
    fn shards(&self) -> u16 {
        self.shards
    }

    fn send(&self, shard: u16, message: ToOwner) -> Result<(), NotTaken> {
        if self.full.load(Ordering::Relaxed) {
            return Err(NotTaken);
        }
        self.waiting.lock().unwrap().push((shard, message));
        Ok(())
    }

    fn wake(&self, shard: u16) {
        for (of, message) in self.waiting.lock().unwrap().extract_if(.., |(of, _)| *of == shard) {
            // A test that does not listen any more has seen enough.
            let _ = self.sender.send((of, message));
        }
    }
}

/// A gateway whose owner is the test.
pub(crate) struct World {
    pub(crate) gateway: Option<Gateway>,
    pub(crate) stats: Arc<GatewayStats>,
    pub(crate) lobby: Arc<Mutex<Lobby>>,
    pub(crate) assets: Assets,
    pub(crate) labels: Labels,
    pub(crate) full: Arc<AtomicBool>,
    pub(crate) link: GatewayLink,
    owner: mpsc::UnboundedReceiver<(u16, ToOwner)>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut GatewayConfig)) -> Self {
        Self::with_extra(change, None)
    }

    pub(crate) fn with_extra(
        change: impl FnOnce(&mut GatewayConfig),
        extra: Option<Extra>,
    ) -> Self {
        Self::with_shards(3, change, extra)
    }

    pub(crate) fn with_shards(
        shards: u16,
        change: impl FnOnce(&mut GatewayConfig),
        extra: Option<Extra>,
    ) -> Self {
        let mut config = GatewayConfig {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            threads: 2,
            ..GatewayConfig::default()
        };
        change(&mut config);
        let (sender, owner) = mpsc::unbounded_channel();
        let full = Arc::new(AtomicBool::new(false));
        let (link, inboxes) = inboxes(config.threads);
        let clock = Clock::new();
        let parts = GatewayParts {
            owner: Arc::new(Link { sender, waiting: Mutex::default(), full: full.clone(), shards }),
            lobby: Arc::default(),
            assets: Assets::default(),
            labels: Labels::default(),
            extra,
            stats: Arc::default(),
            clock,
            alarms: Alarms::new(clock),
        };
        let (stats, lobby) = (parts.stats.clone(), parts.lobby.clone());
        let (assets, labels) = (parts.assets.clone(), parts.labels.clone());
        let gateway = Gateway::listen(config, parts, inboxes).unwrap();
        Self { gateway: Some(gateway), stats, lobby, assets, labels, full, link, owner }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.gateway.as_ref().unwrap().local_addr()
    }

    /// The next thing the owner is told.
    pub(crate) async fn told(&mut self) -> ToOwner {
        self.told_to().await.1
    }

    /// The same, with the shard it is told to.
    pub(crate) async fn told_to(&mut self) -> (u16, ToOwner) {
        self.owner.recv().await.expect("the gateway lives")
    }

    pub(crate) async fn told_hello(&mut self) -> Hello {
        match self.told().await {
            ToOwner::Hello(hello) => hello,
            other => panic!("a message of {} instead of a hello", other.conn()),
        }
    }

    /// What was told and not looked at.
    pub(crate) fn left(&mut self) -> Vec<ToOwner> {
        std::iter::from_fn(|| self.owner.try_recv().ok()).map(|(_, told)| told).collect()
    }

    /// Whether nothing more was told.
    pub(crate) fn quiet(&mut self) -> bool {
        self.owner.try_recv().is_err()
    }

    pub(crate) async fn send(&self, message: ToGateway) {
        self.link.send(GatewayLink::thread_of(message.conn()), vec![message]).await;
    }

    pub(crate) async fn push(&self, conn: ConnId, push: Push) {
        self.send(ToGateway::Push { conn, push }).await;
    }

    pub(crate) async fn close(&self, conn: ConnId, why: Close, detail: &str) {
        self.send(ToGateway::Close { conn, why, detail: Reason::read(detail) }).await;
    }

    /// A client with a seat, and its socket's number.
    pub(crate) async fn seated(&mut self) -> (Client, ConnId) {
        self.seated_with(0).await
    }

    /// The same, with a receive buffer of that many bytes unless 0.
    pub(crate) async fn seated_with(&mut self, buffer: u32) -> (Client, ConnId) {
        let mut client = Client::connect_with(self.address(), None, buffer).await.unwrap();
        client.send(hello("room")).await;
        let asked = self.told_hello().await;
        self.send(welcome(&asked, Mode::New)).await;
        client.welcome().await;
        (client, asked.conn)
    }
}

/// A HELLO of a new player.
pub(crate) fn hello(name: &str) -> ClientFrame {
    ClientFrame::Hello(Box::new(client_hello(name)))
}

pub(crate) fn client_hello(name: &str) -> ClientHello {
    ClientHello {
        protocol: PLAYER_PROTOCOL,
        watch: false,
        whole: false,
        deltas: false,
        token: None,
        room: None,
        kind: "duel".into(),
        name: name.into(),
        profile: Bytes::from_static(b"{\"nick\":\"ann\"}"),
        params: Bytes::new(),
        history: History(0),
        generation: Generation(1),
        recv: 0,
        lo: 1,
    }
}

pub(crate) fn events(seqs: impl IntoIterator<Item = u64>, bytes: usize) -> Push {
    Push {
        events: seqs.into_iter().map(|seq| (seq, vec![b'e'; bytes].into())).collect(),
        ..Push::default()
    }
}

pub(crate) fn view(as_of: u64, bytes: usize) -> Push {
    Push { view: Some((as_of, vec![b'v'; bytes].into())), ..Push::default() }
}

/// A player.
pub(crate) struct Client {
    pub(crate) ws: WebSocketStream<TcpStream>,
    frames: std::collections::VecDeque<ServerFrame>,
}

/// What a client hears at the end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) code: u16,
    pub(crate) text: String,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::connect_with(address, None, 0).await.unwrap()
    }

    /// With an origin, and with a receive buffer of that many bytes unless 0.
    pub(crate) async fn connect_with(
        address: SocketAddr,
        origin: Option<&str>,
        buffer: u32,
    ) -> Result<Self, WsError> {
        let socket = TcpSocket::new_v4()?;
        if buffer > 0 {
            socket.set_recv_buffer_size(buffer)?;
        }
        let stream = socket.connect(address).await?;
        let mut request =
            ClientRequestBuilder::new(format!("ws://{address}/play").parse().unwrap());
        if let Some(origin) = origin {
            request = request.with_header("Origin", origin);
        }
        // The default is 128 KiB, too much for a thousand clients.
        let small = WebSocketConfig::default().read_buffer_size(4 << 10).write_buffer_size(0);
        let (ws, _) = client_async_with_config(request, stream, Some(small)).await?;
        Ok(Self { ws, frames: Default::default() })
    }

    pub(crate) async fn send(&mut self, frame: ClientFrame) {
        self.send_all([frame]).await;
    }

    pub(crate) async fn send_all(&mut self, frames: impl IntoIterator<Item = ClientFrame>) {
        let mut bytes = BytesMut::new();
        frames.into_iter().for_each(|frame| frame.encode(&mut bytes));
        self.send_raw(Message::Binary(bytes.freeze())).await;
    }

    pub(crate) async fn send_raw(&mut self, message: Message) {
        self.ws.send(message).await.unwrap();
    }

    pub(crate) async fn message(&mut self) -> Option<Result<Message, WsError>> {
        std::future::poll_fn(|cx| std::pin::Pin::new(&mut self.ws).poll_next(cx)).await
    }

    /// The frames of the next message.
    pub(crate) async fn frames(&mut self) -> Vec<ServerFrame> {
        match self.message().await {
            Some(Ok(Message::Binary(bytes))) => decode_server(bytes).unwrap(),
            other => panic!("{other:?} instead of frames"),
        }
    }

    pub(crate) async fn frame(&mut self) -> ServerFrame {
        while self.frames.is_empty() {
            let frames = self.frames().await;
            self.frames.extend(frames);
        }
        self.frames.pop_front().unwrap()
    }

    pub(crate) async fn welcome(&mut self) -> ServerWelcome {
        match self.frame().await {
            ServerFrame::Welcome(welcome) => *welcome,
            other => panic!("{other:?} instead of a welcome"),
        }
    }

    /// Reads to the end and says how it came.
    pub(crate) async fn ended(&mut self) -> Ended {
        loop {
            match self.message().await {
                Some(Ok(Message::Close(Some(CloseFrame { code, reason })))) => {
                    return Ended { code: code.into(), text: reason.to_string() };
                }
                Some(Ok(_)) => {}
                other => panic!("{other:?} instead of a close frame"),
            }
        }
    }
}

/// Any room.
pub(crate) const ROOM: RoomId = RoomId([7; 16]);
