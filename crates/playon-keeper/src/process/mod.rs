//! The process itself: its threads and what watches them, signals, and the keeper that had the directory before.

pub(crate) mod accepting;
pub mod alarm;
pub(crate) mod linger;
pub(crate) mod predecessor;
pub(crate) mod runtime;
pub(crate) mod signals;
