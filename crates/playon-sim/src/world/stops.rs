//! The keeper stops in order, and its directory is put back to what it was: what must be found afterwards.

use std::collections::BTreeMap;

use playon_core::effect::Order;
use playon_core::facts::Place;
use playon_types::ids::{Epoch, RoomId, Seq};
use playon_types::time::{RoomTime, Span};

use super::{RoomKind, World, WorldEvent};
use crate::store::{Backup, RecoveredRoom};
use crate::worker::RELEASES;

/// How long a keeper may take to stop; then it is ended as it is.
const STOP_WITHIN: Span = Span::secs(5);

/// Epochs between the last one of a backup and the one in which a restored store goes on, at least.
const EPOCHS_APART: u64 = 1 << 20;

/// A room as a keeper left it that stopped in order.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeftBehind {
    /// Its last commit that is safe.
    seq: Seq,
    /// Nothing had been lost when that keeper began.
    whole: bool,
    /// Where its clock stood, if that must not be lost.
    clock: Option<RoomTime>,
}

impl World {
    /// SIGTERM: the keeper finishes what is in flight and stores everything.
    pub(super) fn stop_keeper(&mut self) -> Result<(), String> {
        if self.keeper.is_none() || std::mem::replace(&mut self.stopping, true) {
            return Ok(());
        }
        self.order_each(&Order::Stop)?;
        self.schedule(STOP_WITHIN, self.life, WorldEvent::StopLate);
        self.drain()
    }

    /// All shards say that they have stopped, or are not waited for any longer.
    pub(super) fn end_stop(&mut self, in_order: bool) -> Result<(), String> {
        let Some(keeper) = self.keeper.as_ref().filter(|_| self.stopping) else { return Ok(()) };
        let mut left = BTreeMap::new();
        for facts in keeper.rooms(self.now) {
            let Some(image) = facts.image.filter(|image| !image.ended) else { continue };
            // It is on its way to sleep or to its deletion, which may be safe or not.
            if facts.place != Place::Resting {
                let clock = (RoomKind::of(facts.room) == RoomKind::Turns).then_some(facts.clock);
                let whole = keeper.audit.began_whole(facts.room);
                left.insert(image.room, LeftBehind { seq: facts.safe, whole, clock });
            }
        }
        self.close_store()?;
        self.left = if in_order { left } else { BTreeMap::new() };
        self.summary.keeper_stops += 1;
        self.end_keeper();
        Ok(())
    }

    /// What the next keeper finds is what the last one left, complete.
    pub(super) fn check_left(&mut self, found: &[RecoveredRoom]) -> Result<(), String> {
        for (room, LeftBehind { seq, whole, clock }) in std::mem::take(&mut self.left) {
            let image = found.iter().find_map(|found| match found {
                RecoveredRoom::Whole(image) if image.room == room => Some(image),
                _ => None,
            });
            let damaged = self.store.is_damaged(room);
            let Some(image) = image else {
                if damaged {
                    continue;
                }
                return Err(format!("I27: {room} is not there after an orderly stop"));
            };
            if image.seq < seq || whole && !image.clean {
                return Err(format!(
                    "I27: {room} stopped at {seq} and comes back at {}, clean: {}",
                    image.seq, image.clean
                ));
            }
            if clock.is_some_and(|clock| image.clock < clock) {
                return Err(format!(
                    "I13: the clock of {room} stood at {clock:?} and is at {:?} after a stop",
                    image.clock
                ));
            }
        }
        Ok(())
    }

    /// An operator makes a copy of the store.
    pub(super) fn back_up(&mut self) {
        self.backup = Some(self.store.back_up());
    }

    /// The keeper ends, and an operator puts the copy in the place of its store. Players may know of more than it.
    pub(super) fn restore(&mut self) -> Result<(), String> {
        let Some(backup) = self.backup.clone().filter(|_| self.keeper.is_some()) else {
            return Ok(());
        };
        self.crash_keeper_with(Some(true))?;
        self.put_back(backup);
        Ok(())
    }

    fn put_back(&mut self, backup: Backup) {
        self.summary.restores += 1;
        self.left.clear();
        self.watched = None;
        // No keeper has had it, not even one that went on from the same copy.
        let later = EPOCHS_APART + self.rng.below(EPOCHS_APART);
        self.store.restore(backup, Epoch(self.store.epoch().0 + later));
        // The executables are in the copy, too, and its deploys are numbered from there.
        self.artifacts = RELEASES.to_vec();
        self.moved.clear();
        for client in &mut self.clients {
            client.restored();
            self.tainted.insert(client.room);
        }
        let rooms: Vec<RoomId> = self.clients.iter().map(|client| client.room).collect();
        rooms.into_iter().for_each(|room| self.lives.end(room));
    }
}
