//! What the bots of one process share. They all run on one thread.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Notify, Semaphore};

use super::gaps::DrillPhase;
use super::plan::BotPlan;
use super::report::BotReport;
use crate::game::{monotonic_ns, total};

/// Players on their way in at the same time.
const JOINING_MAX: usize = 64;
/// How long inputs may take to be applied after the last was sent.
pub(super) const SETTLE_TIMEOUT: Duration = Duration::from_secs(20);

pub(super) struct BotContext {
    pub(super) plan: BotPlan,
    /// What players of a game that is not ours send, in turn.
    pub(super) lines: Option<Vec<Bytes>>,
    pub(super) joining: Semaphore,
    phase: Cell<DrillPhase>,
    pub(super) joined: Cell<u64>,
    settled: Cell<u64>,
    settled_at: Cell<u64>,
    /// Since when nothing is done to the keeper any more; `u64::MAX` before.
    settling_since: Cell<u64>,
    deadline: Cell<Option<Instant>>,
    /// Per room, the chains of its players, once settled.
    chains: RefCell<Vec<Vec<u64>>>,
    pub(super) report: RefCell<BotReport>,
    pub(super) finished: Cell<u64>,
    pub(super) changed: Notify,
}

impl BotContext {
    pub(super) fn new(plan: BotPlan, lines: Option<Vec<Bytes>>) -> Self {
        let rooms = plan.rooms as usize;
        Self {
            plan,
            lines,
            joining: Semaphore::new(JOINING_MAX),
            phase: Cell::default(),
            joined: Cell::default(),
            settled: Cell::default(),
            settled_at: Cell::default(),
            settling_since: Cell::new(u64::MAX),
            deadline: Cell::default(),
            chains: RefCell::new(vec![Vec::new(); rooms]),
            report: RefCell::default(),
            finished: Cell::default(),
            changed: Notify::new(),
        }
    }

    pub(super) fn players(&self) -> u64 {
        u64::from(self.plan.rooms) * u64::from(self.plan.players)
    }

    pub(super) const fn phase(&self) -> DrillPhase {
        self.phase.get()
    }

    pub(super) fn enter(&self, phase: DrillPhase) {
        self.phase.set(phase);
        if phase == DrillPhase::Settling {
            self.deadline.set(Some(Instant::now() + SETTLE_TIMEOUT));
            self.settling_since.set(monotonic_ns());
        }
    }

    /// Whether a view with that stamp shows the room as it stays: what was seen before the last crash may be forgotten.
    pub(super) const fn is_final(&self, stamp: u64) -> bool {
        stamp > self.settling_since.get()
    }

    /// One more of something that all wait for.
    pub(super) fn count(&self, what: &Cell<u64>) {
        what.set(what.get() + 1);
        self.changed.notify_one();
    }

    /// A player sees everything applied that it sent.
    pub(super) fn settle(&self, room: u32, chain: u64) {
        if let Some(chains) = self.chains.borrow_mut().get_mut(room as usize) {
            chains.push(chain);
        }
        self.settled.set(self.settled.get() + 1);
        if self.settled.get() == self.players() {
            self.settled_at.set(monotonic_ns());
        }
    }

    /// Since when nothing changes any more.
    pub(super) fn settled_at(&self) -> Option<u64> {
        Some(self.settled_at.get()).filter(|at| *at > 0)
    }

    pub(super) fn overdue(&self) -> bool {
        self.deadline.get().is_some_and(|deadline| Instant::now() > deadline)
    }

    /// What the room's accounts must add up to; nothing while a player is missing, or if there are strangers.
    pub(super) fn expected_total(&self, room: u32) -> Option<u64> {
        if self.plan.strangers {
            return None;
        }
        let chains = self.chains.borrow();
        let chains = chains.get(room as usize)?;
        (chains.len() == self.plan.players as usize).then(|| total(chains.iter().copied()))
    }
}
