//! A room that does not exist yet: a worker is asked to make it, sockets wait for it.

use bytes::Bytes;
use playon_types::attach::{Body, Commit, Fault, Stage, ToWorker};
use playon_types::gate::{Close, Create, Hello};
use playon_types::ids::{Attempt, History, RoomId, WorkerId};
use playon_types::image::{Image, StateCodec};
use playon_types::kind::Policies;
use playon_types::reason;
use playon_types::reason::Reason;
use playon_types::time::{RoomTime, Span, Time};

use crate::effect::Effect;
use crate::env::Env;
use crate::errand::Errand;
use crate::fleet::{Berth, Suspicion, WorkerEnd};
use crate::limits::Limits;
use crate::mutant::{Mutant, broken};
use crate::placement::Placement;
use crate::room::{Room, TOGETHER_MAX};

/// Tries before a room that cannot be made is given up.
const TRIES_MAX: u32 = 3;

/// A room in the making.
#[derive(Debug)]
pub(crate) struct Creating {
    room: RoomId,
    create: Create,
    placement: Option<(Placement, Errand)>,
    pub(crate) waiting: Vec<Hello>,
    /// When it is given up, unless a worker has been asked for it then and has only not come to it.
    deadline: Time,
    tries: u32,
    /// The process died while it made the room, or the game panicked: from then on it is made where no other room is.
    apart: bool,
    /// Where it panicked, among others.
    doubted: Option<WorkerId>,
    /// Workers that other rooms have taken down with the making of this one.
    beside: u64,
}

/// What became of it.
pub(crate) enum CreateOutcome {
    /// Not decided yet.
    Pending,
    /// It lives; these sockets waited for it.
    Born(Box<Room>, Vec<Hello>),
    /// It cannot be; these sockets are told so.
    Refused(Vec<Hello>, Close, Reason),
}

impl Creating {
    pub(crate) fn new(
        room: RoomId,
        create: Create,
        waiting: Vec<Hello>,
        limits: &Limits,
        now: Time,
    ) -> Self {
        let deadline = now + limits.open_timeout;
        Self {
            room,
            create,
            placement: None,
            waiting,
            deadline,
            tries: 0,
            apart: false,
            doubted: None,
            beside: 0,
        }
    }

