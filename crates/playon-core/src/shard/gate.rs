//! What the gateway says: sockets introduce themselves, speak and go.

use crate::creating::Creating;
use crate::effect::Effect;
use crate::gate::{Close, Hello, ToOwner, Who};
use crate::ids::ConnId;
use crate::image::StateCodec;
use crate::time::Time;

use super::{Entry, Halted, Shard, Slot, Speaker};

impl<C: StateCodec> Shard<C> {
    /// Something from the gateway.
    pub fn handle_gate(&mut self, now: Time, message: ToOwner) {
        let conn = message.conn();
        if let ToOwner::Hello(hello) = message {
            self.handle_hello(now, hello);
            return;
        }
        let Some(speaker) = self.conns.get(&conn).copied() else {
            return self.forget_waiting(conn, &message);
        };
        let from = (conn, speaker.session);
        if let Some(Entry { slot: Slot::Room(room), .. }) = self.rooms.get_mut(&speaker.room) {
            let env = &mut self.env;
            match message {
                ToOwner::Hello(_) => {}
                ToOwner::Input { seq, recv, payload, .. } => {
                    room.handle_ack(from, recv);
                    room.handle_input(env, now, from, seq, payload);
                }
                ToOwner::Ack { recv, .. } => room.handle_ack(from, recv),
                ToOwner::Bye { .. } => room.handle_bye(env, now, from),
                ToOwner::Gone { .. } => {
                    room.handle_gone(env, now, from);
                    self.conns.remove(&conn);
                }
                ToOwner::Drained { sent, .. } => room.handle_drained(env, now, from, sent),
            }
            self.settle(now, speaker.room);
        } else if matches!(message, ToOwner::Gone { .. }) {
            self.conns.remove(&conn);
        }
    }

    /// A socket that was still waiting for its room is gone.
    fn forget_waiting(&mut self, conn: ConnId, message: &ToOwner) {
        if !matches!(message, ToOwner::Gone { .. }) {
            return;
        }
        for entry in self.rooms.values_mut() {
            if let Slot::Loading(waiting) | Slot::Creating(Creating { waiting, .. }) =
                &mut entry.slot
            {
                waiting.retain(|hello| hello.conn != conn);
            }
            entry.late.retain(|hello| hello.conn != conn);
        }
    }

    pub(super) fn handle_hello(&mut self, now: Time, hello: Hello) {
        let id = hello.room;
        if self.env.stopping {
            return self.env.close(hello.conn, Close::Restarting, "PLY-0118 the server restarts");
        }
        let Some(entry) = self.rooms.get_mut(&id) else {
            if self.rooms.len() >= self.env.limits.rooms_per_shard_max {
                return self.env.close(hello.conn, Close::Busy, "PLY-0105 too many rooms");
            }
            if self.recovery_done {
                self.env.emit(Effect::Load(id));
            }
            let slot = Slot::Loading(vec![hello]);
            self.put(id, slot);
            return;
        };
        let waiting = match &mut entry.slot {
            Slot::Room(room) if let Some(why) = room.halted() => {
                return self.env.close(hello.conn, Close::RoomFails, why);
            }
            // A new player waits until it is known how many the room takes.
            Slot::Room(room)
                if !room.is_resting()
                    && (room.takes_joins() || !matches!(hello.who, Who::New { .. })) =>
            {
                let (conn, who) = (hello.conn, hello.who);
                let session = match &who {
                    Who::New { session, .. } | Who::Known { session, .. } => Some(*session),
                    Who::Watcher => None,
                };
                if room.handle_hello(&mut self.env, now, conn, who) {
                    self.conns.insert(conn, Speaker { room: id, session });
                }
                return self.settle(now, id);
            }
            Slot::Room(_) => &mut entry.late,
            Slot::Loading(waiting) | Slot::Creating(Creating { waiting, .. }) => waiting,
            Slot::Halted(Halted { why, .. }) => {
                let detail = format!("PLY-0119 the room is halted: {why}");
                return self.env.close(hello.conn, Close::RoomHalted, detail);
            }
        };
        if waiting.len() >= self.env.limits.waiting_max {
            return self.env.close(hello.conn, Close::Busy, "PLY-0101 too many wait for this room");
        }
        waiting.push(hello);
    }
}
