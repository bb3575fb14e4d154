//! The check of a deploy: before anything moves, copies of rooms are opened on the new release.
//!
//! | rooms | which is tried | if it cannot be |
//! |---|---|---|
//! | in memory, of each kind, version and release | one that is live, else one that has no worker just then | that it is not live counts for nothing |
//! | at rest, of each kind, version and release that wrote them, as far as the release says that it reads them | the first of [`SLEEPERS_PER_GROUP`] that can be read | it is counted, and so is a group of which none was tried |
//!
//! A copy that does not open ends the deploy. A way back goes on: it is not held up by rooms that the release being left cannot
//! run, nor by any that nobody is in.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use playon_types::ids::{DeployId, ReleaseId, RoomId};
use playon_types::kind::KindInfo;

use super::rests::Resting;

/// Groups of rooms at rest of which a deploy tries one each; the newest versions of each kind first. Of further ones it is counted
/// that they were not tried.
pub const RESTING_GROUPS_MAX: usize = 16;

/// Rooms of a group that are looked for in the store: one is tried, the next one if that cannot be read.
pub const SLEEPERS_PER_GROUP: usize = 4;

/// What a deploy looks for in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// The deploy.
    pub deploy: DeployId,
    /// The release that it ships.
    pub to: ReleaseId,
    /// What that says about its kinds.
    pub kinds: Vec<KindInfo>,
}

impl Search {
    /// Of what rests, that which the release reads, in the order in which it is to be tried: each version of each kind once, newest
    /// first, then the others. What it wrote itself is not among it.
    pub fn groups(&self, rests: impl IntoIterator<Item = Resting>) -> Vec<Resting> {
        let reads = |rest: &Resting| {
            let mut kinds = self.kinds.iter();
            kinds.any(|kind| kind.name == rest.kind && kind.reads(rest.version))
        };
        let mut versions: BTreeMap<String, BTreeMap<Reverse<u32>, BTreeSet<ReleaseId>>> =
            BTreeMap::new();
        for rest in rests.into_iter().filter(|rest| rest.release != self.to && reads(rest)) {
            let of_kind = versions.entry(rest.kind).or_default();
            of_kind.entry(Reverse(rest.version)).or_default().insert(rest.release);
        }
        let mut ranked = Vec::new();
        for (kind, versions) in versions {
            for (age, (Reverse(version), releases)) in versions.into_iter().enumerate() {
                for (nth, release) in releases.into_iter().enumerate() {
                    ranked.push((nth, age, Resting { kind: kind.clone(), version, release }));
                }
            }
        }
        ranked.sort();
        ranked.into_iter().map(|(.., rest)| rest).collect()
    }
}

/// A room at rest that may be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sleeper {
    /// The room.
    pub room: RoomId,
    /// The shard that it belongs to.
    pub shard: u16,
    /// Its name, or empty.
    pub name: String,
    /// What it needs of a release.
    pub need: Resting,
}

/// What was found for a [`Search`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sleepers {
    /// All groups that the release reads.
    pub groups: u64,
    /// Rooms of the first [`RESTING_GROUPS_MAX`] of them, at most [`SLEEPERS_PER_GROUP`] of each.
    pub rooms: Vec<Sleeper>,
}

/// A room at rest of which a copy is being opened, and the others of its group.
#[derive(Debug)]
pub(super) struct SleeperTrial {
    pub(super) sleeper: Sleeper,
    pub(super) others: Vec<Sleeper>,
}

/// What a deploy waits for before it moves anything.
#[derive(Debug, Default)]
pub(super) struct Checks {
    /// Rooms in memory of which a copy is being opened.
    pub(super) rooms: BTreeSet<RoomId>,
    /// Rooms at rest.
    pub(super) sleepers: BTreeMap<RoomId, SleeperTrial>,
    /// The shell looks for rooms at rest.
    pub(super) looking: bool,
    /// Why the first copy did not open.
    pub(super) unopened: Option<String>,
}

impl Checks {
    /// Copies of these rooms are being opened.
    pub(super) fn of(rooms: impl Iterator<Item = RoomId>) -> Self {
        Self { rooms: rooms.collect(), ..Self::default() }
    }

    /// Rooms in memory that it waits for.
    pub(super) fn in_memory(&self) -> usize {
        self.rooms.len()
    }

    /// Rooms at rest that are tried or may be.
    pub(super) fn at_rest(&self) -> usize {
        self.sleepers.values().map(|trial| 1 + trial.others.len()).sum()
    }

    pub(super) fn is_done(&self) -> bool {
        self.rooms.is_empty() && self.sleepers.is_empty() && !self.looking
    }

    /// A room has left memory. Tells whether it was waited for.
    pub(super) fn forget(&mut self, room: RoomId) -> bool {
        self.rooms.remove(&room)
    }

    /// Nothing is waited for any more.
    pub(super) fn give_up(&mut self) {
        let unopened = self.unopened.take();
        *self = Self { unopened, ..Self::default() };
    }

    /// What is missing, in words.
    pub(super) fn missing(&self) -> String {
        let room = self.rooms.first().map(|room| format!("room {room}"));
        let sleeper = || self.sleepers.values().next().map(|trial| describe(&trial.sleeper));
        match room.or_else(sleeper) {
            Some(one) => format!("{one} is missing"),
            None => "what is at rest was not found".to_owned(),
        }
    }
}

pub(super) fn describe(sleeper: &Sleeper) -> String {
    let Sleeper { room, name, need, .. } = sleeper;
    let named = if name.is_empty() { String::new() } else { format!(", named {name}") };
    format!("room {room} of kind {}{named}, at rest", need.kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use playon_types::kind::Policies;

    fn rest(kind: &str, version: u32, release: u8) -> Resting {
        Resting { kind: kind.into(), version, release: ReleaseId([release; 32]) }
    }

    #[test]
    fn what_is_given_up_is_over_and_why_a_copy_did_not_open_is_kept() {
        let rooms = [1, 2].map(|n| RoomId([n; 16]));
        let mut checks = Checks::of(rooms.into_iter());
        checks.looking = true;
        checks.unopened = Some("room 1".to_owned());
        assert_eq!((checks.in_memory(), checks.is_done()), (2, false));
        assert_eq!((checks.forget(rooms[0]), checks.forget(rooms[0])), (true, false));
        assert_eq!(checks.in_memory(), 1);
        checks.give_up();
        assert_eq!((checks.is_done(), checks.unopened.as_deref()), (true, Some("room 1")));
    }

    #[test]
    fn each_version_of_each_kind_comes_before_a_second_release_of_one() {
        let declared = |name: &str, reads_from| KindInfo {
            name: name.into(),
            writes: 3,
            reads_from,
            exports_to: 3,
            policies: Policies::default(),
        };
        let kinds = vec![declared("duel", 2), declared("lobby", 1)];
        let search = Search { deploy: DeployId(1), to: ReleaseId([9; 32]), kinds };
        let rests = [
            rest("duel", 1, 1),
            rest("duel", 2, 2),
            rest("duel", 3, 3),
            rest("duel", 3, 4),
            rest("duel", 3, 9),
            rest("lobby", 1, 1),
            rest("gone", 1, 1),
        ];
        let wanted =
            [rest("duel", 3, 3), rest("lobby", 1, 1), rest("duel", 2, 2), rest("duel", 3, 4)];
        assert_eq!(search.groups(rests), wanted);
    }
}
