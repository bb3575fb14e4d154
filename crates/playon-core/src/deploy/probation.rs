//! Probation: for a while after a release was shipped it is watched for hard faults.
//!
//! A hard fault is a room that panics, hangs, is refused or cannot be read, or a process that dies. Two of them, in two rooms
//! or twice in one, and the keeper goes back by itself where a room can; where none can it says so. What befalls rooms because
//! a process went away is held against the room that it ran, and against no other.

use crate::effect::Report;
use crate::ids::{DeployId, ReleaseId, RoomId};
use crate::mutant::{Mutant, broken};
use crate::time::Time;

use super::director::{DeployWish, Director, DirectorEffect};
use super::{Course, DeployPhase};

/// Hard faults that a release on probation may have.
const FAULTS_MAX: u32 = 1;

/// A release on probation.
#[derive(Debug)]
pub(super) struct Probation {
    deploy: DeployId,
    release: ReleaseId,
    /// Where its rooms came from.
    from: ReleaseId,
    /// Until when; nothing while rooms still move.
    until: Option<Time>,
    faults: u32,
    /// What the last fault was.
    last: String,
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
        let Some(record) = self.deploy() else { return };
        let shipped = record.course == Course::Forward && self.config.probation.0 > 0;
        let (deploy, release) = (record.id, record.to);
        let from = record.from.filter(|from| shipped && *from != release);
        self.probation = from.map(|from| Probation {
            deploy,
            release,
            from,
            until: None,
            faults: 0,
            last: String::new(),
        });
    }

    /// All rooms have moved: from now on its time runs.
    pub(super) fn start_probation_clock(&mut self, now: Time) {
        let until = now + self.config.probation;
        if let Some(probation) = &mut self.probation {
            probation.until = Some(until);
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
                self.hard_fault(now, *release, &format!("room {room}: {message}"));
            }
            Report::Halted { room, release, reason } => {
                self.hard_fault(now, *release, &format!("room {room} is halted: {reason}"));
            }
            _ => {}
        }
    }

    /// Something that a good release does not do.
    pub(super) fn hard_fault(&mut self, now: Time, release: ReleaseId, what: &str) {
        let Some(probation) = self.probation.as_mut().filter(|p| p.release == release) else {
            return;
        };
        probation.faults += 1;
        what.clone_into(&mut probation.last);
        if probation.faults > FAULTS_MAX && !broken(Mutant::ProbationBlind) {
            self.fail_probation(now);
        }
    }

    /// The keeper goes back by itself if any room can.
    fn fail_probation(&mut self, now: Time) {
        let Some(Probation { deploy, release, from, last, .. }) = self.probation.take() else {
            return;
        };
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
}
