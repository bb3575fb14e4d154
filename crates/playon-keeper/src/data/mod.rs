//! The data directory: where everything lies, the executables of releases, and the watch over it while the keeper runs.

pub mod artifacts;
pub mod dir;
pub(crate) mod watch;
