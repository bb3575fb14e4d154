//! What the gateway says: sockets introduce themselves, speak and go.

use playon_types::gate::{Close, Hello, ToOwner, Who};
use playon_types::ids::{ConnId, RoomId, SessionId};
use playon_types::image::StateCodec;
use playon_types::reason;
use playon_types::time::Time;

use crate::creating::Creating;
use crate::sockets::SocketPlace;

use super::rest::{UNREADABLE, nobody};
use super::storage::NO_SUCH_ROOM;
use super::{Halted, Loading, RoomSlot, Shard, ShardEntry};

impl<C: StateCodec> Shard<C> {
    /// Something from the gateway. What comes from a socket that this side has closed meanwhile has no effect.
    pub fn handle_gate(&mut self, now: Time, message: ToOwner) {
        let conn = message.conn();
        if let ToOwner::Hello(hello) = message {
            return self.handle_hello(now, hello);
        }
        match self.env.sockets.find(conn) {
            None => {}
            // Its seat is given up as soon as it has it, whether anybody still listens or not.
            Some(SocketPlace::Waiting { leaving: true, .. }) => {}
            Some(SocketPlace::Waiting { room, .. }) => self.handle_waiting(conn, room, &message),
            Some(SocketPlace::In { room, session }) => {
                self.handle_speaker(now, room, (conn, session), message);
            }
        }
    }

    fn handle_speaker(
        &mut self,
        now: Time,
        id: RoomId,
        from: (ConnId, Option<SessionId>),
        message: ToOwner,
    ) {
        let gone = matches!(message, ToOwner::Gone { .. });
        if let Some(ShardEntry { slot: RoomSlot::Room(room), .. }) = self.rooms.get_mut(&id) {
            let env = &mut self.env;
            match message {
                ToOwner::Hello(_) => {}
                ToOwner::Input { seq, recv, payload, .. } => {
                    room.handle_ack(now, from, recv);
                    room.handle_input(env, now, from, seq, payload);
                }
                ToOwner::Ack { recv, .. } => room.handle_ack(now, from, recv),
                ToOwner::Bye { .. } => room.handle_bye(env, now, from),
                ToOwner::Gone { .. } => room.handle_gone(env, now, from),
                ToOwner::Drained { sent, .. } => room.handle_drained(env, now, from, sent),
            }
        }
        if gone {
            self.env.sockets.forget(from.0);
        }
        self.settle(now, id);
    }

    /// A socket that still waits for its room is gone, or its player says goodbye.
    fn handle_waiting(&mut self, conn: ConnId, room: RoomId, message: &ToOwner) {
        let Some(entry) = self.rooms.get_mut(&room) else { return };
        let waiting = match &mut entry.slot {
            RoomSlot::Loading(Loading { waiting, .. })
            | RoomSlot::Creating(Creating { waiting, .. }) => waiting,
            RoomSlot::Room(_) | RoomSlot::Halted(_) | RoomSlot::Leaving { .. } => &mut entry.late,
        };
        let Some(at) = waiting.iter().position(|hello| hello.conn == conn) else { return };
        match message {
            ToOwner::Gone { .. } => {
                waiting.remove(at);
                self.env.sockets.forget(conn);
            }
            ToOwner::Bye { .. } if matches!(waiting[at].who, Who::Known { .. }) => {
                self.env.sockets.place(conn, SocketPlace::Waiting { room, leaving: true });
            }
            ToOwner::Bye { .. } => {
                waiting.remove(at);
                self.env.close(conn, Close::Left, reason!("PLY-0109 left before there was a seat"));
            }
            _ => {}
        }
    }

    pub(super) fn handle_hello(&mut self, now: Time, hello: Hello) {
        let id = hello.room;
        if self.env.stopping {
            let why = reason!("PLY-0118 the server restarts");
            return self.env.close(hello.conn, Close::Restarting, why);
        }
        let Some(entry) = self.rooms.get_mut(&id) else {
            if self.rooms.len() >= self.env.limits.rooms_per_shard_max {
                return self.env.close(hello.conn, Close::Busy, reason!("PLY-0105 too many rooms"));
            }
            self.env.sockets.place(hello.conn, SocketPlace::Waiting { room: id, leaving: false });
            return self.load(now, id, Loading::of(vec![hello]));
        };
        let waiting = match &mut entry.slot {
            RoomSlot::Room(room) if let Some(why) = room.halted() => {
                return self.env.close(hello.conn, Close::RoomFails, why.clone());
            }
            RoomSlot::Room(room)
                if room.unopened().is_some_and(|image| nobody(&self.env, image)) =>
            {
                return self.env.close(hello.conn, Close::RoomFails, UNREADABLE);
            }
            // A new player waits until it is known how many the room takes.
            RoomSlot::Room(room)
                if !room.is_resting()
                    && (room.takes_joins() || !matches!(hello.who, Who::New { .. })) =>
            {
                let (conn, who) = (hello.conn, hello.who);
                let session = match &who {
                    Who::New { session, .. } | Who::Known { session, .. } => Some(*session),
                    Who::Watcher => None,
                };
                let before = self.env.sockets.find(conn);
                // First, so that a room which refuses it takes it out again.
                self.env.sockets.place(conn, SocketPlace::In { room: id, session });
                room.handle_hello(&mut self.env, now, conn, who);
                if matches!(before, Some(SocketPlace::Waiting { leaving: true, .. })) {
                    room.handle_bye(&mut self.env, now, (conn, session));
                }
                return self.settle(now, id);
            }
            // Nobody has a seat in a room that is only being made.
            RoomSlot::Creating(_) if matches!(hello.who, Who::Known { .. }) => {
                return self.env.close(hello.conn, Close::UnknownRoom, NO_SUCH_ROOM);
            }
            RoomSlot::Room(_) | RoomSlot::Leaving { .. } => &mut entry.late,
            RoomSlot::Loading(Loading { waiting, .. })
            | RoomSlot::Creating(Creating { waiting, .. }) => waiting,
            RoomSlot::Halted(Halted { why, .. }) => {
                let detail = reason!("PLY-0119 the room is halted: {why}");
                return self.env.close(hello.conn, Close::RoomHalted, detail);
            }
        };
        if waiting.len() >= self.env.limits.waiting_max {
            let why = reason!("PLY-0101 too many wait for this room");
            return self.env.close(hello.conn, Close::Busy, why);
        }
        let leaving = matches!(
            self.env.sockets.find(hello.conn),
            Some(SocketPlace::Waiting { leaving: true, .. })
        );
        self.env.sockets.place(hello.conn, SocketPlace::Waiting { room: id, leaving });
        waiting.push(hello);
    }
}
