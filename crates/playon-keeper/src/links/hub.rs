//! All attached workers, as the other threads see them.

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use playon_core::fleet::{Suspicion, WorkerEnd};
use playon_core::limits::Limits;
use playon_types::attach::ToWorker;
use playon_types::ids::{Epoch, WorkerId};
use playon_types::kind::Policies;
use playon_types::reason::Reason;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::outbound::Outbound;
use crate::config::Bounds;
use crate::error::Coded;
use crate::messages::{Attached, FromLinks, ToShard};
use crate::metrics::Metrics;
use crate::owner::Shards;
use crate::process::alarm::Alarms;
use crate::workers::{Passes, WorkerPass};

/// How much longer than the longest deadline of the rules a thread of a worker may be at one message: those name the room.
const STUCK_MARGIN: Duration = Duration::from_secs(5);

/// How long a thread of a worker may be at one message of any sort: longer than any deadline of the rules, which name the
/// room and come first. What no rule waits for, such as a room that is being forgotten, is held to this one.
pub(crate) fn stuck_after(limits: &Limits) -> Duration {
    let longest = Policies::BATCH_TIMEOUT_MAX.max(limits.open_timeout).max(limits.prewarm_timeout);
    Duration::from_micros(longest.0) + STUCK_MARGIN
}

/// How long the supervisor may take to learn that a process is refused before the process learns it.
const KNOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// What links work with.
pub(crate) struct HubSetup {
    pub(crate) passes: Arc<Passes>,
    pub(crate) shards: Shards,
    pub(crate) bounds: Bounds,
    pub(crate) epoch: Epoch,
    /// The most bytes of one room's state that shards take.
    pub(crate) state_bytes_max: usize,
    /// Told to workers.
    pub(crate) view_bytes_max: usize,
    /// How long a thread of a worker may be at one message, whatever it is.
    pub(crate) stuck_after: Duration,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) alarms: Alarms,
    pub(crate) news: Box<dyn Fn(FromLinks) + Send + Sync>,
}

/// What links work with, and the way to them.
pub(crate) struct Hub {
    setup: HubSetup,
    workers: RwLock<HashMap<WorkerId, Arc<Outbound>>>,
    next: AtomicU64,
}

impl Deref for Hub {
    type Target = HubSetup;

    fn deref(&self) -> &HubSetup {
        &self.setup
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}

impl Hub {
    pub(crate) fn new(setup: HubSetup) -> Self {
        Self { setup, workers: RwLock::default(), next: AtomicU64::new(1) }
    }

    /// The store's epoch, for the log.
    pub(crate) const fn epoch(&self) -> Epoch {
        self.setup.epoch
    }

    /// Sends messages to a worker, in order. What is sent to a worker that is gone is dropped: the shard is told that it is.
    pub(crate) fn send(&self, worker: WorkerId, messages: Vec<ToWorker>) {
        let outbound = self.read().get(&worker).cloned();
        if let Some(outbound) = outbound {
            outbound.push_all(messages);
        }
    }

    /// Messages that wait for workers beyond their credits.
    pub(crate) fn waiting(&self) -> usize {
        self.read().values().map(|outbound| outbound.waiting()).sum()
    }

    /// Ends the link of a worker at once, and why.
    pub(crate) fn cut(&self, worker: WorkerId, of: Suspicion, why: &Reason) {
        if let Some(outbound) = self.read().get(&worker) {
            outbound.cut(of, why.clone());
        }
    }

    /// Asks all workers to end.
    pub(crate) fn shut_down(&self) {
        for outbound in self.read().values() {
            outbound.shut_down();
        }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<WorkerId, Arc<Outbound>>> {
        self.workers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<WorkerId, Arc<Outbound>>> {
        self.workers.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for a worker, if one more may attach.
    pub(super) fn admit(&self) -> Option<WorkerId> {
        let room = self.read().len() < self.bounds.workers_max;
        room.then(|| WorkerId(self.next.fetch_add(1, Ordering::Relaxed)))
    }

    /// Makes the worker known to the shards first and to the control thread then, so that whoever hears of it can use it.
    pub(super) fn register(&self, attached: Attached) -> Arc<Outbound> {
        let outbound = Arc::new(Outbound::new());
        let worker = attached.info.id;
        self.write().insert(worker, Arc::clone(&outbound));
        self.metrics.workers.inc();
        self.shards.push_each(|| ToShard::WorkerUp(attached.info.clone()));
        (self.news)(FromLinks::Up(Box::new(attached)));
        outbound
    }

    pub(super) fn unregister(&self, worker: WorkerId, end: WorkerEnd) {
        self.write().remove(&worker);
        self.metrics.workers.dec();
        self.shards.push_each(|| ToShard::WorkerDown(worker, end.clone()));
        (self.news)(FromLinks::Down { worker, end });
    }

    /// A process is not let in. Comes back when the supervisor knows why, if it has started the process: told first, the process
    /// may have ended before, and then it would be its end that is told of.
    pub(super) async fn refuse(&self, pass: Option<&WorkerPass>, error: Coded) {
        tracing::warn!(%error, "a worker was refused");
        if let Some(WorkerPass::Spawned { spawn, .. }) = pass {
            let (known, dropped) = oneshot::channel();
            (self.news)(FromLinks::Refused { spawn: *spawn, error, known });
            // It is never said. A control thread that is at something else is not waited for without end.
            let _ = timeout(KNOWN_TIMEOUT, dropped).await;
        }
    }
}
