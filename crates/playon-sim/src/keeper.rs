//! One life of the keeper: the real shard and the real director, and what is checked of what they say.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Buf;
use playon_core::attach::ToWorker;
use playon_core::deploy::{Director, DirectorConfig, DirectorEffect};
use playon_core::effect::{Effect, Order, Report};
use playon_core::gate::ToGateway;
use playon_core::ids::{Attempt, ConnId, Epoch, ReleaseId, RoomId, WorkerId};
use playon_core::image::{ApplyBounds, Image};
use playon_core::limits::Limits;
use playon_core::shard::{Shard, ShardConfig};
use playon_core::time::{Span, Time};
use playon_wire::state::ZstdXxh3;
use playon_wire::stored::{decode_image, decode_record, encode_image, encode_record};

use crate::game::Game;
use crate::store::{Store, Write};

/// What the keeper wants of the world.
#[derive(Debug)]
pub enum Wish {
    /// Send to a socket.
    Client(ToGateway),
    /// Send to a worker.
    Worker(WorkerId, ToWorker),
    /// The store was given a batch.
    Batch,
    /// Look for a sleeping room.
    Load(RoomId),
    /// Kill a worker.
    Kill(WorkerId),
    /// Keep that many workers of a release.
    Workers(ReleaseId, u32),
    /// Note for the run's summary.
    Note(Report),
}

/// A keeper process.
pub struct Keeper {
    /// The machine under test.
    pub shard: Shard<ZstdXxh3>,
    /// The other one.
    pub director: Director,
    /// When it began; its clock counts from there.
    pub began: Time,
    /// Which room a socket speaks to.
    pub conns: BTreeMap<ConnId, RoomId>,
    /// Attempts that must have no more effect.
    revoked: BTreeSet<Attempt>,
    /// Rooms as the owner must hold them.
    shadows: BTreeMap<RoomId, Image>,
    /// Rooms whose kinds may lose their tail.
    lossy: BTreeSet<RoomId>,
    bounds: ApplyBounds,
}

/// The limits under test: small, so that runs reach them.
pub fn limits() -> Limits {
    Limits {
        outbox_events_max: 12,
        inputs_pending_max: 64,
        handoffs_max: 2,
        opens_max: 2,
        snapshot_every_commits: 16,
        tail_deltas_max: 4,
        ..Limits::default()
    }
}

impl Keeper {
    /// A keeper that has just opened its store.
    pub fn new(epoch: Epoch, began: Time, lossy: BTreeSet<RoomId>) -> Self {
        let limits = limits();
        let config =
            DirectorConfig { workers_per_release: 2, linger: Span::secs(2), ..Default::default() };
        Self {
            bounds: ApplyBounds::from(&limits),
            shard: Shard::new(ShardConfig { epoch, limits, shard: 0 }, ZstdXxh3),
            director: Director::new(config),
            began,
            conns: BTreeMap::new(),
            revoked: BTreeSet::new(),
            shadows: BTreeMap::new(),
            lossy,
        }
    }

    /// The keeper's own clock.
    pub fn clock(&self, now: Time) -> Time {
        Time(now.0 - self.began.0)
    }

    /// A room read back from the store.
    pub fn recovered(&mut self, now: Time, image: Image) {
        self.shadows.insert(image.room, image.clone());
        self.shard.handle_recovered(self.clock(now), image);
    }

    /// A worker is gone: none of its attempts may have an effect. The fleet forgets it first.
    pub fn revoke(&mut self, attempts: impl IntoIterator<Item = Attempt>) {
        self.revoked.extend(attempts);
    }

    /// Drains both machines after a handle, checking everything that comes out.
    ///
    /// # Errors
    /// When an invariant is broken.
    pub fn drain(&mut self, now: Time, store: &mut Store) -> Result<Vec<Wish>, String> {
        let mut wishes = Vec::new();
        let mut batch = Vec::new();
        loop {
            while let Some(effect) = self.shard.poll() {
                self.effect(now, effect, store, &mut batch, &mut wishes)?;
            }
            let Some(effect) = self.director.poll() else { break };
            self.direct(now, effect, store, &mut wishes);
        }
        if !batch.is_empty() {
            store.pending.push_back(batch);
            wishes.push(Wish::Batch);
        }
        Ok(wishes)
    }

