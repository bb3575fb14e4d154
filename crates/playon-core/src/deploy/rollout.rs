//! The rollout: one deploy, phase by phase.
//!
//! | phase | ends when | at most | and if not |
//! |---|---|---|---|
//! | `Starting` | a worker of the new release attaches | `attach_timeout` | reverted, nothing has moved |
//! | `Checking` | copies of rooms in memory and at rest have opened there, see `checks` | `check_timeout` | reverted; a way back goes on |
//! | `Moving` | every room has answered | as long as a worker of the release comes back within `attach_timeout` | stopped |
//!
//! `Moving` begins with a stored decision: from then on a keeper that comes back goes on with the deploy; before it, a
//! deploy that is cut off has moved nothing and is reverted.

use std::collections::{BTreeMap, BTreeSet};

use playon_types::ids::{ReleaseId, RoomId};
use playon_types::reason::Reason;
use playon_types::record::{DeployPhase, DeployRecord, Watch};
use playon_types::time::{Span, Time};

use crate::effect::{Aside, Blame, Cost, Order, Report};
use crate::mutant::{Mutant, broken};

use super::checks::Checks;
use super::director::{Director, DirectorConfig, DirectorEffect, Target};
use super::mover::Errand;

/// How far a deploy is, is stored at most this often; what happens between two times is counted from the rooms.
const KEPT_EVERY: Span = Span::millis(500);

/// What comes after a phase that does not end by itself.
struct Rule {
    /// How long the phase may take.
    most: fn(&DirectorConfig) -> Span,
    /// What it turns into then.
    fails_to: DeployPhase,
    /// Why.
    late: &'static str,
}

/// The table above. Final phases have no rule.
const fn rule(phase: DeployPhase) -> Option<Rule> {
    match phase {
        DeployPhase::Starting => Some(Rule {
            most: |config| config.attach_timeout,
            fails_to: DeployPhase::Reverted,
            late: "PLY-0302 no worker of the new release attached in time",
        }),
        DeployPhase::Checking => Some(Rule {
            most: |config| config.check_timeout,
            fails_to: DeployPhase::Reverted,
            late: "PLY-0310 the copies of rooms were not opened in time",
        }),
        DeployPhase::Moving => Some(Rule {
            most: |config| config.attach_timeout,
            fails_to: DeployPhase::Stopped,
            late: "PLY-0302 the workers of the new release did not come back",
        }),
        _ => None,
    }
}

/// A deploy under way, or the last one.
#[derive(Debug)]
pub(super) struct Rollout {
    record: DeployRecord,
    deadline: Option<Time>,
    /// Copies that are being opened.
    pub(super) checks: Checks,
    /// Rooms that were told to move, with the tries that failed.
    ordered: BTreeMap<RoomId, u32>,
    /// Rooms that wait for the end of their round, and until when.
    in_round: BTreeMap<RoomId, Time>,
    staying: BTreeSet<RoomId>,
    left: BTreeSet<RoomId>,
    /// An earlier keeper had begun it: which of its rooms have moved is not known before all are listed.
    recount: bool,
    /// When it was last stored; what cannot be counted again is stored at once.
    kept_at: Option<Time>,
}

impl Rollout {
    fn new(record: DeployRecord, deadline: Option<Time>) -> Self {
        Self {
            left: record.left_rooms.iter().map(|left| left.room).collect(),
            record,
            deadline,
            checks: Checks::default(),
            ordered: BTreeMap::new(),
            in_round: BTreeMap::new(),
            staying: BTreeSet::new(),
            recount: false,
            kept_at: None,
        }
    }

    /// A deploy that a keeper before this one had begun.
    pub(super) fn resumed(mut record: DeployRecord) -> Self {
        record.restarts += 1;
        // Rooms that stay are asked again, as nothing is stored of each.
        (record.staying, record.waiting, record.in_round) = (0, 0, 0);
        record.in_round_until = None;
        Self { recount: true, ..Self::new(record, None) }
    }

    pub(super) const fn record(&self) -> &DeployRecord {
        &self.record
    }

    pub(super) fn note_watch(&mut self, watch: Watch) {
        self.record.watch = Some(watch);
    }

    pub(super) const fn is_going(&self) -> bool {
        !self.record.phase.is_final()
    }

