//! What a deploy is checked with before anything moves, and what comes of it: a director whose shards and store are the test's.

use crate::deploy::{
    DeployWish, Director, DirectorConfig, DirectorEffect, RESTING_GROUPS_MAX, Resting,
    SLEEPERS_PER_GROUP, Search, Sleeper, Sleepers, Target,
};
use crate::effect::{AtFault, Cost, Listing, Order, Report, Unprobed};
use crate::fleet::{Berth, WorkerInfo};
use playon_types::ids::{DeployId, ReleaseId, RoomId, WorkerId};
use playon_types::kind::Policies;
use playon_types::reason;
use playon_types::reason::Reason;
use playon_types::record::{Course, DeployPhase, DeployRecord};
use playon_types::time::{Span, Time};

use super::bench::{NEW, OLD, kind};

pub(crate) struct Stage {
    pub(crate) director: Director,
    pub(crate) now: Time,
    pub(crate) effects: Vec<DirectorEffect>,
}

pub(crate) fn room(n: u8) -> RoomId {
    RoomId([n; 16])
}

fn sleeper(n: u8, version: u32) -> Sleeper {
    let need = Resting { kind: "duel".into(), version, release: OLD };
    Sleeper { room: room(n), shard: 3, name: format!("table{n}"), need }
}

pub(crate) fn found(groups: u64, rooms: Vec<Sleeper>) -> Result<Sleepers, String> {
    Ok(Sleepers { groups, rooms })
}

impl Stage {
    /// Workers of both releases are there, and no room.
    pub(crate) fn new() -> Self {
        Self::of(DirectorConfig { probation: Span::ZERO, ..DirectorConfig::default() })
    }

    /// The same, and what is shipped is on probation.
    pub(crate) fn watched() -> Self {
        Self::of(DirectorConfig::default())
    }

    fn of(config: DirectorConfig) -> Self {
        let (director, now) = (Director::new(config), Time(0));
        let mut stage = Self { director, now, effects: Vec::new() };
        stage.director.handle_recovered(stage.now, Some(OLD), Vec::new());
        stage.director.handle_recovery_done(stage.now);
        for (id, release, writes) in [(1, OLD, 1), (2, NEW, 2)] {
            let kinds = vec![kind(writes, Policies::default())];
            let info = WorkerInfo { id: WorkerId(id), berth: Berth::Common, release, kinds };
            stage.director.handle_worker_up(stage.now, &info);
        }
        stage
    }

    pub(crate) fn list(&mut self, n: u8, live: bool, halted: Option<&str>) {
        self.list_on(OLD, n, live, halted);
    }

    pub(crate) fn list_on(&mut self, release: ReleaseId, n: u8, live: bool, halted: Option<&str>) {
        self.hear(&Report::Listing(Listing {
            room: room(n),
            kind: "duel".into(),
            name: String::new(),
            release,
            version: 1,
            players: 0,
            players_max: 4,
            live,
            halted: halted.map(str::to_owned),
        }));
    }

    pub(crate) fn hear(&mut self, report: &Report) {
        self.director.handle_report(self.now, 3, report);
    }

    pub(crate) fn ship(&mut self, course: Course) -> DeployId {
        self.effects.clear();
        let wish = DeployWish { to: NEW, at_once: true, course };
        self.director.handle_deploy(self.now, wish).expect("it is another one").id()
    }

    pub(crate) fn drain(&mut self) {
        self.effects.extend(std::iter::from_fn(|| self.director.poll()));
    }

    /// The orders that were given since this was last asked.
    pub(crate) fn orders(&mut self) -> Vec<(Target, Order)> {
        self.drain();
        let order = |effect| match effect {
            DirectorEffect::Order(target, order) => Some((target, order)),
            _ => None,
        };
        std::mem::take(&mut self.effects).into_iter().filter_map(order).collect()
    }

    fn searches(&mut self) -> Vec<Search> {
        self.drain();
        let search = |effect: &DirectorEffect| match effect {
            DirectorEffect::FindSleepers(search) => Some(search.clone()),
            _ => None,
        };
        self.effects.iter().filter_map(search).collect()
    }

