//! The keeper that had the data directory before this one, and is on its way out.
//!
//! A process that was killed goes on holding its lock until the kernel has taken it apart, and one that is told to stop
//! holds it until everything is stored. Whoever starts the next one at once means to take over, and need not try again.

use std::fs;
use std::time::{Duration, Instant};

use playon_store::{OpenError, SqliteOptions, SqliteStore};
use serde::Deserialize;

use crate::data::dir::DataDir;

/// How long a keeper that is going is waited for. Longer than `stop_timeout`.
const GOING_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a keeper must be seen to serve before it is held to stay: a signal that ends it takes a moment to be obeyed.
const STAYS_AFTER: Duration = Duration::from_millis(250);

/// Between two looks at the lock of a keeper that is going.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a keeper leaves in `keeper.json`.
#[derive(Debug, Deserialize)]
struct HolderTold {
    pid: u32,
    #[serde(default)]
    stopping: bool,
}

/// Opens the store; if the keeper that holds it is going, after it has gone.
///
/// # Errors
/// As [`SqliteStore::open`]; with the directory in use, if its keeper stays or does not go in time.
pub(crate) fn open_after(data: &DataDir) -> Result<SqliteStore, OpenError> {
    let until = Instant::now() + GOING_TIMEOUT;
    let mut stays_since = None;
    let mut said = false;
    loop {
        let refused = match SqliteStore::open(data.root(), SqliteOptions::default()) {
            Err(OpenError::Locked { dir, holder }) => (dir, holder),
            other => return other,
        };
        let (dir, holder) = refused;
        let now = Instant::now();
        let stays = if is_going(data, &holder) {
            if !std::mem::replace(&mut said, true) {
                let seconds = GOING_TIMEOUT.as_secs();
                tracing::info!(
                    holder,
                    seconds,
                    "PLY-0546 the keeper before this one is going, it is waited for"
                );
            }
            stays_since = None;
            false
        } else {
            now >= *stays_since.get_or_insert(now) + STAYS_AFTER
        };
        if stays || now >= until {
            return Err(OpenError::Locked { dir, holder });
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Whether the holder of the lock has ended, is being ended, or said that it stops.
fn is_going(data: &DataDir, holder: &str) -> bool {
    // Unknown: it took the lock this very moment, and is the newer one. It will serve, and then it stays.
    let Ok(pid) = holder.parse::<u32>() else { return true };
    let told = fs::read(data.addresses()).ok();
    let told = told.and_then(|bytes| serde_json::from_slice::<HolderTold>(&bytes).ok());
    // Our own number: the lock is free already, and what the kernel still has to close is the database.
    let serves = told.is_some_and(|told| told.pid == pid && !told.stopping);
    !serves || dies(pid)
}

/// Whether a process is dead, or has begun to die.
fn dies(pid: u32) -> bool {
    /// Flags of a task that exits, or has taken a signal that ends it (`PF_EXITING`, `PF_SIGNALED`).
    const ENDING: u64 = 0x4 | 0x400;
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return true };
    // Behind the name, which may hold anything.
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let dead = fields.first().is_some_and(|state| matches!(*state, "Z" | "X"));
    let flags = fields.get(6).and_then(|flags| flags.parse::<u64>().ok());
    dead || flags.is_some_and(|flags| flags & ENDING != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn only_a_keeper_that_serves_and_lives_is_there_to_stay() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(&dir.path().join("data")).unwrap();
        let own = std::process::id();
        let tell = |text: String| fs::write(data.addresses(), text).unwrap();
        assert!(is_going(&data, &own.to_string()), "nobody serves yet");
        tell(format!("{{\"pid\":{own},\"admin\":\"x\"}}"));
        assert!(!is_going(&data, &own.to_string()));
        assert!(is_going(&data, "unknown"));
        tell(format!("{{\"pid\":{own},\"stopping\":true}}"));
        assert!(is_going(&data, &own.to_string()));
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id();
        tell(format!("{{\"pid\":{pid}}}"));
        assert!(!is_going(&data, &pid.to_string()));
        child.kill().unwrap();
        // Not waited for: it stays as a zombie, as a killed keeper may.
        let until = Instant::now() + Duration::from_secs(30);
        while !is_going(&data, &pid.to_string()) {
            assert!(Instant::now() < until);
        }
        child.wait().unwrap();
        assert!(is_going(&data, &pid.to_string()));
    }
}
