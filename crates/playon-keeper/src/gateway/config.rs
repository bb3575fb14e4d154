//! Every knob of the gateway, with its unit and what happens at the bound.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use playon_wire::player::PlayerLimits;

/// What the gateway is told at its start.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// Where players connect.
    pub address: SocketAddr,
    /// An open listening socket to use instead of `address`.
    pub listener: Option<Arc<TcpListener>>,
    /// Gateway threads, 1 to 256.
    pub threads: usize,
    /// Which pages may open a socket.
    pub origins: Origins,
    /// The bounds of what a client may send in one message.
    pub limits: PlayerLimits,
    /// Told to clients in WELCOME and enforced by the owner.
    pub inputs_pending_max: usize,
    /// Sockets of any kind. One more is closed at once with `503`. Fewer where the hard limit of open files is low: 1,024
    /// files, or half of them, are kept for all else (`PLY-0160`).
    pub sockets_max: usize,
    /// Player sockets. One more is refused with `503` and a time to retry.
    pub connections_max: usize,
    /// Player sockets admitted per second in the long run; more are refused with `503` and a time to retry.
    pub admit_per_second: u32,
    /// Player sockets admitted at once after a quiet time.
    pub admit_burst: u32,
    /// How fast one player may talk.
    pub rate: RateConfig,
    /// From the upgrade to HELLO. Later closes with `4008`.
    pub hello_timeout: Duration,
    /// Silence after which the client is pinged.
    pub ping_after: Duration,
    /// Silence after which the client is held to be gone: `4008`.
    pub idle_timeout: Duration,
    /// How long what was accepted before a close may take to be written, and the client's answer to arrive.
    pub close_timeout: Duration,
    /// From the connection to the end of the request's head, and between two requests of one connection.
    pub head_timeout: Duration,
    /// The longest life of a connection that is not a player's.
    pub http_lifetime: Duration,
    /// What may wait for one player.
    pub outbox: OutboxConfig,
    /// Bytes the kernel may hold for one socket. Small, so that a slow player gets recent views.
    pub send_buffer_bytes: usize,
}

/// Which pages may open a socket. Programs that are not pages send no origin and are always let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Pages served by the host that they connect to.
    SameHost,
    /// Pages with one of these origins, such as `https://play.example`.
    Listed(Vec<String>),
    /// Every page.
    Any,
}

/// How fast one player may talk. Clients are told and keep to it; more closes with `4010`, and the player comes back.
#[derive(Clone, Copy, Debug)]
pub struct RateConfig {
    /// Frames per second in the long run.
    pub frames_per_second: u32,
    /// Frames at once after a quiet time; a reconnect repeats up to `inputs_pending_max` inputs.
    pub frames_burst: u32,
    /// Bytes per second in the long run.
    pub bytes_per_second: u32,
    /// Bytes at once after a quiet time.
    pub bytes_burst: u32,
}

/// What may wait for one player whose socket does not take it. As much again may be in the message being written.
#[derive(Clone, Copy, Debug)]
pub struct OutboxConfig {
    /// Bytes of events. What exceeds it is dropped here and asked for again when all is written.
    pub events_bytes_max: usize,
    /// Bytes of unnumbered messages. The oldest are dropped.
    pub now_bytes_max: usize,
    /// Bytes of one event or view. A larger view is left out, a larger event is a fault of its room.
    pub payload_bytes_max: usize,
    /// Whether views are told to clients that take it by what differs from the one before. Without, each is written whole.
    pub view_deltas: bool,
    /// Bytes of views that all sockets together keep for that, each view once. One beyond it is not kept, so that the next one is written whole.
    pub view_bases_bytes_max: usize,
    /// How long a view waits for the events before it to be sent again; then it stands for them.
    pub view_grace: Duration,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 4000)),
            listener: None,
            threads: default_threads(),
            origins: Origins::SameHost,
            limits: PlayerLimits::default(),
            inputs_pending_max: 256,
            sockets_max: 11_000,
            connections_max: 10_000,
            admit_per_second: 500,
            admit_burst: 1_000,
            rate: RateConfig::default(),
            hello_timeout: Duration::from_secs(5),
            ping_after: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(12),
            close_timeout: Duration::from_secs(2),
            head_timeout: Duration::from_secs(5),
            http_lifetime: Duration::from_secs(300),
            outbox: OutboxConfig::default(),
            send_buffer_bytes: 128 << 10,
        }
    }
}

impl Default for RateConfig {
    fn default() -> Self {
        Self {
            // An input for each frame of the fastest screens, and change.
            frames_per_second: 300,
            frames_burst: 900,
            bytes_per_second: 64 << 10,
            bytes_burst: 256 << 10,
        }
    }
}

impl OutboxConfig {
    /// Bytes of the largest message that can come of it, with room for the answers to pings.
    pub(super) fn message_bytes_max(&self) -> usize {
        const OTHER_FRAMES: usize = 4 << 10;
        self.events_bytes_max.max(self.payload_bytes_max)
            + self.payload_bytes_max
            + self.now_bytes_max
            + OTHER_FRAMES
    }
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self {
            events_bytes_max: 64 << 10,
            now_bytes_max: 16 << 10,
            payload_bytes_max: 1 << 20,
            view_deltas: true,
            view_bases_bytes_max: 64 << 20,
            view_grace: Duration::from_millis(250),
        }
    }
}

/// Half the cores: the owner's shards need the others.
fn default_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores / 2).clamp(1, 256)
}
