//! The control thread itself.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;

use bytes::Bytes;
use playon_core::berths::Berths;
use playon_core::deploy::{DeployRecord, Director, DirectorConfig, DirectorEffect, Target};
use playon_core::effect::{Listing, Order, Report};
use playon_core::fleet::Berth;
use playon_core::gate::Close;
use playon_core::ids::{DeployId, ReleaseId, RoomId};
use playon_core::lobby::{Lobby, Opening};
use playon_core::time::{Span, Time};
use playon_store::{DeployRow, Store};
use tokio::sync::oneshot;

use super::catalog::{Catalog, RoomEntry, WorkerEntry};
use super::closings::Closings;
use super::course::{Counts, Course};
use super::pace::Pace;
use super::releases::{store_error, wall_ms};
use super::request::Reply;
use super::view::{DeployAnswer, RoomView};
use super::{News, Request, ShardNews, notes};
use crate::alarm::{self, Alarm, Alarms};
use crate::artifacts::Artifacts;
use crate::clock::Clock;
use crate::error::Coded;
use crate::gateway::{Asset, Assets, GatewayStats, Labels, Site};
use crate::links::{Attached, Hub, LinkNews};
use crate::metrics::Metrics;
use crate::owner::{ShardEvent, Shards};
use crate::workers::{Supervisor, WorkerNews};

/// The stored decision which release is current: 64 hexadecimal digits.
const SETTING_CURRENT: &str = "current_release";

/// Why the keeper closes sockets that were in order. All other codes answer what a client did.
const OWN_CLOSES: [Close; 7] = [
    Close::Restarting,
    Close::Busy,
    Close::UnknownSession,
    Close::UnknownRoom,
    Close::InputGap,
    Close::RoomHalted,
    Close::RoomFails,
];

/// How long a worker for rooms on trial, or in quarantine, is kept once nobody needs it.
const BERTH_LINGER: Span = Span::secs(10);

/// What the control thread works with.
pub(crate) struct ControlSetup {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) shards: Shards,
    pub(crate) hub: Arc<Hub>,
    pub(crate) supervisor: Supervisor,
    pub(crate) artifacts: Arc<Artifacts>,
    pub(crate) assets: Assets,
    pub(crate) labels: Labels,
    pub(crate) lobby: Arc<Mutex<Lobby>>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stats: Arc<GatewayStats>,
    pub(crate) clock: Clock,
    pub(crate) catalog: Arc<RwLock<Catalog>>,
    pub(crate) alarms: Alarms,
    pub(crate) director: DirectorConfig,
    pub(crate) deploys_max: usize,
    pub(crate) artifacts_max: usize,
    pub(crate) moves_per_second: u32,
}

pub(crate) struct Control {
    pub(super) setup: ControlSetup,
    pub(super) director: Director,
    pace: Pace,
    closings: Closings,
    /// Workers beside the common ones.
    pub(super) berths: Berths,
    /// What the supervisor was last told.
    pub(super) wanted: BTreeMap<ReleaseId, u32>,
    /// The files for browsers of every release that has attached.
    sites: BTreeMap<ReleaseId, Vec<Asset>>,
    shards_recovered: u16,
    shards_stopped: u16,
    stopping: Option<oneshot::Sender<Result<(), Coded>>>,
}

impl Control {
    /// Reads the stored decisions and starts the thread. It ends after `News::Quit` and ends the workers then.
    ///
    /// # Errors
    /// When the decisions cannot be read, or there is no thread to be had.
    pub(crate) fn start(
        setup: ControlSetup,
        news: Receiver<News>,
    ) -> Result<JoinHandle<()>, Coded> {
        let mut control = Self {
            director: Director::new(setup.director.clone()),
            pace: Pace::new(setup.moves_per_second),
            closings: Closings::default(),
            berths: Berths::new(BERTH_LINGER),
            setup,
            wanted: BTreeMap::new(),
            sites: BTreeMap::new(),
            shards_recovered: 0,
            shards_stopped: 0,
            stopping: None,
        };
        control.read_decisions()?;
        let alarm = control.setup.alarms.part("the control thread");
        let spawned = alarm::spawn("control", alarm, move |alarm| control.run(&news, alarm));
        spawned.map_err(|error: io::Error| crate::error::system("no thread for control", error))
    }

    pub(super) fn catalog(&self) -> RwLockReadGuard<'_, Catalog> {
        self.setup.catalog.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn catalog_mut(&self) -> RwLockWriteGuard<'_, Catalog> {
        self.setup.catalog.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Time {
        self.setup.clock.now()
    }

