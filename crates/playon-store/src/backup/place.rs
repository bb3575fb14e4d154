//! Where a directory is made, and how it comes into its place: whole or not at all.
//!
//! A directory that is not there yet is made under another name beside its place and renamed. One that is
//! there and empty is filled in place, since it may be a mount point or not ours to rename: what belongs into it is made
//! in a folder within it and moved up, what makes it whole last. Its mode and its owner stay as they were.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::{ARTIFACTS, BackupError, at, sync};
use crate::private;

/// Where the contents of a directory are made if that is there already.
const PART: &str = "unfinished.part";

/// What a new file system has in its root.
const OF_THE_SYSTEM: &str = "lost+found";

/// A directory in the making.
#[derive(Debug)]
pub(super) struct BackupTarget {
    dir: PathBuf,
    part: PathBuf,
    /// Whether the directory was there, empty.
    there: bool,
    /// The file without which the directory is not whole.
    last: &'static str,
}

impl BackupTarget {
    /// Begins a directory that will be `dir`; what an earlier attempt left is removed.
    pub(super) fn begin(dir: &Path, last: &'static str) -> Result<Self, BackupError> {
        let dir = target(dir)?;
        let there = match std::fs::read_dir(&dir) {
            Ok(entries) => {
                free(&dir, entries, last)?;
                true
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(_) => return Err(BackupError::Exists(dir)),
        };
        let beside = beside(&dir);
        if let Ok(beside) = &beside {
            remove(beside)?;
        }
        let part = if there { dir.join(PART) } else { beside? };
        private::make_folder(&part.join(ARTIFACTS)).map_err(at(&part))?;
        let place = Self { dir, part, there, last };
        place.own(&place.part)?;
        place.own(&place.part.join(ARTIFACTS))?;
        Ok(place)
    }

    /// Where the contents are made.
    pub(super) fn part(&self) -> &Path {
        &self.part
    }

    /// Closes a directory that was there to other users: a keeper takes no other one.
    pub(super) fn make_private(&self) -> Result<(), BackupError> {
        match self.there {
            true => private::close_to_others(&self.dir).map_err(at(&self.dir)),
            false => Ok(()),
        }
    }

    /// Gives a file or folder of the contents to the owner of a directory that was there.
    fn own(&self, path: &Path) -> Result<(), BackupError> {
        match self.there {
            true => private::give_to_owner_of(&self.dir, path).map_err(at(path)),
            false => Ok(()),
        }
    }

    /// Puts the contents into their place.
    pub(super) fn finish(self) -> Result<(), BackupError> {
        sync(&self.part.join(ARTIFACTS))?;
        sync(&self.part)?;
        if !self.there {
            std::fs::rename(&self.part, &self.dir).map_err(at(&self.dir))?;
            return match self.dir.parent().filter(|parent| parent.is_dir()) {
                Some(parent) => sync(parent),
                None => Ok(()),
            };
        }
        for name in names(&self.part)? {
            self.own(&self.part.join(&name))?;
            if name != OsStr::new(self.last) {
                self.move_up(&name)?;
            }
        }
        for artifact in names(&self.dir.join(ARTIFACTS))? {
            self.own(&self.dir.join(ARTIFACTS).join(artifact))?;
        }
        sync(&self.dir)?;
        self.move_up(OsStr::new(self.last))?;
        std::fs::remove_dir(&self.part).map_err(at(&self.part))?;
        sync(&self.dir)
    }

    fn move_up(&self, name: &OsStr) -> Result<(), BackupError> {
        let to = self.dir.join(name);
        std::fs::rename(self.part.join(name), &to).map_err(at(&to))
    }

    /// Removes what was made so far.
    pub(super) fn abandon(self) {
        // The error that led here is what matters; what stays behind is removed by the next attempt.
        let _ = std::fs::remove_dir_all(&self.part);
    }
}

/// Whether the directory is empty, but for what an earlier attempt left, which is removed.
fn free(dir: &Path, entries: std::fs::ReadDir, last: &str) -> Result<(), BackupError> {
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(at(dir))?.file_name();
        if name != OsStr::new(OF_THE_SYSTEM) {
            found.push(name);
        }
    }
    let unfinished = found.iter().any(|name| name == PART);
    // With the last file it is whole, and may have been used since.
    if !found.is_empty() && (!unfinished || found.iter().any(|name| name == last)) {
        return Err(BackupError::Exists(dir.to_owned()));
    }
    // The part itself last: it says what the others are.
    found.sort_by_key(|name| name == PART);
    found.iter().try_for_each(|name| remove(&dir.join(name)))
}

/// The directory meant, through links, also where nothing is yet.
fn target(dir: &Path) -> Result<PathBuf, BackupError> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    if let Ok(found) = std::fs::canonicalize(dir) {
        return Ok(found);
    }
    match std::fs::read_link(dir) {
        // A link to where nothing is: the place is there.
        Ok(to) => {
            let parent = dir.parent().unwrap_or(Path::new(""));
            target(&parent.join(to))
        }
        Err(_) => Ok(dir.to_owned()),
    }
}

/// Where a directory is made before it gets its name.
fn beside(dir: &Path) -> Result<PathBuf, BackupError> {
    let Some(name) = dir.file_name() else {
        let why = "it is not there, and has no name to be made under".to_owned();
        return Err(BackupError::Io { path: dir.to_owned(), why });
    };
    let mut name = name.to_os_string();
    name.push(".part");
    Ok(dir.with_file_name(name))
}

fn names(dir: &Path) -> Result<Vec<std::ffi::OsString>, BackupError> {
    let entries = std::fs::read_dir(dir).map_err(at(dir))?;
    entries.map(|entry| entry.map(|entry| entry.file_name()).map_err(at(dir))).collect()
}

fn remove(path: &Path) -> Result<(), BackupError> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}
