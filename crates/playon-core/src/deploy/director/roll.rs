//! What the director does for the deploy under way.

use playon_types::ids::{ReleaseId, RoomId};
use playon_types::reason::Reason;
use playon_types::record::{DeployPhase, DeployRecord};
use playon_types::time::Time;

use crate::deploy::doubts::Doubts;
use crate::deploy::effect::{DirectorEffect, Target};
use crate::deploy::rollout::{KEPT_EVERY, Rollout, rule};
use crate::effect::{AtFault, Order, Report};

use super::Director;

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
    pub(super) fn room_settled(&mut self, now: Time, room: RoomId) {
        let Some(rollout) = &mut self.rollout else { return };
        let was_checked = rollout.checks.forget(room);
        rollout.doubts.settle(room);
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

    fn handle_move_failed(&mut self, now: Time, room: RoomId, reason: &Reason, blame: AtFault) {
        let tries_max = self.config.tries_max;
        let (ails, doubtful) = (self.ails(room), self.is_doubtful(room));
        let Some(rollout) = &mut self.rollout else { return };
        if rollout.record.phase != DeployPhase::Moving {
            return;
        }
        rollout.record.faults += 1;
        rollout.note_round(room, None);
        let errand = rollout.errand();
        let Some(failed) = rollout.ordered.get_mut(&room) else { return };
        *failed += 1;
        let again = blame == AtFault::Circumstance && *failed < tries_max;
        let (leaves_behind, why) = (rollout.record.course.leaves_behind(), reason.to_string());
        if again && self.rooms.contains_key(&room) {
            self.mover.push(room, errand);
        } else if leaves_behind || ails {
            self.leave(now, room, &why);
        } else if doubtful {
            rollout.doubts.raise(now, room, why);
        } else {
            self.stop_for(now, room, &why);
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
        rollout.doubts = Doubts::default();
        if phase == DeployPhase::Stopped && !leaves_behind {
            self.current = rollout.record.from.or(self.current);
        }
        if phase.has_arrived() {
            self.start_probation_clock(now);
        }
        let Some(rollout) = &self.rollout else { return };
        let record = rollout.record.clone();
        self.past.retain(|past| past.id != id);
        self.past.push_front(record.clone());
        self.past.truncate(super::DEPLOYS_REMEMBERED);
        self.mover.cancel(id);
        self.out.push_back(DirectorEffect::Store { record, current: self.current });
        if decided && phase != DeployPhase::Done {
            // Of those that are left behind some may still have the order.
            let cancel = Order::CancelMoves { deploy: id };
            self.out.push_back(DirectorEffect::Order(Target::All, cancel));
            if let Some(current) = self.current {
                self.out.push_back(DirectorEffect::Order(Target::All, Order::Prefer(current)));
            }
        }
        if decided && !phase.has_arrived() {
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
                let mut late = match phase {
                    DeployPhase::Checking => format!("{}: {}", rule.late, rollout.checks.missing()),
                    _ => rule.late.to_owned(),
                };
                if !rollout.last_end.is_empty() {
                    late += &format!("; the last one of them: {}", rollout.last_end);
                }
                self.end_rollout(now, rule.fails_to, Some(late));
            }
            None => rollout.deadline = None,
        }
    }
}
