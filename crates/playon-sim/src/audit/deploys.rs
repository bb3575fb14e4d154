//! What deploys are held to: rooms that stay where they are, and releases that fail.

use playon_core::deploy::{Course, DeployPhase, DeployRecord};
use playon_core::effect::{Order, Report};
use playon_core::ids::{DeployId, ReleaseId};
use playon_core::time::{Span, Time};

use super::Audit;

/// How long a release is watched under test.
pub const PROBATION: Span = Span::secs(3);

/// A release that was shipped, and what it did since.
#[derive(Debug)]
pub struct Watched {
    release: ReleaseId,
    /// Where its rooms came from.
    from: Option<ReleaseId>,
    faults: u32,
    until: Option<Time>,
}

impl Audit {
    /// How a deploy stands.
    pub fn follow_deploy(&mut self, now: Time, record: &DeployRecord) {
        let before = self.records.insert(record.id, record.clone()).map(|record| record.phase);
        let shipped =
            record.course == Course::Forward && record.from.is_some_and(|from| from != record.to);
        match record.phase {
            DeployPhase::Moving if before != Some(DeployPhase::Moving) => {
                let (release, from) = (record.to, record.from);
                let watched = Watched { release, from, faults: 0, until: None };
                self.watched = shipped.then_some(watched);
            }
            DeployPhase::Done if before != Some(DeployPhase::Done) => {
                if let Some(watched) = &mut self.watched {
                    watched.until = Some(now + self.age + PROBATION);
                }
            }
            DeployPhase::Starting | DeployPhase::Stopped | DeployPhase::Superseded => {
                self.watched = None;
            }
            _ => {}
        }
    }

    /// So many groups of rooms at rest are there for a deploy to be checked with.
    pub fn found_sleepers(&mut self, deploy: DeployId, groups: u64) {
        self.resting.insert(deploy, groups);
    }

    /// A deploy moves on only once a copy of a room of each group at rest has opened, or it is counted that none did.
    ///
    /// # Errors
    /// When it does not.
    pub fn check_tried(
        &self,
        before: Option<DeployPhase>,
        record: &DeployRecord,
    ) -> Result<(), String> {
        let shipped = record.course == Course::Forward && record.phase == DeployPhase::Moving;
        if before != Some(DeployPhase::Checking) || !shipped {
            return Ok(());
        }
        let told = record.checked_at_rest + record.untried_at_rest;
        match self.resting.get(&record.id) {
            Some(groups) if *groups == told => Ok(()),
            found => Err(format!("I30: {told} groups at rest of {found:?} are told by {record:?}")),
        }
    }

    /// Whoever runs the keeper is told that a release fails.
    pub fn alarmed(&mut self) {
        self.watched = None;
    }

    /// The director hears of something.
    pub fn director_hears(&mut self, now: Time, report: &Report) {
        let (room, of) = match report {
            Report::Fault { room, release, count: 1.., .. } => (*room, *release),
            Report::Halted { room, release, .. } => (*room, *release),
            _ => return,
        };
        self.failed.insert((room, of));
        // What it did before says nothing about the new release.
        let old = |from| self.failed.contains(&(room, from));
        if self.watched.as_ref().and_then(|watched| watched.from).is_some_and(old) {
            return;
        }
        let within = |watched: &&mut Watched| {
            watched.release == of && watched.until.is_none_or(|until| now + self.age < until)
        };
        if let Some(watched) = self.watched.as_mut().filter(within) {
            watched.faults += 1;
        }
    }

    /// After the director has done what it had to.
    ///
    /// # Errors
    /// When a release has failed twice on probation and nothing came of it.
    pub fn check_probation(&self) -> Result<(), String> {
        match &self.watched {
            Some(Watched { release, faults: 2.., .. }) => {
                Err(format!("I26: {release} fails on probation, and nothing comes of it"))
            }
            _ => Ok(()),
        }
    }

    /// Nobody has asked for it: rooms that a stopped deploy has moved stay where they are.
    pub(super) fn check_homecoming(&self, order: &Order) -> Result<(), String> {
        let Order::Move { deploy: DeployId::NONE, room, .. } = order else { return Ok(()) };
        let last = self.records.values().rev().find(|record| record.took_effect());
        match last {
            Some(last) if last.phase == DeployPhase::Stopped => {
                Err(format!("I18: {room} is told to move although deploy {} was stopped", last.id))
            }
            _ => Ok(()),
        }
    }
}
