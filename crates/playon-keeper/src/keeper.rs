//! A whole keeper, from its data directory to its last thread.

mod configured;

use std::net::SocketAddr;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use playon_core::deploy::{DirectorConfig, ExpiryConfig};
use playon_core::shard::ShardConfig;
use playon_store::{Releases, RoomLog, SqliteStore, Store};
use playon_types::time::Span;
use playon_wire::attach::LinkSecret;
use playon_wire::player::PlayerLimits;
use tokio::sync::{oneshot, watch};

use crate::age::Age;
use crate::alarm::{self, Alarms};
use crate::artifacts::Artifacts;
use crate::calendar::Calendar;
use crate::clock::Clock;
use crate::config::KeeperConfig;
use crate::control::{Catalog, Control, ControlSetup, Handle, Queues, recover_rooms};
use crate::data_dir::{DataDir, secret_file, write_private};
use crate::error::{Coded, data_dir, listen, store_error, store_failed, system};
use crate::gateway::{
    Assets, Extra, Gateway, GatewayConfig, GatewayLink, GatewayParts, GatewayStats, Inboxes,
    Labels, Origins,
};
use crate::links::{self, Doors, Hub, HubSetup, stuck_after};
use crate::messages::{FromOperator, ToControl, ToShard};
use crate::metrics::Metrics;
use crate::owner::{self, Loader, Outside, Shards, Storing};
use crate::predecessor::open_after;
use crate::runtime::RuntimeThread;
use crate::watch::{Watch, WatchSetup};
use crate::workers::{Passes, Supervisor, SupervisorSetup};

/// Part of `stop_timeout` that rooms get to store what they hold.
const ROOMS_SHARE: u32 = 2;

/// A running keeper. It must be ended with [`Keeper::stop`]; dropped, its threads go on until the process ends.
#[derive(Debug)]
pub struct Keeper {
    handle: Handle,
    data: DataDir,
    age: Age,
    admin_at: SocketAddr,
    gateway: Option<Gateway>,
    shards: Shards,
    shard_threads: Vec<JoinHandle<()>>,
    control: Option<JoinHandle<()>>,
    links: RuntimeThread,
    admin: RuntimeThread,
    watch: Option<Watch>,
    log: LogHandle,
    failure: watch::Receiver<Option<Coded>>,
    stop_timeout: Duration,
}

/// The log has no name to print.
struct LogHandle(Arc<dyn RoomLog>);

impl std::fmt::Debug for LogHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RoomLog")
    }
}

/// What most parts share.
struct Common {
    clock: Clock,
    calendar: Calendar,
    age: Age,
    store: Arc<dyn Store>,
    shards: Shards,
    stats: Arc<GatewayStats>,
    metrics: Arc<Metrics>,
    lobby: Arc<Mutex<playon_core::lobby::Lobby>>,
    assets: Assets,
    labels: Labels,
    news: Sender<ToControl>,
    alarms: Alarms,
}

impl Keeper {
    /// Starts a keeper; it serves when this returns, although rooms may still be read back.
    ///
    /// # Errors
    /// When the data directory, an address or a resource of the system cannot be had. Nothing is left running then but
    /// threads that have nothing to do.
    pub fn start(config: &KeeperConfig) -> Result<Self, Coded> {
        Self::start_with(config, |_| None)
    }

    /// As [`Keeper::start`], with requests below `/demo` of the player port answered by what `extra` makes.
    ///
    /// # Errors
    /// As [`Keeper::start`].
    pub fn start_with(
        config: &KeeperConfig,
        extra: impl FnOnce(&Handle) -> Option<Extra>,
    ) -> Result<Self, Coded> {
        let data = DataDir::open(&config.data)?;
        // The store holds the lock of the directory; nothing in it is touched before.
        let store: Arc<dyn Store> = Arc::new(open_store(&data)?);
        let started = Self::start_on(config, data, Arc::clone(&store), extra);
        if started.is_err() {
            let _ = store.close();
        }
        started
    }

