//! Threads and tasks that the keeper cannot do without: what happens when one of them panics or stands still.
//!
//! Half a keeper would keep sockets open to rooms that nobody holds, or hold rooms that nobody reaches, while a restart
//! loses nothing. So every thread and every task that serves more than one connection has an [`Alarm`]: when it panics
//! the keeper ends in order and says why. The alarm is its heartbeat too: `/healthz` names a thread that works on one
//! thing for too long.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use playon_types::ply;
use tokio::sync::watch;

use crate::error::Coded;
use crate::time::clock::Clock;

/// How long a thread may work on one thing before the keeper is called unhealthy (`PLY-0543`). The rules give up on others
/// sooner; this is for what no rule sees: a disk that does not answer, a lock that is never given back.
pub const STUCK_AFTER: Duration = Duration::from_secs(10);

/// How often threads with a runtime show that their tasks get their turn.
const BEAT_EVERY: Duration = Duration::from_secs(1);

/// Where alarms come from and go to; shared by all parts of a keeper.
#[derive(Clone, Debug)]
pub struct Alarms(Arc<Board>);

#[derive(Debug)]
struct Board {
    clock: Clock,
    failure: watch::Sender<Option<Coded>>,
    parts: Mutex<Vec<Weak<Part>>>,
    mishaps: AtomicU64,
    /// The part that a test wants to panic at its next sign of life.
    #[cfg(test)]
    doomed: Mutex<Option<&'static str>>,
}

#[derive(Debug)]
struct Part {
    what: String,
    /// Since when it works on what it works on, in microseconds of the clock and one more; 0 while it waits.
    busy_since: AtomicU64,
}

impl Alarms {
    /// A board without any alarm.
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(Board {
            clock,
            failure: watch::Sender::new(None),
            parts: Mutex::default(),
            mishaps: AtomicU64::new(0),
            #[cfg(test)]
            doomed: Mutex::default(),
        }))
    }

    /// An alarm for a part of the keeper, named in words for people.
    pub(crate) fn part(&self, what: impl Into<String>) -> Alarm {
        let part = Arc::new(Part { what: what.into(), busy_since: AtomicU64::new(0) });
        let mut parts = self.0.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.retain(|part| part.strong_count() > 0);
        parts.push(Arc::downgrade(&part));
        Alarm { board: Arc::clone(&self.0), part }
    }

    /// For a task that serves one connection: if it panics only that connection is gone, which is counted.
    pub(crate) fn one_of_many(&self, what: &'static str) -> Mishap {
        Mishap { board: Arc::clone(&self.0), what }
    }

    /// Becomes `Some` when the keeper cannot go on.
    pub(crate) fn failed(&self) -> watch::Receiver<Option<Coded>> {
        self.0.failure.subscribe()
    }

    /// The keeper cannot go on. The first reason is kept.
    pub(crate) fn raise(&self, error: Coded) {
        self.0.raise(error);
    }

    /// The part that has worked on one thing for longest, if that is longer than [`STUCK_AFTER`].
    pub(crate) fn stuck(&self) -> Option<Coded> {
        self.stuck_for(STUCK_AFTER)
    }

    fn stuck_for(&self, bound: Duration) -> Option<Coded> {
        let now = self.0.clock.now().0;
        let parts = self.0.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let busy = parts.iter().filter_map(Weak::upgrade).filter_map(|part| {
            let since = part.busy_since.load(Ordering::Relaxed).checked_sub(1)?;
            Some((Duration::from_micros(now.saturating_sub(since)), part))
        });
        let (longest, part) = busy.max_by_key(|(longest, _)| *longest)?;
        (longest >= bound).then(|| {
            let message = format!("{} is stuck for {} s", part.what, longest.as_secs());
            let remedy = "look at the disk and the load of the machine; a restart loses nothing";
            Coded::new(ply!("PLY-0543"), message, remedy)
        })
    }

    /// Panics that took one connection with them and nothing else.
    pub(crate) fn mishaps(&self) -> u64 {
        self.0.mishaps.load(Ordering::Relaxed)
    }

    /// Has a part panic at its next sign of life.
    #[cfg(test)]
    pub(crate) fn doom(&self, what: &'static str) {
        *self.0.doomed.lock().unwrap() = Some(what);
    }
}

impl Board {
    fn raise(&self, error: Coded) {
        self.failure.send_if_modified(|failure| {
            let first = failure.is_none();
            failure.get_or_insert(error);
            first
        });
    }
}

