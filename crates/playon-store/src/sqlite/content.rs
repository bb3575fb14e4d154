//! What is in the file of the database: whether anybody but this process's checkpoints has written it.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use xxhash_rust::xxh3::xxh3_64;

use crate::sqlite::connect::PAGE_BYTES;
use crate::sqlite::wal::WalFrames;

/// Pages of the database, the first one and others all over it, by which one that somebody has written is told from one that was
/// only touched. Others of the same size can be as they are, so an older copy of a large one may pass; the next start tells.
const SAMPLE_PAGES: u64 = 64;

/// What only this process's checkpoints change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    bytes: u64,
    changed: (i64, i64),
    /// Numbers of pages, counted from 0, and what they hash to.
    sample: Vec<(u64, u64)>,
}

impl Content {
    /// What is in the database now.
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        let meta = file.metadata()?;
        let pages = meta.len() / PAGE_BYTES;
        let step = usize::try_from((pages / SAMPLE_PAGES).max(1)).unwrap_or(usize::MAX);
        let hashed = |number| Ok((number, hash_of(file, number)?));
        let sample = (0..pages).step_by(step).map(hashed).collect::<io::Result<_>>()?;
        Ok(Self { bytes: meta.len(), changed: changed(&meta), sample })
    }

    /// Whether nobody has written it since, by its size and time of change alone.
    pub(crate) fn is_untouched(&self, meta: &Metadata) -> bool {
        (self.bytes, self.changed) == (meta.len(), changed(meta))
    }

    /// Whether it is the same but for the time of change.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (self.bytes, &self.sample) == (other.bytes, &other.sample)
    }

    /// Whether a database that was this before a checkpoint, which has copied `copied` of the `pages` frames of the log, is what it was
    /// and what was copied into it. That is told by as many pages of each as a look takes.
    pub(crate) fn is_ours(
        &self,
        database: &File,
        log: &File,
        pages: u64,
        copied: u64,
    ) -> io::Result<bool> {
        let frames = WalFrames::read(log, pages)?;
        let bytes = database.metadata()?.len();
        if copied == pages && pages > 0 && bytes != frames.database_pages * PAGE_BYTES {
            return Ok(false);
        }
        for (number, hash) in &self.sample {
            let untouched = !frames.last.contains_key(number);
            if untouched && hash_of(database, *number)? != *hash {
                return Ok(false);
            }
        }
        // Of a page that is still to be copied an older one may be there.
        let mut done: Vec<_> =
            frames.last.into_iter().filter(|(_, frame)| *frame <= copied).collect();
        done.sort_unstable();
        let step = (done.len() / SAMPLE_PAGES as usize).max(1);
        let mut page = [0; PAGE_BYTES as usize];
        for (number, frame) in done.into_iter().step_by(step) {
            WalFrames::page(log, frame, &mut page)?;
            if hash_of(database, number)? != xxh3_64(&page) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn hash_of(file: &File, number: u64) -> io::Result<u64> {
    let mut page = [0; PAGE_BYTES as usize];
    file.read_exact_at(&mut page, number * PAGE_BYTES)?;
    Ok(xxh3_64(&page))
}

fn changed(meta: &Metadata) -> (i64, i64) {
    (meta.mtime(), meta.mtime_nsec())
}
