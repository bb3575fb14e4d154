//! The parts of a keeper, each made of what it needs.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::thread::JoinHandle;

use playon_core::deploy::{DirectorConfig, ExpiryConfig};
use playon_core::shard::ShardConfig;
use playon_store::{Releases, SqliteStore, Store};
use playon_types::time::Span;
use playon_wire::attach::LinkSecret;
use playon_wire::player::PlayerLimits;
use tokio::sync::watch;

use crate::config::KeeperConfig;
use crate::control::{Catalog, ControlSetup, Handle, Queues, recover_rooms};
use crate::data::artifacts::Artifacts;
use crate::data::dir::{DataDir, secret_file};
use crate::error::{Coded, data_dir, listen, store_error, system};
use crate::gateway::{
    Assets, Extra, Gateway, GatewayConfig, GatewayLink, GatewayParts, GatewayStats, Inboxes,
    Labels, Origins,
};
use crate::links::{self, Doors, Hub, HubSetup, stuck_after};
use crate::messages::{ToControl, ToShard};
use crate::metrics::Metrics;
use crate::owner::{self, Loader, Outside, Shards, Storing};
use crate::process::alarm::{self, Alarms};
use crate::process::predecessor::open_after;
use crate::process::runtime::RuntimeThread;
use crate::time::age::Age;
use crate::time::calendar::Calendar;
use crate::time::clock::Clock;
use crate::workers::{Passes, Supervisor, SupervisorSetup};

/// What most parts share.
pub(super) struct KeeperContext {
    pub(super) clock: Clock,
    pub(super) calendar: Calendar,
    pub(super) age: Age,
    pub(super) store: Arc<dyn Store>,
    pub(super) shards: Shards,
    pub(super) stats: Arc<GatewayStats>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) lobby: Arc<Mutex<playon_core::lobby::Lobby>>,
    pub(super) assets: Assets,
    pub(super) labels: Labels,
    pub(super) news: Sender<ToControl>,
    pub(super) alarms: Alarms,
}

pub(super) fn open_store(data: &DataDir) -> Result<SqliteStore, Coded> {
    open_after(data).map_err(|error| {
        Coded::of(error.code(), &error, "`playon explain` with this code says what can be done")
    })
}

/// Deletes executables that belong to no release. Nothing can be uploaded yet.
pub(super) fn sweep(artifacts: &Artifacts, releases: &dyn Releases) -> Result<(), Coded> {
    let releases = releases.releases().map_err(|error| store_error(&error))?;
    let named = releases.into_iter().map(|row| row.id).collect();
    let swept = artifacts.keep_only(&named)?;
    if swept > 0 {
        tracing::info!(swept, "executables that belong to no release are deleted");
    }
    Ok(())
}

pub(super) fn shared_secret(data: &DataDir) -> Result<LinkSecret, Coded> {
    let path = data.worker_secret();
    let text = secret_file(&path)?;
    LinkSecret::parse(&text)
        .ok_or_else(|| data_dir(format!("{} does not hold 64 hexadecimal digits", path.display())))
}

