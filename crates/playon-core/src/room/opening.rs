//! From committed bytes to a live room: at start, after a crash, and when a sleeping room is woken.

use playon_types::attach::{Body, Ready, Turn};
use playon_types::ids::{ReleaseId, WorkerId};
use playon_types::image::{Image, Misfit, Record, StateCodec, materialize};
use playon_types::reason;
use playon_types::reason::Reason;
use playon_types::time::{Span, Time};

use crate::deadly::DeadlyTask;
use crate::effect::{AtFault, Effect, Report};
use crate::ensure::ensure;
use crate::env::Env;
use crate::errand::Errand;
use crate::fleet::{Berth, Suspicion, WorkerEnd};
use crate::mutant::{Mutant, broken};
use crate::placement::Placement;

use super::Room;
use super::beside::Stake;
use super::blame::FaultDamage;
use super::copies::After;
use super::durability::WholeImage;
use super::phase::{Inflight, Live, MoveOrder, Opening, Phase, Switching, Warm};
use super::timers::Timer;
use super::trial::GONE;

impl Room {
    /// Queues the room for opening.
    pub(crate) fn want_open<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        self.down_since = self.down_since.or(Some(now));
        if matches!(self.phase, Phase::Idle) {
            self.timers.stop(Timer::Retry);
            env.openings.want(self.id());
        }
    }

    /// What is committed of a room that no worker has or is being asked for.
    pub(crate) const fn unopened(&self) -> Option<&Image> {
        if matches!(self.phase, Phase::Idle) { Some(&self.image) } else { None }
    }

    /// The release that the room was on is gone: it is opened on another one.
    pub(crate) fn settle_on<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        release: ReleaseId,
    ) {
        self.image.release = release;
        self.list(env);
        self.want_open(env, now);
    }

    /// It is the room's turn to be opened. Without a worker for it the room stays idle until one attaches.
    pub(crate) fn open<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        if !matches!(self.phase, Phase::Idle) || env.stopping || self.image.ended {
            return;
        }
        let (release, version) = self.target(env, now);
        if self.blame.halted().is_some() && release == self.release() {
            return;
        }
        let Some(placement) = self.find_post(env, now, release) else {
            return;
        };
        let export = match version {
            None => None,
            Some(version) => {
                let Some((export, message)) = self.export(env, version) else {
                    env.leave(self.id(), placement);
                    return;
                };
                env.tell(export.placement.worker, message);
                Some(export)
            }
        };
        let (rooms, most) = (env.openings.under_way(), env.openings.window());
        ensure!(env, self.id(), rooms < most, "{rooms} of {most} rooms are being opened already");
        env.openings.begin(self.id(), self.image.state.len());
        if export.is_none() {
            self.tell_open(env, placement, self.image.version, self.image.state.clone());
        }
        let errand = Errand::new(now, env.limits.open_timeout);
        self.enter(Phase::Opening(Opening { placement, export, given: None, errand }));
    }

    /// The release to open on, and the version in which it must be given the state if not the one that is held. That is where
    /// a deploy wants it, once the room may go and a worker is there. One that cannot go there is opened where it was.
    fn target<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) -> (ReleaseId, Option<u32>) {
        let open = self.image.between_rounds;
        let goes = self.wish.filter(|w| w.may_go(now, open) && env.fleet.has_release(w.to));
        let Some(order) = goes else { return (self.image.release, None) };
        match self.version_for(env, &order) {
            Ok(version) if self.goes_from_home(env, order.to, version.is_some()) => {
                (self.image.release, None)
            }
            Ok(Some(_)) if env.deadly.has(self.deed(self.release(), DeadlyTask::Export)) => {
                // It cannot play on where it is while that is tried.
                self.wish = None;
                let why = self.died(env, self.release(), DeadlyTask::Export);
                self.move_failed(env, order, AtFault::Release, why);
                (self.image.release, None)
            }
            Ok(version) => (order.to, version),
            Err(reason) => {
                self.wish = None;
                self.move_failed(env, order, AtFault::Release, reason);
                (self.image.release, None)
            }
        }
    }

    /// A worker has opened the room.
    pub(crate) fn handle_ready<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        ready: &Ready,
    ) {
        match &mut self.phase {
            Phase::Opening(opening) if opening.placement.attempt == ready.attempt => {
                if opening.export.is_some() {
                    return;
                }
                let (placement, given) = (opening.placement, opening.given.take());
                env.openings.succeeded(self.id());
                if placement.release == self.image.release && ready.hash == self.image.hash {
                    self.image.wake_at = ready.wake_at;
                    self.go_live(env, now, placement, true);
                } else {
                    let order = self.wish.take_if(|w| !w.check && w.to == placement.release);
                    let given = given.map(|given| (now, Some(given)));
                    self.migrate(env, now, order, None, placement, ready, given);
                }
            }
            Phase::Cutover(cutover) if cutover.new.attempt == ready.attempt => {
                self.cutover_ready(env, now, ready);
            }
            _ => {}
        }
    }

    /// The room is live: its clock runs, and it is delivered to.
    pub(super) fn go_live<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        placement: Placement,
        stagger: bool,
    ) {
        let forgotten = self.phase.inflight().map(|inflight| inflight.seq);
        ensure!(env, self.id(), forgotten.is_none(), "{forgotten:?} is under way and forgotten");
        self.adopt_policies(env, placement.release);
        self.blame.opened();
        self.enter(Phase::Live(Live { placement, inflight: None, warm: None }));
        self.start_clock(env, now, stagger);
        if let Some(since) = self.down_since.take() {
            env.report(Report::Recovered { room: self.id(), outage: now.since(since) });
        }
        self.list(env);
        self.pump(env, now);
    }

    /// Lets the room's clock run, unless it has not stopped. Rooms that come up together are staggered.
    fn start_clock<C: StateCodec>(&mut self, env: &Env<C>, now: Time, stagger: bool) {
        if self.clock.runs() || env.stopping {
            return;
        }
        let Some(period) = self.period() else { return self.clock.start(now, None, Span::ZERO) };
        let grid = env.limits.tick_grid.0.max(1);
        let slot = if stagger { self.id().mix(1) % period.0.max(1) / grid * grid } else { 0 };
        let due = self.due_at();
        self.clock.start(now + Span(slot), due, env.limits.tick_grid);
    }

    /// Takes over what the release says about the kind.
    pub(super) fn adopt_policies<C: StateCodec>(&mut self, env: &Env<C>, release: ReleaseId) {
        if let Some(kind) = env.fleet.kind(release, &self.image.kind) {
            self.policies = kind.policies.clone();
            self.policies_known = true;
            self.note_seats();
        }
    }

    /// The worker has begun with what was asked of it.
    pub(crate) fn handle_turn(&mut self, now: Time, turn: Turn) {
        match &mut self.phase {
            Phase::Opening(opening) => {
                let asked = opening.export.map_or(opening.placement, |export| export.placement);
                if asked.attempt == turn.attempt {
                    opening.errand.begin(now);
                    self.note_opening();
                }
            }
            Phase::Cutover(cutover) if cutover.asked().0.attempt == turn.attempt => {
                cutover.errand.begin(now);
            }
            Phase::Live(live) => {
                let warm = live.warm.as_mut().filter(|warm| {
                    let export = warm.step.export().map(|export| export.placement);
                    turn.attempt == export.unwrap_or(warm.step.placement()).attempt
                });
                if let Some(warm) = warm {
                    warm.errand.begin(now);
                    self.timers.set(Timer::Copy, warm.errand.until());
                } else if let Some(inflight) = live.inflight.as_mut().filter(|i| i.seq == turn.seq)
                {
                    inflight.errand.begin(now);
                    self.timers.set(Timer::Batch, inflight.errand.until());
                }
            }
            _ => {}
        }
    }

    /// What is asked for the room to be opened may take longer, or something else is asked for it.
    pub(super) fn note_opening(&mut self) {
        if let Phase::Opening(opening) = &self.phase
            && !broken(Mutant::OpenForever)
        {
            self.timers.set(Timer::Opening, opening.errand.until());
        }
    }

    /// Opening took too long: another try, elsewhere if possible. A worker that is at it still has a thread that hangs: it
    /// is killed.
    pub(super) fn opening_timed_out<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        let id = self.id();
        let Phase::Opening(opening) = &mut self.phase else { return };
        let asked = opening.asked();
        let worker = asked.0.worker;
        if !env.is_overdue(&mut opening.errand, worker, now) {
            return self.note_opening();
        }
        if opening.errand.is_begun() {
            opening.errand.report(now);
            self.note_opening();
            let why = reason!("PLY-0403 it did not open room {id} in time");
            if self.is_copy(asked) {
                // Among others it would hang again, and take them down again.
                env.deadly.decline(self.deed(asked.0.release, asked.1), why.words());
            }
            return env.emit(Effect::Suspect { worker, of: Suspicion::Hangs, why });
        }
        let elsewhere = opening.placement.release != self.image.release;
        env.fleet.note_mute(worker);
        if !broken(Mutant::RetryGreedy) {
            env.openings.failed(now);
        }
        // Another release than the room's own is merely not moved to.
        let count = if elsewhere { 0 } else { self.blame.opening_slow() };
        let why = reason!("PLY-0403 the worker did not open the room in time");
        self.fall(env, now, AtFault::Release, (count, why));
    }

    /// A move that was under way when the room fell has failed; one that had not begun goes on later. So does one that was
    /// being prepared: the release that the room leaves is at fault, and nothing of the move has failed.
    pub(super) fn settle_move<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        blame: AtFault,
        reason: Reason,
    ) {
        if let Phase::Live(live) = &mut self.phase
            && !broken(Mutant::LeavingBlamed)
        {
            if live.warm.is_some() {
                self.put_warm_back(env);
            }
            return;
        }
        if let Some(order) = self.begun_move() {
            self.wish.take_if(|w| w.deploy == order.deploy);
            self.move_failed(env, order, blame, reason);
        }
    }

    /// The move that is under way, if one is.
    pub(super) fn begun_move(&self) -> Option<MoveOrder> {
        match &self.phase {
            Phase::Live(Live { warm: Some(Warm { order, .. }), .. }) => Some(*order),
            Phase::Cutover(cutover) => Some(cutover.order),
            Phase::Switching(switching) => switching.order,
            Phase::Opening(opening) => {
                self.wish.filter(|w| !w.check && w.to == opening.placement.release)
            }
            Phase::Live(_) | Phase::Idle | Phase::Resting => None,
        }
    }

    /// A worker has attached: the room may be waiting for one, to be opened or to be handed over.
    pub(crate) fn handle_worker_up<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        match self.phase {
            Phase::Idle if !self.timers.is_set(Timer::Retry) || self.apart_since.is_some() => {
                self.want_open(env, now);
            }
            // It may be waiting for this worker to be opened apart from the others, or among them again.
            _ => self.pump(env, now),
        }
    }

    /// Some room has taken a common worker of that release down. It is noted what this one had there, or has waiting for
    /// the next one; if that was its own doing, `handle_worker_down` finds out.
    pub(crate) fn note_loss<C: StateCodec>(
        &mut self,
        env: &Env<C>,
        worker: WorkerId,
        release: ReleaseId,
    ) {
        let idle = matches!(self.phase, Phase::Idle);
        if self.release() != release || !(idle || self.phase.is_on(worker)) {
            return;
        }
        let inflight = self.phase.inflight();
        let waits = !self.backlog.is_empty() || self.blame.suspects() > 0;
        let stake = match &self.phase {
            _ if waits || inflight.is_some_and(Inflight::brings) => Stake::Items,
            Phase::Opening(_) => Stake::Opening,
            _ if inflight.is_some() => Stake::Time,
            _ => return,
        };
        self.blame.was_beside(env.fleet.lost(release), stake);
    }

    /// A worker process is gone, and with it everything it had not committed.
    pub(crate) fn handle_worker_down<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        worker: WorkerId,
        end: &WorkerEnd,
    ) {
        if !self.phase.is_on(worker) {
            return;
        }
        let after = self.after_death(env, worker, end);
        match &mut self.phase {
            Phase::Live(live) if live.placement.worker != worker => {
                self.warm_worker_gone(env, after);
                self.pump(env, now);
            }
            Phase::Cutover(cutover)
                if cutover.new.worker == worker
                    || cutover
                        .exporting
                        .is_some_and(|export| export.placement.worker == worker) =>
            {
                self.cutover_worker_gone(env, now, after);
            }
            Phase::Cutover(cutover) => {
                // The last commit is here and the new worker has what it needs: go on.
                cutover.old = None;
            }
            Phase::Switching(switching) => {
                switching.old = switching.old.filter(|placement| placement.worker != worker);
                switching.new = switching.new.filter(|placement| placement.worker != worker);
                if let (Some(old), None, true) =
                    (switching.old, switching.new, broken(Mutant::ThawAfterMigrate))
                {
                    self.go_live(env, now, old, false);
                }
            }
            Phase::Live(_) => self.live_worker_gone(env, now, end),
            Phase::Opening(opening) => {
                let placement = opening.placement;
                if !broken(Mutant::RetryGreedy) {
                    env.openings.failed(now);
                }
                match after {
                    After::Apart(deed) => self.open_at_home(env, now, deed),
                    After::Fails(AtFault::Release, why) => {
                        self.opening_failed(env, now, FaultDamage::Process, why);
                    }
                    After::Fails(..) => self.opening_worker_gone(env, now, placement, end),
                }
            }
            _ => self.fall(env, now, AtFault::Circumstance, (0, end.told(GONE))),
        }
    }

    /// Brings the image to what the new release made of it, and has that made safe.
    #[expect(clippy::too_many_arguments, reason = "one transition, each argument a part of it")]
    pub(super) fn migrate<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        order: Option<MoveOrder>,
        old: Option<Placement>,
        new: Placement,
        ready: &Ready,
        frozen: Option<(Time, Option<bytes::Bytes>)>,
    ) {
        let (frozen_at, given) = frozen.unwrap_or((now, None));
        let before = self.release();
        let record = self.migrate_record(env, order, new, ready, given);
        let applied = record.and_then(|record| self.apply(env, &record).map(|()| record));
        match applied {
            Ok(record) => {
                let seq = record.seq;
                if record.release != before {
                    // What was found out about the room was found out with other code.
                    self.blame.pardon(&mut self.timers);
                    env.confine(self.id(), record.release, Berth::Common);
                }
                let new = Some(new);
                self.enter(Phase::Switching(Switching { order, old, new, seq, frozen_at }));
                if self.durable() {
                    self.append(env, now, record);
                } else {
                    // A handoff is never only in memory, whatever the kind's policy.
                    self.store_whole(env, now, WholeImage::Switch);
                }
                // The director must know before it is safe: it may want the room elsewhere already.
                self.list(env);
                if broken(Mutant::OutboxLost) {
                    self.image.seats.values_mut().for_each(|seat| seat.outbox.clear());
                }
                if broken(Mutant::SwitchUnsafe) {
                    self.switch_if_safe(env, now);
                }
            }
            Err(misfit) => {
                let reason = reason!("PLY-0305 the new release's state does not fit: {misfit}");
                env.report(Report::Refused { room: self.id(), reason: reason.clone() });
                if matches!(self.phase, Phase::Opening(_)) {
                    // `fall` reports it.
                    self.wish = self.wish.or(order);
                    return self.opening_failed(env, now, FaultDamage::Refused, reason);
                }
                match order {
                    Some(_) => self.thaw(env, now, AtFault::Release, reason),
                    None => self.fall(env, now, AtFault::Release, (1, reason)),
                }
            }
        }
    }

    fn migrate_record<C: StateCodec>(
        &self,
        env: &Env<C>,
        order: Option<MoveOrder>,
        new: Placement,
        ready: &Ready,
        given: Option<bytes::Bytes>,
    ) -> Result<Record, Misfit> {
        let seq = self.image.seq.next();
        let max = self.bounds(env).state_bytes_max;
        let writes = env.fleet.kind(new.release, &self.image.kind).map(|kind| kind.writes);
        if let Some(announced) = writes.filter(|writes| *writes != ready.version) {
            // Another version would be stored that perhaps no release reads.
            return Err(Misfit::Version { seq, told: ready.version, announced });
        }
        let body = match given {
            None => ready.body.clone(),
            Some(given) => {
                let state = materialize(seq, &given, &ready.body, ready.hash, &env.codec, max)?;
                Body::Full(state)
            }
        };
        Ok(Record {
            seq,
            parent_hash: self.image.hash,
            hash: ready.hash,
            version: ready.version,
            body,
            release: new.release,
            now: self.image.now,
            tick: self.image.tick,
            wake_at: ready.wake_at.filter(|_| !broken(Mutant::TimersLost)),
            between_rounds: self.image.between_rounds,
            ended: self.image.ended,
            migrate: Some(order.map(|o| o.deploy).unwrap_or_default()),
            seats: Vec::new(),
        })
    }

    /// The preparation of a handoff ends.
    pub(super) fn take_warm(&mut self) -> Option<Warm> {
        let Phase::Live(live) = &mut self.phase else { return None };
        self.timers.stop(Timer::Copy);
        live.warm.take()
    }

    /// The preparation of a handoff ends without one; the room has not noticed.
    pub(super) fn abandon_warm<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        blame: AtFault,
        reason: Reason,
    ) {
        if let Some(order) = self.drop_warm(env) {
            self.move_failed(env, order, blame, reason);
        }
    }

    /// The same, and the move has not failed; gives its order.
    pub(super) fn drop_warm<C: StateCodec>(&mut self, env: &mut Env<C>) -> Option<MoveOrder> {
        let id = self.id();
        let warm = self.take_warm()?;
        let order = warm.order;
        env.leave(id, warm.step.placement());
        if let Some(export) = warm.step.export() {
            env.leave(id, export.placement);
        }
        if let Some((placement, errand, task)) = warm.into_errand() {
            let deed = task.map(|task| self.deed(placement.release, task));
            env.abandon(placement, errand, deed);
        }
        Some(order)
    }
}
