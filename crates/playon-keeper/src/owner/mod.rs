//! Owner shards: threads that drive the core's rooms.
//!
//! A room belongs to the shard `room.mix(0) % shards` for as long as the keeper runs. What happens to a shard waits in
//! its [`Inbox`]; its thread takes all that waits, hands it to the core event by event, and sends what came of it in
//! as few pieces as possible: one message per worker, one per gateway thread, one batch for the store.

mod inbox;
mod loader;
mod outlet;
mod pulse;
mod thread;
mod ticks;

pub use inbox::{Inbox, Shards};
pub(crate) use loader::{Loader, read_back};
pub(crate) use outlet::{Outside, Storing};
pub(crate) use thread::spawn;