    fn start_on(
        config: &KeeperConfig,
        data: DataDir,
        store: Arc<dyn Store>,
        extra: impl FnOnce(&Handle) -> Option<Extra>,
    ) -> Result<Self, Coded> {
        let calendar = Calendar::open(store.as_ref()).map_err(|error| store_error(&error))?;
        let (common, news, failure) = common(config, &data, Arc::clone(&store), calendar);
        let artifacts =
            Arc::new(Artifacts::open(data.artifacts(), config.bounds.artifact_bytes_max)?);
        sweep(&artifacts, store.as_ref())?;
        let passes = Arc::new(Passes::new(shared_secret(&data)?));
        let hub = Arc::new(hub(config, &common, Arc::clone(&passes)));
        let (gates, inboxes) = crate::gateway::inboxes(config.gateway_threads.into());
        let shard_threads = start_shards(config, &common, &hub, &gates)?;
        let supervisor = start_supervisor(config, &data, &common, passes)?;
        let (links, doors) = start_links(&data, &common, &hub)?;
        let queues = Queues { shards: common.shards.clone(), hub: Arc::clone(&hub), gates };
        let handle = handle(config, &common, &data, artifacts, queues);
        let setup = control_setup(config, &common, &hub, supervisor, &handle);
        // Addresses first: what is taken by somebody else is found out before any worker is started.
        let gateway = start_gateway(config, &common, inboxes, extra(&handle))?;
        let _ = handle.players_at.set(gateway.local_addr());
        let (admin, admin_at) = crate::admin::start(config, &data, &handle)?;
        let control = Control::start(setup, news)?;
        let mut keeper = Self {
            handle,
            data,
            age: common.age.clone(),
            admin_at,
            gateway: Some(gateway),
            shards: common.shards.clone(),
            shard_threads,
            control: Some(control),
            links,
            admin,
            watch: None,
            log: LogHandle(store),
            failure,
            stop_timeout: config.bounds.stop_timeout,
        };
        let begun = start_recovery(config, &common)
            .and_then(|()| keeper.add_releases(config))
            .and_then(|()| keeper.write_addresses(false))
            .and_then(|()| keeper.start_watch(doors));
        match begun {
            Ok(()) => Ok(keeper),
            Err(error) => {
                // The first error is the one to tell.
                let _ = keeper.stop();
                Err(error)
            }
        }
    }

    /// Where players connect.
    pub fn players_at(&self) -> SocketAddr {
        self.gateway.as_ref().map_or(self.admin_at, Gateway::local_addr)
    }

    /// Where the admin API listens.
    pub const fn admin_at(&self) -> SocketAddr {
        self.admin_at
    }

    /// The data directory.
    pub const fn data(&self) -> &DataDir {
        &self.data
    }

    /// The way to the running keeper.
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// How long an orderly stop may take.
    pub(crate) const fn stop_timeout(&self) -> Duration {
        self.stop_timeout
    }

    /// Becomes `Some` when the keeper cannot go on and must be stopped.
    pub fn failure(&self) -> watch::Receiver<Option<Coded>> {
        self.failure.clone()
    }

    fn start_watch(&mut self, doors: Doors) -> Result<(), Coded> {
        self.watch = Some(Watch::start(WatchSetup {
            data: self.data.clone(),
            log: Arc::clone(&self.log.0),
            age: self.age.clone(),
            handle: self.handle.clone(),
            doors,
        })?);
        Ok(())
    }

    /// So that the `playon` command finds the keeper of a data directory.
    fn write_addresses(&self, stopping: bool) -> Result<(), Coded> {
        let facts = serde_json::json!({
            "pid": std::process::id(),
            "admin": self.admin_at.to_string(),
            "players": self.players_at().to_string(),
            "stopping": stopping,
        });
        let path = self.data.addresses();
        write_private(&path, format!("{facts}\n").as_bytes())
            .map_err(|error| data_dir(format!("cannot write {}: {error}", path.display())))
    }

