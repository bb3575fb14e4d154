//! What goes to the store and what comes back: in batches, after a while, or not at all.

use playon_core::effect::Loaded;
use playon_types::ids::RoomId;
use playon_types::time::Span;

use super::{World, WorldEvent};
use crate::keeper::limits;
use crate::owner::{Owner, ShardInput};

impl World {
    /// A shard has written something. A thread that finds more to do hands over what came of all of it at once.
    pub(super) fn gather(&mut self, number: u16) -> Result<(), String> {
        if self.owner(number).is_none_or(|owner| owner.gathering) {
            return Ok(());
        }
        if !self.in_trouble() || !self.rng.percent(self.options.gather) {
            return self.flush(number);
        }
        self.owner(number).into_iter().for_each(|owner| owner.gathering = true);
        let after = Span(self.rng.below(self.options.delay_max.0));
        self.schedule(after, self.life, WorldEvent::Flush(number));
        Ok(())
    }

    fn owner(&mut self, number: u16) -> Option<&mut Owner> {
        self.keeper.as_mut()?.owners.get_mut(usize::from(number))
    }

    /// What was gathered is handed over to the store.
    pub(super) fn flush(&mut self, number: u16) -> Result<(), String> {
        self.owner(number).into_iter().for_each(|owner| owner.gathering = false);
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        if !keeper.hand_over(number, &mut self.store)? {
            return Ok(());
        }
        let mut delay = Span(100 + self.rng.below(self.options.fsync_max.0));
        if self.in_trouble() && self.rng.below(1_000) < self.options.stall {
            delay.0 += self.rng.below(1_000_000);
        }
        let last = self.links.get(&(3, 0)).copied().unwrap_or_default();
        let at = (self.now + delay).max(last + Span(1)).max(self.stalled_until);
        self.links.insert((3, 0), at);
        self.schedule(at.since(self.now), self.life, WorldEvent::Fsync);
        Ok(())
    }

    /// The oldest batch is safe, and the shards are told.
    pub(super) fn make_safe(&mut self) -> Result<(), String> {
        let outcomes = self.store.make_safe()?;
        self.store.promise(&outcomes);
        self.tell_stored(&outcomes)?;
        let wanted = self.store.wanted();
        if !wanted.is_empty() {
            let after = Span(self.rng.below(self.options.delay_max.0));
            self.schedule(after, self.life, WorldEvent::Wanted(wanted));
        }
        self.drain()
    }

    /// The store is closed: all that it was given becomes safe.
    pub(super) fn close_store(&mut self) -> Result<(), String> {
        if let Some(keeper) = &mut self.keeper {
            for number in keeper.numbers() {
                keeper.hand_over(number, &mut self.store)?;
            }
        }
        while self.store.pending() > 0 {
            self.store.make_safe()?;
        }
        Ok(())
    }

    /// A room is looked for that the keeper does not have.
    pub(super) fn look_for(&mut self, room: RoomId) {
        let after = Span(100 + self.rng.below(self.options.fsync_max.0));
        self.schedule(after, self.life, WorldEvent::Loaded(room));
    }

    /// What the store knows of a room that is not in the hot log.
    pub(super) fn answer_load(&mut self, room: RoomId) -> Result<(), String> {
        let trouble = self.in_trouble();
        let loaded = match self.store.load(room, &limits().recovering())? {
            Loaded::Damaged(why) if !self.store.is_damaged(room) => {
                return Err(format!("I22: {room} is looked for among those at rest: {why}"));
            }
            Loaded::Damaged(why) => {
                self.give_up(room);
                Loaded::Damaged(why)
            }
            Loaded::Asleep { .. } if trouble && self.rng.percent(self.options.unreadable) => {
                Loaded::Unreadable("the disk does not answer".into())
            }
            found => found,
        };
        self.tell_of(room, ShardInput::Loaded(room, loaded))?;
        self.drain()
    }
}
