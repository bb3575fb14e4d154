//! What a fault does to the room: back to its committed bytes, and on trial.

use std::slice;

use playon_types::attach::{Fault, Item, LeftOut, Noted};
use playon_types::gate::Close;
use playon_types::ids::{ReleaseId, SessionId, WorkerId};
use playon_types::image::{Misfit, StateCodec};
use playon_types::reason;
use playon_types::reason::Reason;
use playon_types::time::{Span, Time};

use crate::appeals::Appeal;
use crate::deadly::DeadlyTask;
use crate::effect::{Aside, AtFault, Effect, Inquiry, Report};
use crate::ensure::ensure;
use crate::env::Env;
use crate::fleet::{Berth, Half, Suspicion, WorkerEnd};
use crate::mutant::{Mutant, broken};
use crate::placement::Placement;

use super::Room;
use super::blame::{FaultDamage, Portion};
use super::phase::{Inflight, Live, Phase, backoff};
use super::timers::Timer;

/// What a room fails on.
#[derive(Debug, PartialEq)]
enum Charge {
    /// An item, by which those are shown the room.
    Item(Item, Vec<SessionId>),
    /// That it is shown to that one.
    View(SessionId),
    Itself,
}

/// Told to spectators whose view makes the room fail.
pub(super) const WATCHERS_BLIND: Reason =
    Reason::fixed("PLY-0139 the game fails when it shows the room to spectators");

