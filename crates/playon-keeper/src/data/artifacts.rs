//! The executables of releases, each stored once under its SHA-256.
//!
//! An upload goes to a temporary file first and gets its name when it is whole and synced, so a
//! name in this folder always stands for the whole executable.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use playon_store::open_regular;
use playon_store::space::{self, Short};
use playon_types::ids::ReleaseId;
use playon_types::ply;
use sha2::{Digest, Sha256};

use crate::error::Coded;

const REMEDY_SPACE: &str = "check free space and permissions of the data directory";

/// The folder of artifacts.
#[derive(Debug)]
pub struct Artifacts {
    folder: PathBuf,
    bytes_max: u64,
    uploads: AtomicU64,
    /// Whether so many bytes may be written with the store's reserve left.
    allows: fn(&Path, u64) -> io::Result<Result<(), Short>>,
}

/// An artifact as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Its hash.
    pub id: ReleaseId,
    /// The executable.
    pub path: PathBuf,
    /// Whether it was there already.
    pub known: bool,
}

impl Artifacts {
    /// The artifacts in that folder. What unfinished uploads left behind is removed.
    ///
    /// # Errors
    /// When the folder cannot be read; `PLY-0501`.
    pub fn open(folder: PathBuf, bytes_max: u64) -> Result<Self, Coded> {
        let this = Self { folder, bytes_max, uploads: AtomicU64::new(0), allows: space::allows };
        this.sweep().map_err(|error| {
            crate::error::data_dir(format!("{}: {error}", this.folder.display()))
        })?;
        Ok(this)
    }

    fn sweep(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("upload-") {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Deletes the executables of releases that are not `named`: what was uploaded and became no release. Says how many.
    ///
    /// # Errors
    /// When the folder cannot be read or a file not be deleted; `PLY-0506`.
    pub fn keep_only(&self, named: &BTreeSet<ReleaseId>) -> Result<usize, Coded> {
        let entries = fs::read_dir(&self.folder).map_err(write_error)?;
        let ids = entries.filter_map(|entry| ReleaseId::parse(entry.ok()?.file_name().to_str()?));
        let unnamed: Vec<_> = ids.filter(|id| !named.contains(id)).collect();
        unnamed.iter().try_for_each(|id| self.remove(*id))?;
        Ok(unnamed.len())
    }

    /// Where the executable of a release lies, if it is stored.
    pub fn path(&self, id: ReleaseId) -> Option<PathBuf> {
        let path = self.folder.join(id.to_string());
        path.is_file().then_some(path)
    }

    /// Deletes an executable. A process that runs it goes on.
    ///
    /// # Errors
    /// When it cannot be deleted; `PLY-0506`.
    pub fn remove(&self, id: ReleaseId) -> Result<(), Coded> {
        let path = self.folder.join(id.to_string());
        fs::remove_file(&path).map_err(|error| {
            let message = format!("cannot delete the artifact {}: {error}", path.display());
            Coded::new(ply!("PLY-0506"), message, REMEDY_SPACE)
        })
    }

    /// Begins an upload.
    ///
    /// # Errors
    /// When no file can be made (`PLY-0506`) or the disk has no room but for the store (`PLY-0564`).
    pub fn begin(&self) -> Result<Upload<'_>, Coded> {
        let number = self.uploads.fetch_add(1, Ordering::Relaxed);
        let part = self.folder.join(format!("upload-{}-{number}", std::process::id()));
        self.leave_reserve(0)?;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&part)
            .map_err(write_error)?;
        let hash = Sha256::new();
        Ok(Upload { artifacts: self, file: Some(file), part, hash, bytes: 0, checked: 0 })
    }

    /// Refuses to take what is left of the disk for the store: without it the keeper would end.
    fn leave_reserve(&self, more: u64) -> Result<(), Coded> {
        let left = (self.allows)(&self.folder, more).map_err(write_error)?;
        left.map_err(|short| {
            Coded::new(
                ply!("PLY-0564"),
                format!("the artifact would take the disk from the store: {short}"),
                "make room on the disk of the data directory, or lower `keeper.artifacts_max`",
            )
        })
    }

    /// Stores an executable again that is at `path`, too, unless that is another one. Tells whether it was the right one.
    ///
    /// # Errors
    /// As [`Artifacts::add_file`].
    pub fn restore(&self, id: ReleaseId, path: &Path) -> Result<bool, Coded> {
        let found = self.add_file(path)?;
        if found.id != id && !found.known {
            self.remove(found.id)?;
        }
        Ok(found.id == id)
    }

