//! Clocks: the keeper's own, the days that rooms at rest grow old by, and for how long keepers of a directory have run.

pub(crate) mod age;
pub(crate) mod calendar;
pub mod clock;
