//! At most one keeper per directory.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::error::OpenError;
use crate::private;

/// Name of the lock file. It stays behind when the keeper ends; only the lock on it counts.
pub(crate) const LOCK_FILE: &str = "lock";

/// An exclusive lock on a data directory, held until dropped or until the process ends in any way.
#[derive(Debug)]
pub(crate) struct DirLock {
    file: File,
}

impl Drop for DirLock {
    fn drop(&mut self) {
        // Closing is not enough: a process that is being started at this moment shares the open file until it
        // runs its own program.
        if let Err(error) = flock(&self.file, FlockOperation::Unlock) {
            tracing::warn!(%error, "the lock file cannot be unlocked");
        }
    }
}

impl DirLock {
    /// Takes the lock for writing and leaves the own process id in the file.
    pub(crate) fn take(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join(LOCK_FILE);
        let mut open = private::writing();
        let mut file = open
            .read(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| from_io(dir, &e))?;
        private::give_to_owner_of(dir, &path).map_err(|e| from_io(dir, &e))?;
        hold(dir, &mut file)?;
        let written = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
        written.map_err(|e| from_io(dir, &e))?;
        Ok(Self { file })
    }

    /// Makes the lock file anew if it is gone or another one, before somebody else takes that lock.
    ///
    /// # Errors
    /// When somebody else has it, or it cannot be made.
    pub(crate) fn keep(&mut self, dir: &Path) -> Result<(), OpenError> {
        if !has_path(&self.file, &dir.join(LOCK_FILE)).map_err(|e| from_io(dir, &e))? {
            tracing::warn!(dir = %dir.display(), "the lock file is not the one that was made, another one is made");
            *self = Self::take(dir)?;
        }
        Ok(())
    }

    /// Makes sure that no keeper runs while the directory is only read. Nothing is written, and a
    /// directory without a lock file has never had a keeper that could still run.
    pub(crate) fn take_to_read(dir: &Path) -> Result<Option<Self>, OpenError> {
        match File::open(dir.join(LOCK_FILE)) {
            Ok(mut file) => {
                hold(dir, &mut file)?;
                Ok(Some(Self { file }))
            }
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(from_io(dir, &e)),
        }
    }
}

/// Whether a path leads to an open file. That it leads nowhere is no error.
pub(crate) fn has_path(file: &File, path: &Path) -> std::io::Result<bool> {
    let open = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn hold(dir: &Path, file: &mut File) -> Result<(), OpenError> {
    match flock(&*file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(e) if e == rustix::io::Errno::WOULDBLOCK => {
            let mut holder = String::new();
            // A holder that has not yet written its id, or an unreadable file, is still a holder.
            let known = file.read_to_string(&mut holder).is_ok() && !holder.trim().is_empty();
            let holder = if known { holder.trim().to_owned() } else { "unknown".to_owned() };
            Err(OpenError::Locked { dir: dir.to_owned(), holder })
        }
        Err(e) => Err(from_io(dir, &e.into())),
    }
}

/// Sorts an error of the operating system into what people can act on.
pub(crate) fn from_io(dir: &Path, error: &std::io::Error) -> OpenError {
    let dir = dir.to_owned();
    let why = error.to_string();
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            OpenError::ReadOnly { dir, why }
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            OpenError::Full { dir, why }
        }
        _ => OpenError::Io { dir, why },
    }
}
