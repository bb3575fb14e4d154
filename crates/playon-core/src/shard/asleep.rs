//! Who was away from rooms that sleep, and for how long: the hold of an empty seat runs on while its room sleeps.
//!
//! It is known for as long as this keeper runs. With another keeper the hold of an empty seat begins anew, as after any
//! outage of ours.

use std::collections::BTreeMap;

use crate::ids::{RoomId, SessionId};
use crate::time::{Span, Time};

/// Sleeping rooms with seats that are remembered. At the bound those that went to sleep longest ago are forgotten, and the holds
/// of their seats begin anew when they wake.
pub(super) const REMEMBERED_MAX: usize = 65_536;

/// For how long each player of a room has been away.
pub(crate) type Absences = Vec<(SessionId, Span)>;

/// The rooms that this keeper has put to sleep.
#[derive(Debug, Default)]
pub(super) struct Asleep {
    rooms: BTreeMap<RoomId, (Time, Absences)>,
    order: BTreeMap<(Time, RoomId), ()>,
}

impl Asleep {
    /// The room sleeps from now on.
    pub(super) fn note(&mut self, now: Time, room: RoomId, absences: Absences) {
        self.wake(now, room);
        if absences.is_empty() {
            return;
        }
        if self.rooms.len() >= REMEMBERED_MAX
            && let Some(((_, oldest), ())) = self.order.pop_first()
        {
            self.rooms.remove(&oldest);
        }
        self.order.insert((now, room), ());
        self.rooms.insert(room, (now, absences));
    }

    /// The room wakes, or is no more: for how long its players have been away by now.
    pub(super) fn wake(&mut self, now: Time, room: RoomId) -> Absences {
        let Some((since, mut absences)) = self.rooms.remove(&room) else { return Vec::new() };
        self.order.remove(&(since, room));
        for (_, away) in &mut absences {
            *away = Span(away.0.saturating_add(now.since(since).0));
        }
        absences
    }

    /// How many are remembered.
    pub(super) fn len(&self) -> usize {
        self.rooms.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absence_runs_on_while_a_room_sleeps() {
        let mut asleep = Asleep::default();
        let (room, player) = (RoomId([1; 16]), SessionId(7));
        asleep.note(Time(100), room, vec![(player, Span(20))]);
        assert_eq!(asleep.wake(Time(145), room), [(player, Span(65))]);
        assert_eq!((asleep.wake(Time(200), room), asleep.len()), (Vec::new(), 0));
    }

    #[test]
    fn the_room_that_has_slept_longest_is_forgotten_first() {
        let mut asleep = Asleep::default();
        let room = |n: usize| RoomId((n as u128).to_be_bytes());
        for n in 0..=REMEMBERED_MAX {
            asleep.note(Time(n as u64), room(n), vec![(SessionId(1), Span(1))]);
        }
        assert_eq!(asleep.len(), REMEMBERED_MAX);
        assert!(asleep.wake(Time(1 << 40), room(0)).is_empty());
        assert!(!asleep.wake(Time(1 << 40), room(1)).is_empty());
    }
}