    /// Stores an executable that lies on this machine.
    ///
    /// # Errors
    /// When it cannot be read (`PLY-0504`), is too large (`PLY-0505`), leaves the store too little (`PLY-0564`) or cannot
    /// be stored (`PLY-0506`).
    pub fn add_file(&self, path: &Path) -> Result<Artifact, Coded> {
        let unreadable = |error: io::Error| {
            let message = format!("cannot read {}: {error}", path.display());
            Coded::new(
                ply!("PLY-0504"),
                message,
                "give the path of an executable that this user can read",
            )
        };
        let mut source = open_regular(path).map_err(unreadable)?;
        self.leave_reserve(source.metadata().map_err(unreadable)?.len())?;
        let mut upload = self.begin()?;
        let mut chunk = vec![0; 1 << 20];
        loop {
            let count = source.read(&mut chunk).map_err(unreadable)?;
            if count == 0 {
                return upload.finish();
            }
            upload.write(&chunk[..count])?;
        }
    }
}

fn write_error(error: io::Error) -> Coded {
    Coded::new(ply!("PLY-0506"), format!("cannot store the artifact: {error}"), REMEDY_SPACE)
}

/// An executable on its way in. Dropped before `finish`, it leaves nothing behind.
#[derive(Debug)]
pub struct Upload<'a> {
    artifacts: &'a Artifacts,
    file: Option<File>,
    part: PathBuf,
    hash: Sha256,
    bytes: u64,
    /// Bytes up to which there was room when it was last looked at.
    checked: u64,
}

/// Bytes of an upload between two looks at the disk.
const LOOK_EVERY_BYTES: u64 = 1 << 20;

