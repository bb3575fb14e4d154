//! The control thread: it drives the core's director.
//!
//! Everything that is rare and concerns the whole keeper comes together here: workers that come and go, reports of
//! shards, deploys, the stored decisions. What it knows is kept in the [`Catalog`], which others read.

mod catalog;
mod closings;
mod course;
mod decisions;
mod demand;
mod deploys;
mod faults;
mod glance;
mod notes;
mod recovery;
mod releases;
mod request;
mod rests;
mod sites;
mod sleepers;
mod thread;
mod view;

use playon_core::effect::Report;
use playon_store::StoreError;
use playon_types::ids::WorkerId;
use playon_types::reason::Reason;

use crate::error::Coded;
use crate::links::LinkNews;
use crate::workers::WorkerNews;

pub use catalog::{Catalog, RoomFilter};
pub(crate) use glance::Queues;
pub(crate) use recovery::recover_rooms;
pub use releases::check_label;
pub(crate) use releases::{store_error, store_failed};
pub use request::Handle;
pub(crate) use request::Request;
pub use rests::AsleepFilter;
pub(crate) use thread::{Control, ControlSetup};
pub use view::{
    AsleepPage, AsleepView, DeployAnswer, DeployView, DurationView, FaultView, KindView, LeftView,
    PauseView, QueuesView, ReleaseView, RoomGroup, RoomView, StatusView, StoreView, TimingsView,
    TotalsView, WayBackView, WorkerView,
};

/// What reaches the control thread.
#[derive(Debug)]
pub(crate) enum News {
    /// From a shard.
    Shard(u16, ShardNews),
    /// From the links.
    Link(LinkNews),
    /// From the supervisor.
    Worker(WorkerNews),
    /// Somebody wants something.
    Request(Request),
    /// The keeper cannot go on: its rooms cannot be read back, or its data directory is gone.
    Failed(Coded),
    /// The thread ends.
    Quit,
}

/// What a shard tells.
#[derive(Debug)]
pub(crate) enum ShardNews {
    /// In order.
    Reports(Vec<Report>),
    /// Every recovered room has been listed.
    Recovered,
    /// A worker that must be killed.
    Suspect(WorkerId, Reason),
    /// Nothing can be made safe any more.
    StoreFailed(StoreError),
}
