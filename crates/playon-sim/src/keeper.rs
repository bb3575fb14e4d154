//! One life of the keeper: the real shards and the real director, audited.

use std::collections::BTreeMap;

use playon_core::berths::Berths;
use playon_core::deploy::{
    Director, DirectorConfig, DirectorEffect, DueAtRest, Expiry, ExpiryConfig, ExpiryEffect,
    Search, Target,
};
use playon_core::effect::{Effect, Loaded, Order, Report};
use playon_core::facts::RoomFacts;
use playon_core::fleet::{Berth, Suspicion};
use playon_core::limits::Limits;
use playon_core::shard::{Shard, ShardConfig};
use playon_types::attach::ToWorker;
use playon_types::gate::ToGateway;
use playon_types::ids::{DeployId, Epoch, History, ReleaseId, RoomId, WorkerId};
use playon_types::image::Image;
use playon_types::reason::Reason;
use playon_types::record::{DeployPhase, DeployRecord};
use playon_types::time::{Span, Time, WallTime};
use playon_wire::state::ZstdXxh3;
use playon_wire::stored::encode_image;

use crate::audit::{Audit, PROBATION};
use crate::options::Options;
use crate::owner::{Owner, ShardInput};
use crate::store::{RecoveredRoom, StoreModel, Write};

/// What the keeper wants of the world.
#[derive(Debug)]
pub enum Wish {
    /// Send to a socket.
    Client(ToGateway),
    /// Send to a worker.
    Worker(WorkerId, ToWorker),
    /// A shard has something to hand over to the store.
    Batch(u16),
    /// A room is deleted: nobody sits in it any more.
    Ended(RoomId),
    /// Look for a sleeping room.
    Load(RoomId),
    /// Look for rooms at rest that a deploy may be checked with.
    FindSleepers(Search),
    /// Say what is at rest, to the director or to the expiry.
    CountRests(Asks),
    /// Look for rooms at rest that are past their age.
    FindDue(DueAtRest),
    /// Have a room at rest deleted that is.
    Expire(RoomId, WallTime),
    /// Delete executables.
    Discard(Vec<ReleaseId>),
    /// Kill a worker.
    /// With the reason.
    Kill(WorkerId, Suspicion, Reason),
    /// Keep that many workers of a release.
    Workers(ReleaseId, Berth, u32),
    /// Note how a deploy stands.
    Deploy(Box<DeployRecord>),
    /// Pass an order of the director on to a shard.
    Order(u16, Order),
    /// Pass news of a shard on to the director.
    Note(u16, Report),
}

/// Who asks for what is at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// To delete executables that nobody needs.
    Director,
    /// To delete rooms that nobody needs; the director is told as well.
    Expiry,
}

/// Rooms at rest that are handed to their shards per second.
pub const EXPIRIES_PER_SECOND: u32 = 1;

/// A keeper process.
pub struct KeeperModel {
    /// The machines under test.
    pub owners: Vec<Owner>,
    /// The other one.
    pub director: Director,
    /// The workers beside the common ones.
    pub berths: Berths,
    /// The rooms that are at rest for too long.
    pub expiry: Expiry,
    /// The books kept on all of them.
    pub audit: Audit,
    /// When it began; its clock counts from there.
    pub began: Time,
    epoch: Epoch,
    /// What it takes for the stored decision which release is current.
    current: Option<ReleaseId>,
    /// Shards of which the director has heard that they have listed their rooms.
    listed: u16,
    /// Shards that have stopped.
    stopped: u16,
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

impl KeeperModel {
    /// A keeper that has just opened its store, in which that release is current.
    pub fn new(options: &Options, epoch: Epoch, current: Option<ReleaseId>, began: Time) -> Self {
        let shards = options.shards.max(1);
        let limits = limits();
        // Some keeper is always there, but for moments.
        let age = Span(began.0);
        let config = DirectorConfig {
            workers_per_release: 2,
            linger: Span::secs(2),
            moves_per_second: 8 * u32::from(shards),
            probation: PROBATION,
            age,
            executables_max: options.artifacts,
            ..Default::default()
        };
        let (rooms_per_second, every) = (EXPIRIES_PER_SECOND, Span::secs(1));
        let owner = |shard| {
            let config = ShardConfig { epoch, limits: limits.clone(), shard, age };
            Owner::new(Shard::new(config, ZstdXxh3))
        };
        Self {
            audit: Audit::new(limits.clone(), age, shards),
            owners: (0..shards).map(owner).collect(),
            director: Director::new(config),
            berths: Berths::new(Span::secs(2)),
            expiry: Expiry::new(ExpiryConfig { rooms_per_second, every }),
            began,
            epoch,
            current,
            listed: 0,
            stopped: 0,
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
        self.owners.iter().try_for_each(|owner| due("shard", owner.shard.next_timeout()))?;
        due("director", self.director.next_timeout())?;
        due("expiry", self.expiry.next_timeout())?;
        due("worker beside the common ones", self.berths.next_timeout())
    }

    /// How many shards there are.
    pub const fn count(&self) -> u16 {
        self.owners.len() as u16
    }

    /// Each shard by its number.
    pub fn numbers(&self) -> impl Iterator<Item = u16> + use<> {
        0..self.count()
    }

    /// The shard of a room.
    pub fn shard_of(&self, room: RoomId) -> u16 {
        room.shard(self.count())
    }

    /// All rooms of all shards.
    pub fn rooms(&self, now: Time) -> impl Iterator<Item = RoomFacts<'_>> {
        let clock = self.clock(now);
        self.owners.iter().flat_map(move |owner| owner.shard.rooms(clock))
    }

