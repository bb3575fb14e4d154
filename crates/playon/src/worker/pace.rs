//! Whether a room keeps its thread for so long that others notice.
//!
//! Rooms share threads, so while one room's batch runs others wait. For a moment that is nobody's business. A room that does it batch after
//! batch would hold up the same others for as long as it lives: it goes to a thread for such rooms, and comes back when it has been quick
//! for a while.

use std::time::Duration;

/// A batch that takes so long is slow: the step of a room that ticks 20 times a second.
const SLOW_FROM: Duration = Duration::from_millis(50);

/// Slow batches in a row after which a room runs apart.
const SLOW_TIMES_MAX: u32 = 3;

/// Batches in a row that were not slow after which it is among the others again.
const QUICK_TIMES_MIN: u32 = 100;

/// How long a room's batches take.
#[derive(Debug, Default)]
pub(super) struct Pace {
    apart: bool,
    /// Batches in a row that speak for a change.
    times: u32,
    /// How often it went apart.
    went: u64,
}

/// Where a room is to run from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// On a thread for slow rooms, for the so manieth time.
    Apart(u64),
    /// Among the others.
    Back,
}

impl Pace {
    /// A batch took so long. Gives where the room belongs if that is somewhere else now.
    pub(super) fn took(&mut self, time: Duration) -> Option<Change> {
        if (time >= SLOW_FROM) == self.apart {
            self.times = 0;
            return None;
        }
        self.times += 1;
        let most = if self.apart { QUICK_TIMES_MIN } else { SLOW_TIMES_MAX };
        if self.times < most {
            return None;
        }
        self.times = 0;
        self.apart = !self.apart;
        if !self.apart {
            return Some(Change::Back);
        }
        self.went += 1;
        Some(Change::Apart(self.went))
    }

    /// It stays where it is: there is no thread for it.
    pub(super) const fn stays(&mut self) {
        self.apart = !self.apart;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: Duration = SLOW_FROM;
    const QUICK: Duration = Duration::from_millis(49);

    fn changes(pace: &mut Pace, times: u32, time: Duration) -> Vec<Change> {
        (0..times).filter_map(|_| pace.took(time)).collect()
    }

    #[test]
    fn a_room_goes_apart_when_it_is_slow_batch_after_batch_and_comes_back_when_it_is_not() {
        let mut pace = Pace::default();
        for _ in 0..10 {
            assert_eq!(changes(&mut pace, 2, SLOW), []);
            assert_eq!(changes(&mut pace, 1, QUICK), [], "not in a row");
        }
        assert_eq!(changes(&mut pace, 3, SLOW), [Change::Apart(1)]);
        assert_eq!(changes(&mut pace, 50, SLOW), []);
        assert_eq!(changes(&mut pace, 99, QUICK), []);
        assert_eq!(changes(&mut pace, 1, SLOW), []);
        assert_eq!(changes(&mut pace, 100, QUICK), [Change::Back]);
        assert_eq!(changes(&mut pace, 1_000, QUICK), []);
        assert_eq!(changes(&mut pace, 3, SLOW), [Change::Apart(2)]);
    }

    #[test]
    fn where_there_is_no_thread_for_it_that_is_asked_for_again() {
        let mut pace = Pace::default();
        assert_eq!(changes(&mut pace, 3, SLOW), [Change::Apart(1)]);
        pace.stays();
        assert_eq!(changes(&mut pace, 2, SLOW), []);
        assert_eq!(changes(&mut pace, 1, SLOW), [Change::Apart(2)]);
    }
}