    fn read_decisions(&mut self) -> Result<(), Coded> {
        let store = Arc::clone(&self.setup.store);
        let refuse = |error| store_error(&error);
        for row in store.releases().map_err(refuse)? {
            let stored = self.setup.artifacts.path(row.id).is_some();
            self.keep_release_row(row, stored);
        }
        let mut unfinished = None;
        for row in store.deploys(self.setup.deploys_max).map_err(refuse)? {
            let Some(course) = Course::decode(&row.body, self.counts()) else {
                tracing::warn!(deploy = %row.id, "a deploy was stored by a later build and is not shown");
                continue;
            };
            if !course.record.phase.is_final() && unfinished.is_none() {
                unfinished = Some(course.record.clone());
            }
            self.catalog_mut().deploys.insert(row.id, course);
        }
        let text = store.setting(SETTING_CURRENT).map_err(refuse)?;
        let mut current = text.and_then(|text| ReleaseId::parse(std::str::from_utf8(&text).ok()?));
        if let Some(record) = &unfinished {
            // The deploy is stored before the setting: a deploy that moves rooms has decided already.
            if record.phase == playon_core::deploy::DeployPhase::Moving {
                current = Some(record.to);
            }
        }
        self.catalog_mut().current = current;
        self.director.handle_recovered(self.setup.clock.now(), current, unfinished);
        self.drain();
        Ok(())
    }

    fn keep_release_row(&self, row: playon_store::ReleaseRow, stored: bool) {
        self.setup.labels.set(row.id, row.label.clone());
        let entry = super::catalog::ReleaseEntry { row: row.clone(), stored, kinds: Vec::new() };
        self.catalog_mut().releases.insert(row.id, entry);
    }

