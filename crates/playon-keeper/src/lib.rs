//! The keeper: the long-lived process that keeps what must not be lost.
//!
//! It is a shell round `playon-core`. The rules are the core's; here are the sockets, processes, threads and
//! files they are applied to. The parts, each a folder:
//!
//! - `owner`: one thread per shard drives a core machine. Events come in through an inbox; the effects of one
//!   drain leave together, as one message per worker, one per gateway thread and one batch for the store.
//! - `links`: workers attach here. One socket each, frames both ways, credits and heartbeats.
//! - `workers`: starts workers, watches, restarts and ends them.
//! - `control`: recovery at start, deploys, the public lists of rooms and releases.
//! - `gateway`: the sockets of players and the pages of games.
//! - `admin`: the HTTP interface of all that.
//! - `messages`: what these say to each other, with the bound of each queue.
//! - `keeper`: how the parts are put together, started and stopped.
//! - `data`: the data directory, the executables in it, and the watch over both.
//! - `process`, `time`, `log`, `metrics`: threads and signals, clocks, lines, figures.
//!
//! Nothing here decides what the core should decide, and the core never learns what a socket is.

pub mod admin;
pub mod config;
pub mod control;
pub mod data;
pub mod error;
pub mod gateway;
mod keeper;
mod links;
pub mod log;
mod messages;
pub mod metrics;
pub mod owner;
pub mod process;
pub mod time;
pub mod workers;

pub use config::{Bounds, KeeperConfig, LogLevels, ReleaseFile};
pub use error::Coded;
pub use keeper::Keeper;
pub use process::signals::{SAME_REQUEST_MAX, Signals, outlive_file_limit, stop};
