//! What the keeper knows, for those who only look.

mod deploy;
mod faults;
mod holders;
mod rests;
mod sites;

use std::collections::BTreeMap;

use playon_core::effect::Listing;
use playon_store::ReleaseRow;
use playon_types::ids::{DeployId, ReleaseId, RoomId, WorkerId};
use playon_types::kind::KindInfo;

use crate::control::views::{DeployView, KindView, ReleaseView, RoomView, WorkerView};

pub(crate) use deploy::{DeployEntry, UnreadCounts};
use faults::Faults;
pub(crate) use rests::RestsSeen;
pub(crate) use sites::Sites;

/// What the keeper knows; may lag behind by moments.
#[derive(Debug, Default)]
pub struct Catalog {
    pub(crate) rooms: BTreeMap<RoomId, RoomEntry>,
    pub(crate) releases: BTreeMap<ReleaseId, ReleaseEntry>,
    pub(crate) workers: BTreeMap<WorkerId, WorkerEntry>,
    pub(crate) deploys: BTreeMap<DeployId, DeployEntry>,
    pub(crate) current: Option<ReleaseId>,
    pub(crate) recovered: bool,
    pub(crate) draining: bool,
    pub(crate) failed: Option<String>,
    /// What does not work, although the keeper goes on.
    pub(crate) ailing: Option<String>,
    pub(crate) faults: Faults,
    /// Rooms at rest, and those of them that no kept release reads, when they were last counted.
    pub(crate) at_rest: RestCounts,
}

/// What is at rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RestCounts {
    pub(crate) rooms: u64,
    pub(crate) unread: u64,
}

#[derive(Debug)]
pub(crate) struct RoomEntry {
    pub(crate) listing: Listing,
    pub(crate) faults: u64,
    pub(crate) last_fault: Option<String>,
}

#[derive(Debug)]
pub(crate) struct ReleaseEntry {
    pub(crate) row: ReleaseRow,
    pub(crate) stored: bool,
    pub(crate) kinds: Vec<KindInfo>,
}

#[derive(Debug)]
pub(crate) struct WorkerEntry {
    pub(crate) release: ReleaseId,
    pub(crate) app: String,
    pub(crate) pid: u32,
    pub(crate) spawned: bool,
}

/// Which rooms to list.
#[derive(Clone, Debug, Default)]
pub struct RoomFilter {
    /// Only this kind.
    pub kind: Option<String>,
    /// Only this release, by label or the beginning of its hash.
    pub release: Option<String>,
    /// At most so many.
    pub limit: usize,
}

impl Catalog {
    /// A release's label, or the beginning of its hash if it is not known.
    pub fn label(&self, release: ReleaseId) -> String {
        match self.releases.get(&release) {
            Some(entry) => entry.row.label.clone(),
            None => release.to_string()[..12].to_owned(),
        }
    }

    /// The current release's label.
    pub fn current(&self) -> Option<String> {
        self.current.map(|release| self.label(release))
    }

    /// A release by its label, its hash or the only beginning of a hash of at least 6 digits.
    pub fn find_release(&self, text: &str) -> Option<ReleaseId> {
        let by_label = self.releases.values().find(|entry| entry.row.label == text);
        if let Some(entry) = by_label {
            return Some(entry.row.id);
        }
        if text.len() < 6 {
            return None;
        }
        let mut matching = self.releases.keys().filter(|id| id.to_string().starts_with(text));
        matching.next().filter(|_| matching.next().is_none()).copied()
    }

    /// All releases, oldest first.
    pub fn releases(&self) -> Vec<ReleaseView> {
        let mut entries: Vec<_> = self.releases.values().collect();
        entries.sort_by_key(|entry| entry.row.added_ms);
        entries.into_iter().map(|entry| self.release_view(entry)).collect()
    }

