//! What all rooms of a shard share.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use playon_types::attach::ToWorker;
use playon_types::gate::{Close, ToGateway};
use playon_types::ids::{Attempt, ConnId, Epoch, ReleaseId, RoomId, WorkerId};
use playon_types::image::ApplyBounds;
use playon_types::reason;
use playon_types::reason::Reason;
use playon_types::time::{Span, Time};

use crate::agenda::{Agenda, Due};
use crate::appeals::Appeals;
use crate::deadly::{Deadly, DeadlyDeed};
use crate::effect::{Effect, Report};
use crate::errand::Errand;
use crate::fleet::{Berth, Fleet, Suspicion, WorkerEnd};
use crate::handoffs::Handoffs;
use crate::limits::Limits;
use crate::mutant::{Mutant, broken};
use crate::openings::Openings;
use crate::placement::Placement;
use crate::shard::ShardConfig;
use crate::sockets::Sockets;
use crate::trials::Trials;

/// The shortest time between two reports of kinds that are not there: any page can ask for one.
const UNKNOWN_SAID_EVERY: Span = Span::secs(60);

/// The shard's surroundings, handed to a room with every call.
pub(crate) struct Env<C> {
    pub(crate) epoch: Epoch,
    pub(crate) limits: Limits,
    pub(crate) bounds: ApplyBounds,
    pub(crate) codec: C,
    pub(crate) fleet: Fleet,
    /// Where new and waking rooms go.
    pub(crate) prefer: Option<ReleaseId>,
    /// Whether waking rooms that are on another release go there, too.
    pub(crate) bring_home: bool,
    /// Rooms being handed over and those that wait for that.
    pub(crate) handoffs: Handoffs,
    /// Rooms being opened and those that wait for that.
    pub(crate) openings: Openings,
    /// Rooms that are tried where nobody else is, and those that wait for that.
    pub(crate) trials: Trials,
    /// What is tried on the release before the one on probation.
    pub(crate) appeals: Appeals,
    /// When the shard, and each of its rooms, wants to be called again.
    pub(crate) agenda: Agenda,
    /// What rooms that have left had still asked of a worker. A thread that hangs there holds up others, and nobody else
    /// would notice.
    abandoned: BTreeMap<(WorkerId, Attempt), Abandoned>,
    /// Copies that are not opened among other rooms again.
    pub(crate) deadly: Deadly,
    /// Rooms of which a copy is to be opened, or an older version written, where nobody else is: with which releases' code.
    copies: BTreeMap<RoomId, BTreeMap<ReleaseId, Berth>>,
    /// Rooms that need another worker than the common ones.
    confined: BTreeMap<RoomId, (ReleaseId, Berth)>,
    /// What was last reported of that.
    berths: BTreeSet<(ReleaseId, Berth)>,
    /// No new players are taken.
    pub(crate) draining: bool,
    /// Nothing more is delivered.
    pub(crate) stopping: bool,
    /// Who speaks to the shard.
    pub(crate) sockets: Sockets,
    pub(crate) out: VecDeque<Effect>,
    /// See [`crate::shard::ShardConfig::age`].
    age: Span,
    /// When it was last said that somebody asked for a kind that is not there, and how often that has been since.
    unknown_said: Option<Time>,
    unknown_since: u64,
    attempts: u64,
    /// Rooms in which a rule does not hold, with the first that does not.
    unsound: BTreeMap<RoomId, String>,
}

impl<C> Env<C> {
    pub(crate) fn new(config: ShardConfig, codec: C) -> Self {
        let ShardConfig { epoch, limits, shard, age } = config;
        Self {
            epoch,
            age,
            bounds: ApplyBounds::from(&limits),
            openings: Openings::new(&limits),
            handoffs: Handoffs::new(&limits),
            appeals: Appeals::new(Trials::beside(shard, limits.trials_max)),
            agenda: Agenda::default(),
            trials: Trials::new(shard, limits.trials_max),
            limits,
            codec,
            fleet: Fleet::default(),
            prefer: None,
            bring_home: true,
            abandoned: BTreeMap::new(),
            deadly: Deadly::default(),
            copies: BTreeMap::new(),
            confined: BTreeMap::new(),
            berths: BTreeSet::new(),
            draining: false,
            stopping: false,
            sockets: Sockets::default(),
            out: VecDeque::new(),
            unknown_said: None,
            unknown_since: 0,
            // Attempts of different shards never meet in a worker.
            attempts: if broken(Mutant::AttemptsShared) { 0 } else { u64::from(shard) << 48 },
            unsound: BTreeMap::new(),
        }
    }

