//! The control thread itself.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;

use playon_core::berths::Berths;
use playon_core::deploy::{Director, DirectorConfig, DirectorEffect, Expiry, ExpiryConfig, Target};
use playon_core::effect::{Listing, Order, Report};
use playon_core::fleet::Berth;
use playon_core::lobby::{Lobby, LobbyOpening};
use playon_store::{Decisions, Releases, RestingRooms};
use playon_types::ids::{ReleaseId, RoomId};
use playon_types::time::{Span, Time};
use tokio::sync::oneshot;

use crate::control::catalog::{Catalog, RestsSeen, RoomEntry, Sites, WorkerEntry};
use crate::control::commands::{Closings, unknown};
use crate::control::reports::log_report;
use crate::control::views::RoomView;
use crate::data::artifacts::Artifacts;
use crate::error::{Coded, store_failed};
use crate::gateway::{Assets, GatewayStats, Labels};
use crate::links::Hub;
use crate::messages::{
    Attached, FromLinks, FromOperator, FromShard, FromSupervisor, Reply, ToControl, ToShard,
};
use crate::metrics::Metrics;
use crate::owner::Shards;
use crate::process::alarm::{self, Alarm, Alarms};
use crate::time::calendar::Calendar;
use crate::time::clock::Clock;
use crate::workers::Supervisor;

/// How long a worker for rooms on trial, or in quarantine, is kept once nobody needs it.
const BERTH_LINGER: Span = Span::secs(10);

/// What the control thread works with.
pub(crate) struct ControlSetup {
    pub(crate) decisions: Arc<dyn Decisions>,
    pub(crate) releases: Arc<dyn Releases>,
    pub(crate) resting_rooms: Arc<dyn RestingRooms>,
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
    pub(crate) calendar: Calendar,
    pub(crate) catalog: Arc<RwLock<Catalog>>,
    pub(crate) alarms: Alarms,
    pub(crate) director: DirectorConfig,
    pub(crate) deploys_max: usize,
    pub(crate) expiry: ExpiryConfig,
}

pub(crate) struct Control {
    pub(super) setup: ControlSetup,
    pub(super) director: Director,
    closings: Closings,
    /// Workers beside the common ones.
    pub(super) berths: Berths,
    /// Rooms that are at rest for too long.
    pub(super) expiry: Expiry,
    /// What the supervisor was last told.
    pub(super) wanted: BTreeMap<ReleaseId, u32>,
    pub(super) sites: Sites,
    pub(super) rests: RestsSeen,
    /// Which release the store says is current.
    pub(super) stored_current: Option<ReleaseId>,
    shards_recovered: u16,
    shards_stopped: u16,
    stopping: Option<oneshot::Sender<Result<(), Coded>>>,
}

