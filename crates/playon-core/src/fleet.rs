//! The attached workers, as one shard sees them, and which of them gets a room.

use std::collections::{BTreeMap, BTreeSet};

use playon_types::attach::Turn;
use playon_types::ids::{Attempt, ReleaseId, RoomId, Seq, WorkerId};
use playon_types::kind::KindInfo;
use playon_types::reason::Reason;
use playon_types::time::Time;

/// What a worker is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Berth {
    /// Any room.
    #[default]
    Common,
    /// One room at a time, to find out whether it is what takes processes down. Each shard has a few numbers of its own.
    Trial(u16),
    /// Rooms that have taken a process down, for a while.
    Quarantine,
    /// Rooms of which one may have left something behind that takes processes down. They are in two processes: in which of
    /// them it happens next tells more.
    Suspects(Half),
}

/// One of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Half {
    First,
    Second,
}

/// A worker that has attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerInfo {
    /// The worker.
    pub id: WorkerId,
    /// What it is there for.
    pub berth: Berth,
    /// The release it runs.
    pub release: ReleaseId,
    /// The kinds it serves.
    pub kinds: Vec<KindInfo>,
}

/// Who ended a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ended {
    /// Its process ended of its own accord, or was ended by the system, and not by the keeper.
    ByItself,
    /// The keeper, as it did not come back from something that a room asked of it.
    Suspect,
    /// The keeper, as rooms that fail in it do not fail where nobody has been before.
    Spoiled,
    /// The keeper, or its link failed, for a reason that is no room's.
    Dismissed,
}

/// Why a shard wants a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspicion {
    /// It does not come back from something that a room asked of it.
    Hangs,
    /// It spoke for what another worker has. What it says is worth nothing, and no room has made it say so.
    Lies,
    /// What some room's code has left behind in it makes other rooms fail.
    Spoiled,
}

impl Suspicion {
    /// Who ends the worker, as far as its rooms are concerned.
    pub const fn ended(self) -> Ended {
        match self {
            Self::Hangs => Ended::Suspect,
            Self::Lies => Ended::Dismissed,
            Self::Spoiled => Ended::Spoiled,
        }
    }
}

/// How a worker ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerEnd {
    /// Who ended it.
    pub ended: Ended,
    /// What each of its threads was at; `None` if it notes nothing.
    pub turns: Option<Vec<Turn>>,
    /// For people: how its process ended, and what it said last, as far as anybody knows. Empty if nobody does.
    pub how: String,
}

impl WorkerEnd {
    /// An end for a reason that is no room's.
    pub const DISMISSED: Self = Self { ended: Ended::Dismissed, turns: None, how: String::new() };

    /// What follows from the end, and how that was.
    pub(crate) fn told(&self, follows: Reason) -> Reason {
        follows.because(&self.how)
    }

    /// Whether its process ended of its own accord.
    pub fn by_itself(&self) -> bool {
        self.ended == Ended::ByItself
    }

    /// Whether what a room had asked of it may be why, if it was at that: it died of it, or was waited for too long. `late` says
    /// that it was this that was waited for. Of a worker that notes nothing it may have been anything else as well.
    pub fn is_held_against(&self, late: bool) -> bool {
        self.by_itself() || late || (self.ended == Ended::Suspect && self.turns.is_none())
    }

    /// Whether it may have been at something of the room; nothing if nobody knows. What it had done already and only not
    /// yet answered counts, too.
    pub fn was_at(&self, room: RoomId, attempt: Attempt) -> Option<bool> {
        let of_room = |turn: &Turn| turn.room == room && turn.attempt == attempt;
        self.turns.as_ref().map(|turns| turns.iter().any(of_room))
    }

    /// The same for one batch of the room.
    pub fn was_at_batch(&self, room: RoomId, attempt: Attempt, seq: Seq) -> Option<bool> {
        let turn = Turn { room, attempt, seq };
        self.turns.as_ref().map(|turns| turns.contains(&turn))
    }

    /// Whether it is known to have been at something of a room, which may be why it ended.
    pub fn was_at_work(&self) -> bool {
        self.ended != Ended::Dismissed && self.turns.as_ref().is_some_and(|turns| !turns.is_empty())
    }

    /// Whether the process died by itself while it was at nothing of any room.
    pub fn is_unexplained(&self) -> bool {
        self.by_itself() && self.turns.as_ref().is_some_and(Vec::is_empty)
    }
}

#[derive(Debug)]
struct Member {
    info: WorkerInfo,
    rooms: usize,
    /// When it last answered anything.
    heard: Option<Time>,
    /// It did not open a room in time, and has answered nothing since.
    mute: bool,
    /// It has noted what it began at least once.
    notes_turns: bool,
    /// It is to be replaced: no room goes there any more.
    spoiled: bool,
    /// It has lied.
    lies: bool,
}

