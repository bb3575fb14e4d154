//! What goes wrong, and when.

use playon_core::attach::ToWorker;
use playon_core::deploy::{DeployPhase, DeployRecord};
use playon_core::effect::Order;
use playon_core::fleet::WorkerEnd;
use playon_core::gate::ToOwner;
use playon_core::ids::{ConnId, DeployId, ReleaseId, RoomId, WorkerId};
use playon_core::rng::Rng;
use playon_core::time::Span;

use super::players::create;
use super::{Event, World, room_id};
use crate::client::Client;
use crate::worker::RELEASES;

impl World {
    pub(super) fn trouble(&mut self) -> Result<(), String> {
        if !self.in_trouble() {
            // From here on nothing new goes wrong.
            self.workers
                .values_mut()
                .for_each(|w| (w.panic, w.cursed, w.bad_copy, w.lie) = (0, 0, 0, 0));
            return Ok(());
        }
        self.schedule(Span::millis(50), 0, Event::Trouble);
        if self.keeper.is_none() {
            return Ok(());
        }
        let options = self.options.clone();
        let per = |rng: &mut Rng, percent: u64| rng.below(500) < percent;
        if per(&mut self.rng, options.crash_worker)
            && let Some(id) = self.any_worker()
        {
            self.summary.worker_crashes += 1;
            self.kill_worker(id, true);
        }
        if per(&mut self.rng, options.cut_worker)
            && let Some(id) = self.any_worker()
        {
            // The keeper sees the link end at once; what is still on its way must have no effect.
            self.summary.worker_crashes += 1;
            let turns = self.workers.remove(&id).and_then(|worker| worker.turn);
            let end = WorkerEnd { by_itself: true, turns: turns.into_iter().collect() };
            self.step_keeper(Event::WorkerGone(id, end))?;
        }
        if per(&mut self.rng, options.hang_worker) {
            let until = self.now + Span::secs(3);
            if let Some(worker) = self.any_worker().and_then(|id| self.workers.get_mut(&id)) {
                self.summary.worker_crashes += 1;
                worker.hung_until = until;
            }
        }
        if per(&mut self.rng, options.cut_client) {
            let index = self.rng.below(self.clients.len() as u64) as usize;
            // One player, or everybody in the room: then it has nobody, and may go to sleep.
            let all = self.rng.percent(self.options.holiday);
            let room = self.clients[index].room;
            let cut =
                |(i, c): (usize, &Client)| c.conn.filter(|_| i == index || all && c.room == room);
            let conns: Vec<ConnId> = self.clients.iter().enumerate().filter_map(cut).collect();
            conns.into_iter().for_each(|conn| self.cut_client(conn));
        }
        if per(&mut self.rng, options.found) {
            self.found_room(Span::ZERO);
        }
        if per(&mut self.rng, options.close) {
            let index = self.rng.below(self.clients.len() as u64) as usize;
            self.close_room(self.clients[index].room)?;
        }
        if per(&mut self.rng, options.deploy) {
            self.deploy()?;
        }
        if per(&mut self.rng, options.crash_keeper) {
            self.crash_keeper()?;
        }
        Ok(())
    }

    /// A deploy has come a step further. Rooms that are made just then are easily forgotten.
    pub(super) fn follow_deploy(&mut self, record: &DeployRecord) {
        if self.options.trace {
            self.print_deploy(record);
        }
        let begins = record.phase == DeployPhase::Checking && self.in_trouble();
        if begins && self.rng.percent(self.options.found) {
            let after = Span(self.rng.below(4 * self.options.delay_max.0));
            self.found_room(after);
        }
    }

    /// An operator has a room made.
    fn found_room(&mut self, after: Span) {
        if self.next_room < u64::from(u8::MAX) {
            let room = room_id(self.next_room);
            self.next_room += 1;
            let order = Order::Create { room, create: create(room) };
            self.schedule(after, self.life, Event::Order(order));
        }
    }

    /// An operator sees that a room is halted, and after a while closes it.
    pub(super) fn give_up(&mut self, room: RoomId) {
        let after = Span(self.rng.below(2_000_000));
        self.schedule(after, self.life, Event::Order(Order::Close { room }));
    }

    /// An operator sees that a room keeps failing, and after a while has it tried again on the release it has.
    pub(super) fn try_again(&mut self, room: RoomId, release: ReleaseId) {
        let after = Span(self.rng.below(2_000_000));
        let deploy = DeployId::NONE;
        let order = Order::Move { deploy, room, to: release, at_once: true };
        self.schedule(after, self.life, Event::Order(order));
    }

    /// An operator closes a room.
    pub(super) fn close_room(&mut self, room: RoomId) -> Result<(), String> {
        if let Some(keeper) = &mut self.keeper {
            keeper.audit.closing.insert(room);
            keeper.order(self.now, Order::Close { room });
        }
        self.drain()
    }

    /// A player's socket is cut.
    pub(super) fn cut_client(&mut self, conn: ConnId) {
        self.summary.cuts += 1;
        self.sockets.remove(&conn);
        self.lose_socket(conn);
        self.send((0, conn.0), self.life, Event::ToOwner(ToOwner::Gone { conn }));
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
        self.schedule(after, self.life, Event::Strike(victim));
    }

    pub(super) fn any_worker(&mut self) -> Option<WorkerId> {
        let count = self.workers.len() as u64;
        self.workers.keys().nth(self.rng.below(count.max(1)) as usize).copied()
    }

    pub(super) fn deploy(&mut self) -> Result<(), String> {
        self.deploys += 1;
        self.summary.deploys += 1;
        let (id, to) = (DeployId(self.deploys), RELEASES[self.rng.below(2) as usize]);
        let at_once = self.rng.percent(50);
        self.deploy_to(id, to, at_once)
    }

    /// Somebody asks for a deploy.
    pub(super) fn deploy_to(
        &mut self,
        id: DeployId,
        to: ReleaseId,
        at_once: bool,
    ) -> Result<(), String> {
        if let Some(keeper) = &mut self.keeper {
            let clock = keeper.clock(self.now);
            keeper.audit.deploy(id, to);
            // A refusal means that there is nothing to do.
            let _ = keeper.director.handle_deploy(clock, id, to, at_once);
        }
        self.drain()
    }
}
