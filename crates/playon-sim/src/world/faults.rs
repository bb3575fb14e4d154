//! What goes wrong, and when.

use std::collections::BTreeSet;

use playon_core::deploy::{DeployWish, Taken};
use playon_core::effect::Order;
use playon_core::fleet::{Ended, WorkerEnd};
use playon_types::attach::ToWorker;
use playon_types::ids::{ConnId, DeployId, ReleaseId, RoomId, WorkerId};
use playon_types::record::{Course, DeployPhase, DeployRecord};
use playon_types::rng::Rng;
use playon_types::time::Span;

use super::players::create;
use super::{World, WorldEvent, room_id};
use crate::client::Client;
use crate::deeds::{Doom, FailingTask, GameFailure};
use crate::keeper::wall;
use crate::owner::ShardInput;
use crate::worker::{RELEASES, Worker};

impl World {
    pub(super) fn trouble(&mut self) -> Result<(), String> {
        if !self.in_trouble() {
            // From here on nothing new goes wrong.
            self.workers.values_mut().for_each(Worker::mend);
            if let Some(keeper) = &mut self.keeper {
                keeper.audit.mended();
            }
            return Ok(());
        }
        self.schedule(Span::millis(50), 0, WorldEvent::Trouble);
        if self.keeper.is_none() {
            return Ok(());
        }
        let options = self.options.clone();
        let per = |rng: &mut Rng, percent: u64| rng.below(500) < percent;
        if per(&mut self.rng, options.crash_worker)
            && let Some(id) = self.any_worker()
        {
            self.summary.worker_crashes += 1;
            self.kill_worker(id, Ended::ByItself);
        }
        if per(&mut self.rng, options.cut_worker)
            && let Some(id) = self.any_worker()
        {
            // The keeper sees the link end at once; what is still on its way must have no effect.
            self.summary.worker_crashes += 1;
            let turns = self.workers.remove(&id).and_then(|worker| worker.turns());
            let end =
                WorkerEnd { ended: Ended::ByItself, turns, how: "killed by SIGKILL".to_owned() };
            self.step_keeper(WorldEvent::WorkerGone(id, end))?;
        }
        if per(&mut self.rng, options.hang_worker) {
            let until = self.now + Span::secs(3);
            if let Some(worker) = self.any_worker().and_then(|id| self.workers.get_mut(&id)) {
                self.summary.worker_crashes += 1;
                worker.hung_until = until;
            }
        }
        if per(&mut self.rng, options.cut_client) {
            self.cut_somebody()?;
        }
        if options.watch > 0 && per(&mut self.rng, options.watch) {
            self.watch()?;
        }
        if options.refuse > 0 && per(&mut self.rng, options.refuse) {
            self.fill_queue();
        }
        if per(&mut self.rng, options.found) {
            self.found_room(Span::ZERO);
        }
        if per(&mut self.rng, options.close) {
            let index = self.rng.below(self.clients.len() as u64) as usize;
            self.close_room(self.clients[index].room)?;
        }
        if options.expire > 0 && per(&mut self.rng, options.expire) {
            self.expire_room()?;
        }
        self.litter();
        if per(&mut self.rng, options.deploy) {
            self.deploy()?;
        }
        if options.rollback > 0 && per(&mut self.rng, options.rollback) {
            let at_once = self.rng.percent(80);
            self.roll_back(at_once)?;
        }
        if per(&mut self.rng, options.crash_keeper) {
            self.crash_keeper()?;
        }
        self.operators()
    }

    /// One player is cut off, or everybody in a room: then it has nobody, and may go to sleep.
    fn cut_somebody(&mut self) -> Result<(), String> {
        let index = self.rng.below(self.clients.len() as u64) as usize;
        let all = self.rng.percent(self.options.holiday);
        let room = self.clients[index].room;
        let cut = |(i, c): (usize, &Client)| c.conn.filter(|_| i == index || all && c.room == room);
        let conns: Vec<ConnId> = self.clients.iter().enumerate().filter_map(cut).collect();
        conns.into_iter().try_for_each(|conn| self.cut_client(conn))
    }

    /// What operators do to the keeper itself.
    fn operators(&mut self) -> Result<(), String> {
        let options = self.options.clone();
        let mut per = |percent: u64| self.rng.below(500) < percent;
        let (stops, copies, restores) =
            (per(options.stop_keeper), per(4 * options.restore), per(options.restore));
        if copies {
            self.back_up();
        }
        if stops {
            self.stop_keeper()?;
        }
        if restores {
            self.restore()?;
        }
        Ok(())
    }

