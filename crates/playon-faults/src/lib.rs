//! For tests: breaks the disk under a process, and works out what a power failure would leave on it.
//!
//! A [`IoFault`] lets the n-th call of a kind, on the files of one directory, fail in a process that is started
//! with it; `src/shim.c` is loaded in front of the system's calls, so the process itself is the one that
//! is shipped. A log of all changes comes out of every such run. [`Medium`] replays it up to any point and
//! gives the files as a power failure at that point may leave them: what was synced is there, of the rest any part.
//! [`set_clock`] lets a process see another time of day.

mod disk;
mod fault;
mod log;

pub use disk::{Keep, Medium};
pub use fault::{Calls, FaultKind, IoFault, LIBRARY, set_clock, watch};
pub use log::{IoEvent, What, read_log};
