//! What waits to be sent to one worker.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use playon_core::fleet::Suspicion;
use playon_types::attach::{Fault, Stage, ToWorker, Turn};
use playon_types::reason::Reason;
use playon_wire::attach::{AttachError, BATCH_ITEMS_MAX, Credit, Down, cost, encode_down};
use tokio::sync::Notify;

/// How a link is asked to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It goes on.
    No,
    /// After a `Shutdown` behind all that waits.
    Orderly,
    /// At once: what the worker is suspected of, and why.
    AtOnce(Suspicion, Reason),
}

#[derive(Debug)]
struct OutboundQueue {
    messages: VecDeque<ToWorker>,
    ending: Ending,
}

/// What waits for one worker: shards push, the link takes as far as the credits go.
///
/// It has no bound of its own, as what waits here says nothing about the worker. It is bounded where it arises: a room has
/// one batch under way, a shard `opens_bytes_max` of states being opened and `handoffs_max` of copies and one of a room that nobody runs.
#[derive(Debug)]
pub(crate) struct Outbound {
    queue: Mutex<OutboundQueue>,
    wake: Notify,
}

impl Outbound {
    pub(super) fn new() -> Self {
        let queue = OutboundQueue { messages: VecDeque::new(), ending: Ending::No };
        Self { queue: Mutex::new(queue), wake: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, OutboundQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends the messages in order.
    pub(super) fn push_all(&self, messages: Vec<ToWorker>) {
        self.lock().messages.extend(messages);
        self.wake.notify_one();
    }

    /// The next batch that the credits allow; empty if there is none.
    pub(super) fn take(&self, credit: &mut Credit) -> Vec<Down> {
        let mut queue = self.lock();
        let mut batch = Vec::new();
        while credit.may_send() && batch.len() < BATCH_ITEMS_MAX {
            let Some(message) = queue.messages.pop_front() else { break };
            credit.sent(cost(&message));
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

    /// Asks the link to end in order, unless it is to end at once.
    pub(super) fn shut_down(&self) {
        let mut queue = self.lock();
        if queue.ending == Ending::No {
            queue.ending = Ending::Orderly;
        }
        drop(queue);
        self.wake.notify_one();
    }

    /// Asks the link to end at once. The first reason stands.
    pub(super) fn cut(&self, of: Suspicion, why: Reason) {
        let mut queue = self.lock();
        if !matches!(queue.ending, Ending::AtOnce(..)) {
            queue.ending = Ending::AtOnce(of, why);
        }
        drop(queue);
        self.wake.notify_one();
    }

    pub(super) fn ending(&self) -> Ending {
        self.lock().ending.clone()
    }

    /// Waits until something was pushed or asked for.
    pub(super) async fn changed(&self) {
        self.wake.notified().await;
    }
}

/// The frames of a batch, and the messages that fit into none with the fault that each is of its room.
pub(super) fn encode_fitting(batch: Vec<Down>) -> (Bytes, Vec<(ToWorker, Fault)>) {
    if let Ok(bytes) = encode_down(&batch) {
        return (bytes, Vec::new());
    }
    let (mut frames, mut misfits) = (BytesMut::new(), Vec::new());
    for item in batch {
        match (encode_down(std::slice::from_ref(&item)), item) {
            (Ok(bytes), _) => frames.extend_from_slice(&bytes),
            (Err(error), Down::Room(message)) => {
                let fault = misfit(&message, &error);
                misfits.push((message, fault));
            }
            // None of the others has a size worth speaking of.
            (Err(_), _) => {}
        }
    }
    (frames.freeze(), misfits)
}

fn misfit(message: &ToWorker, error: &AttachError) -> Fault {
    let Turn { room, attempt, .. } = message.turn();
    let stage = match message {
        ToWorker::Create { .. } => Stage::Create,
        ToWorker::Open { .. } | ToWorker::Tail { .. } => Stage::Open,
        ToWorker::Deliver(_) | ToWorker::Retire { .. } => Stage::Deliver,
        ToWorker::Export { .. } => Stage::Export,
        ToWorker::Prewarm { .. } => Stage::Prewarm,
    };
    let message = format!("PLY-0457 what it is sent fits into no frame: {error}");
    Fault { room, attempt, stage, message, refusal: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use playon_types::ids::{Attempt, RoomId, Seq};
    use playon_types::reason;
    use playon_wire::attach::read_down;

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
        let outbound = Outbound::new();
        let sent = [open(1, 100), open(2, 100), open(3, 100)];
        outbound.push_all(sent.to_vec());
        let mut credit = Credit::new(200);
        let batch = outbound.take(&mut credit);
        assert_eq!(batch, sent[..2].iter().cloned().map(Down::Room).collect::<Vec<_>>());
        assert!(outbound.take(&mut credit).is_empty());
        credit.returned(cost(&sent[0])).unwrap();
        assert_eq!(outbound.take(&mut credit), [Down::Room(sent[2].clone())]);
        assert!(outbound.is_empty());
    }

    #[test]
    fn what_fits_into_no_frame_is_a_fault_of_its_room_alone() {
        let batch = [open(1, 10), open(2, 33 << 20), open(3, 10)];
        let (frames, misfits) = encode_fitting(batch.iter().cloned().map(Down::Room).collect());
        let mut reader = &frames[..];
        let mut read = Vec::new();
        while let Some(items) = read_down(&mut reader).unwrap() {
            read.extend(items);
        }
        assert_eq!(read, [Down::Room(batch[0].clone()), Down::Room(batch[2].clone())]);
        let [(message, fault)] = &misfits[..] else { panic!("{} misfits", misfits.len()) };
        assert_eq!((message, fault.room, fault.stage), (&batch[1], RoomId([2; 16]), Stage::Open));
        assert!(fault.message.starts_with("PLY-0457"), "{}", fault.message);
    }

    #[test]
    fn the_strictest_ending_and_its_first_reason_stand() {
        let outbound = Outbound::new();
        outbound.shut_down();
        assert_eq!(outbound.ending(), Ending::Orderly);
        let why = || reason!("PLY-0404 it hangs");
        outbound.cut(Suspicion::Hangs, why());
        outbound.cut(Suspicion::Lies, reason!("PLY-0450 it lies"));
        outbound.shut_down();
        assert_eq!(outbound.ending(), Ending::AtOnce(Suspicion::Hangs, why()));
    }
}
