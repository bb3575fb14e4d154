//! What can be seen of a shard from outside.

use playon_types::ids::{RoomId, Seq};
use playon_types::image::StateCodec;
use playon_types::time::{RoomTime, Time};

use crate::facts::{Place, RoomFacts, ShardFacts};

use super::{Entry, Shard, Slot};

impl<C: StateCodec> Shard<C> {
    /// The shard's queues.
    pub fn facts(&self) -> ShardFacts {
        ShardFacts {
            rooms: self.rooms.len(),
            moving: self.env.handoffs.under_way(),
            moving_beside: self.env.handoffs.is_crowded(),
            move_queue: self.env.handoffs.waiting(),
            opening: self.env.openings.under_way(),
            opening_bytes: self.env.openings.bytes(),
            opening_window: self.env.openings.window(),
            open_queue: self.env.openings.waiting(),
            sockets: self.env.sockets.len(),
            appeals: self.env.appeals.len(),
            probes: self.probes.len(),
        }
    }

    /// Every room, by id.
    pub fn rooms(&self, now: Time) -> impl Iterator<Item = RoomFacts<'_>> {
        self.rooms.iter().map(move |(id, entry)| entry.facts(*id, now))
    }
}

impl Entry {
    fn facts(&self, id: RoomId, now: Time) -> RoomFacts<'_> {
        let (place, waiting) = match &self.slot {
            Slot::Room(room) => return RoomFacts { waiting: self.late.len(), ..room.facts(now) },
            Slot::Loading(loading) => (Place::Loading, loading.waiting.len()),
            Slot::Leaving { .. } => (Place::Resting, self.late.len()),
            Slot::Creating(creating) => (Place::Creating, creating.waiting.len()),
            Slot::Halted(_) => (Place::Halted, 0),
        };
        RoomFacts {
            room: id,
            place,
            image: None,
            safe: Seq(0),
            posts: Vec::new(),
            in_flight: false,
            clock: RoomTime(0),
            pending: 0,
            held: 0,
            tail: 0,
            tail_bytes: 0,
            watchers: 0,
            sockets: 0,
            waiting,
            sessions: Vec::new(),
        }
    }
}
