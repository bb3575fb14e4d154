//! What has been promised, kept outside of the database.
//!
//! SQLite drops the tail of its write-ahead log from the first frame whose checksum is wrong, and says
//! nothing: after a crash that is how an unfinished write looks. A damaged frame in the middle looks the same,
//! and would silently turn acknowledged commits into ones that never happened. So the number of the last
//! acknowledged batch is also written here, and a database that ends before it is refused.
//!
//! The file needs no sync. A slot is written only after the batch it names has been synced, so it can be
//! behind what is durable but never ahead of it, and a refusal is never wrong. When only the process dies, the
//! page cache keeps the last slot written and the mark is exact; when the power fails, it
//! may be some seconds old and vouches for that much less. Two slots in different sectors are written in
//! turn, each with a checksum, so that an interrupted write leaves the other one.
//!
//! An operator who accepts a loss repairs the store. Who only deletes the file accepts it for players too, without
//! their being told.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use playon_types::ids::Epoch;

use crate::check::Check;
use crate::lock::has_path;
use crate::private;

/// Name of the file beside the database.
pub const WATERMARK_FILE: &str = "watermark";

const MAGIC: &[u8; 8] = b"PLYMARK1";
const SLOT_BYTES: usize = 32;
const SLOT_DISTANCE: u64 = 4096;

/// The last batch that anybody was told is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// The epoch that wrote the batch.
    pub epoch: Epoch,
    /// The number of the batch.
    pub batch: u64,
}

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// There is no file.
    Missing,
    /// There is a file but neither slot can be trusted.
    Unreadable,
    /// The newer of the slots that can be trusted.
    Mark(Watermark),
}

/// The file, open for writing.
#[derive(Debug)]
pub(crate) struct WatermarkFile {
    file: File,
}

/// Reads the watermark of a directory.
///
/// # Errors
/// When the file is there but cannot be read.
pub fn read(dir: &Path) -> io::Result<Reading> {
    let file = match File::open(dir.join(WATERMARK_FILE)) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Reading::Missing),
        Err(e) => return Err(e),
    };
    let mut best: Option<Watermark> = None;
    for slot in 0..2 {
        let mut bytes = [0; SLOT_BYTES];
        match file.read_exact_at(&mut bytes, slot * SLOT_DISTANCE) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => continue,
            Err(e) => return Err(e),
        }
        if let Some(mark) = decode(&bytes)
            && best.is_none_or(|held| mark.batch > held.batch)
        {
            best = Some(mark);
        }
    }
    Ok(best.map_or(Reading::Unreadable, Reading::Mark))
}

impl WatermarkFile {
    /// Opens the file, or creates it, and sets and syncs both slots, so that its size never changes later. A new
    /// one gets its name when it is whole: half of one could not be told from a damaged one.
    pub(crate) fn open(dir: &Path, mark: Watermark) -> io::Result<Self> {
        let path = dir.join(WATERMARK_FILE);
        match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => Self::set(file, mark),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let part = dir.join(format!("{WATERMARK_FILE}.part"));
                let mut create = private::writing();
                create.read(true).create(true).truncate(true);
                let own = Self::set(create.open(&part)?, mark)?;
                private::give_to_owner_of(dir, &part)?;
                std::fs::rename(part, path)?;
                Ok(own)
            }
            Err(e) => Err(e),
        }
    }

    fn set(file: File, mark: Watermark) -> io::Result<Self> {
        for slot in 0..2 {
            file.write_all_at(&encode(mark), slot * SLOT_DISTANCE)?;
        }
        file.sync_all()?;
        Ok(Self { file })
    }

    /// Makes the file anew if it is gone or another one.
    pub(crate) fn keep(&mut self, dir: &Path, mark: Watermark) -> io::Result<()> {
        if !has_path(&self.file, &dir.join(WATERMARK_FILE))? {
            tracing::warn!(dir = %dir.display(), "the watermark is not the one that was made, another one is made");
            *self = Self::open(dir, mark)?;
        }
        Ok(())
    }

    /// Raises the mark. Only for batches that are already synced.
    pub(crate) fn raise(&self, mark: Watermark) -> io::Result<()> {
        self.file.write_all_at(&encode(mark), (mark.batch % 2) * SLOT_DISTANCE)
    }
}

fn encode(mark: Watermark) -> [u8; SLOT_BYTES] {
    let mut bytes = [0; SLOT_BYTES];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..16].copy_from_slice(&mark.epoch.0.to_le_bytes());
    bytes[16..24].copy_from_slice(&mark.batch.to_le_bytes());
    let sum = Check::of("watermark").bytes(&bytes[..24]).sum();
    bytes[24..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8; SLOT_BYTES]) -> Option<Watermark> {
    let number = |at: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&bytes[at..at + 8]);
        u64::from_le_bytes(word)
    };
    let sum = Check::of("watermark").bytes(&bytes[..24]).sum();
    (&bytes[..8] == MAGIC && number(24) == sum)
        .then(|| Watermark { epoch: Epoch(number(8)), batch: number(16) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newer_slot_counts_and_a_torn_one_does_not() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()).unwrap(), Reading::Missing);
        let mark = |batch| Watermark { epoch: Epoch(3), batch };
        let file = WatermarkFile::open(dir.path(), mark(7)).unwrap();
        file.raise(mark(8)).unwrap();
        file.raise(mark(9)).unwrap();
        assert_eq!(read(dir.path()).unwrap(), Reading::Mark(mark(9)));
        file.file.write_all_at(b"torn", SLOT_DISTANCE).unwrap();
        assert_eq!(read(dir.path()).unwrap(), Reading::Mark(mark(8)));
        file.file.write_all_at(&[0xff], 20).unwrap();
        assert_eq!(read(dir.path()).unwrap(), Reading::Unreadable);
    }
}
