//! Copies of rooms that nobody runs, opened on a release to see whether it can: of rooms at rest, and of rooms in memory that
//! have no worker just then.
//!
//! A probe has no session, gets no batch and stores nothing. A room at rest is read for it, and is not in memory before or
//! after; whoever asks for it meanwhile wakes it, and the probe is dropped. One is under way at a time, so that of what takes a
//! process down the name is known, and only one state is held for it.

use std::collections::VecDeque;

use bytes::Bytes;
use playon_types::attach::{FromWorker, Prewarmed, ToWorker};
use playon_types::ids::{Attempt, DeployId, ReleaseId, RoomId, Seq, WorkerId};
use playon_types::image::{Image, StateCodec};
use playon_types::reason;
use playon_types::reason::Reason;
use playon_types::time::{Span, Time};

use crate::agenda::{Agenda, Due};
use crate::deadly::{DeadlyDeed, DeadlyTask};
use crate::effect::{Cost, Effect, Report, Unprobed};
use crate::errand::Errand;
use crate::fleet::{Berth, Suspicion, WorkerEnd};
use crate::placement::Placement;
use crate::room::{MoveOrder, too_slow};

use super::{Loading, RoomSlot, Shard};

/// Probes of one shard that wait or are under way. One more is not made, and says so.
pub const PROBES_MAX: usize = 64;

/// A copy that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WantedProbe {
    /// By which deploy.
    pub(super) deploy: DeployId,
    /// Of which room.
    pub(super) room: RoomId,
    /// On which release.
    pub(super) to: ReleaseId,
}

impl WantedProbe {
    const fn deed(self) -> DeadlyDeed {
        DeadlyDeed { room: self.room, release: self.to, task: DeadlyTask::Copy }
    }
}

/// What a worker needs for a copy.
#[derive(Debug)]
struct Sample {
    kind: String,
    seq: Seq,
    version: u32,
    state: Bytes,
}

impl From<&Image> for Sample {
    fn from(image: &Image) -> Self {
        let (kind, state) = (image.kind.clone(), image.state.clone());
        Self { kind, seq: image.seq, version: image.version, state }
    }
}

#[derive(Debug)]
enum ProbeStep {
    /// The store is asked for the room.
    Loading,
    /// A worker opens the copy.
    Opening { placement: Placement, errand: Errand },
}

/// The probes of a shard.
#[derive(Debug, Default)]
pub(super) struct Probes {
    waiting: VecDeque<WantedProbe>,
    current: Option<(WantedProbe, ProbeStep)>,
}

impl Probes {
    /// Those that wait, and the one that is under way.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + usize::from(self.current.is_some())
    }

    /// The worker that was given the attempt, if it is not void.
    pub(super) fn holder(&self, attempt: Attempt) -> Option<WorkerId> {
        self.placement()
            .filter(|placement| placement.attempt == attempt)
            .map(|placement| placement.worker)
    }

    fn placement(&self) -> Option<Placement> {
        match &self.current {
            Some((_, ProbeStep::Opening { placement, .. })) => Some(*placement),
            _ => None,
        }
    }

    /// The room of the one that is under way.
    pub(super) fn room(&self) -> Option<RoomId> {
        self.current.as_ref().map(|(wanted, _)| wanted.room)
    }

    /// When to look at the one that is under way, if a worker opens it; for checks.
    pub(super) fn until(&self) -> Option<Time> {
        match &self.current {
            Some((_, ProbeStep::Opening { errand, .. })) => Some(errand.until()),
            _ => None,
        }
    }

    /// The worker is at something under that attempt.
    pub(super) fn handle_turn(&mut self, agenda: &mut Agenda, now: Time, attempt: Attempt) {
        if let Some((_, ProbeStep::Opening { placement, errand })) = &mut self.current
            && placement.attempt == attempt
        {
            errand.begin(now);
            agenda.set(Due::Probe, errand.until());
        }
    }

    /// It is under way.
    fn begin(&mut self, agenda: &mut Agenda, wanted: WantedProbe, step: ProbeStep) {
        if let ProbeStep::Opening { errand, .. } = &step {
            agenda.set(Due::Probe, errand.until());
        }
        self.current = Some((wanted, step));
    }

    /// The one that is under way, if it is meant, is so no more.
    fn end_if(
        &mut self,
        agenda: &mut Agenda,
        meant: impl FnOnce(&mut (WantedProbe, ProbeStep)) -> bool,
    ) -> Option<(WantedProbe, ProbeStep)> {
        let ended = self.current.take_if(meant)?;
        agenda.stop(Due::Probe);
        Some(ended)
    }

    /// The probe for which the store was asked for that room.
    fn take_loading(&mut self, agenda: &mut Agenda, room: RoomId) -> Option<WantedProbe> {
        let of_room = |(wanted, step): &mut (WantedProbe, ProbeStep)| {
            wanted.room == room && matches!(step, ProbeStep::Loading)
        };
        self.end_if(agenda, of_room).map(|(wanted, _)| wanted)
    }
}

