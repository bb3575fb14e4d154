//! The room threads. A room always belongs to the same one.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use playon_types::attach::ToWorker;
use playon_types::ids::RoomId;
use playon_wire::attach::{Consumed, KeeperWelcome, Up, cost};

use super::outlet::Outlet;
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

/// Answers that a room thread gathers before it sends them although more work waits.
const GATHERED_MAX: usize = 64;

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
                queue: receiver,
                rooms: Rooms::new(app.kinds().to_vec(), welcome),
                turns: Turns::new(page.clone(), number),
                consumed: Consumed::new(welcome.credit_bytes / count as u64),
                outlet: Arc::clone(outlet),
                gathered: Vec::new(),
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
    queue: Receiver<ToWorker>,
    rooms: Rooms,
    turns: Turns,
    consumed: Consumed,
    outlet: Arc<Outlet>,
    gathered: Vec<Up>,
}

impl RoomThread {
    /// Works until there is nothing more to come, or the link is down.
    fn run(mut self) {
        while let Some(message) = self.next() {
            let worth = cost(&message);
            self.turns.begin(&message);
            self.rooms.handle(message, &mut self.gathered);
            let credit = self.consumed.worked_off(worth);
            self.gathered.extend(credit.map(|bytes| Up::Credit { bytes }));
            if self.gathered.len() >= GATHERED_MAX && !self.flush() {
                return;
            }
        }
        self.flush();
    }

    /// The next message; what was gathered is sent before this thread sleeps.
    fn next(&mut self) -> Option<ToWorker> {
        match self.queue.try_recv() {
            Ok(message) => return Some(message),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {}
        }
        let credit = self.consumed.flush();
        self.gathered.extend(credit.map(|bytes| Up::Credit { bytes }));
        if !self.flush() {
            return None;
        }
        self.turns.rest();
        self.queue.recv().ok()
    }

    /// False when the link is down; the reading thread learns it by itself.
    fn flush(&mut self) -> bool {
        let gathered = std::mem::take(&mut self.gathered);
        match self.outlet.send(&gathered) {
            Err(error) if error.is_too_large() => self.send_each(gathered),
            sent => sent.is_ok(),
        }
    }

    /// One of them fits into no frame. That is a fault of its room, and the end of nobody's link.
    fn send_each(&mut self, items: Vec<Up>) -> bool {
        items.into_iter().all(|item| match self.outlet.send(std::slice::from_ref(&item)) {
            Err(error) if error.is_too_large() => match item {
                Up::Room(answer) => {
                    self.outlet.send(&[self.rooms.retract(&answer, &error)]).is_ok()
                }
                // A line of that length is told to nobody.
                _ => true,
            },
            sent => sent.is_ok(),
        })
    }
}