impl Room {
    /// The worker could not do what it was asked.
    pub(crate) fn handle_fault<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        fault: &Fault,
    ) {
        match &mut self.phase {
            Phase::Opening(opening) if opening.placement.attempt == fault.attempt => {
                self.opening_failed(env, now, FaultDamage::Panic, fault.reason());
            }
            Phase::Live(live) if live.placement.attempt == fault.attempt => {
                let inflight = live.inflight.take();
                self.batch_failed(env, now, inflight, FaultDamage::Panic, fault.reason());
            }
            _ => self.handoff_fault(env, now, fault),
        }
    }

    /// The commit is not what it claims to be: a bug in a codec, state that does not encode the same way twice or that
    /// has grown too large. The worker's object is thrown away.
    pub(super) fn refuse_commit<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        inflight: Inflight,
        misfit: &Misfit,
    ) {
        let reason = reason!("PLY-0104 {misfit}");
        env.report(Report::Refused { room: self.id(), reason: reason.clone() });
        self.batch_failed(env, now, Some(inflight), FaultDamage::Refused, reason);
    }

    /// A batch that takes too long: its worker is reported.
    pub(super) fn batch_timed_out<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        let id = self.id();
        let Phase::Live(Live { placement, inflight: Some(inflight), .. }) = &mut self.phase else {
            return;
        };
        let overdue = env.is_overdue(&mut inflight.errand, placement.worker, now);
        if overdue {
            // The worker is killed, and `handle_worker_down` follows.
            inflight.errand.report(now);
        }
        if overdue || !broken(Mutant::TimersUnarmed) {
            self.timers.set(Timer::Batch, inflight.errand.until());
        }
        if !overdue {
            return;
        }
        let why = reason!("PLY-0404 room {id} got no commit {} in time", inflight.seq);
        env.emit(Effect::Suspect { worker: placement.worker, of: Suspicion::Hangs, why });
    }

    /// The live worker of the room is gone. Whether its batch may have been the cause decides how it goes on.
    pub(super) fn live_worker_gone<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        end: &WorkerEnd,
    ) {
        let id = self.id();
        let Phase::Live(live) = &mut self.phase else { return };
        let placement = live.placement;
        match live.inflight.take() {
            Some(inflight)
                if may_have_caused(id, placement, &inflight, end)
                    || (end.is_unexplained()
                        && self.blame.confinement().is_alone()
                        && self.blame.unexplained(now, &env.limits)) =>
            {
                let how = if end.by_itself() { "died" } else { "was killed" };
                let why = end.told(reason!("PLY-0402 the worker {how} while it ran the room"));
                self.batch_failed(env, now, Some(inflight), FaultDamage::Process, why);
            }
            inflight => {
                if end.is_unexplained() && !broken(Mutant::ThreadsUnheeded) {
                    let when = (now, &env.limits, &mut self.timers);
                    let lot = |splits| match id.mix(splits) & 1 {
                        0 => Half::First,
                        _ if broken(Mutant::SuspectsTogether) => Half::First,
                        _ => Half::Second,
                    };
                    self.blame.left_behind(when, lot);
                }
                inflight.into_iter().for_each(|inflight| self.requeue(inflight));
                self.fall(env, now, AtFault::Circumstance, (0, end.told(GONE)));
            }
        }
    }

    /// The worker that was opening the room is gone.
    pub(super) fn opening_worker_gone<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        placement: Placement,
        end: &WorkerEnd,
    ) {
        let hung = matches!(&self.phase, Phase::Opening(o) if o.errand.is_reported());
        let at_it = end.was_at(self.id(), placement.attempt).unwrap_or(true);
        let unexplained = end.is_unexplained()
            && !self.blame.confinement().is_detained()
            && self.blame.unexplained(now, &env.limits);
        if (at_it && end.is_held_against(hung)) || unexplained {
            let how = if end.by_itself() { "died" } else { "was killed" };
            let why = end.told(reason!("PLY-0402 the worker {how} while it opened the room"));
            return self.opening_failed(env, now, FaultDamage::Process, why);
        }
        self.fall(env, now, AtFault::Circumstance, (0, end.told(GONE)));
    }

    fn batch_failed<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        inflight: Option<Inflight>,
        damage: FaultDamage,
        reason: Reason,
    ) {
        let shared = self.shared_worker(env, damage);
        if let Some(inflight) = inflight {
            let (portion, saw) = (inflight.portion, inflight.viewers().collect());
            let what = (inflight.into_items(), saw);
            let when = (now, &env.limits, &mut self.timers);
            let how = (damage, shared);
            let blind = self.blame.batch_failed(when, portion, what, how);
            blind.into_iter().for_each(|viewer| self.blind(env, now, viewer));
        }
        let inquiry = match self.blame.inquiry() {
            Inquiry::Over if self.appeal(env, now, Charge::Itself) => Inquiry::Appealed,
            inquiry => inquiry,
        };
        self.failed(env, now, (reason, inquiry));
    }

    /// The room fails whenever that one is shown it: it goes on without. A player keeps what it saw last, and spectators have
    /// nothing to look at.
    fn blind<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time, viewer: SessionId) {
        if viewer == LeftOut::WATCHERS {
            for conn in self.presence.take_watchers() {
                env.close(conn, Close::Refused, WATCHERS_BLIND);
            }
            self.note_presence(now);
        }
        let (room, release, what) = (self.id(), self.release(), Aside::View);
        let appeal = self.appeal(env, now, Charge::View(viewer));
        env.report(Report::SetAside { room, release, session: viewer, what, appeal });
    }

    /// What the room fails on is tried on the release before, if this one is on probation. Tells whether it is.
    fn appeal<C: StateCodec>(&self, env: &mut Env<C>, now: Time, charge: Charge) -> bool {
        if !env.appeals.hears(self.release()) {
            return false;
        }
        let image = &self.image;
        let (itself, watch) =
            (matches!(charge, Charge::Itself), charge == Charge::View(LeftOut::WATCHERS));
        let (mut items, render) = match charge {
            Charge::Item(item, shown) => (vec![item], shown),
            Charge::View(viewer) if !watch => (Vec::new(), vec![viewer]),
            Charge::View(_) | Charge::Itself => (Vec::new(), Vec::new()),
        };
        let at = match self.period() {
            Some(period) => {
                items.push(Item::Tick(image.tick.saturating_add(1)));
                image.now + period
            }
            None => self.clock.read(now).max(image.now),
        };
        if items.is_empty() {
            items.push(Item::Wake);
        }
        env.appeals.want(Appeal {
            room: self.id(),
            release: self.release(),
            kind: image.kind.clone(),
            seq: image.seq,
            version: image.version,
            state: image.state.clone(),
            now: at,
            items,
            render,
            watch,
            itself,
            interrupted: 0,
        })
    }

    /// The release could not open the room. Another release than the room's own is merely not moved to.
    pub(super) fn opening_failed<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        damage: FaultDamage,
        reason: Reason,
    ) {
        let elsewhere = |placement: Placement| placement.release != self.release();
        if let Some(placement) = self.phase.posts().find(|placement| elsewhere(*placement)) {
            if damage == FaultDamage::Process {
                env.deadly.decline(self.deed(placement.release, DeadlyTask::Copy), reason.words());
            }
            return self.fall(env, now, AtFault::Release, (0, reason));
        }
        let shared = self.shared_worker(env, damage);
        self.blame.opening_failed((damage, shared), &mut self.timers);
        self.failed(env, now, (reason, self.blame.inquiry()));
    }

    /// The worker in which the room has just failed, if others are there too and it could be tried where nobody is. One where
    /// nobody else was is replaced after a panic, as whoever comes next must find it as new.
    fn shared_worker<C: StateCodec>(
        &self,
        env: &mut Env<C>,
        damage: FaultDamage,
    ) -> Option<WorkerId> {
        let placement = self.phase.posts().next()?;
        if matches!(placement.berth, Berth::Trial(_)) {
            if damage == FaultDamage::Panic {
                let why =
                    reason!("PLY-0414 room {} has panicked in it, where it was tried", self.id());
                env.spoil(placement.worker, why);
            }
            return None;
        }
        env.fleet.starts(placement.release).then_some(placement.worker)
    }

    /// A batch of that portion has passed. If it had failed only in a process that others share, that is replaced.
    pub(super) fn note_passed<C: StateCodec>(&mut self, env: &mut Env<C>, portion: Portion) {
        let Phase::Live(Live { placement, .. }) = &self.phase else { return };
        if let Some(worker) = self.blame.found_spoiled(portion, placement.worker) {
            let why = reason!(
                "PLY-0414 room {} fails in it and not in a new process: a panic has spoiled it",
                self.id()
            );
            env.spoil(worker, why);
        }
    }

    /// A process of the room's release has died by itself, at nothing of any room. What it died of is not this room's if that was
    /// elsewhere.
    pub(crate) fn note_unexplained<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        (worker, release): (WorkerId, ReleaseId),
    ) {
        let here = self.phase.is_on(worker) || matches!(self.phase, Phase::Idle);
        if self.release() == release && !here && self.blame.was_elsewhere(&mut self.timers) {
            self.pump(env, now);
        }
    }

    /// A worker is gone that had been spoiled. If it was only there that the room failed, it goes among the others again.
    pub(crate) fn handle_spoiled<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        worker: WorkerId,
    ) {
        if self.blame.doubt_was_right(worker) && matches!(self.phase, Phase::Idle) {
            self.apart_since = None;
            env.confine(self.id(), self.release(), Berth::Common);
            self.want_open(env, now);
        }
    }

    /// A fault that is held against the room: another try, or none.
    fn failed<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        (reason, inquiry): (Reason, Inquiry),
    ) {
        let leaves = self.wish.is_some_and(|w| !w.check && w.to != self.release());
        let hopeless = self.blame.is_hopeless(&env.limits) && !leaves;
        let count = self.blame.own_faults().max(1);
        self.fall_charged(env, now, AtFault::Release, (count, reason.clone(), inquiry));
        if hopeless {
            self.halt(env, now, reason);
        }
    }

    /// The room keeps failing by itself: nobody runs it until another release comes, and everybody is told.
    fn halt<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time, reason: Reason) {
        let why = reason!("PLY-0123 the room keeps failing: {reason}");
        self.blame.halt(why.clone());
        self.enter(Phase::Idle);
        env.confine(self.id(), self.release(), Berth::Common);
        self.part_all(env, now, Close::RoomFails, &why);
        env.report(Report::Halted { room: self.id(), release: self.release(), reason: why });
        self.list(env);
    }

    /// Why nobody runs the room, if it keeps failing.
    pub(crate) fn halted(&self) -> Option<&Reason> {
        self.blame.halted()
    }

    /// The live object is gone or not to be trusted: back to committed bytes, to be opened again. With the faults in a
    /// row that are held against the room.
    pub(super) fn fall<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        at_fault: AtFault,
        (count, reason): (u32, Reason),
    ) {
        let inquiry = if count > 0 { self.blame.inquiry() } else { Inquiry::Over };
        self.fall_charged(env, now, at_fault, (count, reason, inquiry));
    }

    /// The same, with what is known of the reason.
    fn fall_charged<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        at_fault: AtFault,
        (count, reason, inquiry): (u32, Reason, Inquiry),
    ) {
        let forgotten = self.phase.inflight().map(|inflight| inflight.seq);
        ensure!(env, self.id(), forgotten.is_none(), "{forgotten:?} is under way and forgotten");
        if !broken(Mutant::ClockRunsDown) {
            self.clock.stop(now);
        }
        self.settle_move(env, at_fault, reason.clone());
        for placement in self.phase.posts() {
            env.leave(self.id(), placement);
        }
        env.openings.end(self.id());
        env.report(Report::Fault {
            room: self.id(),
            release: self.release(),
            reason,
            count,
            inquiry,
        });
        self.down_since = self.down_since.or(Some(now));
        let wait = backoff(count, env.limits.reopen_backoff_max);
        self.enter(Phase::Idle);
        self.timers.set(Timer::Retry, now + wait);
        // What it waits for lies in the release that it is about to leave.
        let open = self.image.between_rounds;
        let goes = self.wish.is_some_and(|w| w.may_go(now, open) && w.to != self.release());
        if wait == Span::ZERO || goes {
            self.want_open(env, now);
        }
        self.list(env);
    }

    /// What the game fails on does not run any more: its player is told, and nobody is told that it ran.
    pub(super) fn set_aside<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time, item: Item) {
        let shown = self.presence.audience(&self.image.seats, slice::from_ref(&item), false);
        let appealed = item.clone();
        let (session, what) = match item {
            // Its player is told with the record of this commit.
            Item::Input { session, seq, .. } => (session, Aside::Input(seq)),
            Item::Join { session, .. } => {
                if let Some(conn) = self.presence.remove(&session) {
                    let detail = reason!("PLY-0107 the game failed while taking the player in");
                    env.close(conn, Close::Refused, detail);
                }
                // It may have withdrawn meanwhile; the game never knew the player.
                let stays = |item: &Item| *item != Item::Leave(session);
                self.backlog.retain(stays);
                self.blame.retain(stays);
                (session, Aside::Join)
            }
            Item::Away(session) => (session, self.note(session, Noted::Away)),
            Item::Back { session, .. } => (session, self.note(session, Noted::Back)),
            Item::Leave(session) => (session, self.note(session, Noted::Leave)),
            // They call nothing of the game's, and the time is never accused.
            Item::Noted { .. } | Item::Tick(_) | Item::Wake => return,
        };
        let (room, release) = (self.id(), self.release());
        let appeal = self.appeal(env, now, Charge::Item(appealed, shown));
        env.report(Report::SetAside { room, release, session, what, appeal });
    }

    /// The worker's books are kept right without the hook.
    fn note(&mut self, session: SessionId, change: Noted) -> Aside {
        let noted = Item::Noted { session, change };
        self.backlog.put_back(self.blame.precede(noted).into_iter().collect());
        match change {
            Noted::Away => Aside::Away,
            Noted::Back => Aside::Back,
            Noted::Leave => Aside::Leave,
        }
    }

    /// A worker for the room on that release: among the others, or apart from them if it is, or may be, a danger to them.
    /// Without one the room waits; after a while, in a keeper that can start none, it goes among the others.
    pub(super) fn find_post<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        release: ReleaseId,
    ) -> Option<Placement> {
        self.blame.weigh(env.fleet.lost(self.release()));
        let elsewhere = release != self.release();
        let (id, kind) = (self.id(), &self.image.kind);
        let deed = self.deed(release, DeadlyTask::Copy);
        let berth = match (elsewhere, env.deadly.has(deed)) {
            (true, true) => None,
            (true, false) => Some(Berth::Common),
            (false, _) => self.blame.confinement().berth(),
        };
        let placement = match berth {
            Some(berth) => env.occupy_only(id, release, berth, kind),
            None if elsewhere => env.occupy_for(deed, kind),
            None => env.occupy_trial(id, release, kind),
        };
        if placement.is_some() || berth == Some(Berth::Common) {
            self.apart_since = None;
            return placement;
        }
        let since = *self.apart_since.get_or_insert(now);
        let until = match berth {
            Some(_) => env.detained_until(release, since),
            None => env.trial_until(id, since),
        };
        if until > now {
            self.enter(Phase::Idle);
            self.timers.set(Timer::Retry, until);
            return None;
        }
        if elsewhere {
            // It is not tried among the others; it is opened where it was.
            self.apart_since = None;
            if let Some(order) = self.wish.take() {
                let why = self.not_tried(env, order.to);
                self.move_failed(env, order, AtFault::Release, why);
            }
            self.enter(Phase::Idle);
            self.want_open(env, now);
            return None;
        }
        env.trials.release(id);
        env.occupy(release, Berth::Common, kind)
    }

    /// A room that is cleared, or found guilty, changes its worker at a quiet moment. Tells whether it does.
    pub(super) fn change_berth<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) -> bool {
        let Phase::Live(Live { placement, inflight: None, warm: None }) = &self.phase else {
            return false;
        };
        let placement = *placement;
        // Where others have all those in which a room is alone, it is among the others as nobody could be started in time.
        let berth = self.blame.confinement().berth().or_else(|| env.trials.offer(self.id()));
        let Some(berth) = berth else { return false };
        if placement.berth == berth {
            return false;
        }
        env.confine(self.id(), placement.release, berth);
        if env.fleet.least_loaded(placement.release, berth, &self.image.kind).is_none() {
            return false;
        }
        self.clock.stop(now);
        env.leave(self.id(), placement);
        self.enter(Phase::Idle);
        self.want_open(env, now);
        self.list(env);
        true
    }
}

/// Why a room falls whose worker ended through no fault of its own.
pub(super) const GONE: Reason = Reason::fixed("PLY-0402 the worker went away");

/// Whether the batch may be what ended the worker: it was running when the process died, or it is what was waited for too
/// long. Who merely waited behind it is not held to account.
fn may_have_caused(
    id: playon_types::ids::RoomId,
    placement: Placement,
    batch: &Inflight,
    end: &WorkerEnd,
) -> bool {
    if broken(Mutant::AllSuspects) {
        return true;
    }
    let ran = end.was_at_batch(id, placement.attempt, batch.seq).unwrap_or(true);
    ran && end.is_held_against(batch.errand.is_reported())
}