impl Control {
    /// Reads the stored decisions and starts the thread. It ends after `ToControl::Quit` and ends the workers then.
    ///
    /// # Errors
    /// When the decisions cannot be read, or there is no thread to be had.
    pub(crate) fn start(
        setup: ControlSetup,
        news: Receiver<ToControl>,
    ) -> Result<JoinHandle<()>, Coded> {
        let mut control = Self {
            director: Director::new(setup.director.clone()),
            closings: Closings::default(),
            expiry: Expiry::new(setup.expiry),
            berths: Berths::new(BERTH_LINGER),
            setup,
            wanted: BTreeMap::new(),
            sites: Sites::default(),
            rests: RestsSeen::default(),
            stored_current: None,
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

    pub(super) fn keep_release_row(&self, row: playon_store::ReleaseRow, stored: bool) {
        self.setup.labels.set(row.id, row.label.clone());
        let entry =
            crate::control::catalog::ReleaseEntry { row: row.clone(), stored, kinds: Vec::new() };
        self.catalog_mut().releases.insert(row.id, entry);
    }

    fn run(mut self, inbox: &Receiver<ToControl>, alarm: &Alarm) {
        loop {
            alarm.idle();
            let next = [
                self.director.next_timeout(),
                self.berths.next_timeout(),
                self.expiry.next_timeout(),
            ];
            let news = match next.into_iter().flatten().min() {
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => inbox.recv_timeout(self.setup.clock.until(at)),
            };
            alarm.busy();
            match news {
                Ok(ToControl::Quit) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(news) => self.handle(news),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.director.next_timeout().is_some_and(|at| at <= self.now()) {
                self.director.handle_timeout(self.setup.clock.now());
                self.drain();
            }
            self.expire_due();
            self.berths.handle_timeout(self.setup.clock.now());
            self.staff_berths();
        }
        self.write_calendar();
        let hub = Arc::clone(&self.setup.hub);
        self.setup.supervisor.stop(|| hub.shut_down());
    }

    fn handle(&mut self, news: ToControl) {
        match news {
            ToControl::Shard(shard, FromShard::Reports(reports)) => {
                for report in reports {
                    self.handle_report(shard, &report);
                }
            }
            ToControl::Shard(_, FromShard::Recovered) => self.handle_shard_recovered(),
            ToControl::Shard(_, FromShard::Suspect(worker, of, why)) => {
                let release = self.catalog().workers.get(&worker).map(|entry| entry.release);
                let release = release.map(|release| self.catalog().label(release));
                tracing::warn!(%worker, release, why = why.to_string(), "worker is suspect");
                self.setup.hub.cut(worker, of, &why);
                self.setup.supervisor.kill(worker, why);
            }
            ToControl::Shard(_, FromShard::StoreFailed(error)) => self.fail(store_failed(&error)),
            ToControl::Links(news) => self.handle_link(news),
            ToControl::Supervisor(news) => self.handle_worker_news(&news),
            ToControl::Operator(request) => self.handle_request(request),
            ToControl::Failed(error) => self.fail(error),
            ToControl::Quit => {}
        }
    }

    /// The keeper cannot go on; whoever runs it ends it.
    pub(super) fn fail(&self, error: Coded) {
        tracing::error!(%error, "the keeper cannot go on");
        self.catalog_mut().failed.get_or_insert_with(|| error.to_string());
        self.setup.alarms.raise(error);
    }

    fn handle_report(&mut self, shard: u16, report: &Report) {
        log_report(&self.catalog(), &self.setup.metrics, self.setup.hub.epoch(), report);
        self.catalog_mut().note_report(report);
        match report {
            Report::Listing(listing) => self.note_listing(listing),
            Report::Gone { room, asleep } => self.handle_gone(*room, *asleep),
            Report::Expired { room } => {
                self.expiry.handle_expired();
                self.closings.deleted(*room);
            }
            Report::NotClosed { room, unreadable } => {
                self.closings.failed(*room, unreadable.as_deref());
            }
            Report::Stranded { room, kind, version } => {
                self.note_stranded(*room, kind, *version);
            }
            Report::Moved { deploy, pause, .. } | Report::Thawed { deploy, pause, .. } => {
                if let Some(entry) = self.catalog_mut().deploys.get_mut(deploy) {
                    entry.note_pause(*pause);
                }
            }
            Report::Fault { room, reason, .. } => {
                if let Some(entry) = self.catalog_mut().rooms.get_mut(room) {
                    entry.faults += 1;
                    entry.last_fault = Some(reason.to_string());
                }
            }
            Report::Stopped => self.handle_shard_stopped(),
            Report::Berths(needed) => self.berths.handle_report(self.now(), shard, needed),
            _ => {}
        }
        self.director.handle_report(self.setup.clock.now(), shard, report);
        self.drain();
    }

    fn handle_gone(&mut self, room: RoomId, asleep: bool) {
        self.catalog_mut().rooms.remove(&room);
        self.lobby(|lobby| lobby.handle_gone(room));
        if !asleep {
            self.closings.deleted(room);
        } else if self.closings.has(room) {
            // It went to rest before it could be closed; there it is closed, too.
            self.setup.shards.of(room).push(ToShard::Order(Order::Close { room }));
        }
    }

    fn note_listing(&self, listing: &Listing) {
        let opening = LobbyOpening {
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
            self.expiry.handle_recovery_done();
            self.drain_expiry();
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

    fn handle_link(&mut self, news: FromLinks) {
        match news {
            FromLinks::Up(attached) => self.handle_up(*attached),
            FromLinks::Down { worker, end } => {
                let gone = self.catalog_mut().workers.remove(&worker);
                if let Some(gone) = gone {
                    let release = self.catalog().label(gone.release);
                    tracing::info!(%worker, release, how = end.how, "worker is gone");
                    // Of its own processes the supervisor knows more.
                    if !gone.spawned {
                        self.director.handle_worker_ended(gone.release, &end.how);
                    }
                }
                self.setup.supervisor.detached(worker, &end);
                // Of the others the director knows nothing.
                self.director.handle_worker_down(self.setup.clock.now(), worker, &end);
                self.drain();
            }
            FromLinks::Note { room, what } => self.catalog_mut().note_of_room(room, what),
            FromLinks::Refused { spawn, error, known } => {
                let error = self.catalog().with_holders(error);
                self.setup.supervisor.refused(spawn, error);
                drop(known);
            }
        }
    }

    fn handle_up(&mut self, attached: Attached) {
        let (worker, release) = (attached.info.id, attached.info.release);
        match &attached.process {
            Some((spawn, _)) => self.setup.supervisor.attached(*spawn, worker),
            None => self.keep_external(release, &attached.label),
        }
        let mut catalog = self.catalog_mut();
        let (app, pid, spawned) = (attached.app, attached.pid, attached.process.is_some());
        catalog.workers.insert(worker, WorkerEntry { release, app, pid, spawned });
        if let Some(entry) = catalog.releases.get_mut(&release) {
            entry.kinds.clone_from(&attached.info.kinds);
        }
        drop(catalog);
        self.keep_kinds(&attached.info);
        self.tell_executables();
        self.sites.add(release, attached.assets);
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
        self.rests_may_be_read();
        self.drain();
    }

    fn handle_worker_news(&mut self, news: &FromSupervisor) {
        let FromSupervisor::Ended { release, error, given_up } = news;
        self.setup.metrics.worker_ends.inc();
        self.catalog_mut().note_fault(None, Some(*release), format!("worker ended: {error}"));
        let reason = error.to_string();
        self.director.handle_worker_ended(*release, &reason);
        if *given_up {
            self.director.handle_release_broken(self.setup.clock.now(), *release, &reason);
            self.drain();
        }
    }

    fn handle_request(&mut self, request: FromOperator) {
        if request.is_abandoned() {
            return;
        }
        // A reply that nobody waits for any more is dropped.
        match request {
            FromOperator::AddRelease { artifact, label, hint, reply } => {
                let _ = reply.send(self.add_release(&artifact, label, hint.as_deref()));
            }
            FromOperator::Deploy { release, now, reply } => {
                let _ = reply.send(self.deploy_release(&release, now));
            }
            FromOperator::Rollback { to, now, reply } => {
                let _ = reply.send(self.rollback(to.as_deref(), now));
            }
            FromOperator::WayBack { reply } => {
                let _ = reply.send(self.way_back());
            }
            FromOperator::CloseRoom { room, reply } => self.close_room(room, reply),
            FromOperator::RoomAtRest { room, reply } => drop(reply.send(self.room_at_rest(room))),
            FromOperator::Asleep { filter, reply } => drop(reply.send(self.asleep(&filter))),
            FromOperator::Drain { reply } => {
                self.catalog_mut().draining = true;
                self.setup.shards.push_each(|| ToShard::Order(Order::Drain));
                let _ = reply.send(Ok(()));
            }
            FromOperator::Probe { reply } => {
                let _ = reply.send(Ok(()));
            }
            FromOperator::Stop { reply } => {
                self.stopping = Some(reply);
                self.setup.shards.push_each(|| ToShard::Order(Order::Stop));
            }
        }
    }

    /// Answered when the room is gone. Its shard answers every order to close, also for a room at rest and for one that is not
    /// there.
    fn close_room(&mut self, room: RoomId, reply: Reply<RoomView>) {
        let known = self.catalog().room(room);
        let was = match known.map_or_else(|| self.room_at_rest(room), |was| Ok(Some(was))) {
            Ok(Some(was)) => was,
            Ok(None) => return drop(reply.send(Err(unknown(room)))),
            Err(error) => return drop(reply.send(Err(error))),
        };
        tracing::info!(%room, epoch = self.setup.hub.epoch().0, release = was.release, "an operator closes the room");
        self.closings.wait(room, was, reply);
        self.setup.shards.of(room).push(ToShard::Order(Order::Close { room }));
    }

    /// After every handle of the director.
    pub(super) fn drain(&mut self) {
        while let Some(effect) = self.director.poll() {
            match effect {
                DirectorEffect::Wanted { release, count } => self.want(release, count),
                DirectorEffect::Order(Target::All, order) => {
                    self.setup.shards.push_each(|| ToShard::Order(order.clone()));
                }
                DirectorEffect::Order(Target::Shard(shard), order) => self.order(shard, order),
                DirectorEffect::Store { record, current } => self.store(record, current),
                DirectorEffect::Keep(record) => self.keep(record),
                DirectorEffect::CountRests => drop(self.count_rests()),
                DirectorEffect::Discard(executables) => self.discard(&executables),
                DirectorEffect::FindSleepers(search) => self.find_sleepers(&search),
                DirectorEffect::Progress(record) => self.show(record),
                DirectorEffect::Alarm { deploy, release, what } => {
                    let label = self.catalog().label(release);
                    tracing::error!(%deploy, release = label, what, "a release is at fault");
                    self.setup.metrics.probations_failed.inc();
                    self.catalog_mut().note_fault(None, Some(release), what);
                }
            }
        }
    }

    fn order(&self, shard: u16, order: Order) {
        if let Some(inbox) = self.setup.shards.get(shard.into()) {
            inbox.push(ToShard::Order(order));
        }
    }
}
