//! What a worker has begun, as it notes it in memory that it shares with the keeper.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use playon_core::attach::Turn;
use playon_wire::attach::{TURNS_MAX, TURNS_PAGE_BYTES, decode_turns};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

/// The page of one worker. It outlives the process, so it says what the process died of.
pub(super) struct Turns {
    /// Nothing if the system gives none: then the worker's time counts from its last answer.
    page: Option<File>,
    /// Per thread, the count that the last look found.
    seen: [u64; TURNS_MAX],
    /// Per thread, the count that the shards were told.
    told: [u64; TURNS_MAX],
}

impl Turns {
    pub(super) fn new() -> Self {
        let page = make().inspect_err(|error| tracing::warn!(%error, "no page for turns")).ok();
        Self { page, seen: [0; TURNS_MAX], told: [0; TURNS_MAX] }
    }

    /// Where the worker finds the page. It is a process of the same user on the same machine, or it does without.
    pub(super) fn path(&self) -> Option<String> {
        let page = self.page.as_ref()?;
        Some(format!("/proc/{}/fd/{}", std::process::id(), page.as_raw_fd()))
    }

    /// What has been under way since the last look at least, each told once. The very first note is told at once: it
    /// shows that the worker makes any.
    pub(super) fn look(&mut self) -> Vec<Turn> {
        let first = self.told.iter().all(|count| *count == 0);
        let mut turns = Vec::new();
        for (thread, count, turn) in self.read() {
            let (Some(seen), Some(told)) = (self.seen.get_mut(thread), self.told.get_mut(thread))
            else {
                continue;
            };
            let lasts = std::mem::replace(seen, count) == count;
            if (lasts || first) && *told != count {
                *told = count;
                turns.push(turn);
            }
        }
        turns
    }

    /// What each thread has begun last.
    pub(super) fn last(&self) -> Vec<Turn> {
        self.read().into_iter().map(|(_, _, turn)| turn).collect()
    }

    fn read(&self) -> Vec<(usize, u64, Turn)> {
        let mut bytes = [0; TURNS_PAGE_BYTES];
        match self.page.as_ref().map(|page| page.read_exact_at(&mut bytes, 0)) {
            Some(Ok(())) => decode_turns(&bytes).collect(),
            _ => Vec::new(),
        }
    }
}

/// Memory of a fixed size: a worker can neither let it grow nor take it away.
fn make() -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let page = File::from(memfd_create("playon-turns", flags)?);
    page.set_len(TURNS_PAGE_BYTES as u64)?;
    fcntl_add_seals(&page, SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use playon_core::ids::{Attempt, RoomId, Seq};
    use playon_wire::attach::{TURN_BYTES, encode_turn};
    use std::fs::OpenOptions;

    fn turn(seq: u64) -> Turn {
        Turn { room: RoomId([1; 16]), attempt: Attempt(2), seq: Seq(seq) }
    }

    #[test]
    fn what_lasts_is_told_once_and_the_last_notes_stay_readable() {
        let mut turns = Turns::new();
        let page = OpenOptions::new().write(true).open(turns.path().unwrap()).unwrap();
        let note = |thread: usize, count, seq| {
            let note = encode_turn(count, &turn(seq));
            page.write_all_at(&note, (thread * TURN_BYTES) as u64).unwrap();
        };
        assert_eq!(turns.look(), []);
        note(0, 1, 10);
        assert_eq!(turns.look(), [turn(10)], "the first note at once");
        note(0, 2, 11);
        note(3, 1, 20);
        assert_eq!(turns.look(), [], "they have only just begun");
        note(0, 3, 12);
        assert_eq!(turns.look(), [turn(20)]);
        assert_eq!(turns.look(), [turn(12)]);
        assert_eq!(turns.look(), []);
        assert_eq!(turns.last(), [turn(12), turn(20)]);
    }

    #[test]
    fn a_worker_cannot_change_its_size() {
        let turns = Turns::new();
        let page = OpenOptions::new().write(true).open(turns.path().unwrap()).unwrap();
        assert!(page.set_len(1 << 30).is_err());
        assert!(page.set_len(0).is_err());
        assert!(page.write_all_at(&[1], TURNS_PAGE_BYTES as u64).is_err());
    }
}
