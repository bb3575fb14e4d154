//! How late ticks are, and how long workers take over batches.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use playon_types::ids::RoomId;

use crate::metrics::Metrics;

/// The batches that one shard has with workers. At most one per room.
#[derive(Debug)]
pub(super) struct Ticks {
    metrics: Arc<Metrics>,
    under_way: HashMap<RoomId, Instant>,
    /// When that was due which is being handled.
    due: Instant,
}

impl Ticks {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, under_way: HashMap::new(), due: Instant::now() }
    }

    /// What is handled now came at once.
    pub(super) const fn begin(&mut self, now: Instant) {
        self.due = now;
    }

    /// What is handled now was due that long ago.
    pub(super) fn begin_late(&mut self, late: Duration) {
        self.metrics.tick_late.observe(late);
        let now = Instant::now();
        self.due = now.checked_sub(late).unwrap_or(now);
    }

    /// A batch leaves.
    pub(super) fn delivered(&mut self, room: RoomId) {
        self.under_way.insert(room, self.due);
    }

    /// Its commit came.
    pub(super) fn committed(&mut self, room: RoomId) {
        if let Some(due) = self.under_way.remove(&room) {
            self.metrics.batch_seconds.observe(due.elapsed());
        }
    }

    /// The room is no longer here.
    pub(super) fn gone(&mut self, room: RoomId) {
        self.under_way.remove(&room);
    }
}
