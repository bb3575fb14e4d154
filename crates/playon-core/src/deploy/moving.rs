//! The course of one deploy.

use std::collections::{BTreeMap, BTreeSet};

use crate::effect::{Blame, Cost, Order};
use crate::ids::{DeployId, ReleaseId, RoomId};
use crate::time::Time;

use super::director::{Director, DirectorEffect, Target};
use super::{DeployPhase, DeployRecord};

/// A deploy under way.
#[derive(Debug)]
pub(super) struct Deploy {
    pub(super) record: DeployRecord,
    deadline: Option<Time>,
    /// Rooms of which a copy is being opened.
    checking: BTreeSet<RoomId>,
    /// Rooms that were told to move, with the tries they had.
    ordered: BTreeMap<RoomId, u32>,
    /// Rooms that stay where they are.
    staying: BTreeSet<RoomId>,
}

impl Deploy {
    pub(super) const fn new(
        id: DeployId,
        from: Option<ReleaseId>,
        to: ReleaseId,
        at_once: bool,
        deadline: Time,
    ) -> Self {
        let record = DeployRecord {
            id,
            from,
            to,
            phase: DeployPhase::Starting,
            at_once,
            moved: 0,
            waiting: 0,
            staying: 0,
            faults: 0,
            reason: None,
        };
        Self {
            record,
            deadline: Some(deadline),
            checking: BTreeSet::new(),
            ordered: BTreeMap::new(),
            staying: BTreeSet::new(),
        }
    }

    /// A deploy that a keeper before this one had begun.
    pub(super) const fn resumed(record: DeployRecord) -> Self {
        Self {
            record,
            deadline: None,
            checking: BTreeSet::new(),
            ordered: BTreeMap::new(),
            staying: BTreeSet::new(),
        }
    }

    pub(super) const fn deadline(&self) -> Option<Time> {
        self.deadline
    }
}

impl Director {
    /// A worker of the new release is there: copies of live rooms are opened on it.
    pub(super) fn begin_if_attached(&mut self, now: Time) {
        let Some(deploy) = &mut self.deploy else { return };
        let to = deploy.record.to;
        if deploy.record.phase != DeployPhase::Starting || !self.workers.values().any(|r| *r == to)
        {
            return;
        }
        deploy.record.phase = DeployPhase::Checking;
        deploy.deadline = Some(now + self.config.check_timeout);
        let id = deploy.record.id;
        let mut samples: BTreeMap<(&str, ReleaseId, u32), (RoomId, u16)> = BTreeMap::new();
        for (room, known) in
            self.rooms.iter().filter(|(_, known)| known.live && known.release != to)
        {
            samples
                .entry((&known.kind, known.release, known.version))
                .or_insert((*room, known.shard));
        }
        for (room, shard) in samples.into_values() {
            deploy.checking.insert(room);
            let order = Order::Check { deploy: id, room, to };
            self.out.push_back(DirectorEffect::Order(Target::Shard(shard), order));
        }
        self.out.push_back(DirectorEffect::Progress(deploy.record.clone()));
        self.begin_moving_if_checked(now);
    }

    pub(super) fn handle_checked(
        &mut self,
        now: Time,
        id: DeployId,
        room: RoomId,
        result: Result<&Cost, &str>,
    ) {
        let Some(deploy) = self.deploy.as_mut().filter(|deploy| deploy.record.id == id) else {
            return;
        };
        if deploy.record.phase != DeployPhase::Checking || !deploy.checking.remove(&room) {
            return;
        }
        match result {
            Ok(_) => self.begin_moving_if_checked(now),
            Err(reason) => {
                let reason =
                    format!("room {room} could not be opened on the new release: {reason}");
                self.end_deploy(now, DeployPhase::Reverted, Some(reason));
            }
        }
    }

    /// While rooms move, a new release without any worker has so long to come back.
    pub(super) fn await_target(&mut self, now: Time) {
        let Some(deploy) = &mut self.deploy else { return };
        if deploy.record.phase == DeployPhase::Moving {
            let there = self.workers.values().any(|release| *release == deploy.record.to);
            let deadline = deploy.deadline.unwrap_or(now + self.config.attach_timeout);
            deploy.deadline = (!there).then_some(deadline);
        }
    }

    /// Every copy could be opened: the decision is stored, then rooms move.
    fn begin_moving_if_checked(&mut self, now: Time) {
        let Some(deploy) = self.deploy.as_mut() else { return };
        if deploy.record.phase != DeployPhase::Checking || !deploy.checking.is_empty() {
            return;
        }
        deploy.record.phase = DeployPhase::Moving;
        deploy.deadline = None;
        let to = deploy.record.to;
        self.current = Some(to);
        let record = deploy.record.clone();
        self.out.push_back(DirectorEffect::Store { record, current: Some(to) });
        self.out.push_back(DirectorEffect::Order(Target::All, Order::Prefer(to)));
        self.order_moves(now);
    }

    /// Orders every room that is elsewhere to move; the shards pace it.
    pub(super) fn order_moves(&mut self, now: Time) {
        let ids: Vec<RoomId> = self.rooms.keys().copied().collect();
        ids.into_iter().for_each(|room| self.order_stray(now, room));
        self.finish_if_settled(now);
    }

