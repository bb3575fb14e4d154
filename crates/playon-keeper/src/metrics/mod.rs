//! What a keeper counts, in the format of Prometheus.
//!
//! Every keeper object has its own registry. Nothing is ever labelled by room, player or address: the number of
//! time series is fixed by the code.

mod durations;
mod gateway;
mod machine;
mod recent;

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::gateway::GatewayStats;

pub use durations::{Counted, Durations};
pub(crate) use machine::Machine;
pub(crate) use recent::{Recent, SAMPLE_EVERY};

/// A label with the outcome of something.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct MetricsOutcome {
    /// `moved`, `failed` or `stayed`.
    pub(crate) outcome: &'static str,
}

impl MetricsOutcome {
    /// All outcomes at 0: a series that is born with its first failure shows no increase.
    fn from_the_beginning() -> Family<Self, Counter> {
        let family = Family::<Self, Counter>::default();
        for outcome in ["moved", "failed", "stayed"] {
            drop(family.get_or_create(&Self { outcome }));
        }
        family
    }
}

/// A label with the name of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct MetricsQueue {
    /// `owner`, `gateway`, `link` or `store`.
    pub(crate) queue: &'static str,
}

/// A label with a file of the store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct MetricsFile {
    /// `database` or `wal`.
    pub(crate) file: &'static str,
}

/// A label with the state of rooms.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct MetricsState {
    /// `live`, `opening` or `halted`.
    pub(crate) state: &'static str,
}

/// All counters but the gateway's own.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    pub(crate) ready: Gauge,
    pub(crate) epoch: Gauge,
    pub(crate) uptime: Gauge,
    pub(crate) rooms: Gauge,
    pub(crate) rooms_by_state: Family<MetricsState, Gauge>,
    pub(crate) players: Gauge,
    pub(crate) workers: Gauge,
    pub(crate) worker_ends: Counter,
    pub(crate) worker_messages_in: Counter,
    pub(crate) worker_messages_out: Counter,
    pub(crate) views_left_out: Counter,
    pub(crate) store_batches: Counter,
    pub(crate) store_syncs: Counter,
    pub(crate) store_records: Counter,
    pub(crate) store_bytes: Counter,
    pub(crate) store_seconds: Arc<Durations>,
    pub(crate) store_pending: Gauge,
    pub(crate) store_files: Family<MetricsFile, Gauge>,
    pub(crate) queue_items: Family<MetricsQueue, Gauge>,
    pub(crate) tick_late: Arc<Durations>,
    pub(crate) batch_seconds: Arc<Durations>,
    pub(crate) shard_busy: Counter<f64, std::sync::atomic::AtomicU64>,
    pub(crate) room_faults: Counter,
    pub(crate) commits_refused: Counter,
    pub(crate) set_aside: Counter,
    pub(crate) inputs_lost: Counter,
    pub(crate) inputs_twice: Counter,
    pub(crate) probations_failed: Counter,
    pub(crate) rooms_expired: Counter,
    pub(crate) rooms_at_rest: Gauge,
    pub(crate) rooms_unread: Gauge,
    pub(crate) rooms_recovered: Counter,
    pub(crate) outage_seconds: Histogram,
    pub(crate) moves: Family<MetricsOutcome, Counter>,
    pub(crate) pause_seconds: Histogram,
    pub(crate) deploys: Counter,
    pub(crate) deploy_running: Gauge,
    pub(crate) deploy_rooms_waiting: Gauge,
    pub(crate) disk_free: Gauge,
    pub(crate) memory: Gauge,
    pub(crate) open_files: Gauge,
    pub(crate) threads: Gauge,
    pub(crate) log_dropped: Counter,
    pub(crate) panics: Counter,
}

/// Half a millisecond to about a minute.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_5, 2.0, 18))
}