pub(super) fn context(
    config: &KeeperConfig,
    data: &DataDir,
    store: Arc<dyn Store>,
    calendar: Calendar,
) -> (KeeperContext, mpsc::Receiver<ToControl>, watch::Receiver<Option<Coded>>) {
    let stats = Arc::<GatewayStats>::default();
    let (news, inbox) = mpsc::channel();
    let clock = Clock::new();
    let alarms = Alarms::new(clock);
    let failed = alarms.failed();
    let context = KeeperContext {
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
    (context, inbox, failed)
}

pub(super) fn handle(
    config: &KeeperConfig,
    context: &KeeperContext,
    data: &DataDir,
    artifacts: Arc<Artifacts>,
    queues: Queues,
) -> Handle {
    Handle {
        news: context.news.clone(),
        catalog: Arc::<RwLock<Catalog>>::default(),
        artifacts,
        metrics: Arc::clone(&context.metrics),
        stats: Arc::clone(&context.stats),
        clock: context.clock,
        epoch: context.store.epoch(),
        players_at: Arc::new(OnceLock::new()),
        data: data.root().to_owned(),
        store: Arc::<dyn Store>::clone(&context.store),
        queues,
        recent: Arc::default(),
        log: config.log.clone(),
        alarms: context.alarms.clone(),
    }
}

pub(super) fn control_setup(
    config: &KeeperConfig,
    context: &KeeperContext,
    hub: &Arc<Hub>,
    supervisor: Supervisor,
    handle: &Handle,
) -> ControlSetup {
    let bounds = &config.bounds;
    ControlSetup {
        decisions: context.store.clone(),
        releases: context.store.clone(),
        resting_rooms: context.store.clone(),
        shards: context.shards.clone(),
        hub: Arc::clone(hub),
        supervisor,
        artifacts: Arc::clone(&handle.artifacts),
        assets: context.assets.clone(),
        labels: context.labels.clone(),
        lobby: Arc::clone(&context.lobby),
        metrics: Arc::clone(&context.metrics),
        stats: Arc::clone(&context.stats),
        clock: context.clock,
        calendar: context.calendar,
        catalog: Arc::clone(&handle.catalog),
        alarms: context.alarms.clone(),
        director: DirectorConfig {
            workers_per_release: config.workers_per_release,
            moves_per_second: bounds.moves_per_second.saturating_mul(config.shards.into()),
            probation: Span(u64::try_from(bounds.probation.as_micros()).unwrap_or(u64::MAX)),
            age: context.age.before(),
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

pub(super) fn hub(config: &KeeperConfig, context: &KeeperContext, passes: Arc<Passes>) -> Hub {
    let news = context.news.clone();
    Hub::new(HubSetup {
        passes,
        shards: context.shards.clone(),
        bounds: config.bounds.clone(),
        epoch: context.store.epoch(),
        state_bytes_max: config.limits.state_bytes_max,
        view_bytes_max: config.gateway.outbox.payload_bytes_max,
        stuck_after: stuck_after(&config.limits),
        metrics: Arc::clone(&context.metrics),
        alarms: context.alarms.clone(),
        news: Box::new(move |link| {
            let _ = news.send(ToControl::Links(link));
        }),
    })
}

pub(super) fn start_shards(
    config: &KeeperConfig,
    context: &KeeperContext,
    hub: &Arc<Hub>,
    gates: &GatewayLink,
) -> Result<Vec<JoinHandle<()>>, Coded> {
    let bounds = config.limits.recovering();
    let no_thread = |error| system("no thread for a shard", error);
    let alarm = context.alarms.part("the loader of sleeping rooms");
    let epoch = context.store.epoch();
    let (loader, _) =
        Loader::start(alarm, context.store.clone(), epoch, context.shards.clone(), bounds)
            .map_err(no_thread)?;
    let outside = Outside {
        clock: context.clock,
        calendar: context.calendar,
        shards: context.shards.clone(),
        hub: Arc::clone(hub),
        gates: gates.clone(),
        log: context.store.clone(),
        loader,
        control: context.news.clone(),
        metrics: Arc::clone(&context.metrics),
        storing: Arc::new(Storing::new(context.alarms.part("the store"))),
    };
    let shards = context.shards.clone();
    context.store.on_snapshots_wanted(Box::new(move |rooms| {
        for room in rooms {
            shards.of(room).push(ToShard::SnapshotsWanted(vec![room]));
        }
    }));
    let config_of = |shard| ShardConfig {
        epoch,
        limits: config.limits.clone(),
        shard,
        age: context.age.before(),
    };
    (0..context.shards.count())
        .map(|shard| {
            let alarm = context.alarms.part(format!("shard {shard}"));
            owner::spawn(config_of(shard), outside.clone(), alarm).map_err(no_thread)
        })
        .collect()
}

pub(super) fn start_supervisor(
    config: &KeeperConfig,
    data: &DataDir,
    context: &KeeperContext,
    passes: Arc<Passes>,
) -> Result<Supervisor, Coded> {
    let news = context.news.clone();
    Supervisor::start(SupervisorSetup {
        attach_socket: data.attach_socket(),
        folder: data.root().to_owned(),
        env: config.worker_env.clone(),
        passes,
        bounds: config.bounds.clone(),
        alarms: context.alarms.clone(),
        news: Box::new(move |worker| {
            let _ = news.send(ToControl::Supervisor(worker));
        }),
    })
}

pub(super) fn start_links(
    data: &DataDir,
    context: &KeeperContext,
    hub: &Arc<Hub>,
) -> Result<(RuntimeThread, Doors), Coded> {
    let (doors, opened) = Doors::new();
    let (socket, hub) = (data.attach_socket(), Arc::clone(hub));
    let alarm = context.alarms.part("the links of workers");
    let begin = move || Ok(links::serve(links::bind(&socket)?, hub, opened));
    Ok((RuntimeThread::start("links", alarm, begin)?, doors))
}

pub(super) fn start_gateway(
    config: &KeeperConfig,
    context: &KeeperContext,
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
        owner: Arc::new(context.shards.clone()),
        lobby: Arc::clone(&context.lobby),
        assets: context.assets.clone(),
        labels: context.labels.clone(),
        extra,
        stats: Arc::clone(&context.stats),
        clock: context.clock,
        alarms: context.alarms.clone(),
    };
    Gateway::listen(gateway, parts, inboxes)
        .map_err(|error| listen("players", config.listen, &error))
}

pub(super) fn start_recovery(config: &KeeperConfig, context: &KeeperContext) -> Result<(), Coded> {
    let bounds = config.limits.recovering();
    let (log, shards, news) =
        (Arc::clone(&context.store), context.shards.clone(), context.news.clone());
    let alarm = context.alarms.part("the recovery of rooms");
    // It ends by itself.
    alarm::spawn("recovery", alarm, move |_| recover_rooms(log.as_ref(), &shards, &bounds, &news))
        .map(drop)
        .map_err(|error| system("no thread for recovery", error))
}
