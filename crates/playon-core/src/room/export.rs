//! The way to another version: a worker of the release that a room leaves writes one that the release to go to reads. It is
//! given committed bytes, so it need not be able to run the room.

use playon_types::attach::{Exported, ToWorker};
use playon_types::image::StateCodec;
use playon_types::reason;
use playon_types::reason::Reason;
use playon_types::time::{Span, Time};

use crate::deadly::DeadlyTask;
use crate::effect::AtFault;
use crate::env::Env;
use crate::errand::Errand;

use super::Room;
use super::phase::{ExportStep, Live, MoveOrder, Phase, Tail, WarmStep};
use super::timers::Timer;

impl Room {
    /// The version in which the new release must be given the state: its own when it reads that (nothing),
    /// or an older one that the present release can write.
    pub(crate) fn version_for<C: StateCodec>(
        &self,
        env: &Env<C>,
        order: &MoveOrder,
    ) -> Result<Option<u32>, Reason> {
        let kind = &self.image.kind;
        let held = self.image.version;
        let Some(to) = env.fleet.kind(order.to, kind) else {
            return Err(reason!("PLY-0302 no worker of the new release serves the kind `{kind}`"));
        };
        if to.reads(held) {
            return Ok(None);
        }
        // Its worker may be on its way back.
        let from = env.fleet.declared(self.release(), kind);
        if from.is_some_and(|from| from.exports(to.writes)) {
            return Ok(Some(to.writes));
        }
        Err(reason!(
            "PLY-0304 the release reads versions {} to {} of kind `{kind}`, the room has version {held}, \
             and its present release cannot write an older one",
            to.reads_from,
            to.writes
        ))
    }

    /// Has any worker of the room's release write an older version from the committed bytes; if one has died of it, one where
    /// nobody else is.
    pub(super) fn export<C: StateCodec>(
        &self,
        env: &mut Env<C>,
        version: u32,
    ) -> Option<(ExportStep, ToWorker)> {
        let (room, kind) = (self.id(), self.image.kind.clone());
        let placement = env.occupy_for(self.deed(self.release(), DeadlyTask::Export), &kind)?;
        let (attempt, seq, state) = (placement.attempt, self.image.seq, self.image.state.clone());
        let message = ToWorker::Export { room, attempt, kind, seq, version, state };
        Some((ExportStep { placement, version }, message))
    }

    /// A worker has written an older version.
    pub(crate) fn handle_exported<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        exported: Exported,
    ) {
        let is = |export: ExportStep| {
            export.placement.attempt == exported.attempt && export.version == exported.version
        };
        let (seq, cost) = (self.image.seq, Span(u64::from(exported.cost_us)));
        let room = self.id();
        match &mut self.phase {
            Phase::Live(Live { warm: Some(warm), .. }) => {
                let WarmStep::Exporting { placement, export } = warm.step else { return };
                if !is(export) {
                    return;
                }
                warm.cost = cost;
                warm.errand = Errand::new(now, Self::copy_timeout(env));
                self.timers.set(Timer::Copy, warm.errand.until());
                let tail = Tail::Export(export.version);
                warm.step = WarmStep::Prewarming { placement, tail };
                env.leave(room, export.placement);
                // The commit that was exported, not the last one.
                let (seq, version) = (exported.seq, export.version);
                let message = self.prewarm(placement, seq, version, exported.state);
                env.tell(placement.worker, message);
            }
            Phase::Cutover(cutover) if cutover.exporting.is_some_and(is) && exported.seq == seq => {
                env.leave(room, cutover.exporting.take().map_or(cutover.new, |e| e.placement));
                cutover.given = Some(exported.state.clone());
                cutover.errand = Errand::new(now, Self::copy_timeout(env));
                let placement = cutover.new;
                self.tell_open(env, placement, exported.version, exported.state);
            }
            Phase::Opening(opening) if opening.export.is_some_and(is) => {
                opening.errand = Errand::new(now, env.limits.open_timeout);
                env.leave(room, opening.export.take().map_or(opening.placement, |e| e.placement));
                opening.given = Some(exported.state.clone());
                let placement = opening.placement;
                self.note_opening();
                self.tell_open(env, placement, exported.version, exported.state);
            }
            _ => {}
        }
        self.pump(env, now);
    }

    /// A room without a worker cannot be written in the version that it needs to go: it is opened where it was.
    pub(super) fn export_failed<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        why: Reason,
    ) {
        for placement in self.phase.posts() {
            env.leave(self.id(), placement);
        }
        env.openings.end(self.id());
        if let Some(order) = self.wish.take() {
            self.move_failed(env, order, AtFault::Release, why);
        }
        self.enter(Phase::Idle);
        self.want_open(env, now);
    }
}