impl<C: StateCodec> Shard<C> {
    /// A deploy wants to know whether a copy of the room opens.
    pub(super) fn order_probe(&mut self, now: Time, wanted: WantedProbe) {
        if self.env.stopping || self.probes.len() >= PROBES_MAX {
            return self.not_probed(wanted, Unprobed::Full);
        }
        self.probes.waiting.push_back(wanted);
        self.run_probes(now);
    }

    /// A deploy wants to know no more.
    pub(super) fn cancel_probes(&mut self, now: Time, deploy: DeployId) {
        self.probes.waiting.retain(|wanted| wanted.deploy != deploy);
        if let Some((wanted, step)) =
            self.probes.end_if(&mut self.env.agenda, |(w, _)| w.deploy == deploy)
        {
            self.drop_probe(wanted, step);
        }
        self.run_probes(now);
    }

    /// Begins with the next one while none is under way. Without a worker of the release it waits for one; the director gives up
    /// when that takes too long.
    pub(super) fn run_probes(&mut self, now: Time) {
        while self.probes.current.is_none() && !self.env.stopping {
            let here = |wanted: &mut WantedProbe| self.env.fleet.has_release(wanted.to);
            let Some(wanted) = self.probes.waiting.pop_front_if(here) else { return };
            self.begin_probe(now, wanted);
        }
    }

    fn begin_probe(&mut self, now: Time, wanted: WantedProbe) {
        let room = wanted.room;
        let free = self.rooms.len() < self.env.limits.rooms_per_shard_max;
        match self.rooms.get_mut(&room).map(|entry| &mut entry.slot) {
            None if !self.recovery_done || !free => self.not_probed(wanted, Unprobed::Full),
            None => {
                self.probes.begin(&mut self.env.agenda, wanted, ProbeStep::Loading);
                self.env.emit(Effect::Load(room));
                self.put(room, RoomSlot::Loading(Loading { probe: true, ..Loading::default() }));
            }
            Some(RoomSlot::Loading(loading)) => {
                loading.probe = true;
                self.probes.begin(&mut self.env.agenda, wanted, ProbeStep::Loading);
            }
            Some(RoomSlot::Room(found)) if found.is_resting() => {
                self.not_probed(wanted, Unprobed::Claimed);
            }
            Some(RoomSlot::Room(found)) => {
                let order = MoveOrder { check: true, ..MoveOrder::to(wanted.deploy, wanted.to) };
                let Some(sample) = found.without_worker().map(Sample::from) else {
                    return self.order_move(now, room, order, true);
                };
                match found.version_for(&self.env, &order) {
                    Ok(None) => self.open_probe(now, wanted, sample),
                    Ok(Some(_)) => self.not_probed(wanted, Unprobed::NotRead),
                    Err(reason) => self.probed(now, wanted, Err(reason)),
                }
            }
            Some(RoomSlot::Halted(_)) => self.not_probed(wanted, Unprobed::Damaged),
            Some(RoomSlot::Creating(_) | RoomSlot::Leaving { .. }) => {
                self.not_probed(wanted, Unprobed::Claimed);
            }
        }
    }

