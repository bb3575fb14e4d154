//! The clocks of the core, all handed in from outside.

use std::{fmt, ops};

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