    /// A room that is not on the new release while rooms move is told to. So is one that may be on its way
    /// elsewhere, by an order that it has not answered: what is known of it may be out of date.
    pub(super) fn order_stray(&mut self, _now: Time, room: RoomId) {
        let (Some(deploy), Some(known)) = (&mut self.deploy, self.rooms.get(&room)) else { return };
        let stray = deploy.record.phase == DeployPhase::Moving
            && (known.release != deploy.record.to || self.unanswered.contains_key(&room))
            && !deploy.staying.contains(&room)
            && !deploy.ordered.contains_key(&room);
        if stray {
            deploy.ordered.insert(room, 1);
            self.unanswered.insert(room, deploy.record.id);
            deploy.record.waiting = deploy.ordered.len() as u64;
            let shard = Target::Shard(known.shard);
            self.out.push_back(DirectorEffect::Order(shard, deploy.move_order(room)));
        }
    }

    pub(super) fn handle_moved(&mut self, now: Time, id: DeployId, room: RoomId) {
        let Some(deploy) = self.deploy.as_mut().filter(|deploy| deploy.record.id == id) else {
            return;
        };
        if deploy.ordered.contains_key(&room) {
            deploy.record.moved += 1;
        }
        self.room_settled(now, room);
    }

    pub(super) fn handle_staying(&mut self, now: Time, id: DeployId, room: RoomId) {
        let Some(deploy) = self.deploy.as_mut().filter(|deploy| deploy.record.id == id) else {
            return;
        };
        deploy.staying.insert(room);
        deploy.record.staying = deploy.staying.len() as u64;
        self.room_settled(now, room);
    }

    /// The room is not in the way any more.
    pub(super) fn room_settled(&mut self, now: Time, room: RoomId) {
        let Some(deploy) = &mut self.deploy else { return };
        let was_checked = deploy.checking.remove(&room);
        if deploy.ordered.remove(&room).is_some() {
            deploy.record.waiting = deploy.ordered.len() as u64;
            if !deploy.record.phase.is_final() {
                self.out.push_back(DirectorEffect::Progress(deploy.record.clone()));
            }
            self.finish_if_settled(now);
        } else if was_checked {
            self.begin_moving_if_checked(now);
        }
    }

    pub(super) fn handle_move_failed(
        &mut self,
        now: Time,
        id: DeployId,
        room: RoomId,
        reason: &str,
        blame: Blame,
    ) {
        let tries_max = self.config.tries_max;
        let Some(deploy) = self.deploy.as_mut().filter(|deploy| deploy.record.id == id) else {
            return;
        };
        if deploy.record.phase != DeployPhase::Moving {
            return;
        }
        deploy.record.faults += 1;
        let Some(tries) = deploy.ordered.get_mut(&room) else { return };
        *tries += 1;
        match self.rooms.get(&room) {
            Some(known) if blame == Blame::Circumstance && *tries <= tries_max => {
                let order = deploy.move_order(room);
                self.unanswered.insert(room, id);
                self.out.push_back(DirectorEffect::Order(Target::Shard(known.shard), order));
            }
            _ => {
                let reason = format!("room {room} could not be moved: {reason}");
                self.end_deploy(now, DeployPhase::Stopped, Some(reason));
            }
        }
    }

    fn finish_if_settled(&mut self, now: Time) {
        let Some(deploy) = &self.deploy else { return };
        let settled = self.rooms_known && deploy.ordered.is_empty();
        if deploy.record.phase == DeployPhase::Moving && settled {
            self.end_deploy(now, DeployPhase::Done, None);
        }
    }

    /// The deploy ends; unless it is done or superseded, new rooms go to the release before it again.
    pub(super) fn end_deploy(&mut self, now: Time, phase: DeployPhase, reason: Option<String>) {
        let Some(deploy) = &mut self.deploy else { return };
        let id = deploy.record.id;
        let moved_any = deploy.record.phase == DeployPhase::Moving;
        deploy.record.phase = phase;
        deploy.record.reason = reason;
        deploy.deadline = None;
        deploy.checking.clear();
        if phase == DeployPhase::Stopped {
            self.current = deploy.record.from.or(self.current);
        }
        let record = deploy.record.clone();
        self.out.push_back(DirectorEffect::Store { record, current: self.current });
        if moved_any && phase != DeployPhase::Done {
            self.out
                .push_back(DirectorEffect::Order(Target::All, Order::CancelMoves { deploy: id }));
            if let Some(current) = self.current {
                self.out.push_back(DirectorEffect::Order(Target::All, Order::Prefer(current)));
            }
        }
        self.update_wanted(now);
    }

    pub(super) fn deploy_timed_out(&mut self, now: Time) {
        let Some(deploy) = self.deploy.as_ref().filter(|d| d.deadline.is_some_and(|at| at <= now))
        else {
            return;
        };
        let (phase, reason) = match deploy.record.phase {
            DeployPhase::Starting => {
                (DeployPhase::Reverted, "PLY-0302 no worker of the new release attached in time")
            }
            DeployPhase::Moving => {
                (DeployPhase::Stopped, "PLY-0302 the workers of the new release did not come back")
            }
            _ => {
                (DeployPhase::Reverted, "PLY-0310 the copies of live rooms were not opened in time")
            }
        };
        self.end_deploy(now, phase, Some(reason.into()));
    }
}

impl Deploy {
    const fn move_order(&self, room: RoomId) -> Order {
        Order::Move {
            deploy: self.record.id,
            room,
            to: self.record.to,
            at_once: self.record.at_once,
        }
    }
}
