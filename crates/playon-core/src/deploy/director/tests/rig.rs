//! A director whose shards, store and workers do nothing by themselves.

use playon_types::ids::{DeployId, ReleaseId, RoomId, WorkerId};
use playon_types::kind::{KindInfo, Policies};
use playon_types::reason::Reason;
use playon_types::record::{Course, DeployPhase, DeployRecord};
use playon_types::time::{Span, Time};

use crate::deploy::{DeployWish, Director, DirectorConfig, DirectorEffect, Sleepers, Target};
use crate::effect::{AtFault, Cost, Listing, Order, Report};
use crate::fleet::{Berth, WorkerEnd, WorkerInfo};

pub(super) const SHARD: u16 = 3;

pub(super) const fn release(n: u8) -> ReleaseId {
    ReleaseId([n; 32])
}

pub(super) const fn room(n: u8) -> RoomId {
    RoomId([n; 16])
}

/// A kind that writes that version, reads from that one on, and can write older ones down to that.
pub(super) fn kind(name: &str, writes: u32, reads_from: u32, exports_to: u32) -> KindInfo {
    let policies = Policies::default();
    KindInfo { name: name.into(), writes, reads_from, exports_to, policies }
}

pub(super) fn duels() -> Vec<KindInfo> {
    vec![kind("duel", 1, 1, 1)]
}

/// One that hands orders out as fast as it is asked, and watches no release.
pub(super) fn config() -> DirectorConfig {
    let moves_per_second = 1_000_000;
    DirectorConfig { probation: Span::ZERO, moves_per_second, ..DirectorConfig::default() }
}

pub(super) fn record(id: u64, phase: DeployPhase, moved: u64) -> DeployRecord {
    let (from, to) = (Some(release(1)), release(2));
    let record = DeployRecord::new(DeployId(id), Course::Forward, from, to, false);
    DeployRecord { phase, moved, ..record }
}

pub(super) struct Rig {
    pub(super) director: Director,
    pub(super) now: Time,
    pub(super) told: Vec<DirectorEffect>,
}

impl Rig {
    /// One that has read from the store what is current and which deploys there were; rooms are not known yet.
    pub(super) fn read(
        config: DirectorConfig,
        current: Option<ReleaseId>,
        newest_first: Vec<DeployRecord>,
    ) -> Self {
        let mut director = Director::new(config);
        director.handle_recovered(Time(0), current, newest_first);
        Self { director, now: Time(0), told: Vec::new() }
    }

    /// The first release is current and has a worker, and no rooms; of the second one a worker is there as well.
    pub(super) fn new() -> Self {
        Self::with(config())
    }

    pub(super) fn with(config: DirectorConfig) -> Self {
        let mut rig = Self::read(config, Some(release(1)), Vec::new());
        rig.director.handle_recovery_done(rig.now);
        (1..=2).for_each(|n| rig.up(n));
        rig.told();
        rig
    }

    /// The same, and those rooms are live on the first release.
    pub(super) fn with_rooms(rooms: u8) -> Self {
        let mut rig = Self::new();
        (1..=rooms).for_each(|n| rig.list(n, 1, true));
        rig.told();
        rig
    }

    /// The second release is being deployed, and those rooms have been told to move.
    pub(super) fn moving(course: Course, rooms: u8) -> Self {
        let mut rig = Self::with_rooms(rooms);
        rig.ships(2, course);
        rig.open_copies();
        assert_eq!(rig.told_to_move().len(), usize::from(rooms));
        rig
    }

    pub(super) fn up(&mut self, n: u8) {
        self.up_with(n, duels());
    }

    pub(super) fn up_with(&mut self, n: u8, kinds: Vec<KindInfo>) {
        let (id, berth) = (WorkerId(n.into()), Berth::Common);
        let info = WorkerInfo { id, berth, release: release(n), kinds };
        self.director.handle_worker_up(self.now, &info);
    }

    pub(super) fn down(&mut self, n: u8) {
        let end = WorkerEnd::DISMISSED;
        self.director.handle_worker_down(self.now, WorkerId(n.into()), &end);
    }

    pub(super) fn list(&mut self, n: u8, on: u8, live: bool) {
        self.hear(&Report::Listing(Listing {
            room: room(n),
            kind: "duel".into(),
            name: String::new(),
            release: release(on),
            version: 1,
            players: 0,
            players_max: 4,
            live,
            halted: None,
        }));
    }

    pub(super) fn hear(&mut self, report: &Report) {
        self.director.handle_report(self.now, SHARD, report);
    }

    pub(super) fn ships(&mut self, n: u8, course: Course) {
        let wish = DeployWish { to: release(n), at_once: false, course };
        self.director.handle_deploy(self.now, wish).expect("there is something to do");
    }

    /// Every copy that is asked for opens, and nothing is at rest.
    pub(super) fn open_copies(&mut self) {
        for effect in self.told() {
            match effect {
                DirectorEffect::FindSleepers(search) => {
                    let none = Ok(Sleepers::default());
                    self.director.handle_sleepers(self.now, search.deploy, none);
                }
                DirectorEffect::Order(_, Order::Check { deploy, room, .. }) => {
                    let result = Ok(Cost { took: Span::millis(1), bytes: 1 });
                    self.hear(&Report::Checked { deploy, room, result });
                }
                _ => {}
            }
        }
    }

    pub(super) fn arrives(&mut self, n: u8, on: u8) {
        let deploy = self.record().id;
        self.list(n, on, true);
        let pause = Span::millis(1);
        self.hear(&Report::Moved { deploy, room: room(n), pause, late: false });
    }

    pub(super) fn fails_to_move(&mut self, n: u8, blame: AtFault) {
        let (deploy, reason) = (self.record().id, Reason::read("PLY-0305 it does not fit"));
        self.hear(&Report::MoveFailed { deploy, room: room(n), reason, blame });
    }

    pub(super) fn pass(&mut self, span: Span) {
        self.now = self.now + span;
        self.director.handle_timeout(self.now);
    }

    /// What it has asked for since this was last asked.
    pub(super) fn told(&mut self) -> Vec<DirectorEffect> {
        self.told.extend(std::iter::from_fn(|| self.director.poll()));
        std::mem::take(&mut self.told)
    }

    /// The same, as far as all shards were told.
    pub(super) fn told_to_all(&mut self) -> Vec<Order> {
        let order = |effect| match effect {
            DirectorEffect::Order(Target::All, order) => Some(order),
            _ => None,
        };
        self.told().into_iter().filter_map(order).collect()
    }

    /// The rooms that were told to move, and where to, once the pace has let everything through.
    pub(super) fn told_to_move(&mut self) -> Vec<(RoomId, ReleaseId)> {
        let mut told = Vec::new();
        let mut left = Vec::new();
        for _ in 0..20 {
            for effect in self.told() {
                match effect {
                    DirectorEffect::Order(target, Order::Move { room, to, .. }) => {
                        assert_eq!(target, Target::Shard(SHARD));
                        told.push((room, to));
                    }
                    other => left.push(other),
                }
            }
            self.pass(Span(1));
        }
        self.told = left;
        told
    }

    pub(super) fn record(&self) -> &DeployRecord {
        self.director.deploy().expect("there is one")
    }

    pub(super) fn phase(&self) -> DeployPhase {
        self.record().phase
    }

    pub(super) fn reason(&self) -> &str {
        self.record().reason.as_deref().unwrap_or_default()
    }
}
