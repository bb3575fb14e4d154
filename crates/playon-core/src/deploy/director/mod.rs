//! The director: one per keeper. It holds the stored decision which release is current, and joins the machines that
//! run deploys, hand out orders and say how many workers of which release should be there.

mod ailing;
mod check;
mod join;
mod keep;
mod known;
mod rest;
mod roll;
mod watch;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use playon_types::ids::{DeployId, ReleaseId, RoomId, WorkerId};
use playon_types::kind::KindInfo;
use playon_types::record::{Course, DeployPhase, DeployRecord};
use playon_types::time::Time;

use crate::effect::{AtFault, Listing, Order, Report};
use crate::fleet::{WorkerEnd, WorkerInfo};
use crate::mutant::{Mutant, broken};

use super::config::DirectorConfig;
use super::demand::Demand;
use super::effect::{DeployRefusal, DeployWish, DirectorEffect, DirectorFacts, Taken, Target};
use super::executables::Executables;
use super::mover::{MoveErrand, Mover};
use super::probation::{FailedBefore, Probation};
use super::rests::Rests;
use super::rollout::Rollout;
use super::way_back::{WayBack, way_back};

use known::Known;

/// Finished deploys of which the director knows; a way back that lies further is not found.
const DEPLOYS_REMEMBERED: usize = 100;

/// One per keeper. Driven like a shard: `handle_*`, drain [`Self::poll`], [`Self::next_timeout`].
#[derive(Debug)]
pub struct Director {
    config: DirectorConfig,
    current: Option<ReleaseId>,
    workers: BTreeMap<WorkerId, ReleaseId>,
    /// When a process of a release last died by itself, at nothing of any room.
    died: BTreeMap<ReleaseId, Time>,
    rooms: BTreeMap<RoomId, Known>,
    /// Rooms of each release that has any.
    counts: BTreeMap<ReleaseId, u64>,
    /// What releases say about their kinds.
    declared: BTreeMap<ReleaseId, Vec<KindInfo>>,
    rollout: Option<Rollout>,
    /// Deploys that have ended, newest first.
    past: VecDeque<DeployRecord>,
    last_id: DeployId,
    mover: Mover,
    rests: Rests,
    probation: Option<Probation>,
    demand: Demand,
    executables: Executables,
    /// Whether the shards have listed every room there is; no deploy is done before.
    rooms_known: bool,
    out: VecDeque<DirectorEffect>,
}

