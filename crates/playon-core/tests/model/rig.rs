//! A shard with one room, its workers and its store, moved one step at a time by the test.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use playon_core::effect::{Effect, Loaded, Order, Report, Stored};
use playon_core::fleet::{Berth, WorkerEnd, WorkerInfo};
use playon_core::limits::Limits;
use playon_core::shard::{Shard, ShardConfig};
use playon_types::attach::FromWorker;
use playon_types::gate::{Create, ToOwner};
use playon_types::ids::{Epoch, ReleaseId, RoomId, Seq, WorkerId};
use playon_types::image::{ApplyBounds, Image, Record};
use playon_types::kind::{KindInfo, Policies};
use playon_types::time::{Span, Time};

use crate::game::Suffix;
use crate::worker::{Manner, Worker};

pub(crate) const ROOM: RoomId = RoomId([9; 16]);
pub(crate) const KIND: &str = "ledger";

/// A release of the game: which versions of the state it writes, reads and can turn back into.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Release {
    pub(crate) id: ReleaseId,
    pub(crate) writes: u8,
    pub(crate) reads_from: u8,
    pub(crate) exports_to: u8,
}

/// Something handed to the store that is not yet safe.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    Record(Record),
    Snapshot(Image),
}

impl Write {
    pub(crate) fn seq(&self) -> Seq {
        match self {
            Self::Record(record) => record.seq,
            Self::Snapshot(image) => image.seq,
        }
    }
}

pub(crate) struct Rig {
    pub(crate) shard: Shard<Suffix>,
    pub(crate) now: Time,
    pub(crate) epoch: Epoch,
    pub(crate) policies: Policies,
    pub(crate) limits: Limits,
    releases: Vec<Release>,
    pub(crate) prefer: ReleaseId,
    pub(crate) workers: BTreeMap<WorkerId, Worker>,
    workers_so_far: u64,
    /// In the order in which they will become safe.
    pub(crate) writes: VecDeque<Write>,
    /// The room as the store has it for certain.
    pub(crate) disk: Option<Image>,
    /// What the shard wanted since the test last looked.
    pub(crate) effects: Vec<Effect>,
    /// Everything that workers ever said, to be said again.
    pub(crate) archive: Vec<(WorkerId, FromWorker)>,
    /// Workers that the shard wants killed.
    pub(crate) suspects: Vec<WorkerId>,
}

impl Rig {
    /// A shard with one worker for each release and a live, stored, empty room on the first.
    pub(crate) fn new(policies: Policies, limits: Limits, releases: &[Release]) -> Self {
        let epoch = Epoch(1);
        let mut rig = Self {
            shard: shard(epoch, &limits),
            now: Time(1_000_000),
            epoch,
            policies,
            limits,
            releases: releases.to_vec(),
            prefer: releases[0].id,
            workers: BTreeMap::new(),
            workers_so_far: 0,
            writes: VecDeque::new(),
            disk: None,
            effects: Vec::new(),
            archive: Vec::new(),
            suspects: Vec::new(),
        };
        rig.shard.handle_recovery_done(rig.now);
        for release in releases {
            rig.worker_up(release.id);
        }
        rig.order(Order::Startable(BTreeSet::new()));
        rig.order(Order::Prefer(rig.prefer));
        let (kind, name, params) = (KIND.into(), String::new(), Bytes::new());
        rig.order(Order::Create { room: ROOM, create: Create { kind, name, params, seed: 1 } });
        let first = *rig.workers.keys().next().expect("one");
        rig.obey(first);
        while rig.store_next() {}
        assert!(rig.disk.is_some(), "the room is stored");
        rig.effects.clear();
        rig
    }

    /// A fresh process of a release attaches.
    pub(crate) fn worker_up(&mut self, release: ReleaseId) -> WorkerId {
        let release = *self.releases.iter().find(|r| r.id == release).expect("known");
        self.workers_so_far += 1;
        let id = WorkerId(self.workers_so_far);
        self.workers.insert(id, Worker::new(release.id, release.writes));
        let kinds = vec![KindInfo {
            name: KIND.into(),
            writes: release.writes.into(),
            reads_from: release.reads_from.into(),
            exports_to: release.exports_to.into(),
            policies: self.policies.clone(),
        }];
        let (berth, release) = (Berth::Common, release.id);
        self.shard.handle_worker_up(self.now, WorkerInfo { id, berth, release, kinds });
        self.drain();
        id
    }

    /// The process is gone, and with it what it had not said.
    pub(crate) fn worker_down(&mut self, id: WorkerId) {
        self.workers.remove(&id);
        self.suspects.retain(|suspect| *suspect != id);
        self.shard.handle_worker_down(self.now, id, &WorkerEnd::DISMISSED);
        self.drain();
    }

    /// The worker looks at its next message.
    pub(crate) fn work(&mut self, id: WorkerId, manner: Manner, prewarm_us: u32) -> bool {
        self.workers.get_mut(&id).is_some_and(|worker| worker.step(manner, prewarm_us))
    }

    /// The next thing the worker has said arrives.
    pub(crate) fn hear(&mut self, id: WorkerId) -> Option<FromWorker> {
        let message = self.workers.get_mut(&id)?.said.pop_front()?;
        self.archive.push((id, message.clone()));
        self.tell_shard(id, message.clone());
        Some(message)
    }

    /// Says something to the shard in the name of a worker.
    pub(crate) fn tell_shard(&mut self, id: WorkerId, message: FromWorker) {
        self.shard.handle_worker(self.now, id, message);
        self.drain();
    }

