//! The players: they connect, act, listen, and come again.

use bytes::Bytes;
use playon_types::gate::{Create, Hello, ToOwner, Who};
use playon_types::ids::{ConnId, RoomId, SessionId};
use playon_types::time::Span;

use super::{RoomKind, World, WorldEvent, room_id};
use crate::client::Client;
use crate::deeds::GameFailure;

impl World {
    pub(super) fn connect(&mut self, index: u64) -> Result<(), String> {
        let (conn, fresh) = (ConnId(self.fresh()), SessionId(1_000_000 + self.fresh()));
        if self.keeper.is_none() || self.life == 0 {
            self.schedule(Span::millis(100), 0, WorldEvent::Connect(index));
            return Ok(());
        }
        if self.clients[index as usize].conn.is_some() {
            return Ok(());
        }
        let hello = self.introduce(index, conn, fresh);
        if self.rng.percent(self.options.double) && self.in_trouble() {
            return self.connect_twice(index, hello);
        }
        self.ask(index, hello)
    }

    pub(super) fn act(&mut self, index: u64) -> Result<(), String> {
        let stop_at = self.calm_from + Span::secs(2);
        let client = &mut self.clients[index as usize];
        let Some(conn) = client.conn.filter(|_| client.welcomed) else { return Ok(()) };
        let recv = client.seat.map_or(0, |seat| seat.recv);
        let open = client.sent - client.applied < 40;
        if self.now < stop_at && open {
            let seq = client.make_input();
            self.summary.inputs += 1;
            let poison = self.options.poison;
            if self.now < self.calm_from && self.rng.below(1_000) < poison {
                client.poison(GameFailure::of(self.rng.below(5)).poison(None));
                self.poison.insert((client.room, seq));
                self.keeper.iter_mut().for_each(|k| k.audit.poison.clone_from(&self.poison));
            }
            if self.now < self.calm_from && self.rng.below(1_000) < self.options.farewell {
                client.say_farewell();
            }
            let message = ToOwner::Input { conn, seq, recv, payload: client.payload(seq) };
            if self.in_trouble() && self.rng.percent(self.options.stutter) {
                self.speak(message.clone())?;
            }
            self.speak(message)?;
        } else {
            self.speak(ToOwner::Ack { conn, recv })?;
        }
        if self.clients[index as usize].conn != Some(conn) {
            // Nobody took what it said.
            return Ok(());
        }
        if self.in_trouble() && self.rng.below(1_000) < self.options.rude {
            self.be_rude(index, conn)?;
        }
        if self.in_trouble() && self.rng.below(1_000) < self.options.leave {
            self.clients[index as usize].leaving = true;
            return self.speak(ToOwner::Bye { conn });
        }
        let after = Span::millis(20 + self.rng.below(200));
        self.schedule(after, self.life, WorldEvent::Act(index));
        Ok(())
    }

    /// Whoever has left a room comes again to it, or to one that is not there yet.
    pub(super) fn maybe_elsewhere(&mut self, index: u64) {
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
        self.schedule(pause, 0, WorldEvent::Connect(index));
    }
}

/// A socket introduces itself; whoever comes first has the room made.
pub(super) fn hello(conn: ConnId, room: RoomId, who: Who) -> Hello {
    Hello { conn, room, who, create: Some(create(room)) }
}

/// How a room is made.
pub(super) fn create(room: RoomId) -> Create {
    let kind = RoomKind::of(room).name().to_owned();
    // One that nobody can ask for by name is deleted when everybody has left.
    let number = room.0[15];
    let name = if number.is_multiple_of(4) { String::new() } else { format!("room-{number}") };
    Create { kind, name, params: Bytes::new(), seed: 1 }
}
