//! The keeper and the workers: how they begin and end.

use playon_core::fleet::{Berth, Ended, WorkerEnd, WorkerInfo};
use playon_types::attach::{FromWorker, Turn};
use playon_types::ids::{ReleaseId, WorkerId};
use playon_types::time::{Span, Time};

use super::{World, WorldEvent};
use crate::audit::WatchedRelease;
use crate::deeds::Copying;
use crate::keeper::{KeeperModel, limits};
use crate::owner::ShardInput;
use crate::store::RecoveredRoom;
use crate::worker::{Stepped, Worker, kinds_of};

impl World {
    pub(super) fn start_keeper(&mut self) -> Result<(), String> {
        self.life += 1;
        self.timer_at = None;
        if self.in_trouble() && self.rng.percent(self.options.damage) {
            let index = self.rng.below(self.clients.len() as u64) as usize;
            self.decaying.insert(self.clients[index].room);
        }
        std::mem::take(&mut self.decaying).into_iter().for_each(|room| self.store.damage(room));
        let (epoch, rooms) = self.store.open(&limits().recovering())?;
        let mut keeper = KeeperModel::new(&self.options, epoch, self.store.current(), self.now);
        self.expired.clear();
        keeper.audit.watched = self.watched.take().map(WatchedRelease::resumed);
        keeper.audit.lost.clone_from(&self.lost);
        keeper.audit.poison = self.poison.clone();
        keeper.audit.panics =
            self.options.panic > 0 || !self.doomed.is_empty() || self.litterer.is_some();
        keeper.audit.cursed = self.options.cursed > 0;
        keeper.audit.manners = self.options.manners;
        for (release, kinds) in &self.store.declared {
            let owners = keeper.owners.iter_mut();
            owners.for_each(|owner| owner.shard.handle_release(*release, kinds.clone()));
            keeper.director.handle_release(*release, kinds.clone());
        }
        self.store.deploys().rev().for_each(|record| keeper.audit.found(record));
        keeper.director.handle_executables(self.artifacts.clone());
        let newest_first = self.store.deploys().take(100).cloned().collect();
        keeper.director.handle_recovered(Time(0), self.store.current(), newest_first);
        self.keeper = Some(keeper);
        self.check_left(&rooms)?;
        let after = Span(self.rng.below(5_000));
        self.schedule(after, self.life, WorldEvent::RecoverNext(rooms));
        self.drain()
    }

    /// kill -9: what the store had not made safe may be lost, from some batch on.
    pub(super) fn crash_keeper(&mut self) -> Result<(), String> {
        self.crash_keeper_with(None)
    }

    /// The same, and all that was not safe survives, or nothing of it.
    pub(super) fn crash_keeper_with(&mut self, keeping: Option<bool>) -> Result<(), String> {
        self.summary.keeper_crashes += 1;
        let pending = self.store.pending() as u64;
        let survive = match keeping {
            Some(true) => pending,
            Some(false) => 0,
            None => self.rng.below(pending + 1),
        };
        for _ in 0..survive {
            self.store.make_safe()?;
        }
        if self.rng.percent(50) {
            self.store.lose_pending();
        }
        // Otherwise the rest reaches the store after the next keeper has opened it.
        self.end_keeper();
        Ok(())
    }

