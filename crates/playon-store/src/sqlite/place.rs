//! Whether the files that are open are still the ones at their paths.
//!
//! A file that is open goes on to take writes and syncs when its name is gone: nothing fails, and nothing of it is found again.
//! So the writer looks after every commit, before anybody is told that it is safe, and when it is asked to. A look is a few
//! calls that touch no disk.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use crate::sqlite::DATABASE_FILE;
use crate::sqlite::connect::PAGE_BYTES;

/// Pages of the database, the first one and others all over it, by which one that somebody has written is told from one that was
/// only touched. Others of the same size can be as they are, so an older copy of a large one may pass; the next start tells.
const SAMPLE_PAGES: u64 = 64;

/// What a write-ahead log begins with, without the lowest bit, which tells the order of bytes in its checksums.
const WAL_MAGIC: u32 = 0x377f_0682;

/// Bytes of a write-ahead log before its first frame, and of what a frame has beside its page.
const WAL_HEAD_BYTES: u64 = 32;
const WAL_FRAME_BYTES: u64 = 24;

/// What a look found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Everything is where it was.
    There,
    /// Whether it is cannot be seen, and why. What is open has names still.
    Unseen(String),
    /// The write-ahead log has lost its name, and nothing else has: what is open of it can be copied into the database.
    LogGone(String),
    /// What is written reaches nobody.
    Gone(String),
}

/// Device and number: two paths that have both alike lead to one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(u64, u64);

impl Identity {
    fn of(meta: &Metadata) -> Self {
        Self(meta.dev(), meta.ino())
    }
}

/// A file that must keep its name.
#[derive(Debug)]
struct Held {
    path: PathBuf,
    identity: Identity,
}

impl Held {
    fn at(path: PathBuf) -> io::Result<Self> {
        let identity = Identity::of(&fs::metadata(&path)?);
        Ok(Self { path, identity })
    }

    /// A file that is open, whatever its path leads to by now.
    fn open(path: PathBuf, file: &File) -> io::Result<Self> {
        let identity = Identity::of(&file.metadata()?);
        Ok(Self { path, identity })
    }

    /// What its path leads to, or how it does not.
    fn find(&self) -> Result<Metadata, Sight> {
        let path = self.path.display();
        match fs::metadata(&self.path) {
            Ok(meta) if Identity::of(&meta) == self.identity => Ok(meta),
            Ok(_) => Err(Sight::Gone(format!("{path} is another one now"))),
            Err(error) if is_gone(&error) => Err(Sight::Gone(format!("{path} is gone"))),
            Err(error) => Err(Sight::Unseen(format!("{path}: {error}"))),
        }
    }
}

/// Whether nothing is there any more; other errors say nothing of that.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, StaleNetworkFileHandle};
    matches!(error.kind(), NotFound | NotADirectory | StaleNetworkFileHandle)
}

/// What only this process's checkpoints change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Content {
    bytes: u64,
    changed: (i64, i64),
    sample: u64,
}

impl Content {
    fn of(file: &File, meta: &Metadata) -> io::Result<Self> {
        let pages = meta.len() / PAGE_BYTES;
        let step = (pages / SAMPLE_PAGES).max(1);
        let mut hash = Xxh3::new();
        let mut page = vec![0; usize::try_from(PAGE_BYTES).unwrap_or_default()];
        for number in (0..pages).step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
            file.read_exact_at(&mut page, number * PAGE_BYTES)?;
            hash.update(&page);
        }
        Ok(Self { bytes: meta.len(), changed: changed(meta), sample: hash.digest() })
    }
}

fn changed(meta: &Metadata) -> (i64, i64) {
    (meta.mtime(), meta.mtime_nsec())
}

/// The directory and the files of the engine in it.
#[derive(Debug)]
pub(crate) struct Place {
    folder: Held,
    database: Held,
    log: Held,
    index: Held,
    /// Open from before the engine's connections until after them: closing it gives up the process's locks on the file.
    content: File,
    log_content: File,
    /// The database as the last checkpoint left it; nothing while one is under way, when what somebody else writes is not told from
    /// what it writes.
    settled: Option<Content>,
}

