//! Probation: for a while after a release was shipped it is watched for hard faults.
//!
//! A hard fault is a room that panics, hangs, is refused or cannot be read, or a process that dies. Two of them, in two rooms
//! or twice in one, and the keeper goes back by itself where a room can; where none can it says so. What befalls rooms because
//! a process went away is held against the room that it ran, and against no other. A room that had failed on the release that it
//! came from may go on failing for the same reason: it says nothing about the new one. Kinds may be watched for longer or shorter than
//! the keeper says; what was seen, and since when, is part of the deploy's record, so the next keeper goes on with it.

use crate::effect::Report;
use crate::ids::{DeployId, ReleaseId, RoomId};
use crate::mutant::{Mutant, broken};
use crate::time::{Span, Time};

use super::director::{DeployWish, Director, DirectorEffect};
use super::{Course, DeployPhase, DeployRecord, Watch};

/// Hard faults that a release on probation may have.
const FAULTS_MAX: u32 = 1;

/// For how long a room's fault on one release explains its faults on the next.
const FAILED_BEFORE: Span = Span::secs(300);

/// What a room did on a release that was not on probation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed {
    release: ReleaseId,
    at: Time,
    /// It was given up there.
    halted: bool,
}

/// A release on probation.
#[derive(Debug)]
pub(super) struct Probation {
    deploy: DeployId,
    release: ReleaseId,
    /// Where its rooms came from.
    from: ReleaseId,
    /// Until when, on this keeper's clock; nothing while rooms still move.
    until: Option<Time>,
    /// What is stored of it.
    watch: Watch,
}

impl Probation {
    pub(super) const fn until(&self) -> Option<Time> {
        self.until
    }

    /// The release that is kept warm for it.
    pub(super) const fn from(&self) -> ReleaseId {
        self.from
    }
}

impl Director {
    /// Rooms begin to move to a release that somebody ships.
    pub(super) fn begin_probation(&mut self) {
        self.probation = self.deploy().and_then(|record| self.probation_in(record));
    }

    fn probation_in(&self, record: &DeployRecord) -> Option<Probation> {
        let shipped = record.course == Course::Forward && self.longest_probation(record.to).0 > 0;
        let from = record.from.filter(|from| shipped && *from != record.to)?;
        let watch = record.watch.clone().unwrap_or_default();
        Some(Probation { deploy: record.id, release: record.to, from, until: None, watch })
    }

    /// An earlier keeper had moved all rooms: the rest of the time is this one's.
    pub(super) fn go_on_with_probation(&mut self, now: Time, newest: Option<DeployId>) {
        let last = self.past.front().filter(|last| Some(last.id) == newest);
        let Some(last) = last.filter(|last| last.phase == DeployPhase::Done) else { return };
        if last.watch.is_none() || broken(Mutant::ProbationForgotten) {
            return;
        }
        self.probation = self.probation_in(last);
        self.set_probation_end();
        self.probation_timed_out(now);
    }

    /// All rooms have moved: from now on its time runs.
    pub(super) fn start_probation_clock(&mut self, now: Time) {
        let since = self.aged(now);
        if let Some(probation) = &mut self.probation {
            probation.watch.since = Some(since);
            self.set_probation_end();
            self.note_watch();
        }
    }

    fn set_probation_end(&mut self) {
        let age = self.config.age.0;
        let longest = self.probation.as_ref().map(|p| self.longest_probation(p.release));
        if let (Some(probation), Some(longest)) = (&mut self.probation, longest) {
            let end = probation.watch.since.map(|since| since + longest);
            probation.until = end.map(|end| Time(end.0.saturating_sub(age)));
        }
    }

    pub(super) fn aged(&self, now: Time) -> Time {
        Time(now.0.saturating_add(self.config.age.0))
    }

    /// For how long rooms of that kind are watched.
    fn probation_of(&self, release: ReleaseId, kind: &str) -> Span {
        let kinds = self.declared.get(&release);
        let declared = kinds.and_then(|kinds| kinds.iter().find(|declared| declared.name == kind));
        declared.and_then(|declared| declared.probation).unwrap_or(self.config.probation)
    }

    /// For how long any room of the release is watched.
    fn longest_probation(&self, release: ReleaseId) -> Span {
        if self.config.probation.0 == 0 {
            return Span::ZERO;
        }
        let kinds = self.declared.get(&release).into_iter().flatten();
        let spans = kinds.map(|kind| kind.probation.unwrap_or(self.config.probation));
        spans.max().unwrap_or(self.config.probation)
    }

    /// Whether what befalls a room is held against the release still.
    fn is_watched(&self, now: Time, room: RoomId) -> bool {
        let Some(probation) = &self.probation else { return false };
        let span = match self.rooms.get(&room) {
            Some(known) => self.probation_of(probation.release, &known.kind),
            None => self.longest_probation(probation.release),
        };
        let in_time = |since: Time| self.aged(now) < since + span;
        span.0 > 0 && probation.watch.since.is_none_or(in_time)
    }

