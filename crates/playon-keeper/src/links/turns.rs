//! What a worker has begun, as it notes it in memory that it shares with the keeper.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use playon_types::attach::Turn;
use playon_wire::attach::{AT_REST, TURNS_MAX, TURNS_PAGE_BYTES, decode_turns};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

/// The page of one worker. It outlives the process, so it says what the process died of.
pub(super) struct TurnsFile {
    /// Nothing if the system gives none: then the worker's time counts from its last answer.
    page: Option<File>,
    threads: [ThreadTurn; TURNS_MAX],
}

/// What is known of one thread of the worker.
#[derive(Clone, Copy, Default)]
struct ThreadTurn {
    /// The count that the last look found.
    seen: u64,
    /// Looks in a row that found it.
    looks: u32,
}

/// What a look has found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// What has been under way since the last look, each named once.
    pub(super) begun: Vec<Turn>,
    /// What more looks in a row have found than may.
    pub(super) stuck: Option<Turn>,
}

impl TurnsFile {
    pub(super) fn new() -> Self {
        let page = make().inspect_err(|error| tracing::warn!(%error, "no page for turns")).ok();
        Self { page, threads: [ThreadTurn::default(); TURNS_MAX] }
    }

    /// Where the worker finds the page. It is a process of the same user on the same machine, or it does without.
    pub(super) fn path(&self) -> Option<String> {
        let page = self.page.as_ref()?;
        Some(format!("/proc/{}/fd/{}", std::process::id(), page.as_raw_fd()))
    }

    /// Looks at what the worker is at. The very first note is told at once: it shows that the worker makes any.
    ///
    /// Looks are counted and not time, so that a keeper that stood still finds nobody stuck.
    pub(super) fn look(&mut self, looks_max: u32) -> Look {
        let first = self.threads.iter().all(|thread| thread.seen == 0);
        let mut look = Look::default();
        for (number, count, turn) in self.read() {
            let Some(thread) = self.threads.get_mut(number) else { continue };
            if thread.seen != count {
                *thread = ThreadTurn { seen: count, looks: 0 };
            }
            thread.looks = thread.looks.saturating_add(1);
            if turn == AT_REST && !first {
                continue;
            }
            // With the first look it has only just begun, as far as is known.
            if thread.looks == 2 || first {
                look.begun.push(turn);
            }
            if thread.looks > looks_max {
                look.stuck = Some(turn);
            }
        }
        look
    }

    /// What each thread is at; `None` if the worker has noted nothing so far.
    pub(super) fn now(&self) -> Option<Vec<Turn>> {
        let noted = self.read();
        let turns = noted.iter().map(|(_, _, turn)| *turn);
        (!noted.is_empty()).then(|| turns.filter(|turn| *turn != AT_REST).collect())
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
    use playon_types::ids::{Attempt, RoomId, Seq};
    use playon_wire::attach::{TURN_BYTES, encode_turn};
    use std::fs::OpenOptions;

    fn turn(seq: u64) -> Turn {
        Turn { room: RoomId([1; 16]), attempt: Attempt(2), seq: Seq(seq) }
    }

    /// A page and the way to write a note onto it.
    fn shared() -> (TurnsFile, impl Fn(usize, u64, Turn)) {
        let turns = TurnsFile::new();
        let page = OpenOptions::new().write(true).open(turns.path().unwrap()).unwrap();
        let note = move |thread: usize, count, turn: Turn| {
            let note = encode_turn(count, &turn);
            page.write_all_at(&note, (thread * TURN_BYTES) as u64).unwrap();
        };
        (turns, note)
    }

    #[test]
    fn what_lasts_is_told_once_and_what_is_under_way_stays_readable() {
        let (mut turns, note) = shared();
        let mut begun = || turns.look(100).begun;
        assert_eq!(begun(), []);
        note(0, 1, AT_REST);
        assert_eq!(begun(), [AT_REST], "the first note at once");
        note(0, 2, turn(11));
        note(3, 1, turn(20));
        assert_eq!(begun(), [], "they have only just begun");
        note(0, 3, turn(12));
        assert_eq!(begun(), [turn(20)]);
        assert_eq!(begun(), [turn(12)]);
        assert_eq!(begun(), []);
        note(0, 4, AT_REST);
        assert_eq!((begun(), begun()), (vec![], vec![]));
        assert_eq!(turns.now(), Some(vec![turn(20)]));
    }

    #[test]
    fn a_thread_that_gets_no_further_is_stuck_and_one_at_rest_is_not() {
        let (mut turns, note) = shared();
        note(0, 1, AT_REST);
        note(1, 1, turn(5));
        let stuck: Vec<_> = (0..5).map(|_| turns.look(3).stuck).collect();
        assert_eq!(stuck, [None, None, None, Some(turn(5)), Some(turn(5))]);
        note(1, 2, turn(6));
        assert_eq!(turns.look(3).stuck, None);
    }

    #[test]
    fn a_worker_cannot_change_its_size() {
        let turns = TurnsFile::new();
        let page = OpenOptions::new().write(true).open(turns.path().unwrap()).unwrap();
        assert!(page.set_len(1 << 30).is_err());
        assert!(page.set_len(0).is_err());
        assert!(page.write_all_at(&[1], TURNS_PAGE_BYTES as u64).is_err());
    }
}