    fn open_probe(&mut self, now: Time, wanted: WantedProbe, sample: Sample) {
        let WantedProbe { room, to, .. } = wanted;
        if !self.env.fleet.has_release(to) {
            // Its worker has gone while the room was read.
            return self.probes.waiting.push_front(wanted);
        }
        let reads = self.env.fleet.kind(to, &sample.kind).is_some_and(|k| k.reads(sample.version));
        let placement = reads.then(|| self.env.occupy(to, Berth::Common, &sample.kind)).flatten();
        let Some(placement) = placement else { return self.not_probed(wanted, Unprobed::NotRead) };
        let Sample { kind, seq, version, state } = sample;
        let attempt = placement.attempt;
        self.env
            .tell(placement.worker, ToWorker::Prewarm { room, attempt, kind, seq, version, state });
        let errand = Errand::new(now, self.env.limits.prewarm_timeout);
        self.probes.begin(&mut self.env.agenda, wanted, ProbeStep::Opening { placement, errand });
    }

    /// The room rests, and nobody asks for it.
    pub(super) fn probe_found(&mut self, now: Time, image: &Image) {
        if let Some(wanted) = self.probes.take_loading(&mut self.env.agenda, image.room) {
            self.open_probe(now, wanted, Sample::from(image));
            self.run_probes(now);
        }
    }

    /// There is nothing to be opened.
    pub(super) fn probe_missed(&mut self, now: Time, room: RoomId, why: Unprobed) {
        if let Some(wanted) = self.probes.take_loading(&mut self.env.agenda, room) {
            self.not_probed(wanted, why);
            self.run_probes(now);
        }
    }

    /// Somebody asks for a room that is not in memory.
    pub(super) fn interrupt_probe(&mut self, now: Time, room: RoomId) {
        if let Some((wanted, step)) =
            self.probes.end_if(&mut self.env.agenda, |(w, _)| w.room == room)
        {
            self.drop_probe(wanted, step);
            self.not_probed(wanted, Unprobed::Claimed);
            self.run_probes(now);
        }
    }

    /// What a worker answers to a probe.
    pub(super) fn handle_probed(&mut self, now: Time, message: &FromWorker) {
        let result = match message {
            FromWorker::Prewarmed(prewarmed) => self.judge_probe(prewarmed),
            FromWorker::Fault(fault) => Err(fault.reason()),
            _ => return,
        };
        let Some((wanted, step)) = self.probes.end_if(&mut self.env.agenda, |_| true) else {
            return;
        };
        if let ProbeStep::Opening { placement, .. } = step {
            self.env.leave(wanted.room, placement);
        }
        self.probed(now, wanted, result);
    }

    fn judge_probe(&self, prewarmed: &Prewarmed) -> Result<Cost, Reason> {
        let took = Span(u64::from(prewarmed.cost_us));
        match too_slow(took, self.env.limits.freeze_max) {
            Some(reason) => Err(reason),
            None => Ok(Cost { took, bytes: prewarmed.size }),
        }
    }

    /// A worker is gone. If it was at something else it is tried again with the next one.
    pub(super) fn probe_worker_down(&mut self, now: Time, worker: WorkerId, end: &WorkerEnd) {
        let Some(placement) =
            self.probes.placement().filter(|placement| placement.worker == worker)
        else {
            return;
        };
        let Some((wanted, _)) = self.probes.end_if(&mut self.env.agenda, |_| true) else { return };
        self.env.leave(wanted.room, placement);
        if end.was_at(wanted.room, placement.attempt) == Some(false) {
            self.probes.waiting.push_front(wanted);
            return self.run_probes(now);
        }
        if end.by_itself() {
            self.env.deadly.note(wanted.deed(), &end.how);
        }
        let why = reason!("PLY-0303 the worker went away while it opened a copy of the room");
        self.probed(now, wanted, Err(end.told(why)));
    }

