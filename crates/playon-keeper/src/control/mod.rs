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

pub use catalog::{Catalog, RoomFilter};
pub(crate) use glance::Queues;
pub(crate) use recovery::recover_rooms;
pub use releases::check_label;
pub(crate) use releases::{store_error, store_failed};
pub use request::Handle;
pub use rests::AsleepFilter;
pub(crate) use thread::{Control, ControlSetup};
pub use view::{
    AsleepPage, AsleepView, DeployAnswer, DeployView, DurationView, FaultView, KindView, LeftView,
    PauseView, QueuesView, ReleaseView, RoomGroup, RoomView, StatusView, StoreView, TimingsView,
    TotalsView, WayBackView, WorkerView,
};
