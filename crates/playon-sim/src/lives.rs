//! Which rooms have ended, and which seats went with them.

use std::collections::BTreeMap;

use playon_types::ids::{RoomId, SessionId};

/// Rooms may be made again after their end, under the same id: each time it is another life.
#[derive(Debug, Default)]
pub struct Lives {
    ended: BTreeMap<RoomId, u64>,
    seats: BTreeMap<SessionId, u64>,
}

impl Lives {
    /// The room was deleted.
    pub fn end(&mut self, room: RoomId) {
        *self.ended.entry(room).or_default() += 1;
    }

    /// The player was given a seat.
    pub fn seat(&mut self, room: RoomId, session: SessionId) {
        let life = self.ended(room);
        self.seats.entry(session).or_insert(life);
    }

    /// Whether the room has been deleted since the player got its seat; without a seat, whether it ever was.
    pub fn over(&self, room: RoomId, session: Option<SessionId>) -> bool {
        let life = session.and_then(|session| self.seats.get(&session)).copied();
        self.ended(room) > life.unwrap_or(0)
    }

    fn ended(&self, room: RoomId) -> u64 {
        self.ended.get(&room).copied().unwrap_or(0)
    }
}
