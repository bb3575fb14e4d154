//! The narrow door between gateway and owner, seen from both sides.

use playon_types::gate::{ToGateway, ToOwner};
use playon_types::ids::{ConnId, RoomId};
use tokio::sync::mpsc;

/// How the gateway reaches the owner's shards.
///
/// Called on gateway threads, so it must neither block nor wait.
pub trait OwnerLink: Send + Sync + 'static {
    /// How many shards there are; at least 1, never changing.
    fn shards(&self) -> u16;

    /// Puts the message into the shard's queue. A shard that sleeps may go on sleeping until [`OwnerLink::wake`].
    ///
    /// # Errors
    /// When the queue is full or the shard is gone. The gateway then closes the socket with `Busy`; only
    /// `Gone` it offers again, for as long as the socket's place would be missed.
    fn send(&self, shard: u16, message: ToOwner) -> Result<(), NotTaken>;

    /// Wakes the shard if it sleeps. Follows one or more `send`, as soon as all sockets that had something to say
    /// at the same time have said it: waking is a system call, and a shard that finds much does it at once.
    fn wake(&self, shard: u16);
}

/// A shard did not take a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotTaken;

/// The shard that holds the room.
pub fn shard_of(room: RoomId, shards: u16) -> u16 {
    room.shard(shards)
}

/// Batches one gateway thread may have waiting. A shard that would exceed it waits, and the
/// gateway never waits for a shard, so this cannot deadlock.
pub const INBOX_BATCHES_MAX: usize = 1_024;

/// How the owner's shards reach the gateway's threads.
#[derive(Clone, Debug)]
pub struct GatewayLink {
    threads: Vec<mpsc::Sender<Vec<ToGateway>>>,
}

/// The receiving ends, one per gateway thread, to be handed to [`super::Gateway::listen`].
#[derive(Debug)]
pub struct Inboxes(pub(super) Vec<mpsc::Receiver<Vec<ToGateway>>>);

/// Makes the channels for that many gateway threads, 1 to 256.
pub fn inboxes(threads: usize) -> (GatewayLink, Inboxes) {
    let pairs = (0..threads.clamp(1, 256)).map(|_| mpsc::channel(INBOX_BATCHES_MAX));
    let (threads, inboxes) = pairs.unzip();
    (GatewayLink { threads }, Inboxes(inboxes))
}

impl GatewayLink {
    /// How many gateway threads there are.
    pub fn threads(&self) -> usize {
        self.threads.len()
    }

    /// Batches that wait for gateway threads.
    pub fn waiting(&self) -> usize {
        self.threads.iter().map(|thread| thread.max_capacity() - thread.capacity()).sum()
    }

    /// The thread that holds the socket.
    pub const fn thread_of(conn: ConnId) -> usize {
        (conn.0 & 0xff) as usize
    }

    /// Hands the batch to the thread, waiting while its queue is full. All of it must be about sockets of
    /// that thread. What is meant for a thread that has stopped is dropped, as its sockets are.
    ///
    /// # Panics
    /// In asynchronous code; there [`GatewayLink::send`] is the one to use.
    pub fn blocking_send(&self, thread: usize, batch: Vec<ToGateway>) {
        if let Some(sender) = self.threads.get(thread) {
            _ = sender.blocking_send(batch);
        }
    }

    /// As [`GatewayLink::blocking_send`], for an owner that lives on the gateway's own threads and must never wait.
    ///
    /// # Errors
    /// When the thread's queue is full. What is meant for a thread that has stopped counts as taken.
    pub fn try_send(&self, thread: usize, batch: Vec<ToGateway>) -> Result<(), NotTaken> {
        let sent = self.threads.get(thread).map_or(Ok(()), |sender| sender.try_send(batch));
        match sent {
            Err(mpsc::error::TrySendError::Full(_)) => Err(NotTaken),
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
        }
    }

    /// As [`GatewayLink::blocking_send`], for asynchronous code.
    pub async fn send(&self, thread: usize, batch: Vec<ToGateway>) {
        if let Some(sender) = self.threads.get(thread) {
            _ = sender.send(batch).await;
        }
    }
}