    fn run(mut self, inbox: &Receiver<News>, alarm: &Alarm) {
        loop {
            alarm.idle();
            let (director, pace) = (self.director.next_timeout(), self.pace.next_timeout());
            let next = [director, pace, self.berths.next_timeout()].into_iter().flatten().min();
            let news = match next {
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => inbox.recv_timeout(self.setup.clock.until(at)),
            };
            alarm.busy();
            match news {
                Ok(News::Quit) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(news) => self.handle(news),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.director.next_timeout().is_some_and(|at| at <= self.now()) {
                self.director.handle_timeout(self.setup.clock.now());
                self.drain();
            }
            self.berths.handle_timeout(self.setup.clock.now());
            self.staff_berths();
            while let Some((shard, order)) = self.pace.take(self.now()) {
                self.order(shard, order);
            }
        }
        let hub = Arc::clone(&self.setup.hub);
        self.setup.supervisor.stop(|| hub.shut_down());
    }

    fn handle(&mut self, news: News) {
        match news {
            News::Shard(shard, ShardNews::Reports(reports)) => {
                for report in reports {
                    self.handle_report(shard, &report);
                }
            }
            News::Shard(_, ShardNews::Recovered) => self.handle_shard_recovered(),
            News::Shard(_, ShardNews::Suspect(worker, why)) => {
                let release = self.catalog().workers.get(&worker).map(|entry| entry.release);
                let release = release.map(|release| self.catalog().label(release));
                tracing::warn!(%worker, release, why, "worker is suspect");
                self.setup.hub.cut(worker);
                self.setup.supervisor.kill(worker, why);
            }
            News::Shard(_, ShardNews::StoreFailed(why)) => {
                let remedy = "look at the disk, then start the keeper again";
                self.fail(Coded::new("PLY-0201", format!("the store has stopped: {why}"), remedy));
            }
            News::Link(news) => self.handle_link(news),
            News::Worker(news) => self.handle_worker_news(&news),
            News::Request(request) => self.handle_request(request),
            News::RecoveryFailed(error) => self.fail(error),
            News::Quit => {}
        }
    }

    /// The keeper cannot go on; whoever runs it ends it.
    fn fail(&self, error: Coded) {
        tracing::error!(%error, "the keeper cannot go on");
        self.catalog_mut().failed.get_or_insert_with(|| error.to_string());
        self.setup.alarms.raise(error);
    }

    fn handle_report(&mut self, shard: u16, report: &Report) {
        notes::note(&self.catalog(), &self.setup.metrics, self.setup.hub.epoch(), report);
        self.catalog_mut().note_report(report);
        match report {
            Report::Listing(listing) => self.note_listing(listing),
            Report::Gone { room, asleep } => {
                self.pace.forget(*room);
                self.catalog_mut().rooms.remove(room);
                self.lobby(|lobby| lobby.handle_gone(*room));
                self.closings.gone(*room, *asleep);
            }
            Report::Moved { deploy, pause, .. } => {
                if let Some(course) = self.catalog_mut().deploys.get_mut(deploy) {
                    course.note_pause(*pause);
                }
            }
            Report::Fault { room, message, .. } => {
                if let Some(entry) = self.catalog_mut().rooms.get_mut(room) {
                    entry.faults += 1;
                    entry.last_fault = Some(message.clone());
                }
            }
            Report::Stopped => self.handle_shard_stopped(),
            Report::Berths(needed) => self.berths.handle_report(self.now(), shard, needed),
            _ => {}
        }
        self.director.handle_report(self.setup.clock.now(), shard, report);
        self.drain();
    }

    fn note_listing(&self, listing: &Listing) {
        let opening = Opening {
            room: listing.room,
            kind: listing.kind.clone(),
            players: listing.players,
            players_max: listing.players_max,
            // A room that is being reopened for a moment still takes players: they wait for it. Whoever gave a room a name
            // meets friends there, not strangers.
            open: listing.halted.is_none() && listing.name.is_empty(),
        };
        self.lobby(|lobby| lobby.handle_listing(opening));
        let mut catalog = self.catalog_mut();
        match catalog.rooms.get_mut(&listing.room) {
            Some(entry) => entry.listing = listing.clone(),
            None => {
                let entry = RoomEntry { listing: listing.clone(), faults: 0, last_fault: None };
                catalog.rooms.insert(listing.room, entry);
            }
        }
    }

    fn lobby(&self, tell: impl FnOnce(&mut Lobby)) {
        tell(&mut self.setup.lobby.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn handle_shard_recovered(&mut self) {
        self.shards_recovered += 1;
        if self.shards_recovered == self.setup.shards.count() {
            self.catalog_mut().recovered = true;
            self.director.handle_recovery_done(self.setup.clock.now());
            self.drain();
            self.prune_artifacts(None);
        }
    }

    fn handle_shard_stopped(&mut self) {
        self.shards_stopped += 1;
        if self.shards_stopped >= self.setup.shards.count()
            && let Some(reply) = self.stopping.take()
        {
            let _ = reply.send(Ok(()));
        }
    }

    fn handle_link(&mut self, news: LinkNews) {
        match news {
            LinkNews::Up(attached) => self.handle_up(*attached),
            LinkNews::Down { worker, why } => {
                let gone = self.catalog_mut().workers.remove(&worker);
                if let Some(gone) = gone {
                    let release = self.catalog().label(gone.release);
                    tracing::info!(%worker, release, why, "worker is gone");
                }
                self.setup.supervisor.detached(worker);
                // Of the others the director knows nothing.
                self.director.handle_worker_down(self.setup.clock.now(), worker);
                self.drain();
                self.prune_artifacts(None);
            }
            LinkNews::Refused { spawn, error } => self.setup.supervisor.refused(spawn, error),
        }
    }

    fn handle_up(&mut self, attached: Attached) {
        let (worker, release) = (attached.info.id, attached.info.release);
        match attached.spawn {
            Some(spawn) => self.setup.supervisor.attached(spawn, worker),
            None => self.keep_external(release, &attached.label),
        }
        let mut catalog = self.catalog_mut();
        let (app, pid, spawned) = (attached.app, attached.pid, attached.spawn.is_some());
        catalog.workers.insert(worker, WorkerEntry { release, app, pid, spawned });
        if let Some(entry) = catalog.releases.get_mut(&release) {
            entry.kinds.clone_from(&attached.info.kinds);
        }
        drop(catalog);
        let assets = attached.assets.into_iter();
        let assets =
            assets.map(|asset| Asset { path: asset.path, mime: asset.mime, body: asset.bytes });
        self.sites.insert(release, assets.collect());
        if self.director.current() == Some(release) {
            self.serve_site(release);
        }
        for kind in &attached.info.kinds {
            self.lobby(|lobby| lobby.handle_kind(&kind.name, kind.policies.players_max));
        }
        if attached.info.berth != Berth::Common {
            // It is for rooms that the release has already.
            return;
        }
        self.director.handle_worker_up(self.setup.clock.now(), &attached.info);
        self.drain();
        if self.director.current().is_none()
            && self.director.deploy().is_none_or(|d| d.phase.is_final())
        {
            // The first release there is.
            self.begin_deploy(release, true);
        }
    }

    fn serve_site(&self, release: ReleaseId) {
        let Some(assets) = self.sites.get(&release) else { return };
        let label = self.catalog().label(release);
        match Site::new(assets.iter().cloned()) {
            Ok(site) => self.setup.assets.set(site),
            Err(error) => {
                tracing::error!(release = label, %error, "the release's page cannot be served")
            }
        }
    }

    fn handle_worker_news(&mut self, news: &WorkerNews) {
        let WorkerNews::Ended { release, error, given_up } = news;
        self.setup.metrics.worker_ends.inc();
        self.catalog_mut().note_fault(None, Some(*release), format!("worker ended: {error}"));
        if *given_up {
            let reason = error.to_string();
            self.director.handle_release_broken(self.setup.clock.now(), *release, &reason);
            self.drain();
        }
    }

    fn handle_request(&mut self, request: Request) {
        if request.is_abandoned() {
            return;
        }
        // A reply that nobody waits for any more is dropped.
        match request {
            Request::AddRelease { artifact, label, hint, reply } => {
                let _ = reply.send(self.add_release(&artifact, label, hint.as_deref()));
            }
            Request::Deploy { release, now, reply } => {
                let found = self.catalog().find_release(&release);
                let _ = reply.send(match found {
                    Some(release) => self.deploy(release, now),
                    None => Err(Coded::new(
                        "PLY-0511",
                        format!("there is no release {release}"),
                        "`playon releases` lists what there is",
                    )),
                });
            }
            Request::Rollback { now, reply } => {
                let _ = reply.send(self.rollback(now));
            }
            Request::CloseRoom { room, reply } => self.close_room(room, reply),
            Request::Drain { reply } => {
                self.catalog_mut().draining = true;
                self.setup.shards.push_each(|| ShardEvent::Order(Order::Drain));
                let _ = reply.send(Ok(()));
            }
            Request::Probe { reply } => {
                let _ = reply.send(Ok(()));
            }
            Request::Stop { reply } => {
                self.stopping = Some(reply);
                self.setup.shards.push_each(|| ShardEvent::Order(Order::Stop));
            }
        }
    }

    /// Answered when the room is gone. A room that is in the catalog is in its shard, or the report that it is gone
    /// is on its way here: so every request is answered.
    fn close_room(&mut self, room: RoomId, reply: Reply<RoomView>) {
        let Some(was) = self.catalog().room(room) else {
            let _ = reply.send(Err(Coded::new(
                "PLY-0514",
                format!("there is no room {room} in memory"),
                "`playon rooms` lists what there is; a room that sleeps is woken by joining it",
            )));
            return;
        };
        tracing::info!(%room, epoch = self.setup.hub.epoch().0, release = was.release, "an operator closes the room");
        self.closings.wait(room, was, reply);
        self.setup.shards.of(room).push(ShardEvent::Order(Order::Close { room }));
    }

    /// What a rollback would lead to.
    fn release_before(&self) -> Option<ReleaseId> {
        let current = self.director.current();
        let going = self.director.deploy().filter(|deploy| !deploy.phase.is_final());
        match going {
            // Nothing has moved yet, or something has: either way back is where it came from.
            Some(deploy) => deploy.from,
            None => {
                let catalog = self.catalog();
                let led_here = |course: &&Course| {
                    Some(course.record.to) == current && course.record.from != current
                };
                catalog.deploys.values().rev().find(led_here).and_then(|course| course.record.from)
            }
        }
    }

    /// Whether a release runs rooms, is about to, or may be wanted at any moment.
    pub(super) fn is_in_use(&self, release: ReleaseId) -> bool {
        let before = self.release_before();
        let going = self.director.deploy().filter(|deploy| !deploy.phase.is_final());
        let catalog = self.catalog();
        self.director.current() == Some(release)
            || before == Some(release)
            || going.is_some_and(|deploy| deploy.to == release || deploy.from == Some(release))
            || self.wanted.get(&release).is_some_and(|count| *count > 0)
            || catalog.workers.values().any(|worker| worker.release == release)
            || catalog.rooms.values().any(|room| room.listing.release == release)
    }

    fn rollback(&mut self, now: bool) -> Result<DeployAnswer, Coded> {
        match self.release_before() {
            Some(release) => self.deploy(release, now),
            None => Err(Coded::new(
                "PLY-0512",
                "there is no release to go back to",
                "deploy the release you want with `playon deploy`",
            )),
        }
    }

    fn deploy(&mut self, release: ReleaseId, now: bool) -> Result<DeployAnswer, Coded> {
        let label = self.catalog().label(release);
        let stored = self.setup.artifacts.path(release).is_some();
        let attached = self.catalog().workers.values().any(|worker| worker.release == release);
        if !stored && !attached {
            let message =
                format!("the executable of {label} is gone and no worker of it is attached");
            return Err(Coded::new("PLY-0513", message, "upload the release again"));
        }
        match self.begin_deploy(release, now) {
            Some(id) => {
                let deploy = self.catalog().deploy(id);
                Ok(DeployAnswer { deploy, note: format!("deploying {label}") })
            }
            None if self.retry(release) => {
                let note = format!("{label} is current already: its workers are started again now");
                Ok(DeployAnswer { deploy: None, note })
            }
            None => {
                let note = format!("PLY-0301 {label} is current already: nothing to do");
                Ok(DeployAnswer { deploy: None, note })
            }
        }
    }

    fn begin_deploy(&mut self, release: ReleaseId, now: bool) -> Option<DeployId> {
        let id = self.catalog().deploys.keys().next_back().map_or(DeployId(1), |last| last.next());
        if self.director.handle_deploy(self.setup.clock.now(), id, release, now).is_err() {
            return None;
        }
        self.setup.metrics.deploys.inc();
        self.drain();
        self.retry(release);
        Some(id)
    }

    /// After every handle of the director.
    fn drain(&mut self) {
        while let Some(effect) = self.director.poll() {
            match effect {
                DirectorEffect::Wanted { release, count } => self.want(release, count),
                DirectorEffect::Order(Target::All, order) => {
                    if let Order::CancelMoves { deploy } = &order {
                        self.pace.cancel(*deploy);
                    }
                    self.setup.shards.push_each(|| ShardEvent::Order(order.clone()));
                }
                DirectorEffect::Order(Target::Shard(shard), order @ Order::Move { .. }) => {
                    self.pace.push(shard, order);
                }
                DirectorEffect::Order(Target::Shard(shard), order) => self.order(shard, order),
                DirectorEffect::Store { record, current } => self.store(record, current),
                DirectorEffect::Progress(record) => self.show(record),
            }
        }
    }

    fn order(&self, shard: u16, order: Order) {
        if let Some(inbox) = self.setup.shards.get(shard.into()) {
            inbox.push(ShardEvent::Order(order));
        }
    }

    fn counts(&self) -> Counts {
        let closed = OWN_CLOSES.iter().map(|why| self.setup.stats.closed(*why)).sum();
        Counts { sockets_closed: closed, inputs_lost: self.setup.metrics.inputs_lost.get() }
    }

    fn show(&self, record: DeployRecord) {
        let (id, total, now_ms) = (record.id, self.counts(), wall_ms());
        let mut catalog = self.catalog_mut();
        let course =
            catalog.deploys.entry(id).or_insert_with(|| Course::new(record.clone(), now_ms, total));
        course.update(record, total, now_ms);
        while catalog.deploys.len() > self.setup.deploys_max {
            catalog.deploys.pop_first();
        }
    }

    /// The decision is safe when this returns; what follows from it comes after.
    fn store(&self, record: DeployRecord, current: Option<ReleaseId>) {
        let (id, phase, reason) = (record.id, record.phase, record.reason.clone());
        self.show(record);
        let body = self.catalog().deploys.get(&id).map(Course::encode).unwrap_or_default();
        let stored =
            self.setup.store.put_deploy(DeployRow { id, body }).and_then(|()| match current {
                Some(current) => {
                    self.setup.store.put_setting(SETTING_CURRENT, Bytes::from(current.to_string()))
                }
                None => Ok(()),
            });
        if let Err(error) = stored {
            self.fail(store_error(&error));
        }
        let changed = self.catalog().current != current;
        if changed {
            self.catalog_mut().current = current;
            current.into_iter().for_each(|release| self.serve_site(release));
        }
        let release = current.map(|release| self.catalog().label(release));
        let phase = phase.name();
        match reason {
            None => tracing::info!(deploy = %id, phase, release, "deploy is stored"),
            Some(reason) => {
                tracing::warn!(deploy = %id, phase, release, reason, "deploy is stored")
            }
        }
    }
}
