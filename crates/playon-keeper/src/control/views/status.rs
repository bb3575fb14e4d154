//! A keeper at a glance: the status, and the figures that are looked up when somebody asks for metrics.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::sync::{mpsc, oneshot};

use crate::control::catalog::Catalog;
use crate::control::handle::Handle;
use crate::control::views::{
    DurationView, QueuesView, RoomGroup, StatusView, StoreView, TimingsView, TotalsView,
};
use crate::gateway::GatewayLink;
use crate::links::Hub;
use crate::messages::{FromOperator, ToControl, ToShard};
use crate::metrics::{Counted, Machine, MetricsFile, MetricsQueue, MetricsState};
use crate::owner::Shards;

/// Where messages wait between the parts of a keeper.
#[derive(Clone, Debug)]
pub(crate) struct Queues {
    pub(crate) shards: Shards,
    pub(crate) hub: std::sync::Arc<Hub>,
    pub(crate) gates: GatewayLink,
}

impl Catalog {
    /// Why no new players are taken, if they are not.
    pub fn not_ready(&self) -> Option<&str> {
        if let Some(why) = self.failed() {
            Some(why)
        } else if !self.recovered() {
            Some("rooms are being read back")
        } else if self.draining() {
            Some("no new rooms are taken")
        } else if !self.serves() {
            Some("no worker of the current release is attached")
        } else {
            None
        }
    }

    /// What is said of rooms at rest that nobody could play, if there are any. It keeps no new player out, so whoever only
    /// asks whether to send players here is not told.
    fn unread(&self) -> Option<String> {
        let rooms = self.at_rest.unread;
        let what = if rooms == 1 { "1 room" } else { &format!("{rooms} rooms") };
        (rooms > 0)
            .then(|| format!("PLY-0571 {what} at rest can be read by no release that is kept"))
    }

    /// How many rooms there are of each kind, release and state.
    fn groups(&self) -> Vec<RoomGroup> {
        let mut groups: BTreeMap<_, (usize, u64)> = BTreeMap::new();
        for entry in self.rooms.values() {
            let listing = &entry.listing;
            let state = match (&listing.halted, listing.live) {
                (Some(_), _) => "halted",
                (None, true) => "live",
                (None, false) => "opening",
            };
            let group = groups.entry((&listing.kind, listing.release, state)).or_default();
            group.0 += 1;
            group.1 += u64::from(listing.players);
        }
        let view = |((kind, release, state), (rooms, players)): ((&String, _, &str), _)| {
            let (kind, release) = (kind.clone(), self.label(release));
            RoomGroup { kind, release, state: state.to_owned(), rooms, players }
        };
        groups.into_iter().map(view).collect()
    }
}

fn timing(counted: &Counted) -> DurationView {
    DurationView {
        p50: counted.quantile_ms(0.5),
        p99: counted.quantile_ms(0.99),
        count: counted.count(),
    }
}

