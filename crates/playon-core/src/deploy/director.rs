//! The director: one per keeper. It holds the stored decision which release is current, runs deploys, and says
//! how many workers of which release should be there.

use std::collections::{BTreeMap, VecDeque};

use crate::effect::{Listing, Order, Report};
use crate::fleet::WorkerInfo;
use crate::ids::{DeployId, ReleaseId, RoomId, WorkerId};
use crate::mutant::{Mutant, broken};
use crate::time::{Span, Time};

use super::home::Strays;
use super::moving::Deploy;
use super::{DeployPhase, DeployRecord, DeployRefusal};

/// The director's bounds.
#[derive(Clone, Debug)]
pub struct DirectorConfig {
    /// Workers of each release in use.
    pub workers_per_release: u32,
    /// How long a new release may take to attach.
    pub attach_timeout: Span,
    /// How long the checks may take.
    pub check_timeout: Span,
    /// How long workers of a release without rooms are kept after it was current.
    pub linger: Span,
    /// Times a room's handoff is tried when a process went away.
    pub tries_max: u32,
}

impl Default for DirectorConfig {
    fn default() -> Self {
        Self {
            workers_per_release: 1,
            attach_timeout: Span::secs(30),
            check_timeout: Span::secs(15),
            linger: Span::secs(10),
            tries_max: 5,
        }
    }
}

/// Whom an order is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// One shard.
    Shard(u16),
    /// All of them.
    All,
}

/// Something the shell must do, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectorEffect {
    /// Keep that many workers of the release running.
    Wanted {
        /// The release.
        release: ReleaseId,
        /// Workers.
        count: u32,
    },
    /// Pass an order on.
    Order(Target, Order),
    /// Store the deploy and the current release, and only then go on.
    Store {
        /// The deploy.
        record: DeployRecord,
        /// The release that is current from now on.
        current: Option<ReleaseId>,
    },
    /// Show how far the deploy is.
    Progress(DeployRecord),
}

/// What the director knows about a room.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) shard: u16,
    pub(super) kind: String,
    pub(super) release: ReleaseId,
    pub(super) version: u32,
    pub(super) live: bool,
}

/// One per keeper. Driven like a shard: `handle_*`, drain [`Self::poll`], [`Self::next_timeout`].
#[derive(Debug)]
pub struct Director {
    pub(super) config: DirectorConfig,
    pub(super) current: Option<ReleaseId>,
    pub(super) workers: BTreeMap<WorkerId, ReleaseId>,
    pub(super) rooms: BTreeMap<RoomId, Known>,
    /// Rooms of each release that has any.
    pub(super) counts: BTreeMap<ReleaseId, u64>,
    pub(super) deploy: Option<Deploy>,
    /// Rooms that have not answered the last order to move that they were given.
    pub(super) unanswered: BTreeMap<RoomId, DeployId>,
    /// Rooms that are not on the current release although no deploy is under way.
    pub(super) strays: Strays,
    /// Whether the shards have listed every room there is; no deploy is done before.
    pub(super) rooms_known: bool,
    wanted: BTreeMap<ReleaseId, u32>,
    linger: BTreeMap<ReleaseId, Time>,
    pub(super) out: VecDeque<DirectorEffect>,
}