    /// Lets one worker do all it was told.
    pub(crate) fn obey(&mut self, id: WorkerId) {
        loop {
            let worked = self.work(id, Manner::Well, 1);
            let heard = self.hear(id).is_some();
            if !worked && !heard {
                return;
            }
        }
    }

    pub(crate) fn order(&mut self, order: Order) {
        self.shard.handle_order(self.now, order);
        self.drain();
    }

    pub(crate) fn gate(&mut self, message: ToOwner) {
        self.shard.handle_gate(self.now, message);
        self.drain();
    }

    /// The store wants a snapshot of the room.
    pub(crate) fn snapshot_wanted(&mut self) {
        self.shard.handle_snapshots_wanted(self.now, &[ROOM]);
        self.drain();
    }

    /// When the shard wants to be called, if that is before `until`; the clock then stands there.
    pub(crate) fn next_timeout(&mut self, until: Time) -> bool {
        match self.shard.next_timeout().filter(|at| *at <= until) {
            Some(at) => {
                self.now = self.now.max(at);
                true
            }
            None => {
                self.now = until;
                false
            }
        }
    }

    pub(crate) fn timeout(&mut self) {
        self.shard.handle_timeout(self.now);
        self.drain();
    }

    /// The oldest write becomes safe, and the shard hears it. Tells whether there was one.
    pub(crate) fn store_next(&mut self) -> bool {
        let Some(write) = self.writes.pop_front() else { return false };
        let seq = write.seq();
        let stored = match &write {
            Write::Record(_) => Stored::Record(seq),
            Write::Snapshot(_) => Stored::Snapshot(seq),
        };
        self.keep(write);
        self.shard.handle_stored(self.now, ROOM, stored);
        self.drain();
        true
    }

    fn keep(&mut self, write: Write) {
        match write {
            Write::Snapshot(image) => {
                if let Some(held) = &self.disk {
                    assert!(image.seq >= held.seq, "{} is stored over {}", image.seq, held.seq);
                }
                self.disk = Some(image);
            }
            Write::Record(record) => {
                let bounds = ApplyBounds::from(&self.limits);
                let disk = self.disk.as_mut().expect("a room begins with a snapshot");
                let applied = disk.apply(self.epoch, &record, &Suffix, &bounds);
                applied.expect("what was issued fits what was stored before");
            }
        }
    }

    /// The keeper dies. The first `survive` writes under way turn out to be stored, the others never were.
    /// Another keeper takes over, with fresh workers.
    pub(crate) fn crash(&mut self, survive: usize) {
        let survive = survive.min(self.writes.len());
        for write in self.writes.drain(..survive).collect::<Vec<_>>() {
            self.keep(write);
        }
        self.writes.clear();
        self.epoch = self.epoch.next();
        self.shard = shard(self.epoch, &self.limits);
        self.workers.clear();
        self.suspects.clear();
        // Links do not outlive a keeper.
        self.archive.clear();
        for release in self.releases.clone() {
            self.worker_up(release.id);
        }
        self.order(Order::Startable(BTreeSet::new()));
        self.order(Order::Prefer(self.prefer));
        let image = self.disk.clone().expect("the room was stored");
        self.shard.handle_recovered(self.now, image);
        self.shard.handle_recovery_done(self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(effect) = self.shard.poll() {
            match &effect {
                Effect::Worker(to, message) => {
                    let worker = self.workers.get_mut(to);
                    worker.expect("told only while attached").inbox.push_back(message.clone());
                }
                Effect::Append { room, record, .. } => {
                    assert_eq!(*room, ROOM);
                    self.writes.push_back(Write::Record(record.clone()));
                }
                Effect::Snapshot(image) => self.writes.push_back(Write::Snapshot(image.clone())),
                Effect::Load(room) => self.shard.handle_loaded(self.now, *room, Loaded::Missing),
                Effect::Suspect { worker, .. } => {
                    self.suspects.push(*worker);
                }
                Effect::Report(Report::Unsound { what, .. }) => panic!("unsound: {what}"),
                Effect::Sleep(_) | Effect::Delete(_) => panic!("nobody asked for {effect:?}"),
                Effect::Gate(_) | Effect::Report(_) => {}
            }
            self.effects.push(effect);
        }
        assert_eq!(self.shard.check_timers(), Ok(()));
    }

    /// Takes what happened since the last look.
    pub(crate) fn take(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// The worker with that place in the list of those that are attached.
    pub(crate) fn nth_worker(&self, index: usize) -> Option<WorkerId> {
        let count = self.workers.len();
        (count > 0).then(|| *self.workers.keys().nth(index % count).expect("in range"))
    }
}

pub(crate) fn reports(effects: &[Effect]) -> impl Iterator<Item = &Report> {
    effects.iter().filter_map(|effect| match effect {
        Effect::Report(report) => Some(report),
        _ => None,
    })
}

fn shard(epoch: Epoch, limits: &Limits) -> Shard<Suffix> {
    Shard::new(ShardConfig { epoch, limits: limits.clone(), shard: 0, age: Span::ZERO }, Suffix)
}

/// Bounds so small that runs reach them.
pub(crate) fn session_limits() -> Limits {
    Limits {
        inputs_pending_max: 4,
        input_bytes_max: 16,
        outbox_events_max: 6,
        outbox_bytes_max: 160,
        unsafe_commits_max: 2,
        batch_items_max: 4,
        batch_bytes_max: 8,
        snapshot_every_commits: 5,
        ..Limits::default()
    }
}
