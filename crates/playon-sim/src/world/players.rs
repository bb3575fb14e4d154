//! The players: they connect, act, listen, and come again.

use bytes::Bytes;
use playon_core::gate::{Create, Hello, Push, ToGateway, ToOwner, Who};
use playon_core::ids::{ConnId, RoomId, SessionId};
use playon_core::time::Span;

use super::{Event, Kind, Slow, World, room_id};
use crate::client::{Circumstances, Client};

impl World {
    pub(super) fn connect(&mut self, index: u64) {
        let (conn, fresh) = (ConnId(self.fresh()), SessionId(1_000_000 + self.fresh()));
        if self.keeper.is_none() || self.life == 0 {
            return self.schedule(Span::millis(100), 0, Event::Connect(index));
        }
        if self.clients[index as usize].conn.is_some() {
            return;
        }
        let hello = self.introduce(index, conn, fresh);
        if self.rng.percent(self.options.double) && self.in_trouble() {
            return self.connect_twice(index, hello);
        }
        self.send((0, conn.0), self.life, Event::ToOwner(hello));
    }

    /// The first words of a player on a new socket.
    pub(super) fn introduce(&mut self, index: u64, conn: ConnId, fresh: SessionId) -> ToOwner {
        let client = &mut self.clients[index as usize];
        let room = client.room;
        let who = client.introduce(conn, fresh);
        if let Some(keeper) = &mut self.keeper {
            keeper.audit.conns.insert(conn, room);
        }
        self.sockets.insert(conn, index);
        hello(conn, room, who)
    }

    pub(super) fn act(&mut self, index: u64) {
        let stop_at = self.calm_from + Span::secs(2);
        let client = &mut self.clients[index as usize];
        let Some(conn) = client.conn.filter(|_| client.welcomed) else { return };
        let recv = client.seat.map_or(0, |seat| seat.recv);
        let open = client.sent - client.applied < 40;
        if self.now < stop_at && open {
            let seq = client.make_input();
            self.summary.inputs += 1;
            let poison = self.options.poison;
            if self.now < self.calm_from && self.rng.below(1_000) < poison {
                client.poison(self.rng.below(3) as u8);
                self.poison.insert((client.room, seq));
                self.keeper.iter_mut().for_each(|k| k.audit.poison.clone_from(&self.poison));
            }
            if self.now < self.calm_from && self.rng.below(1_000) < self.options.farewell {
                client.say_farewell();
            }
            let message = ToOwner::Input { conn, seq, recv, payload: client.payload(seq) };
            if self.in_trouble() && self.rng.percent(self.options.stutter) {
                self.send((0, conn.0), self.life, Event::ToOwner(message.clone()));
            }
            self.send((0, conn.0), self.life, Event::ToOwner(message));
        } else {
            self.send((0, conn.0), self.life, Event::ToOwner(ToOwner::Ack { conn, recv }));
        }
        if self.in_trouble() && self.rng.below(1_000) < self.options.rude {
            self.be_rude(index, conn);
        }
        if self.in_trouble() && self.rng.below(1_000) < self.options.leave {
            self.clients[index as usize].leaving = true;
            self.send((0, conn.0), self.life, Event::ToOwner(ToOwner::Bye { conn }));
            return;
        }
        let after = Span::millis(20 + self.rng.below(200));
        self.schedule(after, self.life, Event::Act(index));
    }

    pub(super) fn tell_client(&mut self, message: ToGateway) -> Result<(), String> {
        let conn = message.conn();
        let Some(index) = self.sockets.get(&conn).copied() else { return Ok(()) };
        let client = &mut self.clients[index as usize];
        if client.conn != Some(conn) {
            // A socket that the player has given up for a newer one.
            if matches!(message, ToGateway::Close { .. }) {
                self.sockets.remove(&conn);
            }
            return Ok(());
        }
        match message {
            ToGateway::Welcome { welcome, .. } => {
                let again = client.welcome(&welcome)?;
                self.summary.lost += welcome.lost;
                if welcome.lost > 0 {
                    self.tainted.insert(client.room);
                }
                let recv = client.seat.map_or(0, |seat| seat.recv);
                for seq in again {
                    let payload = self.clients[index as usize].payload(seq);
                    let message = ToOwner::Input { conn, seq, recv, payload };
                    self.send((0, conn.0), self.life, Event::ToOwner(message));
                }
                self.schedule(Span::millis(10), self.life, Event::Act(index));
            }
            ToGateway::Push { push, .. } => return self.push(conn, index, push),
            ToGateway::Close { why, .. } => {
                let over = self.lives.over(client.room, client.seat.map(|seat| seat.session));
                let knows = Circumstances {
                    over,
                    panics: self.options.panic + self.options.cursed > 0 || !self.doomed.is_empty(),
                    damaged: self.store.was_damaged(client.room),
                };
                client.closed(self.now, why, &knows)?;
                if client.tainted {
                    self.tainted.insert(client.room);
                }
                self.maybe_elsewhere(index);
                // As the real gateway: whom the owner has closed it hears nothing more of.
                self.sockets.remove(&conn);
                let after = Span::millis(20 + self.rng.below(300));
                self.schedule(after, 0, Event::Connect(index));
            }
        }
        Ok(())
    }