    /// The rooms of which copies are to be opened since this was last asked.
    pub(crate) fn probed(&mut self) -> Vec<RoomId> {
        let probe = |(target, order)| match order {
            Order::Probe { room, to: NEW, .. } if target == Target::Shard(3) => Some(room),
            _ => None,
        };
        self.orders().into_iter().filter_map(probe).collect()
    }

    pub(crate) fn answer(&mut self, deploy: DeployId, n: u8, result: Result<(), &str>) {
        let cost = Cost { took: Span::millis(1), bytes: 1 };
        let result = result.map(|()| cost).map_err(Reason::read);
        self.hear(&Report::Checked { deploy, room: room(n), result });
    }

    fn pass_over(&mut self, deploy: DeployId, n: u8, why: Unprobed) {
        self.hear(&Report::NotProbed { deploy, room: room(n), why });
    }

    pub(crate) fn record(&self) -> &DeployRecord {
        self.director.deploy().expect("it was begun")
    }

    pub(crate) fn reason(&self) -> &str {
        self.record().reason.as_deref().unwrap_or_default()
    }
}

#[test]
fn nothing_moves_before_the_store_has_been_looked_through() {
    let mut stage = Stage::new();
    let deploy = stage.ship(Course::Forward);
    let searches = stage.searches();
    assert_eq!(searches.len(), 1);
    assert_eq!((searches[0].deploy, searches[0].to), (deploy, NEW));
    assert_eq!(stage.record().phase, DeployPhase::Checking);
    stage.director.handle_sleepers(stage.now, DeployId(deploy.0 + 1), found(0, Vec::new()));
    assert_eq!(stage.record().phase, DeployPhase::Checking, "that answers another one");
    stage.director.handle_sleepers(stage.now, deploy, found(0, Vec::new()));
    assert_eq!(stage.record().phase, DeployPhase::Done);
    let told = (stage.record().checked, stage.record().checked_at_rest);
    assert_eq!(told, (0, 0), "nothing could be checked");
}

#[test]
fn one_of_each_group_is_tried_and_the_next_one_if_it_cannot_be() {
    let mut stage = Stage::new();
    let deploy = stage.ship(Course::Forward);
    let rooms = vec![sleeper(1, 1), sleeper(2, 1), sleeper(3, 1), sleeper(4, 2)];
    stage.director.handle_sleepers(stage.now, deploy, found(3, rooms));
    assert_eq!(stage.probed(), [room(1), room(4)]);
    stage.pass_over(deploy, 1, Unprobed::Damaged);
    assert_eq!(stage.probed(), [room(2)]);
    stage.pass_over(deploy, 2, Unprobed::Claimed);
    assert_eq!(stage.probed(), [room(3)]);
    stage.pass_over(deploy, 3, Unprobed::Unreadable);
    assert_eq!(stage.record().phase, DeployPhase::Checking);
    stage.answer(deploy, 4, Ok(()));
    let record = stage.record();
    assert_eq!(record.phase, DeployPhase::Done);
    let told = (record.checked_at_rest, record.damaged_at_rest, record.untried_at_rest);
    assert_eq!(told, (1, 1, 2), "a group was not looked for, and one could not be tried");
}

#[test]
fn a_room_at_rest_that_does_not_open_ends_the_deploy_with_its_name() {
    let mut stage = Stage::new();
    stage.list(9, true, None);
    let deploy = stage.ship(Course::Forward);
    let rooms = vec![sleeper(1, 1), sleeper(2, 2)];
    stage.director.handle_sleepers(stage.now, deploy, found(2, rooms));
    stage.answer(deploy, 9, Ok(()));
    stage.orders();
    stage.answer(deploy, 1, Err("PLY-0423 it panicked"));
    assert_eq!(stage.record().phase, DeployPhase::Reverted);
    let named = format!("room {} of kind duel, named table1, at rest", room(1));
    assert!(stage.reason().starts_with(&named), "{}", stage.reason());
    assert!(stage.reason().contains("PLY-0423"), "{}", stage.reason());
    let orders = stage.orders();
    assert!(orders.contains(&(Target::All, Order::CancelProbes { deploy })), "{orders:?}");
    assert!(!orders.iter().any(|(_, order)| matches!(order, Order::Move { .. })));
    // What the others would have said counts for nothing.
    stage.answer(deploy, 2, Ok(()));
    assert_eq!(stage.record().checked_at_rest, 0);
}

