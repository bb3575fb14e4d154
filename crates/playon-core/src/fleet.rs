//! The attached workers, as one shard sees them, and which of them gets a room.

use std::collections::BTreeMap;

use crate::ids::{ReleaseId, WorkerId};
use crate::kind::KindInfo;
use crate::time::Time;

/// A worker that has attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerInfo {
    /// The worker.
    pub id: WorkerId,
    /// The release it runs.
    pub release: ReleaseId,
    /// The kinds it serves.
    pub kinds: Vec<KindInfo>,
}

#[derive(Debug)]
struct Member {
    info: WorkerInfo,
    rooms: usize,
    /// When it last answered anything.
    heard: Option<Time>,
    /// It has noted what it began at least once.
    notes_turns: bool,
}

/// All attached workers with the number of rooms this shard has on each.
#[derive(Debug, Default)]
pub struct Fleet {
    members: BTreeMap<WorkerId, Member>,
}

impl Fleet {
    /// A worker has attached.
    pub fn add(&mut self, info: WorkerInfo) {
        self.members.insert(info.id, Member { info, rooms: 0, heard: None, notes_turns: false });
    }

    /// A worker is gone.
    pub fn remove(&mut self, worker: WorkerId) {
        self.members.remove(&worker);
    }

    /// Whether the worker is attached.
    pub fn has(&self, worker: WorkerId) -> bool {
        self.members.contains_key(&worker)
    }

    /// Whether any worker of that release is attached.
    pub fn has_release(&self, release: ReleaseId) -> bool {
        self.members.values().any(|m| m.info.release == release)
    }

    /// The worker of that release with the fewest rooms, if any serves the kind.
    pub fn least_loaded(&self, release: ReleaseId, kind: &str) -> Option<WorkerId> {
        self.members
            .values()
            .filter(|m| m.info.release == release && m.info.kinds.iter().any(|k| k.name == kind))
            .min_by_key(|m| (m.rooms, m.info.id))
            .map(|m| m.info.id)
    }

    /// What a release says about a kind, if a worker of it is attached.
    pub fn kind(&self, release: ReleaseId, kind: &str) -> Option<&KindInfo> {
        self.members
            .values()
            .find(|m| m.info.release == release)
            .and_then(|m| m.info.kinds.iter().find(|k| k.name == kind))
    }

    /// The worker has answered something.
    pub(crate) fn hear(&mut self, worker: WorkerId, now: Time) {
        if let Some(member) = self.members.get_mut(&worker) {
            member.heard = Some(now);
        }
    }

    /// When the worker last answered anything.
    pub(crate) fn heard(&self, worker: WorkerId) -> Option<Time> {
        self.members.get(&worker)?.heard
    }

    /// The worker says what it begins with.
    pub(crate) fn note_turn(&mut self, worker: WorkerId) {
        if let Some(member) = self.members.get_mut(&worker) {
            member.notes_turns = true;
        }
    }

    /// Whether the worker says what it begins with.
    pub(crate) fn notes_turns(&self, worker: WorkerId) -> bool {
        self.members.get(&worker).is_some_and(|member| member.notes_turns)
    }

    /// Counts a room on a worker.
    pub(crate) fn occupy(&mut self, worker: WorkerId) {
        if let Some(member) = self.members.get_mut(&worker) {
            member.rooms += 1;
        }
    }

    /// Counts a room off a worker.
    pub(crate) fn vacate(&mut self, worker: WorkerId) {
        if let Some(member) = self.members.get_mut(&worker) {
            member.rooms = member.rooms.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Policies;

    fn worker(id: u64, release: u8) -> WorkerInfo {
        let kind = KindInfo {
            name: "duel".into(),
            writes: 1,
            reads_from: 1,
            exports_to: 1,
            policies: Policies::default(),
        };
        WorkerInfo { id: WorkerId(id), release: ReleaseId([release; 32]), kinds: vec![kind] }
    }

    #[test]
    fn rooms_go_to_the_least_loaded_worker_of_the_release() {
        let mut fleet = Fleet::default();
        for (id, release) in [(1, 1), (2, 1), (3, 2)] {
            fleet.add(worker(id, release));
        }
        let release = ReleaseId([1; 32]);
        assert_eq!(fleet.least_loaded(release, "duel"), Some(WorkerId(1)));
        fleet.occupy(WorkerId(1));
        assert_eq!(fleet.least_loaded(release, "duel"), Some(WorkerId(2)));
        fleet.occupy(WorkerId(2));
        fleet.occupy(WorkerId(2));
        assert_eq!(fleet.least_loaded(release, "duel"), Some(WorkerId(1)));
        fleet.remove(WorkerId(1));
        assert_eq!(fleet.least_loaded(release, "duel"), Some(WorkerId(2)));
        assert_eq!(fleet.least_loaded(release, "chess"), None);
        assert_eq!(fleet.least_loaded(ReleaseId([9; 32]), "duel"), None);
    }
}
