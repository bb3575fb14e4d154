//! What shards are told. One that is alone has nothing else to do and takes it at once; several have queues, and each gets to
//! what is in its own when its thread does.

use playon_core::effect::{Order, Stored};
use playon_types::ids::{RoomId, WorkerId};
use playon_types::time::Span;

use super::{TO_DIRECTOR, World, WorldEvent};
use crate::owner::ShardInput;

/// The link on which a shard's thread gets to what is in its queue.
const INBOX: u8 = 7;

/// How long a shard's thread gets to nothing when others have the processor, milliseconds; this is the most.
const LAG_MS: u64 = 200;

/// How often shards are told that a worker answers, perhaps others.
const WORD_EVERY: Span = Span::millis(250);

impl World {
    /// A shard is told something, and may have to be drained afterwards.
    pub(super) fn tell(&mut self, number: u16, told: ShardInput) -> Result<(), String> {
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        if keeper.count() == 1 {
            return self.hand(number, told);
        }
        let Some(owner) = keeper.owners.get_mut(usize::from(number)) else { return Ok(()) };
        owner.inbox.push_back(told);
        let link = (INBOX, number.into());
        if self.in_trouble() && self.rng.below(1_000) < self.options.lag {
            let until = self.now + Span::millis(self.rng.below(LAG_MS));
            self.links.entry(link).and_modify(|at| *at = until.max(*at)).or_insert(until);
        }
        self.send(link, self.life, WorldEvent::Inbox(number));
        Ok(())
    }

    /// The shard of a room is told something.
    pub(super) fn tell_of(&mut self, room: RoomId, told: ShardInput) -> Result<(), String> {
        match self.keeper.as_ref().map(|keeper| keeper.shard_of(room)) {
            Some(number) => self.tell(number, told),
            None => Ok(()),
        }
    }

    /// Each shard is told something.
    pub(super) fn tell_each(&mut self, told: impl Fn(u16) -> ShardInput) -> Result<(), String> {
        let numbers = self.keeper.iter().flat_map(|keeper| keeper.numbers()).collect::<Vec<_>>();
        numbers.into_iter().try_for_each(|number| self.tell(number, told(number)))
    }

    /// Somebody who is no shard has an order for each of them.
    pub(super) fn order_each(&mut self, order: &Order) -> Result<(), String> {
        self.tell_each(|_| ShardInput::Order(order.clone()))
    }

    /// A shard's thread gets to the next thing in its queue.
    pub(super) fn take_next(&mut self, number: u16) -> Result<(), String> {
        let owners = self.keeper.as_mut().map(|keeper| &mut keeper.owners);
        let owner = owners.and_then(|owners| owners.get_mut(usize::from(number)));
        let Some(told) = owner.and_then(|owner| owner.inbox.pop_front()) else { return Ok(()) };
        if self.options.trace {
            self.print_told(number, &told);
        }
        self.hand(number, told)?;
        self.drain()
    }

    /// All shards get to the ends of their queues.
    pub(super) fn take_all(&mut self) -> Result<(), String> {
        let numbers = self.keeper.iter().flat_map(|keeper| keeper.numbers()).collect::<Vec<_>>();
        for number in numbers {
            while self.waits_for(number) {
                self.take_next(number)?;
            }
        }
        Ok(())
    }

    fn waits_for(&self, number: u16) -> bool {
        let owners = self.keeper.iter().flat_map(|keeper| keeper.owners.get(usize::from(number)));
        owners.map(|owner| owner.inbox.len()).sum::<usize>() > 0
    }

    fn hand(&mut self, number: u16, told: ShardInput) -> Result<(), String> {
        let listed = matches!(told, ShardInput::Listed);
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        keeper.take(self.now, number, told);
        if listed {
            self.drain()?;
            self.send((TO_DIRECTOR, number.into()), self.life, WorldEvent::Listed(number));
        }
        Ok(())
    }

    /// A worker has answered some shard: soon all of them know that it answers.
    pub(super) fn overhear(&mut self, id: WorkerId) {
        let several = self.keeper.as_ref().filter(|keeper| keeper.count() > 1);
        let Some(at) = several.map(|keeper| keeper.clock(self.now)) else { return };
        if self.overheard.insert(id, at).is_none() {
            self.schedule(WORD_EVERY, self.life, WorldEvent::Heard(id));
        }
    }

    /// Each shard is told that a worker has answered lately.
    pub(super) fn word_of(&mut self, id: WorkerId) -> Result<(), String> {
        let Some(at) = self.overheard.remove(&id) else { return Ok(()) };
        self.tell_each(|_| ShardInput::Heard(id, at))
    }

    /// Shards are told what has become safe of their rooms.
    pub(super) fn tell_stored(&mut self, outcomes: &[(RoomId, Stored)]) -> Result<(), String> {
        let Some(count) = self.keeper.as_ref().map(|keeper| keeper.count()) else { return Ok(()) };
        for number in 0..count {
            let here = outcomes.iter().filter(|(room, _)| room.shard(count) == number);
            let here: Vec<_> = here.copied().collect();
            if !here.is_empty() {
                self.tell(number, ShardInput::Stored(here))?;
            }
        }
        Ok(())
    }

    /// Shards are told which snapshots the store wants.
    pub(super) fn tell_wanted(&mut self, rooms: &[RoomId]) -> Result<(), String> {
        let Some(count) = self.keeper.as_ref().map(|keeper| keeper.count()) else { return Ok(()) };
        for number in 0..count {
            let here = rooms.iter().copied().filter(|room| room.shard(count) == number);
            let here: Vec<_> = here.collect();
            if !here.is_empty() {
                self.tell(number, ShardInput::Wanted(here))?;
            }
        }
        Ok(())
    }
}