impl Director {
    /// A director that knows of nothing.
    pub fn new(config: DirectorConfig) -> Self {
        Self {
            mover: Mover::new(config.moves_per_second),
            config,
            current: None,
            workers: BTreeMap::new(),
            died: BTreeMap::new(),
            rooms: BTreeMap::new(),
            counts: BTreeMap::new(),
            declared: BTreeMap::new(),
            rollout: None,
            past: VecDeque::new(),
            last_id: DeployId::NONE,
            rests: Rests::default(),
            probation: None,
            demand: Demand::default(),
            executables: Executables::default(),
            rooms_known: false,
            out: VecDeque::new(),
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<DirectorEffect> {
        match self.out.pop_front() {
            Some(DirectorEffect::Order(Target::All, order)) if broken(Mutant::FirstShardOnly) => {
                Some(DirectorEffect::Order(Target::Shard(0), order))
            }
            effect => effect,
        }
    }

    /// When to call [`Self::handle_timeout`].
    pub fn next_timeout(&self) -> Option<Time> {
        let rollout = self.rollout.as_ref().and_then(Rollout::next_timeout);
        let probation = self.probation.as_ref().and_then(Probation::until);
        let times = [rollout, probation, self.demand.next_timeout(), self.mover.next_timeout()];
        times.into_iter().flatten().min()
    }

    /// The release that new rooms go to.
    pub const fn current(&self) -> Option<ReleaseId> {
        self.current
    }

    /// The deploy under way, or the last one since the keeper began.
    pub fn deploy(&self) -> Option<&DeployRecord> {
        self.rollout.as_ref().map(Rollout::record)
    }

    /// Where a rollback would lead now.
    pub fn way_back(&self) -> Option<WayBack> {
        let going = self.rollout.as_ref().filter(|rollout| rollout.is_going());
        way_back(going.map(Rollout::record).into_iter().chain(&self.past))
    }

    fn is_deploying(&self) -> bool {
        self.rollout.as_ref().is_some_and(Rollout::is_going)
    }

    /// What it holds.
    pub fn facts(&self) -> DirectorFacts {
        let (queued, unanswered) = self.mover.sizes();
        DirectorFacts {
            rooms: self.rooms.len(),
            queued,
            unanswered,
            waited_for: self.rollout.as_ref().map_or(0, Rollout::size),
            doubts: self.rollout.as_ref().map_or(0, |rollout| rollout.doubts.len()),
            sleepers: self.rollout.as_ref().map_or(0, Rollout::sleepers),
            past: self.past.len(),
            inquiries: self.inquiries(),
        }
    }

    /// What a release says about its kinds, known before any worker of it attaches.
    pub fn handle_release(&mut self, release: ReleaseId, kinds: Vec<KindInfo>) {
        self.declared.insert(release, kinds);
    }

    /// What the store says at start: the current release and the last deploys, newest first. A deploy that had begun to
    /// move rooms goes on; one that had not is reverted.
    pub fn handle_recovered(
        &mut self,
        now: Time,
        current: Option<ReleaseId>,
        newest_first: Vec<DeployRecord>,
    ) {
        self.current = current;
        self.last_id = newest_first.iter().map(|record| record.id).max().unwrap_or(DeployId::NONE);
        let newest = newest_first.first().map(|record| record.id);
        for record in newest_first.into_iter().take(DEPLOYS_REMEMBERED) {
            match record.phase {
                _ if broken(Mutant::DeployForgotten) => {}
                DeployPhase::Moving if Some(record.id) == newest => {
                    record.left_rooms.iter().for_each(|left| self.mover.decline(left.room));
                    self.rollout = Some(Rollout::resumed(record));
                }
                phase if !phase.is_final() => {
                    let reverted = self.cut_off(record);
                    self.past.push_back(reverted);
                }
                _ => self.past.push_back(record),
            }
        }
        if let Some(current) = current {
            self.out.push_back(DirectorEffect::Order(Target::All, Order::Prefer(current)));
        }
        let home = Order::BringHome(self.may_bring_home());
        self.out.push_back(DirectorEffect::Order(Target::All, home));
        // Rooms that could not go are not tried again.
        if let Some(last) = self.past.iter().find(|record| record.took_effect()) {
            last.left_rooms.iter().for_each(|left| self.mover.decline(left.room));
        }
        self.begin_probation();
        self.go_on_with_probation(now, newest);
        self.await_target(now);
        self.update_demand(now);
    }

    /// A deploy that was cut off before it had moved anything.
    fn cut_off(&mut self, mut record: DeployRecord) -> DeployRecord {
        record.phase = DeployPhase::Reverted;
        record.reason = Some("PLY-0309 the keeper was stopped before anything had moved".into());
        let current = self.current;
        self.out.push_back(DirectorEffect::Store { record: record.clone(), current });
        record
    }

    /// Every room in the hot log has been handed to its shard, and its listing has been reported.
    pub fn handle_recovery_done(&mut self, now: Time) {
        self.rooms_known = true;
        self.go_on_with_rollout(now);
        self.bring_all_home();
        self.hand_out(now);
        self.update_demand(now);
        self.look_for_surplus();
    }

    /// Somebody wants another release: a deploy begins, or the one under way is what is wanted.
    ///
    /// # Errors
    /// When there is nothing to do; nothing has changed then.
    pub fn handle_deploy(&mut self, now: Time, wish: DeployWish) -> Result<Taken, DeployRefusal> {
        let taken = match self.join(&wish) {
            Some(going) => Ok(Taken::Joined(going)),
            None => self.deploy_because(now, wish, None).map(Taken::Begun),
        };
        self.hand_out(now);
        taken
    }

    fn deploy_because(
        &mut self,
        now: Time,
        wish: DeployWish,
        reason: Option<String>,
    ) -> Result<DeployId, DeployRefusal> {
        let DeployWish { to, at_once, course } = wish;
        let going = self.rollout.as_ref().is_some_and(Rollout::is_going);
        let settled = self.counts.keys().all(|release| *release == to);
        if self.current == Some(to) && !going && settled {
            return Err(DeployRefusal::NoChange);
        }
        let from = self.leaves(to);
        if going {
            let why = "PLY-0306 a newer deploy took its place".to_owned();
            self.end_rollout(now, DeployPhase::Superseded, Some(why));
        }
        self.mover.begin_anew();
        self.end_probation();
        self.executables.deployed(to);
        self.last_id = self.last_id.next();
        let mut record = DeployRecord::new(self.last_id, course, from, to, at_once);
        record.reason = reason;
        self.begin_rollout(now, record);
        Ok(self.last_id)
    }

    /// The release that a deploy to `to` leads away from: the current one; what the deploy under way comes from if that has
    /// moved nothing; and what the last deploy led to if rooms are to go back to the current one.
    fn leaves(&self, to: ReleaseId) -> Option<ReleaseId> {
        let going = self.rollout.as_ref().filter(|rollout| rollout.is_going());
        let here = match going.map(Rollout::record) {
            Some(record) if record.moved == 0 => record.from,
            _ => self.current,
        };
        if here != Some(to) {
            return here;
        }
        let led_to = |record: &DeployRecord| Some(record.to).filter(|led| *led != to);
        let before = self.past.iter().filter(|record| record.took_effect()).find_map(led_to);
        going.and_then(|rollout| led_to(rollout.record())).or(before).or(here)
    }

    /// A worker has attached. The shards must be told first.
    pub fn handle_worker_up(&mut self, now: Time, worker: &WorkerInfo) {
        self.workers.insert(worker.id, worker.release);
        let declared = worker.kinds.clone();
        self.declared.insert(worker.release, declared);
        self.await_target(now);
        self.begin_if_attached(now);
        if self.current == Some(worker.release) {
            self.mover.try_again();
            self.bring_all_home();
        }
        if self.current.is_none() && !self.is_deploying() {
            // The first release there is. There is none before it, so there is something to do.
            let wish = DeployWish { to: worker.release, at_once: true, course: Course::Forward };
            let _ = self.deploy_because(now, wish, None);
        }
        self.hand_out(now);
    }

    /// A worker process is gone.
    pub fn handle_worker_down(&mut self, now: Time, worker: WorkerId, end: &WorkerEnd) {
        if let Some(release) = self.workers.remove(&worker).filter(|_| end.is_unexplained()) {
            self.watch_death(now, release, &end.how);
        }
        self.await_target(now);
        self.hand_out(now);
        self.look_for_surplus();
    }

    /// A process of the release has ended, attached or not; `how`, for people. It may be started again.
    pub fn handle_worker_ended(&mut self, release: ReleaseId, how: &str) {
        if let Some(rollout) = self.rollout.as_mut().filter(|r| r.record().to == release) {
            how.clone_into(&mut rollout.last_end);
        }
    }

    /// The executable cannot be run as a worker: it does not start, exits at once, or says it is another.
    pub fn handle_release_broken(&mut self, now: Time, release: ReleaseId, reason: &str) {
        self.rollout_broken(now, release, reason);
        self.hand_out(now);
    }

    /// News from a shard.
    pub fn handle_report(&mut self, now: Time, shard: u16, report: &Report) {
        self.count_for_deploy(report);
        self.watch_report(now, report);
        self.note_health(report);
        if let Report::Staying { deploy, room } = report
            && self.insists(*deploy, *room)
        {
            return self.hand_out(now);
        }
        match report {
            Report::Listing(listing) => self.note_room(shard, listing),
            Report::Gone { room, .. } => {
                let gone = self.rooms.remove(room);
                self.count(gone.map(|known| known.release), None);
                self.mover.forget(*room);
                self.handle_gone(now, *room);
            }
            Report::Checked { deploy, room, result } => {
                self.handle_checked(now, *deploy, *room, result);
            }
            Report::NotProbed { deploy, room, why } => {
                self.handle_not_probed(now, *deploy, *room, *why);
            }
            Report::Moved { deploy, room, .. } => {
                self.mover.answered(*room, *deploy);
                // It may only have been tried again where it is.
                let known = self.rooms.get(room).map(|known| known.release);
                if known.is_some() && known == self.current {
                    self.mover.settled(*room);
                }
            }
            Report::MoveFailed { deploy, room, blame, .. } => {
                self.mover.answered(*room, *deploy);
                if *deploy == DeployId::NONE {
                    self.homecoming_failed(*room, *blame);
                }
            }
            Report::Staying { deploy, room } if self.mover.answered(*room, *deploy) => {
                self.mover.decline(*room);
            }
            Report::Fault { room, count: 1.., .. } => {
                self.rooms.entry(*room).and_modify(|known| known.faults += 1);
            }
            _ => {}
        }
        self.handle_answer(now, report);
        self.settle_doubt(now, report);
        if let Report::MoveFailed { room, .. } = report {
            // If that was of a deploy which has ended since, nobody else tells the room where it belongs: shards answer when
            // they get to it, and a later deploy may be undone before that.
            self.bring_home(*room);
        }
        self.hand_out(now);
        self.update_demand(now);
    }

    fn note_room(&mut self, shard: u16, listing: &Listing) {
        if listing.halted.is_some() {
            // Its release stays what it was; what it is on is not to be waited for.
            let ails = |known: &mut Known| (known.live, known.ails) = (false, true);
            self.rooms.entry(listing.room).and_modify(ails);
            return;
        }
        let before = self.rooms.get(&listing.room);
        // What it did where it was before it came to the release that it leaves now explains nothing.
        let failed = before.and_then(|known| {
            let here = |failed: &FailedBefore| {
                known.release == listing.release || failed.release == known.release
            };
            known.failed.filter(here)
        });
        let known = Known {
            shard,
            kind: listing.kind.clone(),
            release: listing.release,
            version: listing.version,
            live: listing.live,
            ails: before.is_some_and(|known| known.ails && !listing.live),
            faults: before.map_or(0, |known| known.faults),
            failed,
        };
        let before = self.rooms.insert(listing.room, known).map(|known| known.release);
        // One that has just woken is not live yet, and its shard brings it home. One that has just been made may have been begun
        // when another release was preferred.
        let has_woken = before.is_none() && !listing.live;
        self.count(before, Some(listing.release));
        if broken(Mutant::StraysForgotten) {
            return;
        }
        self.tell_new_room(listing.room);
        if !has_woken {
            self.bring_home(listing.room);
        }
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

    /// Whether rooms that are not on the current release come to it while no deploy is under way: unless the last deploy
    /// that took effect was stopped. Rooms that it had moved stay where they are until somebody says otherwise.
    fn may_bring_home(&self) -> bool {
        if self.rollout.as_ref().is_some_and(Rollout::is_going) {
            // Rooms that wake meanwhile go where the deploy leads.
            return true;
        }
        let last = self.past.iter().find(|record| record.took_effect());
        last.is_none_or(|last| last.phase != DeployPhase::Stopped) || broken(Mutant::StoppedGoHome)
    }

    /// While no deploy is under way a room belongs on the current release. One that was woken on an older one and
    /// lost its keeper, or the worker that should take it, on the way is told again.
    fn bring_home(&mut self, room: RoomId) {
        let going = self.rollout.as_ref().is_some_and(Rollout::is_going);
        let calm = self.rooms_known && !going && self.may_bring_home();
        let (Some(to), Some(known)) = (self.current, self.rooms.get(&room)) else { return };
        let stays = self.mover.stays(room, self.config.tries_max);
        if calm && known.release != to && !self.mover.is_busy(room) && !stays {
            self.mover
                .push(room, MoveErrand { deploy: DeployId::NONE, to, at_once: false, since: None });
        }
    }

    /// The same for every room.
    fn bring_all_home(&mut self) {
        if self.counts.keys().all(|release| Some(*release) == self.current) {
            return;
        }
        let ids: Vec<RoomId> = self.rooms.keys().copied().collect();
        ids.into_iter().for_each(|room| self.bring_home(room));
    }

    /// A room that was told to come home is still where it was.
    fn homecoming_failed(&mut self, room: RoomId, blame: AtFault) {
        match blame {
            AtFault::Release => self.mover.decline(room),
            AtFault::Circumstance => {
                self.mover.failed(room);
                self.bring_home(room);
            }
        }
    }

    /// Whether the room's state can be brought to that release.
    fn has_way(&self, known: &Known, to: ReleaseId) -> bool {
        let kind = |release| {
            let kinds: Option<&Vec<KindInfo>> = self.declared.get(release);
            kinds?.iter().find(|kind| kind.name == known.kind)
        };
        kind(&to).is_some_and(|there| {
            let here = kind(&known.release);
            there.reads(known.version) || here.is_some_and(|here| here.exports(there.writes))
        })
    }

    /// Hands out the orders whose turn it is.
    fn hand_out(&mut self, now: Time) {
        while let Some((room, order)) = self.mover.take(now) {
            if let Some(known) = self.rooms.get(&room) {
                let shard = Target::Shard(known.shard);
                self.out.push_back(DirectorEffect::Order(shard, order));
            }
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Time) {
        self.doubts_timed_out(now);
        self.rollout_timed_out(now);
        self.probation_timed_out(now);
        self.hand_out(now);
        self.update_demand(now);
    }

    /// Releases that are current, being deployed, kept warm, or hold rooms.
    fn in_use(&self) -> BTreeSet<ReleaseId> {
        let rollout = self.rollout.as_ref().filter(|rollout| rollout.is_going());
        let target = rollout.map(|rollout| rollout.record().to);
        let warm = self.probation.as_ref().map(Probation::from);
        self.counts.keys().copied().chain(self.current).chain(target).chain(warm).collect()
    }

    fn update_demand(&mut self, now: Time) {
        let in_use = self.in_use();
        let (count, linger) = (self.config.workers_per_release, self.config.linger);
        for (release, count) in self.demand.update(now, &in_use, count, linger) {
            self.out.push_back(DirectorEffect::Wanted { release, count });
        }
    }
}

#[cfg(test)]
mod tests {
    mod checks;
    mod rests;
    mod rig;
    mod rollouts;
    mod rooms;
    mod watches;
}
