//! The write-ahead log as a file: how far it reaches, and what it has of which page.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::sqlite::connect::PAGE_BYTES;

/// What a write-ahead log begins with, without the lowest bit, which tells the order of bytes in its checksums.
const MAGIC: u32 = 0x377f_0682;

/// Bytes of a write-ahead log before its first frame.
const HEAD_BYTES: u64 = 32;

/// Bytes that a frame has before its page.
const FRAME_HEAD_BYTES: u64 = 24;

/// Least bytes of a log with so many frames.
pub(crate) const fn bytes(frames: u64) -> u64 {
    HEAD_BYTES + frames * (FRAME_HEAD_BYTES + PAGE_BYTES)
}

/// Whether a file that begins so can be a log.
pub(crate) const fn is_log(magic: [u8; 4]) -> bool {
    u32::from_be_bytes(magic) & !1 == MAGIC
}

/// Where the present frames of a log end: those that carry the salts of its header. One that is not written to
/// the end carries them, too.
pub(crate) fn end(file: &File) -> io::Result<u64> {
    let size = file.metadata()?.len();
    let mut header = [0; HEAD_BYTES as usize];
    if size < HEAD_BYTES {
        return Ok(size);
    }
    file.read_exact_at(&mut header, 0)?;
    let page = u64::from(u32_at(&header, 8));
    let mut end = HEAD_BYTES;
    let mut frame = [0; FRAME_HEAD_BYTES as usize];
    while end + FRAME_HEAD_BYTES <= size {
        file.read_exact_at(&mut frame, end)?;
        if frame[8..16] != header[16..24] {
            break;
        }
        end = (end + FRAME_HEAD_BYTES + page).min(size);
    }
    Ok(end)
}

/// Writes what a log has once more, and syncs it. A former process may have ended because a sync failed; then
/// the log is read from memory, may not be on the medium, and the system will not write it again by
/// itself. Nothing may be built on it before it is there. What the file has beyond its present frames is of former
/// rounds, in the database since then, and is passed over.
pub(crate) fn settle(wal: &Path) -> io::Result<()> {
    let file = match OpenOptions::new().read(true).write(true).open(wal) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    let end = end(&file)?;
    let mut chunk = vec![0; 1 << 20];
    let mut at = 0;
    while at < end {
        let most = usize::try_from(end - at).unwrap_or(usize::MAX).min(chunk.len());
        let count = file.read_at(&mut chunk[..most], at)?;
        if count == 0 {
            break;
        }
        file.write_all_at(&chunk[..count], at)?;
        at += count as u64;
    }
    if at == 0 { Ok(()) } else { file.sync_all() }
}

/// Which frame of a log is the last one of each page.
#[derive(Debug, Default)]
pub(crate) struct WalFrames {
    /// By the number of the page, counted from 0, the number of the frame, counted from 1.
    pub(crate) last: HashMap<u64, u64>,
    /// Pages of the database as of the last frame.
    pub(crate) database_pages: u64,
}

impl WalFrames {
    /// Reads the heads of the first `count` frames.
    pub(crate) fn read(log: &File, count: u64) -> io::Result<Self> {
        let mut found = Self::default();
        let mut head = [0; FRAME_HEAD_BYTES as usize];
        for frame in 1..=count {
            log.read_exact_at(&mut head, bytes(frame - 1))?;
            // Pages are counted from 1. A frame that ends no transaction says nothing of the database.
            found.last.insert(u64::from(u32_at(&head, 0)).saturating_sub(1), frame);
            match u64::from(u32_at(&head, 4)) {
                0 => {}
                pages => found.database_pages = pages,
            }
        }
        Ok(found)
    }

    /// Reads the page of a frame.
    pub(crate) fn page(log: &File, frame: u64, page: &mut [u8]) -> io::Result<()> {
        log.read_exact_at(page, bytes(frame - 1) + FRAME_HEAD_BYTES)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of frames with these salts after a header with salt 1.
    fn log(salts: &[u8], more: usize) -> u64 {
        let page = 512_u32;
        let mut bytes = vec![0; 32];
        bytes[8..12].copy_from_slice(&page.to_be_bytes());
        bytes[16..24].fill(1);
        for salt in salts {
            bytes.extend([0; 8]);
            bytes.extend([*salt; 8]);
            bytes.extend([0; 8]);
            bytes.extend(vec![9; page as usize]);
        }
        bytes.extend(vec![1; more]);
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&bytes, 0).unwrap();
        end(&file).unwrap()
    }

    #[test]
    fn only_the_present_frames_of_the_log_are_written_again() {
        let frame = 24 + 512;
        assert_eq!(log(&[], 0), 32);
        assert_eq!(log(&[1, 1, 1], 0), 32 + 3 * frame);
        assert_eq!(log(&[1, 1, 7, 1, 7], 0), 32 + 2 * frame, "the rest is of former rounds");
        assert_eq!(log(&[1], 30), 32 + frame + 30, "a torn one is present");
        assert_eq!(log(&[1], 9), 32 + frame);
        let empty = tempfile::tempfile().unwrap();
        assert_eq!(end(&empty).unwrap(), 0);
    }
}