impl Handle {
    /// The keeper at a glance.
    pub fn status(&self) -> StatusView {
        let (queues, machine) = (self.queue_items(), Machine::look(&self.data));
        let catalog = self.catalog();
        let (rooms, rooms_live, players) = catalog.totals();
        let not_ready = catalog
            .not_ready()
            .map(str::to_owned)
            .or_else(|| catalog.ailing.clone())
            .or_else(|| catalog.unread());
        StatusView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            epoch: self.epoch.0,
            uptime_s: self.clock.now().0 / 1_000_000,
            players_at: self.players_at.get().map(ToString::to_string).unwrap_or_default(),
            ready: not_ready.is_none(),
            not_ready,
            current: catalog.current(),
            rooms,
            rooms_live,
            rooms_by: catalog.groups(),
            rooms_at_rest: catalog.at_rest.rooms,
            rooms_unread: catalog.at_rest.unread,
            players,
            sockets: self.stats.connections.get(),
            recovered: catalog.recovered(),
            draining: catalog.draining(),
            releases: catalog.releases(),
            workers: catalog.workers(),
            deploy: catalog.deploys().into_iter().next(),
            timings_ms: self.timings(),
            queues,
            store: StoreView {
                database_bytes: machine.database_bytes,
                wal_bytes: machine.wal_bytes,
                disk_free_bytes: machine.disk_free_bytes,
            },
            memory_bytes: machine.memory_bytes,
            totals: self.totals(),
            faults: catalog.faults.list(),
        }
    }

    fn timings(&self) -> TimingsView {
        let seen = self.recent.seen(&self.metrics);
        TimingsView {
            tick_late: timing(&seen.late),
            batch: timing(&seen.batch),
            commit: timing(&seen.commit),
        }
    }

    fn totals(&self) -> TotalsView {
        let (stats, metrics) = (&self.stats, &self.metrics);
        TotalsView {
            frames_in: stats.frames_in.get(),
            frames_out: stats.frames_out.get(),
            bytes_in: stats.bytes_in.get(),
            bytes_out: stats.bytes_out.get(),
            accepted: stats.accepted.get(),
            batches: metrics.batch_seconds.counted().count(),
            commits: metrics.store_records.get(),
            syncs: self.store.syncs(),
            room_faults: metrics.room_faults.get(),
            worker_ends: metrics.worker_ends.get(),
            inputs_lost: metrics.inputs_lost.get(),
        }
    }

    fn queue_items(&self) -> QueuesView {
        let pending = self.metrics.store_pending.get();
        QueuesView {
            owner: self.queues.shards.iter().map(|inbox| inbox.waiting()).sum(),
            gateway: self.queues.gates.waiting(),
            link: self.queues.hub.waiting(),
            store: usize::try_from(pending).unwrap_or(0),
        }
    }

    /// All counters in the text format of OpenMetrics.
    pub fn metrics(&self) -> String {
        let machine = Machine::look(&self.data);
        self.look_up(&machine);
        self.metrics.render()
    }

    /// Sets what is not counted as it happens.
    fn look_up(&self, machine: &Machine) {
        let metrics = &self.metrics;
        let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        metrics.epoch.set(whole(self.epoch.0));
        metrics.uptime.set(whole(self.clock.now().0 / 1_000_000));
        metrics.disk_free.set(whole(machine.disk_free_bytes));
        metrics.memory.set(whole(machine.memory_bytes));
        metrics.open_files.set(whole(machine.open_files));
        metrics.threads.set(whole(machine.threads));
        for (file, bytes) in [("database", machine.database_bytes), ("wal", machine.wal_bytes)] {
            metrics.store_files.get_or_create(&MetricsFile { file }).set(whole(bytes));
        }
        let QueuesView { owner, gateway, link, store } = self.queue_items();
        for (queue, items) in
            [("owner", owner), ("gateway", gateway), ("link", link), ("store", store)]
        {
            metrics.queue_items.get_or_create(&MetricsQueue { queue }).set(count(items));
        }
        let more =
            |counter: &Counter, now: u64| _ = counter.inc_by(now.saturating_sub(counter.get()));
        more(&metrics.log_dropped, self.log.as_ref().map_or(0, |log| log.dropped()));
        more(&metrics.panics, self.alarms.mishaps());
        more(&metrics.store_syncs, self.store.syncs());
        let catalog = self.catalog();
        metrics.ready.set(i64::from(catalog.not_ready().is_none()));
        let (rooms, live, players) = catalog.totals();
        let halted = catalog.rooms.values().filter(|e| e.listing.halted.is_some()).count();
        metrics.rooms.set(count(rooms));
        metrics.players.set(whole(players));
        metrics.rooms_at_rest.set(whole(catalog.at_rest.rooms));
        metrics.rooms_unread.set(whole(catalog.at_rest.unread));
        let opening = rooms.saturating_sub(live + halted);
        for (state, rooms) in [("live", live), ("opening", opening), ("halted", halted)] {
            metrics.rooms_by_state.get_or_create(&MetricsState { state }).set(count(rooms));
        }
        let going = catalog.deploys().into_iter().next().filter(|deploy| !deploy.finished);
        metrics.deploy_running.set(i64::from(going.is_some()));
        metrics.deploy_rooms_waiting.set(going.map_or(0, |deploy| whole(deploy.rooms_waiting)));
    }

    /// Remembers what the histograms hold now, for the figures of the last minute.
    pub(crate) fn sample(&self) {
        self.recent.sample(&self.metrics);
    }

    /// Why the keeper does not do its work, if it does not: it cannot go on, or a thread stands still.
    pub fn unhealthy(&self) -> Option<String> {
        if let Some(why) = self.catalog().failed() {
            return Some(why.to_owned());
        }
        if let Some(error) = self.alarms.failed().borrow().as_ref() {
            return Some(error.to_string());
        }
        self.alarms.stuck().map(|error| error.to_string())
    }

    /// Whether the control thread and every shard answer within that time: the keeper makes progress.
    pub async fn alive(&self, within: Duration) -> bool {
        self.unhealthy().is_none() && answer(&self.queues.shards, &self.news, within).await
    }
}

async fn answer(shards: &Shards, news: &Sender<ToControl>, within: Duration) -> bool {
    let (tell, mut answers) = mpsc::unbounded_channel();
    shards.push_each(|| ToShard::Probe(tell.clone()));
    let (reply, control) = oneshot::channel();
    if news.send(ToControl::Operator(FromOperator::Probe { reply })).is_err() {
        return false;
    }
    let all = async {
        for _ in 0..shards.count() {
            answers.recv().await?;
        }
        control.await.ok()?.ok()
    };
    tokio::time::timeout(within, all).await.is_ok_and(|answered| answered.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// Answers the probes of one shard, as its thread does.
    fn serve(shards: &Shards, shard: usize) {
        let mut events = VecDeque::new();
        shards.get(shard).unwrap().drain(&mut events, 8, None);
        for event in events {
            let ToShard::Probe(tell) = event else { panic!("{event:?}") };
            tell.send(()).unwrap();
        }
    }

    async fn ask(serving: usize, control: bool, within: Duration) -> bool {
        let shards = Shards::new(2, 8);
        let (news, inbox) = std::sync::mpsc::channel();
        let their = shards.clone();
        let threads = std::thread::spawn(move || {
            let Ok(ToControl::Operator(FromOperator::Probe { reply })) = inbox.recv() else {
                panic!()
            };
            (0..serving).for_each(|shard| serve(&their, shard));
            // Without an answer it is as if the thread hung: the reply stays open.
            if control { reply.send(Ok(())).map(|()| None).unwrap() } else { Some(reply) }
        });
        let alive = answer(&shards, &news, within).await;
        drop(threads.join());
        alive
    }

    #[tokio::test]
    async fn a_keeper_is_alive_when_all_its_threads_answer() {
        assert!(ask(2, true, PATIENCE).await);
        assert!(!ask(1, true, Duration::from_millis(50)).await, "a shard hangs");
    }

    #[tokio::test]
    async fn a_control_thread_that_hangs_or_is_gone_is_noticed() {
        let (news, inbox) = std::sync::mpsc::channel();
        drop(inbox);
        assert!(!answer(&Shards::new(1, 8), &news, PATIENCE).await);
        assert!(!ask(2, false, Duration::from_millis(50)).await);
    }
}
