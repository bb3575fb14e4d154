//! The short stop of a handoff: from the moment when nothing more is delivered until the switch is safe, or the room goes on
//! where it was.

use playon_types::attach::{Ready, ToWorker};
use playon_types::image::StateCodec;
use playon_types::reason;
use playon_types::reason::Reason;
use playon_types::time::{Span, Time};

use crate::effect::{AtFault, Report};
use crate::ensure::ensure;
use crate::env::Env;
use crate::errand::Errand;
use crate::mutant::{Mutant, broken};
use crate::placement::Placement;

use super::Room;
use super::handoff::FREEZE_MARGIN;
use super::phase::{Cutover, MoveOrder, Phase, Tail, WarmStep};
use super::timers::Timer;

impl Room {
    /// A quiet moment: the room is frozen and the copy brought up to the last commit.
    ///
    /// The clock of a kind with ticks runs on: the switch usually fits between two ticks, and then players
    /// see no shift at all. A tick that comes late is followed by one on time; only when a whole
    /// step is missed does the clock wait for the room (see `next_batch`).
    pub(super) fn begin_cutover<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        let Phase::Live(live) = &self.phase else {
            return;
        };
        let (old, open) = (live.placement, live.inflight.as_ref().map(|inflight| inflight.seq));
        ensure!(env, self.id(), open.is_none(), "it is frozen while {open:?} is under way");
        let Some(warm) = self.take_warm() else { return };
        let WarmStep::Ready { placement: new, tail } = warm.step else {
            return;
        };
        let cost = warm.cost;
        if !self.image.between_rounds && warm.order.at_once_from > now {
            // The next round has begun meanwhile: wait for its end.
            env.leave(self.id(), new);
            env.handoffs.end(self.id());
            self.put_back(env, warm.order);
            return;
        }
        let room = self.id();
        env.handoffs.freeze(room);
        ensure!(env, room, warm.order.allowed, "it moves, and its kind's policy is not known");
        if self.period().is_none() {
            self.clock.stop(now);
        }
        let exporting = match tail {
            Tail::Deltas(deltas) => {
                let (attempt, seq, hash) = (new.attempt, self.image.seq, self.image.hash);
                env.tell(new.worker, ToWorker::Tail { room, attempt, seq, hash, deltas });
                None
            }
            Tail::Whole => {
                self.tell_open(env, new, self.image.version, self.image.state.clone());
                None
            }
            Tail::Export(version) => {
                let Some((export, message)) = self.export(env, version) else {
                    // The worker it lives on is of that release: there is one.
                    env.leave(room, new);
                    return self.move_failed(
                        env,
                        warm.order,
                        AtFault::Circumstance,
                        reason!("PLY-0303 no worker of the present release is there"),
                    );
                };
                env.tell(export.placement.worker, message);
                Some(export)
            }
        };
        // Measured while others were at work, too; it may take longer when it matters.
        let most = Span(cost.0.saturating_mul(FREEZE_MARGIN)).min(env.limits.freeze_max);
        let most = most.max(env.limits.freeze_timeout);
        self.enter(Phase::Cutover(Cutover {
            order: warm.order,
            old: Some(old),
            new,
            given: None,
            exporting,
            seq: self.image.seq,
            frozen_at: now,
            errand: Errand::new(now, Self::copy_timeout(env)),
        }));
        if !broken(Mutant::FreezeForever) {
            self.timers.set(Timer::Thaw, now + most);
        }
    }

    /// The new worker holds the last commit: the switch is issued.
    pub(super) fn cutover_ready<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        ready: &Ready,
    ) {
        let Phase::Cutover(cutover) = &mut self.phase else {
            return;
        };
        if ready.seq != self.image.seq || cutover.exporting.is_some() {
            return;
        }
        let (order, old, new) = (cutover.order, cutover.old, cutover.new);
        let frozen = (cutover.frozen_at, cutover.given.take());
        self.migrate(env, now, Some(order), old, new, ready, Some(frozen));
    }

    /// The handoff failed before its switch was issued: the room goes on where it was.
    pub(super) fn thaw<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        blame: AtFault,
        reason: Reason,
    ) {
        let Phase::Cutover(cutover) = &self.phase else {
            return;
        };
        let order = cutover.order;
        let Some(placement) = self.end_freeze(env, now) else {
            return self.fall(env, now, blame, (1, reason));
        };
        self.move_failed(env, order, blame, reason);
        self.go_live(env, now, placement, false);
    }

    /// The new worker is not ready in time. It may have been busy with others: the room is handed over once more, alone.
    pub(super) fn frozen_too_long<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        let why = reason!("PLY-0308 the new release did not get ready in time");
        let Phase::Cutover(cutover) = &self.phase else { return };
        let order = MoveOrder { late: true, ..cutover.order };
        if cutover.order.late || broken(Mutant::LateOnce) {
            return self.thaw(env, now, AtFault::Release, why);
        }
        match self.end_freeze(env, now) {
            Some(placement) => self.thaw_and_wait(env, now, order, placement),
            None => self.fall(env, now, AtFault::Circumstance, (1, why)),
        }
    }

    /// The frozen room goes on where it was, and waits for another turn to be handed over.
    pub(super) fn thaw_and_wait<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        order: MoveOrder,
        placement: Placement,
    ) {
        env.handoffs.end(self.id());
        self.put_back(env, order);
        self.go_live(env, now, placement, false);
    }

    /// Leaves those who were to take the frozen room over, and waits no more for what was asked of them. Gives where it goes on, if
    /// that is still there.
    pub(super) fn end_freeze<C: StateCodec>(
        &self,
        env: &mut Env<C>,
        now: Time,
    ) -> Option<Placement> {
        let Phase::Cutover(cutover) = &self.phase else { return None };
        let (seq, at) = (cutover.seq, self.image.seq);
        ensure!(env, self.id(), seq == at, else None, "it was frozen at {seq} and goes on at {at}");
        let (asked, task) = cutover.asked();
        env.abandon(asked, cutover.errand.clone(), Some(self.deed(asked.release, task)));
        let old = cutover.old.filter(|placement| env.fleet.has(placement.worker))?;
        let export = cutover.exporting.map(|export| export.placement);
        for placement in export.into_iter().chain([cutover.new]) {
            env.leave(self.id(), placement);
        }
        let pause = now.since(cutover.frozen_at);
        let (deploy, late) = (cutover.order.deploy, self.is_late(pause));
        env.report(Report::Thawed { deploy, room: self.id(), pause, late });
        Some(old)
    }

    /// Whether the players of a room notice that it stood still for so long.
    fn is_late(&self, pause: Span) -> bool {
        pause > self.policies.pause_budget && !self.image.between_rounds
    }

    /// The `Migrate` record is safe: the new attempt is the live one.
    pub(super) fn switch_if_safe<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        let Phase::Switching(switching) = &self.phase else {
            return;
        };
        if self.durability.safe() < switching.seq && !broken(Mutant::SwitchUnsafe) {
            return;
        }
        let (seq, at) = (switching.seq, self.image.seq);
        ensure!(env, self.id(), seq == at, "its switch is commit {seq}, and it is at {at}");
        let (order, old, new) = (switching.order, switching.old, switching.new);
        let pause = now.since(switching.frozen_at);
        let late = self.is_late(pause);
        env.handoffs.end(self.id());
        if let Some(order) = order {
            env.report(Report::Moved { deploy: order.deploy, room: self.id(), pause, late });
        }
        if let Some(old) = old {
            env.leave(self.id(), old);
        }
        match new {
            Some(placement) => self.go_live(env, now, placement, false),
            None => {
                self.clock.stop(now);
                self.enter(Phase::Idle);
                self.want_open(env, now);
            }
        }
    }
}