    pub(super) const fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    /// Rooms it waits for.
    pub(super) fn size(&self) -> usize {
        self.ordered.len() + self.checks.in_memory()
    }

    /// Rooms at rest that are tried, or may be.
    pub(super) fn sleepers(&self) -> usize {
        self.checks.at_rest()
    }

    /// Copies of these rooms are opened, within that time.
    pub(super) fn begin_checks(
        &mut self,
        latest: Option<Time>,
        rooms: impl Iterator<Item = RoomId>,
    ) {
        self.record.phase = DeployPhase::Checking;
        self.deadline = latest;
        self.checks = Checks::of(rooms);
    }

    /// A copy has opened.
    pub(super) fn note_checked(&mut self, at_rest: bool, cost: Cost) {
        if at_rest {
            self.record.checked_at_rest += 1;
            self.record.untried_at_rest = self.record.untried_at_rest.saturating_sub(1);
        } else {
            self.record.checked += 1;
            self.record.predicted = self.record.predicted.max(cost.took);
        }
    }

    /// So many groups of rooms at rest are to be tried.
    pub(super) const fn note_groups(&mut self, groups: u64) {
        self.record.untried_at_rest = groups;
    }

    /// A room at rest is damaged.
    pub(super) const fn note_damaged(&mut self) {
        self.record.damaged_at_rest += 1;
    }

    pub(super) const fn errand(&self) -> Errand {
        Errand {
            deploy: self.record.id,
            to: self.record.to,
            at_once: self.record.at_once,
            since: self.record.moving_since,
        }
    }

    /// From now on rooms move in the middle of a round if need be. Tells whether that is new.
    pub(super) fn hurry(&mut self) -> bool {
        self.in_round.clear();
        (self.record.in_round, self.record.in_round_until) = (0, None);
        !std::mem::replace(&mut self.record.at_once, true)
    }

    /// Rooms that were told to move, or are about to be.
    pub(super) fn waits_for(&self) -> impl Iterator<Item = RoomId> {
        self.ordered.keys().copied()
    }

    /// Whether that room was.
    pub(super) fn awaits(&self, room: RoomId) -> bool {
        self.ordered.contains_key(&room)
    }

    /// Rooms that have been counted as staying, as far as `meant`, are waited for again.
    pub(super) fn tell_staying(&mut self, meant: impl Fn(&RoomId) -> bool) -> Vec<RoomId> {
        let told: Vec<RoomId> = self.staying.extract_if(.., |room| meant(room)).collect();
        self.ordered.extend(told.iter().map(|room| (*room, 0)));
        self.record.staying = self.staying.len() as u64;
        self.record.waiting = self.ordered.len() as u64;
        told
    }

    /// A room is told to move.
    fn tell(&mut self, room: RoomId) {
        self.ordered.insert(room, 0);
        self.record.waiting = self.ordered.len() as u64;
        if !self.recount {
            self.record.rooms += 1;
        }
    }

    /// The room is not in the way any more. Tells whether it was.
    fn settle(&mut self, room: RoomId) -> bool {
        let was = self.ordered.remove(&room).is_some();
        self.record.waiting = self.ordered.len() as u64;
        self.note_round(room, None);
        was
    }

    fn note_round(&mut self, room: RoomId, until: Option<Time>) {
        match until {
            Some(until) => _ = self.in_round.insert(room, until),
            None => _ = self.in_round.remove(&room),
        }
        self.record.in_round = self.in_round.len() as u64;
        self.record.in_round_until = self.in_round.values().max().copied();
    }

    /// All rooms are listed: those that were told and are not told again have moved, or are counted otherwise.
    fn count_again(&mut self) {
        if !std::mem::take(&mut self.recount) {
            return;
        }
        let record = &mut self.record;
        let elsewhere = self.ordered.len() as u64 + self.staying.len() as u64;
        let known = record.gone + record.left + elsewhere;
        if !broken(Mutant::MovesUncounted) {
            record.moved = record.moved.max(record.rooms.saturating_sub(known));
        }
        record.rooms = record.moved + known;
    }

