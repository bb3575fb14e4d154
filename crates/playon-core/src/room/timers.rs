//! When a room wants to be called again: one table, with one entry for each reason.
//!
//! Whoever changes what is waited for arms or stops the entry there and then. An entry that fires is taken out before anything
//! is done about it, so whatever is still waited for has to be armed again, and what is not cannot be due again and again. Some
//! entries are in room time: while the room's clock stands they are due at no time, and when it slips they slip with it.
//!
//! [`Room::check_timers`](super::Room::check_timers) compares the table with the state, after every step of the simulator and the
//! tests.

use playon_types::time::{RoomTime, Time};

use crate::mutant::{Mutant, broken};

use super::clock::RoomClock;

/// What a room waits for. Of what is due at the same time the first goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// What is only kept in memory is stored.
    Checkpoint,
    /// An empty seat is given up.
    Seat,
    /// The room has been apart from the others for long enough.
    Quarantine,
    /// Somebody who made the room fail is shown it again.
    Blind,
    /// A room without a worker is tried again.
    Retry,
    /// A worker has been asked to open the room.
    Opening,
    /// A worker has been asked to run a batch.
    Batch,
    /// A worker has been asked for its part in the preparation of a handoff.
    Copy,
    /// The room is frozen, and goes on where it was.
    Thaw,
    /// The room waits no longer for a safe point to be handed over.
    Round,
    /// The room waits no longer for a worker of its own to be handed over.
    Apart,
    /// Nobody is here, and the room goes to rest.
    Rest,
    /// The next tick, or the next wake-up of a kind without ticks.
    Beat,
}

impl Timer {
    /// All of them, in their order.
    pub(super) const ALL: [Self; 13] = [
        Self::Checkpoint,
        Self::Seat,
        Self::Quarantine,
        Self::Blind,
        Self::Retry,
        Self::Opening,
        Self::Batch,
        Self::Copy,
        Self::Thaw,
        Self::Round,
        Self::Apart,
        Self::Rest,
        Self::Beat,
    ];

    /// Whether it is of the room, whatever phase that is in. The others are stopped when their phase ends.
    const fn outlives_phases(self) -> bool {
        matches!(self, Self::Checkpoint | Self::Seat | Self::Quarantine | Self::Blind)
    }
}

/// When, on one of two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// On the keeper's.
    Keeper(Time),
    /// On the room's own.
    Room(RoomTime),
}

impl At {
    /// When that is on the keeper's clock; never, while the room's stands.
    fn on(self, clock: &RoomClock) -> Option<Time> {
        match self {
            Self::Keeper(at) => Some(at),
            Self::Room(at) => clock.when(at),
        }
    }
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Timers([Option<At>; Timer::ALL.len()]);

impl Timers {
    /// Arms an entry, in place of what it was.
    pub(super) const fn set(&mut self, timer: Timer, at: Time) {
        self.put(timer, Some(At::Keeper(at)));
    }

    /// Arms an entry unless it is.
    pub(super) const fn set_first(&mut self, timer: Timer, at: Time) {
        if !self.is_set(timer) {
            self.set(timer, at);
        }
    }

    /// Arms an entry, or stops it.
    pub(super) const fn put(&mut self, timer: Timer, at: Option<At>) {
        self.0[timer as usize] = at;
    }

    /// Stops an entry.
    pub(super) const fn stop(&mut self, timer: Timer) {
        self.put(timer, None);
    }

    /// The room's phase ends, and with it what it waited for.
    pub(super) fn end_phase(&mut self) {
        let ends = Timer::ALL.into_iter().filter(|timer| !timer.outlives_phases());
        if !broken(Mutant::TimersUnstopped) {
            ends.for_each(|timer| self.stop(timer));
        }
    }

    /// The room rests: nothing is waited for any more.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether an entry is armed.
    pub(super) const fn is_set(&self, timer: Timer) -> bool {
        self.get(timer).is_some()
    }

    /// When an entry is due.
    pub(super) const fn get(&self, timer: Timer) -> Option<At> {
        self.0[timer as usize]
    }

    /// What is due next, and when.
    pub(super) fn next(&self, clock: &RoomClock) -> Option<(Time, Timer)> {
        let due = |timer: Timer| Some((self.get(timer)?.on(clock)?, timer));
        // Of equals the first.
        Timer::ALL.into_iter().filter_map(due).min_by_key(|(at, _)| *at)
    }

    /// Takes out what is due, the earliest first.
    pub(super) fn take_due(&mut self, clock: &RoomClock, now: Time) -> Option<Timer> {
        let (_, timer) = self.next(clock).filter(|(at, _)| *at <= now)?;
        self.stop(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use playon_types::time::Span;

    /// A clock that stands at 100.
    const fn clock() -> RoomClock {
        RoomClock::standing(RoomTime(100))
    }

    #[test]
    fn what_is_due_is_taken_out_the_earliest_first() {
        let mut timers = Timers::default();
        timers.set(Timer::Beat, Time(5));
        timers.set(Timer::Retry, Time(7));
        timers.set(Timer::Rest, Time(5));
        timers.set(Timer::Checkpoint, Time(9));
        assert_eq!(timers.next(&clock()), Some((Time(5), Timer::Rest)));
        let mut taken = || timers.take_due(&clock(), Time(8));
        assert_eq!([taken(), taken()], [Some(Timer::Rest), Some(Timer::Beat)]);
        assert_eq!([taken(), taken()], [Some(Timer::Retry), None]);
        assert_eq!(timers.next(&clock()), Some((Time(9), Timer::Checkpoint)));
    }

    #[test]
    fn room_time_is_never_while_the_clock_stands_and_slips_with_it() {
        let (mut timers, mut clock) = (Timers::default(), clock());
        timers.put(Timer::Seat, Some(At::Room(RoomTime(150))));
        assert_eq!(timers.next(&clock), None);
        clock.start(Time(1_000), None, Span::ZERO);
        assert_eq!(timers.next(&clock), Some((Time(1_050), Timer::Seat)));
        clock.slip(Time(1_040), RoomTime(120));
        assert_eq!(timers.take_due(&clock, Time(1_050)), None);
        assert_eq!(timers.take_due(&clock, Time(1_070)), Some(Timer::Seat));
    }

    #[test]
    fn a_phase_takes_with_it_what_it_waited_for() {
        let mut timers = Timers::default();
        Timer::ALL.into_iter().for_each(|timer| timers.set(timer, Time(1)));
        timers.end_phase();
        let left: Vec<_> = Timer::ALL.into_iter().filter(|timer| timers.is_set(*timer)).collect();
        assert_eq!(left, [Timer::Checkpoint, Timer::Seat, Timer::Quarantine, Timer::Blind]);
        timers.clear();
        assert_eq!(timers.next(&clock()), None);
    }

    #[test]
    fn every_timer_has_a_place_of_its_own() {
        for (place, timer) in Timer::ALL.into_iter().enumerate() {
            assert_eq!(timer as usize, place);
        }
    }
}