    /// A rule does not hold in that room.
    pub(crate) fn unsound(&mut self, room: RoomId, what: String) {
        if let Entry::Vacant(entry) = self.unsound.entry(room) {
            entry.insert(what.clone());
            self.report(Report::Unsound { room, what });
        }
    }

    /// What does not hold in that room, if something does not.
    pub(crate) fn take_unsound(&mut self, room: RoomId) -> Option<String> {
        if self.unsound.is_empty() { None } else { self.unsound.remove(&room) }
    }

    /// The age of the directory's keepers.
    pub(crate) fn aged(&self, now: Time) -> Time {
        Time(now.0.saturating_add(self.age.0))
    }

    /// When that is on this keeper's clock, which begins with it.
    pub(crate) fn on_own_clock(&self, aged: Time) -> Time {
        Time(aged.0.saturating_sub(self.age.0))
    }

    /// What to tell whoever asks for a kind that new rooms cannot have; nothing if they can, or if nobody knows yet.
    pub(crate) fn no_such_kind(&mut self, now: Time, kind: &str) -> Option<Reason> {
        let kinds = self.fleet.instead_of(self.prefer?, kind)?;
        let detail = reason!("PLY-0137 there is no kind {kind}, but {}", kinds.join(", "));
        self.unknown_since += 1;
        if self.unknown_said.is_none_or(|said| now >= said + UNKNOWN_SAID_EVERY) {
            self.unknown_said = Some(now);
            let times = std::mem::take(&mut self.unknown_since);
            self.report(Report::UnknownKind { detail: detail.clone(), times });
        }
        Some(detail)
    }

    /// A token never given out before in this epoch.
    pub(crate) const fn mint(&mut self) -> Attempt {
        self.attempts += 1;
        Attempt(self.attempts)
    }

    pub(crate) fn emit(&mut self, effect: Effect) {
        if !self.is_of_unsound(&effect) {
            self.out.push_back(effect);
        }
    }

    /// Whether it would be done for a room in which a rule does not hold.
    fn is_of_unsound(&self, effect: &Effect) -> bool {
        if self.unsound.is_empty() {
            return false;
        }
        let room = match effect {
            Effect::Append { room, .. } | Effect::Delete(room) => *room,
            Effect::Snapshot(image) | Effect::Sleep(image) => image.room,
            Effect::Worker(_, message) => message.turn().room,
            _ => return false,
        };
        self.unsound.contains_key(&room)
    }

    pub(crate) fn tell(&mut self, worker: WorkerId, message: ToWorker) {
        self.emit(Effect::Worker(worker, message));
    }

    pub(crate) fn report(&mut self, report: Report) {
        self.emit(Effect::Report(report));
    }

    /// Closes a socket, which is the last word about it.
    pub(crate) fn close(&mut self, conn: ConnId, why: Close, detail: Reason) {
        if !broken(Mutant::SocketsKept) {
            self.sockets.forget(conn);
        }
        self.emit(Effect::Gate(ToGateway::Close { conn, why, detail }));
    }

    /// Whether something asked of a worker takes too long.
    pub(crate) fn is_overdue(&self, errand: &mut Errand, worker: WorkerId, now: Time) -> bool {
        errand.is_overdue(&self.fleet, worker, now, self.limits.turn_timeout)
    }

    /// A worker of that release and berth for the kind; the room is counted on it until `leave`.
    pub(crate) fn occupy(
        &mut self,
        release: ReleaseId,
        berth: Berth,
        kind: &str,
    ) -> Option<Placement> {
        let worker = self.fleet.least_loaded(release, berth, kind)?;
        self.fleet.occupy(worker);
        Some(Placement { worker, attempt: self.mint(), release, berth })
    }

    /// The same, and that is where the room has to run.
    pub(crate) fn occupy_only(
        &mut self,
        room: RoomId,
        release: ReleaseId,
        berth: Berth,
        kind: &str,
    ) -> Option<Placement> {
        self.confine(room, release, berth);
        self.occupy(release, berth, kind)
    }