impl Metrics {
    /// Fresh counters; the gateway's are read when asked.
    pub fn new(gateway: Arc<GatewayStats>) -> Self {
        let mut this = Self {
            registry: Registry::with_prefix("playon"),
            ready: Gauge::default(),
            epoch: Gauge::default(),
            uptime: Gauge::default(),
            rooms: Gauge::default(),
            rooms_by_state: Family::default(),
            players: Gauge::default(),
            workers: Gauge::default(),
            worker_ends: Counter::default(),
            worker_messages_in: Counter::default(),
            worker_messages_out: Counter::default(),
            views_left_out: Counter::default(),
            store_batches: Counter::default(),
            store_syncs: Counter::default(),
            store_records: Counter::default(),
            store_bytes: Counter::default(),
            store_seconds: Arc::default(),
            store_pending: Gauge::default(),
            store_files: Family::default(),
            queue_items: Family::default(),
            tick_late: Arc::default(),
            batch_seconds: Arc::default(),
            shard_busy: Counter::default(),
            room_faults: Counter::default(),
            commits_refused: Counter::default(),
            set_aside: Counter::default(),
            inputs_lost: Counter::default(),
            inputs_twice: Counter::default(),
            probations_failed: Counter::default(),
            rooms_expired: Counter::default(),
            rooms_at_rest: Gauge::default(),
            rooms_unread: Gauge::default(),
            rooms_recovered: Counter::default(),
            outage_seconds: seconds(),
            moves: MetricsOutcome::from_the_beginning(),
            pause_seconds: seconds(),
            deploys: Counter::default(),
            deploy_running: Gauge::default(),
            deploy_rooms_waiting: Gauge::default(),
            disk_free: Gauge::default(),
            memory: Gauge::default(),
            open_files: Gauge::default(),
            threads: Gauge::default(),
            log_dropped: Counter::default(),
            panics: Counter::default(),
        };
        this.register();
        this.register_look();
        this.register_durations();
        this.registry.register_collector(Box::new(gateway::Collected(gateway)));
        this
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("rooms", "Rooms in memory", self.rooms.clone());
        r.register("players", "Seats taken", self.players.clone());
        r.register("workers", "Workers attached", self.workers.clone());
        r.register("worker_ends", "Workers that ended unwished", self.worker_ends.clone());
        r.register("worker_messages_in", "Messages from workers", self.worker_messages_in.clone());
        r.register("worker_messages_out", "Messages to workers", self.worker_messages_out.clone());
        let left_out = "Views that workers left out because of their size";
        r.register("views_left_out", left_out, self.views_left_out.clone());
        r.register("store_batches", "Batches handed to the store", self.store_batches.clone());
        r.register("store_syncs", "Times that batches were made safe", self.store_syncs.clone());
        r.register("store_records", "Records handed to the store", self.store_records.clone());
        let bytes = "Bytes of records and snapshots handed to the store";
        r.register("store_bytes", bytes, self.store_bytes.clone());
        let busy = "Time in which shards were not waiting";
        r.register_with_unit("shard_busy", busy, Unit::Seconds, self.shard_busy.clone());
        r.register("room_faults", "Faults of rooms", self.room_faults.clone());
        let refused = "Commits that were not what they claimed to be";
        r.register("commits_refused", refused, self.commits_refused.clone());
        let aside = "Inputs, joins and calls set aside because the game fails on them";
        r.register("set_aside", aside, self.set_aside.clone());
        let lost = "Acknowledged inputs lost with a keeper";
        r.register("inputs_lost", lost, self.inputs_lost.clone());
        let twice = "Inputs that a commit held although an earlier one had";
        r.register("inputs_applied_twice", twice, self.inputs_twice.clone());
        let failed = "Releases that failed their probation";
        r.register("probations_failed", failed, self.probations_failed.clone());
        let expired = "Rooms at rest deleted because nobody had asked for them for so long";
        r.register("rooms_expired", expired, self.rooms_expired.clone());
        let recovered = "Rooms live again after they had lost their worker";
        r.register("rooms_recovered", recovered, self.rooms_recovered.clone());
        let outage = "How long such rooms were not live";
        r.register_with_unit("room_outage", outage, Unit::Seconds, self.outage_seconds.clone());
        r.register("room_moves", "Rooms handed over by deploys", self.moves.clone());
        let pause = "How long rooms were frozen by a handoff";
        r.register_with_unit("room_pause", pause, Unit::Seconds, self.pause_seconds.clone());
        r.register("deploys", "Deploys begun", self.deploys.clone());
    }

    /// What is looked up when somebody asks.
    fn register_look(&mut self) {
        let r = &mut self.registry;
        r.register("ready", "1 if new rooms and players are taken, else 0", self.ready.clone());
        r.register("epoch", "The life of the store, one more with each start", self.epoch.clone());
        let uptime = "Since the keeper began";
        r.register_with_unit("uptime", uptime, Unit::Seconds, self.uptime.clone());
        r.register("rooms_by_state", "Rooms in memory by state", self.rooms_by_state.clone());
        r.register("rooms_at_rest", "Rooms at rest in the store", self.rooms_at_rest.clone());
        let unread = "Of these, rooms that no release reads which is kept";
        r.register("rooms_unread", unread, self.rooms_unread.clone());
        let pending = "Batches handed to the store and not safe yet";
        r.register("store_batches_pending", pending, self.store_pending.clone());
        let size = "Size of the store's files";
        r.register_with_unit("store_file", size, Unit::Bytes, self.store_files.clone());
        r.register("queue_items", "What waits in a queue", self.queue_items.clone());
        r.register("deploy_running", "1 while a deploy is under way", self.deploy_running.clone());
        let waiting = "Rooms that the deploy under way still has to move";
        r.register("deploy_rooms_waiting", waiting, self.deploy_rooms_waiting.clone());
        let free = "Free space where the data directory lies";
        r.register_with_unit("disk_free", free, Unit::Bytes, self.disk_free.clone());
        let memory = "Memory of the keeper process";
        r.register_with_unit("process_memory", memory, Unit::Bytes, self.memory.clone());
        r.register("process_open_files", "Files it has open", self.open_files.clone());
        r.register("process_threads", "Threads it has", self.threads.clone());
        let dropped = "Lines of the log that were dropped because nobody read them";
        r.register("log_lines_dropped", dropped, self.log_dropped.clone());
        let panics = "Panics of the keeper that closed one connection";
        r.register("connection_panics", panics, self.panics.clone());
    }

    fn register_durations(&mut self) {
        for (name, help, durations) in [
            ("store_batch", "From handing a batch over until it is safe", &self.store_seconds),
            ("tick_late", "How long after its time a round of ticks began", &self.tick_late),
            (
                "batch",
                "From when a room's batch was due until its commit came back",
                &self.batch_seconds,
            ),
        ] {
            let named = durations::Named(name, help, Arc::clone(durations));
            self.registry.register_collector(Box::new(named));
        }
    }

    /// All of it, as text.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_both_kinds_are_rendered() {
        let metrics = Metrics::new(Arc::default());
        metrics.rooms.set(3);
        metrics.moves.get_or_create(&MetricsOutcome { outcome: "moved" }).inc();
        let text = metrics.render();
        assert!(text.contains("playon_rooms 3"), "{text}");
        assert!(text.contains("playon_room_moves_total{outcome=\"moved\"} 1"), "{text}");
        // An alert looks at the increase: a series that is born with its first failure shows none.
        assert!(text.contains("playon_room_moves_total{outcome=\"failed\"} 0"), "{text}");
        assert!(text.contains("playon_gateway_closed_total{code=\"4000\"} 0"), "{text}");
        assert!(text.contains("playon_room_pause_seconds_bucket"), "{text}");
    }
}
