//! Rooms at rest: how many there are, who reads them, and the sweep of those past their age.

use playon_core::deploy::{DueAtRest, ExpiryEffect, Resting, RestingGroup, UnreadAtRest};
use playon_core::effect::Order;
use playon_store::{RestGroup, RestingRoom};
use playon_types::ids::RoomId;
use playon_types::record::{DeployPhase, DeployRecord};
use playon_types::time::WallTime;

use crate::control::catalog::{RestCounts, UnreadCounts};
use crate::control::thread::Control;
use crate::error::store_error;
use crate::messages::ToShard;
use crate::time::calendar::WRITTEN_EVERY;

/// Rooms of which it was said that no release reads them; of more than that it is said each time.
const STRANDED_TOLD_MAX: usize = 1_024;

/// What a group needs of a release.
pub(crate) fn resting(group: &RestGroup) -> Resting {
    Resting { kind: group.kind.clone(), version: group.version, release: group.release }
}

pub(crate) fn counted(groups: &[RestGroup]) -> Vec<(Resting, u64)> {
    groups.iter().map(|group| (resting(group), group.rooms)).collect()
}

impl Control {
    /// What is at rest, by what it needs; nothing if that cannot be read now.
    pub(crate) fn rest_groups(&self) -> Option<Vec<RestGroup>> {
        match self.setup.resting_rooms.rest_groups() {
            Ok(groups) => Some(groups),
            Err(error) => {
                tracing::warn!(%error, "what is at rest cannot be counted");
                None
            }
        }
    }

    /// Counts what is at rest and what of it nobody reads.
    pub(crate) fn count_rests(&mut self) -> Option<Vec<RestGroup>> {
        let groups = self.rest_groups()?;
        self.director.handle_rests(self.setup.clock.now(), groups.iter().map(resting).collect());
        let rooms = groups.iter().map(|group| group.rooms).sum();
        let unread = self.director.unread(&counted(&groups));
        let counts = RestCounts { rooms, unread };
        let before = std::mem::replace(&mut self.catalog_mut().at_rest, counts);
        if unread > before.unread {
            let code = "PLY-0571";
            tracing::error!(unread, code, "rooms at rest can be read by no release that is kept");
        }
        Some(groups)
    }

    /// What a deploy does to rooms at rest, once its release has said what it reads; nothing if that is known already.
    pub(crate) fn unread_by_deploy(&self, record: &DeployRecord) -> Option<UnreadCounts> {
        let known =
            self.catalog().deploys.get(&record.id).is_some_and(|deploy| deploy.at_rest.is_some());
        let begun = matches!(record.phase, DeployPhase::Checking | DeployPhase::Moving);
        if known || !begun || !self.director.is_declared(record.to) {
            return None;
        }
        let groups = self.rest_groups()?;
        let UnreadAtRest { unread, lost } =
            self.director.unread_after(record.to, &counted(&groups))?;
        if unread > 0 {
            let (deploy, release) = (record.id, self.catalog().label(record.to));
            tracing::warn!(%deploy, release, unread, lost, "rooms at rest are not read by the new release");
        }
        Some(UnreadCounts { unread, lost })
    }

    /// Looks for rooms past their age when it is time to.
    pub(crate) fn expire_due(&mut self) {
        let now = self.setup.clock.now();
        if self.expiry.next_timeout().is_some_and(|at| at <= now) {
            self.expiry.handle_timeout(now);
        }
        self.drain_expiry();
    }

    /// After every handle of the expiry.
    pub(crate) fn drain_expiry(&mut self) {
        while let Some(effect) = self.expiry.poll() {
            match effect {
                ExpiryEffect::Count => self.count_for_expiry(),
                ExpiryEffect::Find(due) => self.find_due(&due),
                ExpiryEffect::Expire { room, slept_by } => {
                    let order = Order::Expire { room, slept_by };
                    self.setup.shards.of(room).push(ToShard::Order(order));
                }
                ExpiryEffect::Ended { handed_out, deleted } if handed_out > 0 || deleted > 0 => {
                    // The last ones are deleted a moment later, and are counted with the next pass.
                    tracing::info!(handed_out, deleted, "rooms at rest past their age are deleted");
                }
                ExpiryEffect::Ended { .. } => {}
            }
        }
    }

    fn count_for_expiry(&mut self) {
        let now = self.setup.clock.now();
        if self.rests.dated.is_none_or(|at| now >= at + WRITTEN_EVERY) {
            self.rests.dated = Some(now);
            self.write_calendar();
        }
        // An executable may have been removed by hand, too.
        for entry in self.catalog_mut().releases.values_mut() {
            entry.stored = self.setup.artifacts.path(entry.row.id).is_some();
        }
        self.tell_executables();
        let Some(groups) = self.count_rests() else { return self.expiry.handle_unreadable(now) };
        let rooms = |group: &RestGroup| RestingGroup {
            need: resting(group),
            oldest: WallTime(group.oldest_ms),
        };
        let director = &self.director;
        let keeps = |need: &Resting| director.keeps_at_rest(&need.kind, need.release);
        let wall = self.setup.calendar.now();
        self.expiry.handle_count(now, wall, groups.iter().map(rooms).collect(), keeps);
        self.drain();
    }

    fn find_due(&mut self, due: &DueAtRest) {
        let now = self.setup.clock.now();
        let DueAtRest { need: Resting { kind, version, release }, slept_by, after, limit } = due;
        let (kind, version, release) = (kind.clone(), *version, *release);
        let group = RestGroup { kind, version, release, rooms: 0, oldest_ms: 0 };
        let after = after.map(|(since, room)| (since.0, room));
        match self.setup.resting_rooms.rests_of(&group, after, slept_by.0, *limit) {
            Ok(found) => {
                let since = |rest: RestingRoom| (WallTime(rest.note.since_ms), rest.room);
                let found: Vec<_> = found.into_iter().map(since).collect();
                self.expiry.handle_found(now, &found);
            }
            Err(error) => {
                let error = store_error(&error);
                tracing::warn!(%error, "rooms at rest cannot be looked through");
                self.expiry.handle_unreadable(now);
            }
        }
    }

    /// Writes down how old rooms at rest are by now. A keeper that is killed before it does has not lost that: the next one adds what
    /// has passed since the last time.
    pub(crate) fn write_calendar(&self) {
        if self.catalog().failed().is_some() {
            return;
        }
        if let Err(error) = self.setup.calendar.write(self.setup.decisions.as_ref()) {
            tracing::warn!(%error, "how old rooms at rest are cannot be written down");
        }
    }

    /// Somebody asked for a room that nobody can open.
    pub(crate) fn note_stranded(&mut self, room: RoomId, kind: &str, version: u32) {
        let full = self.rests.stranded.len() >= STRANDED_TOLD_MAX;
        if !full && !self.rests.stranded.insert(room) {
            return;
        }
        let epoch = self.setup.hub.epoch().0;
        let code = "PLY-0130";
        tracing::error!(%room, epoch, release = "none", kind, version, code, "no release that is kept reads a room at rest that somebody asked for");
        self.catalog_mut().note_fault(
            Some(room),
            None,
            format!("{code} no release that is kept reads version {version} of {kind}"),
        );
        // Looking through many takes this thread a while, and the next sweep counts them, too.
        if !full {
            self.count_rests();
        }
    }

    /// What is kept has changed: whether rooms at rest can be read is looked at anew.
    pub(crate) fn rests_may_be_read(&mut self) {
        self.rests.stranded.clear();
        if self.catalog().recovered() {
            self.count_rests();
        }
    }
}
