//! Rooms at rest: how many there are, who reads them, and the sweep of those past their age.

use std::collections::BTreeSet;

use playon_core::deploy::{DueAtRest, ExpiryEffect, Resting, RestingRooms, UnreadAtRest as Unread};
use playon_core::effect::Order;
use playon_store::{RestGroup, RestingRoom};
use playon_types::ids::RoomId;
use playon_types::kind::Policies;
use playon_types::ply;
use playon_types::record::{DeployPhase, DeployRecord};
use playon_types::time::{Time, WallTime};
use serde::Deserialize;

use super::catalog::RestCounts;
use super::course::UnreadAtRest;
use super::releases::store_error;
use super::thread::Control;
use super::view::{AsleepPage, AsleepView, RoomView};
use crate::calendar::WRITTEN_EVERY;
use crate::error::Coded;
use crate::messages::ToShard;

/// Rooms at rest that are looked at for one page of a list, whatever is asked for.
const PAGE_LOOKED_AT_MAX: usize = 10_000;

/// Rooms at rest on one page of a list.
pub(super) const PAGE_ROOMS_MAX: usize = 1_000;

/// Rooms of which it was said that no release reads them; of more than that it is said each time.
const STRANDED_TOLD_MAX: usize = 1_024;

/// Which rooms at rest to list.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct AsleepFilter {
    /// Only this kind.
    pub kind: Option<String>,
    /// Only what this release wrote, by label or the beginning of its hash.
    pub release: Option<String>,
    /// Only those that would be deleted now.
    #[serde(default)]
    pub expired: bool,
    /// Only those after this id.
    pub after: Option<String>,
    /// At most so many, and at most 1,000.
    pub limit: Option<usize>,
}

/// What a group needs of a release.
pub(super) fn resting(group: &RestGroup) -> Resting {
    Resting { kind: group.kind.clone(), version: group.version, release: group.release }
}

fn counted(groups: &[RestGroup]) -> Vec<(Resting, u64)> {
    groups.iter().map(|group| (resting(group), group.rooms)).collect()
}

/// What the control thread remembers of rooms at rest.
#[derive(Debug, Default)]
pub(super) struct Rests {
    /// When it was last written down where the days are.
    dated: Option<Time>,
    stranded: BTreeSet<RoomId>,
}

impl Control {
    /// What is at rest, by what it needs; nothing if that cannot be read now.
    pub(super) fn rest_groups(&self) -> Option<Vec<RestGroup>> {
        match self.setup.resting_rooms.rest_groups() {
            Ok(groups) => Some(groups),
            Err(error) => {
                tracing::warn!(%error, "what is at rest cannot be counted");
                None
            }
        }
    }

