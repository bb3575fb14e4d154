//! A disk under a log of changes: what is on the medium, and what is only on its way there.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::log::{IoEvent, What};

/// Writes are cut at multiples of this: a sector is written whole or not at all.
const SECTOR_BYTES: usize = 512;

/// What a power failure leaves of the changes that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// All of them.
    All,
    /// None of them; files whose directory was not synced are not there at all.
    None,
    /// Of each file the first ones, the last of those cut in the middle.
    Torn(u64),
    /// Any, by chance.
    Some(u64),
}

/// Files as they are on the medium, with the changes that are not.
#[derive(Clone, Debug, Default)]
pub struct Medium {
    files: BTreeMap<String, File>,
}

#[derive(Clone, Debug, Default)]
struct File {
    synced: Vec<u8>,
    pending: Vec<What>,
    /// Whether the directory that names it was synced.
    named: bool,
}

impl Medium {
    /// The files of a directory, all of them synced.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn of(dir: &Path) -> io::Result<Self> {
        let mut disk = Self::default();
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_file() && !name.ends_with("-shm") && name != "notes" {
                let synced = std::fs::read(entry.path())?;
                disk.files.insert(name, File { synced, pending: Vec::new(), named: true });
            }
        }
        Ok(disk)
    }

    /// Applies one event. `honest` says whether a sync does what it says; after a failed sync nobody knows,
    /// and here nothing of what waited will ever reach the medium by itself.
    pub fn apply(&mut self, event: &IoEvent, honest: bool) {
        match &event.what {
            What::Created => {
                self.files.insert(event.file.clone(), File::default());
            }
            What::Written { .. } | What::Truncated(_) => {
                self.files.entry(event.file.clone()).or_default().pending.push(event.what.clone());
            }
            What::Synced if !honest => {}
            What::Synced if event.file == "." => {
                self.files.values_mut().for_each(|file| file.named = true);
            }
            What::Synced => {
                if let Some(file) = self.files.get_mut(&event.file) {
                    file.sync();
                }
            }
            What::SyncFailed => {
                if let Some(file) = self.files.get_mut(&event.file) {
                    file.pending.clear();
                }
            }
            What::Removed => {
                self.files.remove(&event.file);
            }
            What::Renamed(to) => {
                if let Some(file) = self.files.remove(&event.file) {
                    self.files.insert(to.clone(), file);
                }
            }
            What::Note(_) | What::Broken => {}
        }
    }

    /// Lets a file reach the medium, whatever the process did about it.
    pub fn sync(&mut self, file: &str) {
        if let Some(file) = self.files.get_mut(file) {
            file.sync();
        }
    }

    /// Writes the files as a power failure now may leave them into an empty directory.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn fail_power(&self, keep: Keep, into: &Path) -> io::Result<()> {
        for (index, (name, file)) in self.files.iter().enumerate() {
            if let Some(bytes) = file.after(keep, index as u64) {
                std::fs::write(into.join(name), bytes)?;
            }
        }
        Ok(())
    }
}

impl File {
    fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.change(&mut self.synced, usize::MAX);
        }
    }

    fn after(&self, keep: Keep, salt: u64) -> Option<Vec<u8>> {
        let mut bytes = self.synced.clone();
        let count = self.pending.len() as u64;
        match keep {
            Keep::None if !self.named => return None,
            Keep::None => {}
            Keep::All => {
                self.pending.iter().for_each(|change| change.change(&mut bytes, usize::MAX))
            }
            Keep::Torn(seed) => {
                let whole = mix(seed ^ salt) % (count + 1);
                for (at, change) in (0..=whole).zip(&self.pending) {
                    change
                        .change(&mut bytes, if at < whole { usize::MAX } else { change.middle() });
                }
            }
            Keep::Some(seed) => {
                for (at, change) in (0..).zip(&self.pending) {
                    match mix(seed ^ mix(salt) ^ at) % 4 {
                        0 => {}
                        1 => change.change(&mut bytes, change.middle()),
                        _ => change.change(&mut bytes, usize::MAX),
                    }
                }
            }
        }
        Some(bytes)
    }
}

impl What {
    /// Half of what is written, in whole sectors.
    fn middle(&self) -> usize {
        match self {
            Self::Written { data, .. } => data.len() / 2 / SECTOR_BYTES * SECTOR_BYTES,
            _ => 0,
        }
    }

    /// Changes the bytes of a file; of a write at most so many bytes are done.
    fn change(&self, bytes: &mut Vec<u8>, bytes_max: usize) {
        match self {
            Self::Written { offset, data } => {
                let data = &data[..data.len().min(bytes_max)];
                let begin = usize::try_from(*offset).unwrap_or(usize::MAX);
                let end = begin.saturating_add(data.len());
                if data.is_empty() {
                    return;
                }
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[begin..end].copy_from_slice(data);
            }
            Self::Truncated(length) if bytes_max > 0 => {
                bytes.resize(usize::try_from(*length).unwrap_or(usize::MAX), 0);
            }
            _ => {}
        }
    }
}

/// A number that looks random.
fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(file: &str, what: What) -> IoEvent {
        IoEvent { what, file: file.to_owned() }
    }

    fn write(offset: u64, data: &[u8]) -> IoEvent {
        event("a", What::Written { offset, data: data.to_vec() })
    }

    fn left(disk: &Medium, keep: Keep) -> Option<Vec<u8>> {
        disk.files.get("a").and_then(|file| file.after(keep, 0))
    }

    #[test]
    fn what_is_synced_stays_and_the_rest_may_not() {
        let mut disk = Medium::default();
        for event in [event("a", What::Created), write(0, b"one"), event("a", What::Synced)] {
            disk.apply(&event, true);
        }
        disk.apply(&write(3, b"two"), true);
        assert_eq!(left(&disk, Keep::All).unwrap(), b"onetwo");
        assert_eq!(left(&disk, Keep::None), None, "nobody synced the directory");
        disk.apply(&event(".", What::Synced), true);
        assert_eq!(left(&disk, Keep::None).unwrap(), b"one");
        disk.apply(&event("a", What::Synced), false);
        assert_eq!(left(&disk, Keep::None).unwrap(), b"one", "the sync was a lie");
        disk.apply(&event("a", What::SyncFailed), true);
        assert_eq!(left(&disk, Keep::All).unwrap(), b"one", "what a failed sync loses is lost");
    }

    #[test]
    fn a_torn_write_is_cut_at_a_sector() {
        let mut disk = Medium::default();
        disk.apply(&write(0, &[1; 2000]), true);
        let lengths: Vec<usize> =
            (0..8).map(|seed| left(&disk, Keep::Torn(seed)).unwrap().len()).collect();
        assert!(lengths.iter().all(|length| [512, 2000].contains(length)), "{lengths:?}");
        assert!(lengths.contains(&512), "{lengths:?}");
    }
}
