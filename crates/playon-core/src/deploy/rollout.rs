//! The rollout: one deploy, phase by phase.
//!
//! | phase | ends when | at most | and if not |
//! |---|---|---|---|
//! | `Starting` | a worker of the new release attaches | `attach_timeout` | reverted, nothing has moved |
//! | `Checking` | copies of rooms in memory and at rest have opened there, see `checks` | `check_timeout` | reverted; a way back goes on |
//! | `Moving` | every room has answered, see `doubts` | as long as a worker of the release comes back within `attach_timeout` | stopped |
//!
//! `Moving` begins with a stored decision: from then on a keeper that comes back goes on with the deploy; before it, a
//! deploy that is cut off has moved nothing and is reverted.

use std::collections::{BTreeMap, BTreeSet};

use playon_types::ids::RoomId;
use playon_types::record::{DeployPhase, DeployRecord, Watch};
use playon_types::time::{Span, Time};

use crate::effect::{Aside, Cost, Report};
use crate::mutant::{Mutant, broken};

use super::checks::Checks;
use super::config::DirectorConfig;
use super::doubts::Doubts;
use super::mover::MoveErrand;

/// How far a deploy is, is stored at most this often; what happens between two times is counted from the rooms.
pub(super) const KEPT_EVERY: Span = Span::millis(500);

/// What comes after a phase that does not end by itself.
pub(super) struct Rule {
    /// How long the phase may take.
    pub(super) most: fn(&DirectorConfig) -> Span,
    /// What it turns into then.
    pub(super) fails_to: DeployPhase,
    /// Why.
    pub(super) late: &'static str,
}

/// The table above. Final phases have no rule.
pub(super) const fn rule(phase: DeployPhase) -> Option<Rule> {
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
    pub(super) record: DeployRecord,
    pub(super) deadline: Option<Time>,
    /// Copies that are being opened.
    pub(super) checks: Checks,
    /// Rooms that could not be opened, perhaps through their own fault.
    pub(super) doubts: Doubts,
    /// Rooms that were told to move, with the tries that failed.
    pub(super) ordered: BTreeMap<RoomId, u32>,
    /// Rooms that wait for the end of their round, and until when.
    in_round: BTreeMap<RoomId, Time>,
    pub(super) staying: BTreeSet<RoomId>,
    pub(super) left: BTreeSet<RoomId>,
    /// An earlier keeper had begun it: which of its rooms have moved is not known before all are listed.
    pub(super) recount: bool,
    /// How the last worker of the new release ended, for people; empty if none did.
    pub(super) last_end: String,
    /// When it was last stored; what cannot be counted again is stored at once.
    pub(super) kept_at: Option<Time>,
}

impl Rollout {
    pub(super) fn new(record: DeployRecord, deadline: Option<Time>) -> Self {
        Self {
            left: record.left_rooms.iter().map(|left| left.room).collect(),
            record,
            deadline,
            checks: Checks::default(),
            doubts: Doubts::default(),
            ordered: BTreeMap::new(),
            in_round: BTreeMap::new(),
            staying: BTreeSet::new(),
            recount: false,
            last_end: String::new(),
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

    /// When something is to be done about it if nothing happens.
    pub(super) fn next_timeout(&self) -> Option<Time> {
        self.deadline.into_iter().chain(self.doubts.next_timeout()).min()
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

    pub(super) const fn errand(&self) -> MoveErrand {
        MoveErrand {
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
    pub(super) fn tell(&mut self, room: RoomId) {
        self.ordered.insert(room, 0);
        self.record.waiting = self.ordered.len() as u64;
        if !self.recount {
            self.record.rooms += 1;
        }
    }

    /// The room is not in the way any more. Tells whether it was.
    pub(super) fn settle(&mut self, room: RoomId) -> bool {
        let was = self.ordered.remove(&room).is_some();
        self.record.waiting = self.ordered.len() as u64;
        self.note_round(room, None);
        was
    }

    pub(super) fn note_round(&mut self, room: RoomId, until: Option<Time>) {
        match until {
            Some(until) => _ = self.in_round.insert(room, until),
            None => _ = self.in_round.remove(&room),
        }
        self.record.in_round = self.in_round.len() as u64;
        self.record.in_round_until = self.in_round.values().max().copied();
    }

    /// All rooms are listed: those that were told and are not told again have moved, or are counted otherwise.
    pub(super) fn count_again(&mut self) {
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
    pub(super) fn count(&mut self, report: &Report) {
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