    /// News that change what the deploy promises.
    fn count(&mut self, report: &Report) {
        let numbers = &mut self.record.numbers;
        match report {
            Report::InputsLost { inputs, .. } => {
                numbers.inputs_lost = numbers.inputs_lost.saturating_add(*inputs);
            }
            Report::SetAside { what: Aside::Input(_), .. } => numbers.inputs_set_aside += 1,
            Report::Miscounted { twice, missing, .. } => {
                numbers.inputs_applied_twice += twice;
                numbers.inputs_lost = numbers.inputs_lost.saturating_add(*missing);
            }
            Report::Moved { late: true, .. } | Report::Thawed { late: true, .. } => {
                numbers.pauses_over_budget += 1;
            }
            _ => {}
        }
    }
}

impl Director {
    /// A deploy begins.
    pub(super) fn begin_rollout(&mut self, now: Time, record: DeployRecord) {
        let rollout = Rollout::new(record, self.latest(now, DeployPhase::Starting));
        let record = rollout.record.clone();
        self.rollout = Some(rollout);
        self.out.push_back(DirectorEffect::Store { record, current: self.current });
        self.update_demand(now);
        self.begin_if_attached(now);
    }

    /// When a phase that begins now has taken too long.
    pub(super) fn latest(&self, now: Time, phase: DeployPhase) -> Option<Time> {
        rule(phase).map(|rule| now + (rule.most)(&self.config))
    }

    /// What is counted is counted while a deploy is under way.
    pub(super) fn count_for_deploy(&mut self, report: &Report) {
        if let Some(rollout) = self.rollout.as_mut().filter(|rollout| rollout.is_going()) {
            rollout.count(report);
        }
    }

    /// While rooms move, a new release without any worker has so long to come back.
    pub(super) fn await_target(&mut self, now: Time) {
        let latest = self.latest(now, DeployPhase::Moving);
        let Some(rollout) = &mut self.rollout else { return };
        if rollout.record.phase == DeployPhase::Moving {
            let there = self.workers.values().any(|release| *release == rollout.record.to);
            rollout.deadline = rollout.deadline.or(latest).filter(|_| !there);
        }
    }

    /// Every copy has been tried: the decision is stored, then rooms move.
    pub(super) fn begin_moving(&mut self, now: Time) {
        let since = self.aged(now);
        let Some(rollout) = self.rollout.as_mut() else { return };
        let to = rollout.record.to;
        rollout.record.phase = DeployPhase::Moving;
        rollout.record.moving_since = Some(since);
        rollout.deadline = None;
        self.current = Some(to);
        self.tell_rooms();
        let Some(rollout) = &self.rollout else { return };
        let record = rollout.record.clone();
        self.out.push_back(DirectorEffect::Store { record, current: Some(to) });
        self.out.push_back(DirectorEffect::Order(Target::All, Order::Prefer(to)));
        self.out.push_back(DirectorEffect::Order(Target::All, Order::BringHome(true)));
        self.begin_probation();
        self.finish_if_settled(now);
    }

    /// Every room that is elsewhere is told to move; the mover paces it.
    fn tell_rooms(&mut self) {
        let ids: Vec<RoomId> = self.rooms.keys().copied().collect();
        ids.into_iter().for_each(|room| self.tell_room(room));
    }

    /// Every room there is has been listed: a deploy begins, or one that an earlier keeper had begun goes on with all of them.
    pub(super) fn go_on_with_rollout(&mut self, now: Time) {
        self.begin_if_attached(now);
        if self.rollout.as_ref().is_none_or(|rollout| !rollout.recount) {
            return;
        }
        self.tell_rooms();
        if let Some(rollout) = &mut self.rollout {
            rollout.count_again();
            self.out.push_back(DirectorEffect::Keep(rollout.record.clone()));
        }
        self.finish_if_settled(now);
    }

    /// A room has appeared. If it is told, that is stored before it can have moved.
    pub(super) fn tell_new_room(&mut self, room: RoomId) {
        let told = self.rollout.as_ref().map(|rollout| rollout.record.rooms);
        self.tell_room(room);
        if let Some(rollout) = self.rollout.as_ref().filter(|r| Some(r.record.rooms) != told) {
            self.out.push_back(DirectorEffect::Keep(rollout.record.clone()));
        }
    }