    pub(super) fn push(&mut self, conn: ConnId, index: u64, mut push: Push) -> Result<(), String> {
        let client = &mut self.clients[index as usize];
        let recv = client.seat.map_or(0, |seat| seat.recv);
        match self.slow.get(&conn) {
            Some(Slow::Full) => {
                push.events.clear();
                push.view = None;
            }
            Some(Slow::Over) => push.events.retain(|(seq, _)| *seq > recv),
            Some(Slow::Asked) => {
                push.events.retain(|(seq, _)| *seq > recv);
                if push.events.first().is_some_and(|(seq, _)| *seq != recv + 1) {
                    push.events.clear();
                    push.view = None;
                } else if !push.events.is_empty()
                    || push.view.as_ref().is_some_and(|(as_of, _)| *as_of > recv)
                {
                    self.slow.insert(conn, Slow::Over);
                }
            }
            None if self.in_trouble() && self.rng.below(1_000) < self.options.slow => {
                self.slow.insert(conn, Slow::Full);
                let after = Span::millis(self.rng.below(400));
                self.schedule(after, self.life, Event::CaughtUp(conn));
            }
            None => {}
        }
        self.clients[index as usize].take(self.now, &push)
    }

    pub(super) fn caught_up(&mut self, conn: ConnId) {
        let Some(index) = self.sockets.get(&conn) else { return };
        let sent = self.clients[*index as usize].seat.map_or(0, |seat| seat.recv);
        self.slow.insert(conn, Slow::Asked);
        self.send((0, conn.0), self.life, Event::ToOwner(ToOwner::Drained { conn, sent }));
    }

    /// Whoever has left a room comes again to it, or to one that is not there yet.
    fn maybe_elsewhere(&mut self, index: u64) {
        let new = self.clients[index as usize].is_new() && self.rng.percent(50);
        if new && self.next_room < u64::from(u8::MAX) {
            let room = room_id(self.next_room);
            self.next_room += 1;
            self.clients[index as usize] = Client::new(index, room);
        }
    }

    /// The player's side notices that its socket is gone, and comes again.
    pub(super) fn lose_socket(&mut self, conn: ConnId) {
        let found = self.clients.iter_mut().find(|client| client.conn == Some(conn));
        let Some(client) = found else { return };
        client.conn = None;
        client.welcomed = false;
        client.lost_at.get_or_insert(self.now);
        let index = client.index;
        // Some stay away for so long that a room without anybody goes to sleep.
        let holiday = self.in_trouble() && self.rng.percent(self.options.holiday);
        let pause = if holiday { 2_000 + self.rng.below(7_000) } else { 5 + self.rng.below(500) };
        let pause = self.away_for.unwrap_or(Span::millis(pause));
        self.schedule(pause, 0, Event::Connect(index));
    }
}

/// A socket introduces itself; whoever comes first has the room made.
pub(super) fn hello(conn: ConnId, room: RoomId, who: Who) -> ToOwner {
    ToOwner::Hello(Hello { conn, room, who, create: Some(create(room)) })
}

/// How a room is made.
pub(super) fn create(room: RoomId) -> Create {
    let kind = Kind::of(room).name().to_owned();
    // One that nobody can ask for by name is deleted when everybody has left.
    let number = room.0[15];
    let name = if number.is_multiple_of(4) { String::new() } else { format!("room-{number}") };
    Create { kind, name, params: Bytes::new(), seed: 1 }
}
