//! Which rooms are opened when: as many at a time as the workers have shown that they can open.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use playon_types::ids::RoomId;
use playon_types::time::Time;

use crate::limits::Limits;

/// Rooms that wait to be opened, and those that are being opened.
///
/// What is under way is bounded in rooms and in bytes of state. A try that fails because of its worker makes the bound
/// half of what it was, and each success lets it grow again: so each retry asks for less than the one before, down to
/// one room alone, and rooms come back as fast as the worker can open them.
#[derive(Debug)]
pub(crate) struct Openings {
    waiting: VecDeque<RoomId>,
    queued: BTreeSet<RoomId>,
    /// Bytes of state of each room that is with a worker.
    under_way: BTreeMap<RoomId, usize>,
    bytes: usize,
    window: Window,
    most: Window,
    shrunk_at: Option<Time>,
}

/// How much may be under way. It is looked at before the next room begins, so that a state of any size passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    rooms: usize,
    bytes: usize,
}

impl Openings {
    pub(crate) fn new(limits: &Limits) -> Self {
        let most = Window { rooms: limits.opens_max.max(1), bytes: limits.opens_bytes_max.max(1) };
        Self {
            waiting: VecDeque::new(),
            queued: BTreeSet::new(),
            under_way: BTreeMap::new(),
            bytes: 0,
            window: most,
            most,
            shrunk_at: None,
        }
    }

    /// The room waits for its turn, if it does not yet.
    pub(crate) fn want(&mut self, room: RoomId) {
        if self.queued.insert(room) {
            self.waiting.push_back(room);
        }
    }

    /// The room whose turn it is, if another one may be opened.
    pub(crate) fn next(&mut self) -> Option<RoomId> {
        let Window { rooms, bytes } = self.window;
        if self.under_way.len() >= rooms || self.bytes >= bytes {
            return None;
        }
        let room = self.waiting.pop_front()?;
        self.queued.remove(&room);
        Some(room)
    }

    /// The room is with a worker, with that many bytes of state.
    pub(crate) fn begin(&mut self, room: RoomId, bytes: usize) {
        self.end(room);
        self.under_way.insert(room, bytes);
        self.bytes += bytes;
    }

    /// The room is no longer with a worker to be opened, for whatever reason.
    pub(crate) fn end(&mut self, room: RoomId) {
        self.bytes -= self.under_way.remove(&room).unwrap_or(0);
    }

    /// A worker has opened the room: more may be asked for.
    pub(crate) fn succeeded(&mut self, room: RoomId) {
        let Some(bytes) = self.under_way.get(&room).copied() else { return };
        self.end(room);
        self.window.rooms = (self.window.rooms + 1).min(self.most.rooms);
        self.window.bytes = self.window.bytes.saturating_add(bytes.max(1)).min(self.most.bytes);
    }

    /// A worker has died or hangs with rooms to be opened. However many they are, it is one failure.
    pub(crate) fn failed(&mut self, now: Time) {
        if self.shrunk_at.replace(now) == Some(now) {
            return;
        }
        self.window.rooms = (self.window.rooms / 2).max(1);
        self.window.bytes = (self.window.bytes / 2).max(1);
    }

    /// Rooms with a worker.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Bytes of state of the rooms with a worker.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many rooms may be with workers just now.
    pub(crate) const fn window(&self) -> usize {
        self.window.rooms
    }

    /// Rooms that wait for their turn.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: usize = 1 << 20;

    fn room(n: u8) -> RoomId {
        RoomId([n; 16])
    }

    fn openings() -> Openings {
        let limits = Limits { opens_max: 8, opens_bytes_max: 16 * MB, ..Limits::default() };
        let mut openings = Openings::new(&limits);
        (0..40).for_each(|n| openings.want(room(n)));
        openings
    }

    /// Opens what may be opened, each of `bytes`; says which.
    fn fill(openings: &mut Openings, bytes: usize) -> Vec<RoomId> {
        let mut begun = Vec::new();
        while let Some(next) = openings.next() {
            openings.begin(next, bytes);
            begun.push(next);
        }
        begun
    }

    #[test]
    fn bytes_bound_large_states_and_rooms_small_ones() {
        let mut openings = openings();
        assert_eq!(fill(&mut openings, 5 * MB).len(), 4, "the last one may exceed the bound");
        openings.end(room(0));
        assert_eq!(fill(&mut openings, 5 * MB), [room(4)]);
        (1..5).for_each(|n| openings.end(room(n)));
        assert_eq!(fill(&mut openings, 100).len(), 8);
    }

    #[test]
    fn each_failure_asks_for_less_down_to_one_room_and_successes_for_more() {
        let mut openings = openings();
        let mut tries = Vec::new();
        for second in 0..6 {
            let begun = fill(&mut openings, 3 * MB);
            tries.push(begun.len());
            for room in begun {
                openings.end(room);
                openings.want(room);
                openings.failed(Time(second * 1_000_000));
            }
        }
        assert_eq!(tries, [6, 3, 2, 1, 1, 1]);
        let mut grown = Vec::new();
        for _ in 0..4 {
            let begun = fill(&mut openings, 3 * MB);
            grown.push(begun.len());
            begun.into_iter().for_each(|room| openings.succeeded(room));
        }
        assert_eq!(grown, [1, 2, 4, 6]);
    }

    #[test]
    fn a_room_waits_once_and_is_counted_once() {
        let mut openings = openings();
        openings.want(room(3));
        assert_eq!(openings.waiting(), 40);
        openings.begin(room(1), 7);
        openings.begin(room(1), 9);
        assert_eq!((openings.under_way(), openings.bytes()), (1, 9));
        openings.end(room(1));
        openings.end(room(1));
        assert_eq!((openings.under_way(), openings.bytes()), (0, 0));
    }

    #[test]
    fn a_failure_counts_once_however_many_rooms_it_concerns_and_no_room_opens_a_window_for_another()
    {
        let mut openings = openings();
        assert_eq!(openings.window(), 8);
        openings.failed(Time(5));
        openings.failed(Time(5));
        assert_eq!((openings.window(), openings.window.bytes), (4, 8 * MB));
        openings.failed(Time(6));
        assert_eq!((openings.window(), openings.window.bytes), (2, 4 * MB));
        openings.succeeded(room(1));
        assert_eq!(openings.window(), 2, "it was with nobody");
        openings.begin(room(1), MB);
        openings.succeeded(room(1));
        assert_eq!((openings.window(), openings.window.bytes), (3, 5 * MB));
        assert_eq!((openings.under_way(), openings.bytes()), (0, 0));
        openings.begin(room(1), 0);
        openings.succeeded(room(1));
        assert_eq!((openings.window(), openings.window.bytes), (4, 5 * MB + 1));
        for _ in 0..9 {
            openings.begin(room(1), 16 * MB);
            openings.succeeded(room(1));
        }
        assert_eq!(openings.window, openings.most);
        let tiny = Limits { opens_max: 0, opens_bytes_max: 0, ..Limits::default() };
        let mut openings = Openings::new(&tiny);
        openings.want(room(1));
        assert_eq!(openings.next(), Some(room(1)), "one at least");
    }
}
