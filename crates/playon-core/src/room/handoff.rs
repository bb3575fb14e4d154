//! The one primitive: a live room passes from one release to another.
//!
//! *Warm*: the new worker opens and migrates a copy while the room plays on. *Cutover*: at a quiet moment,
//! which is right after a commit, the owner stops delivering and the copy is brought up to that
//! commit. *Switch*: one `Migrate` record, made safe by the store, makes the new attempt the live one.
//! Whatever fails before that record is issued thaws the room where it was; nobody has noticed.

use bytes::Bytes;
use playon_types::attach::{Body, Commit, Fault, Prewarmed, ToWorker};
use playon_types::ids::{DeployId, Seq};
use playon_types::image::StateCodec;
use playon_types::kind::OnDeploy;
use playon_types::reason;
use playon_types::reason::Reason;
use playon_types::time::{Span, Time};

use crate::effect::{AtFault, Cost, Effect, Report};
use crate::ensure::ensure;
use crate::env::Env;
use crate::errand::Errand;
use crate::fleet::Suspicion;
use crate::mutant::{Mutant, broken};
use crate::placement::Placement;

use super::Room;
use super::phase::{Cutover, Live, MoveOrder, Opening, Phase, Tail, Warm, WarmStep};
use super::timers::Timer;

/// A room may stay frozen for so many times what the same steps took while it played on.
pub(super) const FREEZE_MARGIN: u64 = 4;

/// Why a room would stand still for too long, if it would, when its state takes so long to be brought over.
pub(crate) fn too_slow(predicted: Span, most: Span) -> Option<Reason> {
    let (took, most_ms) = (predicted.0 / 1_000, most.0 / 1_000);
    (predicted.0.saturating_mul(FREEZE_MARGIN) > most.0).then(|| {
        reason!(
            "PLY-0312 its state takes {took} ms to bring over, and a room stands still for {most_ms} ms at \
             most, with a margin of {FREEZE_MARGIN}"
        )
    })
}

