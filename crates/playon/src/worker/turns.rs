//! Notes what a room thread begins with, where the keeper finds it even if the process dies of it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use playon_types::attach::{ToWorker, Turn};
use playon_wire::attach::{AT_REST, KeeperWelcome, TURN_BYTES, TURNS_MAX, encode_turn};

/// The page that the keeper has named, if there is one and it can be written.
pub(super) fn open(welcome: &KeeperWelcome) -> Option<Arc<File>> {
    let path = welcome.turns.as_ref()?;
    OpenOptions::new().write(true).open(path).ok().map(Arc::new)
}

/// The notes of one room thread.
pub(super) struct Turns {
    page: Option<Arc<File>>,
    thread: usize,
    count: u64,
}

impl Turns {
    pub(super) const fn new(page: Option<Arc<File>>, thread: usize) -> Self {
        Self { page, thread, count: 0 }
    }

    /// To be called before any of the game's code runs for the message: one write into memory.
    pub(super) fn begin(&mut self, message: &ToWorker) {
        self.note(&message.turn());
    }

    /// To be called before the thread waits.
    pub(super) fn rest(&mut self) {
        self.note(&AT_REST);
    }

    fn note(&mut self, turn: &Turn) {
        let Some(page) = self.page.as_ref().filter(|_| self.thread < TURNS_MAX) else { return };
        self.count += 1;
        let note = encode_turn(self.count, turn);
        if page.write_all_at(&note, (self.thread * TURN_BYTES) as u64).is_err() {
            // A note that stays would name the wrong room; the keeper does without.
            self.page = None;
        }
    }
}
