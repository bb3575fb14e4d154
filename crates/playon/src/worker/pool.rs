//! The room threads. A room always belongs to the same one.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use playon_types::attach::ToWorker;
use playon_types::ids::RoomId;
use playon_wire::attach::{AttachError, Consumed, KeeperWelcome, Up, cost};

use super::outlet::Outlet;
use super::queue::Queue;
use super::rooms::Rooms;
use super::turns::{self, Turns};
use crate::app::App;

/// Overrides the number of room threads, 1 to [`THREADS_MAX`].
const ENV_THREADS: &str = "PLAYON_THREADS";

/// Room threads by default, at most; fewer on a machine with fewer cores.
const THREADS: usize = 4;

/// Room threads, at most.
const THREADS_MAX: usize = 64;

/// Stack of a room thread, in bytes: for the deepest state in an unoptimised build, and for letting go of what is too deep to
/// be written. No more of it is used than is needed.
const STACK_BYTES: usize = 32 << 20;

/// Room threads for which messages are queued without another bound than the keeper's credit.
pub(super) struct Pool {
    threads: Vec<Sender<ToWorker>>,
    finished: Receiver<()>,
}

impl Pool {
    pub(super) fn start(app: &App, outlet: &Arc<Outlet>, welcome: &KeeperWelcome) -> Self {
        let count = thread_count(app.wanted_threads());
        let (done, finished) = channel();
        let page = turns::open(welcome);
        let threads = (0..count).map(|number| {
            let (sender, receiver) = channel();
            let thread = RoomThread {
                inbox: receiver,
                queue: Queue::new(),
                rooms: Rooms::new(app.kinds().to_vec(), welcome),
                turns: Turns::new(page.clone(), number),
                consumed: Consumed::new(welcome.credit_bytes / count as u64),
                outlet: Arc::clone(outlet),
                answers: Vec::new(),
            };
            let done = done.clone();
            let builder = thread::Builder::new().name(format!("rooms-{number}"));
            let spawned = builder.stack_size(STACK_BYTES).spawn(move || {
                thread.run();
                let _ = done.send(());
            });
            // Without a thread its rooms would never be answered.
            spawned.map(|_| sender)
        });
        let threads = threads.filter_map(Result::ok).collect();
        Self { threads, finished }
    }

    /// Queues a message for its room's thread.
    pub(super) fn hand_out(&self, message: ToWorker) {
        let index = room(&message).mix(0x0077_6f72_6b65_7273) % self.threads.len().max(1) as u64;
        if let Some(thread) = self.threads.get(index as usize) {
            // A thread that is gone has lost the link and so has everyone.
            let _ = thread.send(message);
        }
    }

    /// Lets every thread work off its queue and waits for that; a room that hangs is left behind.
    pub(super) fn finish(self, timeout: Duration) {
        let count = self.threads.len();
        drop(self.threads);
        let deadline = Instant::now() + timeout;
        for _ in 0..count {
            let left = deadline.saturating_duration_since(Instant::now());
            if self.finished.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }
}

fn thread_count(wanted: Option<usize>) -> usize {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let asked = std::env::var(ENV_THREADS).ok().and_then(|text| text.parse().ok());
    asked.or(wanted).unwrap_or(cores.min(THREADS)).clamp(1, THREADS_MAX)
}

fn room(message: &ToWorker) -> RoomId {
    match message {
        ToWorker::Create { room, .. }
        | ToWorker::Open { room, .. }
        | ToWorker::Export { room, .. }
        | ToWorker::Prewarm { room, .. }
        | ToWorker::Tail { room, .. }
        | ToWorker::Retire { room, .. } => *room,
        ToWorker::Deliver(deliver) => deliver.room,
    }
}

struct RoomThread {
    inbox: Receiver<ToWorker>,
    queue: Queue,
    rooms: Rooms,
    turns: Turns,
    consumed: Consumed,
    outlet: Arc<Outlet>,
    answers: Vec<Up>,
}

impl RoomThread {
    /// Works until there is nothing more to come, or the link is down.
    fn run(mut self) {
        while let Some(message) = self.next() {
            let worth = cost(&message);
            self.turns.begin(&message);
            let began = Instant::now();
            self.rooms.handle(message, &mut self.answers);
            self.queue.took(began.elapsed());
            let credit = self.consumed.worked_off(worth);
            self.answers.extend(credit.map(|bytes| Up::Credit { bytes }));
            self.take_in();
            // What is next may take long, or for ever, and is nothing that an answer waits for.
            if !self.queue.is_empty() && !self.leave() {
                return;
            }
        }
        self.flush();
    }

    /// The next message; all that is to be said is sent before this thread sleeps.
    fn next(&mut self) -> Option<ToWorker> {
        if let Some(message) = self.queue.pop() {
            return Some(message);
        }
        let credit = self.consumed.flush();
        self.answers.extend(credit.map(|bytes| Up::Credit { bytes }));
        if !self.flush() {
            return None;
        }
        self.turns.rest();
        let first = self.inbox.recv().ok()?;
        self.line_up(first);
        self.take_in();
        self.queue.pop()
    }

    /// Lets everything line up that has come.
    fn take_in(&mut self) {
        // That nothing more will come is learnt when there is nothing else to do.
        while let Ok(message) = self.inbox.try_recv() {
            self.line_up(message);
        }
    }

    fn line_up(&mut self, message: ToWorker) {
        for void in self.queue.push(message) {
            self.rooms.decline(&void, &mut self.answers);
            let credit = self.consumed.worked_off(cost(&void));
            self.answers.extend(credit.map(|bytes| Up::Credit { bytes }));
        }
    }

    /// False when the link is down; the reading thread learns it by itself.
    fn flush(&mut self) -> bool {
        let answers = std::mem::take(&mut self.answers);
        match self.outlet.send(&answers) {
            Err(error) if error.is_too_large() => {
                self.each(answers, |outlet, answer| outlet.send(answer))
            }
            sent => sent.is_ok(),
        }
    }

    /// The same, but what has been made leaves with what follows soon.
    fn leave(&mut self) -> bool {
        let answers = std::mem::take(&mut self.answers);
        match self.outlet.leave(&answers) {
            Err(error) if error.is_too_large() => {
                self.each(answers, |outlet, answer| outlet.leave(answer))
            }
            left => left.is_ok(),
        }
    }

    /// One of them fits into no frame. That is a fault of its room, and the end of nobody's link.
    fn each(
        &mut self,
        items: Vec<Up>,
        put: impl Fn(&Outlet, &[Up]) -> Result<(), AttachError>,
    ) -> bool {
        items.into_iter().all(|item| match put(&self.outlet, std::slice::from_ref(&item)) {
            Err(error) if error.is_too_large() => match item {
                Up::Room(answer) => {
                    put(&self.outlet, &[self.rooms.retract(&answer, &error)]).is_ok()
                }
                // A line of that length is told to nobody.
                _ => true,
            },
            put => put.is_ok(),
        })
    }
}
