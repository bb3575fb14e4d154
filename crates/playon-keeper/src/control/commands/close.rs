//! Rooms that an operator closes, and who waits for that.

use std::collections::BTreeMap;

use playon_types::ids::RoomId;
use playon_types::ply;

use crate::control::views::RoomView;
use crate::error::Coded;
use crate::messages::Reply;

/// Requests to close rooms, until the rooms are gone. Connections to the admin API bound their number.
#[derive(Debug, Default)]
pub(crate) struct Closings(BTreeMap<RoomId, Vec<(RoomView, Reply<RoomView>)>>);

impl Closings {
    /// Keeps a request; `was` is the room as it is now.
    pub(crate) fn wait(&mut self, room: RoomId, was: RoomView, reply: Reply<RoomView>) {
        let waiting = self.0.entry(room).or_default();
        waiting.retain(|(_, reply)| !reply.is_closed());
        waiting.push((was, reply));
    }

    /// Whether somebody waits for the end of that room.
    pub(crate) fn has(&self, room: RoomId) -> bool {
        self.0.contains_key(&room)
    }

    /// Answers those who waited for the end of a room: it is deleted.
    pub(crate) fn deleted(&mut self, room: RoomId) {
        for (was, reply) in self.0.remove(&room).unwrap_or_default() {
            // A reply that nobody waits for any more is dropped.
            let _ = reply.send(Ok(was));
        }
    }

    /// The same: it is not, as it cannot be read now, or because there is none.
    pub(crate) fn failed(&mut self, room: RoomId, unreadable: Option<&str>) {
        for (_, reply) in self.0.remove(&room).unwrap_or_default() {
            let _ =
                reply.send(Err(unreadable.map_or_else(|| unknown(room), |why| not_now(room, why))));
        }
    }
}

pub(crate) fn unknown(room: RoomId) -> Coded {
    Coded::new(
        ply!("PLY-0514"),
        format!("there is no room {room}, neither in memory nor at rest"),
        "`playon rooms` and `playon rooms --asleep` list what there is",
    )
}

fn not_now(room: RoomId, why: &str) -> Coded {
    Coded::new(
        ply!("PLY-0570"),
        format!("whether there is a room {room} at rest cannot be read now: {why}"),
        "look at the keeper's log and at the disk, then ask again",
    )
}
