//! A room's own clock: it runs while the room is live and stands still otherwise.

use playon_types::time::{RoomTime, Span, Time};

/// Where room time stands, and since when it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RoomClock {
    stood_at: RoomTime,
    running_since: Option<Time>,
}

impl RoomClock {
    /// A clock that stands still.
    pub(crate) const fn standing(at: RoomTime) -> Self {
        Self { stood_at: at, running_since: None }
    }

    /// Room time now.
    pub(crate) fn read(&self, now: Time) -> RoomTime {
        match self.running_since {
            Some(since) => self.stood_at + now.since(since),
            None => self.stood_at,
        }
    }

    /// When room time reaches `at`, if the clock runs.
    pub(crate) fn when(&self, at: RoomTime) -> Option<Time> {
        self.running_since.map(|since| since + at.since(self.stood_at))
    }

    /// Whether it runs.
    pub(crate) const fn runs(&self) -> bool {
        self.running_since.is_some()
    }

    /// Stops the clock.
    pub(crate) fn stop(&mut self, now: Time) {
        *self = Self::standing(self.read(now));
    }

    /// Lets the clock run on. With `due`, the next tick, it starts up to `grid` later, so that the tick
    /// falls on the grid and rooms due together travel together.
    pub(crate) fn start(&mut self, now: Time, due: Option<RoomTime>, grid: Span) {
        let mut since = now;
        if let (Some(due), true) = (due, grid.0 > 0) {
            let at = now + due.since(self.stood_at);
            // Up to the next multiple, which may be beyond the end of time when a worker says such a tick.
            since = now + Span((grid.0 - at.0 % grid.0) % grid.0);
        }
        self.running_since = Some(since);
    }

    /// Sets room time, forwards or backwards: an outage of ours never shows as a jump of the room's clock.
    pub(crate) fn slip(&mut self, now: Time, to: RoomTime) {
        *self = Self { stood_at: to, running_since: Some(now) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_stands_still_while_stopped() {
        let mut clock = RoomClock::standing(RoomTime(100));
        clock.start(Time(1_000), None, Span::ZERO);
        assert_eq!(clock.read(Time(1_050)), RoomTime(150));
        clock.stop(Time(1_050));
        assert_eq!(clock.read(Time(9_000)), RoomTime(150));
        clock.start(Time(9_000), None, Span::ZERO);
        assert_eq!(clock.read(Time(9_001)), RoomTime(151));
    }

    #[test]
    fn the_next_tick_falls_on_the_grid() {
        let mut clock = RoomClock::standing(RoomTime(30));
        clock.start(Time(1_003), Some(RoomTime(50)), Span(10));
        assert_eq!(clock.when(RoomTime(50)), Some(Time(1_030)));
        assert_eq!(clock.read(Time(1_003)), RoomTime(30), "never runs backwards before it starts");
    }

    /// A worker may say any tick.
    #[test]
    fn a_tick_at_the_end_of_time_is_not_beyond_it() {
        for late in 0..12 {
            let mut clock = RoomClock::standing(RoomTime(0));
            clock.start(Time(7), Some(RoomTime(u64::MAX - late)), Span(10));
            assert!(clock.when(RoomTime(1)) < Some(Time(20)));
        }
    }

    #[test]
    fn without_a_grid_the_clock_runs_at_once() {
        let mut clock = RoomClock::standing(RoomTime(30));
        clock.start(Time(1_003), Some(RoomTime(50)), Span::ZERO);
        assert_eq!(clock.when(RoomTime(50)), Some(Time(1_023)));
    }

    #[test]
    fn what_is_on_the_grid_already_is_not_put_off() {
        let mut clock = RoomClock::standing(RoomTime(30));
        clock.start(Time(1_000), Some(RoomTime(50)), Span(10));
        assert_eq!(clock.when(RoomTime(50)), Some(Time(1_020)));
    }

    #[test]
    fn a_clock_that_stands_reaches_nothing_and_one_that_slips_runs_on_from_there() {
        let mut clock = RoomClock::standing(RoomTime(30));
        assert!(!clock.runs());
        assert_eq!(clock.when(RoomTime(40)), None);
        clock.slip(Time(500), RoomTime(20));
        assert!(clock.runs());
        assert_eq!(
            (clock.read(Time(510)), clock.when(RoomTime(40))),
            (RoomTime(30), Some(Time(520)))
        );
        clock.stop(Time(515));
        assert_eq!((clock.runs(), clock.read(Time(900))), (false, RoomTime(35)));
    }
}
