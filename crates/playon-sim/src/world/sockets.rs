//! What passes through the gateway: from players to the keeper and back.

use playon_types::gate::{Hello, Push, ToGateway, ToOwner, Welcome};
use playon_types::ids::{ConnId, RoomId, SessionId};
use playon_types::time::Span;

use super::players::{create, hello};
use super::{World, WorldEvent, room_id};
use crate::client::Circumstances;
use crate::gate::{Gate, Heard, Out, VIEW_GRACE};

/// Within this time a gateway asks a socket for life, and notices that nobody answers. Milliseconds.
const NOTICED_MS: u64 = 6_000;

impl World {
    /// A player opens a socket, and has its first words ready.
    pub(super) fn introduce(&mut self, index: u64, conn: ConnId, fresh: SessionId) -> Hello {
        let client = &mut self.clients[index as usize];
        let room = client.room;
        let who = client.introduce(conn, fresh);
        self.goes_to(conn, room);
        self.sockets.insert(conn, index);
        self.gate.open(conn);
        hello(conn, room, who)
    }

    /// A player introduces itself.
    pub(super) fn ask(&mut self, index: u64, mut hello: Hello) -> Result<(), String> {
        let new = self.clients[index as usize].may_go_anywhere();
        let anywhere = new && self.in_trouble() && self.rng.percent(self.options.anywhere);
        if anywhere && self.rng.percent(50) {
            // What the gateway knows of rooms is old: this one is there no more.
            (hello.room, hello.create) = (bygone(hello.room), None);
        }
        let out = self.gate.introduce(hello, anywhere);
        self.carry(out)
    }

    /// Which room a socket asks for.
    pub(super) fn goes_to(&mut self, conn: ConnId, room: RoomId) {
        if let Some(keeper) = &mut self.keeper {
            keeper.audit.conns.insert(conn, room);
        }
    }

    /// A player says something.
    pub(super) fn speak(&mut self, message: ToOwner) -> Result<(), String> {
        let out = self.gate.say(message);
        self.carry(out)
    }

    /// Takes what the gateway says to where it belongs.
    pub(super) fn carry(&mut self, all: Vec<Out>) -> Result<(), String> {
        for out in all {
            match out {
                Out::Owner(message) => {
                    let conn = message.conn();
                    if let ToOwner::Hello(hello) = &message {
                        self.goes_to(conn, hello.room);
                    }
                    let Some(keeper) = &self.keeper else { continue };
                    // The socket is in the room that it asked for last.
                    let number = keeper.audit.conns.get(&conn).map(|room| keeper.shard_of(*room));
                    let event = WorldEvent::ToOwner(number.unwrap_or_default(), message);
                    self.send((0, conn.0), self.life, event);
                }
                Out::Player(conn, heard) => self.tell_player(conn, heard)?,
            }
        }
        Ok(())
    }

    /// Something of the shard has come to the gateway.
    pub(super) fn tell_client(&mut self, message: ToGateway) -> Result<(), String> {
        let conn = message.conn();
        let Some(index) = self.sockets.get(&conn).copied() else {
            // A spectator's, or one that nobody holds any more: it is in no need of another room.
            let out = self.gate.hear(self.now, message, || (RoomId::default(), None));
            return self.carry(out);
        };
        let pushes = matches!(message, ToGateway::Push { .. });
        if pushes && self.in_trouble() && self.rng.below(1_000) < self.options.slow {
            let out = self.gate.take(self.now, conn, false);
            self.carry(out)?;
            let after = Span::millis(self.rng.below(400));
            self.schedule(after, self.life, WorldEvent::CaughtUp(conn));
        }
        let other = self.another_like(conn, self.clients[index as usize].room);
        let out = self.gate.hear(self.now, message, || (other, Some(create(other))));
        if let [Out::Owner(ToOwner::Hello(hello))] = &out[..] {
            self.next_room = self.next_room.max(number(hello.room) + 1);
            let client = &mut self.clients[index as usize];
            if client.conn == Some(conn) {
                client.go_elsewhere(hello.room);
            }
        }
        self.carry(out)
    }

    /// Another room of the same kind: the player's own if the socket was sent to one that is gone, or one that is not there yet.
    fn another_like(&self, conn: ConnId, own: RoomId) -> RoomId {
        let asked = self.keeper.as_ref().and_then(|keeper| keeper.audit.conns.get(&conn));
        if asked != Some(&own) {
            return own;
        }
        let like = |other: &u64| other % 3 == number(own) % 3;
        let new = (self.next_room..u64::from(u8::MAX)).find(like);
        room_id(new.unwrap_or(number(own) % 3))
    }