    /// Ends the keeper in order, within about `stop_timeout`: takes no more connections, stores what rooms hold, tells
    /// players to come back, ends the workers, closes the store.
    ///
    /// # Errors
    /// When the last batches could not be made safe.
    pub fn stop(mut self) -> Result<(), Coded> {
        tracing::info!("the keeper stops");
        if let Some(watch) = &self.watch {
            watch.quit();
        }
        // Nothing is written into a directory that has taken the place of this one.
        if self.data.is_there() {
            // Only the next keeper reads that; it looks at the process as well.
            let _ = self.write_addresses(true);
        }
        if let Some(gateway) = &self.gateway {
            gateway.drain();
        }
        // Whatever else has failed, what rooms hold can be stored if the store works.
        if !self.has_lost_store() {
            self.quiet_rooms();
        }
        if let Some(gateway) = self.gateway.take() {
            gateway.shutdown(self.stop_timeout / 5);
        }
        let _ = self.handle.news.send(ToControl::Quit);
        if let Some(control) = self.control.take() {
            let _ = control.join();
        }
        self.shards.push_each(|| ToShard::Quit);
        for thread in self.shard_threads.drain(..) {
            let _ = thread.join();
        }
        self.links.stop();
        self.admin.stop();
        if let Some(mut watch) = self.watch.take() {
            watch.join();
        }
        if self.data.is_there() {
            // With the store the directory and the ports are the next keeper's. Without the age seats are kept for longer.
            let _ = self.age.write();
            let _ = std::fs::remove_file(self.data.attach_socket());
            let _ = std::fs::remove_file(self.data.addresses());
        }
        self.log.0.close().map_err(|error| store_failed(&error))
    }

    fn has_lost_store(&self) -> bool {
        self.failure.borrow().as_ref().is_some_and(|error| error.code.is_of_store())
    }

