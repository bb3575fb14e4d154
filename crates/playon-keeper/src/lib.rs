//! The keeper: the long-lived process that keeps what must not be lost.
//!
//! It is a shell round `playon-core`. The rules are the core's; here are the sockets, processes, threads and
//! files they are applied to. The parts, each a folder:
//!
//! - `owner`: one thread per shard drives a core machine. Events come in through an inbox; the effects of one
//!   drain leave together, as one message per worker, one per gateway thread and one batch for the store.
//! - `links`: workers attach here. One socket each, frames both ways, credits and heartbeats.
//! - `workers`: starts workers, watches, restarts and ends them.
//! - `artifacts`: the executables of releases, by content hash.
//! - `control`: recovery at start, deploys, the public lists of rooms and releases.
//! - `admin`: the HTTP interface of all that.
//!
//! Nothing here decides what the core should decide, and the core never learns what a socket is.

mod accepting;
pub mod admin;
mod age;
pub mod alarm;
pub mod artifacts;
mod calendar;
pub mod clock;
pub mod config;
pub mod control;
pub mod data_dir;
pub mod error;
pub mod gateway;
mod keeper;
mod links;
pub mod log_levels;
pub mod log_queue;
mod messages;
pub mod metrics;
pub mod owner;
mod predecessor;
mod runtime;
mod signals;
pub mod text;
mod watch;
pub mod workers;

pub use config::{Bounds, KeeperConfig, LogLevels, ReleaseFile};
pub use error::Coded;
pub use keeper::Keeper;
pub use signals::{Signals, stop};