impl Place {
    /// The database of a directory, opened to look at; to be had before the engine opens it.
    pub(crate) fn open_content(dir: &Path) -> io::Result<File> {
        File::open(dir.join(DATABASE_FILE))
    }

    /// What is open in `dir`, once the engine has made all its files. `content` is the database.
    pub(crate) fn note(dir: &Path, content: File) -> io::Result<Self> {
        let path = |suffix: &str| dir.join(format!("{DATABASE_FILE}{suffix}"));
        let log_content = File::open(path("-wal"))?;
        let mut this = Self {
            folder: Held::at(dir.to_owned())?,
            database: Held::open(path(""), &content)?,
            log: Held::open(path("-wal"), &log_content)?,
            index: Held::at(path("-shm"))?,
            content,
            log_content,
            settled: None,
        };
        this.settle()?;
        Ok(this)
    }

    /// A checkpoint begins: the database changes from here on.
    pub(crate) const fn unsettle(&mut self) {
        self.settled = None;
    }

    /// A checkpoint has ended: what is in the database stays as it is until the next one.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        self.settled = Some(Content::of(&self.content, &self.content.metadata()?)?);
        Ok(())
    }

    /// Looks. The write-ahead log has at least `pages` pages.
    pub(crate) fn look(&mut self, pages: u64) -> Sight {
        match self.find(pages) {
            Ok(()) => Sight::There,
            // What cannot be seen may be gone all the same: then nothing has a name any more.
            Err(Sight::Unseen(why)) if !self.has_names() => Sight::Gone(why),
            Err(sight) => sight,
        }
    }

    fn find(&mut self, pages: u64) -> Result<(), Sight> {
        self.folder.find()?;
        let database = self.database.find()?;
        self.find_content(&database)?;
        self.index.find()?;
        let log = self.log.find().map_err(|sight| match sight {
            Sight::Gone(why) => Sight::LogGone(why),
            other => other,
        })?;
        self.find_log_content(&log, pages)
    }

    /// Finds out whether somebody else has written the database. A file that was only touched is the same.
    fn find_content(&mut self, meta: &Metadata) -> Result<(), Sight> {
        let Some(settled) = &mut self.settled else { return Ok(()) };
        if (settled.bytes, settled.changed) == (meta.len(), changed(meta)) {
            return Ok(());
        }
        let found = Content::of(&self.content, meta);
        if found
            .as_ref()
            .is_ok_and(|found| (found.bytes, found.sample) == (settled.bytes, settled.sample))
        {
            settled.changed = changed(meta);
            return Ok(());
        }
        let path = self.database.path.display();
        Err(Sight::Gone(format!("{path} was written over by somebody else")))
    }

    /// Finds out whether somebody else has written the log: it is as long as what was written, and begins as logs do.
    fn find_log_content(&self, meta: &Metadata, pages: u64) -> Result<(), Sight> {
        if pages == 0 {
            return Ok(());
        }
        let path = self.log.path.display();
        let mut magic = [0; 4];
        match self.log_content.read_exact_at(&mut magic, 0) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
                Err(Sight::Unseen(format!("{path}: {error}")))
            }
            Ok(()) if meta.len() >= log_bytes(pages) && is_log(magic) => Ok(()),
            _ => Err(Sight::Gone(format!("{path} was written over by somebody else"))),
        }
    }

    fn has_names(&self) -> bool {
        [&self.content, &self.log_content]
            .iter()
            .all(|file| file.metadata().is_ok_and(|meta| meta.nlink() > 0))
    }
}

/// Least bytes of a write-ahead log with so many pages.
const fn log_bytes(pages: u64) -> u64 {
    WAL_HEAD_BYTES + pages * (WAL_FRAME_BYTES + PAGE_BYTES)
}

const fn is_log(magic: [u8; 4]) -> bool {
    u32::from_be_bytes(magic) & !1 == WAL_MAGIC
}
