//! What the director and the operators order, and the orderly stop.

use std::collections::BTreeSet;

use playon_types::gate::Create;
use playon_types::ids::{ReleaseId, RoomId};
use playon_types::image::StateCodec;
use playon_types::kind::KindInfo;
use playon_types::time::Time;

use crate::effect::{Effect, Order, Report};
use crate::room::MoveOrder;

use super::probe::WantedProbe;
use super::{Loading, RoomSlot, Shard};

impl<C: StateCodec> Shard<C> {
    /// What a release says about its kinds, known before any worker of it attaches.
    pub fn handle_release(&mut self, release: ReleaseId, kinds: Vec<KindInfo>) {
        self.env.fleet.declare(release, kinds);
    }

    /// An order of the director or an operator.
    pub fn handle_order(&mut self, now: Time, order: Order) {
        match order {
            Order::Prefer(release) => {
                self.env.prefer = Some(release);
                self.env.deadly.begin_anew();
                self.wake_all(now);
            }
            Order::Probation(probation) => self.order_probation(now, probation),
            Order::BringHome(bring) => self.env.bring_home = bring,
            Order::Check { deploy, room, to } => {
                let order = MoveOrder { check: true, ..MoveOrder::to(deploy, to) };
                self.order_move(now, room, order, true);
            }
            Order::Probe { deploy, room, to } => {
                self.order_probe(now, WantedProbe { deploy, room, to });
            }
            Order::CancelProbes { deploy } => self.cancel_probes(now, deploy),
            Order::Move { deploy, room, to, at_once, since } => {
                let order = MoveOrder { since, ..MoveOrder::to(deploy, to) };
                self.order_move(now, room, order, at_once);
            }
            Order::Hurry { deploy, room } => {
                if let Some(RoomSlot::Room(found)) = self.rooms.get_mut(&room).map(|e| &mut e.slot)
                {
                    found.hurry(&mut self.env, now, deploy);
                    self.settle(now, room);
                }
            }
            Order::CancelMoves { deploy } => {
                let ids: Vec<RoomId> = self.rooms.keys().copied().collect();
                for id in ids {
                    if let Some(RoomSlot::Room(room)) = self.rooms.get_mut(&id).map(|e| &mut e.slot)
                    {
                        room.call_off(&mut self.env, now, Some(deploy));
                        self.settle(now, id);
                    }
                }
            }
            Order::Create { room, create } => {
                if !self.env.draining && !self.env.stopping {
                    self.ask_to_create(now, room, create);
                }
            }
            Order::Close { room } => self.close(now, room),
            Order::Expire { room, slept_by } => self.expire(now, room, slept_by),
            Order::Startable(releases) => {
                self.env.fleet.set_startable(releases);
                self.find_readers(now);
            }
            Order::Drain => self.env.draining = true,
            Order::Stop => self.stop(now),
        }
    }

    /// A room is to be made unless there is one: that it is not in memory does not say that it is not asleep.
    fn ask_to_create(&mut self, now: Time, room: RoomId, create: Create) {
        let full = self.rooms.len() >= self.env.limits.rooms_per_shard_max;
        match self.rooms.get_mut(&room).map(|entry| &mut entry.slot) {
            Some(RoomSlot::Loading(loading)) => _ = loading.create.get_or_insert(create),
            Some(_) => {}
            None if full => {}
            None => self.load(now, room, Loading { create: Some(create), ..Loading::default() }),
        }
    }

    /// Ends a room. A halted one is deleted as it is: an operator who says so has given it up. It stays
    /// halted until its deletion is safe. One that is not in memory may be at rest.
    pub(super) fn close(&mut self, now: Time, id: RoomId) {
        match self.rooms.get_mut(&id).map(|entry| &mut entry.slot) {
            Some(RoomSlot::Room(room)) => {
                room.close_down(&mut self.env);
                self.settle(now, id);
            }
            Some(RoomSlot::Halted(halted)) if !halted.given_up => {
                halted.given_up = true;
                self.env.emit(Effect::Delete(id));
            }
            Some(RoomSlot::Loading(loading)) => loading.close = true,
            // It is not there yet.
            Some(RoomSlot::Creating(_)) => {
                self.env.report(Report::NotClosed { room: id, unreadable: None });
            }
            // That it is gone will be told.
            Some(RoomSlot::Halted(_) | RoomSlot::Leaving { .. }) => {}
            None => self.load(now, id, Loading { close: true, ..Loading::default() }),
        }
    }

    pub(super) fn order_move(&mut self, now: Time, id: RoomId, order: MoveOrder, at_once: bool) {
        match self.rooms.get_mut(&id).map(|entry| &mut entry.slot) {
            Some(RoomSlot::Room(room)) if !room.is_resting() => {
                room.handle_move(&mut self.env, now, order, at_once);
                self.settle(now, id);
            }
            _ => self.env.report(Report::Staying { deploy: order.deploy, room: id }),
        }
    }

    fn stop(&mut self, now: Time) {
        self.env.stopping = true;
        self.unquiet = Some(self.rooms.keys().copied().collect());
        let ids: Vec<RoomId> = self.rooms.keys().copied().collect();
        ids.into_iter().for_each(|id| self.try_quiet(now, id));
        if self.unquiet.as_ref().is_some_and(BTreeSet::is_empty) {
            self.finish_stop();
        }
    }

    pub(super) fn try_quiet(&mut self, now: Time, id: RoomId) {
        let Some(unquiet) = &mut self.unquiet else {
            return;
        };
        if !unquiet.contains(&id) {
            return;
        }
        let quiet = match self.rooms.get_mut(&id).map(|entry| &mut entry.slot) {
            Some(RoomSlot::Room(room)) => room.stop(&mut self.env, now),
            _ => true,
        };
        if quiet {
            unquiet.remove(&id);
            if unquiet.is_empty() {
                self.finish_stop();
            }
        }
    }

    fn finish_stop(&mut self) {
        if self.unquiet.take().is_some() {
            self.env.report(Report::Stopped);
        }
    }
}