    /// A room, if a shard has it.
    pub fn room(&self, now: Time, room: RoomId) -> Option<RoomFacts<'_>> {
        let owner = self.owners.get(usize::from(self.shard_of(room)))?;
        owner.shard.rooms(self.clock(now)).find(|facts| facts.room == room)
    }

    /// When somebody has something to do next, by the keeper's own clock.
    pub fn next_timeout(&self) -> Option<Time> {
        let shards = self.owners.iter().map(|owner| owner.shard.next_timeout());
        let others =
            [self.director.next_timeout(), self.berths.next_timeout(), self.expiry.next_timeout()];
        shards.chain(others).flatten().min()
    }

    /// Time has passed for everybody.
    ///
    /// # Errors
    /// When something is still due.
    pub fn handle_timeout(&mut self, now: Time) -> Result<(), String> {
        let clock = self.clock(now);
        for owner in &mut self.owners {
            owner.touched = true;
            owner.shard.handle_timeout(clock);
        }
        self.director.handle_timeout(clock);
        self.berths.handle_timeout(clock);
        self.expiry.handle_timeout(clock);
        self.check_progress(clock)
    }

    /// A shard takes what it is told.
    pub fn take(&mut self, now: Time, number: u16, told: ShardInput) {
        let clock = self.clock(now);
        let current = !matches!(&told, ShardInput::Order(order) if !self.is_on(now, order));
        let Some(owner) = self.owners.get_mut(usize::from(number)).filter(|_| current) else {
            return;
        };
        owner.touched = true;
        let (shard, audit) = (&mut owner.shard, &mut self.audit);
        match told {
            ShardInput::Gate(message) => {
                audit.hear(&message);
                shard.handle_gate(clock, message);
            }
            ShardInput::Worker(id, message) => shard.handle_worker(clock, id, message),
            ShardInput::Up(info) => {
                audit.worker_up(number, &info);
                shard.handle_worker_up(clock, info);
            }
            ShardInput::Down(id, end, attempts) => {
                audit.worker_gone(number, id, &end, &shard.facts());
                audit.revoke(attempts);
                shard.handle_worker_down(clock, id, &end);
            }
            ShardInput::Heard(id, at) => shard.handle_heard(at, id),
            ShardInput::Turn(id, turn) => shard.handle_turn(clock, id, turn),
            ShardInput::Order(order) => {
                audit.shard_ordered(&order);
                shard.handle_order(clock, order);
            }
            ShardInput::Stored(outcomes) => {
                outcomes
                    .into_iter()
                    .for_each(|(room, stored)| shard.handle_stored(clock, room, stored));
            }
            ShardInput::Wanted(rooms) => shard.handle_snapshots_wanted(clock, &rooms),
            ShardInput::Loaded(room, loaded) => {
                if let Loaded::Asleep { image, .. } = &loaded {
                    audit.woken(image);
                }
                shard.handle_loaded(clock, room, loaded);
            }
            ShardInput::Found(RecoveredRoom::Whole(image)) => {
                let mut known = Image::clone(&image);
                if !known.clean {
                    // What players know of the former life counts no more.
                    known.history = History(self.epoch.0);
                }
                audit.recovered(&known);
                shard.handle_recovered(clock, *image);
            }
            ShardInput::Found(RecoveredRoom::Damaged(room)) => {
                shard.handle_damaged(clock, room, "the disk has changed it".into());
            }
            ShardInput::Listed => shard.handle_recovery_done(clock),
        }
    }

    /// The director hears that a shard has listed its rooms.
    pub fn heard_list(&mut self, now: Time) {
        self.listed += 1;
        if self.listed == self.count() {
            self.director.handle_recovery_done(self.clock(now));
            self.expiry.handle_recovery_done();
        }
    }

    /// Whether all shards have stopped, once one more has.
    pub const fn note_stopped(&mut self) -> bool {
        self.stopped += 1;
        self.stopped >= self.count()
    }