/// Held by a thread or task that the keeper cannot do without.
#[derive(Debug)]
pub(crate) struct Alarm {
    board: Arc<Board>,
    part: Arc<Part>,
}

impl Alarm {
    /// It begins to work on something, and was not stuck until now.
    pub(crate) fn busy(&self) {
        #[cfg(test)]
        self.meet_doom();
        self.part.busy_since.store(self.board.clock.now().0 + 1, Ordering::Relaxed);
    }

    /// It waits for something to do.
    pub(crate) fn idle(&self) {
        self.part.busy_since.store(0, Ordering::Relaxed);
    }

    /// Shows for as long as it is polled that the tasks of this thread get their turn.
    pub(crate) async fn beat(&self) {
        let mut ticks = tokio::time::interval(BEAT_EVERY);
        loop {
            ticks.tick().await;
            self.busy();
        }
    }

    /// Drives a runtime. If its first future panics, that is told before the runtime is dropped: its tasks are dropped
    /// with it, and would seem to have panicked themselves.
    pub(crate) fn drive<T>(&self, run: impl FnOnce() -> T) -> thread::Result<T> {
        let outcome = panic::catch_unwind(AssertUnwindSafe(run));
        if outcome.is_err() {
            self.panicked();
        }
        outcome
    }

    fn panicked(&self) {
        let message = format!("{} has panicked", self.part.what);
        let remedy = "start the keeper again; report the panic in its log";
        self.board.raise(Coded::new(ply!("PLY-0517"), message, remedy));
    }

    /// It cannot do what it is there for.
    pub(crate) fn raise(&self, error: Coded) {
        self.board.raise(error);
    }

    #[cfg(test)]
    fn meet_doom(&self) {
        let mut doomed = self.board.doomed.lock().unwrap_or_else(PoisonError::into_inner);
        if *doomed == Some(self.part.what.as_str()) {
            *doomed = None;
            drop(doomed);
            panic!("on purpose");
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if thread::panicking() {
            self.panicked();
        }
    }
}

/// Held by a task that serves one connection.
#[derive(Debug)]
pub(crate) struct Mishap {
    board: Arc<Board>,
    what: &'static str,
}

impl Drop for Mishap {
    fn drop(&mut self) {
        if thread::panicking() {
            self.board.mishaps.fetch_add(1, Ordering::Relaxed);
            tracing::error!("PLY-0544 {} has panicked, its connection is closed", self.what);
        }
    }
}

/// Starts a thread that the keeper cannot do without. There is no other way to start one.
///
/// # Errors
/// When there is no thread to be had.
pub(crate) fn spawn(
    name: impl Into<String>,
    alarm: Alarm,
    run: impl FnOnce(&Alarm) + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.into()).spawn(move || {
        // Dropped last, when everything of the thread is given back.
        let alarm = alarm;
        run(&alarm);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_panic_raises_the_alarm() {
        let alarms = Alarms::new(Clock::new());
        let failed = alarms.failed();
        spawn("fine", alarms.part("nothing"), |_| ()).unwrap().join().unwrap();
        assert!(failed.borrow().is_none());
        let outcome = spawn("fails", alarms.part("a test"), |_| panic!("on purpose")).unwrap();
        assert!(outcome.join().is_err());
        let error = failed.borrow().clone().unwrap();
        assert_eq!(error.to_string(), "PLY-0517 a test has panicked");
        alarms.raise(Coded::new(ply!("PLY-0201"), "later", "nothing"));
        assert_eq!(failed.borrow().clone(), Some(error), "the first reason is the one to tell");
    }

    #[test]
    fn a_thread_that_stands_still_is_named_until_it_goes_on() {
        let alarms = Alarms::new(Clock::new());
        let (first, second) = (alarms.part("the first"), alarms.part("the second"));
        assert_eq!(alarms.stuck_for(Duration::ZERO), None, "both wait");
        first.busy();
        thread::sleep(Duration::from_millis(2));
        second.busy();
        let stuck = alarms.stuck_for(Duration::from_millis(1)).unwrap();
        assert_eq!(stuck.to_string(), "PLY-0543 the first is stuck for 0 s");
        first.idle();
        assert_eq!(alarms.stuck_for(Duration::from_secs(60)), None);
        drop(second);
        assert_eq!(alarms.stuck_for(Duration::ZERO), None, "what has ended is not stuck");
    }
}