/// All attached workers with the number of rooms this shard has on each.
#[derive(Debug, Default)]
pub struct Fleet {
    members: BTreeMap<WorkerId, Member>,
    /// What releases have said, also those of which no worker is attached. As many as the store has releases.
    declared: BTreeMap<ReleaseId, Vec<KindInfo>>,
    /// Releases of which workers can be started; nothing if that is not known, and then any may be.
    startable: Option<BTreeSet<ReleaseId>>,
    /// How many common workers of each release were lost while they were at something of a room.
    lost: BTreeMap<ReleaseId, u64>,
}

impl Fleet {
    /// A worker has attached.
    pub fn add(&mut self, info: WorkerInfo) {
        self.declare(info.release, info.kinds.clone());
        let member = Member {
            info,
            rooms: 0,
            heard: None,
            mute: false,
            notes_turns: false,
            spoiled: false,
            lies: false,
        };
        self.members.insert(member.info.id, member);
    }

    /// What a release says about its kinds.
    pub fn declare(&mut self, release: ReleaseId, kinds: Vec<KindInfo>) {
        self.declared.insert(release, kinds);
    }

    /// What a release has said about a kind, whether or not a worker of it is attached.
    pub fn declared(&self, release: ReleaseId, kind: &str) -> Option<&KindInfo> {
        self.declared.get(&release)?.iter().find(|declared| declared.name == kind)
    }

    /// These are the releases of which workers can be started.
    pub(crate) fn set_startable(&mut self, releases: BTreeSet<ReleaseId>) {
        self.startable = Some(releases);
    }

    /// Whether a room on that release can be opened, or may be once a worker has started. One of the release that is `awaited`
    /// comes in any case.
    pub(crate) fn may_run(&self, release: ReleaseId, awaited: Option<ReleaseId>) -> bool {
        self.startable.as_ref().is_none_or(|releases| releases.contains(&release))
            || awaited == Some(release)
            || self.has_release(release)
    }

    /// A release that can read a state which the release that wrote it cannot be started for: the one that is `awaited` if
    /// it can, else the one that makes the least of it.
    pub(crate) fn reader_of(
        &self,
        kind: &str,
        version: u32,
        awaited: Option<ReleaseId>,
    ) -> Option<ReleaseId> {
        let reads = |release: ReleaseId| {
            let declared = self.declared(release, kind).filter(|kind| kind.reads(version))?;
            Some((Some(release) != awaited, declared.writes, release))
        };
        let able = self.declared.keys().copied().filter(|id| self.may_run(*id, awaited));
        able.filter_map(reads).min().map(|(.., release)| release)
    }

    /// The kinds of a release, if it is known that it has none of that name, nor has any worker of it that is attached.
    pub(crate) fn instead_of(&self, release: ReleaseId, kind: &str) -> Option<Vec<&str>> {
        let kinds = self.declared.get(&release)?;
        let served =
            |m: &Member| m.info.release == release && m.info.kinds.iter().any(|k| k.name == kind);
        let there = kinds.iter().any(|k| k.name == kind) || self.members.values().any(served);
        (!there).then(|| kinds.iter().map(|kind| kind.name.as_str()).collect())
    }

    /// A worker is gone. Gives its release if it was a common one and was at something of a room.
    pub fn remove(&mut self, worker: WorkerId, end: &WorkerEnd) -> Option<ReleaseId> {
        let info = self.members.remove(&worker)?.info;
        let replaced = end.ended == Ended::Spoiled;
        let at_work = info.berth == Berth::Common && end.was_at_work() && !replaced;
        at_work.then(|| *self.lost.entry(info.release).or_default() += 1)?;
        Some(info.release)
    }

    /// How many common workers of the release were lost so far while they were at something of a room.
    pub(crate) fn lost(&self, release: ReleaseId) -> u64 {
        self.lost.get(&release).copied().unwrap_or(0)
    }

    /// Whether the worker is attached.
    pub fn has(&self, worker: WorkerId) -> bool {
        self.members.contains_key(&worker)
    }

    /// What the worker is there for, if it is attached.
    pub(crate) fn berth(&self, worker: WorkerId) -> Option<Berth> {
        self.members.get(&worker).map(|member| member.info.berth)
    }

    /// What the worker runs, if it is attached.
    pub(crate) fn release(&self, worker: WorkerId) -> Option<ReleaseId> {
        self.members.get(&worker).map(|member| member.info.release)
    }

