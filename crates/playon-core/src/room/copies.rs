//! What a handoff does with a release's code beside running the room: a copy is opened, an older version written. Where that is
//! done once a process has died of it, and when it is given up.

use playon_types::ids::{DeployId, ReleaseId, WorkerId};
use playon_types::image::StateCodec;
use playon_types::reason;
use playon_types::reason::Reason;
use playon_types::time::{Span, Time};

use crate::deadly::{DeadlyDeed, DeadlyTask};
use crate::effect::AtFault;
use crate::env::Env;
use crate::fleet::{Berth, WorkerEnd};
use crate::placement::Placement;

use super::Room;
use super::phase::{Apart, Live, MoveOrder, Phase};

/// How a move goes on when a worker that takes part in it is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// That is tried where nobody else is.
    Apart(DeadlyDeed),
    /// It has come to nothing.
    Fails(AtFault, Reason),
}

impl Room {
    /// What is done of this room with that release's code.
    pub(super) const fn deed(&self, release: ReleaseId, task: DeadlyTask) -> DeadlyDeed {
        DeadlyDeed { room: self.id(), release, task }
    }

    /// A worker died of that, and how.
    pub(super) fn died<C: StateCodec>(
        &self,
        env: &Env<C>,
        release: ReleaseId,
        task: DeadlyTask,
    ) -> Reason {
        let why = match task {
            DeadlyTask::Copy => {
                reason!("PLY-0620 the worker died while it opened a copy of the room")
            }
            DeadlyTask::Export => {
                reason!("PLY-0620 the worker died while it wrote an older version of the room")
            }
        };
        why.because(env.deadly.how(self.deed(release, task)))
    }

    /// Why the room stays where it is: what has to be tried alone cannot be.
    pub(super) fn not_tried<C: StateCodec>(&self, env: &Env<C>, to: ReleaseId) -> Reason {
        let why = reason!(
            "PLY-0621 a worker died of a copy of the room, and none came in time where it could be tried alone"
        );
        let deadly = self.deadly_part(env, to, true);
        why.because(deadly.map_or("", |deed| env.deadly.how(deed)))
    }

    /// How long a worker may be at it. What takes a quarter of what a room may stand still is not moved at all (`PLY-0312`), so
    /// nothing is lost by not waiting for longer than that, and other rooms wait behind it.
    pub(super) fn copy_timeout<C: StateCodec>(env: &Env<C>) -> Span {
        env.limits.prewarm_timeout.min(env.limits.freeze_max)
    }