impl Director {
    /// A director that knows of nothing.
    pub fn new(config: DirectorConfig) -> Self {
        Self {
            config,
            current: None,
            workers: BTreeMap::new(),
            rooms: BTreeMap::new(),
            counts: BTreeMap::new(),
            deploy: None,
            unanswered: BTreeMap::new(),
            strays: Strays::default(),
            rooms_known: false,
            wanted: BTreeMap::new(),
            linger: BTreeMap::new(),
            out: VecDeque::new(),
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<DirectorEffect> {
        self.out.pop_front()
    }

    /// When to call [`Self::handle_timeout`].
    pub fn next_timeout(&self) -> Option<Time> {
        let deploy = self.deploy.as_ref().and_then(Deploy::deadline);
        deploy.into_iter().chain(self.linger.values().copied()).min()
    }

    /// The release that new rooms go to.
    pub const fn current(&self) -> Option<ReleaseId> {
        self.current
    }

    /// The deploy under way, or the last one since the keeper began.
    pub fn deploy(&self) -> Option<&DeployRecord> {
        self.deploy.as_ref().map(|deploy| &deploy.record)
    }

    /// What the store says at start. A deploy that had begun to move rooms goes on; one that had not is
    /// reverted.
    pub fn handle_recovered(
        &mut self,
        now: Time,
        current: Option<ReleaseId>,
        unfinished: Option<DeployRecord>,
    ) {
        self.current = current;
        if let Some(current) = current {
            self.out.push_back(DirectorEffect::Order(Target::All, Order::Prefer(current)));
        }
        match unfinished {
            Some(_) if broken(Mutant::DeployForgotten) => {}
            Some(record) if record.phase == DeployPhase::Moving => {
                self.deploy = Some(Deploy::resumed(record));
                self.await_target(now);
            }
            Some(mut record) if !record.phase.is_final() => {
                record.phase = DeployPhase::Reverted;
                record.reason =
                    Some("PLY-0309 the keeper was stopped before anything had moved".into());
                self.out.push_back(DirectorEffect::Store { record, current });
            }
            _ => {}
        }
        self.update_wanted(now);
    }

    /// Every room in the hot log has been handed to its shard, and its listing has been reported.
    pub fn handle_recovery_done(&mut self, now: Time) {
        self.rooms_known = true;
        self.order_moves(now);
        self.bring_all_home();
        self.update_wanted(now);
    }

    /// Somebody wants another release.
    ///
    /// # Errors
    /// When there is nothing to do; nothing has changed then.
    pub fn handle_deploy(
        &mut self,
        now: Time,
        id: DeployId,
        to: ReleaseId,
        at_once: bool,
    ) -> Result<(), DeployRefusal> {
        let going = self.deploy.as_ref().is_some_and(|deploy| !deploy.record.phase.is_final());
        let settled = self.counts.keys().all(|release| *release == to);
        if self.current == Some(to) && !going && settled {
            return Err(DeployRefusal::NoChange);
        }
        if going {
            self.end_deploy(
                now,
                DeployPhase::Superseded,
                Some("PLY-0306 a newer deploy took its place".into()),
            );
        }
        self.strays.clear();
        let deadline = now + self.config.attach_timeout;
        let deploy = Deploy::new(id, self.current, to, at_once, deadline);
        let record = deploy.record.clone();
        self.deploy = Some(deploy);
        self.out.push_back(DirectorEffect::Store { record, current: self.current });
        self.update_wanted(now);
        self.begin_if_attached(now);
        Ok(())
    }

    /// A worker has attached. The shards must be told first.
    pub fn handle_worker_up(&mut self, now: Time, worker: &WorkerInfo) {
        self.workers.insert(worker.id, worker.release);
        self.await_target(now);
        self.begin_if_attached(now);
        if self.current == Some(worker.release) {
            self.strays.try_again();
            self.bring_all_home();
        }
    }

    /// A worker process is gone.
    pub fn handle_worker_down(&mut self, now: Time, worker: WorkerId) {
        self.workers.remove(&worker);
        self.await_target(now);
    }

    /// The executable cannot be run as a worker: it does not start, exits at once, or says it is another.
    pub fn handle_release_broken(&mut self, now: Time, release: ReleaseId, reason: &str) {
        let Some(deploy) = &self.deploy else { return };
        if deploy.record.to != release || deploy.record.phase.is_final() {
            return;
        }
        let moving = deploy.record.phase == DeployPhase::Moving;
        let phase = if moving { DeployPhase::Stopped } else { DeployPhase::Reverted };
        self.end_deploy(now, phase, Some(reason.to_owned()));
    }

    /// News from a shard.
    pub fn handle_report(&mut self, now: Time, shard: u16, report: &Report) {
        match report {
            Report::Listing(listing) => self.note_room(now, shard, listing),
            Report::Gone { room, .. } => {
                let gone = self.rooms.remove(room);
                self.count(gone.map(|known| known.release), None);
                self.unanswered.remove(room);
                self.strays.forget(*room);
                self.room_settled(now, *room);
            }
            Report::Checked { deploy, room, result } => {
                self.handle_checked(now, *deploy, *room, result.as_ref().map_err(String::as_str));
            }
            Report::Moved { deploy, room, .. } => {
                self.note_answer(*room, *deploy);
                self.strays.forget(*room);
                self.handle_moved(now, *deploy, *room);
            }
            Report::MoveFailed { deploy, room, reason, blame } => {
                self.note_answer(*room, *deploy);
                if *deploy == DeployId::NONE {
                    self.homecoming_failed(*room, *blame);
                }
                self.handle_move_failed(now, *deploy, *room, reason, *blame);
            }
            Report::Staying { deploy, room } => {
                self.note_answer(*room, *deploy);
                self.strays.decline(*room);
                self.handle_staying(now, *deploy, *room);
            }
            _ => {}
        }
        self.update_wanted(now);
    }

    fn note_answer(&mut self, room: RoomId, deploy: DeployId) {
        if self.unanswered.get(&room) == Some(&deploy) {
            self.unanswered.remove(&room);
        }
    }

    fn note_room(&mut self, now: Time, shard: u16, listing: &Listing) {
        if listing.halted.is_some() {
            return;
        }
        let known = Known {
            shard,
            kind: listing.kind.clone(),
            release: listing.release,
            version: listing.version,
            live: listing.live,
        };
        let before = self.rooms.insert(listing.room, known).map(|known| known.release);
        self.count(before, Some(listing.release));
        if broken(Mutant::StraysForgotten) {
            return;
        }
        self.order_stray(now, listing.room);
        self.bring_home(listing.room);
    }

    /// Counts a room off one release and on another.
    fn count(&mut self, off: Option<ReleaseId>, on: Option<ReleaseId>) {
        if let Some(count) = off.and_then(|release| self.counts.get_mut(&release)) {
            *count -= 1;
        }
        if let Some(release) = on {
            *self.counts.entry(release).or_default() += 1;
        }
        self.counts.retain(|_, count| *count > 0);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Time) {
        self.deploy_timed_out(now);
        self.update_wanted(now);
    }

    /// Releases that are current, being deployed, or hold rooms keep their workers; others linger a while,
    /// so that a quick rollback finds them running.
    pub(super) fn update_wanted(&mut self, now: Time) {
        let mut in_use: BTreeMap<ReleaseId, u32> = BTreeMap::new();
        let count = self.config.workers_per_release;
        let deploy = self.deploy.as_ref().filter(|deploy| !deploy.record.phase.is_final());
        let target = deploy.map(|deploy| deploy.record.to);
        for release in self.counts.keys().copied().chain(self.current).chain(target) {
            in_use.insert(release, count);
        }
        let unused: Vec<ReleaseId> =
            self.wanted.keys().filter(|release| !in_use.contains_key(release)).copied().collect();
        self.linger.retain(|release, _| unused.contains(release));
        for release in unused {
            let until = *self.linger.entry(release).or_insert(now + self.config.linger);
            if until > now {
                in_use.insert(release, count);
            } else {
                self.linger.remove(&release);
            }
        }
        for (release, count) in &in_use {
            if self.wanted.get(release) != Some(count) {
                self.out.push_back(DirectorEffect::Wanted { release: *release, count: *count });
            }
        }
        for release in self.wanted.keys().filter(|release| !in_use.contains_key(release)) {
            self.out.push_back(DirectorEffect::Wanted { release: *release, count: 0 });
        }
        self.wanted = in_use;
    }
}