    /// The process is gone, and with it its workers and sockets. Another one is started.
    pub(super) fn end_keeper(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            self.summary.coverage.merge(&keeper.audit.coverage);
            self.watched = keeper.audit.watched;
        }
        self.stopping = false;
        self.links.remove(&(3, 0));
        self.workers.clear();
        self.attempts.clear();
        self.overheard.clear();
        self.wanted.clear();
        self.spawning.clear();
        self.lose_sockets();
        self.life += 1;
        let after = Span::millis(50 + self.rng.below(200));
        self.schedule(after, 0, WorldEvent::KeeperStart);
    }

    /// What a supervisor does: as many workers as are wanted.
    pub(super) fn keep_workers(&mut self) {
        for (crew, count) in self.wanted.clone() {
            let of = |w: &&Worker| (w.release, w.berth) == crew;
            if !self.artifacts.contains(&crew.0) {
                continue;
            }
            let running = self.workers.values().filter(of).count() as u64;
            let spawning = u64::from(self.spawning.get(&crew).copied().unwrap_or(0));
            for _ in running + spawning..u64::from(count) {
                *self.spawning.entry(crew).or_default() += 1;
                let after = Span::millis(5 + self.rng.below(60));
                self.schedule(after, self.life, WorldEvent::WorkerAttached(crew.0, crew.1));
            }
            if count == 0 {
                let idle: Vec<WorkerId> = self.workers.values().filter(of).map(|w| w.id).collect();
                idle.into_iter().for_each(|id| self.kill_worker(id, Ended::Dismissed));
            }
        }
    }

    pub(super) fn attach(&mut self, release: ReleaseId, berth: Berth) -> Result<(), String> {
        let id = WorkerId(self.fresh());
        if let Some(spawning) = self.spawning.get_mut(&(release, berth)) {
            *spawning = spawning.saturating_sub(1);
        }
        let mut worker = Worker::new(id, release, berth);
        worker.attached = true;
        // Not every system has the memory for it, and not every worker is on the keeper's machine.
        worker.notes = !self.rng.percent(10);
        if self.in_trouble() {
            worker.panic = self.options.panic;
            worker.cursed = self.options.cursed;
            worker.bad_copy = self.options.bad_copy;
            worker.lie = self.options.lie;
            if self.spoilt.contains(&release) {
                worker.bad_copy = 100;
            }
            worker.threads.extend(self.litterer);
            worker.doomed = self.doomed.get(&release).cloned().unwrap_or_default();
        }
        self.workers.insert(id, worker);
        let kinds = kinds_of(release, self.options.manners);
        let info = WorkerInfo { id, berth, release, kinds };
        self.store.declared.insert(release, info.kinds.clone());
        // As the real one: the shards are told first, and get to it when they do.
        self.tell_each(|_| ShardInput::Up(info.clone()))?;
        if let Some(keeper) = self.keeper.as_mut().filter(|_| berth == Berth::Common) {
            keeper.audit.common.insert(id, release);
            keeper.director.handle_worker_up(keeper.clock(self.now), &info);
        }
        Ok(())
    }

    /// A worker's link has ended: each shard is told, and then the director.
    pub(super) fn detach(&mut self, id: WorkerId, end: &WorkerEnd) -> Result<(), String> {
        let attempts = self.attempts.remove(&id).unwrap_or_default();
        let count = self.keeper.as_ref().map_or(0, KeeperModel::count);
        self.tell_each(|number| {
            let here = attempts.iter().filter(|(room, _)| room.shard(count) == number);
            ShardInput::Down(id, end.clone(), here.map(|(_, attempt)| *attempt).collect())
        })?;
        if let Some(keeper) = &mut self.keeper {
            let clock = keeper.clock(self.now);
            keeper.audit.director_hears_of_death(clock, id, end);
            keeper.director.handle_worker_down(clock, id, end);
        }
        self.keep_workers();
        Ok(())
    }

    /// The next room that was found in the store comes to its shard.
    pub(super) fn recover_next(&mut self, mut rooms: Vec<RecoveredRoom>) -> Result<(), String> {
        let Some(found) = rooms.pop() else { return self.tell_each(|_| ShardInput::Listed) };
        let room = found.room();
        let damaged = matches!(found, RecoveredRoom::Damaged(_));
        self.tell_of(room, ShardInput::Found(found))?;
        if damaged {
            self.give_up(room);
        }
        let after = Span(self.rng.below(3_000));
        self.schedule(after, self.life, WorldEvent::RecoverNext(rooms));
        Ok(())
    }

    pub(super) fn step_worker(&mut self, id: WorkerId) -> Result<(), String> {
        let Some(worker) = self.workers.get_mut(&id) else { return Ok(()) };
        if worker.hung_until > self.now {
            let after = worker.hung_until.since(self.now);
            self.schedule(after, self.life, WorldEvent::WorkerStep(id));
            return Ok(());
        }
        let byte_us = if self.calm_from > self.now { self.options.byte_us } else { 0 };
        if self.options.disorder > 0 && self.rng.percent(self.options.disorder) {
            worker.work.choose(&mut self.rng);
        }
        let done_at = worker.done_at(self.now, byte_us);
        if done_at > self.now {
            if let (Some(turn), true) = (worker.turn, worker.notes && self.rng.percent(20)) {
                // The keeper looks now and then at what it is at.
                let after = Span(self.rng.below(done_at.since(self.now).0));
                self.schedule(after, self.life, WorldEvent::Turn(id, turn));
            }
            self.schedule(done_at.since(self.now), self.life, WorldEvent::WorkerStep(id));
            return Ok(());
        }
        let answer = match worker.step(&mut self.rng) {
            Stepped::Done(answer) => answer.map(|answer| *answer),
            Stepped::Died => {
                let (turn, copies) = (worker.turn, worker.copies());
                self.blame(id, turn, copies)?;
                self.kill_worker(id, Ended::ByItself);
                return Ok(());
            }
            Stepped::Hangs => {
                worker.hung_until = Time(u64::MAX);
                let (turn, notes, copies) = (worker.turn, worker.notes, worker.copies());
                self.blame(id, turn, copies)?;
                // The keeper looks now and then at what lasts.
                let after = Span::millis(50 + self.rng.below(50));
                let seen = turn.filter(|_| notes).map(|turn| WorldEvent::Turn(id, turn));
                seen.into_iter().for_each(|event| self.schedule(after, self.life, event));
                return Ok(());
            }
        };
        if let Some(wrong) = worker.wronged.take() {
            return Err(wrong);
        }
        self.note_thread(id);
        let Some(worker) = self.workers.get_mut(&id) else { return Ok(()) };
        if let (Some(room), Some(keeper)) = (worker.lied.take(), &mut self.keeper) {
            keeper.audit.lie(room);
        }
        if let Some(message) = answer {
            self.attempts.entry(id).or_default().insert(message.about());
            if self.in_trouble() && self.rng.percent(self.options.repeat) {
                self.send((4, id.0), self.life, WorldEvent::FromWorker(id, message.clone()));
            }
            // What belongs to a handoff is repeated more often, and sooner, so that it falls into its next step.
            let (often, within) = match message {
                FromWorker::Commit(_) => (1, 300_000),
                _ => (6, 60_000),
            };
            if self.in_trouble() && self.rng.percent(often * self.options.late) {
                let after = Span(self.rng.below(within));
                self.schedule(after, self.life, WorldEvent::FromWorker(id, message.clone()));
            }
            self.send((4, id.0), self.life, WorldEvent::FromWorker(id, message));
        }
        Ok(())
    }

    /// The game's code in a room takes its process down, perhaps at a copy of it.
    fn blame(
        &mut self,
        id: WorkerId,
        turn: Option<Turn>,
        copies: Option<Copying>,
    ) -> Result<(), String> {
        let release = self.workers.get(&id).map(|worker| worker.release);
        match (&mut self.keeper, turn, release) {
            (Some(keeper), Some(turn), Some(release)) => {
                keeper.audit.takes_down((id, release), turn, copies)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn kill_worker(&mut self, id: WorkerId, ended: Ended) {
        if let Some(worker) = self.workers.remove(&id) {
            let how = format!("a process that ended, {ended:?}");
            let end = WorkerEnd { ended, turns: worker.turns(), how };
            let after = Span(100 + self.rng.below(3_000));
            self.schedule(after, self.life, WorldEvent::WorkerGone(id, end));
        }
    }
}
