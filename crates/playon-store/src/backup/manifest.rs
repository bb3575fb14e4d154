//! What a backup says about itself.

use std::io::Write;
use std::path::Path;

use playon_types::ids::ReleaseId;
use serde::{Deserialize, Serialize};

use super::{BackupError, at};
use crate::private;
use crate::regular::open_regular;

/// Name of the manifest within a backup.
pub const MANIFEST_FILE: &str = "backup.json";

/// The format that this version writes, and the only one it reads.
const FORMAT: u32 = 1;

/// What a backup says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format of the backup.
    pub format: u32,
    /// When it was made, wall-clock milliseconds since 1970, for people only.
    pub made_ms: u64,
    /// The epoch of the keeper that wrote last.
    pub epoch: u64,
    /// The last batch that is in it.
    pub batch: u64,
    /// Rooms in the hot log.
    pub rooms_hot: u64,
    /// Rooms at rest.
    pub rooms_asleep: u64,
    /// Rooms that were damaged already when the backup was made.
    pub rooms_damaged: u64,
    /// Bytes of the database.
    pub database_bytes: u64,
    /// SHA-256 of the database, in hexadecimal digits.
    pub database_sha256: String,
    /// The releases.
    pub releases: Vec<ArtifactEntry>,
}

/// A release of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactEntry {
    /// SHA-256 of the executable, in hexadecimal digits; its name below `artifacts`.
    pub id: String,
    /// The name people use.
    pub label: String,
    /// Bytes of the executable; none if the keeper never had it, because the worker was started by others.
    pub bytes: Option<u64>,
}

impl Manifest {
    pub(super) fn new() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let made_ms = since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0));
        Self {
            format: FORMAT,
            made_ms,
            epoch: 0,
            batch: 0,
            rooms_hot: 0,
            rooms_asleep: 0,
            rooms_damaged: 0,
            database_bytes: 0,
            database_sha256: String::new(),
            releases: Vec::new(),
        }
    }

    pub(super) fn write(&self, dir: &Path) -> Result<(), BackupError> {
        let path = dir.join(MANIFEST_FILE);
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| BackupError::Io { path: path.clone(), why: error.to_string() })?;
        let mut create = private::writing();
        let mut file = create.create(true).truncate(true).open(&path).map_err(at(&path))?;
        file.write_all((text + "\n").as_bytes()).map_err(at(&path))?;
        super::sync(&path)
    }

    pub(super) fn read(dir: &Path) -> Result<Self, BackupError> {
        let path = dir.join(MANIFEST_FILE);
        let not_whole = |why: String| BackupError::NotWhole { dir: dir.to_owned(), why };
        let text = match open_regular(&path).and_then(std::io::read_to_string) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(not_whole(format!("there is no {MANIFEST_FILE}")));
            }
            Err(error) => return Err(at(&path)(error)),
        };
        let manifest: Self = serde_json::from_str(&text)
            .map_err(|error| not_whole(format!("{MANIFEST_FILE} cannot be read: {error}")))?;
        if manifest.format != FORMAT {
            let format = manifest.format;
            return Err(not_whole(format!("its format is {format}, this version reads {FORMAT}")));
        }
        // They become names of files.
        match manifest.releases.iter().find(|entry| ReleaseId::parse(&entry.id).is_none()) {
            None => Ok(manifest),
            Some(entry) => Err(not_whole(format!("{:?} is not the id of a release", entry.id))),
        }
    }
}