    fn tell_player(&mut self, conn: ConnId, heard: Heard) -> Result<(), String> {
        let Some(index) = self.sockets.get(&conn).copied() else {
            return self.tell_watcher(conn, heard);
        };
        if matches!(heard, Heard::Closed(_)) {
            self.sockets.remove(&conn);
        }
        let client = &mut self.clients[index as usize];
        if client.conn != Some(conn) {
            // A socket that the player has given up for a newer one.
            return Ok(());
        }
        match heard {
            Heard::Welcome(welcome) => self.seat(conn, index, &welcome),
            Heard::Push(push) => self.show(index, &push),
            Heard::Closed(why) => {
                let over = self.lives.over(client.room, client.seat.map(|seat| seat.session));
                let knows = Circumstances {
                    over,
                    panics: self.options.panic + self.options.cursed > 0
                        || !self.doomed.is_empty()
                        || self.litterer.is_some(),
                    damaged: self.store.was_damaged(client.room),
                    stranded: !self.lost.is_empty(),
                };
                client.closed(self.now, why, &knows)?;
                if client.tainted {
                    self.tainted.insert(client.room);
                }
                self.maybe_elsewhere(index);
                let after = Span::millis(20 + self.rng.below(300));
                self.schedule(after, 0, WorldEvent::Connect(index));
                Ok(())
            }
        }
    }

    fn seat(&mut self, conn: ConnId, index: u64, welcome: &Welcome) -> Result<(), String> {
        let client = &mut self.clients[index as usize];
        let again = client.welcome(welcome)?;
        self.summary.lost += welcome.lost;
        if welcome.lost > 0 {
            self.tainted.insert(client.room);
        }
        if self.in_trouble() && self.rng.percent(50) {
            let after = Span::millis(self.rng.below(NOTICED_MS));
            self.schedule(after, self.life, WorldEvent::Pong(conn));
        }
        let recv = self.clients[index as usize].seat.map_or(0, |seat| seat.recv);
        for seq in again {
            let payload = self.clients[index as usize].payload(seq);
            self.speak(ToOwner::Input { conn, seq, recv, payload })?;
        }
        self.schedule(Span::millis(10), self.life, WorldEvent::Act(index));
        Ok(())
    }

    fn show(&mut self, index: u64, push: &Push) -> Result<(), String> {
        self.clients[index as usize].take(self.now, push)
    }

    /// A slow player takes what there is. What is sent again meanwhile is waited for, though not for ever.
    pub(super) fn caught_up(&mut self, conn: ConnId) -> Result<(), String> {
        let out = self.gate.take(self.now, conn, true);
        self.schedule(VIEW_GRACE, self.life, WorldEvent::Ripe(conn));
        self.carry(out)
    }

    /// A player answers a ping.
    pub(super) fn pong(&mut self, conn: ConnId) -> Result<(), String> {
        let out = self.gate.pong(conn);
        self.carry(out)
    }

    /// The gateway looks again at what it keeps back.
    pub(super) fn ripe(&mut self, conn: ConnId) -> Result<(), String> {
        let out = self.gate.write(self.now, conn);
        self.carry(out)
    }

    /// A player's socket is cut. The gateway notices, or only after a while.
    pub(super) fn cut_client(&mut self, conn: ConnId) -> Result<(), String> {
        self.summary.cuts += 1;
        self.sockets.remove(&conn);
        self.lose_socket(conn);
        if self.in_trouble() && self.rng.percent(self.options.half_open) {
            let after = Span::millis(self.rng.below(NOTICED_MS));
            self.schedule(after, self.life, WorldEvent::HangUp(conn));
            return Ok(());
        }
        self.hang_up(conn)
    }

    /// The gateway notices that the other side of a socket is gone.
    pub(super) fn hang_up(&mut self, conn: ConnId) -> Result<(), String> {
        self.watchers.remove(&conn);
        let out = self.gate.hang_up(conn);
        self.carry(out)
    }

    /// The shard's queue is full for a moment, and takes nothing more from the gateway.
    pub(super) fn fill_queue(&mut self) {
        self.gate.refuse(true);
        let after = Span::millis(1 + self.rng.below(60));
        self.schedule(after, self.life, WorldEvent::Empty);
    }

    /// The shard's queue takes something again.
    pub(super) fn empty_queue(&mut self) -> Result<(), String> {
        let out = self.gate.refuse(false);
        self.carry(out)
    }

    /// All sockets are gone with the process that had them.
    pub(super) fn lose_sockets(&mut self) {
        self.gate = Gate::default();
        self.watchers.clear();
        for conn in std::mem::take(&mut self.sockets).into_keys() {
            self.lose_socket(conn);
        }
    }

    /// Some time after the last fault the gateway and the shards know of the same sockets.
    pub(super) fn check_sockets(&self) -> Result<(), String> {
        let open = self.gate.conns().count();
        let owners = self.keeper.iter().flat_map(|keeper| &keeper.owners);
        let known = owners.map(|owner| owner.shard.facts().sockets).sum::<usize>();
        match open == known {
            true => Ok(()),
            false => Err(format!("I16: {open} sockets are open, the shards know {known}")),
        }
    }
}

/// A room of the same kind that was there once.
pub(super) fn bygone(room: RoomId) -> RoomId {
    room_id(number(room) + (1 << 16))
}

/// The number of a room.
fn number(room: RoomId) -> u64 {
    u64::from(room.0[15])
}
