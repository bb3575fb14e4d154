//! What waits for a shard.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use playon_types::gate::ToOwner;
use playon_types::ids::RoomId;

use crate::gateway::{NotTaken, OwnerLink, shard_of};
use crate::messages::ToShard;

#[derive(Debug, Default)]
struct InboxQueue {
    events: VecDeque<ToShard>,
    /// How many of them came from the gateway; only those are bounded here. The others are bounded where they arise: a
    /// room has one batch with a worker and `unsafe_commits_max` with the store.
    gate: usize,
    /// The shard's thread sleeps. Waking it is a system call, so it is done once and only then.
    asleep: bool,
}

/// What waits for one shard: many may push, the shard's thread drains.
#[derive(Debug)]
pub struct Inbox {
    queue: Mutex<InboxQueue>,
    waiting: Condvar,
    gate_max: usize,
}

impl Inbox {
    pub(crate) fn new(gate_max: usize) -> Self {
        Self { queue: Mutex::default(), waiting: Condvar::new(), gate_max }
    }

    fn lock(&self) -> MutexGuard<'_, InboxQueue> {
        // The queue is whole between any two statements, so a panic elsewhere does not spoil it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over what a socket said, for when the shard is awake: see [`Inbox::wake_up`].
    ///
    /// # Errors
    /// When too much waits already. `Gone` and `Drained` are always taken: each socket sends few of them.
    pub fn push_gate(&self, message: ToOwner) -> Result<(), NotTaken> {
        let mut queue = self.lock();
        let must =
            matches!(message, ToOwner::Gone { .. } | ToOwner::Drained { .. } | ToOwner::Bye { .. });
        if queue.gate >= self.gate_max && !must {
            return Err(NotTaken);
        }
        queue.gate += 1;
        queue.events.push_back(ToShard::Gate(message));
        Ok(())
    }

    /// Wakes the shard if it sleeps although something waits.
    pub fn wake_up(&self) {
        let queue = self.lock();
        if !queue.events.is_empty() {
            self.wake(queue);
        }
    }

    /// How many events wait.
    pub fn waiting(&self) -> usize {
        self.lock().events.len()
    }

    pub(crate) fn push(&self, event: ToShard) {
        let mut queue = self.lock();
        queue.events.push_back(event);
        self.wake(queue);
    }

    pub(crate) fn push_all(&self, events: impl IntoIterator<Item = ToShard>) {
        let mut queue = self.lock();
        queue.events.extend(events);
        self.wake(queue);
    }

    fn wake(&self, mut queue: MutexGuard<'_, InboxQueue>) {
        let asleep = std::mem::take(&mut queue.asleep);
        drop(queue);
        if asleep {
            self.waiting.notify_one();
        }
    }

    /// Moves at most `max` waiting events into `into`; waits until `until` if there are none, or for ever without it.
    pub(crate) fn drain(&self, into: &mut VecDeque<ToShard>, max: usize, until: Option<Instant>) {
        let mut queue = self.lock();
        while queue.events.is_empty() {
            queue.asleep = true;
            queue = match until {
                None => self.waiting.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left == Duration::ZERO {
                        queue.asleep = false;
                        return;
                    }
                    self.waiting.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        queue.asleep = false;
        for _ in 0..max {
            let Some(event) = queue.events.pop_front() else { break };
            queue.gate -= usize::from(matches!(event, ToShard::Gate(_)));
            into.push_back(event);
        }
    }
}

impl OwnerLink for Shards {
    fn shards(&self) -> u16 {
        self.count()
    }

    fn send(&self, shard: u16, message: ToOwner) -> Result<(), NotTaken> {
        self.get(shard.into()).ok_or(NotTaken)?.push_gate(message)
    }

    fn wake(&self, shard: u16) {
        self.get(shard.into()).into_iter().for_each(Inbox::wake_up);
    }
}

/// The inboxes of all shards.
#[derive(Clone, Debug)]
pub struct Shards(Arc<[Inbox]>);

impl Shards {
    pub(crate) fn new(count: u16, gate_max: usize) -> Self {
        Self((0..count.max(1)).map(|_| Inbox::new(gate_max)).collect())
    }

    /// How many there are; at least 1.
    pub fn count(&self) -> u16 {
        u16::try_from(self.0.len()).unwrap_or(u16::MAX)
    }

    /// The inbox of the shard that a room belongs to.
    pub fn of(&self, room: RoomId) -> &Inbox {
        &self.0[usize::from(self.number_of(room))]
    }

    /// The number of that shard.
    pub(crate) fn number_of(&self, room: RoomId) -> u16 {
        shard_of(room, self.count())
    }

    /// The inbox of one shard.
    pub fn get(&self, index: usize) -> Option<&Inbox> {
        self.0.get(index)
    }

    /// All inboxes, in the order of the shards.
    pub fn iter(&self) -> impl Iterator<Item = &Inbox> {
        self.0.iter()
    }

    /// Gives every shard an event of its own.
    pub(crate) fn push_each(&self, mut event: impl FnMut() -> ToShard) {
        for inbox in self.iter() {
            inbox.push(event());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use playon_types::ids::ConnId;

    fn ack(conn: u64) -> ToOwner {
        ToOwner::Ack { conn: ConnId(conn), recv: 0 }
    }

    #[test]
    fn only_what_the_gateway_may_lose_is_refused() {
        let inbox = Inbox::new(1);
        assert_eq!(inbox.push_gate(ack(1)), Ok(()));
        assert_eq!(inbox.push_gate(ack(2)), Err(NotTaken));
        assert_eq!(inbox.push_gate(ToOwner::Gone { conn: ConnId(2) }), Ok(()));
        inbox.push(ToShard::RecoveryDone);
        let mut drained = VecDeque::new();
        inbox.drain(&mut drained, 8, None);
        assert_eq!(drained.len(), 3);
        assert_eq!(inbox.push_gate(ack(2)), Ok(()));
    }

    #[test]
    fn a_drain_ends_at_its_time_and_at_its_bound() {
        let inbox = Inbox::new(8);
        let mut drained = VecDeque::new();
        inbox.drain(&mut drained, 8, Some(Instant::now()));
        assert!(drained.is_empty());
        inbox.push_all((0..5).map(|_| ToShard::RecoveryDone));
        inbox.drain(&mut drained, 3, None);
        assert_eq!(drained.len(), 3);
    }
}
