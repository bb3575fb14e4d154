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

    /// Whether workers are started at all: else those that are gone may be attached again by whoever attached them.
    pub(crate) fn starts_workers(&self) -> bool {
        self.startable.as_ref().is_some_and(|releases| !releases.is_empty())
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

    const ROOM: RoomId = RoomId([7; 16]);

    const fn release(n: u8) -> ReleaseId {
        ReleaseId([n; 32])
    }

    fn turn(attempt: u64, seq: u64) -> Turn {
        Turn { room: ROOM, attempt: Attempt(attempt), seq: Seq(seq) }
    }

    /// A worker that serves that kind, of which it writes that version and reads those from another one on.
    fn serves(id: u64, n: u8, kind: &str, writes: u32, reads_from: u32) -> WorkerInfo {
        let mut info = worker(id, n);
        info.kinds[0].name = kind.into();
        (info.kinds[0].writes, info.kinds[0].reads_from) = (writes, reads_from);
        info
    }

    #[test]
    fn what_a_worker_was_at_when_it_ended_is_told_by_what_it_notes() {
        let end = |ended, turns| WorkerEnd { ended, turns, how: String::new() };
        for ended in [Ended::ByItself, Ended::Suspect, Ended::Spoiled, Ended::Dismissed] {
            let by_itself = ended == Ended::ByItself;
            let at_it = end(ended, Some(vec![turn(1, 5)]));
            assert_eq!(at_it.by_itself(), by_itself);
            assert_eq!(at_it.was_at_work(), ended != Ended::Dismissed);
            assert!(!at_it.is_unexplained(), "it was at a room");
            let at_nothing = end(ended, Some(Vec::new()));
            assert_eq!((at_nothing.was_at_work(), at_nothing.is_unexplained()), (false, by_itself));
            let unknown = end(ended, None);
            assert_eq!((unknown.was_at_work(), unknown.is_unexplained()), (false, false));
            assert_eq!(
                (unknown.was_at(ROOM, Attempt(1)), at_it.was_at(ROOM, Attempt(1))),
                (None, Some(true))
            );
            assert_eq!(at_it.was_at(ROOM, Attempt(2)), Some(false), "another attempt");
            assert_eq!(at_it.was_at(RoomId([8; 16]), Attempt(1)), Some(false));
            assert_eq!(unknown.was_at_batch(ROOM, Attempt(1), Seq(5)), None);
            assert_eq!(at_it.was_at_batch(ROOM, Attempt(1), Seq(5)), Some(true));
            assert_eq!(at_it.was_at_batch(ROOM, Attempt(1), Seq(6)), Some(false));
        }
    }

    #[test]
    fn who_ends_a_worker_follows_from_why_it_is_to_be_ended() {
        let ended = [Suspicion::Hangs, Suspicion::Lies, Suspicion::Spoiled].map(Suspicion::ended);
        assert_eq!(ended, [Ended::Suspect, Ended::Dismissed, Ended::Spoiled]);
    }

    #[test]
    fn a_release_is_opened_if_it_can_be_started_is_awaited_or_is_there() {
        let mut fleet = Fleet::default();
        assert!(fleet.may_run(release(1), None) && fleet.starts(release(1)), "nobody knows");
        fleet.set_startable(BTreeSet::from([release(1)]));
        fleet.add(worker(2, 2));
        fleet.add(WorkerInfo { berth: Berth::Trial(0), ..worker(3, 3) });
        let may: Vec<bool> = (1..=4).map(|n| fleet.may_run(release(n), Some(release(4)))).collect();
        assert_eq!(may, [true, true, false, true], "the third one is there for one room only");
        let starts: Vec<bool> = (1..=4).map(|n| fleet.starts(release(n))).collect();
        assert_eq!(starts, [true, false, false, false]);
        assert!(fleet.has_release(release(2)) && !fleet.has_release(release(3)));
    }

    #[test]
    fn a_state_is_read_by_the_awaited_release_if_it_can_else_by_the_one_that_makes_the_least_of_it()
    {
        let mut fleet = Fleet::default();
        for (n, writes, reads_from) in [(1, 9, 1), (2, 5, 3), (3, 6, 4), (4, 4, 4)] {
            fleet.add(serves(n.into(), n, "duel", writes, reads_from));
        }
        let reader = |fleet: &Fleet, version, awaited| {
            fleet.reader_of("duel", version, Some(release(awaited))).map(|release| release.0[0])
        };
        assert_eq!(reader(&fleet, 4, 3), Some(3), "it is awaited");
        assert_eq!(reader(&fleet, 4, 9), Some(4));
        assert_eq!(reader(&fleet, 5, 9), Some(2));
        assert_eq!(reader(&fleet, 2, 3), Some(1), "the awaited one does not read it");
        assert_eq!(reader(&fleet, 10, 3), None);
        assert_eq!(fleet.reader_of("chess", 4, None), None);
        fleet.remove(WorkerId(4), &WorkerEnd::DISMISSED);
        assert_eq!(reader(&fleet, 4, 9), Some(4), "it may be started");
        fleet.set_startable(BTreeSet::new());
        assert_eq!(reader(&fleet, 4, 9), Some(2), "it cannot");
    }

    #[test]
    fn the_kinds_of_a_release_are_told_if_it_has_none_of_that_name() {
        let mut fleet = Fleet::default();
        assert_eq!(fleet.instead_of(release(1), "chess"), None, "nobody knows");
        fleet.declare(release(1), worker(1, 1).kinds);
        assert_eq!(fleet.instead_of(release(1), "chess"), Some(vec!["duel"]));
        assert_eq!(fleet.instead_of(release(1), "duel"), None);
        fleet.add(serves(2, 2, "chess", 1, 1));
        assert_eq!(fleet.instead_of(release(1), "chess"), Some(vec!["duel"]), "another one has");
        // Whatever was said last: one that is there serves it.
        fleet.add(serves(1, 1, "chess", 1, 1));
        fleet.declare(release(1), worker(1, 1).kinds);
        assert_eq!(fleet.instead_of(release(1), "chess"), None);
        assert_eq!(fleet.declared(release(1), "duel").map(|kind| kind.writes), Some(1));
        assert!(
            fleet.declared(release(1), "chess").is_none()
                && fleet.declared(release(9), "duel").is_none()
        );
        assert!(
            fleet.kind(release(1), "chess").is_some() && fleet.kind(release(1), "duel").is_none()
        );
        assert!(
            fleet.kind(release(2), "chess").is_some() && fleet.kind(release(9), "chess").is_none()
        );
    }

    #[test]
    fn common_workers_that_are_lost_at_something_of_a_room_are_counted_by_release() {
        let mut fleet = Fleet::default();
        let end = |ended, turns| WorkerEnd { ended, turns: Some(turns), how: String::new() };
        let mut goes = |berth, end: &WorkerEnd| {
            fleet.add(WorkerInfo { berth, ..worker(1, 1) });
            let told = fleet.remove(WorkerId(1), end);
            (told, fleet.lost(release(1)))
        };
        let at_it = || vec![turn(1, 5)];
        assert_eq!(goes(Berth::Common, &end(Ended::ByItself, at_it())), (Some(release(1)), 1));
        assert_eq!(goes(Berth::Common, &end(Ended::Suspect, at_it())), (Some(release(1)), 2));
        assert_eq!(goes(Berth::Common, &end(Ended::Spoiled, at_it())), (None, 2), "it is replaced");
        assert_eq!(goes(Berth::Common, &end(Ended::Dismissed, at_it())), (None, 2));
        assert_eq!(goes(Berth::Common, &end(Ended::ByItself, Vec::new())), (None, 2));
        assert_eq!(goes(Berth::Trial(0), &end(Ended::ByItself, at_it())), (None, 2));
        assert_eq!(goes(Berth::Quarantine, &end(Ended::ByItself, at_it())), (None, 2));
        assert_eq!(fleet.lost(release(2)), 0);
        assert_eq!(fleet.remove(WorkerId(1), &end(Ended::ByItself, at_it())), None, "it was gone");
    }

    #[test]
    fn a_worker_is_known_while_it_is_attached_and_heard_until_it_lies() {
        let mut fleet = Fleet::default();
        let (one, other) = (WorkerId(1), WorkerId(9));
        fleet.add(WorkerInfo { berth: Berth::Quarantine, ..worker(1, 1) });
        assert!(fleet.has(one) && !fleet.has(other));
        assert_eq!((fleet.berth(one), fleet.berth(other)), (Some(Berth::Quarantine), None));
        assert_eq!((fleet.release(one), fleet.release(other)), (Some(release(1)), None));
        assert!(fleet.is_heard(one) && !fleet.is_heard(other));
        assert_eq!((fleet.note_lie(one), fleet.note_lie(other)), (Some(release(1)), None));
        assert!(!fleet.is_heard(one) && fleet.has(one));
        assert!(!fleet.notes_turns(one));
        fleet.note_turn(one);
        fleet.note_turn(other);
        assert!(fleet.notes_turns(one) && !fleet.notes_turns(other));
    }

    #[test]
    fn a_worker_that_is_mute_comes_last_until_it_answers_and_a_spoiled_one_never() {
        let mut fleet = Fleet::default();
        (1..=2).for_each(|id| fleet.add(worker(id, 1)));
        let next = |fleet: &Fleet| fleet.least_loaded(release(1), Berth::Common, "duel");
        fleet.note_mute(WorkerId(1));
        (0..3).for_each(|_| fleet.occupy(WorkerId(2)));
        assert_eq!(next(&fleet), Some(WorkerId(2)), "however many rooms the other one has");
        fleet.hear(WorkerId(1), Time(5));
        assert_eq!(next(&fleet), Some(WorkerId(1)));
        assert!(fleet.spoil(WorkerId(1)) && !fleet.spoil(WorkerId(1)) && !fleet.spoil(WorkerId(9)));
        assert_eq!(next(&fleet), Some(WorkerId(2)));
        assert!(fleet.spoil(WorkerId(2)));
        assert_eq!(next(&fleet), None);
        fleet.add(WorkerInfo { berth: Berth::Trial(1), ..worker(3, 1) });
        assert_eq!(next(&fleet), None, "that is no common one");
        assert_eq!(fleet.least_loaded(release(1), Berth::Trial(1), "duel"), Some(WorkerId(3)));
    }

    #[test]
    fn a_worker_was_last_heard_when_it_answered_last_whoever_says_so_first() {
        let mut fleet = Fleet::default();
        fleet.add(worker(1, 1));
        assert_eq!(fleet.heard(WorkerId(1)), None);
        for (at, last) in [(5, 5), (3, 5), (8, 8)] {
            fleet.hear(WorkerId(1), Time(at));
            assert_eq!(fleet.heard(WorkerId(1)), Some(Time(last)));
        }
        fleet.hear(WorkerId(9), Time(1));
        assert_eq!(fleet.heard(WorkerId(9)), None);
    }
}
