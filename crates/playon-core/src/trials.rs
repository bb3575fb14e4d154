//! Whose turn it is in the trial workers of a shard: each has one room at a time.

use std::collections::{BTreeSet, VecDeque};

use playon_types::ids::RoomId;
use playon_types::time::Time;

use crate::fleet::Berth;
use crate::mutant::{Mutant, broken};

/// The trial workers of one shard, called lanes, and the rooms that wait for one.
///
/// A room has its lane from the moment it asks for a worker there, so that as many are started as rooms can use, and
/// until it leaves or goes elsewhere.
#[derive(Debug)]
pub(crate) struct Trials {
    /// The number of the first lane; those of different shards never meet.
    first: u16,
    lanes: Vec<Option<RoomId>>,
    waiting: VecDeque<RoomId>,
    queued: BTreeSet<RoomId>,
    /// When a trial worker last came or went: so there are some to be had.
    seen: Time,
}

impl Trials {
    /// No room is on trial; that many can be at a time.
    pub(crate) fn new(shard: u16, most: u16) -> Self {
        let most = most.max(1);
        let shard = if broken(Mutant::LanesShared) { 0 } else { shard };
        Self {
            first: shard.saturating_mul(most + 1),
            lanes: vec![None; usize::from(most)],
            waiting: VecDeque::new(),
            queued: BTreeSet::new(),
            seen: Time(0),
        }
    }

    /// A worker of the shard beside those, for what is not a room's.
    pub(crate) fn beside(shard: u16, most: u16) -> Berth {
        let most = most.max(1);
        Berth::Trial(shard.saturating_mul(most + 1).saturating_add(most))
    }

    fn numbered(&self) -> impl Iterator<Item = (u16, Option<RoomId>)> + use<'_> {
        (self.first..).zip(self.lanes.iter().copied())
    }

    /// The lane that the room has, or could have now.
    pub(crate) fn offer(&self, room: RoomId) -> Option<Berth> {
        let has = self.numbered().find(|(_, holder)| *holder == Some(room));
        let free = || self.numbered().find(|(_, holder)| holder.is_none());
        has.or_else(free).map(|(number, _)| Berth::Trial(number))
    }

    /// A lane for the room; without one it waits for its turn.
    pub(crate) fn take(&mut self, room: RoomId) -> Option<Berth> {
        let Some(Berth::Trial(number)) = self.offer(room) else {
            if self.queued.insert(room) {
                self.waiting.push_back(room);
            }
            return None;
        };
        self.forget(room);
        *self.lanes.get_mut(usize::from(number - self.first))? = Some(room);
        Some(Berth::Trial(number))
    }

    /// The room needs no lane any more, and waits for none.
    pub(crate) fn release(&mut self, room: RoomId) {
        self.forget(room);
        self.lanes.iter_mut().for_each(|lane| {
            lane.take_if(|holder| *holder == room);
        });
    }

    fn forget(&mut self, room: RoomId) {
        if self.queued.remove(&room) {
            self.waiting.retain(|waiting| *waiting != room);
        }
    }

    /// The room whose turn it is, if a lane is free; that is the room's from now on.
    pub(crate) fn next(&mut self) -> Option<RoomId> {
        let lane = self.lanes.iter_mut().find(|lane| lane.is_none())?;
        let room = self.waiting.pop_front()?;
        self.queued.remove(&room);
        *lane = Some(room);
        Some(room)
    }

    /// Whether the room waits for others to be done.
    pub(crate) fn waits(&self, room: RoomId) -> bool {
        self.queued.contains(&room)
    }

    /// A worker of that berth comes or goes.
    pub(crate) fn note(&mut self, now: Time, berth: Berth) {
        if self.numbered().any(|(number, _)| berth == Berth::Trial(number)) {
            self.seen = now;
        }
    }

    /// When a worker of one of the lanes last came or went.
    pub(crate) const fn seen(&self) -> Time {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(n: u8) -> RoomId {
        RoomId([n; 16])
    }

    #[test]
    fn each_lane_has_one_room_and_the_others_wait_in_order() {
        let mut trials = Trials::new(3, 2);
        assert_eq!(trials.take(room(1)), Some(Berth::Trial(9)));
        assert_eq!(trials.take(room(2)), Some(Berth::Trial(10)));
        assert_eq!(trials.take(room(1)), Some(Berth::Trial(9)), "it has one already");
        for n in [3, 4, 5, 3] {
            assert_eq!(trials.take(room(n)), None);
        }
        assert!(trials.waits(room(3)) && trials.next().is_none());
        trials.release(room(4));
        trials.release(room(2));
        assert_eq!(trials.next(), Some(room(3)));
        assert_eq!(trials.take(room(3)), Some(Berth::Trial(10)));
        trials.release(room(1));
        assert_eq!((trials.next(), trials.next()), (Some(room(5)), None));
        assert_eq!(trials.offer(room(5)), Some(Berth::Trial(9)));
    }

    #[test]
    fn workers_of_other_shards_say_nothing_of_these() {
        let mut trials = Trials::new(1, 4);
        trials.note(Time(1), Berth::Trial(3));
        trials.note(Time(2), Berth::Trial(10));
        trials.note(Time(2), Trials::beside(1, 4));
        trials.note(Time(2), Trials::beside(0, 4));
        trials.note(Time(3), Berth::Common);
        assert_eq!(trials.seen(), Time(0));
        trials.note(Time(4), Berth::Trial(8));
        assert_eq!(trials.seen(), Time(4));
    }
}
