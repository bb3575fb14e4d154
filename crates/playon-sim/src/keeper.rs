//! One life of the keeper: the real shard and the real director, audited.

use std::collections::BTreeMap;

use playon_core::attach::ToWorker;
use playon_core::berths::Berths;
use playon_core::deploy::{
    DeployPhase, DeployRecord, Director, DirectorConfig, DirectorEffect, Search,
};
use playon_core::effect::{Effect, Order, Report};
use playon_core::fleet::Berth;
use playon_core::gate::ToGateway;
use playon_core::ids::{DeployId, Epoch, History, ReleaseId, RoomId, WorkerId};
use playon_core::image::Image;
use playon_core::limits::Limits;
use playon_core::shard::{Shard, ShardConfig};
use playon_core::time::{Span, Time, WallTime};
use playon_wire::state::ZstdXxh3;
use playon_wire::stored::encode_image;

use crate::audit::{Audit, PROBATION};
use crate::store::{Found, Store, Write};

/// What the keeper wants of the world.
#[derive(Debug)]
pub enum Wish {
    /// Send to a socket.
    Client(ToGateway),
    /// Send to a worker.
    Worker(WorkerId, ToWorker),
    /// Something is to be handed over to the store.
    Batch,
    /// A room is deleted: nobody sits in it any more.
    Ended(RoomId),
    /// Look for a sleeping room.
    Load(RoomId),
    /// Look for rooms at rest that a deploy may be checked with.
    FindSleepers(Search),
    /// Kill a worker.
    /// With the reason.
    Kill(WorkerId, String),
    /// Keep that many workers of a release.
    Workers(ReleaseId, Berth, u32),
    /// Note how a deploy stands.
    Deploy(Box<DeployRecord>),
    /// Pass an order of the director on to the shard.
    Order(Order),
    /// Pass news of the shard on to the director.
    Note(Report),
}

/// A keeper process.
pub struct Keeper {
    /// The machine under test.
    pub shard: Shard<ZstdXxh3>,
    /// The other one.
    pub director: Director,
    /// The workers beside the common ones.
    pub berths: Berths,
    /// The books kept on both.
    pub audit: Audit,
    /// When it began; its clock counts from there.
    pub began: Time,
    epoch: Epoch,
    /// What it takes for the stored decision which release is current.
    current: Option<ReleaseId>,
    /// What is written and not yet handed over to the store.
    batch: Vec<Write>,
    phases: BTreeMap<DeployId, DeployPhase>,
}

/// The limits under test: small, so that runs reach them.
pub fn limits() -> Limits {
    Limits {
        outbox_events_max: 12,
        inputs_pending_max: 64,
        unsafe_commits_max: 4,
        handoffs_max: 2,
        handoff_alone_bytes: 128,
        opens_max: 2,
        opens_bytes_max: 256,
        snapshot_every_commits: 16,
        tail_deltas_max: 4,
        open_timeout: Span::secs(1),
        prewarm_timeout: Span::secs(1),
        turn_timeout: Span::secs(3),
        reopen_backoff_max: Span::secs(2),
        ..Limits::default()
    }
}

/// The time of day in the simulated world.
pub const fn wall(now: Time) -> WallTime {
    WallTime(now.0 / 1_000)
}

impl Keeper {
    /// A keeper that has just opened its store, in which that release is current.
    pub fn new(epoch: Epoch, current: Option<ReleaseId>, began: Time) -> Self {
        let limits = limits();
        // Some keeper is always there, but for moments.
        let age = Span(began.0);
        let config = DirectorConfig {
            workers_per_release: 2,
            linger: Span::secs(2),
            moves_per_second: 8,
            probation: PROBATION,
            age,
            ..Default::default()
        };
        Self {
            audit: Audit::new(limits.clone(), age),
            shard: Shard::new(ShardConfig { epoch, limits, shard: 0, age }, ZstdXxh3),
            director: Director::new(config),
            berths: Berths::new(Span::secs(2)),
            began,
            epoch,
            current,
            batch: Vec::new(),
            phases: BTreeMap::new(),
        }
    }

    /// The keeper's own clock.
    pub fn clock(&self, now: Time) -> Time {
        Time(now.0 - self.began.0)
    }

    /// Time has been handled: whatever was due has been done or put off, or a keeper would spin.
    ///
    /// # Errors
    /// When something is still due.
    pub fn check_progress(&self, clock: Time) -> Result<(), String> {
        let due = |what: &str, at: Option<Time>| match at.filter(|at| *at <= clock) {
            Some(at) => Err(format!("I29: the {what} is due at {at:?} once it is {clock:?}")),
            None => Ok(()),
        };
        due("shard", self.shard.next_timeout())?;
        due("director", self.director.next_timeout())?;
        due("worker beside the common ones", self.berths.next_timeout())
    }

    /// A room read back from the store.
    pub fn recovered(&mut self, now: Time, found: &Found) {
        let clock = self.clock(now);
        match found {
            Found::Whole(image) => {
                let mut known = Image::clone(image);
                if !known.clean {
                    // What players know of the former life counts no more.
                    known.history = History(self.epoch.0);
                }
                self.audit.recovered(&known);
                self.shard.handle_recovered(clock, Image::clone(image));
            }
            Found::Damaged(room) => {
                self.shard.handle_damaged(clock, *room, "the disk has changed it".into());
            }
        }
    }