    /// A room that is not on the new release while rooms move is told to. So is one that may be on its way
    /// elsewhere, by an order that it has not answered: what is known of it may be out of date.
    pub(super) fn tell_room(&mut self, room: RoomId) {
        let (Some(rollout), Some(known)) = (&mut self.rollout, self.rooms.get(&room)) else {
            return;
        };
        // What an earlier keeper had told cannot be told from what is new before all rooms are known.
        let elsewhere = known.release != rollout.record.to || self.mover.is_told(room);
        let stray = rollout.record.phase == DeployPhase::Moving
            && self.rooms_known
            && elsewhere
            && !rollout.staying.contains(&room)
            && !rollout.left.contains(&room)
            && !rollout.ordered.contains_key(&room);
        if stray {
            rollout.tell(room);
            self.mover.push(room, rollout.errand());
        }
    }

    /// The answers to orders of a deploy.
    pub(super) fn handle_answer(&mut self, now: Time, report: &Report) {
        let (deploy, room) = match report {
            Report::Moved { deploy, room, .. }
            | Report::Staying { deploy, room }
            | Report::MoveFailed { deploy, room, .. }
            | Report::Waiting { deploy, room, .. } => (*deploy, *room),
            _ => return,
        };
        let Some(rollout) = self.rollout.as_mut().filter(|r| r.record.id == deploy) else { return };
        if !rollout.is_going() {
            return;
        }
        match report {
            Report::Moved { .. } => {
                if rollout.ordered.contains_key(&room) {
                    rollout.record.moved += 1;
                }
                self.room_settled(now, room);
            }
            Report::Staying { .. } => {
                // Otherwise it answers a check: it is gone, or about to be.
                if rollout.ordered.contains_key(&room) {
                    rollout.staying.insert(room);
                    rollout.record.staying = rollout.staying.len() as u64;
                }
                self.room_settled(now, room);
            }
            Report::MoveFailed { reason, blame, .. } => {
                self.handle_move_failed(now, room, reason, *blame);
            }
            // One that is in a hurry meanwhile has been told not to wait.
            Report::Waiting { until, .. } if rollout.awaits(room) && !rollout.record.at_once => {
                rollout.note_round(room, Some(*until));
                self.out.push_back(DirectorEffect::Progress(rollout.record.clone()));
            }
            _ => {}
        }
    }

    /// A room has left memory.
    pub(super) fn handle_gone(&mut self, now: Time, room: RoomId) {
        if let Some(rollout) = &mut self.rollout
            && rollout.ordered.contains_key(&room)
        {
            rollout.record.gone += 1;
            rollout.kept_at = None;
        }
        self.room_settled(now, room);
    }

    /// The room is not in the way any more.
    fn room_settled(&mut self, now: Time, room: RoomId) {
        let Some(rollout) = &mut self.rollout else { return };
        let was_checked = rollout.checks.forget(room);
        if rollout.settle(room) {
            self.show_progress(now);
            self.finish_if_settled(now);
        } else if was_checked {
            self.move_if_checked(now);
        }
    }

    /// Whoever looks sees how far it is; every so often that is stored, too.
    fn show_progress(&mut self, now: Time) {
        let Some(rollout) = self.rollout.as_mut().filter(|rollout| rollout.is_going()) else {
            return;
        };
        let record = rollout.record.clone();
        let kept = rollout.kept_at.filter(|at| now.since(*at) < KEPT_EVERY);
        self.out.push_back(if kept.is_none() {
            rollout.kept_at = Some(now);
            DirectorEffect::Keep(record)
        } else {
            DirectorEffect::Progress(record)
        });
    }

    fn handle_move_failed(&mut self, now: Time, room: RoomId, reason: &Reason, blame: Blame) {
        let tries_max = self.config.tries_max;
        let Some(rollout) = &mut self.rollout else { return };
        if rollout.record.phase != DeployPhase::Moving {
            return;
        }
        rollout.record.faults += 1;
        rollout.note_round(room, None);
        let errand = rollout.errand();
        let Some(failed) = rollout.ordered.get_mut(&room) else { return };
        *failed += 1;
        if blame == Blame::Circumstance && *failed < tries_max && self.rooms.contains_key(&room) {
            self.mover.push(room, errand);
        } else if rollout.record.course.leaves_behind() {
            rollout.left.insert(room);
            rollout.kept_at = None;
            rollout.record.leave(room, &reason.to_string());
            self.mover.decline(room);
            self.room_settled(now, room);
        } else {
            let reason = format!("room {room} could not be moved: {reason}");
            self.end_rollout(now, DeployPhase::Stopped, Some(reason));
        }
    }

