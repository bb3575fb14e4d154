//! Worker processes: started, watched, restarted and ended.
//!
//! A worker may be killed at any instant without harm, so everything here is blunt: whoever is late, silent or no longer
//! wanted is killed with its whole process group.

mod backoff;
mod fate;
mod output;
mod passes;
mod process;
mod supervisor;

pub(crate) use fate::Fate;
pub(crate) use passes::{Passes, SpawnId, WorkerPass};
pub(crate) use supervisor::{Supervisor, SupervisorSetup};

/// Environment variables that workers see by these exact names; see also [`ENV_PREFIXES`].
pub const ENV_NAMES: [&str; 5] = ["PATH", "HOME", "TMPDIR", "TZ", "LANG"];

/// Environment variables that workers see by how their names begin. Names that hold `TOKEN` or `SECRET` are left out.
pub const ENV_PREFIXES: [&str; 2] = ["RUST_", "PLAYON_"];