    /// Asks a worker of the preferred release, unless one has been asked or none is there.
    pub(crate) fn ask<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        if self.placement.is_some() {
            return;
        }
        let Some(release) = env.prefer else { return };
        let kind = &self.create.kind;
        let placement = if self.apart {
            env.occupy_trial(self.room, release, kind)
        } else {
            env.occupy(release, Berth::Common, kind)
        };
        let Some(placement) = placement else { return };
        let told = env.fleet.kind(release, kind).map(|kind| kind.policies.batch_timeout);
        let span = told.unwrap_or(Policies::default().batch_timeout);
        self.placement = Some((placement, Errand::new(now, span)));
        let message = ToWorker::Create {
            room: self.room,
            attempt: placement.attempt,
            kind: self.create.kind.clone(),
            params: self.create.params.clone(),
            seed: self.create.seed,
        };
        env.tell(placement.worker, message);
    }

    /// The worker has made the room: its first commit is stored as a snapshot.
    pub(crate) fn handle_commit<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        commit: Commit,
    ) -> CreateOutcome {
        let Some(placement) =
            self.placement().filter(|p| p.attempt == commit.attempt && commit.seq.0 == 1)
        else {
            return CreateOutcome::Pending;
        };
        let Body::Full(state) = commit.body else {
            return self.failed(
                env,
                now,
                reason!("PLY-0104 the first commit must carry the whole state"),
            );
        };
        if state.len() > env.limits.state_bytes_max || env.codec.hash(&state) != commit.hash {
            let why = reason!("PLY-0104 the first commit is too large or not what it claims to be");
            return self.failed(env, now, why);
        }
        if commit.ended {
            // It was never stored and nobody has seen it.
            self.release(env);
            let detail = reason!("PLY-0103 the room has ended");
            return CreateOutcome::Refused(
                std::mem::take(&mut self.waiting),
                Close::RoomEnded,
                detail,
            );
        }
        let image = Image {
            room: self.room,
            kind: self.create.kind.clone(),
            name: self.create.name.clone(),
            history: History(env.epoch.0),
            release: placement.release,
            epoch: env.epoch,
            seq: commit.seq,
            version: commit.version,
            // As in `image::materialize`: a kept slice would keep what was read with it.
            state: Bytes::copy_from_slice(&state),
            hash: commit.hash,
            now: RoomTime(0),
            clock: RoomTime(0),
            tick: 0,
            wake_at: commit.wake_at,
            between_rounds: commit.between_rounds,
            ended: false,
            clean: true,
            seats: Default::default(),
        };
        if let Some(doubted) = self.doubted.take().filter(|doubted| *doubted != placement.worker) {
            let why = reason!("PLY-0414 room {} can be made in a new process only", self.room);
            env.spoil(doubted, why);
        }
        let room = Room::born(env, now, image, placement);
        CreateOutcome::Born(Box::new(room), std::mem::take(&mut self.waiting))
    }

    /// The worker that was given the attempt, if it is not void.
    pub(crate) fn holder(&self, attempt: Attempt) -> Option<WorkerId> {
        self.placement()
            .filter(|placement| placement.attempt == attempt)
            .map(|placement| placement.worker)
    }

    fn placement(&self) -> Option<Placement> {
        self.placement.as_ref().map(|(placement, _)| *placement)
    }

    /// The worker has begun to make the room.
    pub(crate) fn handle_turn(&mut self, now: Time) {
        if let Some((_, errand)) = &mut self.placement {
            errand.begin(now);
        }
    }

    /// When to call [`Self::handle_timeout`].
    pub(crate) fn next_timeout(&self) -> Time {
        let asked = self.placement.as_ref().map(|(_, errand)| errand.until());
        asked.into_iter().fold(self.deadline, Time::min)
    }

    /// Time has passed: a worker that hangs is reported, and nobody waits for ever.
    pub(crate) fn handle_timeout<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
    ) -> CreateOutcome {
        let mut turn_at = None;
        if let Some((placement, errand)) = &mut self.placement {
            let worker = placement.worker;
            if env.is_overdue(errand, worker, now) {
                // `handle_worker_down` follows.
                errand.report(now);
                let why = reason!("PLY-0404 it did not make room {} in time", self.room);
                env.emit(Effect::Suspect { worker, of: Suspicion::Hangs, why });
            } else if !errand.is_reported() {
                turn_at = Some(errand.until());
            }
        }
        if self.deadline > now {
            return CreateOutcome::Pending;
        }
        // Asked for again later it would wait behind the same rooms once more, and behind itself.
        match turn_at {
            Some(until) => {
                self.deadline = until.max(now + Span(1));
                CreateOutcome::Pending
            }
            None => self.give_up(env, now),
        }
    }

    /// The worker could not make the room.
    pub(crate) fn handle_fault<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        fault: &Fault,
    ) -> CreateOutcome {
        if self.placement().is_none_or(|p| p.attempt != fault.attempt)
            || fault.stage != Stage::Create
        {
            return CreateOutcome::Pending;
        }
        if fault.refusal {
            self.release(env);
            let detail = reason!("PLY-0106 {}", fault.message);
            return CreateOutcome::Refused(
                std::mem::take(&mut self.waiting),
                Close::Refused,
                detail,
            );
        }
        self.panicked(env);
        self.failed(env, now, reason!("PLY-0117 the room could not be created: {}", fault.message))
    }

    /// Perhaps it was the process, which an earlier panic has spoiled: it is made where nobody has been before.
    fn panicked<C: StateCodec>(&mut self, env: &mut Env<C>) {
        let Some(Placement { worker, release, berth, .. }) = self.placement() else { return };
        if matches!(berth, Berth::Trial(_)) {
            let why = reason!("PLY-0414 the making of room {} has panicked in it", self.room);
            env.spoil(worker, why);
        } else if env.fleet.starts(release) && !broken(Mutant::ProcessTrusted) {
            (self.apart, self.doubted) = (true, Some(worker));
        }
    }

    /// The worker went away.
    pub(crate) fn handle_worker_down<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        worker: WorkerId,
        end: &WorkerEnd,
    ) -> CreateOutcome {
        let Some((placement, errand)) =
            self.placement.as_ref().filter(|(placement, _)| placement.worker == worker)
        else {
            return CreateOutcome::Pending;
        };
        let at_it = end.was_at(self.room, placement.attempt).unwrap_or(true);
        if !(at_it && end.is_held_against(errand.is_reported())) {
            // It merely waited behind another room. As `crate::room` does, it is made apart if that happens again.
            self.beside += u64::from(end.was_at_work());
            self.apart |= self.beside > TOGETHER_MAX;
            self.release(env);
            self.ask(env, now);
            return CreateOutcome::Pending;
        }
        self.apart = true;
        let why = reason!("PLY-0117 the worker went away while it created the room");
        self.failed(env, now, end.told(why))
    }

    /// Nobody could make it in time.
    fn give_up<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) -> CreateOutcome {
        if let Some(detail) = env.no_such_kind(now, &self.create.kind) {
            // No worker had said yet which kinds there are.
            self.release(env);
            let waiting = std::mem::take(&mut self.waiting);
            return CreateOutcome::Refused(waiting, Close::Refused, detail);
        }
        if let Some((placement, errand)) = self.placement.take() {
            env.leave(self.room, placement);
            env.abandon(placement, errand, None);
        }
        let detail = reason!("PLY-0122 no worker could create the room in time");
        CreateOutcome::Refused(std::mem::take(&mut self.waiting), Close::Busy, detail)
    }

    fn failed<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        reason: Reason,
    ) -> CreateOutcome {
        self.release(env);
        self.tries += 1;
        if self.tries >= TRIES_MAX {
            return CreateOutcome::Refused(
                std::mem::take(&mut self.waiting),
                Close::Refused,
                reason,
            );
        }
        self.ask(env, now);
        CreateOutcome::Pending
    }

    pub(crate) fn release<C: StateCodec>(&mut self, env: &mut Env<C>) {
        if let Some((placement, _)) = self.placement.take() {
            env.leave(self.room, placement);
        }
    }
}

impl Room {
    /// A room just made by a worker; safe once its first snapshot is.
    fn born<C: StateCodec>(
        env: &mut Env<C>,
        now: Time,
        image: Image,
        placement: Placement,
    ) -> Self {
        let mut room = Self::unsafe_yet(env, now, image);
        room.snapshot(env, now);
        room.be_born(env, now, placement);
        room
    }
}