    /// A worker takes too long.
    pub(super) fn probe_timed_out(&mut self, now: Time) {
        let Some((wanted, ProbeStep::Opening { placement, errand })) = &mut self.probes.current
        else {
            return;
        };
        let (wanted, worker) = (*wanted, placement.worker);
        if !self.env.is_overdue(errand, worker, now) {
            return self.env.agenda.set(Due::Probe, errand.until());
        }
        let hangs = errand.is_begun();
        errand.report(now);
        let why = reason!("PLY-0307 the new release did not open a copy of the room in time");
        if let Some((wanted, step)) = self.probes.end_if(&mut self.env.agenda, |_| true) {
            self.drop_probe(wanted, step);
        }
        if hangs {
            // One of its threads would never come back.
            self.env.emit(Effect::Suspect { worker, of: Suspicion::Hangs, why: why.clone() });
        }
        self.probed(now, wanted, Err(why));
    }

    /// Ends a probe that is not answered. If the store is still asked, what it says means nothing any more.
    fn drop_probe(&mut self, wanted: WantedProbe, step: ProbeStep) {
        if let ProbeStep::Opening { placement, errand } = step {
            self.env.leave(wanted.room, placement);
            self.env.abandon(placement, errand, Some(wanted.deed()));
        }
    }

    fn probed(&mut self, now: Time, wanted: WantedProbe, result: Result<Cost, Reason>) {
        let WantedProbe { deploy, room, .. } = wanted;
        self.env.report(Report::Checked { deploy, room, result });
        self.run_probes(now);
    }

    fn not_probed(&mut self, wanted: WantedProbe, why: Unprobed) {
        let WantedProbe { deploy, room, .. } = wanted;
        self.env.report(Report::NotProbed { deploy, room, why });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: WantedProbe =
        WantedProbe { deploy: DeployId(1), room: RoomId([1; 16]), to: ReleaseId([2; 32]) };

    #[test]
    fn a_probe_is_known_by_its_attempt_while_a_worker_opens_it() {
        let (mut probes, mut agenda) = (Probes::default(), Agenda::default());
        assert_eq!((probes.len(), probes.room(), probes.until()), (0, None, None));
        probes.waiting.push_back(WANTED);
        probes.begin(&mut agenda, WANTED, ProbeStep::Loading);
        assert_eq!((probes.len(), probes.room()), (2, Some(WANTED.room)));
        assert_eq!((probes.until(), agenda.next(), probes.holder(Attempt(3))), (None, None, None));
        assert_eq!(probes.take_loading(&mut agenda, RoomId([9; 16])), None);
        assert_eq!(probes.take_loading(&mut agenda, WANTED.room), Some(WANTED));
        assert_eq!((probes.len(), probes.room()), (1, None));
        let (worker, attempt, berth) = (WorkerId(9), Attempt(3), Berth::Common);
        let placement = Placement { worker, attempt, release: WANTED.to, berth };
        let errand = Errand::new(Time(0), Span(10));
        probes.begin(&mut agenda, WANTED, ProbeStep::Opening { placement, errand });
        assert_eq!((probes.holder(attempt), probes.holder(Attempt(4))), (Some(worker), None));
        assert_eq!(probes.take_loading(&mut agenda, WANTED.room), None, "the store has answered");
        probes.handle_turn(&mut agenda, Time(5), Attempt(4));
        assert_eq!((probes.until(), agenda.next()), (Some(Time(10)), Some(Time(10))));
        probes.handle_turn(&mut agenda, Time(5), attempt);
        assert_eq!((probes.until(), agenda.next()), (Some(Time(15)), Some(Time(15))));
        assert!(probes.end_if(&mut agenda, |_| false).is_none());
        assert_eq!(agenda.next(), Some(Time(15)));
        assert!(probes.end_if(&mut agenda, |_| true).is_some());
        assert_eq!((probes.len(), probes.until(), agenda.next()), (1, None, None));
    }

    #[test]
    fn what_takes_a_process_down_is_the_copy_of_that_room_on_that_release() {
        let DeadlyDeed { room, release, task } = WANTED.deed();
        assert_eq!((room, release, task), (WANTED.room, WANTED.to, DeadlyTask::Copy));
    }
}