#[test]
fn what_cannot_be_looked_through_or_is_late_is_refused() {
    let mut stage = Stage::new();
    let deploy = stage.ship(Course::Forward);
    stage.director.handle_sleepers(stage.now, deploy, Err("the disk".into()));
    assert_eq!(stage.record().phase, DeployPhase::Reverted);
    assert!(stage.reason().starts_with("PLY-0580"), "{}", stage.reason());
    let deploy = stage.ship(Course::Forward);
    stage.director.handle_sleepers(stage.now, deploy, found(1, vec![sleeper(1, 1)]));
    stage.now = stage.now + DirectorConfig::default().check_timeout;
    stage.director.handle_timeout(stage.now);
    assert_eq!(stage.record().phase, DeployPhase::Reverted);
    let late = stage.reason();
    assert!(late.starts_with("PLY-0310") && late.contains("table1"), "{late}");
}

#[test]
fn a_way_back_looks_at_nothing_that_rests() {
    let mut stage = Stage::new();
    stage.list(1, false, None);
    stage.ship(Course::Back);
    assert_eq!((stage.searches(), stage.record().phase), (Vec::new(), DeployPhase::Moving));
}

#[test]
fn a_room_without_a_worker_is_tried_when_none_of_its_group_is_live() {
    let mut stage = Stage::new();
    stage.list(1, false, None);
    stage.list(2, true, None);
    let deploy = stage.ship(Course::Forward);
    let orders = stage.orders();
    let check = Order::Check { deploy, room: room(2), to: NEW };
    assert!(orders.contains(&(Target::Shard(3), check)), "{orders:?}");
    assert!(!orders.iter().any(|(_, order)| matches!(order, Order::Probe { .. })));
    // A room that is halted is not live, whatever it was.
    let mut stage = Stage::new();
    stage.list(2, true, None);
    stage.list(2, false, Some("PLY-0123 it keeps failing"));
    let deploy = stage.ship(Course::Forward);
    assert_eq!(stage.probed(), [room(2)]);
    stage.director.handle_sleepers(stage.now, deploy, found(0, Vec::new()));
    stage.answer(deploy, 2, Ok(()));
    assert_eq!((stage.record().phase, stage.record().checked), (DeployPhase::Moving, 1));
}

#[test]
fn a_room_that_has_woken_is_not_tried_as_one_at_rest_and_bounds_hold() {
    let mut stage = Stage::new();
    let deploy = stage.ship(Course::Forward);
    stage.list(1, true, None);
    let mut rooms = vec![sleeper(1, 1)];
    let groups = 2 * RESTING_GROUPS_MAX as u32;
    for version in 1..=groups {
        rooms.extend((2..12).map(|n| sleeper(n + 12 * (version as u8 % 16), version)));
    }
    stage.director.handle_sleepers(stage.now, deploy, found(u64::from(groups), rooms));
    let probed = stage.probed();
    assert_eq!(probed.len(), RESTING_GROUPS_MAX);
    assert!(!probed.contains(&room(1)));
    assert_eq!(stage.director.facts().sleepers, RESTING_GROUPS_MAX * SLEEPERS_PER_GROUP);
}

#[test]
fn a_room_that_was_begun_for_a_deploy_before_it_stopped_comes_home() {
    let mut stage = Stage::new();
    stage.list(1, true, None);
    let deploy = stage.ship(Course::Forward);
    stage.director.handle_sleepers(stage.now, deploy, found(0, Vec::new()));
    stage.answer(deploy, 1, Ok(()));
    let (reason, blame) = (reason!("PLY-0305 it does not fit"), AtFault::Release);
    stage.hear(&Report::MoveFailed { deploy, room: room(1), reason, blame });
    assert_eq!(stage.record().phase, DeployPhase::Stopped);
    stage.orders();
    let home = |n| Order::Move {
        deploy: DeployId::NONE,
        room: room(n),
        to: OLD,
        at_once: false,
        since: None,
    };
    // Of one that wakes on it the shard takes care; this one nobody else brings home.
    stage.list_on(NEW, 2, false, None);
    stage.list_on(NEW, 3, true, None);
    // Not before its turn.
    stage.now = stage.now + Span::secs(1);
    stage.director.handle_timeout(stage.now);
    assert_eq!(stage.orders(), [(Target::Shard(3), home(3))]);
}