    /// Drains all machines after a handle, checking everything that comes out, and how they stand then.
    ///
    /// # Errors
    /// When an invariant is broken.
    pub fn drain(&mut self, now: Time, store: &mut StoreModel) -> Result<Vec<Wish>, String> {
        let mut wishes = Vec::new();
        loop {
            for number in self.numbers() {
                while let Some(effect) = self.owners[usize::from(number)].shard.poll() {
                    self.effect(now, number, effect, store, &mut wishes)?;
                }
            }
            let Some(effect) = self.director.poll() else { break };
            self.direct(self.clock(now), effect, store, &mut wishes)?;
        }
        self.audit.check_director(&self.director.facts())?;
        self.audit.check_probation()?;
        while let Some((release, berth, count)) = self.berths.poll() {
            wishes.push(Wish::Workers(release, berth, count));
        }
        while let Some(effect) = self.expiry.poll() {
            wishes.extend(match effect {
                ExpiryEffect::Count => Some(Wish::CountRests(Asks::Expiry)),
                ExpiryEffect::Find(due) => Some(Wish::FindDue(due)),
                ExpiryEffect::Expire { room, slept_by } => Some(Wish::Expire(room, slept_by)),
                ExpiryEffect::Ended { .. } => None,
            });
        }
        let clock = self.clock(now);
        self.audit.note_time(clock);
        for number in self.numbers() {
            let owner = &mut self.owners[usize::from(number)];
            if !owner.batch.is_empty() {
                wishes.push(Wish::Batch(number));
            }
            if std::mem::take(&mut owner.touched) {
                self.audit.after_step(clock, number, &owner.shard)?;
            }
        }
        Ok(wishes)
    }

    /// Hands over to the store what a shard has written since the last time, as one batch. Whether that was anything.
    ///
    /// # Errors
    /// When more of it waits than may.
    pub fn hand_over(&mut self, number: u16, store: &mut StoreModel) -> Result<bool, String> {
        let Some(owner) = self.owners.get_mut(usize::from(number)) else { return Ok(false) };
        let writes = std::mem::take(&mut owner.batch);
        if writes.is_empty() {
            return Ok(false);
        }
        store.submit(self.epoch, writes)?;
        Ok(true)
    }

    fn write(&mut self, number: u16, write: Write) {
        self.owners[usize::from(number)].batch.push(write);
    }

    fn effect(
        &mut self,
        now: Time,
        number: u16,
        effect: Effect,
        store: &mut StoreModel,
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
                let write = self.audit.append(seq, room, &record)?;
                self.write(number, write);
            }
            Effect::Snapshot(image) => {
                store.note(image.room, image.seq, image.hash);
                let write = self.audit.snapshot(&image)?;
                self.write(number, write);
            }
            Effect::Sleep(image) => {
                self.audit.departs(image.room);
                self.write(number, Write::sleep(&image, encode_image(&image), wall(now)));
            }
            Effect::Delete(room) => {
                let waits = self.room(now, room).map_or(0, |facts| facts.waiting);
                self.audit.ends(room, store, waits)?;
                self.write(number, Write::Delete(room));
                wishes.push(Wish::Ended(room));
            }
            Effect::Load(room) => wishes.push(Wish::Load(room)),
            Effect::Suspect { worker, of, why } => wishes.push(Wish::Kill(worker, of, why)),
            Effect::Report(report) => {
                self.audit.report(&report)?;
                wishes.push(Wish::Note(number, report));
            }
        }
        Ok(())
    }

    fn direct(
        &mut self,
        now: Time,
        effect: DirectorEffect,
        store: &mut StoreModel,
        wishes: &mut Vec<Wish>,
    ) -> Result<(), String> {
        match effect {
            DirectorEffect::Wanted { release, count } => {
                wishes.push(Wish::Workers(release, Berth::Common, count));
            }
            DirectorEffect::Order(target, order) => {
                self.audit.ordered(now, &order)?;
                let all = self.numbers().filter(|number| match target {
                    Target::Shard(shard) => shard == *number,
                    Target::All => true,
                });
                wishes.extend(all.map(|number| Wish::Order(number, order.clone())));
            }
            DirectorEffect::Store { record, current } => {
                self.follow(now, &record)?;
                wishes.push(Wish::Deploy(Box::new(record.clone())));
                // As the real one: a value that does not change is not written.
                let decided = current.filter(|_| current != self.current);
                store.decide(record, self.current, decided)?;
                if current.is_some() && current != self.current {
                    self.current = current;
                    self.expiry.handle_current();
                }
            }
            DirectorEffect::Keep(record) => {
                self.follow(now, &record)?;
                wishes.push(Wish::Deploy(Box::new(record.clone())));
                // Only while what is current is what this keeper takes for it.
                store.decide(record, self.current, None)?;
            }
            DirectorEffect::FindSleepers(search) => wishes.push(Wish::FindSleepers(search)),
            DirectorEffect::CountRests => wishes.push(Wish::CountRests(Asks::Director)),
            DirectorEffect::Discard(executables) => wishes.push(Wish::Discard(executables)),
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
        self.audit.check_stop(before, record)?;
        self.audit.follow_deploy(now, record);
        self.audit.coverage.deploy(before, record.phase)
    }

    /// Whether an operator who has a room tried again still means the release that it is on.
    fn is_on(&self, now: Time, order: &Order) -> bool {
        let Order::Move { deploy: DeployId::NONE, room, to, at_once: true, .. } = order else {
            return true;
        };
        let image = self.room(now, *room).and_then(|facts| facts.image);
        image.is_some_and(|image| image.release == *to)
    }
}
