//! What waits to be sent to one worker.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use playon_core::attach::ToWorker;
use playon_wire::attach::{BATCH_ITEMS_MAX, Credit, Down, cost};
use tokio::sync::Notify;

/// More waits than may wait; nothing of the push was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overflow;

/// How a link is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ending {
    /// It goes on.
    No,
    /// After a `Shutdown` behind all that waits.
    Orderly,
    /// At once.
    AtOnce,
}

#[derive(Debug)]
struct Queue {
    messages: VecDeque<ToWorker>,
    cost: u64,
    ending: Ending,
}

/// What waits for one worker: shards push, the link takes as far as the credits go.
#[derive(Debug)]
pub(crate) struct Outbound {
    queue: Mutex<Queue>,
    wake: Notify,
    items_max: usize,
    cost_max: u64,
}

impl Outbound {
    pub(super) fn new(items_max: usize, bytes_max: usize) -> Self {
        let queue = Queue { messages: VecDeque::new(), cost: 0, ending: Ending::No };
        Self {
            queue: Mutex::new(queue),
            wake: Notify::new(),
            items_max,
            cost_max: bytes_max as u64,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends the messages in order, all or none.
    pub(super) fn push_all(&self, messages: Vec<ToWorker>) -> Result<(), Overflow> {
        let added: u64 = messages.iter().map(cost).sum();
        let mut queue = self.lock();
        let items = queue.messages.len() + messages.len();
        // A single large state must pass, so the bytes already there decide.
        if items > self.items_max || queue.cost > self.cost_max {
            return Err(Overflow);
        }
        queue.cost += added;
        queue.messages.extend(messages);
        drop(queue);
        self.wake.notify_one();
        Ok(())
    }

    /// The next batch that the credits allow; empty if there is none.
    pub(super) fn take(&self, credit: &mut Credit) -> Vec<Down> {
        let mut queue = self.lock();
        let mut batch = Vec::new();
        while credit.may_send() && batch.len() < BATCH_ITEMS_MAX {
            let Some(message) = queue.messages.pop_front() else { break };
            let cost = cost(&message);
            queue.cost -= cost;
            credit.sent(cost);
            batch.push(Down::Room(message));
        }
        batch
    }

    /// How many messages wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().messages.len()
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().messages.is_empty()
    }

    /// Asks the link to end; a stricter wish stands.
    pub(super) fn end(&self, ending: Ending) {
        let mut queue = self.lock();
        queue.ending = queue.ending.max(ending);
        drop(queue);
        self.wake.notify_one();
    }

    pub(super) fn ending(&self) -> Ending {
        self.lock().ending
    }

    /// Waits until something was pushed or asked for.
    pub(super) async fn changed(&self) {
        self.wake.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use playon_core::ids::{Attempt, RoomId, Seq};

    fn open(room: u8, bytes: usize) -> ToWorker {
        ToWorker::Open {
            room: RoomId([room; 16]),
            attempt: Attempt(1),
            kind: "duel".into(),
            seq: Seq(1),
            version: 1,
            state: Bytes::from(vec![0; bytes]),
        }
    }

    #[test]
    fn messages_leave_in_order_as_the_credits_allow() {
        let outbound = Outbound::new(10, 10_000);
        let sent = [open(1, 100), open(2, 100), open(3, 100)];
        outbound.push_all(sent.to_vec()).unwrap();
        let mut credit = Credit::new(200);
        let batch = outbound.take(&mut credit);
        assert_eq!(batch, sent[..2].iter().cloned().map(Down::Room).collect::<Vec<_>>());
        assert!(outbound.take(&mut credit).is_empty());
        credit.returned(cost(&sent[0])).unwrap();
        assert_eq!(outbound.take(&mut credit), [Down::Room(sent[2].clone())]);
        assert!(outbound.is_empty());
    }

    #[test]
    fn too_much_is_refused_as_a_whole() {
        let outbound = Outbound::new(2, 300);
        assert_eq!(outbound.push_all(vec![open(1, 0), open(2, 0), open(3, 0)]), Err(Overflow));
        assert!(outbound.is_empty());
        outbound.push_all(vec![open(1, 1_000)]).unwrap();
        assert_eq!(outbound.push_all(vec![open(2, 0)]), Err(Overflow));
    }

    #[test]
    fn the_strictest_ending_stands() {
        let outbound = Outbound::new(2, 300);
        outbound.end(Ending::AtOnce);
        outbound.end(Ending::Orderly);
        assert_eq!(outbound.ending(), Ending::AtOnce);
    }
}