    fn finish_if_settled(&mut self, now: Time) {
        let Some(rollout) = &self.rollout else { return };
        let settled = self.rooms_known && rollout.ordered.is_empty();
        if rollout.record.phase != DeployPhase::Moving || !settled {
            return;
        }
        if rollout.record.left == 0 {
            return self.end_rollout(now, DeployPhase::Done, None);
        }
        let (left, of) = (rollout.record.left, rollout.record.rooms);
        let reason = format!("PLY-0311 {left} of {of} rooms could not go and stay where they are");
        self.end_rollout(now, DeployPhase::Partial, Some(reason));
    }

    /// The executable of the new release cannot be run.
    pub(super) fn rollout_broken(&mut self, now: Time, release: ReleaseId, reason: &str) {
        let Some(rollout) = self.rollout.as_ref().filter(|rollout| rollout.is_going()) else {
            return;
        };
        if rollout.record.to == release
            && let Some(rule) = rule(rollout.record.phase)
        {
            self.end_rollout(now, rule.fails_to, Some(reason.to_owned()));
        }
    }

    /// The deploy ends. One that failed while it moved rooms leaves those where they are; new ones go where they went
    /// before it, unless that is what it leads away from.
    pub(super) fn end_rollout(&mut self, now: Time, phase: DeployPhase, reason: Option<String>) {
        let Some(rollout) = &mut self.rollout else { return };
        let id = rollout.record.id;
        let decided = rollout.record.phase == DeployPhase::Moving;
        let checked = rollout.record.phase == DeployPhase::Checking;
        let leaves_behind = rollout.record.course.leaves_behind();
        rollout.record.phase = phase;
        rollout.record.reason = reason.or(rollout.record.reason.take());
        rollout.deadline = None;
        rollout.checks.give_up();
        if phase == DeployPhase::Stopped && !leaves_behind {
            self.current = rollout.record.from.or(self.current);
        }
        if phase == DeployPhase::Done {
            self.start_probation_clock(now);
        }
        let Some(rollout) = &self.rollout else { return };
        let record = rollout.record.clone();
        self.past.retain(|past| past.id != id);
        self.past.push_front(record.clone());
        self.past.truncate(super::director::DEPLOYS_REMEMBERED);
        self.mover.cancel(id);
        self.out.push_back(DirectorEffect::Store { record, current: self.current });
        if decided && phase != DeployPhase::Done {
            let cancel = Order::CancelMoves { deploy: id };
            self.out.push_back(DirectorEffect::Order(Target::All, cancel));
            if let Some(current) = self.current {
                self.out.push_back(DirectorEffect::Order(Target::All, Order::Prefer(current)));
            }
            self.end_probation();
        }
        if checked {
            let cancel = Order::CancelProbes { deploy: id };
            self.out.push_back(DirectorEffect::Order(Target::All, cancel));
        }
        let home = Order::BringHome(self.may_bring_home());
        self.out.push_back(DirectorEffect::Order(Target::All, home));
        if phase != DeployPhase::Superseded {
            self.bring_all_home();
        }
        self.update_demand(now);
    }

    pub(super) fn rollout_timed_out(&mut self, now: Time) {
        let due = |rollout: &&mut Rollout| rollout.deadline.is_some_and(|at| at <= now);
        let Some(rollout) = self.rollout.as_mut().filter(due) else { return };
        let phase = rollout.record.phase;
        if phase == DeployPhase::Checking && rollout.record.course.leaves_behind() {
            // A room of the release that is being left may not come to rest for long enough to be copied.
            rollout.checks.give_up();
            rollout.deadline = None;
            return self.move_if_checked(now);
        }
        let known = self.rooms_known;
        match rule(phase) {
            // Rooms are still being read back.
            Some(rule) if !known => rollout.deadline = Some(now + (rule.most)(&self.config)),
            Some(rule) => {
                let late = match phase {
                    DeployPhase::Checking => format!("{}: {}", rule.late, rollout.checks.missing()),
                    _ => rule.late.to_owned(),
                };
                self.end_rollout(now, rule.fails_to, Some(late));
            }
            None => rollout.deadline = None,
        }
    }
}
