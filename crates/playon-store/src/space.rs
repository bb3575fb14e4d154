//! Room on the disk that is the store's alone.
//!
//! A store whose disk is full ends, and the keeper with it. So whatever else is copied onto its file system is refused
//! while there is still a reserve: executables of releases, backups.

use std::fmt;
use std::io;
use std::path::Path;

/// Least bytes of a file system that are the store's: its write-ahead log and what it writes until somebody looks.
pub const DISK_RESERVE_MIN: u64 = 16 << 20;

/// Most bytes that are kept free for the store, however large the file system is.
pub const DISK_RESERVE_MAX: u64 = 1 << 30;

/// The share of the file system in between, one of so many.
pub const DISK_RESERVE_SHARE: u64 = 16;

/// Why something is not written: it would take what is the store's. All in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short {
    /// Free for this user.
    pub free: u64,
    /// What was to be written.
    pub wanted: u64,
    /// What must stay free.
    pub reserve: u64,
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { free, wanted, reserve } = self;
        write!(
            f,
            "{free} bytes are free, {wanted} more are wanted, {reserve} are kept for the store"
        )
    }
}

/// Whether `wanted` bytes can be written to the file system of `path` with the store's reserve left.
///
/// # Errors
/// When the system does not say how much is free.
pub fn allows(path: &Path, wanted: u64) -> io::Result<Result<(), Short>> {
    let found = rustix::fs::statvfs(path)?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Ok(judge(bytes(found.f_bavail), bytes(found.f_blocks), wanted))
}

fn judge(free: u64, total: u64, wanted: u64) -> Result<(), Short> {
    let reserve = (total / DISK_RESERVE_SHARE).clamp(DISK_RESERVE_MIN, DISK_RESERVE_MAX);
    if free >= reserve.saturating_add(wanted) {
        Ok(())
    } else {
        Err(Short { free, wanted, reserve })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_grows_with_the_disk_within_bounds() {
        let reserve = |total| judge(0, total, 0).unwrap_err().reserve;
        assert_eq!(reserve(64 << 20), DISK_RESERVE_MIN);
        assert_eq!(reserve(1 << 30), 64 << 20);
        assert_eq!(reserve(1 << 44), DISK_RESERVE_MAX);
        assert_eq!(judge(40 << 20, 64 << 20, 24 << 20), Ok(()));
        assert!(judge(40 << 20, 64 << 20, (24 << 20) + 1).is_err());
        assert!(judge(u64::MAX - 1, u64::MAX, u64::MAX).is_err(), "nothing wraps");
    }
}