    /// The same in a trial worker, which is asked for. While others have them all, the room waits for its turn.
    pub(crate) fn occupy_trial(
        &mut self,
        room: RoomId,
        release: ReleaseId,
        kind: &str,
    ) -> Option<Placement> {
        let Some(berth) = self.trials.take(room) else {
            self.confined.remove(&room);
            return None;
        };
        self.confine(room, release, berth);
        self.occupy(release, berth, kind)
    }

    /// The next room to be opened. Whose turn it is in a trial worker waits like any other.
    pub(crate) fn next_opening(&mut self) -> Option<RoomId> {
        while let Some(room) = self.trials.next() {
            self.openings.want(room);
        }
        self.openings.next()
    }

    /// Until when a room waits for a worker where nobody else is: for a while if there is none, longer while others are tried
    /// before it.
    pub(crate) fn trial_until(&self, room: RoomId, since: Time) -> Time {
        let last = since + self.limits.trial_queue_wait;
        let waits = self.trials.waits(room);
        let soon = (self.trials.seen().max(since) + self.limits.trial_wait).min(last);
        if waits { last } else { soon }
    }

    /// Until when a room waits for the worker of those that are a danger to others: longer where one can be started, as it has
    /// died too often to be started at once.
    pub(crate) fn detained_until(&self, release: ReleaseId, since: Time) -> Time {
        let comes = self.fleet.starts(release);
        since + if comes { self.limits.trial_queue_wait } else { self.limits.trial_wait }
    }

    /// Ends a placement: the worker forgets the attempt.
    pub(crate) fn retire(&mut self, room: RoomId, placement: Placement) {
        self.fleet.vacate(placement.worker);
        if self.fleet.has(placement.worker) && !broken(Mutant::NoRetire) {
            self.tell(placement.worker, ToWorker::Retire { room, attempt: placement.attempt });
        }
    }

    /// The same of a room's own, which may need that worker no more.
    pub(crate) fn leave(&mut self, room: RoomId, placement: Placement) {
        self.retire(room, placement);
        if matches!(placement.berth, Berth::Trial(_)) {
            self.end_copy(room, Some(placement.release));
        }
    }

    /// A worker that opens a copy of the room or writes an older version of it: a common one, or if that has taken one down
    /// one where nobody else is. While others have all of those, the room waits for its turn.
    pub(crate) fn occupy_for(&mut self, deed: DeadlyDeed, kind: &str) -> Option<Placement> {
        let DeadlyDeed { room, release, .. } = deed;
        if !self.deadly.has(deed) {
            return self.occupy(release, Berth::Common, kind);
        }
        let berth = self.trials.take(room)?;
        self.copies.entry(room).or_default().insert(release, berth);
        self.occupy(release, berth, kind)
    }

    /// Whether the workers of its own that the room has asked for are there.
    pub(crate) fn has_for_copy(&self, room: RoomId, kind: &str) -> bool {
        let there = |(release, berth): (&ReleaseId, &Berth)| {
            self.fleet.least_loaded(*release, *berth, kind).is_some()
        };
        self.copies.get(&room).is_some_and(|workers| workers.iter().all(there))
    }

    /// The room needs workers of its own for copies with the code of those releases only.
    pub(crate) fn keep_copies(&mut self, room: RoomId, keep: impl Fn(ReleaseId) -> bool) {
        let Some(releases) = self.copies.get_mut(&room) else { return };
        releases.retain(|release, _| keep(*release));
        if releases.is_empty() {
            self.end_copy(room, None);
        }
    }

    /// The room needs no worker of its own any more that runs the code of that release, or of any.
    pub(crate) fn end_copy(&mut self, room: RoomId, release: Option<ReleaseId>) {
        let Some(releases) = self.copies.get_mut(&room) else {
            return self.trials.release(room);
        };
        releases.retain(|of, _| release.is_some_and(|release| *of != release));
        if releases.is_empty() {
            self.copies.remove(&room);
            self.trials.release(room);
        }
    }

    /// A room leaves a worker that has not answered it yet.
    pub(crate) fn abandon(
        &mut self,
        placement: Placement,
        errand: Errand,
        deed: Option<DeadlyDeed>,
    ) {
        if self.fleet.has(placement.worker) {
            self.agenda.set(Due::Abandoned(placement.worker, placement.attempt), errand.until());
            self.abandoned
                .insert((placement.worker, placement.attempt), Abandoned { errand, deed });
        }
    }

