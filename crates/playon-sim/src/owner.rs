//! One shard of the keeper: the real machine, and the queue in which it finds what it is told.
//!
//! Each shard is a thread of its own. Whoever tells it something puts that into its queue and goes on; so two shards see an order of
//! the director, a worker that attaches or one that dies at different times, and each sees them in the order in which they were put
//! there.

use std::collections::VecDeque;

use playon_core::effect::{Loaded, Order, Stored};
use playon_core::fleet::{WorkerEnd, WorkerInfo};
use playon_core::shard::Shard;
use playon_types::attach::{FromWorker, Turn};
use playon_types::gate::ToOwner;
use playon_types::ids::{Attempt, RoomId, WorkerId};
use playon_types::time::Time;
use playon_wire::state::ZstdXxh3;

use crate::store::{RecoveredRoom, Write};

/// Something that a shard is told.
#[derive(Debug)]
pub enum ShardInput {
    /// By the gateway.
    Gate(ToOwner),
    /// By a worker.
    Worker(WorkerId, FromWorker),
    /// A worker has attached.
    Up(WorkerInfo),
    /// A worker is gone, which has answered under these attempts.
    Down(WorkerId, WorkerEnd, Vec<Attempt>),
    /// A worker has lately answered something, perhaps to another shard, and last then, by the keeper's clock.
    Heard(WorkerId, Time),
    /// A worker has been seen at something, perhaps for another shard.
    Turn(WorkerId, Turn),
    /// By the director, or by an operator.
    Order(Order),
    /// What has become safe.
    Stored(Vec<(RoomId, Stored)>),
    /// The store wants these snapshots.
    Wanted(Vec<RoomId>),
    /// What the store knows of a room.
    Loaded(RoomId, Loaded),
    /// A room was read back when the keeper started.
    Found(RecoveredRoom),
    /// That was all.
    Listed,
}

/// A shard and what belongs to its thread.
pub struct Owner {
    /// The machine under test.
    pub shard: Shard<ZstdXxh3>,
    /// What it has been told and has not taken yet.
    pub inbox: VecDeque<ShardInput>,
    /// More is waited for, to hand it over to the store at once.
    pub gathering: bool,
    /// Something has happened to it since it was last looked at.
    pub touched: bool,
    /// What is written and not yet handed over to the store.
    pub batch: Vec<Write>,
}

impl Owner {
    /// One that has been told nothing.
    pub const fn new(shard: Shard<ZstdXxh3>) -> Self {
        Self { shard, inbox: VecDeque::new(), gathering: false, touched: true, batch: Vec::new() }
    }
}
