//! Whether the wall clock can be believed, where something is deleted by it.

use playon_core::time::{Span, Time, WallTime};

/// How far the wall clock may run ahead of, or behind, the keeper's own between two looks before it counts as set.
const SLIP_MAX: Span = Span::secs(60);

/// What the wall clock did while this keeper ran. A clock that is set, perhaps wrongly, says of every room at rest that it has been
/// there for years: nothing is deleted before it has been left alone for a while.
#[derive(Debug, Default)]
pub(super) struct Steady {
    last: Option<(Time, WallTime)>,
    since: Time,
}

impl Steady {
    /// Looks at both clocks. Tells whether the wall clock was set since the last look.
    pub(super) fn look(&mut self, now: Time, wall: WallTime) -> bool {
        let before = self.last.replace((now, wall));
        let Some((then, wall_then)) = before else {
            self.since = now;
            return false;
        };
        let ran = now.since(then).0 / 1_000;
        let slip = wall.0.abs_diff(wall_then.0.saturating_add(ran));
        let set = slip > SLIP_MAX.0 / 1_000;
        if set {
            self.since = now;
        }
        set
    }

    /// Whether it has not been set for so long while this keeper ran.
    pub(super) fn is_steady(&self, now: Time, long: Span) -> bool {
        self.last.is_some() && now.since(self.since) >= long
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 86_400_000;

    fn at(seconds: u64) -> Time {
        Time(seconds * 1_000_000)
    }

    #[test]
    fn a_clock_that_was_set_is_believed_after_a_while() {
        let long = Span::secs(1_200);
        let mut steady = Steady::default();
        assert!(!steady.is_steady(at(5_000), long), "nobody has looked yet");
        assert!(!steady.look(at(10), WallTime(DAY_MS)));
        assert!(
            !steady.look(at(1_210), WallTime(DAY_MS + 1_210_000)),
            "ten seconds are no setting"
        );
        assert!(steady.is_steady(at(1_210), long));
        assert!(steady.look(at(1_211), WallTime(9 * DAY_MS)));
        assert!(!steady.is_steady(at(1_211), long));
        assert!(steady.look(at(1_212), WallTime(DAY_MS)), "back again");
        assert!(!steady.is_steady(at(2_411), long));
        assert!(steady.is_steady(at(2_412), long));
    }
}
