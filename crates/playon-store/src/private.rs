//! Files and folders for the keeper's user alone: modes 0600 and 0700, and owners as they were.
//!
//! What root makes within a directory of somebody else is given to that one: a repair or a restore by root must
//! not lock the keeper's user out.

use std::fs::{DirBuilder, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;

/// Mode of a folder.
const FOLDER: u32 = 0o700;

/// Mode of a file that is not an executable.
pub(crate) const FILE: u32 = 0o600;

/// Makes a folder, and those above it that are missing. One that is there stays as it is.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER).create(path)
}

/// Takes from a folder what others may do with it.
pub(crate) fn close_to_others(folder: &Path) -> io::Result<()> {
    let mode = std::fs::metadata(folder)?.mode() & 0o7777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    std::fs::set_permissions(folder, Permissions::from_mode(mode & !0o077))
}

/// How a private file is opened for writing; without further options it must be there.
pub(crate) fn writing() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(FILE);
    options
}

/// Makes an empty private file unless there is one, and gives it to the owner of its folder.
pub(crate) fn make_file(folder: &Path, path: &Path) -> io::Result<()> {
    writing().create(true).truncate(false).open(path)?;
    give_to_owner_of(folder, path)
}

/// Gives what root made within `folder` to the owner of the folder; does nothing for others than root.
pub(crate) fn give_to_owner_of(folder: &Path, path: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let owner = |meta: Metadata| (meta.uid(), meta.gid());
    let (wanted, found) =
        (owner(std::fs::metadata(folder)?), owner(std::fs::symlink_metadata(path)?));
    if wanted == found { Ok(()) } else { chown(path, Some(wanted.0), Some(wanted.1)) }
}
