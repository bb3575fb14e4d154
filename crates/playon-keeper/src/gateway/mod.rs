//! The gateway: player sockets, and nothing that knows a game.
//!
//! A few threads, each with its own single-threaded runtime, share one listening socket. A connection begins
//! as HTTP, so that the same port serves the release's page; `GET /play` turns it into a player's WebSocket,
//! which one task then owns to its end.
//!
//! Towards the owner there is one narrow door: [`OwnerLink`] takes messages and never waits, and batches come
//! back over a [`GatewayLink`], which a dispatcher sorts into the outboxes of the sockets. No socket
//! can hold up another: whatever a slow one does not take is merged, replaced or dropped at a bound, and what
//! was dropped is asked for again.

mod accept;
mod assets;
mod close;
mod config;
mod conn;
mod hello;
mod http;
mod labels;
mod local;
mod mailbox;
mod outbox;
mod owner;
mod pace;
mod stats;
mod threads;
mod unacked;
mod views;

pub use assets::{Asset, Assets, SITE_BYTES_MAX, SITE_FILES_MAX, Site, SiteError};
pub use config::{GatewayConfig, Origins, OutboxConfig, RateConfig};
pub use hello::named_room;
pub use http::{Extra, Reply, ReplyBody};
pub use labels::Labels;
pub use local::GatewayParts;
pub use owner::{GatewayLink, INBOX_BATCHES_MAX, Inboxes, NotTaken, OwnerLink, inboxes, shard_of};
pub use stats::{GatewayStats, HelloRefusal, StatsCount};
pub use threads::Gateway;
