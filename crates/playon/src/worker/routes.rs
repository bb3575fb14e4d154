//! Which thread has which room.
//!
//! A room has its thread by its id. One that is slow again and again has one of those for slow rooms, which are started when they are needed:
//! while they are fewer than [`APART_THREADS_MAX`] it has its own, and then slow rooms wait for each other and for nobody else.
//!
//! What is sent keeps its order: whoever hands something out and whoever takes a room to another thread do it under one lock, and a thread
//! takes in all that was sent to it before it lets go of a room.

use std::collections::HashMap;
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};

use playon_types::attach::ToWorker;
use playon_types::ids::RoomId;

use super::rooms::MovedRoom;

/// Threads for slow rooms, at most; when each has one, rooms share them.
pub(super) const APART_THREADS_MAX: usize = 8;

/// What a room thread is sent.
pub(super) enum Work {
    /// A message of the keeper.
    Message(ToWorker),
    /// A room that another thread had, and what waits for it.
    Room(Box<MovedRoom>, Vec<ToWorker>),
}

/// Starts another room thread, under that number among all.
type Start = dyn Fn(usize) -> Option<Sender<Work>> + Send;

/// The way to the room threads.
pub(super) struct Routes(Mutex<Inner>);

pub(super) struct Inner {
    common: Vec<Sender<Work>>,
    apart: Vec<ApartThread>,
    /// Rooms that are apart, and on which of these threads.
    slow: HashMap<RoomId, usize>,
    start: Option<Box<Start>>,
}

struct ApartThread {
    sender: Sender<Work>,
    rooms: usize,
}

impl Routes {
    /// Without threads yet.
    pub(super) fn new() -> Self {
        let (common, apart, slow, start) = (Vec::new(), Vec::new(), HashMap::new(), None);
        Self(Mutex::new(Inner { common, apart, slow, start }))
    }

    /// These threads are there, and this is how more are started.
    pub(super) fn open(&self, common: Vec<Sender<Work>>, start: Box<Start>) {
        let mut inner = self.lock();
        (inner.common, inner.start) = (common, Some(start));
    }

    /// Nothing is handed out any more: every thread ends when it has done what it has. Gives how many there are.
    pub(super) fn close(&self) -> usize {
        let mut inner = self.lock();
        let count = inner.common.len() + inner.apart.len();
        (inner.common, inner.apart, inner.start) = (Vec::new(), Vec::new(), None);
        inner.slow.clear();
        count
    }

    /// While this is held nothing is sent to any thread, and no room changes its thread.
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        // What a panic could have left half done here is nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Queues it for the thread of its room.
    pub(super) fn send(&self, message: ToWorker) {
        let room = message.turn().room;
        let apart = self.slow.get(&room).and_then(|at| self.apart.get(*at));
        let thread = apart.map(|apart| &apart.sender).or_else(|| self.home(room));
        // A thread that is gone has lost the link and so has everyone.
        thread.map(|thread| thread.send(Work::Message(message)));
    }

    /// The thread that the room has by its id.
    fn home(&self, room: RoomId) -> Option<&Sender<Work>> {
        let index = room.mix(0x0077_6f72_6b65_7273) % self.common.len().max(1) as u64;
        self.common.get(usize::try_from(index).unwrap_or_default())
    }

    /// Finds a thread for a slow room: a new one while there may be one more, else the one that has the fewest.
    pub(super) fn find_apart(&mut self, room: RoomId) -> Option<&Sender<Work>> {
        let free = self.apart.iter().any(|thread| thread.rooms == 0);
        if !free && self.apart.len() < APART_THREADS_MAX {
            let number = self.common.len() + self.apart.len();
            let sender = self.start.as_ref().and_then(|start| start(number));
            self.apart.extend(sender.map(|sender| ApartThread { sender, rooms: 0 }));
        }
        let (at, thread) =
            self.apart.iter_mut().enumerate().min_by_key(|(_, thread)| thread.rooms)?;
        thread.rooms += 1;
        self.slow.insert(room, at);
        Some(&thread.sender)
    }

    /// The room is among the others again. Gives its thread.
    pub(super) fn find_home(&mut self, room: RoomId) -> Option<&Sender<Work>> {
        self.forget(room);
        self.home(room)
    }

    /// Nobody has that room any more.
    pub(super) fn forget(&mut self, room: RoomId) {
        let thread = self.slow.remove(&room).and_then(|at| self.apart.get_mut(at));
        if let Some(thread) = thread {
            thread.rooms -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use playon_types::ids::Attempt;

    use super::*;

    fn room(number: u8) -> RoomId {
        RoomId([number; 16])
    }

    fn retire(number: u8) -> ToWorker {
        ToWorker::Retire { room: room(number), attempt: Attempt(1) }
    }

    /// A thread that was started, and its number.
    type Started = (usize, Receiver<Work>);

    /// Two threads; those that are started show up in the list.
    fn routes() -> (Routes, Vec<Receiver<Work>>, Receiver<Started>) {
        let routes = Routes::new();
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..2).map(|_| channel()).unzip();
        let (told, started) = channel();
        let start = move |number| {
            let (sender, receiver) = channel();
            told.send((number, receiver)).ok().map(|()| sender)
        };
        routes.open(senders, Box::new(start));
        (routes, receivers, started)
    }

    fn got(receiver: &Receiver<Work>) -> Vec<RoomId> {
        let room = |work| match work {
            Work::Message(message) => message.turn().room,
            Work::Room(..) => panic!("no room was moved"),
        };
        receiver.try_iter().map(room).collect()
    }

    #[test]
    fn a_slow_room_has_a_thread_of_its_own_until_they_are_used_up() {
        let (routes, common, started) = routes();
        let rooms = APART_THREADS_MAX as u8 + 1;
        for number in 0..rooms {
            assert!(routes.lock().find_apart(room(number)).is_some());
        }
        let threads: Vec<_> = started.try_iter().collect();
        let numbers: Vec<usize> = threads.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (2..2 + APART_THREADS_MAX).collect::<Vec<_>>());
        for number in 0..rooms {
            routes.lock().send(retire(number));
        }
        let of_each: Vec<_> = threads.iter().map(|(_, receiver)| got(receiver)).collect();
        assert_eq!(of_each[0], [room(0), room(rooms - 1)], "the last one shares");
        assert!(of_each[1..].iter().all(|rooms| rooms.len() == 1));
        assert!(common.iter().all(|thread| got(thread).is_empty()));
        // One is free again, and serves the next.
        assert!(routes.lock().find_home(room(3)).is_some());
        assert!(routes.lock().find_apart(room(100)).is_some());
        routes.lock().send(retire(100));
        routes.lock().send(retire(3));
        assert_eq!(got(&threads[3].1), [room(100)]);
        assert_eq!(common.iter().flat_map(got).collect::<Vec<_>>(), [room(3)]);
        assert_eq!(started.try_iter().count(), 0);
        assert_eq!(routes.close(), 2 + APART_THREADS_MAX);
        assert!(routes.lock().find_apart(room(1)).is_none(), "nothing is handed out any more");
    }

    #[test]
    fn a_room_that_is_gone_holds_no_thread() {
        let (routes, _common, started) = routes();
        for number in 0..100 {
            routes.lock().find_apart(room(number));
            routes.lock().forget(room(number));
            routes.lock().forget(room(number));
        }
        assert_eq!(started.try_iter().count(), 1);
        assert!(routes.lock().slow.is_empty());
    }
}