impl Upload<'_> {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When it grows too large (`PLY-0505`), would take the store's part of the disk (`PLY-0564`) or cannot be
    /// written (`PLY-0506`).
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Coded> {
        self.bytes += bytes.len() as u64;
        if self.bytes > self.artifacts.bytes_max {
            let message = format!("the artifact is larger than {} bytes", self.artifacts.bytes_max);
            return Err(Coded::new(
                ply!("PLY-0505"),
                message,
                "strip the executable, or load large assets from elsewhere",
            ));
        }
        if self.bytes > self.checked {
            // What is in memory yet is not counted as taken.
            let more = (bytes.len() as u64).max(LOOK_EVERY_BYTES);
            self.artifacts.leave_reserve(more)?;
            self.checked = self.bytes - bytes.len() as u64 + more;
        }
        self.hash.update(bytes);
        match &mut self.file {
            Some(file) => file.write_all(bytes).map_err(write_error),
            None => Ok(()),
        }
    }

    /// Syncs the executable and gives it its name.
    ///
    /// # Errors
    /// When it is empty (`PLY-0507`) or cannot be stored (`PLY-0506`).
    pub fn finish(mut self) -> Result<Artifact, Coded> {
        if self.bytes == 0 {
            return Err(Coded::new(
                ply!("PLY-0507"),
                "the artifact is empty",
                "upload the executable as the request's body",
            ));
        }
        let hash = std::mem::take(&mut self.hash).finalize();
        let mut id = ReleaseId::default();
        id.0.copy_from_slice(&hash);
        let path = self.artifacts.folder.join(id.to_string());
        if path.is_file() {
            return Ok(Artifact { id, path, known: true });
        }
        self.settle(&path).map_err(write_error)?;
        Ok(Artifact { id, path, known: false })
    }

    fn settle(&mut self, path: &Path) -> io::Result<()> {
        if let Some(file) = self.file.take() {
            file.set_permissions(Permissions::from_mode(0o500))?;
            file.sync_all()?;
            // Closed before it gets its name: a file open for writing cannot be executed.
        }
        fs::rename(&self.part, path)?;
        File::open(&self.artifacts.folder)?.sync_all()
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        // After a rename there is nothing under this name, which is just as well.
        let _ = fs::remove_file(&self.part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifacts(max: u64) -> (tempfile::TempDir, Artifacts) {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::open(dir.path().to_owned(), max).unwrap();
        (dir, artifacts)
    }

    fn files(dir: &tempfile::TempDir) -> usize {
        fs::read_dir(dir.path()).unwrap().count()
    }

    #[test]
    fn an_upload_gets_the_name_of_its_hash_and_can_be_executed() {
        let (dir, artifacts) = artifacts(100);
        let mut upload = artifacts.begin().unwrap();
        upload.write(b"ab").unwrap();
        upload.write(b"c").unwrap();
        let stored = upload.finish().unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(stored.id.to_string(), abc);
        assert!(!stored.known);
        assert_eq!(artifacts.path(stored.id), Some(stored.path.clone()));
        assert_eq!(fs::metadata(&stored.path).unwrap().permissions().mode() & 0o777, 0o500);
        assert_eq!(files(&dir), 1);
    }

    #[test]
    fn uploading_twice_changes_nothing() {
        let (dir, artifacts) = artifacts(100);
        let source = dir.path().join("source");
        fs::write(&source, "abc").unwrap();
        let first = artifacts.add_file(&source).unwrap();
        let second = artifacts.add_file(&source).unwrap();
        assert_eq!(second, Artifact { known: true, ..first });
        assert_eq!(files(&dir), 2);
    }

    #[test]
    fn an_upload_that_is_cut_off_or_too_large_leaves_nothing() {
        let (dir, artifacts) = artifacts(4);
        let mut upload = artifacts.begin().unwrap();
        upload.write(b"abc").unwrap();
        assert_eq!(files(&dir), 1);
        assert_eq!(upload.write(b"abc").unwrap_err().code, ply!("PLY-0505"));
        drop(upload);
        assert_eq!(files(&dir), 0);
        assert_eq!(artifacts.begin().unwrap().finish().unwrap_err().code, ply!("PLY-0507"));
        assert_eq!(files(&dir), 0);
    }

    #[test]
    fn only_the_executable_itself_is_stored_again() {
        let (dir, artifacts) = artifacts(100);
        let elsewhere = tempfile::tempdir().unwrap();
        let at = |name: &str, text: &str| {
            fs::write(elsewhere.path().join(name), text).unwrap();
            elsewhere.path().join(name)
        };
        let (right, other) = (at("right", "abc"), at("other", "interpreter"));
        let id = artifacts.add_file(&right).unwrap().id;
        artifacts.remove(id).unwrap();
        assert_eq!(artifacts.restore(id, &other), Ok(false));
        assert_eq!((artifacts.path(id), files(&dir)), (None, 0));
        assert_eq!(artifacts.restore(id, &right), Ok(true));
        assert!(artifacts.path(id).is_some());
        let kept = artifacts.add_file(&other).unwrap().id;
        assert_eq!(artifacts.restore(id, &other), Ok(false));
        assert!(artifacts.path(kept).is_some(), "it belongs to another release");
    }

    #[test]
    fn an_upload_leaves_the_store_its_part_of_the_disk() {
        let (dir, mut artifacts) = artifacts(100 << 20);
        // A disk of 40 MiB, of which what is in the folder is taken.
        artifacts.allows = |folder, wanted| {
            let sizes = fs::read_dir(folder)?.map(|entry| entry?.metadata().map(|meta| meta.len()));
            let taken: u64 = sizes.sum::<io::Result<u64>>()?;
            let short = Short { free: (40 << 20) - taken, wanted, reserve: 16 << 20 };
            Ok(if short.free >= short.wanted + short.reserve { Ok(()) } else { Err(short) })
        };
        let mut upload = artifacts.begin().unwrap();
        let chunk = vec![7; 60_000];
        let mut written = 0;
        let refused = loop {
            match upload.write(&chunk) {
                Ok(()) => written += chunk.len(),
                Err(error) => break error,
            }
        };
        assert_eq!(refused.code, ply!("PLY-0564"));
        assert!((22 << 20..24 << 20).contains(&written), "{written}");
        drop(upload);
        assert_eq!(files(&dir), 0);
        // One on this machine is refused before a byte is copied, and smaller ones still are taken.
        let elsewhere = tempfile::tempdir().unwrap();
        let source = |name: &str, bytes: usize| {
            let path = elsewhere.path().join(name);
            fs::write(&path, vec![7; bytes]).unwrap();
            path
        };
        assert_eq!(
            artifacts.add_file(&source("large", 25 << 20)).unwrap_err().code,
            ply!("PLY-0564")
        );
        assert!(artifacts.add_file(&source("small", 20 << 20)).is_ok());
        assert_eq!(
            artifacts.add_file(&source("other", 5 << 20)).unwrap_err().code,
            ply!("PLY-0564")
        );
        assert_eq!(files(&dir), 1);
    }

    #[test]
    fn leftovers_of_a_crash_are_swept() {
        let (dir, artifacts) = artifacts(4);
        fs::write(dir.path().join("upload-1-0"), "x").unwrap();
        drop(artifacts);
        Artifacts::open(dir.path().to_owned(), 4).unwrap();
        assert_eq!(files(&dir), 0);
    }

    #[test]
    fn what_belongs_to_no_release_is_deleted_and_nothing_else() {
        let (dir, artifacts) = artifacts(100);
        let store = |bytes: &[u8]| {
            let mut upload = artifacts.begin().unwrap();
            upload.write(bytes).unwrap();
            upload.finish().unwrap().id
        };
        let (kept, stray) = (store(b"kept"), store(b"stray"));
        fs::write(dir.path().join("notes"), "somebody's").unwrap();
        assert_eq!(artifacts.keep_only(&BTreeSet::from([kept])), Ok(1));
        assert!(artifacts.path(kept).is_some() && artifacts.path(stray).is_none());
        assert!(dir.path().join("notes").exists());
    }

    #[test]
    fn a_missing_file_is_named() {
        let (_dir, artifacts) = artifacts(4);
        let error = artifacts.add_file(Path::new("/no/such/file")).unwrap_err();
        assert_eq!(error.code, ply!("PLY-0504"));
    }
}
