//! What shards are told.

use std::time::Instant;

use playon_core::effect::{Loaded, Order, Stored};
use playon_core::fleet::{WorkerEnd, WorkerInfo};
use playon_types::attach::{FromWorker, Turn};
use playon_types::gate::ToOwner;
use playon_types::ids::{ReleaseId, RoomId, WorkerId};
use playon_types::image::Image;
use playon_types::kind::KindInfo;

/// What a shard is told, by the gateway, the links, the store, the loader and the control thread.
///
/// The shard's `Inbox`. From sockets at most `inbox_gate_items_max` wait; at the bound the socket that sent is closed with 4003.
/// The others are bounded where they arise: a room has one batch with a worker and `unsafe_commits_max` commits with the store.
#[derive(Debug)]
pub(crate) enum ToShard {
    /// From a socket.
    Gate(ToOwner),
    /// What a release has said about its kinds, before any worker of it attaches.
    Release(ReleaseId, Vec<KindInfo>),
    /// A worker has attached.
    WorkerUp(WorkerInfo),
    /// A worker is gone; nothing of it follows.
    WorkerDown(WorkerId, WorkerEnd),
    /// A worker has lately answered something, perhaps to another shard, and last then.
    Heard(WorkerId, Instant),
    /// A worker has begun this and is at it; perhaps for another shard.
    Turn(WorkerId, Turn),
    /// From a worker.
    Worker(WorkerId, FromWorker),
    /// A room was read back at start.
    Recovered(Box<Image>),
    /// A room cannot be read back.
    Damaged(RoomId, String),
    /// Every room has been read back.
    RecoveryDone,
    /// What the store knows about a room.
    Loaded(RoomId, Loaded),
    /// These are safe, in order.
    Stored(Vec<(RoomId, Stored)>),
    /// The store wants these snapshots soon.
    SnapshotsWanted(Vec<RoomId>),
    /// From the control thread.
    Order(Order),
    /// Answered as soon as it is reached: the shard makes progress.
    Probe(tokio::sync::mpsc::UnboundedSender<()>),
    /// The thread ends after what came before.
    Quit,
}
