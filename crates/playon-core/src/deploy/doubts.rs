//! Rooms without a worker that a new release could not open: it may be the release, and it may be the room.
//!
//! A room that is halted, or that does not come up again where it is, stands in the way of no deploy: it is tried on the new release, which
//! may be the one that mends it, and where it cannot be opened there either it is left. Of a room that only happens to have no worker just then
//! nothing is known before it is opened where it is: if it runs there, it was the release.

use std::collections::BTreeMap;

use playon_types::ids::RoomId;
use playon_types::time::{Span, Time};

/// So long a room of which it is not known whether it runs where it is may take to show it. Then it is left like one that does not.
pub(super) const DOUBT_MAX: Span = Span::secs(10);

/// Rooms of which that is not known yet, and why the new release could not open them.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    rooms: BTreeMap<RoomId, Doubt>,
}

#[derive(Debug)]
struct Doubt {
    why: String,
    until: Time,
}

impl Doubts {
    pub(super) fn raise(&mut self, now: Time, room: RoomId, why: String) {
        self.rooms.insert(room, Doubt { why, until: now + DOUBT_MAX });
    }

    /// It is known, or does not matter any more. Gives why the new release could not open the room, if that was in doubt.
    pub(super) fn settle(&mut self, room: RoomId) -> Option<String> {
        self.rooms.remove(&room).map(|doubt| doubt.why)
    }

    /// A room that has had its time.
    pub(super) fn overdue(&self, now: Time) -> Option<RoomId> {
        self.rooms.iter().find(|(_, doubt)| doubt.until <= now).map(|(room, _)| *room)
    }

    /// When the next one has had its time.
    pub(super) fn next_timeout(&self) -> Option<Time> {
        self.rooms.values().map(|doubt| doubt.until).min()
    }

    pub(super) fn len(&self) -> usize {
        self.rooms.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubt_ends_with_what_is_known_or_with_its_time() {
        let (one, two) = (RoomId([1; 16]), RoomId([2; 16]));
        let mut doubts = Doubts::default();
        assert_eq!((doubts.next_timeout(), doubts.settle(one)), (None, None));
        doubts.raise(Time(5), one, "one".to_owned());
        doubts.raise(Time(6), two, "two".to_owned());
        assert_eq!((doubts.len(), doubts.next_timeout()), (2, Some(Time(5) + DOUBT_MAX)));
        assert_eq!(doubts.overdue(Time(4) + DOUBT_MAX), None);
        assert_eq!(doubts.overdue(Time(5) + DOUBT_MAX), Some(one));
        assert_eq!(doubts.settle(one).as_deref(), Some("one"));
        assert_eq!(doubts.next_timeout(), Some(Time(6) + DOUBT_MAX));
    }
}
