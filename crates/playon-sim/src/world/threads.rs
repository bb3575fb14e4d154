//! A room whose game leaves threads behind, of which processes die while no room is at anything, or another one is.

use playon_core::fleet::Ended;
use playon_types::ids::{RoomId, WorkerId};
use playon_types::time::Span;

use super::{World, WorldEvent};

/// How long after a batch was answered the process ends, milliseconds: its commit has arrived by then, and nobody else's is to
/// be mistaken for it.
const AFTER_MS: std::ops::Range<u64> = 60..460;

/// Where each byte takes longer, in microseconds, processes do not die so: what the rooms of one that is gone wait for in the other
/// would take longer than anything may.
const BYTE_US_MAX: u64 = 500;

impl World {
    /// From now on each batch of the room leaves something behind.
    pub(super) fn leave_threads(&mut self, room: RoomId) {
        self.litterer = Some(room);
        if let Some(keeper) = &mut self.keeper {
            keeper.audit.panics = true;
        }
        self.workers.values_mut().for_each(|worker| _ = worker.threads.insert(room));
    }

    /// Somebody's game begins to, at some moment.
    pub(super) fn litter(&mut self) {
        let quick = self.options.byte_us <= BYTE_US_MAX;
        let may = self.options.threads > 0 && self.litterer.is_none() && quick;
        if !may || self.rng.below(500) >= self.options.threads {
            return;
        }
        let index = self.rng.below(self.clients.len() as u64) as usize;
        self.leave_threads(self.clients[index].room);
    }

    /// A batch has been answered: what it has left behind will end the process.
    pub(super) fn note_thread(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        let Some(room) = worker.left.take().filter(|_| worker.doomed_by.is_none()) else { return };
        worker.doomed_by = Some(room);
        let after = AFTER_MS.start + self.rng.below(AFTER_MS.end - AFTER_MS.start);
        self.schedule(Span::millis(after), self.life, WorldEvent::Thread(id, room));
    }

    /// It does, if the game has not been mended meanwhile.
    pub(super) fn thread_ends(&mut self, id: WorkerId, room: RoomId) -> Result<(), String> {
        let Some(worker) = self.workers.get(&id).filter(|w| w.doomed_by == Some(room)) else {
            return Ok(());
        };
        let (turns, berth) = (worker.turns(), worker.berth);
        self.summary.worker_crashes += 1;
        if let Some(keeper) = &mut self.keeper {
            keeper.audit.thread_ends((id, berth), room, turns.as_deref())?;
        }
        self.kill_worker(id, Ended::ByItself);
        Ok(())
    }
}
