//! The room threads.

use std::fs::File;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use playon_types::attach::{ToWorker, Turn};
use playon_types::ids::RoomId;
use playon_wire::attach::{AttachError, Consumed, KeeperWelcome, LogLevel, TURNS_MAX, Up, cost};

use super::outlet::Outlet;
use super::pace::Change;
use super::queue::Queue;
use super::rooms::{Rooms, log};
use super::routes::{APART_THREADS_MAX, Routes, Work};
use super::turns::{self, Turns};
use crate::app::App;
use crate::kind::Kind;

/// Overrides the number of room threads, 1 to [`THREADS_MAX`].
const ENV_THREADS: &str = "PLAYON_THREADS";

/// Room threads by default, at most; fewer on a machine with fewer cores.
const THREADS: usize = 4;

/// Room threads, at most; those for slow rooms come on top.
const THREADS_MAX: usize = 56;

// Each has a place for its notes, so that the keeper finds what a process died of.
const _: () = assert!(THREADS_MAX + APART_THREADS_MAX <= TURNS_MAX);

/// Stack of a room thread, in bytes: for the deepest state in an unoptimised build, and for letting go of what is too deep to
/// be written. No more of it is used than is needed.
const STACK_BYTES: usize = 32 << 20;

/// Room threads for which messages are queued without another bound than the keeper's credit.
pub(super) struct Pool {
    routes: Arc<Routes>,
    finished: Receiver<()>,
}

/// What every room thread is made with.
struct Setup {
    kinds: Vec<Arc<dyn Kind>>,
    welcome: KeeperWelcome,
    outlet: Arc<Outlet>,
    routes: Arc<Routes>,
    page: Option<Arc<File>>,
    /// What the keeper's credit is shared out among: all threads that there may be.
    threads_max: u64,
    done: Sender<()>,
}

impl Pool {
    pub(super) fn start(app: &App, outlet: &Arc<Outlet>, welcome: &KeeperWelcome) -> Self {
        let count = thread_count(app.wanted_threads());
        let (done, finished) = channel();
        let routes = Arc::new(Routes::new());
        let setup = Setup {
            kinds: app.kinds().to_vec(),
            welcome: welcome.clone(),
            outlet: Arc::clone(outlet),
            routes: Arc::clone(&routes),
            page: turns::open(welcome),
            threads_max: (count + APART_THREADS_MAX) as u64,
            done,
        };
        // Without a thread its rooms would never be answered.
        let common = (0..count).filter_map(|number| setup.start(number, None)).collect();
        routes.open(common, Box::new(move |number| setup.start(number, Some(number - count))));
        Self { routes, finished }
    }

    /// Queues a message for its room's thread.
    pub(super) fn hand_out(&self, message: ToWorker) {
        self.routes.lock().send(message);
    }

