//! What can be seen of a shard from outside.

use std::collections::BTreeMap;

use playon_types::ids::{RoomId, Seq};
use playon_types::image::StateCodec;
use playon_types::time::{RoomTime, Time};

use crate::agenda::Due;
use crate::facts::{Place, RoomFacts, ShardFacts};

use super::{RoomSlot, Shard, ShardEntry};

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

    /// Whether the tables of the shard and of its rooms, which say what is due when, are what follows from the rest.
    ///
    /// # Errors
    /// When an entry is missing, left over or wrong.
    pub fn check_timers(&self) -> Result<(), String> {
        if self.env.stopping {
            return Ok(());
        }
        for entry in self.rooms.values() {
            if let RoomSlot::Room(room) = &entry.slot {
                room.check_timers()?;
            }
        }
        let rooms = self.rooms.iter().map(|(id, entry)| (Due::Room(*id), entry.next_timeout()));
        let others = [(Due::Probe, self.probes.until()), (Due::Appeal, self.env.appeals.until())];
        let set = rooms.chain(others).filter_map(|(due, at)| Some((due, at?)));
        let wanted: BTreeMap<Due, Time> = set.chain(self.env.abandoned()).collect();
        if *self.env.agenda.all() == wanted {
            return Ok(());
        }
        Err(format!("the shard has {:?} and needs {wanted:?}", self.env.agenda.all()))
    }

    /// Every room, by id.
    pub fn rooms(&self, now: Time) -> impl Iterator<Item = RoomFacts<'_>> {
        self.rooms.iter().map(move |(id, entry)| entry.facts(*id, now))
    }
}

impl ShardEntry {
    fn facts(&self, id: RoomId, now: Time) -> RoomFacts<'_> {
        let (place, waiting) = match &self.slot {
            RoomSlot::Room(room) => {
                return RoomFacts { waiting: self.late.len(), ..room.facts(now) };
            }
            RoomSlot::Loading(loading) => (Place::Loading, loading.waiting.len()),
            RoomSlot::Leaving { .. } => (Place::Resting, self.late.len()),
            RoomSlot::Creating(creating) => (Place::Creating, creating.waiting.len()),
            RoomSlot::Halted(_) => (Place::Halted, 0),
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
