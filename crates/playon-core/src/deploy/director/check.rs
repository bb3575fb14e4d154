//! What the director does for the checks of a deploy.

use std::collections::BTreeMap;

use playon_types::ids::{DeployId, ReleaseId, RoomId};
use playon_types::reason::Reason;
use playon_types::record::{DeployPhase, DeployRecord};
use playon_types::time::Time;

use crate::deploy::checks::{
    RESTING_GROUPS_MAX, SLEEPERS_PER_GROUP, Search, Sleeper, SleeperTrial, Sleepers, describe,
};
use crate::deploy::effect::{DirectorEffect, Target};
use crate::deploy::rests::Resting;
use crate::effect::{Cost, Order, Unprobed};
use crate::mutant::{Mutant, broken};

use super::Director;
use super::known::Known;

/// Of rooms that have the same to be checked: whether it has no worker, and does not come up where it is, its faults, the room and its
/// shard. The least is tried.
type Sample = (bool, bool, u32, RoomId, u16);

impl Director {
    /// A worker of the new release is there, and all rooms are known: copies are opened on it.
    pub(super) fn begin_if_attached(&mut self, now: Time) {
        let latest = self.latest(now, DeployPhase::Checking);
        let Some(rollout) = &self.rollout else { return };
        let DeployRecord { id: deploy, to, phase, course, .. } = *rollout.record();
        let there = self.workers.values().any(|release| *release == to);
        if phase != DeployPhase::Starting || !there || !self.rooms_known {
            return;
        }
        let samples = self.samples(to, course.leaves_behind());
        let looking = !course.leaves_behind() && !broken(Mutant::SleepersUnchecked);
        let kinds = self.declared.get(&to).cloned().unwrap_or_default();
        let Some(rollout) = &mut self.rollout else { return };
        rollout.begin_checks(latest, samples.iter().map(|(.., room, _)| *room));
        for (unheld, _, _, room, shard) in samples {
            let order = if unheld {
                Order::Probe { deploy, room, to }
            } else {
                Order::Check { deploy, room, to }
            };
            self.out.push_back(DirectorEffect::Order(Target::Shard(shard), order));
        }
        if looking {
            rollout.checks.looking = true;
            self.out.push_back(DirectorEffect::FindSleepers(Search { deploy, to, kinds }));
        }
        self.out.push_back(DirectorEffect::Progress(rollout.record().clone()));
        self.move_if_checked(now);
    }

    /// Of rooms in memory that have the same to be checked one, live if there is such a one, and the one that fails least often. A
    /// way back is spared those that are not live or fail.
    fn samples(&self, to: ReleaseId, spared: bool) -> Vec<Sample> {
        let mut samples: BTreeMap<(&str, ReleaseId, u32), Sample> = BTreeMap::new();
        let reads = |known: &Known| {
            let kinds = self.declared.get(&to);
            let mut kinds = kinds.into_iter().flatten();
            kinds.any(|kind| kind.name == known.kind && kind.reads(known.version))
        };
        let tried = |known: &Known| match (known.live, spared) {
            (true, spared) => !(spared && known.faults > 0),
            (false, true) => false,
            // If an older version is to be written of it there is perhaps nobody just then who does.
            (false, false) => reads(known) || !self.has_way(known, to),
        };
        let elsewhere = self.rooms.iter().filter(|(_, known)| known.release != to && tried(known));
        for (room, known) in elsewhere {
            let sample = (!known.live, known.ails, known.faults, *room, known.shard);
            samples
                .entry((&known.kind, known.release, known.version))
                .and_modify(|best| *best = sample.min(*best))
                .or_insert(sample);
        }
        samples.into_values().collect()
    }