    /// Counts what is at rest and what of it nobody reads.
    pub(super) fn count_rests(&mut self) -> Option<Vec<RestGroup>> {
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
    pub(super) fn unread_by_deploy(&self, record: &DeployRecord) -> Option<UnreadAtRest> {
        let known =
            self.catalog().deploys.get(&record.id).is_some_and(|deploy| deploy.at_rest.is_some());
        let begun = matches!(record.phase, DeployPhase::Checking | DeployPhase::Moving);
        if known || !begun || !self.director.is_declared(record.to) {
            return None;
        }
        let groups = self.rest_groups()?;
        let Unread { unread, lost } = self.director.unread_after(record.to, &counted(&groups))?;
        if unread > 0 {
            let (deploy, release) = (record.id, self.catalog().label(record.to));
            tracing::warn!(%deploy, release, unread, lost, "rooms at rest are not read by the new release");
        }
        Some(UnreadAtRest { unread, lost })
    }

    /// Looks for rooms past their age when it is time to.
    pub(super) fn expire_due(&mut self) {
        let now = self.setup.clock.now();
        if self.expiry.next_timeout().is_some_and(|at| at <= now) {
            self.expiry.handle_timeout(now);
        }
        self.drain_expiry();
    }

    /// After every handle of the expiry.
    pub(super) fn drain_expiry(&mut self) {
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
        let rooms = |group: &RestGroup| RestingRooms {
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
    pub(super) fn write_calendar(&self) {
        if self.catalog().failed().is_some() {
            return;
        }
        if let Err(error) = self.setup.calendar.write(self.setup.decisions.as_ref()) {
            tracing::warn!(%error, "how old rooms at rest are cannot be written down");
        }
    }

    /// Somebody asked for a room that nobody can open.
    pub(super) fn note_stranded(&mut self, room: RoomId, kind: &str, version: u32) {
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
    pub(super) fn rests_may_be_read(&mut self) {
        self.rests.stranded.clear();
        if self.catalog().recovered() {
            self.count_rests();
        }
    }

    /// A room at rest as `playon room` and `playon close` show it.
    pub(super) fn room_at_rest(&self, room: RoomId) -> Result<Option<RoomView>, Coded> {
        let found = self.setup.resting_rooms.rest(room).map_err(|error| store_error(&error))?;
        Ok(found.map(|rest| RoomView {
            id: room.to_string(),
            kind: rest.note.kind,
            name: rest.note.name,
            release: self.catalog().label(rest.note.release),
            version: rest.note.version,
            players: rest.note.seats,
            players_max: 0,
            live: false,
            halted: None,
            faults: 0,
            last_fault: None,
            at_rest_since_ms: Some(self.setup.calendar.date_ms(rest.note.since_ms)),
        }))
    }

    /// One page of rooms at rest.
    pub(super) fn asleep(&self, filter: &AsleepFilter) -> Result<AsleepPage, Coded> {
        let refuse = |error| store_error(&error);
        let groups = self.setup.resting_rooms.rest_groups().map_err(refuse)?;
        let mut page = AsleepPage {
            at_rest: groups.iter().map(|group| group.rooms).sum(),
            unread: self.director.unread(&counted(&groups)),
            ..AsleepPage::default()
        };
        let mut after = match &filter.after {
            None => None,
            Some(id) => Some(RoomId::parse(id).ok_or_else(|| no_room_id(id))?),
        };
        let release = filter.release.as_deref().map(|text| self.catalog().find_release(text));
        let limit = filter.limit.unwrap_or(PAGE_ROOMS_MAX).min(PAGE_ROOMS_MAX);
        let now = self.setup.calendar.now();
        let mut looked_at = 0;
        while page.rooms.len() < limit && looked_at < PAGE_LOOKED_AT_MAX {
            let rests = self.setup.resting_rooms.rests(after, PAGE_ROOMS_MAX).map_err(refuse)?;
            let more = rests.len() == PAGE_ROOMS_MAX;
            looked_at += rests.len();
            for rest in rests {
                after = Some(rest.room);
                let of_kind = filter.kind.as_ref().is_none_or(|kind| rest.note.kind == *kind);
                let of_release = release.is_none_or(|wanted| wanted == Some(rest.note.release));
                if !of_kind || !of_release {
                    continue;
                }
                let view = self.asleep_view(&rest, now);
                if !filter.expired || view.expired {
                    page.rooms.push(view);
                }
                if page.rooms.len() == limit {
                    page.next = Some(rest.room.to_string());
                    return Ok(page);
                }
            }
            if !more {
                return Ok(page);
            }
        }
        page.next = after.map(|room| room.to_string());
        Ok(page)
    }

    fn asleep_view(&self, rest: &RestingRoom, now: WallTime) -> AsleepView {
        let note = &rest.note;
        let since = Some(note.since_ms).filter(|since| *since > 0);
        let keep = self.director.keeps_at_rest(&note.kind, note.release);
        let keep = keep.filter(|keep| *keep != Policies::FOR_EVER);
        let expires = since.zip(keep).map(|(since, keep)| WallTime(since).after(keep));
        let dated = |day: u64| self.setup.calendar.date_ms(day);
        let need =
            Resting { kind: note.kind.clone(), version: note.version, release: note.release };
        AsleepView {
            id: rest.room.to_string(),
            kind: note.kind.clone(),
            name: note.name.clone(),
            release: self.catalog().label(note.release),
            version: note.version,
            seats: note.seats,
            bytes: rest.bytes,
            since_ms: since.map(dated),
            expires_ms: expires.map(|expires| dated(expires.0)),
            expired: expires.is_some_and(|expires| expires <= now),
            readable: self.director.is_read(&need),
        }
    }
}

fn no_room_id(text: &str) -> Coded {
    Coded::new(
        ply!("PLY-0516"),
        format!("{text} is not the id of a room"),
        "see `docs/admin-api.md`",
    )
}
