//! When a shard wants to be called again: one table for all of it. A room stands in it once, with the first that its own table
//! has.
//!
//! What is due is taken out before anything is done about it.

use std::collections::{BTreeMap, BTreeSet};

use playon_types::ids::{Attempt, RoomId, WorkerId};
use playon_types::time::Time;

/// What a shard waits for. Of what is due at the same time the first goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// A worker is to come back from what nobody waits for any more.
    Abandoned(WorkerId, Attempt),
    /// A worker opens a copy of a room that nobody runs.
    Probe,
    /// What a release has failed on is tried on the one before.
    Appeal,
    /// Something in a room.
    Room(RoomId),
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    at: BTreeMap<Due, Time>,
    order: BTreeSet<(Time, Due)>,
}

impl Agenda {
    /// Arms an entry, in place of what it was.
    pub(crate) fn set(&mut self, due: Due, at: Time) {
        if let Some(before) = self.at.insert(due, at) {
            self.order.remove(&(before, due));
        }
        self.order.insert((at, due));
    }

    /// Stops an entry.
    pub(crate) fn stop(&mut self, due: Due) {
        if let Some(before) = self.at.remove(&due) {
            self.order.remove(&(before, due));
        }
    }

    /// Arms an entry, or stops it.
    pub(crate) fn put(&mut self, due: Due, at: Option<Time>) {
        match at {
            Some(at) if self.at.get(&due) == Some(&at) => {}
            Some(at) => self.set(due, at),
            None => self.stop(due),
        }
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Time> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes out what is due, the earliest first.
    pub(crate) fn take_due(&mut self, now: Time) -> Option<(Time, Due)> {
        let (at, due) = self.order.first().copied().filter(|(at, _)| *at <= now)?;
        self.stop(due);
        Some((at, due))
    }

    /// All of it, for checks.
    pub(crate) const fn all(&self) -> &BTreeMap<Due, Time> {
        &self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_is_taken_out_the_earliest_first() {
        let mut agenda = Agenda::default();
        let room = |n| Due::Room(RoomId([n; 16]));
        agenda.set(room(2), Time(5));
        agenda.set(room(1), Time(5));
        agenda.set(Due::Probe, Time(9));
        agenda.set(Due::Appeal, Time(5));
        agenda.set(Due::Probe, Time(4));
        agenda.put(room(3), Some(Time(1)));
        agenda.put(room(3), None);
        let taken: Vec<_> = std::iter::from_fn(|| agenda.take_due(Time(5))).collect();
        let wanted =
            [(Time(4), Due::Probe), (Time(5), Due::Appeal), (Time(5), room(1)), (Time(5), room(2))];
        assert_eq!(taken, wanted);
        assert_eq!((agenda.next(), agenda.all().len()), (None, 0));
    }
}
