//! The control thread: it drives the core's director.
//!
//! Everything that is rare and concerns the whole keeper comes together here: workers that come and go, reports of
//! shards, deploys, the stored decisions. What it knows is kept in the [`Catalog`], which others read.
//!
//! - `thread`: the thread itself, which hands everything that it is told to the core's machines.
//! - `effects`: what those decide, carried out.
//! - `commands`: what operators ask for, through the [`Handle`].
//! - `catalog`: what is known, for whoever only looks; `views`: the same as JSON.
//! - `reports`: what shards report, for the log and the counters.
//! - `recovery`: reading the rooms back at start.

mod catalog;
mod commands;
mod effects;
mod handle;
mod recovery;
mod reports;
mod thread;
mod views;

pub use catalog::{Catalog, RoomFilter};
pub use commands::check_label;
pub use handle::Handle;
pub(crate) use recovery::recover_rooms;
pub(crate) use thread::{Control, ControlSetup};
pub(crate) use views::Queues;
pub use views::{
    AsleepFilter, AsleepPage, AsleepView, DeployAnswer, DeployView, DurationView, FaultView,
    KindView, LeftView, PauseView, QueuesView, ReleaseView, RoomGroup, RoomView, StatusView,
    StoreView, TimingsView, TotalsView, WayBackView, WorkerView,
};