    /// A deploy has come a step further. Rooms that are made just then are easily forgotten.
    pub(super) fn follow_deploy(&mut self, record: &DeployRecord) -> Result<(), String> {
        if self.options.trace {
            self.print_deploy(record);
        }
        let begins = record.phase == DeployPhase::Checking && self.in_trouble();
        if begins && self.rng.percent(self.options.found) {
            let after = Span(self.rng.below(4 * self.options.delay_max.0));
            self.found_room(after);
        }
        if matches!(record.phase, DeployPhase::Done | DeployPhase::Partial) {
            let said = self.moved.get(&record.id).map_or(0, BTreeSet::len) as u64;
            let sum = record.moved + record.staying + record.gone + record.left;
            if record.moved < said || sum != record.rooms {
                return Err(format!("I30: {said} rooms have moved, counted is {record:?}"));
            }
        }
        Ok(())
    }

    /// An operator has a room made.
    fn found_room(&mut self, after: Span) {
        // One that is there already, awake or asleep, may be asked for as well.
        let known = self.rng.percent(30).then(|| {
            let index = self.rng.below(self.clients.len() as u64) as usize;
            self.clients[index].room
        });
        if known.is_some() || self.next_room < u64::from(u8::MAX) {
            let room = known.unwrap_or(room_id(self.next_room));
            self.next_room += u64::from(known.is_none());
            self.order_later(after, room, Order::Create { room, create: create(room) });
        }
    }

    /// An operator sees that a room is halted, and after a while closes it.
    pub(super) fn give_up(&mut self, room: RoomId) {
        let after = Span(self.rng.below(2_000_000));
        self.order_later(after, room, Order::Close { room });
    }

    /// An operator has an order for a room.
    fn order_later(&mut self, after: Span, room: RoomId, order: Order) {
        let number = self.keeper.as_ref().map_or(0, |keeper| keeper.shard_of(room));
        self.schedule(after, self.life, WorldEvent::Order(number, order));
    }

    /// An operator sees that a room keeps failing, and after a while has it tried again on the release it has.
    pub(super) fn try_again(&mut self, room: RoomId, release: ReleaseId) {
        let after = Span(self.rng.below(2_000_000));
        let deploy = DeployId::NONE;
        let order = Order::Move { deploy, room, to: release, at_once: true, since: None };
        self.order_later(after, room, order);
    }

    /// An operator closes a room.
    pub(super) fn close_room(&mut self, room: RoomId) -> Result<(), String> {
        self.tell_of(room, ShardInput::Order(Order::Close { room }))?;
        self.drain()
    }

    /// A room is said to be at rest past its age: all that rest are old enough, or those that have done so for a while.
    fn expire_room(&mut self) -> Result<(), String> {
        let index = self.rng.below(self.clients.len() as u64) as usize;
        let room = self.clients[index].room;
        let slept_by = wall(self.now).before(Span::millis(self.rng.below(2) * 700));
        self.tell_of(room, ShardInput::Order(Order::Expire { room, slept_by }))?;
        self.drain()
    }

    /// Faults aimed at a handoff: between its steps, the processes in it die more often than by chance.
    pub(super) fn strike(&mut self, worker: WorkerId, message: &ToWorker) {
        let aimed = matches!(
            message,
            ToWorker::Tail { .. }
                | ToWorker::Export { .. }
                | ToWorker::Prewarm { .. }
                | ToWorker::Retire { .. }
        );
        if !aimed || !self.in_trouble() || !self.rng.percent(self.options.strike) {
            return;
        }
        let victim = match self.rng.below(3) {
            0 => Some(worker),
            1 => self.any_worker(),
            _ => None,
        };
        let after = Span(self.rng.below(2 * self.options.delay_max.0 + self.options.fsync_max.0));
        self.schedule(after, self.life, WorldEvent::Strike(victim));
    }

    pub(super) fn any_worker(&mut self) -> Option<WorkerId> {
        let count = self.workers.len() as u64;
        self.workers.keys().nth(self.rng.below(count.max(1)) as usize).copied()
    }

    pub(super) fn deploy(&mut self) -> Result<(), String> {
        let to = RELEASES[self.rng.below(self.options.releases) as usize];
        if self.options.doom > 0 && self.rng.percent(self.options.doom) {
            let index = self.rng.below(self.clients.len() as u64) as usize;
            let deed = if self.rng.percent(50) { GameFailure::Panic } else { GameFailure::Abort };
            let doom = match self.rng.below(10) {
                0..5 => Doom { at: FailingTask::Run, deed },
                5..8 => Doom { at: FailingTask::Copy, deed: GameFailure::of(self.rng.below(3)) },
                _ => Doom { at: FailingTask::Show, deed: GameFailure::of(self.rng.below(3)) },
            };
            self.doom(to, self.clients[index].room, doom);
        }
        let at_once = self.rng.percent(50);
        self.deploy_to(DeployWish { to, at_once, course: Course::Forward })
    }

