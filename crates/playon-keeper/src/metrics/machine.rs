//! What the operating system knows about the keeper and its disk.

use std::fs;
use std::path::Path;

/// Sizes as of now. What cannot be found out is 0.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Machine {
    /// Bytes of the database.
    pub(crate) database_bytes: u64,
    /// Bytes of its write-ahead log.
    pub(crate) wal_bytes: u64,
    /// Bytes that this user may still write where the data directory lies.
    pub(crate) disk_free_bytes: u64,
    /// Bytes of memory of this process.
    pub(crate) memory_bytes: u64,
    /// Files it has open.
    pub(crate) open_files: u64,
    /// Threads it has.
    pub(crate) threads: u64,
}

impl Machine {
    pub(crate) fn look(data: &Path) -> Self {
        let size = |name: &str| fs::metadata(data.join(name)).map_or(0, |meta| meta.len());
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let (memory_kib, threads) = (field(&status, "VmRSS:"), field(&status, "Threads:"));
        Self {
            database_bytes: size("playon.db"),
            wal_bytes: size("playon.db-wal"),
            disk_free_bytes: rustix::fs::statvfs(data)
                .map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
            memory_bytes: memory_kib.saturating_mul(1_024),
            open_files: fs::read_dir("/proc/self/fd").map_or(0, |files| files.count() as u64),
            threads,
        }
    }
}

/// The number behind a name at the beginning of a line.
fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("playon.db"), [0; 5]).unwrap();
        let machine = Machine::look(dir.path());
        assert_eq!((machine.database_bytes, machine.wal_bytes), (5, 0));
        assert!(machine.memory_bytes > 1 << 20 && machine.threads > 0 && machine.open_files > 2);
        assert!(machine.disk_free_bytes > 0);
    }
}
