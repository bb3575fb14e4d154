//! A room leaves memory: it goes to sleep, ends, or the keeper stops.

use playon_types::gate::Close;
use playon_types::image::{Image, StateCodec};
use playon_types::reason;
use playon_types::reason::Reason;
use playon_types::time::Time;

use crate::effect::{Effect, Report};
use crate::ensure::ensure;
use crate::env::Env;
use crate::mutant::{Mutant, broken};

use super::Room;
use super::durability::WholeImage;
use super::phase::{Live, Phase};
use super::timers::{At, Timer};

impl Room {
    /// Puts a room that nobody is connected to to rest, or ends it if nobody can come back.
    pub(super) fn hibernate<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        let quiet = self.rest_at().is_some_and(|at| at <= now);
        ensure!(env, self.id(), quiet, "it goes to rest, and something is left to do");
        if self.is_lost() {
            return self.finish(env);
        }
        self.image.clock = self.clock.read(now).max(self.image.now);
        self.note_absences(env, now);
        self.note_heard();
        self.leave_worker(env);
        self.image.clean |= self.losses_settled();
        self.resting_asleep = true;
        env.emit(Effect::Sleep(self.image.clone()));
    }

    /// After anything that may have changed whether somebody is here or something is left to do.
    pub(super) fn note_rest(&mut self) {
        self.timers.put(Timer::Rest, self.rest_at().map(At::Keeper));
    }

    /// When a room that nobody is connected to is put to rest. One that has something left to do is so first.
    pub(super) fn rest_at(&self) -> Option<Time> {
        let quiet = matches!(self.phase, Phase::Live(Live { inflight: None, warm: None, .. }));
        let settled = self.durability.safe() == self.image.seq
            && self.backlog.is_empty()
            && self.wish.is_none()
            && !self.blame.on_trial();
        let since = self.presence.idle_since().filter(|_| quiet && settled)?;
        Some(since + self.policies.idle_hibernate)
    }

    /// Whether nobody will come back: it has no name to be asked for by, and no seat is kept in it.
    fn is_lost(&self) -> bool {
        self.image.name.is_empty() && self.presence.is_empty()
    }

    /// The game has ended the room, and that is safe: everybody is told, and it is deleted.
    pub(super) fn end<C: StateCodec>(&mut self, env: &mut Env<C>) {
        if !self.ending {
            let (at, safe) = (self.image.seq, self.durability.safe());
            let over = self.image.ended && safe >= at;
            ensure!(env, self.id(), over, "it ends, and of its last commit {at} {safe} is safe");
            self.close_all(env, Close::RoomEnded, &reason!("PLY-0103 the room has ended"));
            self.finish(env);
        }
    }

    /// The keeper died after the end was safe and before the deletion was: that is made up for.
    pub(crate) fn end_if_over<C: StateCodec>(&mut self, env: &mut Env<C>) {
        if self.image.ended && !broken(Mutant::EndForgotten) {
            self.end(env);
        }
    }

    /// An operator ends the room.
    pub(crate) fn close_down<C: StateCodec>(&mut self, env: &mut Env<C>) {
        if !self.ending && !self.resting_asleep {
            self.close_all(
                env,
                Close::RoomEnded,
                &reason!("PLY-0103 the room was closed by the operator"),
            );
            self.finish(env);
        }
    }

    fn finish<C: StateCodec>(&mut self, env: &mut Env<C>) {
        self.ending = true;
        self.depart(env);
        env.emit(Effect::Delete(self.id()));
    }

    /// The room is not to be trusted: it goes from memory, and the store keeps what it has.
    pub(crate) fn abandon<C: StateCodec>(&mut self, env: &mut Env<C>, why: &Reason) {
        self.close_all(env, Close::RoomHalted, why);
        self.depart(env);
    }

    /// Nothing is asked of anybody for this room any more.
    fn depart<C: StateCodec>(&mut self, env: &mut Env<C>) {
        for order in self.begun_move().into_iter().chain(self.wish.take()) {
            // A room that is gone is no longer in the way of a deploy.
            env.report(Report::Staying { deploy: order.deploy, room: self.id() });
        }
        env.handoffs.end(self.id());
        env.openings.end(self.id());
        self.leave_worker(env);
    }

    fn leave_worker<C: StateCodec>(&mut self, env: &mut Env<C>) {
        for placement in self.phase.posts() {
            env.leave(self.id(), placement);
        }
        self.abandon_errands(env, Phase::Resting);
        self.durability.rest();
    }

    /// The keeper stops: what is committed is stored as a clean snapshot. Tells whether the room is quiet.
    ///
    /// No worker is waited for: a batch whose commit has not come has not happened, nobody was told of it, and its inputs
    /// are sent again. Only the store is. Rooms without ticks are stored with the room time of this moment: their timers
    /// and empty seats go on from here. Of a ticking room at most one tick of time is given up.
    pub(crate) fn stop<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) -> bool {
        if self.is_resting() {
            return true;
        }
        if let Phase::Live(live) = &mut self.phase {
            let inflight = live.inflight.take();
            self.timers.stop(Timer::Batch);
            inflight.into_iter().for_each(|inflight| self.requeue(inflight));
        }
        let busy = matches!(&self.phase, Phase::Switching(_));
        if busy || !self.durability.is_settled(self.image.seq) {
            return false;
        }
        self.clock.stop(now);
        // The commits of this room end here, so even a `WorkerCrash` room has lost none.
        self.image.clean |= self.losses_settled();
        let ticks = self.period().is_some();
        self.store_whole(env, now, if ticks { WholeImage::Checkpoint } else { WholeImage::Last });
        true
    }

    /// Whether the room rests on its way to sleep or deletion.
    pub(crate) const fn is_resting(&self) -> bool {
        matches!(self.phase, Phase::Resting)
    }

    /// What is left of a room that went to sleep.
    pub(crate) fn into_image(self) -> Image {
        self.image
    }
}
