//! The clocks of the core, all handed in from outside.

use std::{fmt, ops};

/// A room of a kind without ticks is woken for a timer no sooner than so long after its last batch; what is due sooner waits. More often a
/// room runs only for what others send, or for ticks that its kind asks for.
pub const WAKE_EVERY_MIN: Span = Span::millis(5);

/// A span of time in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(pub u64);

impl Span {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From milliseconds; the longest span when they are more than that.
    pub const fn millis(n: u64) -> Self {
        Self(n.saturating_mul(1_000))
    }

    /// From seconds; the longest span when they are more than that.
    pub const fn secs(n: u64) -> Self {
        Self(n.saturating_mul(1_000_000))
    }

    /// In whole milliseconds, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}ms", self.0 / 1_000, self.0 % 1_000)
    }
}

macro_rules! clock {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u64);

        impl $name {
            /// How long after `earlier` this is; zero when it is not after it.
            pub const fn since(self, earlier: Self) -> Span {
                Span(self.0.saturating_sub(earlier.0))
            }
        }

        impl ops::Add<Span> for $name {
            type Output = Self;
            fn add(self, span: Span) -> Self {
                Self(self.0.saturating_add(span.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({}us)"), self.0)
            }
        }
    };
}

clock!(
    /// A point on the keeper's monotonic clock, microseconds since the process began.
    ///
    /// Never stored and never sent to another machine.
    Time
);
clock!(
    /// A point on one room's own clock, microseconds since the room was created.
    ///
    /// It is state: committed, moved with the room, and standing still while the room is not live.
    RoomTime
);

/// A point on the wall clock, in milliseconds since 1970, handed in from outside like the others.
///
/// Only for what outlives a keeper and is counted in days: how long a room has been at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct WallTime(pub u64);

impl WallTime {
    /// That long before; the beginning of the clock if there is no such time.
    pub const fn before(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.as_millis()))
    }

    /// That long after; the end of the clock if there is no such time.
    pub const fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.as_millis()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_count_in_their_units_and_end_at_their_ends() {
        assert_eq!((Span::millis(3), Span::secs(3)), (Span(3_000), Span(3_000_000)));
        assert_eq!((Span(3_999).as_millis(), Span::secs(u64::MAX)), (3, Span(u64::MAX)));
        assert_eq!((Time(5).since(Time(3)), Time(3).since(Time(5))), (Span(2), Span::ZERO));
        let day = WallTime(1_000);
        assert_eq!(
            (day.before(Span::millis(7)), day.after(Span::millis(7))),
            (WallTime(993), WallTime(1_007))
        );
        assert_eq!(day.before(Span::secs(2)), WallTime(0));
    }
}
