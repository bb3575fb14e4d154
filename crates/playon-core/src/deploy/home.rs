//! Rooms that are not on the current release although no deploy is under way: woken on an older one, or left there
//! when their keeper or the deploy that moved them ended. They are told to come home.

use std::collections::{BTreeMap, BTreeSet};

use crate::effect::{Blame, Order};
use crate::ids::{DeployId, RoomId};

use super::DeployPhase;
use super::director::{Director, DirectorEffect, Target};

/// What became of telling them.
#[derive(Debug, Default)]
pub(super) struct Strays {
    /// Rooms that stay where they are until the next deploy.
    declined: BTreeSet<RoomId>,
    /// Handoffs home that failed because a process went away, since a worker of the current release came.
    failed: BTreeMap<RoomId, u32>,
}

impl Strays {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn forget(&mut self, room: RoomId) {
        self.declined.remove(&room);
        self.failed.remove(&room);
    }

    pub(super) fn decline(&mut self, room: RoomId) {
        self.declined.insert(room);
    }

    /// Processes that had gone away are back.
    pub(super) fn try_again(&mut self) {
        self.failed.clear();
    }

    fn stays(&self, room: RoomId, tries_max: u32) -> bool {
        self.declined.contains(&room)
            || self.failed.get(&room).is_some_and(|failed| *failed >= tries_max)
    }
}

impl Director {
    /// While no deploy is under way a room belongs on the current release. One that was woken on an older one and
    /// lost its keeper, or the worker that should take it, on the way is told again.
    pub(super) fn bring_home(&mut self, room: RoomId) {
        let settled = |deploy: &super::moving::Deploy| {
            matches!(deploy.record.phase, DeployPhase::Done | DeployPhase::Reverted)
        };
        let calm = self.rooms_known && self.deploy.as_ref().is_none_or(settled);
        let (Some(to), Some(known)) = (self.current, self.rooms.get(&room)) else { return };
        let told = self.unanswered.contains_key(&room);
        if calm && known.release != to && !told && !self.strays.stays(room, self.config.tries_max) {
            let order = Order::Move { deploy: DeployId::NONE, room, to, at_once: false };
            self.out.push_back(DirectorEffect::Order(Target::Shard(known.shard), order));
            self.unanswered.insert(room, DeployId::NONE);
        }
    }

    /// The same for every room.
    pub(super) fn bring_all_home(&mut self) {
        if self.counts.keys().all(|release| Some(*release) == self.current) {
            return;
        }
        let ids: Vec<RoomId> = self.rooms.keys().copied().collect();
        ids.into_iter().for_each(|room| self.bring_home(room));
    }

    /// A room that was told to come home is still where it was.
    pub(super) fn homecoming_failed(&mut self, room: RoomId, blame: Blame) {
        match blame {
            Blame::Release => self.strays.decline(room),
            Blame::Circumstance => {
                *self.strays.failed.entry(room).or_default() += 1;
                self.bring_home(room);
            }
        }
    }
}
