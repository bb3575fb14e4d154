//! The one primitive: a live room passes from one release to another.
//!
//! *Warm*: the new worker opens and migrates a copy while the room plays on. *Cutover*: at a quiet moment,
//! which is right after a commit, the owner stops delivering and the copy is brought up to that
//! commit. *Switch*: one `Migrate` record, made safe by the store, makes the new attempt the live one.
//! Whatever fails before that record is issued thaws the room where it was; nobody has noticed.

use bytes::Bytes;

use crate::attach::{Body, Commit, Fault, Prewarmed, Ready, ToWorker};
use crate::effect::{Blame, Cost, Effect, Report};
use crate::env::{Env, Post};
use crate::errand::Errand;
use crate::ids::{DeployId, Seq};
use crate::image::StateCodec;
use crate::kind::OnDeploy;
use crate::mutant::{Mutant, broken};
use crate::time::{Span, Time};

use super::Room;
use super::phase::{Cutover, Live, MoveOrder, Opening, Phase, Tail, Warm, WarmStep};

/// A room may stay frozen for so many times what the same steps took while it played on.
const FREEZE_MARGIN: u64 = 4;

/// Why a room would stand still for too long, if it would, when its state takes so long to be brought over.
pub(crate) fn too_slow(predicted: Span, most: Span) -> Option<String> {
    let (took, most_ms) = (predicted.0 / 1_000, most.0 / 1_000);
    (predicted.0.saturating_mul(FREEZE_MARGIN) > most.0).then(|| {
        format!(
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
        if !order.check && self.blame.halted().is_some() {
            // Also on the release it has: whoever asks for that wants it tried again.
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
                let reason = "PLY-0306 the room is on its way there already";
                self.report_failed(env, order, Blame::Circumstance, reason);
            }
            return;
        }
        if let Some(reason) = self.refuses(env, &order) {
            return self.report_failed(env, order, Blame::Release, &reason);
        }
        order.patient = !forced && !order.check;
        let known = if order.patient { self.on_deploy(env) } else { Some(OnDeploy::Now) };
        if !self.allow(env, now, &mut order, known) {
            return;
        }
        if let Some(earlier) = self.wish.replace(order) {
            let reason = "PLY-0306 a newer deploy has taken its place";
            // It had not begun; another one may have, and keeps its place among the rooms being moved.
            self.report_failed(env, earlier, Blame::Circumstance, reason);
        }
        self.pump(env, now);
        if matches!(self.phase, Phase::Idle { .. }) {
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
        if matches!(self.phase, Phase::Idle { .. }) {
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
        let reason = "PLY-0306 a newer deploy has taken its place";
        let meant = |order: &MoveOrder| deploy.is_none_or(|deploy| deploy == order.deploy);
        let begun = self.begun_move().is_some_and(|order| meant(&order));
        match &self.phase {
            Phase::Live(_) if begun => self.abandon_warm(env, Blame::Circumstance, reason),
            Phase::Cutover(_) if begun => self.thaw(env, now, Blame::Circumstance, reason),
            Phase::Opening(opening) if begun && opening.post.release != self.release() => {
                for post in self.phase.posts() {
                    env.leave(self.id(), post);
                }
                env.openings.end(self.id());
                self.abandon_errands(env, Phase::Idle { retry_at: None });
                self.want_open(env, now);
            }
            _ => {}
        }
        if let Some(order) = self.wish.take_if(|wish| meant(wish)) {
            self.move_failed(env, order, Blame::Circumstance, reason);
        }
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
    pub(crate) fn begin_warm<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        // Its turn comes only once; if it cannot use it now, it queues again.
        self.queued = false;
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
            Err(reason) => return self.move_failed(env, order, Blame::Release, &reason),
        };
        let Some(post) = self.post_for_move(env, now, order, version.is_some()) else { return };
        env.handoffs.begin(self.id());
        let room = self.id();
        let (step, worker, message) = match version {
            Some(version) => {
                let Some((export, message)) = self.export(env, version) else {
                    // The release that the room leaves has no worker just now.
                    env.leave(room, post);
                    env.handoffs.end(room);
                    return self.wait_for_export(env, now, order);
                };
                (WarmStep::Exporting { post, export }, export.post.worker, message)
            }
            None => {
                let (version, state) = (self.image.version, self.image.state.clone());
                let tail = Tail::Deltas(Vec::new());
                let message = self.prewarm(post, self.image.seq, version, state);
                (WarmStep::Prewarming { post, tail }, post.worker, message)
            }
        };
        env.tell(worker, message);
        let errand = Errand::new(now, Self::copy_timeout(env));
        let order = MoveOrder { apart: None, ..order };
        if let Phase::Live(live) = &mut self.phase {
            live.warm = Some(Warm { order, step, cost: Span::ZERO, errand });
        }
    }

    pub(super) fn prewarm(&self, post: Post, seq: Seq, version: u32, state: Bytes) -> ToWorker {
        ToWorker::Prewarm {
            room: self.id(),
            attempt: post.attempt,
            kind: self.image.kind.clone(),
            seq,
            version,
            state,
        }
    }

    pub(super) fn tell_open<C: StateCodec>(
        &self,
        env: &mut Env<C>,
        post: Post,
        version: u32,
        state: Bytes,
    ) {
        let message = ToWorker::Open {
            room: self.id(),
            attempt: post.attempt,
            kind: self.image.kind.clone(),
            seq: self.image.seq,
            version,
            state,
        };
        env.tell(post.worker, message);
    }

    /// The copy works.
    pub(crate) fn handle_prewarmed<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        prewarmed: &Prewarmed,
    ) {
        let Phase::Live(Live { warm: Some(warm), .. }) = &mut self.phase else {
            return;
        };
        if warm.step.post().attempt != prewarmed.attempt {
            return;
        }
        warm.cost.0 += u64::from(prewarmed.cost_us);
        let predicted = warm.cost;
        env.handoffs.took(&self.image.kind, self.image.state.len(), predicted);
        if let Some(reason) = too_slow(predicted, env.limits.freeze_max) {
            self.abandon_warm(env, Blame::Release, &reason);
            return self.pump(env, now);
        }
        if warm.order.check {
            let cost = Cost { took: predicted, bytes: prewarmed.size };
            self.finish_check(env, Ok(cost));
            return;
        }
        let budget = self.policies.pause_budget;
        if predicted > budget && warm.order.patient && !self.image.between_rounds {
            return self.put_off(env, now);
        }
        let WarmStep::Prewarming { post, tail } = &mut warm.step else {
            return;
        };
        let tail = std::mem::replace(tail, Tail::Whole);
        warm.step = WarmStep::Ready { post: *post, tail };
        self.pump(env, now);
    }

    /// The pause would exceed the kind's budget: the room waits for a safe point, but not for ever.
    fn put_off<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        let id = self.id();
        let Phase::Live(live) = &mut self.phase else { return };
        let Some(warm) = live.warm.take() else { return };
        env.leave(id, warm.step.post());
        env.handoffs.end(id);
        let at_once_from = (now + env.limits.over_budget_wait).max(warm.order.at_once_from);
        let (deploy, room) = (warm.order.deploy, id);
        env.report(Report::Waiting { deploy, room, until: at_once_from });
        self.put_back(env, MoveOrder { at_once_from, patient: false, ..warm.order });
        self.pump(env, now);
    }

    /// A move that had begun waits again, unless a newer one waits already.
    pub(super) fn put_back<C: StateCodec>(&mut self, env: &mut Env<C>, order: MoveOrder) {
        if self.wish.is_some() {
            let reason = "PLY-0306 a newer deploy has taken its place";
            self.report_failed(env, order, Blame::Circumstance, reason);
        } else {
            self.wish = Some(order);
        }
    }

    fn finish_check<C: StateCodec>(&mut self, env: &mut Env<C>, result: Result<Cost, String>) {
        let id = self.id();
        let Phase::Live(live) = &mut self.phase else {
            return;
        };
        let Some(warm) = live.warm.take() else { return };
        env.leave(id, warm.step.post());
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

    /// A quiet moment: the room is frozen and the copy brought up to the last commit.
    ///
    /// The clock of a kind with ticks runs on: the switch usually fits between two ticks, and then players
    /// see no shift at all. A tick that comes late is followed by one on time; only when a whole
    /// step is missed does the clock wait for the room (see `next_batch`).
    pub(super) fn begin_cutover<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        let Phase::Live(live) = &mut self.phase else {
            return;
        };
        let Some(warm) = live.warm.take() else { return };
        let WarmStep::Ready { post: new, tail } = warm.step else {
            return;
        };
        let (old, cost) = (live.post, warm.cost);
        if !self.image.between_rounds && warm.order.at_once_from > now {
            // The next round has begun meanwhile: wait for its end.
            env.leave(self.id(), new);
            env.handoffs.end(self.id());
            self.put_back(env, warm.order);
            return;
        }
        if self.period().is_none() {
            self.clock.stop(now);
        }
        let room = self.id();
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
                        Blame::Circumstance,
                        "PLY-0303 no worker of the present release is there",
                    );
                };
                env.tell(export.post.worker, message);
                Some(export)
            }
        };
        // Measured while others were at work, too; it may take longer when it matters.
        let most = Span(cost.0.saturating_mul(FREEZE_MARGIN)).min(env.limits.freeze_max);
        let most = most.max(env.limits.freeze_timeout);
        self.phase = Phase::Cutover(Cutover {
            order: warm.order,
            old: Some(old),
            new,
            given: None,
            exporting,
            frozen_at: now,
            deadline: now + most,
            errand: Errand::new(now, Self::copy_timeout(env)),
        });
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
        blame: Blame,
        reason: &str,
    ) {
        let Phase::Cutover(cutover) = &self.phase else {
            return;
        };
        let order = cutover.order;
        let (asked, task) = cutover.asked();
        env.abandon(asked, cutover.errand.clone(), Some(self.deed(asked.release, task)));
        let Some(post) = self.end_freeze(env, now) else {
            return self.fall(env, now, blame, (1, reason));
        };
        self.move_failed(env, order, blame, reason);
        self.go_live(env, now, post, false);
    }

    /// The new worker is not ready in time. It may have been busy with others: the room is handed over once more, alone.
    pub(super) fn frozen_too_long<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        let why = "PLY-0308 the new release did not get ready in time";
        let Phase::Cutover(cutover) = &self.phase else { return };
        let order = MoveOrder { late: true, ..cutover.order };
        if cutover.order.late || broken(Mutant::LateOnce) {
            return self.thaw(env, now, Blame::Release, why);
        }
        let (asked, task) = cutover.asked();
        env.abandon(asked, cutover.errand.clone(), Some(self.deed(asked.release, task)));
        match self.end_freeze(env, now) {
            Some(post) => self.thaw_and_wait(env, now, order, post),
            None => self.fall(env, now, Blame::Circumstance, (1, why)),
        }
    }

    /// The frozen room goes on where it was, and waits for another turn to be handed over.
    pub(super) fn thaw_and_wait<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        order: MoveOrder,
        post: Post,
    ) {
        env.handoffs.end(self.id());
        self.phase = Phase::Idle { retry_at: None };
        self.put_back(env, order);
        self.go_live(env, now, post, false);
    }

    /// Leaves those who were to take the frozen room over. Gives where it goes on, if that is still there.
    pub(super) fn end_freeze<C: StateCodec>(&self, env: &mut Env<C>, now: Time) -> Option<Post> {
        let Phase::Cutover(cutover) = &self.phase else { return None };
        let old = cutover.old.filter(|post| env.fleet.has(post.worker))?;
        let export = cutover.exporting.map(|export| export.post);
        for post in export.into_iter().chain([cutover.new]) {
            env.leave(self.id(), post);
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
            Some(post) => self.go_live(env, now, post, false),
            None => {
                self.clock.stop(now);
                self.phase = Phase::Idle { retry_at: None };
                self.want_open(env, now);
            }
        }
    }

    /// Preparing takes too long: the move has failed, the room has not noticed.
    pub(super) fn warm_timed_out<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        let Phase::Live(Live { warm: Some(warm), .. }) = &mut self.phase else {
            return;
        };
        let Some((post, task)) = warm.step.asked() else { return };
        let worker = post.worker;
        if env.is_overdue(&mut warm.errand, worker, now) {
            let hangs = warm.errand.is_begun();
            warm.errand.report(now);
            if hangs {
                env.deadly.decline(self.deed(post.release, task));
            } else {
                // Perhaps it only waited behind another room; alone it does not.
                env.deadly.note(self.deed(post.release, task));
            }
            let why = "PLY-0307 the new release did not open a copy of the room in time";
            self.abandon_warm(env, Blame::Release, why);
            if hangs {
                // One of its threads would never come back.
                env.emit(Effect::Suspect { worker, why: why.into() });
            }
        }
    }

    /// A move, or a check, has come to nothing.
    pub(super) fn move_failed<C: StateCodec>(
        &self,
        env: &mut Env<C>,
        order: MoveOrder,
        blame: Blame,
        reason: &str,
    ) {
        env.handoffs.end(self.id());
        self.report_failed(env, order, blame, reason);
    }

    fn report_failed<C: StateCodec>(
        &self,
        env: &mut Env<C>,
        order: MoveOrder,
        blame: Blame,
        reason: &str,
    ) {
        let (deploy, room, reason) = (order.deploy, self.id(), reason.to_owned());
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
                if export.post.attempt == fault.attempt =>
            {
                self.export_failed(env, now, &fault.message);
            }
            Phase::Live(Live { warm: Some(warm), .. })
                if warm.step.post().attempt == fault.attempt
                    || warm.step.export().is_some_and(|e| e.post.attempt == fault.attempt) =>
            {
                self.abandon_warm(env, Blame::Release, &fault.message);
                self.pump(env, now);
            }
            Phase::Cutover(cutover) if cutover.new.attempt == fault.attempt => {
                self.thaw(env, now, Blame::Release, &fault.message);
            }
            Phase::Cutover(Cutover { exporting: Some(export), .. })
                if export.post.attempt == fault.attempt =>
            {
                // The older version could not be written; nothing else has happened.
                self.thaw(env, now, Blame::Release, &fault.message);
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