    /// Lets every thread work off its queue and waits for that; a room that hangs is left behind.
    pub(super) fn finish(self, timeout: Duration) {
        let count = self.routes.close();
        let deadline = Instant::now() + timeout;
        for _ in 0..count {
            let left = deadline.saturating_duration_since(Instant::now());
            if self.finished.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }
}

impl Setup {
    /// Starts the thread of that number, one for slow rooms if it is one of these.
    fn start(&self, number: usize, apart: Option<usize>) -> Option<Sender<Work>> {
        let (sender, inbox) = channel();
        let thread = RoomThread {
            inbox,
            queue: Queue::new(),
            rooms: Rooms::new(self.kinds.clone(), &self.welcome),
            turns: Turns::new(self.page.clone(), number),
            consumed: Consumed::new(self.welcome.credit_bytes / self.threads_max),
            outlet: Arc::clone(&self.outlet),
            routes: Arc::clone(&self.routes),
            is_apart: apart.is_some(),
            answers: Vec::new(),
        };
        let done = self.done.clone();
        let name = apart.map_or(format!("rooms-{number}"), |apart| format!("slow-{apart}"));
        let builder = thread::Builder::new().name(name).stack_size(STACK_BYTES);
        let spawned = builder.spawn(move || {
            thread.run();
            let _ = done.send(());
        });
        spawned.ok().map(|_| sender)
    }
}

fn thread_count(wanted: Option<usize>) -> usize {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let asked = std::env::var(ENV_THREADS).ok().and_then(|text| text.parse().ok());
    asked.or(wanted).unwrap_or(cores.min(THREADS)).clamp(1, THREADS_MAX)
}

struct RoomThread {
    inbox: Receiver<Work>,
    queue: Queue,
    rooms: Rooms,
    turns: Turns,
    consumed: Consumed,
    outlet: Arc<Outlet>,
    routes: Arc<Routes>,
    /// It is for slow rooms.
    is_apart: bool,
    answers: Vec<Up>,
}

impl RoomThread {
    /// Works until there is nothing more to come, or the link is down.
    fn run(mut self) {
        while let Some(message) = self.next() {
            let worth = cost(&message);
            let (turn, is_batch) = (message.turn(), matches!(message, ToWorker::Deliver(_)));
            self.turns.begin(&message);
            let began = Instant::now();
            self.rooms.handle(message, &mut self.answers);
            let took = began.elapsed();
            self.queue.took(took);
            let credit = self.consumed.worked_off(worth);
            self.answers.extend(credit.map(|bytes| Up::Credit { bytes }));
            self.take_in();
            if is_batch && let Some(change) = self.rooms.took(&turn, took) {
                self.change_thread(&turn, change, took);
            } else if self.is_apart {
                self.forget_if_gone(turn.room);
            }
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
        // Of a room that came here nothing need wait.
        while self.queue.is_empty() {
            let first = self.inbox.recv().ok()?;
            self.take(first);
            self.take_in();
        }
        self.queue.pop()
    }

    /// Lets everything line up that has come.
    fn take_in(&mut self) {
        // That nothing more will come is learnt when there is nothing else to do.
        while let Ok(work) = self.inbox.try_recv() {
            self.take(work);
        }
    }

    fn take(&mut self, work: Work) {
        match work {
            Work::Message(message) => self.line_up(message),
            Work::Room(room, waiting) => {
                self.rooms.adopt(*room);
                waiting.into_iter().for_each(|message| self.line_up(message));
            }
        }
    }

    /// The room has been slow again and again, or quick again for a while: another thread has it from now on.
    fn change_thread(&mut self, turn: &Turn, change: Change, took: Duration) {
        let room = turn.room;
        if let Change::Apart(times) = change
            && times.is_power_of_two()
        {
            let text = format!(
                "PLY-0415 its batches take long, the last one {} ms: it has a thread apart from other rooms",
                took.as_millis()
            );
            self.answers.push(log(LogLevel::Warn, room, text));
        }
        // What has been said of the room leaves before what the other thread says. If the link is down that shows by itself.
        self.flush();
        let routes = Arc::clone(&self.routes);
        let mut routes = routes.lock();
        // From now on nothing comes.
        self.take_in();
        let thread = match change {
            Change::Apart(_) => routes.find_apart(room),
            Change::Back => routes.find_home(room),
        };
        let Some(thread) = thread else { return self.rooms.stays(turn) };
        let (moved, waiting) = (self.rooms.take(room), self.queue.take(room));
        // A thread that is gone has lost the link and so has everyone.
        let _ = thread.send(Work::Room(Box::new(moved), waiting));
    }

    /// A room that is not here any more has its thread by its id again.
    fn forget_if_gone(&mut self, room: RoomId) {
        if self.rooms.has(room) || self.queue.has(room) {
            return;
        }
        let routes = Arc::clone(&self.routes);
        let mut routes = routes.lock();
        self.take_in();
        if !self.queue.has(room) {
            routes.forget(room);
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
