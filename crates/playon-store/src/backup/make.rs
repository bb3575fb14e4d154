//! Making a backup.

use std::path::Path;
use std::time::Duration;

use playon_types::ids::Epoch;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::place::BackupTarget;
use super::{
    ARTIFACTS, ArtifactEntry, BackupError, MANIFEST_FILE, Manifest, Progress, at, copy,
    leave_reserve,
};
use crate::error::OpenError;
use crate::inspect::{self, VerifyReport};
use crate::private;
use crate::sqlite::connect::{self, PAGE_BYTES, open_error};
use crate::sqlite::{DATABASE_FILE, open, tables};
use crate::watermark::{Watermark, WatermarkFile};

/// Pages copied between two calls of the progress function.
const PAGES_PER_STEP: std::ffi::c_int = 512;

/// How long to wait when the database is locked for a moment.
const BUSY_WAIT: Duration = Duration::from_millis(5);

/// Copies the store in `data` to the directory `to`, whether a keeper is using it or not. `to` must not be there, or be
/// empty; then it is filled in place, and keeps its mode and owner. The copy is as of one
/// moment: everything that was safe when the copying began is in it, and nothing that came later.
/// While it is made, the keeper's write-ahead log grows by what is written meanwhile.
///
/// The secrets of the data directory are not in it: a restored keeper makes its own.
///
/// # Errors
/// See [`BackupError`]; then there is no directory `to`, or it is as it was.
pub fn backup(
    data: &Path,
    to: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Manifest, BackupError> {
    if !data.join(DATABASE_FILE).is_file() {
        return Err(OpenError::Missing { dir: data.to_owned() }.into());
    }
    let place = BackupTarget::begin(to, MANIFEST_FILE)?;
    match fill(data, place.part(), progress) {
        Ok(manifest) => place.finish().map(|()| manifest),
        Err(error) => {
            place.abandon();
            Err(error)
        }
    }
}

fn fill(
    data: &Path,
    part: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Manifest, BackupError> {
    let database = part.join(DATABASE_FILE);
    // Asked before the copy begins: whatever was acknowledged by then must be in it.
    let promised = open::promised(data)?;
    let size = std::fs::metadata(data.join(DATABASE_FILE)).map_err(at(data))?.len();
    leave_reserve(data, part, size)?;
    copy_database(data, &database, progress)?;
    let mut manifest = Manifest::new();
    progress(Progress { step: "verifying the copy", done: 0, total: 0 });
    let report = judged(data, part)?;
    if report.batch_last < promised {
        let (dir, found) = (data.to_owned(), report.batch_last);
        return Err(OpenError::LostWrites { dir, found, promised }.into());
    }
    manifest.epoch = report.epoch;
    manifest.batch = report.batch_last;
    manifest.rooms_hot = report.rooms_hot;
    manifest.rooms_asleep = report.rooms_asleep;
    manifest.rooms_damaged = report.problems.len() as u64;
    manifest.releases = copy_artifacts(data, part, progress)?;
    drop_traces(part)?;
    manifest.database_bytes = std::fs::metadata(&database).map_err(at(&database))?.len();
    manifest.database_sha256 = super::hash_of(&database)?;
    let mark = Watermark { epoch: Epoch(report.epoch), batch: report.batch_last };
    WatermarkFile::open(part, mark).map_err(at(part))?;
    super::sync(&database)?;
    manifest.write(part)?;
    Ok(manifest)
}

/// Copies all pages as of one moment.
fn copy_database(
    data: &Path,
    database: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), BackupError> {
    let sql = |error| BackupError::Open(open_error(data, &error));
    let source = connect::reader(data).map_err(sql)?;
    // What this transaction sees is what is copied; without it, each step would see what is there by then.
    let seen = source.unchecked_transaction().map_err(sql)?;
    let _: i64 =
        seen.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(sql)?;
    let refused = |error: rusqlite::Error| BackupError::Io {
        path: database.to_owned(),
        why: error.to_string(),
    };
    let folder = database.parent().unwrap_or(data);
    private::make_file(folder, database).map_err(at(database))?;
    let mut target = Connection::open(database).map_err(refused)?;
    let copying = Backup::new(&seen, &mut target).map_err(refused)?;
    loop {
        let step = copying.step(PAGES_PER_STEP).map_err(refused)?;
        let pages = copying.progress();
        let bytes = |count: std::ffi::c_int| u64::try_from(count).unwrap_or(0) * PAGE_BYTES;
        let (total, rest) = (bytes(pages.pagecount), bytes(pages.remaining));
        progress(Progress { step: "copying the database", done: total - rest.min(total), total });
        match step {
            StepResult::Done => break,
            // The database may grow while it is copied, and others write, too.
            StepResult::More => leave_reserve(data, folder, 0)?,
            _ => std::thread::sleep(BUSY_WAIT),
        }
    }
    drop(copying);
    target.close().map_err(|(_, error)| refused(error))
}

/// Verifies the copy. Damaged rooms are copied as they are; damage that keeps a keeper from starting is refused.
fn judged(data: &Path, part: &Path) -> Result<VerifyReport, BackupError> {
    let report = inspect::verify(part)?;
    match super::useless(&report.problems) {
        None => Ok(report),
        Some(problem) => {
            let place = problem.place.clone();
            Err(BackupError::Useless { dir: data.to_owned(), place })
        }
    }
}

/// Looking into a database leaves an empty write-ahead log beside it.
fn drop_traces(part: &Path) -> Result<(), BackupError> {
    for trace in ["wal", "shm"] {
        let path = part.join(format!("{DATABASE_FILE}-{trace}"));
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(at(&path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn copy_artifacts(
    data: &Path,
    part: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<ArtifactEntry>, BackupError> {
    let conn = connect::reader(part).map_err(|error| open_error(part, &error))?;
    let releases = tables::releases(&conn).map_err(|fault| fault.into_open(part))?;
    let from = data.join(ARTIFACTS);
    let size = |id: &str| std::fs::metadata(from.join(id)).ok().map(|meta| meta.len());
    let total = releases.iter().filter_map(|release| size(&release.id.to_string())).sum();
    leave_reserve(data, part, total)?;
    let mut done = 0;
    let mut entries = Vec::new();
    for release in releases {
        let id = release.id.to_string();
        let bytes = size(&id);
        if bytes.is_some() {
            let to = part.join(ARTIFACTS).join(&id);
            let found = copy(&from.join(&id), &to, 0o500, &mut |count| {
                done += count;
                progress(Progress { step: "copying the releases", done, total });
            })?;
            if found != id {
                let why = format!("the executable of {} is damaged", release.label);
                return Err(BackupError::Io { path: from.join(&id), why });
            }
        }
        entries.push(ArtifactEntry { id, label: release.label, bytes });
    }
    Ok(entries)
}