    /// Drains both machines after a handle, checking everything that comes out, and how they stand then.
    ///
    /// # Errors
    /// When an invariant is broken.
    pub fn drain(&mut self, now: Time, store: &mut Store) -> Result<Vec<Wish>, String> {
        let mut wishes = Vec::new();
        loop {
            while let Some(effect) = self.shard.poll() {
                self.effect(now, effect, store, &mut wishes)?;
            }
            let Some(effect) = self.director.poll() else { break };
            self.direct(self.clock(now), effect, store, &mut wishes)?;
        }
        self.audit.check_director(&self.director.facts())?;
        self.audit.check_probation()?;
        while let Some((release, berth, count)) = self.berths.poll() {
            wishes.push(Wish::Workers(release, berth, count));
        }
        if !self.batch.is_empty() {
            wishes.push(Wish::Batch);
        }
        self.audit.after_step(self.clock(now), &self.shard)?;
        Ok(wishes)
    }

    /// Hands over to the store what was written since the last time, as one batch. Whether that was anything.
    ///
    /// # Errors
    /// When more of it waits than may.
    pub fn hand_over(&mut self, store: &mut Store) -> Result<bool, String> {
        let writes = std::mem::take(&mut self.batch);
        if writes.is_empty() {
            return Ok(false);
        }
        store.submit(self.epoch, writes)?;
        Ok(true)
    }

    fn effect(
        &mut self,
        now: Time,
        effect: Effect,
        store: &mut Store,
        wishes: &mut Vec<Wish>,
    ) -> Result<(), String> {
        match effect {
            Effect::Gate(message) => {
                self.audit.show(&message, store)?;
                wishes.push(Wish::Client(message));
            }
            Effect::Worker(worker, message) => {
                self.audit.tell(worker, &message, store)?;
                wishes.push(Wish::Worker(worker, message));
            }
            Effect::Append { room, seq, record } => {
                store.note(room, seq, record.hash);
                self.batch.push(self.audit.append(seq, room, &record)?);
            }
            Effect::Snapshot(image) => {
                store.note(image.room, image.seq, image.hash);
                self.batch.push(self.audit.snapshot(&image)?);
            }
            Effect::Sleep(image) => {
                self.audit.departs(image.room);
                self.batch.push(Write::sleep(&image, encode_image(&image), wall(now)));
            }
            Effect::Delete(room) => {
                let clock = self.clock(now);
                let waits = self.shard.rooms(clock).find(|facts| facts.room == room);
                self.audit.ends(room, store, waits.map_or(0, |facts| facts.waiting))?;
                self.batch.push(Write::Delete(room));
                wishes.push(Wish::Ended(room));
            }
            Effect::Load(room) => wishes.push(Wish::Load(room)),
            Effect::Suspect { worker, why } => wishes.push(Wish::Kill(worker, why)),
            Effect::Report(report) => {
                self.audit.report(&report)?;
                wishes.push(Wish::Note(report));
            }
        }
        Ok(())
    }

    fn direct(
        &mut self,
        now: Time,
        effect: DirectorEffect,
        store: &mut Store,
        wishes: &mut Vec<Wish>,
    ) -> Result<(), String> {
        match effect {
            DirectorEffect::Wanted { release, count } => {
                wishes.push(Wish::Workers(release, Berth::Common, count));
            }
            DirectorEffect::Order(_, order) => {
                self.audit.ordered(now, &order)?;
                wishes.push(Wish::Order(order));
            }
            DirectorEffect::Store { record, current } => {
                self.follow(now, &record)?;
                wishes.push(Wish::Deploy(Box::new(record.clone())));
                // As the real one: a value that does not change is not written.
                let decided = current.filter(|_| current != self.current);
                store.decide(record, self.current, decided)?;
                self.current = current.or(self.current);
            }
            DirectorEffect::Keep(record) => {
                self.follow(now, &record)?;
                wishes.push(Wish::Deploy(Box::new(record.clone())));
                store.keep(record);
            }
            DirectorEffect::FindSleepers(search) => wishes.push(Wish::FindSleepers(search)),
            DirectorEffect::Progress(record) => {
                self.follow(now, &record)?;
                wishes.push(Wish::Deploy(Box::new(record)));
            }
            DirectorEffect::Alarm { .. } => self.audit.alarmed(),
        }
        Ok(())
    }

    fn follow(&mut self, now: Time, record: &DeployRecord) -> Result<(), String> {
        let before = self.phases.insert(record.id, record.phase);
        if before.is_none() {
            self.audit.deploy(record);
        }
        self.audit.check_tried(before, record)?;
        self.audit.follow_deploy(now, record);
        self.audit.coverage.deploy(before, record.phase)
    }

    /// Whether an operator who has a room tried again still means the release that it is on.
    pub fn is_on(&self, now: Time, order: &Order) -> bool {
        let Order::Move { deploy: DeployId::NONE, room, to, at_once: true, .. } = order else {
            return true;
        };
        let mut rooms = self.shard.rooms(self.clock(now));
        let image = rooms.find(|facts| facts.room == *room).and_then(|facts| facts.image);
        image.is_some_and(|image| image.release == *to)
    }

    /// An order from outside.
    pub fn order(&mut self, now: Time, order: Order) {
        self.audit.stopping |= order == Order::Stop;
        if let Order::Expire { room, slept_by } = order {
            self.audit.expiring.insert(room, slept_by);
        }
        self.shard.handle_order(self.clock(now), order);
    }
}