    /// The releases whose executables are stored, the one that was added or deployed longest ago first.
    pub(crate) fn stored_by_age(&self) -> Vec<ReleaseId> {
        let deployed = |id: ReleaseId| {
            let to = self.deploys.values().filter(move |deploy| deploy.record.to == id);
            to.map(|deploy| deploy.started_ms).max()
        };
        let stored = self.releases.values().filter(|entry| entry.stored);
        let mut aged: Vec<_> = stored
            .map(|entry| (deployed(entry.row.id).max(Some(entry.row.added_ms)), entry.row.id))
            .collect();
        aged.sort_unstable();
        aged.into_iter().map(|(_, id)| id).collect()
    }

    /// One release.
    pub fn release(&self, id: ReleaseId) -> Option<ReleaseView> {
        self.releases.get(&id).map(|entry| self.release_view(entry))
    }

    fn release_view(&self, entry: &ReleaseEntry) -> ReleaseView {
        let id = entry.row.id;
        ReleaseView {
            label: entry.row.label.clone(),
            id: id.to_string(),
            added_ms: entry.row.added_ms,
            current: self.current == Some(id),
            stored: entry.stored,
            workers: self.workers.values().filter(|worker| worker.release == id).count(),
            rooms: self.rooms.values().filter(|room| room.listing.release == id).count(),
            kinds: entry.kinds.iter().map(kind_view).collect(),
            label_was_of: None,
        }
    }

    /// Rooms in the order of their ids.
    pub fn rooms(&self, filter: &RoomFilter) -> Vec<RoomView> {
        let release = filter.release.as_deref().map(|text| self.find_release(text));
        self.rooms
            .values()
            .filter(|entry| filter.kind.as_ref().is_none_or(|kind| entry.listing.kind == *kind))
            .filter(|entry| release.is_none_or(|wanted| Some(entry.listing.release) == wanted))
            .take(filter.limit)
            .map(|entry| self.room_view(entry))
            .collect()
    }

    /// One room.
    pub fn room(&self, id: RoomId) -> Option<RoomView> {
        self.rooms.get(&id).map(|entry| self.room_view(entry))
    }

    fn room_view(&self, entry: &RoomEntry) -> RoomView {
        let listing = &entry.listing;
        RoomView {
            id: listing.room.to_string(),
            kind: listing.kind.clone(),
            name: listing.name.clone(),
            release: self.label(listing.release),
            version: listing.version,
            players: listing.players,
            players_max: listing.players_max,
            live: listing.live,
            halted: listing.halted.clone(),
            faults: entry.faults,
            last_fault: entry.last_fault.clone(),
            at_rest_since_ms: None,
        }
    }

    /// Rooms, live rooms and seats taken.
    pub fn totals(&self) -> (usize, usize, u64) {
        let live = self.rooms.values().filter(|entry| entry.listing.live).count();
        let players = self.rooms.values().map(|entry| u64::from(entry.listing.players)).sum();
        (self.rooms.len(), live, players)
    }

    /// All attached workers.
    pub fn workers(&self) -> Vec<WorkerView> {
        let view = |(id, entry): (&WorkerId, &WorkerEntry)| WorkerView {
            id: id.0,
            release: self.label(entry.release),
            app: entry.app.clone(),
            pid: entry.pid,
            spawned: entry.spawned,
        };
        self.workers.iter().map(view).collect()
    }

    /// Deploys, newest first.
    pub fn deploys(&self) -> Vec<DeployView> {
        self.deploys.values().rev().map(|deploy| deploy.view(|id| self.label(id))).collect()
    }

    /// One deploy.
    pub fn deploy(&self, id: DeployId) -> Option<DeployView> {
        self.deploys.get(&id).map(|deploy| deploy.view(|id| self.label(id)))
    }

    /// Whether all rooms have been read back.
    pub const fn recovered(&self) -> bool {
        self.recovered
    }

    /// Whether no new rooms are taken.
    pub const fn draining(&self) -> bool {
        self.draining
    }

    /// Why the keeper cannot go on, if it cannot.
    pub fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// Whether a worker of the current release is attached.
    pub fn serves(&self) -> bool {
        self.workers.values().any(|worker| Some(worker.release) == self.current)
    }
}

fn kind_view(kind: &KindInfo) -> KindView {
    KindView {
        name: kind.name.clone(),
        writes: kind.writes,
        reads_from: kind.reads_from,
        exports_to: kind.exports_to,
    }
}
