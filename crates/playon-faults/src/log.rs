//! What a watched process did to its files.

use std::io;
use std::path::Path;

/// One thing that happened, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IoEvent {
    /// What.
    pub what: What,
    /// The file, relative to the watched directory, which itself is `.`.
    pub file: String,
}

/// What can happen to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It was made.
    Created,
    /// Bytes were written.
    Written {
        /// Where they begin.
        offset: u64,
        /// The bytes.
        data: Vec<u8>,
    },
    /// Its length was set.
    Truncated(u64),
    /// Everything written so far was synced.
    Synced,
    /// A sync failed.
    SyncFailed,
    /// It was removed.
    Removed,
    /// It got this name.
    Renamed(String),
    /// The process wrote this into its file of notes.
    Note(Vec<u8>),
    /// The fault struck this file.
    Broken,
}

/// Reads the log of a process that has ended. There is none if it never touched the directory. The last
/// event is passed over when the process was killed while it wrote it down.
///
/// # Errors
/// When the log cannot be read, or is not one.
pub fn read_log(path: &Path) -> io::Result<Vec<IoEvent>> {
    const HEAD_BYTES: usize = 24;
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut rest = &bytes[..];
    let mut events = Vec::new();
    while let Some((head, tail)) = rest.split_at_checked(HEAD_BYTES) {
        let word =
            |at: usize| u32::from_ne_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let long = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&head[at..at + 8]);
            u64::from_ne_bytes(bytes)
        };
        let length = usize::try_from(long(16)).map_err(io::Error::other)?;
        let Some((name, tail)) = tail.split_at_checked(word(4) as usize) else { break };
        let Some((data, tail)) = tail.split_at_checked(length) else { break };
        rest = tail;
        let what = match u8::try_from(word(0)) {
            Ok(b'C') => What::Created,
            Ok(b'W') => What::Written { offset: long(8), data: data.to_vec() },
            Ok(b'T') => What::Truncated(long(8)),
            Ok(b'S') => What::Synced,
            Ok(b'E') => What::SyncFailed,
            Ok(b'U') => What::Removed,
            Ok(b'R') => What::Renamed(String::from_utf8_lossy(data).into_owned()),
            Ok(b'N') => What::Note(data.to_vec()),
            Ok(b'!') => What::Broken,
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "not a log of changes")),
        };
        events.push(IoEvent { what, file: String::from_utf8_lossy(name).into_owned() });
    }
    Ok(events)
}