    /// The worker has lied. Gives its release.
    pub(crate) fn note_lie(&mut self, worker: WorkerId) -> Option<ReleaseId> {
        let member = self.members.get_mut(&worker)?;
        member.lies = true;
        Some(member.info.release)
    }

    /// Whether the worker is attached and has not lied.
    pub(crate) fn is_heard(&self, worker: WorkerId) -> bool {
        self.members.get(&worker).is_some_and(|member| !member.lies)
    }

    /// Whether a worker of that release for any room is attached.
    pub fn has_release(&self, release: ReleaseId) -> bool {
        let common = |m: &Member| m.info.release == release && m.info.berth == Berth::Common;
        self.members.values().any(common)
    }

    /// The worker of that release and berth with the fewest rooms, if any serves the kind. One that is mute comes last.
    pub fn least_loaded(&self, release: ReleaseId, berth: Berth, kind: &str) -> Option<WorkerId> {
        let of = |m: &&Member| m.info.release == release && m.info.berth == berth;
        self.members
            .values()
            .filter(of)
            .filter(|m| !m.spoiled)
            .filter(|m| m.info.kinds.iter().any(|k| k.name == kind))
            .min_by_key(|m| (m.mute, m.rooms, m.info.id))
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
            (member.heard, member.mute) = (member.heard.max(Some(now)), false);
        }
    }

    /// The worker did not open a room in time: others are asked before it until it answers something.
    pub(crate) fn note_mute(&mut self, worker: WorkerId) {
        if let Some(member) = self.members.get_mut(&worker) {
            member.mute = true;
        }
    }

    /// No room goes there any more. Tells whether that is new.
    pub(crate) fn spoil(&mut self, worker: WorkerId) -> bool {
        let member = self.members.get_mut(&worker);
        member.is_some_and(|member| !std::mem::replace(&mut member.spoiled, true))
    }

    /// Whether workers of that release can be started for a room alone, as far as it is known.
    pub(crate) fn starts(&self, release: ReleaseId) -> bool {
        self.startable.as_ref().is_none_or(|releases| releases.contains(&release))
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
    use playon_types::kind::Policies;

    fn worker(id: u64, release: u8) -> WorkerInfo {
        let kind = KindInfo {
            name: "duel".into(),
            writes: 1,
            reads_from: 1,
            exports_to: 1,
            policies: Policies::default(),
        };
        WorkerInfo {
            id: WorkerId(id),
            berth: Berth::Common,
            release: ReleaseId([release; 32]),
            kinds: vec![kind],
        }
    }

    #[test]
    fn rooms_go_to_the_least_loaded_worker_of_the_release() {
        let mut fleet = Fleet::default();
        for (id, release) in [(1, 1), (2, 1), (3, 2)] {
            fleet.add(worker(id, release));
        }
        let release = ReleaseId([1; 32]);
        assert_eq!(fleet.least_loaded(release, Berth::Common, "duel"), Some(WorkerId(1)));
        fleet.occupy(WorkerId(1));
        assert_eq!(fleet.least_loaded(release, Berth::Common, "duel"), Some(WorkerId(2)));
        fleet.occupy(WorkerId(2));
        fleet.occupy(WorkerId(2));
        assert_eq!(fleet.least_loaded(release, Berth::Common, "duel"), Some(WorkerId(1)));
        fleet.occupy(WorkerId(1));
        fleet.vacate(WorkerId(2));
        fleet.vacate(WorkerId(2));
        assert_eq!(fleet.least_loaded(release, Berth::Common, "duel"), Some(WorkerId(2)));
        fleet.remove(WorkerId(1), &WorkerEnd::DISMISSED);
        assert_eq!(fleet.least_loaded(release, Berth::Common, "duel"), Some(WorkerId(2)));
        assert_eq!(fleet.least_loaded(release, Berth::Common, "chess"), None);
        assert_eq!(fleet.least_loaded(ReleaseId([9; 32]), Berth::Common, "duel"), None);
    }

    /// It may have been anything that it was at: what was waited for may have waited itself.
    #[test]
    fn who_hangs_and_notes_nothing_is_held_against_all_that_it_had() {
        let end = |ended, turns| WorkerEnd { ended, turns, how: String::new() };
        assert!(end(Ended::Suspect, None).is_held_against(false));
        assert!(
            !end(Ended::Suspect, Some(vec![])).is_held_against(false),
            "it says what it was at"
        );
        assert!(end(Ended::Suspect, Some(vec![])).is_held_against(true));
        assert!(!end(Ended::Dismissed, None).is_held_against(false));
        assert!(end(Ended::ByItself, None).is_held_against(false));
    }
}