    /// What is known of the probation goes into the record of its deploy.
    fn note_watch(&mut self) -> Option<DeployRecord> {
        let probation = self.probation.as_ref()?;
        let (deploy, watch) = (probation.deploy, probation.watch.clone());
        if let Some(past) = self.past.iter_mut().find(|past| past.id == deploy) {
            past.watch = Some(watch.clone());
        }
        match self.rollout.as_mut().filter(|rollout| rollout.record().id == deploy) {
            Some(rollout) => {
                rollout.note_watch(watch);
                Some(rollout.record().clone())
            }
            None => self.past.iter().find(|past| past.id == deploy).cloned(),
        }
    }

    /// The deploy has ended otherwise.
    pub(super) fn end_probation(&mut self, _now: Time, phase: DeployPhase) {
        if phase.is_final() {
            self.probation = None;
        }
    }

    pub(super) fn probation_timed_out(&mut self, now: Time) {
        self.probation.take_if(|probation| probation.until.is_some_and(|until| until <= now));
    }

    /// News of a shard that may be held against the release.
    pub(super) fn watch_report(&mut self, now: Time, report: &Report) {
        match report {
            // Held against the room; one that merely lost its worker is not counted.
            Report::Fault { room, release, message, count } if *count > 0 => {
                let what = format!("room {room}: {message}");
                self.note_failed(now, (*room, *release), false);
                self.hard_fault(now, (*room, *release), &what);
            }
            Report::Halted { room, release, reason } => {
                let what = format!("room {room} is halted: {reason}");
                self.note_failed(now, (*room, *release), true);
                self.hard_fault(now, (*room, *release), &what);
            }
            _ => {}
        }
    }

    fn note_failed(&mut self, now: Time, (room, release): (RoomId, ReleaseId), halted: bool) {
        if self.probation.as_ref().is_none_or(|probation| probation.release != release) {
            let failed = Failed { release, at: now, halted };
            self.rooms.entry(room).and_modify(|known| known.failed = Some(failed));
        }
    }

    /// Whether the room had failed already where it came from.
    fn failed_before(&self, now: Time, room: RoomId, from: ReleaseId) -> bool {
        let failed = self.rooms.get(&room).and_then(|known| known.failed);
        let recent = |failed: Failed| failed.halted || now.since(failed.at) < FAILED_BEFORE;
        !broken(Mutant::OldFaultsHeld)
            && failed.is_some_and(|failed| failed.release == from && recent(failed))
    }

    /// Something that a good release does not do.
    fn hard_fault(&mut self, now: Time, (room, release): (RoomId, ReleaseId), what: &str) {
        if !self.is_watched(now, room) {
            return;
        }
        let from = self.probation.as_ref().map(|probation| probation.from);
        if from.is_some_and(|from| self.failed_before(now, room, from)) {
            return;
        }
        let Some(probation) = self.probation.as_mut().filter(|p| p.release == release) else {
            return;
        };
        probation.watch.faults += 1;
        what.clone_into(&mut probation.watch.last);
        if probation.watch.faults > FAULTS_MAX && !broken(Mutant::ProbationBlind) {
            self.fail_probation(now);
        } else if let Some(record) = self.note_watch() {
            // The next keeper goes on counting.
            self.out.push_back(DirectorEffect::Keep(record));
        }
    }

    /// The keeper goes back by itself if any room can.
    fn fail_probation(&mut self, now: Time) {
        let Some(Probation { deploy, release, from, watch, .. }) = self.probation.take() else {
            return;
        };
        let last = watch.last;
        self.forget_watch(deploy);
        let can: Vec<RoomId> = self
            .rooms
            .iter()
            .filter(|(_, known)| known.release == release && self.has_way(known, from))
            .map(|(room, _)| *room)
            .collect();
        let going = self.rollout.as_ref().is_some_and(|r| r.record().id == deploy && r.is_going());
        let way = if can.is_empty() { "there is no way back" } else { "the keeper goes back" };
        let reason = format!("PLY-0313 the release failed its probation, and {way}: {last}");
        if going {
            self.end_rollout(now, DeployPhase::Stopped, Some(reason.clone()));
        }
        self.out.push_back(DirectorEffect::Alarm { deploy, release, what: reason.clone() });
        if !can.is_empty() {
            let wish = DeployWish { to: from, at_once: true, course: Course::Rescue };
            // Rooms are on another release, so there is something to do.
            let _ = self.deploy_because(now, wish, Some(reason));
        }
    }

    /// A probation that was failed is over, under the next keeper too.
    fn forget_watch(&mut self, deploy: DeployId) {
        let past = self.past.iter_mut().find(|past| past.id == deploy && past.watch.is_some());
        if let Some(past) = past {
            past.watch = None;
            self.out.push_back(DirectorEffect::Keep(past.clone()));
        }
    }
}
