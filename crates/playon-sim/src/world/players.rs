//! The players: they connect, act, listen, and come again.

use bytes::Bytes;
use playon_core::gate::{Create, Hello, Push, ToGateway, ToOwner};
use playon_core::ids::{ConnId, SessionId};
use playon_core::time::Span;

use super::{Event, KINDS, Slow, World};

impl World {
    pub(super) fn connect(&mut self, index: u64) {
        let (conn, fresh) = (ConnId(self.fresh()), SessionId(1_000_000 + self.fresh()));
        let life = self.life;
        let Some(keeper) = self.keeper.as_mut().filter(|_| life > 0) else {
            return self.schedule(Span::millis(100), 0, Event::Connect(index));
        };
        let client = &mut self.clients[index as usize];
        if client.conn.is_some() {
            return;
        }
        let room = client.room;
        let kind = KINDS[(u64::from(room.0[15]) % 3) as usize];
        let create =
            Create { kind: kind.into(), name: String::new(), params: Bytes::new(), seed: 1 };
        let who = client.introduce(conn, fresh);
        keeper.conns.insert(conn, room);
        self.sockets.insert(conn, index);
        let hello = Hello { conn, room, who, create: Some(create) };
        self.send((0, conn.0), life, Event::ToOwner(ToOwner::Hello(hello)));
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
            let message = ToOwner::Input { conn, seq, recv, payload: Bytes::new() };
            self.send((0, conn.0), self.life, Event::ToOwner(message));
        } else {
            self.send((0, conn.0), self.life, Event::ToOwner(ToOwner::Ack { conn, recv }));
        }
        if self.now < self.calm_from && self.rng.below(1_000) < self.options.leave {
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
            return Ok(());
        }
        match message {
            ToGateway::Welcome { welcome, .. } => {
                let again = client.welcome(&welcome)?;
                let recv = client.seat.map_or(0, |seat| seat.recv);
                for seq in again {
                    let message = ToOwner::Input { conn, seq, recv, payload: Bytes::new() };
                    self.send((0, conn.0), self.life, Event::ToOwner(message));
                }
                self.schedule(Span::millis(10), self.life, Event::Act(index));
            }
            ToGateway::Push { push, .. } => return self.push(conn, index, push),
            ToGateway::Close { why, .. } => {
                client.closed(why)?;
                self.sockets.remove(&conn);
                self.send((0, conn.0), self.life, Event::ToOwner(ToOwner::Gone { conn }));
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
            None if self.now < self.calm_from && self.rng.below(1_000) < self.options.slow => {
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

    /// The player's side notices that its socket is gone, and comes again.
    pub(super) fn lose_socket(&mut self, conn: ConnId) {
        let found = self.clients.iter_mut().find(|client| client.conn == Some(conn));
        let Some(client) = found else { return };
        client.conn = None;
        client.welcomed = false;
        let index = client.index;
        // Some stay away for so long that a room without anybody goes to sleep.
        let holiday = self.now < self.calm_from && self.rng.percent(self.options.holiday);
        let pause = if holiday { 5_000 + self.rng.below(4_000) } else { 5 + self.rng.below(500) };
        self.schedule(Span::millis(pause), 0, Event::Connect(index));
    }
}