    /// It is the room's turn to have a worker, to be opened or for a copy.
    pub(crate) fn take_turn<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        match self.phase {
            Phase::Idle => self.open(env, now),
            _ => self.pump(env, now),
        }
    }

    /// What the move needs that must not be done where other rooms are.
    fn deadly_part<C: StateCodec>(
        &self,
        env: &Env<C>,
        to: ReleaseId,
        exports: bool,
    ) -> Option<DeadlyDeed> {
        let copy = self.deed(to, DeadlyTask::Copy);
        let export = exports.then(|| self.deed(self.release(), DeadlyTask::Export));
        export.into_iter().chain([copy]).find(|deed| env.deadly.has(*deed))
    }

    /// Whether a room without a worker is first opened where it was, and handed over from there: its copy is only opened where
    /// nobody else is, and it would stand still while it waits for that.
    pub(super) fn goes_from_home<C: StateCodec>(
        &self,
        env: &Env<C>,
        to: ReleaseId,
        exports: bool,
    ) -> bool {
        let Some(deadly) = self.deadly_part(env, to, exports) else { return false };
        // What writes an older version is a worker of its own release: there is none, or it is where the room can run.
        let runs = deadly.task == DeadlyTask::Export || env.fleet.has_release(self.release());
        runs && self.blame.own_faults() == 0 && self.blame.halted().is_none()
    }

    /// Why the move is not tried, if it is not: nobody has asked for it since it was given up.
    pub(super) fn refuses<C: StateCodec>(&self, env: &Env<C>, order: &MoveOrder) -> Option<Reason> {
        if order.check || order.deploy != DeployId::NONE {
            return None;
        }
        let exports = matches!(self.version_for(env, order), Ok(Some(_)));
        let export = exports.then(|| self.deed(self.release(), DeadlyTask::Export));
        let parts = export.into_iter().chain([self.deed(order.to, DeadlyTask::Copy)]);
        let declined = parts.into_iter().find(|deed| env.deadly.is_declined(*deed))?;
        Some(self.died(env, declined.release, declined.task).and(", and that was so before"))
    }

    /// Workers for a move: the one that the room goes to. Without one the order waits, or has come to nothing.
    pub(super) fn post_for_move<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        order: MoveOrder,
        exports: bool,
    ) -> Option<Placement> {
        let deadly = self.deadly_part(env, order.to, exports);
        if deadly.is_some() && self.blame.confinement().is_alone() {
            // It has the worker of its own, for itself.
            self.wait_apart(env, now, order);
            return None;
        }
        let deed = self.deed(order.to, DeadlyTask::Copy);
        let placement = env.occupy_for(deed, &self.image.kind);
        if placement.is_none() && env.deadly.has(deed) {
            self.wait_apart(env, now, order);
        } else if placement.is_none() {
            let why = reason!("PLY-0302 no worker of the new release serves this kind");
            self.move_failed(env, order, AtFault::Circumstance, why);
        }
        placement
    }

    /// There is nobody who writes an older version now.
    pub(super) fn wait_for_export<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        order: MoveOrder,
    ) {
        if env.deadly.has(self.deed(self.release(), DeadlyTask::Export)) {
            self.wait_apart(env, now, order);
        } else {
            self.wish = Some(order);
        }
    }

    /// The room plays on while it waits for a worker of its own for its copy; after a while it stays where it is.
    fn wait_apart<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time, mut order: MoveOrder) {
        let since = order.apart.map_or(now, |apart| apart.since);
        let until = env.trial_until(self.id(), since);
        if until <= now {
            let why = self.not_tried(env, order.to);
            return self.move_failed(env, order, AtFault::Release, why);
        }
        order.apart = Some(Apart { since, until });
        self.wish = Some(order);
    }

    /// The room has waited for long enough for a worker of its own, if it does and none is there: it stays where it is. Tells
    /// whether it does.
    pub(super) fn end_wait_apart<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) -> bool {
        let (id, kind) = (self.id(), &self.image.kind);
        let over = |wish: &mut MoveOrder| {
            let Some(apart) = wish.apart.as_mut().filter(|apart| apart.until <= now) else {
                return false;
            };
            // Once it is there a safe point may still be waited for.
            let waits = env.has_for_copy(id, kind).then_some(now + env.limits.trial_wait);
            apart.until = waits.unwrap_or(env.trial_until(id, apart.since));
            apart.until <= now
        };
        let Some(order) = self.wish.take_if(over) else { return false };
        let why = self.not_tried(env, order.to);
        self.move_failed(env, order, AtFault::Release, why);
        true
    }

    /// A worker that takes part in a move is gone. If it died of what it was asked for this is not asked for among other rooms
    /// again, and if it was alone with it not again at all.
    pub(super) fn after_death<C: StateCodec>(
        &self,
        env: &mut Env<C>,
        worker: WorkerId,
        end: &WorkerEnd,
    ) -> After {
        let gone = || {
            let why = reason!("PLY-0303 a worker that takes part in the handoff went away");
            After::Fails(AtFault::Circumstance, end.told(why))
        };
        let asked = match &self.phase {
            Phase::Live(Live { warm: Some(warm), .. }) => warm.step.asked(),
            Phase::Cutover(cutover) => Some(cutover.asked()),
            Phase::Opening(opening) => Some(opening.asked()).filter(|asked| self.is_copy(*asked)),
            _ => None,
        };
        let Some((placement, task)) = asked.filter(|(placement, _)| placement.worker == worker)
        else {
            return gone();
        };
        if !end.by_itself() || end.was_at(self.id(), placement.attempt) == Some(false) {
            return gone();
        }
        let deed = self.deed(placement.release, task);
        match placement.berth {
            Berth::Trial(_) => {
                env.deadly.decline(deed, &end.how);
                After::Fails(AtFault::Release, self.died(env, placement.release, task))
            }
            Berth::Common | Berth::Quarantine | Berth::Suspects(_) => {
                env.deadly.note(deed, &end.how);
                if env.deadly.has(deed) { After::Apart(deed) } else { gone() }
            }
        }
    }

    /// Whether that is not the opening of the room where it belongs.
    pub(super) fn is_copy(&self, (placement, task): (Placement, DeadlyTask)) -> bool {
        task == DeadlyTask::Export || placement.release != self.release()
    }

    /// A worker that prepares a handoff is gone; the room plays on. A check whose worker went for another reason is made once more.
    pub(super) fn warm_worker_gone<C: StateCodec>(&mut self, env: &mut Env<C>, after: After) {
        let Phase::Live(Live { warm: Some(warm), .. }) = &mut self.phase else { return };
        let once = warm.order.check && !warm.order.tried;
        match after {
            After::Fails(AtFault::Circumstance, _) if once => {
                warm.order.tried = true;
                self.put_warm_back(env);
            }
            After::Fails(blame, why) => self.abandon_warm(env, blame, why),
            After::Apart(_) => self.put_warm_back(env),
        }
    }

    /// The preparation of a handoff begins anew when there is a worker for it.
    pub(super) fn put_warm_back<C: StateCodec>(&mut self, env: &mut Env<C>) {
        if let Some(order) = self.drop_warm(env) {
            env.handoffs.end(self.id());
            self.put_back(env, order);
        }
    }

    /// A worker that the frozen room waits for is gone: it goes on where it was.
    pub(super) fn cutover_worker_gone<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        after: After,
    ) {
        let (blame, why) = match after {
            After::Fails(blame, why) => (blame, why),
            After::Apart(deed) => {
                let Phase::Cutover(cutover) = &self.phase else { return };
                let order = cutover.order;
                if let Some(placement) = self.end_freeze(env, now) {
                    return self.thaw_and_wait(env, now, order, placement);
                }
                for placement in self.phase.posts() {
                    env.leave(self.id(), placement);
                }
                env.handoffs.end(self.id());
                self.enter(Phase::Idle);
                self.put_back(env, order);
                let why = self.died(env, deed.release, deed.task);
                return self.fall(env, now, AtFault::Circumstance, (0, why));
            }
        };
        self.thaw(env, now, blame, why);
    }

    /// A copy that was opened because nobody ran the room took its worker down: the room is opened where it was, and handed over
    /// from there.
    pub(super) fn open_at_home<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        deed: DeadlyDeed,
    ) {
        let why = self.died(env, deed.release, deed.task);
        // The move has not failed.
        let wish = self.wish.take();
        self.fall(env, now, AtFault::Circumstance, (0, why));
        self.wish = self.wish.take().or(wish);
    }

    /// What workers were asked for is waited for by nobody, but they have to come back from it.
    pub(super) fn abandon_errands<C: StateCodec>(&mut self, env: &mut Env<C>, next: Phase) {
        for (placement, errand, task) in self.enter(next).into_errands() {
            let copy = task.filter(|task| self.is_copy((placement, *task)));
            env.abandon(placement, errand, copy.map(|task| self.deed(placement.release, task)));
        }
    }

    /// What the room has no use for any more of workers of its own for copies.
    pub(crate) fn end_copies<C: StateCodec>(&self, env: &mut Env<C>) {
        let waits = self.wish.is_some_and(|wish| wish.apart.is_some());
        if waits || self.apart_since.is_some() {
            return;
        }
        let held = |release| {
            let mut posts = self.phase.posts();
            posts.any(|placement| {
                placement.release == release && matches!(placement.berth, Berth::Trial(_))
            })
        };
        env.keep_copies(self.id(), held);
    }
}
