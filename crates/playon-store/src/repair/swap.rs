//! Putting the new store in the place of the damaged one.
//!
//! Several files cannot change places at once. The order is such that at every moment in between a keeper
//! refuses the directory: either the watermark promises more than the database has, or there is no database
//! while there is a watermark. Only with the last step there is something that can be served.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{RepairError, at};
use crate::private;
use crate::sqlite::DATABASE_FILE;
use crate::watermark::WATERMARK_FILE;

/// Moves the damaged files into a folder of their own, and the new ones into their place. Returns the folder.
pub(super) fn swap(data: &Path, part: &Path) -> Result<PathBuf, RepairError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let kept = data.join(format!("damaged-{now}"));
    fs::DirBuilder::new().mode(0o700).create(&kept).map_err(at(&kept))?;
    private::give_to_owner_of(data, &kept).map_err(at(&kept))?;
    let mark = data.join(WATERMARK_FILE);
    if mark.exists() {
        let copy = kept.join(WATERMARK_FILE);
        fs::copy(&mark, &copy).map_err(at(&kept))?;
        private::give_to_owner_of(data, &copy).map_err(at(&copy))?;
        sync(&copy)?;
    } else {
        // Without it, a directory whose database has just been moved would look new.
        fs::copy(part.join(WATERMARK_FILE), &mark).map_err(at(&mark))?;
        private::give_to_owner_of(data, &mark).map_err(at(&mark))?;
        sync(&mark)?;
    }
    sync(data)?;
    // The database first: without its log it would be an older one.
    for name in ["", "-shm", "-wal"].map(|end| format!("{DATABASE_FILE}{end}")) {
        relocate(&data.join(&name), &kept.join(&name))?;
        sync(&kept)?;
        sync(data)?;
    }
    relocate(&part.join(DATABASE_FILE), &data.join(DATABASE_FILE))?;
    sync(data)?;
    relocate(&part.join(WATERMARK_FILE), &mark)?;
    sync(data)?;
    // What is left in it is empty.
    fs::remove_dir_all(part).map_err(at(part))?;
    Ok(kept)
}

/// Moves a file, if it is there.
fn relocate(from: &Path, to: &Path) -> Result<(), RepairError> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(from)(error)),
        _ => Ok(()),
    }
}

fn sync(path: &Path) -> Result<(), RepairError> {
    fs::File::open(path).and_then(|file| file.sync_all()).map_err(at(path))
}