    /// What rests that the deploy may be checked with; or why that cannot be found out now.
    pub fn handle_sleepers(
        &mut self,
        now: Time,
        deploy: DeployId,
        found: Result<Sleepers, String>,
    ) {
        let Some(rollout) = self.rollout.as_mut().filter(|r| r.record().id == deploy) else {
            return;
        };
        if !std::mem::take(&mut rollout.checks.looking) {
            return;
        }
        let Sleepers { groups, rooms } = match found {
            Ok(found) => found,
            Err(why) => {
                let reason = format!("PLY-0580 what is at rest cannot be looked through: {why}");
                return self.end_rollout(now, DeployPhase::Reverted, Some(reason));
            }
        };
        rollout.note_groups(groups);
        let mut trials: BTreeMap<Resting, Vec<Sleeper>> = BTreeMap::new();
        // One that has woken meanwhile is in memory, like others.
        for sleeper in rooms.into_iter().filter(|found| !self.rooms.contains_key(&found.room)) {
            let known = trials.len();
            match trials.get_mut(&sleeper.need) {
                Some(group) if group.len() < SLEEPERS_PER_GROUP => group.push(sleeper),
                None if known < RESTING_GROUPS_MAX => {
                    trials.insert(sleeper.need.clone(), vec![sleeper]);
                }
                _ => {}
            }
        }
        trials.into_values().for_each(|group| self.try_sleeper(group));
        self.move_if_checked(now);
    }

    /// A copy of the first of them is opened.
    fn try_sleeper(&mut self, mut group: Vec<Sleeper>) {
        let Some(rollout) = &mut self.rollout else { return };
        if group.is_empty() {
            return;
        }
        let others = group.split_off(1);
        for sleeper in group {
            let DeployRecord { id: deploy, to, .. } = *rollout.record();
            let (room, shard) = (sleeper.room, Target::Shard(sleeper.shard));
            let order = Order::Probe { deploy, room, to };
            self.out.push_back(DirectorEffect::Order(shard, order));
            rollout.checks.sleepers.insert(room, SleeperTrial { sleeper, others: others.clone() });
        }
    }

    pub(super) fn handle_checked(
        &mut self,
        now: Time,
        deploy: DeployId,
        room: RoomId,
        result: &Result<Cost, Reason>,
    ) {
        let kind = self.rooms.get(&room).map(|known| known.kind.clone());
        let (ails, doubtful) = (self.ails(room), self.is_doubtful(room));
        let Some(rollout) = self.rollout.as_mut().filter(|r| r.record().id == deploy) else {
            return;
        };
        let trial = rollout.checks.sleepers.remove(&room);
        if trial.is_none() && !rollout.checks.rooms.remove(&room) {
            return;
        }
        match result {
            Ok(cost) => rollout.note_checked(trial.is_some(), *cost),
            Err(reason) => {
                let of_kind = kind.map_or(String::new(), |kind| format!(" of kind {kind}"));
                let in_memory = trial.is_none() && !rollout.record().course.leaves_behind();
                let which = trial.map_or(format!("room {room}{of_kind}"), |t| describe(&t.sleeper));
                let reason = format!("{which} could not be opened on the new release: {reason}");
                if in_memory && doubtful {
                    // Waited for until it is known.
                    rollout.checks.rooms.insert(room);
                    return rollout.doubts.raise(now, room, reason);
                }
                if in_memory && ails {
                    // Nor does the one that it is on open it: when the others move it is left.
                    return self.move_if_checked(now);
                }
                if !rollout.record().course.leaves_behind() {
                    return self.end_rollout(now, DeployPhase::Reverted, Some(reason));
                }
                rollout.checks.unopened.get_or_insert(reason);
            }
        }
        self.move_if_checked(now);
    }

    /// No copy of the room was opened, through no fault of the release: another one of its group is tried.
    pub(super) fn handle_not_probed(
        &mut self,
        now: Time,
        deploy: DeployId,
        room: RoomId,
        why: Unprobed,
    ) {
        let Some(rollout) = self.rollout.as_mut().filter(|r| r.record().id == deploy) else {
            return;
        };
        if let Some(trial) = rollout.checks.sleepers.remove(&room) {
            if why == Unprobed::Damaged {
                rollout.note_damaged();
            }
            self.try_sleeper(trial.others);
        } else if !rollout.checks.rooms.remove(&room) {
            return;
        }
        self.move_if_checked(now);
    }

    /// Every copy has been tried: the deploy goes on.
    pub(super) fn move_if_checked(&mut self, now: Time) {
        let Some(rollout) = self.rollout.as_mut() else { return };
        if rollout.record().phase != DeployPhase::Checking || !rollout.checks.is_done() {
            return;
        }
        // A way back goes on as long as there is any room that can take it.
        let none = rollout.record().checked == 0;
        if let Some(reason) = rollout.checks.unopened.take_if(|_| none) {
            return self.end_rollout(now, DeployPhase::Reverted, Some(reason));
        }
        self.begin_moving(now);
    }
}
