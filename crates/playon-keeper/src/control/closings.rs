//! Rooms that an operator closes, and who waits for that.

use std::collections::BTreeMap;

use playon_core::ids::RoomId;

use super::request::Reply;
use super::view::RoomView;
use crate::error::Coded;

/// Requests to close rooms, until the rooms are gone. Connections to the admin API bound their number.
#[derive(Debug, Default)]
pub(super) struct Closings(BTreeMap<RoomId, Vec<(RoomView, Reply<RoomView>)>>);

impl Closings {
    /// Keeps a request; `was` is the room as it is now.
    pub(super) fn wait(&mut self, room: RoomId, was: RoomView, reply: Reply<RoomView>) {
        let waiting = self.0.entry(room).or_default();
        waiting.retain(|(_, reply)| !reply.is_closed());
        waiting.push((was, reply));
    }

    /// Answers those who waited for the end of a room that has left memory.
    pub(super) fn gone(&mut self, room: RoomId, asleep: bool) {
        for (was, reply) in self.0.remove(&room).unwrap_or_default() {
            let outcome = if asleep { Err(rests(room)) } else { Ok(was) };
            // A reply that nobody waits for any more is dropped.
            let _ = reply.send(outcome);
        }
    }
}

fn rests(room: RoomId) -> Coded {
    Coded::new(
        "PLY-0534",
        format!("room {room} went to rest before it could be closed"),
        "join it, which wakes it, and close it then",
    )
}
