//! Copies of a whole store that can be put back: made while a keeper runs, verified, and never half.
//!
//! A backup is a directory with the database, the executables of its releases, and a manifest with the hashes of
//! both. It comes into its place when it is whole and synced. Its files have the mode 0600, its folders 0700.

mod make;
mod manifest;
mod place;
mod restore;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use playon_types::code::Code;
use playon_types::ply;
use sha2::{Digest, Sha256};

use crate::damage::Damage;
use crate::error::OpenError;
use crate::regular::open_regular;
use crate::space::{self, Short};

pub use make::backup;
pub use manifest::{ArtifactEntry, MANIFEST_FILE, Manifest};
pub use restore::{Restored, restore};

/// The folder of executables, within a data directory and within a backup.
const ARTIFACTS: &str = "artifacts";

/// How far a copy has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done, for people.
    pub step: &'static str,
    /// Bytes done in this step.
    pub done: u64,
    /// Bytes to do in this step; 0 if that is not known.
    pub total: u64,
}

/// Why there is no backup, or nothing restored. What was there before is as it was.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store cannot be looked into.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Something is already there. Nothing is ever overwritten.
    #[error("PLY-0220 {path} is already there, and nothing is overwritten", path = .0.display())]
    Exists(PathBuf),
    /// The copy cannot be read or written.
    #[error("PLY-0221 {path}: {why}", path = .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The disk of the store would be left with too little for the store.
    #[error("PLY-0226 {path}: {short}", path = .path.display())]
    Short {
        /// Where it was to be written.
        path: PathBuf,
        /// What is missing.
        short: Short,
    },
    /// The backup is not whole, or not as it was made.
    #[error("PLY-0222 {dir} is not a whole backup: {why}", dir = .dir.display())]
    NotWhole {
        /// The backup.
        dir: PathBuf,
        /// What is missing or different.
        why: String,
    },
    /// The store is damaged in a way that keeps a keeper from starting, so its copy would be of no use.
    #[error("PLY-0223 {dir} is damaged, its copy would be of no use: {place}", dir = .dir.display())]
    Useless {
        /// The data directory.
        dir: PathBuf,
        /// What is damaged.
        place: String,
    },
}

impl BackupError {
    /// The stable code, for `playon explain`.
    pub const fn code(&self) -> Code {
        match self {
            Self::Open(error) => error.code(),
            Self::Exists(_) => ply!("PLY-0220"),
            Self::Io { .. } => ply!("PLY-0221"),
            Self::Short { .. } => ply!("PLY-0226"),
            Self::NotWhole { .. } => ply!("PLY-0222"),
            Self::Useless { .. } => ply!("PLY-0223"),
        }
    }
}

/// Names the path in errors of the system.
fn at(path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.to_owned();
    move |error| BackupError::Io { path: path.clone(), why: error.to_string() }
}

/// Refuses to write so many bytes below `to` if that is on the file system of the store in `data` and would leave it too little.
fn leave_reserve(data: &Path, to: &Path, wanted: u64) -> Result<(), BackupError> {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &Path| std::fs::metadata(path).map(|meta| meta.dev()).map_err(at(path));
    if device(data)? != device(to)? {
        return Ok(());
    }
    let left = space::allows(to, wanted).map_err(at(to))?;
    left.map_err(|short| BackupError::Short { path: to.to_owned(), short })
}

fn sync(path: &Path) -> Result<(), BackupError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(at(path))
}

/// Copies a file, synced, and returns the SHA-256 of what was copied.
fn copy(
    from: &Path,
    to: &Path,
    mode: u32,
    each: &mut dyn FnMut(u64),
) -> Result<String, BackupError> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut source = open_regular(from).map_err(at(from))?;
    let mut create = std::fs::OpenOptions::new();
    let mut target = create.write(true).create_new(true).mode(mode).open(to).map_err(at(to))?;
    let hash = read(&mut source, &mut |chunk| {
        each(chunk.len() as u64);
        target.write_all(chunk)
    });
    let hash = hash.map_err(at(from))?;
    target.sync_all().map_err(at(to))?;
    Ok(hash)
}

/// The SHA-256 of a file.
fn hash_of(path: &Path) -> Result<String, BackupError> {
    let mut file = open_regular(path).map_err(at(path))?;
    read(&mut file, &mut |_| Ok(())).map_err(at(path))
}

fn read(file: &mut File, each: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            let digits = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            return Ok(digits);
        }
        hash.update(&chunk[..count]);
        each(&chunk[..count])?;
    }
}

/// The first problem that concerns more than a room.
fn useless(problems: &[Damage]) -> Option<&Damage> {
    problems.iter().find(|problem| problem.room.is_none())
}
