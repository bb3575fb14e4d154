//! Putting a backup back.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::manifest::{ArtifactEntry, Manifest};
use super::place::BackupTarget;
use super::{ARTIFACTS, BackupError, Progress, copy};
use crate::error::OpenError;
use crate::inspect;
use crate::private;
use crate::sqlite::rewind::rewind;
use crate::sqlite::{DATABASE_FILE, SqliteOptions, connect, open};
use crate::watermark::Watermark;

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// The new data directory.
    pub data: PathBuf,
    /// What the backup says about itself.
    pub backup: Manifest,
    /// The epoch in which a keeper goes on. What players know of earlier ones may be gone, and they are told.
    pub epoch: u64,
}

/// Makes the data directory `data` from a backup. It must not be there yet, or be empty; then it is filled in place, and
/// keeps its mode and owner.
///
/// The restored store goes on in an epoch that no keeper can have had, and all its rooms are marked: players who
/// know of later commits are told what is lost.
///
/// # Errors
/// See [`BackupError`]; then there is no directory `data`, or it is as it was.
pub fn restore(
    from: &Path,
    data: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Restored, BackupError> {
    let manifest = Manifest::read(from)?;
    let place = BackupTarget::begin(data, DATABASE_FILE)?;
    let filled = fill(from, &manifest, place.part(), progress);
    match filled.and_then(|epoch| place.make_private().map(|()| epoch)) {
        Ok(epoch) => {
            place.finish().map(|()| Restored { data: data.to_owned(), backup: manifest, epoch })
        }
        Err(error) => {
            place.abandon();
            Err(error)
        }
    }
}

fn fill(
    from: &Path,
    manifest: &Manifest,
    part: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<u64, BackupError> {
    let not_whole = |why: String| BackupError::NotWhole { dir: from.to_owned(), why };
    let (mut done, total) = (0, manifest.database_bytes);
    let found =
        copy(&from.join(DATABASE_FILE), &part.join(DATABASE_FILE), private::FILE, &mut |count| {
            done += count;
            progress(Progress { step: "copying the database", done, total });
        })?;
    if found != manifest.database_sha256 {
        return Err(not_whole(format!("{DATABASE_FILE} is not the one that was backed up")));
    }
    let (mut done, total) = (0, manifest.releases.iter().filter_map(|entry| entry.bytes).sum());
    for ArtifactEntry { id, label, .. } in
        manifest.releases.iter().filter(|entry| entry.bytes.is_some())
    {
        let found = copy(
            &from.join(ARTIFACTS).join(id),
            &part.join(ARTIFACTS).join(id),
            0o500,
            &mut |count| {
                done += count;
                progress(Progress { step: "copying the releases", done, total });
            },
        )?;
        if &found != id {
            return Err(not_whole(format!("the executable of {label} is damaged")));
        }
    }
    progress(Progress { step: "verifying", done: 0, total: 0 });
    let epoch = go_on(part)?;
    let report = inspect::verify(part)?;
    match super::useless(&report.problems) {
        None => Ok(epoch),
        Some(problem) => Err(not_whole(problem.place.clone())),
    }
}

/// Opens the store, which verifies it, and lets it go on in a later epoch.
fn go_on(part: &Path) -> Result<u64, OpenError> {
    let mut opened = open::open(part, &SqliteOptions::default())?;
    rewind(&opened.conn, &mut opened.books).map_err(|fault| fault.into_open(part))?;
    connect::checkpoint_whole(&opened.conn).map_err(|error| connect::open_error(part, &error))?;
    let mark = Watermark { epoch: opened.books.epoch, batch: opened.books.last };
    opened.watermark.raise(mark).map_err(|error| crate::lock::from_io(part, &error))?;
    Ok(opened.books.epoch.0)
}