    /// The worker is at something under that attempt.
    pub(crate) fn abandoned_turn(&mut self, now: Time, worker: WorkerId, attempt: Attempt) {
        if let Some(abandoned) = self.abandoned.get_mut(&(worker, attempt)) {
            abandoned.errand.begin(now);
            self.agenda.set(Due::Abandoned(worker, attempt), abandoned.errand.until());
        }
    }

    /// The worker has answered something under that attempt.
    pub(crate) fn answered(&mut self, worker: WorkerId, attempt: Attempt) {
        self.abandoned.remove(&(worker, attempt));
        self.agenda.stop(Due::Abandoned(worker, attempt));
    }

    /// A worker is gone, perhaps of what nobody waits for any more.
    pub(crate) fn abandoned_down(&mut self, worker: WorkerId, end: &WorkerEnd) {
        for ((_, attempt), abandoned) in self.abandoned.extract_if(.., |(at, _), _| *at == worker) {
            self.agenda.stop(Due::Abandoned(worker, attempt));
            let Abandoned { errand, deed: Some(deed) } = abandoned else { continue };
            let at_it = end.was_at(deed.room, attempt).unwrap_or(true);
            if at_it && end.is_held_against(errand.is_reported()) {
                self.deadly.note(deed, &end.how);
            }
        }
    }

    /// What is waited for that rooms have left, and until when, for checks.
    pub(crate) fn abandoned(&self) -> impl Iterator<Item = (Due, Time)> {
        let until = |((worker, attempt), abandoned): (&(WorkerId, Attempt), &Abandoned)| {
            (Due::Abandoned(*worker, *attempt), abandoned.errand.until())
        };
        self.abandoned.iter().map(until)
    }

    /// A worker perhaps takes too long over what nobody waits for any more: it is reported.
    pub(crate) fn abandoned_timeout(&mut self, now: Time, worker: WorkerId, attempt: Attempt) {
        let (fleet, turn_timeout) = (&self.fleet, self.limits.turn_timeout);
        let Some(Abandoned { errand, .. }) = self.abandoned.get_mut(&(worker, attempt)) else {
            return;
        };
        let hangs = errand.is_overdue(fleet, worker, now, turn_timeout);
        if hangs {
            errand.report(now);
        }
        self.agenda.set(Due::Abandoned(worker, attempt), errand.until());
        if hangs {
            let why = reason!("PLY-0404 it does not come back from a room that has left");
            self.emit(Effect::Suspect { worker, of: Suspicion::Hangs, why });
        }
    }

    /// Notes where a room has to run.
    pub(crate) fn confine(&mut self, room: RoomId, release: ReleaseId, berth: Berth) {
        if !matches!(berth, Berth::Trial(_)) && !self.copies.contains_key(&room) {
            self.trials.release(room);
        }
        if berth == Berth::Common {
            self.confined.remove(&room);
        } else {
            self.confined.insert(room, (release, berth));
        }
    }

    /// That worker is to be replaced: what some room's code has left behind in it makes other rooms fail.
    pub(crate) fn spoil(&mut self, worker: WorkerId, why: Reason) {
        if self.fleet.spoil(worker) {
            self.emit(Effect::Suspect { worker, of: Suspicion::Spoiled, why });
        }
    }

    /// Says which workers beside the common ones are needed, if that has changed.
    pub(crate) fn report_berths(&mut self) {
        let copies = self.copies.values().flatten().map(|(release, berth)| (*release, *berth));
        let needed = self.confined.values().copied().chain(copies);
        let needed: BTreeSet<_> = needed.chain(self.appeals.berths()).collect();
        if needed != self.berths {
            self.berths = needed.clone();
            self.report(Report::Berths(needed.into_iter().collect()));
        }
    }
}

/// What was asked of a worker for a room that does not wait for it any more.
#[derive(Debug)]
struct Abandoned {
    errand: Errand,
    /// What it was if not a batch or the opening of the room itself.
    deed: Option<DeadlyDeed>,
}

#[cfg(test)]
#[path = "env_tests.rs"]
mod tests;
