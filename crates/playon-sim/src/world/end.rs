//! Some time after the last fault everything must be well.

use std::collections::BTreeSet;

use playon_core::effect::Order;
use playon_types::ids::{RoomId, SessionId};
use playon_types::image::Image;
use playon_types::kind::OnDeploy;
use playon_types::record::DeployPhase;
use playon_types::time::Span;

use super::upkeep::need_of;
use super::{RoomKind, World};
use crate::client::Client;
use crate::game::Game;
use crate::keeper::limits;
use crate::worker::Worker;

impl World {
    /// Some time after the last fault everything must be well.
    pub(super) fn check_end(&mut self) -> Result<(), String> {
        let bounds = limits().recovering();
        self.check_owners()?;
        let stranded = self.stranded();
        self.check_sockets()?;
        self.check_watchers()?;
        self.order_each(&Order::Stop)?;
        self.take_all()?;
        self.drain()?;
        self.close_store()?;
        if self.store.deploy().is_some_and(|record| !record.phase.is_final()) {
            return Err(format!("I18: the deploy never ended: {:?}", self.store.deploy()));
        }
        for client in &self.clients {
            let i = client.index;
            if stranded.contains(&client.room) {
                self.check_told(client)?;
                continue;
            }
            if !client.welcomed {
                return Err(format!("I17: client {i} is not connected at the end"));
            }
            if client.applied != client.sent {
                return Err(format!(
                    "I17: client {i}: {} of {} applied",
                    client.applied, client.sent
                ));
            }
            let image = self
                .store
                .read(client.room, &bounds)?
                .ok_or(format!("I22: {} is gone", client.room))?;
            let game = Game::decode(&image.state).ok_or("I10: unreadable state")?;
            self.check_game(client.room, &game)?;
            let session = client.seat.map(|seat| seat.session).unwrap_or_default();
            let blind = self.blind.get(&session).is_some_and(|until| *until > self.now);
            if game.ticking && !blind && client.heard + Span::secs(1) < self.now {
                return Err(format!("I17: client {i} heard nothing since {:?}", client.heard));
            }
            let tally =
                game.players.get(&session).ok_or(format!("I9: client {i} lost its seat"))?;
            if !tally.here {
                return Err(format!("I9: client {i} is taken to be away"));
            }
            self.check_seats(&image, &game)?;
            if !client.tainted && (tally.count, tally.chain) != (client.sent, client.chain()) {
                return Err(format!(
                    "I7: client {i} sent {}, the room has {}",
                    client.sent, tally.count
                ));
            }
        }
        Ok(())
    }

    /// Every room is held once, by the worker that the owner says.
    fn check_owners(&self) -> Result<(), String> {
        let Some(keeper) = &self.keeper else { return Err("I18: the keeper is not there".into()) };
        let known: BTreeSet<RoomId> = keeper.rooms(self.now).map(|facts| facts.room).collect();
        let mut held = self.workers.values().flat_map(Worker::held);
        if let Some((room, _)) = held.find(|(room, _)| !known.contains(room)) {
            return Err(format!("I8: a copy of {room} is kept, and nobody has the room"));
        }
        for facts in keeper.rooms(self.now) {
            let room = facts.room;
            if facts.image.is_some_and(|image| self.is_stranded(&need_of(image))) {
                let waiting = facts.sockets + facts.waiting;
                if waiting > 0 {
                    return Err(format!("I17: {waiting} wait for {room}, which nobody can run"));
                }
                continue;
            }
            if !facts.place.is_live() {
                return Err(format!("I18: {room} is {} at the end", facts.place));
            }
            if let Some(image) = facts.image
                && self.store.current().is_some_and(|current| image.release != current)
                && self.rooms_belong_together()
                && !self.was_left(room)
                && !keeper.audit.declined(room)
                && self.options.manners.of(&image.kind) != OnDeploy::Finish
            {
                return Err(format!("I18: {room} was left behind by a deploy"));
            }
            let held = |id, worker: &Worker| {
                let of_room = worker.held().filter(|(held, _)| *held == room);
                of_room.map(|(_, attempt)| (id, *attempt)).collect::<Vec<_>>()
            };
            let holders: Vec<_> = self.workers.iter().flat_map(|(id, w)| held(*id, w)).collect();
            let posts: Vec<_> =
                facts.posts.iter().map(|(id, attempt, _)| (*id, *attempt)).collect();
            if holders != posts {
                return Err(format!("I8: {room} is held by {holders:?}, the owner says {posts:?}"));
            }
        }
        Ok(())
    }

    /// Rooms that nobody can run, in memory and at rest.
    fn stranded(&self) -> BTreeSet<RoomId> {
        let rooms = self.keeper.iter().flat_map(|keeper| keeper.rooms(self.now));
        let awake = rooms.filter_map(|facts| facts.image.map(|image| (facts.room, need_of(image))));
        let all = awake.chain(self.store.at_rest());
        all.filter(|(_, need)| self.is_stranded(need)).map(|(room, _)| room).collect()
    }

    /// Whose room nobody can run has been told so, each time that it came.
    fn check_told(&self, client: &Client) -> Result<(), String> {
        let lately = client.told_at.is_some_and(|at| at + Span::secs(1) > self.now);
        let (i, room) = (client.index, client.room);
        match lately && !client.welcomed {
            true => Ok(()),
            false => Err(format!("I17: client {i} waits for {room}, which nobody can run")),
        }
    }

    /// Unless the last deploy that took effect was stopped, rooms are on the current release.
    fn rooms_belong_together(&self) -> bool {
        let last = self.store.deploys().find(|record| record.took_effect());
        last.is_none_or(|last| last.phase != DeployPhase::Stopped)
    }

    /// Whether a way back could not take the room.
    fn was_left(&self, room: RoomId) -> bool {
        let last = self.store.deploys().find(|record| record.took_effect());
        last.is_some_and(|last| last.left_rooms.iter().any(|left| left.room == room))
    }

    /// What the game itself has noticed.
    fn check_game(&self, room: RoomId, game: &Game) -> Result<(), String> {
        let (disorder, odd, armed, fired) = (game.disorder, game.odd, game.armed, game.fired);
        let lossy = self.clients.iter().any(|c| c.room == room && c.lossy);
        if disorder > 0 && !self.tainted.contains(&room) {
            return Err(format!("I7: {disorder} inputs of {room} were out of order"));
        }
        if odd > 0 && !lossy {
            return Err(format!("I9: {odd} players came back to {room} who had not been away"));
        }
        if game.timer.is_some() || armed != fired {
            return Err(format!("I13: {armed} timers of {room} were armed, {fired} have fired"));
        }
        Ok(())
    }

    /// A seat that nobody holds has been given up, in rooms that do so soon.
    fn check_seats(&self, image: &Image, game: &Game) -> Result<(), String> {
        if image.kind != RoomKind::Ticking.name() {
            return Ok(());
        }
        let of_room = self.clients.iter().filter(|client| client.room == image.room);
        let held: BTreeSet<SessionId> =
            of_room.filter_map(|client| client.seat).map(|seat| seat.session).collect();
        let kept: BTreeSet<SessionId> = image.seats.keys().copied().collect();
        let known: BTreeSet<SessionId> = game.players.keys().copied().collect();
        if kept != held || known != held {
            return Err(format!("I9: {} keeps {kept:?}, players hold {held:?}", image.room));
        }
        Ok(())
    }
}