    /// From now on a release cannot run a batch of a room, or make a copy of it, or show it to spectators.
    pub(super) fn doom(&mut self, release: ReleaseId, room: RoomId, doom: Doom) {
        if doom.at != FailingTask::Show {
            self.unrunnable.insert(room);
        }
        self.doomed.entry(release).or_default().insert(room, doom);
        if let Some(keeper) = &mut self.keeper {
            keeper.audit.panics = true;
        }
        let of_release = self.workers.values_mut().filter(|worker| worker.release == release);
        of_release.for_each(|worker| _ = worker.doomed.insert(room, doom));
    }

    /// An operator goes back to where rooms were.
    pub(super) fn roll_back(&mut self, at_once: bool) -> Result<(), String> {
        let Some(keeper) = &self.keeper else { return Ok(()) };
        let way = keeper.director.way_back();
        let found = way.map(|way| (way.undoes, way.to));
        let expected = self.last_that_moved_any();
        if found != expected {
            return Err(format!("I26: the way back is {found:?}, not {expected:?}"));
        }
        let Some((_, to)) = expected else { return Ok(()) };
        if !self.artifacts.contains(&to) {
            return Err(format!("I33: {to} is gone, to which the way back leads"));
        }
        self.begin_deploy(DeployWish { to, at_once, course: Course::Back })
    }

    /// The deploy that a rollback undoes, and where rooms were before it: as operators are told.
    pub(super) fn last_that_moved_any(&self) -> Option<(DeployId, ReleaseId)> {
        self.last_of(self.keeper.as_ref()?.director.deploy().filter(|d| !d.phase.is_final()))
    }

    /// The same, with that deploy under way.
    pub(super) fn last_of(&self, going: Option<&DeployRecord>) -> Option<(DeployId, ReleaseId)> {
        let stored = self.store.deploys();
        let mut newest_first = going.into_iter().chain(stored.filter(|record| {
            let cut_off = record.phase == DeployPhase::Reverted;
            let arrived = matches!(record.phase, DeployPhase::Done | DeployPhase::Partial);
            let under_way = !record.phase.is_final();
            !cut_off && !under_way && (arrived || record.moved > 0)
        }));
        let found = newest_first.find(|record| record.from.is_some_and(|from| from != record.to));
        // The keeper has gone back already.
        let found = found.filter(|record| record.course != Course::Rescue)?;
        Some((found.id, found.from?))
    }

    /// Somebody uploads a release, and asks for a deploy of it.
    pub(super) fn deploy_to(&mut self, wish: DeployWish) -> Result<(), String> {
        self.upload(wish.to)?;
        self.begin_deploy(wish)
    }

    /// Somebody asks for a deploy.
    fn begin_deploy(&mut self, wish: DeployWish) -> Result<(), String> {
        self.summary.deploys += 1;
        if let Some(keeper) = &mut self.keeper {
            let clock = keeper.clock(self.now);
            let going = keeper.director.deploy().filter(|deploy| !deploy.phase.is_final()).cloned();
            // A refusal means that there is nothing to do.
            let taken = keeper.director.handle_deploy(clock, wish);
            check_joined(&wish, going.as_ref(), taken.ok(), keeper.director.deploy())?;
        }
        self.drain()
    }
}

/// Whoever wants what is being done already waits for that, and it is done in as much of a hurry as any of them wants.
fn check_joined(
    wish: &DeployWish,
    going: Option<&DeployRecord>,
    taken: Option<Taken>,
    after: Option<&DeployRecord>,
) -> Result<(), String> {
    // A way back leaves rooms behind that cannot go, and a deploy does not.
    let serves = |going: &&DeployRecord| {
        going.to == wish.to && (wish.course == Course::Forward || going.course != Course::Forward)
    };
    let expected = going.filter(serves).map(|going| going.id);
    let joined = match taken {
        Some(Taken::Joined(id)) => Some(id),
        Some(Taken::Begun(_)) | None => None,
    };
    if joined != expected {
        let during = going.map(|going| (going.id, going.to, going.course));
        return Err(format!("I31: {wish:?} during {during:?} has come to {taken:?}"));
    }
    match (going, after) {
        (Some(going), Some(after)) if joined.is_some() => {
            let hurry = going.at_once || wish.at_once;
            let same = (going.id, going.phase, hurry) == (after.id, after.phase, after.at_once);
            if same { Ok(()) } else { Err(format!("I31: {wish:?} makes {going:?} into {after:?}")) }
        }
        _ => Ok(()),
    }
}