impl Room {
    /// A deploy wants the room on another release, or wants to know whether that would work.
    pub(crate) fn handle_move<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        mut order: MoveOrder,
        forced: bool,
    ) {
        let halted = !order.check && self.blame.halted().is_some();
        if halted && order.to == self.release() {
            // Whoever asks for that wants it tried again. On another release it is tried as it is: until it lives there it is halted.
            self.blame.reprieve();
            self.want_open(env, now);
        }
        if order.to == self.release() && !matches!(self.phase, Phase::Switching(_)) {
            self.call_off(env, now, None);
            return self.report_there(env, order);
        }
        let under_way = self.begun_move().or(self.wish).filter(|o| o.to == order.to && !o.check);
        if let Some(earlier) = under_way
            && order.deploy == DeployId::NONE
        {
            // It is on its way there already, and perhaps in more of a hurry. Both orders are answered, once each.
            if earlier.deploy != DeployId::NONE {
                let reason = reason!("PLY-0306 the room is on its way there already");
                self.report_failed(env, order, AtFault::Circumstance, reason);
            }
            return;
        }
        if let Some(reason) = self.refuses(env, &order) {
            return self.report_failed(env, order, AtFault::Release, reason);
        }
        order.patient = !forced && !order.check;
        let known = if order.patient { self.on_deploy(env) } else { Some(OnDeploy::Now) };
        // One that nobody runs has no round whose end could be waited for.
        let known =
            if halted && known != Some(OnDeploy::Finish) { Some(OnDeploy::Now) } else { known };
        if !self.allow(env, now, &mut order, known) {
            return;
        }
        if let Some(earlier) = self.wish.replace(order) {
            let reason = reason!("PLY-0306 a newer deploy has taken its place");
            // It had not begun; another one may have, and keeps its place among the rooms being moved.
            self.report_failed(env, earlier, AtFault::Circumstance, reason);
        }
        self.pump(env, now);
        if matches!(self.phase, Phase::Idle) {
            self.want_open(env, now);
        }
    }

    /// A deploy that had told the room to move at the end of its round is in more of a hurry now. Its order is answered as it
    /// would have been.
    pub(crate) fn hurry<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time, deploy: DeployId) {
        let order = match (&mut self.wish, &mut self.phase) {
            (Some(wish), _) if wish.is_of(deploy) => wish,
            (_, Phase::Live(Live { warm: Some(warm), .. })) if warm.order.is_of(deploy) => {
                &mut warm.order
            }
            // It is frozen for the switch already, or has answered.
            _ => return,
        };
        order.hurry();
        self.pump(env, now);
        if matches!(self.phase, Phase::Idle) {
            self.want_open(env, now);
        }
    }

    /// The room runs on that release already.
    fn report_there<C: StateCodec>(&self, env: &mut Env<C>, order: MoveOrder) {
        env.report(if order.check {
            let cost = Cost { took: Span::ZERO, bytes: self.image.state.len() as u64 };
            Report::Checked { deploy: order.deploy, room: self.id(), result: Ok(cost) }
        } else {
            let (deploy, room, pause) = (order.deploy, self.id(), Span::ZERO);
            Report::Moved { deploy, room, pause, late: false }
        });
    }

    /// Calls off a move whose switch is not issued: that of a deploy, or any. The room has not noticed it.
    pub(crate) fn call_off<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        deploy: Option<DeployId>,
    ) {
        let reason = reason!("PLY-0306 a newer deploy has taken its place");
        let meant = |order: &MoveOrder| deploy.is_none_or(|deploy| deploy == order.deploy);
        let begun = self.begun_move().is_some_and(|order| meant(&order));
        match &self.phase {
            Phase::Live(_) if begun => {
                self.abandon_warm(env, AtFault::Circumstance, reason.clone())
            }
            Phase::Cutover(_) if begun => {
                self.thaw(env, now, AtFault::Circumstance, reason.clone())
            }
            Phase::Opening(opening) if begun && opening.placement.release != self.release() => {
                for placement in self.phase.posts() {
                    env.leave(self.id(), placement);
                }
                env.openings.end(self.id());
                self.abandon_errands(env, Phase::Idle);
                self.want_open(env, now);
            }
            _ => {}
        }
        if let Some(order) = self.wish.take_if(|wish| meant(wish)) {
            self.move_failed(env, order, AtFault::Circumstance, reason);
        }
        self.pump(env, now);
    }

    /// Queues the room for its turn once its policy allows the move.
    pub(super) fn consider_wish<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        let Phase::Live(Live { warm: None, .. }) = &self.phase else {
            return;
        };
        let here = self.image.release;
        if let Some(order) = self.wish.take_if(|w| w.to == here) {
            // An earlier move, or the opening, has brought it there meanwhile.
            return self.report_there(env, order);
        }
        if let Some(mut order) = self.wish.take_if(|w| !w.allowed) {
            // The room is live, so its policy is known.
            if self.allow(env, now, &mut order, Some(self.policies.on_deploy)) {
                self.wish = Some(order);
            }
        }
        if self.end_wait_apart(env, now) {
            return;
        }
        let room = self.image.room;
        let open = self.image.between_rounds;
        let Some(wish) = &mut self.wish else { return };
        wish.due = wish.at_once_from <= now;
        if !env.fleet.has_release(wish.to) {
            // Its worker is being started again; the director gives up when that takes too long.
            return;
        }
        if !self.queued && (open || wish.due) {
            self.queued = true;
            let (kind, bytes) = (&self.image.kind, self.image.state.len());
            env.handoffs.want(room, kind, bytes, wish.late);
        }
    }

    /// It is the room's turn to be handed over.
    pub(crate) fn take_move_turn<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        // Its turn comes only once; if it cannot use it now, it queues again.
        self.queued = false;
        self.begin_warm(env, now);
        self.note_waits();
    }

    fn begin_warm<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        let Some(order) = self.wish else { return };
        let Phase::Live(Live { warm: None, .. }) = &self.phase else {
            return;
        };
        self.wish = None;
        let too_late = !self.image.between_rounds && order.at_once_from > now;
        if too_late || !env.fleet.has_release(order.to) {
            // The safe point, or the worker, has gone while the room waited for its turn.
            self.wish = Some(order);
            return;
        }
        let version = match self.version_for(env, &order) {
            Ok(version) => version,
            Err(reason) => return self.move_failed(env, order, AtFault::Release, reason),
        };
        let Some(placement) = self.post_for_move(env, now, order, version.is_some()) else {
            return;
        };
        env.handoffs.begin(self.id());
        let (rooms, most) = (env.handoffs.under_way(), env.limits.handoffs_max.max(1));
        let free = rooms <= most && !env.handoffs.is_crowded();
        ensure!(env, self.id(), free, "{rooms} of {most} rooms are handed over, or one beside it");
        let room = self.id();
        let (step, worker, message) = match version {
            Some(version) => {
                let Some((export, message)) = self.export(env, version) else {
                    // The release that the room leaves has no worker just now.
                    env.leave(room, placement);
                    env.handoffs.end(room);
                    return self.wait_for_export(env, now, order);
                };
                (WarmStep::Exporting { placement, export }, export.placement.worker, message)
            }
            None => {
                let (version, state) = (self.image.version, self.image.state.clone());
                let tail = Tail::Deltas(Vec::new());
                let message = self.prewarm(placement, self.image.seq, version, state);
                (WarmStep::Prewarming { placement, tail }, placement.worker, message)
            }
        };
        env.tell(worker, message);
        let errand = Errand::new(now, Self::copy_timeout(env));
        let order = MoveOrder { apart: None, ..order };
        self.timers.set(Timer::Copy, errand.until());
        if let Phase::Live(live) = &mut self.phase {
            live.warm = Some(Warm { order, step, cost: Span::ZERO, errand });
        }
    }

    pub(super) fn prewarm(
        &self,
        placement: Placement,
        seq: Seq,
        version: u32,
        state: Bytes,
    ) -> ToWorker {
        ToWorker::Prewarm {
            room: self.id(),
            attempt: placement.attempt,
            kind: self.image.kind.clone(),
            seq,
            version,
            state,
        }
    }

    pub(super) fn tell_open<C: StateCodec>(
        &self,
        env: &mut Env<C>,
        placement: Placement,
        version: u32,
        state: Bytes,
    ) {
        let message = ToWorker::Open {
            room: self.id(),
            attempt: placement.attempt,
            kind: self.image.kind.clone(),
            seq: self.image.seq,
            version,
            state,
        };
        env.tell(placement.worker, message);
    }

    /// The copy works.
    pub(crate) fn handle_prewarmed<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        prewarmed: &Prewarmed,
    ) {
        let Phase::Live(live) = &mut self.phase else { return };
        let Some(warm) = &mut live.warm else { return };
        if warm.step.placement().attempt != prewarmed.attempt {
            return;
        }
        warm.cost.0 += u64::from(prewarmed.cost_us);
        let predicted = warm.cost;
        env.handoffs.took(&self.image.kind, self.image.state.len(), predicted);
        if let Some(reason) = too_slow(predicted, env.limits.freeze_max) {
            self.abandon_warm(env, AtFault::Release, reason);
            return self.pump(env, now);
        }
        if warm.order.check {
            let cost = Cost { took: predicted, bytes: prewarmed.size };
            self.finish_check(env, Ok(cost));
            return self.pump(env, now);
        }
        let budget = self.policies.pause_budget;
        if predicted > budget && warm.order.patient && !self.image.between_rounds {
            return self.put_off(env, now);
        }
        let WarmStep::Prewarming { placement, tail } = &mut warm.step else {
            return;
        };
        self.timers.stop(Timer::Copy);
        let tail = std::mem::replace(tail, Tail::Whole);
        warm.step = WarmStep::Ready { placement: *placement, tail };
        // A batch that has been out for longer than the copy took waits behind those of others, and perhaps for long.
        if live.inflight.as_ref().is_some_and(|inflight| inflight.errand.waits(now) > predicted) {
            env.handoffs.wait(self.image.room);
        }
        self.pump(env, now);
    }

    /// The pause would exceed the kind's budget: the room waits for a safe point, but not for ever.
    fn put_off<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        let id = self.id();
        let Some(warm) = self.take_warm() else { return };
        env.leave(id, warm.step.placement());
        env.handoffs.end(id);
        let at_once_from = (now + env.limits.over_budget_wait).max(warm.order.at_once_from);
        let (deploy, room) = (warm.order.deploy, id);
        env.report(Report::Waiting { deploy, room, until: at_once_from });
        self.put_back(env, MoveOrder { at_once_from, patient: false, ..warm.order });
        self.pump(env, now);
    }

    /// Until when the order to move waits for a safe point, and for a worker of its own.
    pub(super) fn wish_until(&self) -> (Option<Time>, Option<Time>) {
        let free = matches!(self.phase, Phase::Live(Live { warm: None, .. })) && !self.queued;
        let wish = self.wish.filter(|_| free);
        let round = wish.filter(|wish| wish.allowed && !wish.due).map(|wish| wish.at_once_from);
        (round, wish.and_then(|wish| wish.apart).map(|apart| apart.until))
    }

    /// A move that had begun waits again, unless a newer one waits already.
    pub(super) fn put_back<C: StateCodec>(&mut self, env: &mut Env<C>, order: MoveOrder) {
        if self.wish.is_some() {
            let reason = reason!("PLY-0306 a newer deploy has taken its place");
            self.report_failed(env, order, AtFault::Circumstance, reason);
        } else {
            self.wish = Some(order);
        }
    }

    fn finish_check<C: StateCodec>(&mut self, env: &mut Env<C>, result: Result<Cost, Reason>) {
        let id = self.id();
        let Some(warm) = self.take_warm() else { return };
        env.leave(id, warm.step.placement());
        env.handoffs.end(id);
        env.report(Report::Checked { deploy: warm.order.deploy, room: id, result });
    }

    /// Keeps what must be sent after the copy to bring it up to the last commit.
    pub(super) fn track_tail(&mut self, commit: &Commit, deltas_max: usize) {
        let whole = self.image.state.len();
        let bytes = |deltas: &[Bytes]| deltas.iter().map(Bytes::len).sum::<usize>();
        let Phase::Live(Live { warm: Some(warm), .. }) = &mut self.phase else {
            return;
        };
        let (WarmStep::Prewarming { tail, .. } | WarmStep::Ready { tail, .. }) = &mut warm.step
        else {
            return;
        };
        let Tail::Deltas(deltas) = tail else { return };
        match &commit.body {
            Body::Same => {}
            Body::Delta(_) if broken(Mutant::TailDropped) => {}
            Body::Delta(delta)
                if deltas.len() < deltas_max
                    && (bytes(deltas) + delta.len() < whole || broken(Mutant::TailUnbounded)) =>
            {
                deltas.push(delta.clone());
            }
            // The whole state is shorter, and fits into one message.
            Body::Delta(_) | Body::Full(_) => *tail = Tail::Whole,
        }
    }

    /// Preparing takes too long: the move has failed, the room has not noticed.
    pub(super) fn warm_timed_out<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        let Phase::Live(Live { warm: Some(warm), .. }) = &mut self.phase else {
            return;
        };
        let Some((placement, task)) = warm.step.asked() else { return };
        let worker = placement.worker;
        if !env.is_overdue(&mut warm.errand, worker, now) {
            self.timers.set(Timer::Copy, warm.errand.until());
        } else {
            let hangs = warm.errand.is_begun();
            warm.errand.report(now);
            let why = reason!("PLY-0307 the new release did not open a copy of the room in time");
            if hangs {
                env.deadly.decline(self.deed(placement.release, task), why.words());
            } else {
                // Perhaps it only waited behind another room; alone it does not.
                env.deadly.note(self.deed(placement.release, task), why.words());
            }
            self.abandon_warm(env, AtFault::Release, why.clone());
            if hangs {
                // One of its threads would never come back.
                env.emit(Effect::Suspect { worker, of: Suspicion::Hangs, why });
            }
        }
    }

    /// A move, or a check, has come to nothing.
    pub(super) fn move_failed<C: StateCodec>(
        &self,
        env: &mut Env<C>,
        order: MoveOrder,
        blame: AtFault,
        reason: Reason,
    ) {
        env.handoffs.end(self.id());
        self.report_failed(env, order, blame, reason);
    }

    fn report_failed<C: StateCodec>(
        &self,
        env: &mut Env<C>,
        order: MoveOrder,
        blame: AtFault,
        reason: Reason,
    ) {
        let (deploy, room) = (order.deploy, self.id());
        env.report(if order.check {
            Report::Checked { deploy, room, result: Err(reason) }
        } else {
            Report::MoveFailed { deploy, room, reason, blame }
        });
    }

    /// A worker could not do its part of a handoff.
    pub(super) fn handoff_fault<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        fault: &Fault,
    ) {
        match &mut self.phase {
            Phase::Opening(Opening { export: Some(export), .. })
                if export.placement.attempt == fault.attempt =>
            {
                self.export_failed(env, now, fault.reason());
            }
            Phase::Live(Live { warm: Some(warm), .. })
                if warm.step.placement().attempt == fault.attempt
                    || warm.step.export().is_some_and(|e| e.placement.attempt == fault.attempt) =>
            {
                self.abandon_warm(env, AtFault::Release, fault.reason());
                self.pump(env, now);
            }
            Phase::Cutover(cutover) if cutover.new.attempt == fault.attempt => {
                self.thaw(env, now, AtFault::Release, fault.reason());
            }
            Phase::Cutover(Cutover { exporting: Some(export), .. })
                if export.placement.attempt == fault.attempt =>
            {
                // The older version could not be written; nothing else has happened.
                self.thaw(env, now, AtFault::Release, fault.reason());
            }
            Phase::Switching(switching)
                if switching.new.is_some_and(|n| n.attempt == fault.attempt) =>
            {
                if let Some(new) = switching.new.take() {
                    env.leave(self.id(), new);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use playon_types::ids::{Attempt, ReleaseId, WorkerId};
    use playon_types::image::Image;

    use super::*;
    use crate::fleet::Berth;
    use crate::limits::Limits;

    /// A room of ten bytes of which a copy is being opened, or is ready; so many deltas are kept at most.
    fn tail(ready: bool, bodies: &[Body], deltas_max: usize) -> Option<Vec<usize>> {
        let image = Image { state: vec![7; 10].into(), ..Image::default() };
        let mut room = Room::new(image, &Limits::default(), Time(0));
        let placement = Placement {
            worker: WorkerId(1),
            attempt: Attempt(1),
            release: ReleaseId::default(),
            berth: Berth::Common,
        };
        let tail = Tail::Deltas(Vec::new());
        let step = if ready {
            WarmStep::Ready { placement, tail }
        } else {
            WarmStep::Prewarming { placement, tail }
        };
        let order = MoveOrder::to(DeployId(1), ReleaseId::default());
        let errand = Errand::new(Time(0), Span::ZERO);
        let warm = Some(Warm { order, step, cost: Span::ZERO, errand });
        room.enter(Phase::Live(Live { placement, inflight: None, warm }));
        for body in bodies {
            room.track_tail(&commit(body.clone()), deltas_max);
        }
        let facts = room.facts(Time(0));
        let seen = (facts.tail, facts.tail_bytes);
        let warm = room.take_warm().expect("it is being moved");
        match warm.step {
            WarmStep::Prewarming { tail: Tail::Deltas(deltas), .. }
            | WarmStep::Ready { tail: Tail::Deltas(deltas), .. } => {
                let bytes: Vec<usize> = deltas.iter().map(Bytes::len).collect();
                assert_eq!(seen, (bytes.len(), bytes.iter().sum()));
                Some(bytes)
            }
            _ => {
                assert_eq!(seen, (0, 0));
                None
            }
        }
    }

    fn commit(body: Body) -> Commit {
        Commit {
            room: Default::default(),
            attempt: Attempt(1),
            seq: Seq(1),
            parent_hash: 0,
            hash: 0,
            version: 1,
            body,
            refused: Vec::new(),
            dismissed: Vec::new(),
            outputs: Vec::new(),
            inputs: 0,
            views: Vec::new(),
            left_out: Vec::new(),
            watch_view: None,
            wake_at: None,
            between_rounds: false,
            ended: false,
            cost_us: 0,
        }
    }

    #[test]
    fn deltas_are_kept_for_a_copy_while_they_are_fewer_and_shorter_than_the_state() {
        let delta = |bytes| Body::Delta(vec![1; bytes].into());
        for ready in [true, false] {
            let tail = |bodies: &[Body], most| tail(ready, bodies, most);
            assert_eq!(tail(&[], 9), Some(vec![]));
            assert_eq!(tail(&[delta(4), Body::Same, delta(5)], 9), Some(vec![4, 5]));
            assert_eq!(tail(&[delta(4), delta(6)], 9), None, "as long as the state");
            assert_eq!(tail(&[delta(11)], 9), None);
            assert_eq!(tail(&[delta(1), delta(1)], 2), Some(vec![1, 1]));
            assert_eq!(tail(&[delta(1), delta(1), delta(1)], 2), None);
            assert_eq!(tail(&[Body::Full(vec![1].into()), delta(1)], 9), None, "once and for all");
        }
    }
}
