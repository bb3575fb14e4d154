//! What deploys are held to: rooms that stay where they are, and releases that fail.

use std::collections::{BTreeMap, VecDeque};

use playon_core::effect::{AtFault, Inquiry, Listing, Order, Report};
use playon_core::fleet::WorkerEnd;
use playon_types::ids::{DeployId, ReleaseId, RoomId, WorkerId};
use playon_types::record::{Course, DeployPhase, DeployRecord};
use playon_types::time::{Span, Time};

use super::Audit;

/// How long a release is watched under test.
pub const PROBATION: Span = Span::secs(3);

/// A release that was shipped, and what it did since.
#[derive(Debug)]
pub struct WatchedRelease {
    release: ReleaseId,
    /// Where its rooms came from.
    from: Option<ReleaseId>,
    faults: u32,
    /// Faults of rooms of which it is not known yet what they fail on.
    open: BTreeMap<RoomId, u32>,
    /// Faults of rooms on something that is being tried on the release before.
    appealed: BTreeMap<RoomId, VecDeque<u32>>,
    until: Option<Time>,
}

impl WatchedRelease {
    /// As the next keeper goes on with it, which has no room on trial.
    #[must_use]
    pub fn resumed(self) -> Self {
        Self { open: BTreeMap::new(), appealed: BTreeMap::new(), ..self }
    }

    fn settle_open(&mut self, room: RoomId) {
        self.faults += self.open.remove(&room).unwrap_or_default();
    }

    fn appeal(&mut self, room: RoomId) {
        let faults = self.open.remove(&room).unwrap_or_default();
        self.appealed.entry(room).or_default().push_back(faults);
    }

    fn awaits(&self, room: RoomId) -> bool {
        self.appealed.get(&room).is_some_and(|faults| !faults.is_empty())
    }

    fn settle_appeal(&mut self, room: RoomId, held: bool) {
        let faults = self.appealed.get_mut(&room).and_then(VecDeque::pop_front).unwrap_or_default();
        self.faults += if held { faults } else { 0 };
    }
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
                let watched = WatchedRelease {
                    release,
                    from,
                    faults: 0,
                    open: BTreeMap::new(),
                    appealed: BTreeMap::new(),
                    until: None,
                };
                self.watched = shipped.then_some(watched);
            }
            DeployPhase::Done | DeployPhase::Partial if before != Some(record.phase) => {
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

    /// A room that was given up where it is stops no deploy.
    ///
    /// # Errors
    /// When one has.
    pub fn check_stop(
        &self,
        before: Option<DeployPhase>,
        record: &DeployRecord,
    ) -> Result<(), String> {
        let stops = record.phase == DeployPhase::Stopped && before == Some(DeployPhase::Moving);
        let reason = record.reason.as_deref().filter(|_| stops).unwrap_or_default();
        let blamed =
            |room: &&RoomId| reason.starts_with(&format!("room {room} could not be moved"));
        match self.given_up.iter().find(blamed) {
            Some(room) => Err(format!("I26: {room} is halted and stops a deploy: {reason}")),
            None => Ok(()),
        }
    }

    /// Whoever runs the keeper is told that a release fails.
    pub fn alarmed(&mut self) {
        self.watched = None;
    }

    /// The director hears of something.
    pub fn director_hears(&mut self, now: Time, report: &Report) {
        match report {
            Report::Listing(listing) if listing.halted.is_some() => {
                self.given_up.insert(listing.room);
            }
            Report::Listing(Listing { room, .. }) | Report::Gone { room, .. } => {
                self.given_up.remove(room);
            }
            _ => {}
        }
        let (room, of, inquiry) = match report {
            Report::Fault { room, release, count: 1.., inquiry, .. } => (*room, *release, *inquiry),
            Report::Halted { room, release, .. } => {
                let known = |watched: &WatchedRelease| watched.awaits(*room);
                if self.watched.as_ref().is_some_and(known) {
                    self.failed.insert((*room, *release));
                    return;
                }
                (*room, *release, Inquiry::Over)
            }
            // It cannot know before.
            Report::MoveFailed { deploy, room, blame: AtFault::Release, .. } => {
                self.rejected.insert((*room, *deploy));
                return;
            }
            _ => return self.hears_of_inquiry(now, report),
        };
        self.failed.insert((room, of));
        // What it did before says nothing about the new release.
        let old = |watched: &WatchedRelease| {
            self.failed.iter().any(|(failed, on)| *failed == room && *on != watched.release)
        };
        if self.watched.as_ref().is_some_and(old) {
            return;
        }
        let within = |watched: &&mut WatchedRelease| {
            watched.release == of && watched.until.is_none_or(|until| now + self.age < until)
        };
        if let Some(watched) = self.watched.as_mut().filter(within) {
            *watched.open.entry(room).or_default() += 1;
            match inquiry {
                Inquiry::Open => {}
                Inquiry::Appealed => watched.appeal(room),
                Inquiry::Over => watched.settle_open(room),
            }
        }
    }

    /// What a room fails on is being found out, or has been.
    /// The director hears that a worker is gone: of a common one that died by itself at nothing of any room, the release may be at fault.
    pub fn director_hears_of_death(&mut self, now: Time, worker: WorkerId, end: &WorkerEnd) {
        let Some(release) = self.common.remove(&worker).filter(|_| end.is_unexplained()) else {
            return;
        };
        let at = now + self.age;
        let within = |watched: &&mut WatchedRelease| watched.until.is_none_or(|until| at < until);
        let died = &self.died;
        if let Some(watched) = self.watched.as_mut().filter(within)
            && watched.release == release
            // What the release before did as well says nothing of this one.
            && watched.from.is_none_or(|from| !died.contains(&from))
        {
            watched.faults += 1;
        }
        self.died.insert(release);
    }

    fn hears_of_inquiry(&mut self, now: Time, report: &Report) {
        let at = now + self.age;
        // What is found out after its time is held against nobody.
        let within = |watched: &&mut WatchedRelease| watched.until.is_none_or(|until| at < until);
        let Some(watched) = self.watched.as_mut().filter(within) else { return };
        match report {
            Report::SetAside { room, release, appeal, .. } if *release == watched.release => {
                if *appeal {
                    watched.appeal(*room);
                } else {
                    watched.settle_open(*room);
                }
            }
            Report::Appealed { room, release, itself, too } if *release == watched.release => {
                watched.settle_appeal(*room, !too);
                if *itself && *too {
                    self.failed.extend(watched.from.map(|from| (*room, from)));
                }
            }
            Report::Acquitted { room, release } if *release == watched.release => {
                watched.settle_open(*room);
            }
            _ => {}
        }
    }

    /// After the director has done what it had to.
    ///
    /// # Errors
    /// When a release has failed twice on probation and nothing came of it.
    pub fn check_probation(&self) -> Result<(), String> {
        match &self.watched {
            Some(WatchedRelease { release, faults: 2.., .. }) => {
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