    fn effect(
        &mut self,
        now: Time,
        effect: Effect,
        store: &Store,
        batch: &mut Vec<Write>,
        wishes: &mut Vec<Wish>,
    ) -> Result<(), String> {
        match effect {
            Effect::Gate(message) => {
                self.check_output_commit(&message, store)?;
                wishes.push(Wish::Client(message));
            }
            Effect::Worker(worker, message) => {
                if let ToWorker::Retire { attempt, .. } = &message {
                    self.revoked.insert(*attempt);
                }
                wishes.push(Wish::Worker(worker, message));
            }
            Effect::Append { room, seq, record } => {
                let body = encode_record(&record);
                let back = decode_record(&body).map_err(|e| format!("I10: {room}/{seq}: {e}"))?;
                let shadow =
                    self.shadows.get_mut(&room).ok_or(format!("I11: {room} has no image"))?;
                shadow
                    .apply(Epoch(0), &back, &ZstdXxh3, &self.bounds)
                    .map_err(|e| format!("I10: {room}: {e}"))?;
                if back.migrate.is_none() {
                    let game = Game::decode(&shadow.state).ok_or("I10: unreadable state")?;
                    if self.revoked.contains(&Attempt(game.writer)) {
                        return Err(format!("I4: {room}/{seq} was written by a revoked attempt"));
                    }
                }
                batch.push(Write::Append(room, seq, body));
            }
            Effect::Snapshot(image) => {
                let body = encode_image(&image);
                let back = decode_image(&body).map_err(|e| format!("I10: {}: {e}", image.room))?;
                self.check_bounds(&back)?;
                self.shadows.insert(image.room, back);
                batch.push(Write::Snapshot(image.room, image.seq, body));
            }
            Effect::Sleep(image) => batch.push(Write::Sleep(image.room, encode_image(&image))),
            Effect::Delete(room) => batch.push(Write::Delete(room)),
            Effect::Load(room) => wishes.push(Wish::Load(room)),
            Effect::Suspect { worker, .. } => wishes.push(Wish::Kill(worker)),
            Effect::Report(report) => {
                self.director.handle_report(self.clock(now), 0, &report);
                if let Report::Refused { room, reason } = &report {
                    return Err(format!("I10: a good commit of {room} was refused: {reason}"));
                }
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
    ) {
        match effect {
            DirectorEffect::Wanted { release, count } => wishes.push(Wish::Workers(release, count)),
            DirectorEffect::Order(_, order) => self.shard.handle_order(self.clock(now), order),
            DirectorEffect::Store { record, current } => {
                store.deploy = Some(record);
                store.current = current;
            }
            DirectorEffect::Progress(_) => {}
        }
    }

    /// An order from outside.
    pub fn order(&mut self, now: Time, order: Order) {
        self.shard.handle_order(self.clock(now), order);
    }

    /// Nothing leaves before the commit that contains it is safe.
    fn check_output_commit(&self, message: &ToGateway, store: &Store) -> Result<(), String> {
        let ToGateway::Push { conn, push } = message else { return Ok(()) };
        let Some(room) = self.conns.get(conn) else { return Ok(()) };
        if self.lossy.contains(room) {
            return Ok(());
        }
        let safe = store.last(*room).unwrap_or_default();
        let payloads = push.events.iter().map(|(_, p)| p).chain(push.view.iter().map(|(_, p)| p));
        for payload in payloads.filter(|p| p.len() >= 24) {
            let seq = payload.clone().get_u64();
            if seq > safe.0 {
                return Err(format!("I5: output of {room}/{seq} left while {safe} is safe"));
            }
        }
        Ok(())
    }

    fn check_bounds(&self, image: &Image) -> Result<(), String> {
        let over =
            image.seats.values().any(|seat| seat.outbox.len() > self.bounds.outbox_events_max);
        if over {
            Err(format!("I16: an outbox of {} exceeds its bound", image.room))
        } else {
            Ok(())
        }
    }
}
