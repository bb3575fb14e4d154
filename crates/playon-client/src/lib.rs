//! The Rust player client: bots, load, tests and native games.
//!
//! [`join`] opens a socket to a keeper and takes a seat in a room. From then on [`Room::send`] numbers inputs and
//! keeps them until they are applied and safe, and [`Room::next`] hands out what the room says. A lost socket is replaced
//! and the session goes on where it was; a deploy is not noticed at all.
//!
//! There is no task behind a room: sockets move while [`Room::next`] or [`Room::send`] is awaited, so
//! keep calling `next`, usually in a `tokio::select!` (it may be cancelled at any time).
//!
//! ```no_run
//! use playon_client::{JoinOptions, Update, join};
//!
//! # async fn play() -> Result<(), Box<dyn std::error::Error>> {
//! let options = JoinOptions::new("ws://127.0.0.1:4000/play", "arena").profile(&"ann")?;
//! let mut room = join::<u32, String, String>(options).await?;
//! room.send(&7).await?;
//! loop {
//!     match room.next().await {
//!         Update::View { view, .. } => println!("now: {view}"),
//!         Update::Event { event, .. } => println!("this happened: {event}"),
//!         Update::Ended(end) => break println!("over: {end}"),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The rules are in [`session::Session`], a pure state machine; the rest moves bytes.

#![warn(missing_debug_implementations)]

mod counters;
mod error;
mod options;
mod raw;
mod room;
pub mod session;
mod socket;
mod update;

pub use counters::Counters;
pub use error::{JoinError, SendError};
pub use options::{ClientLimits, JoinOptions};
pub use playon_types::gate::Close;
pub use playon_types::ids::{RoomId, SessionId};
pub use raw::RawRoom;
pub use room::{Room, join};
pub use update::{End, RawUpdate, State, Update};
