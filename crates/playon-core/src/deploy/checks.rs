//! The check of a deploy: before anything moves, copies of rooms are opened on the new release.
//!
//! | rooms | which is tried | if it cannot be |
//! |---|---|---|
//! | in memory, of each kind, version and release | one that is live, else one that has no worker just then | that it is not live counts for nothing |
//! | at rest, of each kind, version and release that wrote them, as far as the release says that it reads them | the first of [`SLEEPERS_PER_GROUP`] that can be read | it is counted, and so is a group of which none was tried |
//!
//! A copy that does not open ends the deploy. A way back goes on: it is not held up by rooms that the release being left cannot
//! run, nor by any that nobody is in.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use playon_types::ids::{DeployId, ReleaseId, RoomId};
use playon_types::kind::Declared;
use playon_types::reason::Reason;
use playon_types::record::{DeployPhase, DeployRecord};
use playon_types::time::Time;

use crate::effect::{Cost, Order, Unprobed};
use crate::mutant::{Mutant, broken};

use super::director::{Director, DirectorEffect, Known, Target};
use super::rests::Resting;

/// Groups of rooms at rest of which a deploy tries one each; the newest versions of each kind first. Of further ones it is counted
/// that they were not tried.
pub const RESTING_GROUPS_MAX: usize = 16;

/// Rooms of a group that are looked for in the store: one is tried, the next one if that cannot be read.
pub const SLEEPERS_PER_GROUP: usize = 4;

/// What a deploy looks for in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// The deploy.
    pub deploy: DeployId,
    /// The release that it ships.
    pub to: ReleaseId,
    /// What that says about its kinds.
    pub kinds: Vec<Declared>,
}

impl Search {
    /// Of what rests, that which the release reads, in the order in which it is to be tried: each version of each kind once, newest
    /// first, then the others. What it wrote itself is not among it.
    pub fn groups(&self, rests: impl IntoIterator<Item = Resting>) -> Vec<Resting> {
        let reads = |rest: &Resting| {
            let mut kinds = self.kinds.iter();
            kinds.any(|kind| kind.name == rest.kind && kind.reads(rest.version))
        };
        let mut versions: BTreeMap<String, BTreeMap<Reverse<u32>, BTreeSet<ReleaseId>>> =
            BTreeMap::new();
        for rest in rests.into_iter().filter(|rest| rest.release != self.to && reads(rest)) {
            let of_kind = versions.entry(rest.kind).or_default();
            of_kind.entry(Reverse(rest.version)).or_default().insert(rest.release);
        }
        let mut ranked = Vec::new();
        for (kind, versions) in versions {
            for (age, (Reverse(version), releases)) in versions.into_iter().enumerate() {
                for (nth, release) in releases.into_iter().enumerate() {
                    ranked.push((nth, age, Resting { kind: kind.clone(), version, release }));
                }
            }
        }
        ranked.sort();
        ranked.into_iter().map(|(.., rest)| rest).collect()
    }
}

/// A room at rest that may be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sleeper {
    /// The room.
    pub room: RoomId,
    /// The shard that it belongs to.
    pub shard: u16,
    /// Its name, or empty.
    pub name: String,
    /// What it needs of a release.
    pub need: Resting,
}

/// What was found for a [`Search`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sleepers {
    /// All groups that the release reads.
    pub groups: u64,
    /// Rooms of the first [`RESTING_GROUPS_MAX`] of them, at most [`SLEEPERS_PER_GROUP`] of each.
    pub rooms: Vec<Sleeper>,
}

/// A room at rest of which a copy is being opened, and the others of its group.
#[derive(Debug)]
struct Trial {
    sleeper: Sleeper,
    others: Vec<Sleeper>,
}

/// What a deploy waits for before it moves anything.
#[derive(Debug, Default)]
pub(super) struct Checks {
    /// Rooms in memory of which a copy is being opened.
    rooms: BTreeSet<RoomId>,
    /// Rooms at rest.
    sleepers: BTreeMap<RoomId, Trial>,
    /// The shell looks for rooms at rest.
    looking: bool,
    /// Why the first copy did not open.
    unopened: Option<String>,
}

impl Checks {
    /// Copies of these rooms are being opened.
    pub(super) fn of(rooms: impl Iterator<Item = RoomId>) -> Self {
        Self { rooms: rooms.collect(), ..Self::default() }
    }

    /// Rooms in memory that it waits for.
    pub(super) fn in_memory(&self) -> usize {
        self.rooms.len()
    }

    /// Rooms at rest that are tried or may be.
    pub(super) fn at_rest(&self) -> usize {
        self.sleepers.values().map(|trial| 1 + trial.others.len()).sum()
    }

    fn is_done(&self) -> bool {
        self.rooms.is_empty() && self.sleepers.is_empty() && !self.looking
    }

    /// A room has left memory. Tells whether it was waited for.
    pub(super) fn forget(&mut self, room: RoomId) -> bool {
        self.rooms.remove(&room)
    }

    /// Nothing is waited for any more.
    pub(super) fn give_up(&mut self) {
        let unopened = self.unopened.take();
        *self = Self { unopened, ..Self::default() };
    }

    /// What is missing, in words.
    pub(super) fn missing(&self) -> String {
        let room = self.rooms.first().map(|room| format!("room {room}"));
        let sleeper = || self.sleepers.values().next().map(|trial| describe(&trial.sleeper));
        match room.or_else(sleeper) {
            Some(one) => format!("{one} is missing"),
            None => "what is at rest was not found".to_owned(),
        }
    }
}

fn describe(sleeper: &Sleeper) -> String {
    let Sleeper { room, name, need, .. } = sleeper;
    let named = if name.is_empty() { String::new() } else { format!(", named {name}") };
    format!("room {room} of kind {}{named}, at rest", need.kind)
}

/// Of rooms that have the same to be checked: whether it has no worker, its faults, the room and its shard. The least is tried.
type Sample = (bool, u32, RoomId, u16);

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
        for (unheld, _, room, shard) in samples {
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
            let sample = (!known.live, known.faults, *room, known.shard);
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
            rollout.checks.sleepers.insert(room, Trial { sleeper, others: others.clone() });
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
                let which = trial.map_or(format!("room {room}{of_kind}"), |t| describe(&t.sleeper));
                let reason = format!("{which} could not be opened on the new release: {reason}");
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

#[cfg(test)]
mod tests {
    use super::*;
    use playon_types::kind::OnDeploy;
    use playon_types::time::Span;

    fn rest(kind: &str, version: u32, release: u8) -> Resting {
        Resting { kind: kind.into(), version, release: ReleaseId([release; 32]) }
    }

    #[test]
    fn each_version_of_each_kind_comes_before_a_second_release_of_one() {
        let declared = |name: &str, reads_from| Declared {
            name: name.into(),
            writes: 3,
            reads_from,
            exports_to: 3,
            on_deploy: OnDeploy::Now,
            expire: Span::ZERO,
            probation: None,
        };
        let kinds = vec![declared("duel", 2), declared("lobby", 1)];
        let search = Search { deploy: DeployId(1), to: ReleaseId([9; 32]), kinds };
        let rests = [
            rest("duel", 1, 1),
            rest("duel", 2, 2),
            rest("duel", 3, 3),
            rest("duel", 3, 4),
            rest("duel", 3, 9),
            rest("lobby", 1, 1),
            rest("gone", 1, 1),
        ];
        let wanted =
            [rest("duel", 3, 3), rest("lobby", 1, 1), rest("duel", 2, 2), rest("duel", 3, 4)];
        assert_eq!(search.groups(rests), wanted);
    }
}