    /// Waits until every shard has stored everything, but not for ever: what is not safe then was never acknowledged.
    fn quiet_rooms(&self) {
        let (reply, mut answer) = oneshot::channel();
        if self.handle.news.send(ToControl::Operator(FromOperator::Stop { reply })).is_err() {
            return;
        }
        let until = Instant::now() + self.stop_timeout / ROOMS_SHARE;
        while matches!(answer.try_recv(), Err(oneshot::error::TryRecvError::Empty)) {
            if self.has_lost_store() {
                return;
            }
            if Instant::now() >= until {
                tracing::warn!("not all rooms came to rest in time");
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn open_store(data: &DataDir) -> Result<SqliteStore, Coded> {
    open_after(data).map_err(|error| {
        Coded::of(error.code(), &error, "`playon explain` with this code says what can be done")
    })
}

/// Deletes executables that belong to no release. Nothing can be uploaded yet.
fn sweep(artifacts: &Artifacts, releases: &dyn Releases) -> Result<(), Coded> {
    let releases = releases.releases().map_err(|error| store_error(&error))?;
    let named = releases.into_iter().map(|row| row.id).collect();
    let swept = artifacts.keep_only(&named)?;
    if swept > 0 {
        tracing::info!(swept, "executables that belong to no release are deleted");
    }
    Ok(())
}

fn shared_secret(data: &DataDir) -> Result<LinkSecret, Coded> {
    let path = data.worker_secret();
    let text = secret_file(&path)?;
    LinkSecret::parse(&text)
        .ok_or_else(|| data_dir(format!("{} does not hold 64 hexadecimal digits", path.display())))
}

fn common(
    config: &KeeperConfig,
    data: &DataDir,
    store: Arc<dyn Store>,
    calendar: Calendar,
) -> (Common, mpsc::Receiver<ToControl>, watch::Receiver<Option<Coded>>) {
    let stats = Arc::<GatewayStats>::default();
    let (news, inbox) = mpsc::channel();
    let clock = Clock::new();
    let alarms = Alarms::new(clock);
    let failed = alarms.failed();
    let common = Common {
        clock,
        calendar,
        age: Age::read(data.age(), clock),
        store,
        shards: Shards::new(config.shards, config.bounds.inbox_gate_items_max),
        metrics: Arc::new(Metrics::new(Arc::clone(&stats))),
        stats,
        lobby: Arc::default(),
        assets: Assets::default(),
        labels: Labels::default(),
        news,
        alarms,
    };
    (common, inbox, failed)
}

fn handle(
    config: &KeeperConfig,
    common: &Common,
    data: &DataDir,
    artifacts: Arc<Artifacts>,
    queues: Queues,
) -> Handle {
    Handle {
        news: common.news.clone(),
        catalog: Arc::<RwLock<Catalog>>::default(),
        artifacts,
        metrics: Arc::clone(&common.metrics),
        stats: Arc::clone(&common.stats),
        clock: common.clock,
        epoch: common.store.epoch(),
        players_at: Arc::new(OnceLock::new()),
        data: data.root().to_owned(),
        queues,
        recent: Arc::default(),
        log: config.log.clone(),
        alarms: common.alarms.clone(),
    }
}

fn control_setup(
    config: &KeeperConfig,
    common: &Common,
    hub: &Arc<Hub>,
    supervisor: Supervisor,
    handle: &Handle,
) -> ControlSetup {
    let bounds = &config.bounds;
    ControlSetup {
        decisions: common.store.clone(),
        releases: common.store.clone(),
        resting_rooms: common.store.clone(),
        shards: common.shards.clone(),
        hub: Arc::clone(hub),
        supervisor,
        artifacts: Arc::clone(&handle.artifacts),
        assets: common.assets.clone(),
        labels: common.labels.clone(),
        lobby: Arc::clone(&common.lobby),
        metrics: Arc::clone(&common.metrics),
        stats: Arc::clone(&common.stats),
        clock: common.clock,
        calendar: common.calendar,
        catalog: Arc::clone(&handle.catalog),
        alarms: common.alarms.clone(),
        director: DirectorConfig {
            workers_per_release: config.workers_per_release,
            moves_per_second: bounds.moves_per_second.saturating_mul(config.shards.into()),
            probation: Span(u64::try_from(bounds.probation.as_micros()).unwrap_or(u64::MAX)),
            age: common.age.before(),
            executables_max: bounds.artifacts_max,
            ..DirectorConfig::default()
        },
        deploys_max: bounds.deploys_listed_max,
        expiry: ExpiryConfig {
            rooms_per_second: bounds.expiries_per_second,
            every: Span(u64::try_from(bounds.sweep_every.as_micros()).unwrap_or(u64::MAX)),
        },
    }
}

fn hub(config: &KeeperConfig, common: &Common, passes: Arc<Passes>) -> Hub {
    let news = common.news.clone();
    Hub::new(HubSetup {
        passes,
        shards: common.shards.clone(),
        bounds: config.bounds.clone(),
        epoch: common.store.epoch(),
        state_bytes_max: config.limits.state_bytes_max,
        view_bytes_max: config.gateway.outbox.payload_bytes_max,
        stuck_after: stuck_after(&config.limits),
        metrics: Arc::clone(&common.metrics),
        alarms: common.alarms.clone(),
        news: Box::new(move |link| {
            let _ = news.send(ToControl::Links(link));
        }),
    })
}

fn start_shards(
    config: &KeeperConfig,
    common: &Common,
    hub: &Arc<Hub>,
    gates: &GatewayLink,
) -> Result<Vec<JoinHandle<()>>, Coded> {
    let bounds = config.limits.recovering();
    let no_thread = |error| system("no thread for a shard", error);
    let alarm = common.alarms.part("the loader of sleeping rooms");
    let epoch = common.store.epoch();
    let (loader, _) =
        Loader::start(alarm, common.store.clone(), epoch, common.shards.clone(), bounds)
            .map_err(no_thread)?;
    let outside = Outside {
        clock: common.clock,
        calendar: common.calendar,
        shards: common.shards.clone(),
        hub: Arc::clone(hub),
        gates: gates.clone(),
        log: common.store.clone(),
        loader,
        control: common.news.clone(),
        metrics: Arc::clone(&common.metrics),
        storing: Arc::new(Storing::new(common.alarms.part("the store"))),
    };
    let shards = common.shards.clone();
    common.store.on_snapshots_wanted(Box::new(move |rooms| {
        for room in rooms {
            shards.of(room).push(ToShard::SnapshotsWanted(vec![room]));
        }
    }));
    let config_of = |shard| ShardConfig {
        epoch,
        limits: config.limits.clone(),
        shard,
        age: common.age.before(),
    };
    (0..common.shards.count())
        .map(|shard| {
            let alarm = common.alarms.part(format!("shard {shard}"));
            owner::spawn(config_of(shard), outside.clone(), alarm).map_err(no_thread)
        })
        .collect()
}

fn start_supervisor(
    config: &KeeperConfig,
    data: &DataDir,
    common: &Common,
    passes: Arc<Passes>,
) -> Result<Supervisor, Coded> {
    let news = common.news.clone();
    Supervisor::start(SupervisorSetup {
        attach_socket: data.attach_socket(),
        folder: data.root().to_owned(),
        env: config.worker_env.clone(),
        passes,
        bounds: config.bounds.clone(),
        alarms: common.alarms.clone(),
        news: Box::new(move |worker| {
            let _ = news.send(ToControl::Supervisor(worker));
        }),
    })
}

fn start_links(
    data: &DataDir,
    common: &Common,
    hub: &Arc<Hub>,
) -> Result<(RuntimeThread, Doors), Coded> {
    let (doors, opened) = Doors::new();
    let (socket, hub) = (data.attach_socket(), Arc::clone(hub));
    let alarm = common.alarms.part("the links of workers");
    let begin = move || Ok(links::serve(links::bind(&socket)?, hub, opened));
    Ok((RuntimeThread::start("links", alarm, begin)?, doors))
}

fn start_gateway(
    config: &KeeperConfig,
    common: &Common,
    inboxes: Inboxes,
    extra: Option<Extra>,
) -> Result<Gateway, Coded> {
    let origins = match config.origins.as_slice() {
        [] => Origins::SameHost,
        [any] if any == "*" => Origins::Any,
        listed => Origins::Listed(listed.to_vec()),
    };
    let gateway = GatewayConfig {
        address: config.listen,
        listener: config.players_socket.clone(),
        threads: config.gateway_threads.into(),
        origins,
        limits: PlayerLimits {
            input_bytes_max: config.limits.input_bytes_max,
            ..PlayerLimits::default()
        },
        inputs_pending_max: config.limits.inputs_pending_max,
        ..config.gateway.clone()
    };
    let parts = GatewayParts {
        owner: Arc::new(common.shards.clone()),
        lobby: Arc::clone(&common.lobby),
        assets: common.assets.clone(),
        labels: common.labels.clone(),
        extra,
        stats: Arc::clone(&common.stats),
        clock: common.clock,
        alarms: common.alarms.clone(),
    };
    Gateway::listen(gateway, parts, inboxes)
        .map_err(|error| listen("players", config.listen, &error))
}

fn start_recovery(config: &KeeperConfig, common: &Common) -> Result<(), Coded> {
    let bounds = config.limits.recovering();
    let (log, shards, news) =
        (Arc::clone(&common.store), common.shards.clone(), common.news.clone());
    let alarm = common.alarms.part("the recovery of rooms");
    // It ends by itself.
    alarm::spawn("recovery", alarm, move |_| recover_rooms(log.as_ref(), &shards, &bounds, &news))
        .map(drop)
        .map_err(|error| system("no thread for recovery", error))
}

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
