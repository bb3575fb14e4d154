//! Wishes for a release that a deploy under way leads to, and rooms that are told to hurry.

use crate::deploy::{
    DeployRefusal, DeployWish, Director, DirectorConfig, DirectorEffect, Sleepers, Taken, WayBack,
};
use crate::effect::{Aside, AtFault, Cost, Listing, Order, Report};
use crate::fleet::{Berth, WorkerInfo};
use playon_types::attach::ToWorker;
use playon_types::ids::{DeployId, ReleaseId, RoomId, SessionId, WorkerId};
use playon_types::kind::{KindInfo, OnDeploy, Policies};
use playon_types::reason::Reason;
use playon_types::record::{Course, DeployPhase, DeployRecord, Numbers};
use playon_types::time::{Span, Time};

use super::bench::{Bench, DEPLOY, NEW, OLD, ONE, ROOM, TWO, kind, prewarmed};
use super::{moved, prewarm};

const ROOMS: [RoomId; 3] = [RoomId([1; 16]), RoomId([2; 16]), RoomId([3; 16])];

const SHIP: DeployWish = DeployWish { to: NEW, at_once: false, course: Course::Forward };
const SHIP_NOW: DeployWish = DeployWish { at_once: true, ..SHIP };
const BACK_TO_NEW: DeployWish = DeployWish { course: Course::Back, ..SHIP_NOW };

/// A director whose shards do nothing by themselves.
struct Post {
    director: Director,
    now: Time,
    orders: Vec<Order>,
    stored: Vec<DeployRecord>,
}

fn declared() -> Vec<KindInfo> {
    vec![kind(1, Policies::default())]
}

impl Post {
    /// Rooms on the old release, workers of both.
    fn new(stored: Option<DeployRecord>, current: ReleaseId) -> Self {
        let director = Director::new(DirectorConfig::default());
        let mut post = Self { director, now: Time(0), orders: Vec::new(), stored: Vec::new() };
        [OLD, NEW].iter().for_each(|release| post.director.handle_release(*release, declared()));
        post.director.handle_recovered(post.now, Some(current), stored.into_iter().collect());
        ROOMS.iter().for_each(|room| post.list(*room, OLD, false));
        post.director.handle_recovery_done(post.now);
        post.up(1, OLD);
        post.drain();
        post.orders.clear();
        post
    }

    fn up(&mut self, id: u64, release: ReleaseId) {
        let kinds = vec![kind(1, Policies::default())];
        let info = WorkerInfo { id: WorkerId(id), berth: Berth::Common, release, kinds };
        self.director.handle_worker_up(self.now, &info);
        self.drain();
    }

    fn list(&mut self, room: RoomId, release: ReleaseId, live: bool) {
        self.hear(Report::Listing(Listing {
            room,
            kind: "duel".into(),
            name: "table".into(),
            release,
            version: 1,
            players: 1,
            players_max: 4,
            live,
            halted: None,
        }));
    }

    fn hear(&mut self, report: Report) {
        self.director.handle_report(self.now, 0, &report);
        self.drain();
    }

    fn wish(&mut self, wish: DeployWish) -> Result<Taken, DeployRefusal> {
        let taken = self.director.handle_deploy(self.now, wish);
        self.drain();
        taken
    }

    /// Copies of rooms open, and nothing is at rest.
    fn drain(&mut self) {
        while let Some(effect) = self.director.poll() {
            match effect {
                DirectorEffect::FindSleepers(search) => {
                    let none = Ok(Sleepers::default());
                    self.director.handle_sleepers(self.now, search.deploy, none);
                }
                DirectorEffect::Order(_, Order::Probe { deploy, room, .. }) => {
                    let result = Ok(Cost { took: Span::millis(1), bytes: 1 });
                    let opened = Report::Checked { deploy, room, result };
                    self.director.handle_report(self.now, 0, &opened);
                }
                DirectorEffect::Store { record, .. } => self.stored.push(record),
                DirectorEffect::Order(_, order) => self.orders.push(order),
                _ => {}
            }
        }
    }

    /// What rooms were told about moving, once the pace has let everything through.
    fn told(&mut self) -> Vec<(RoomId, Told)> {
        while let Some(at) = self.director.next_timeout().filter(|at| *at < Time(1_000_000)) {
            self.now = at;
            self.director.handle_timeout(at);
            self.drain();
        }
        let told = |order| match order {
            Order::Move { room, at_once: true, .. } => Some((room, Told::Now)),
            Order::Move { room, at_once: false, .. } => Some((room, Told::Patiently)),
            Order::Hurry { room, .. } => Some((room, Told::Hurry)),
            _ => None,
        };
        std::mem::take(&mut self.orders).into_iter().filter_map(told).collect()
    }

    fn record(&self) -> &DeployRecord {
        self.director.deploy().expect("there is one")
    }

    fn phase(&self) -> (DeployId, DeployPhase, bool) {
        (self.record().id, self.record().phase, self.record().at_once)
    }

    /// All rooms have been told to move when their round is over; the first has.
    fn under_way() -> Self {
        let mut post = Self::new(None, OLD);
        assert_eq!(post.wish(SHIP), Ok(Taken::Begun(DeployId(1))));
        post.up(2, NEW);
        assert_eq!(post.told(), ROOMS.map(|room| (room, Told::Patiently)));
        for room in ROOMS {
            post.hear(Report::Waiting { deploy: DeployId(1), room, until: Time(60_000_000) });
        }
        post.arrives(ROOMS[0]);
        post
    }

    fn arrives(&mut self, room: RoomId) {
        self.list(room, NEW, true);
        let deploy = self.record().id;
        self.hear(Report::Moved { deploy, room, pause: Span::millis(1), late: false });
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Now,
    Patiently,
    Hurry,
}

#[test]
fn a_second_wish_for_the_same_release_begins_nothing() {
    let mut post = Post::new(None, OLD);
    assert_eq!(post.wish(SHIP), Ok(Taken::Begun(DeployId(1))));
    assert_eq!(post.wish(SHIP), Ok(Taken::Joined(DeployId(1))), "while it starts");
    post.up(2, NEW);
    post.told();
    let stored = post.stored.len();
    assert_eq!(post.wish(SHIP), Ok(Taken::Joined(DeployId(1))), "while rooms move");
    assert_eq!(post.told(), [], "no room's wait begins anew");
    assert_eq!((post.stored.len(), post.phase().1), (stored, DeployPhase::Moving));
    ROOMS.iter().for_each(|room| post.arrives(*room));
    assert_eq!(post.phase(), (DeployId(1), DeployPhase::Done, false));
    assert_eq!(post.wish(SHIP), Err(DeployRefusal::NoChange));
}

#[test]
fn what_shards_report_while_rooms_move_is_counted_for_the_deploy() {
    let mut post = Post::under_way();
    let (room, release, deploy) = (ROOMS[1], NEW, DeployId(1));
    let session = SessionId(4);
    post.hear(Report::InputsLost { room, inputs: 3 });
    post.hear(Report::Miscounted { room, twice: 5, missing: 7 });
    let what = Aside::Input(2);
    post.hear(Report::SetAside { room, release, session, what, appeal: false });
    let pause = Span::millis(1);
    post.hear(Report::Thawed { deploy, room, pause, late: false });
    post.hear(Report::Thawed { deploy, room, pause, late: true });
    post.hear(Report::Moved { deploy, room: ROOMS[2], pause, late: true });
    let counted = Numbers {
        inputs_lost: 10,
        inputs_set_aside: 1,
        inputs_applied_twice: 5,
        pauses_over_budget: 2,
    };
    assert_eq!(post.record().numbers, counted);
}

#[test]
fn a_release_is_lost_without_workers_while_rooms_are_on_it_and_the_way_back_leads_there() {
    let mut post = Post::under_way();
    assert!(post.director.has_rooms(OLD) && post.director.has_rooms(NEW));
    let way = WayBack { undoes: DeployId(1), from: NEW, to: OLD };
    assert_eq!(post.director.way_back(), Some(way));
    ROOMS[1..].iter().for_each(|room| post.arrives(*room));
    assert!(!post.director.has_rooms(OLD) && post.director.has_rooms(NEW));
    assert_eq!(post.director.way_back(), Some(way));
}

#[test]
fn a_wish_in_a_hurry_makes_the_deploy_hurry_before_and_while_rooms_move() {
    let mut early = Post::new(None, OLD);
    early.wish(SHIP).unwrap();
    assert_eq!(early.wish(SHIP_NOW), Ok(Taken::Joined(DeployId(1))));
    early.up(2, NEW);
    assert_eq!(early.told(), ROOMS.map(|room| (room, Told::Now)));
    let mut late = Post::under_way();
    assert_eq!(late.record().in_round, 2);
    assert_eq!(late.wish(SHIP_NOW), Ok(Taken::Joined(DeployId(1))));
    assert!(late.stored.last().is_some_and(|record| record.at_once), "the next keeper knows it");
    assert_eq!((late.record().in_round, late.record().in_round_until), (0, None));
    assert_eq!(late.told(), [(ROOMS[1], Told::Hurry), (ROOMS[2], Told::Hurry)]);
    assert_eq!(late.wish(SHIP), Ok(Taken::Joined(DeployId(1))));
    assert!(late.told().is_empty() && late.record().at_once, "it stays in a hurry");
    ROOMS[1..].iter().for_each(|room| late.arrives(*room));
    assert_eq!(
        (late.phase().1, late.record().moved, late.record().rooms),
        (DeployPhase::Done, 3, 3)
    );
}

#[test]
fn a_room_that_has_answered_meanwhile_is_not_told_to_hurry() {
    let mut post = Post::under_way();
    post.wish(SHIP_NOW).unwrap();
    // The pace lets one through at a time; the other arrives before its turn.
    let turn = post.orders.iter().filter(|order| matches!(order, Order::Hurry { .. })).count();
    let last = ROOMS[2];
    post.arrives(last);
    let told = post.told();
    assert!(!told.contains(&(last, Told::Hurry)), "{turn} {told:?}");
    let reason = Reason::read("its worker went away");
    let (deploy, blame) = (DeployId(1), AtFault::Circumstance);
    post.hear(Report::MoveFailed { deploy, room: ROOMS[1], reason, blame });
    assert_eq!(post.told(), [(ROOMS[1], Told::Now)], "a try after that is in a hurry too");
}

#[test]
fn rooms_that_would_have_ended_where_they_are_go_if_it_hurries() {
    let mut post = Post::under_way();
    post.hear(Report::Staying { deploy: DeployId(1), room: ROOMS[1] });
    assert_eq!((post.record().staying, post.record().waiting), (1, 1));
    post.wish(SHIP_NOW).unwrap();
    // This one answers what it was told before.
    post.hear(Report::Staying { deploy: DeployId(1), room: ROOMS[2] });
    let mut told = post.told();
    told.retain(|(_, told)| *told != Told::Hurry);
    told.sort_by_key(|(room, _)| *room);
    assert_eq!(told, [(ROOMS[1], Told::Now), (ROOMS[2], Told::Now)]);
    assert_eq!((post.record().staying, post.record().waiting), (0, 2));
    post.arrives(ROOMS[1]);
    // One that is about to leave memory stays all the same.
    post.hear(Report::Staying { deploy: DeployId(1), room: ROOMS[2] });
    let record = post.record();
    assert_eq!(
        (record.phase, record.rooms, record.moved, record.staying),
        (DeployPhase::Done, 3, 2, 1)
    );
}

#[test]
fn a_deploy_that_the_next_keeper_goes_on_with_is_joined_too() {
    let mut first = Post::under_way();
    first.wish(SHIP_NOW).unwrap();
    let mut next = Post::new(first.stored.last().cloned(), NEW);
    assert_eq!(next.wish(SHIP), Ok(Taken::Joined(DeployId(1))));
    next.up(2, NEW);
    assert!(next.record().at_once && next.record().restarts == 1);
}

#[test]
fn a_deploy_joins_a_way_back_and_a_way_back_takes_the_place_of_a_deploy() {
    let mut post = Post::new(None, OLD);
    post.wish(SHIP).unwrap();
    assert_eq!(post.wish(BACK_TO_NEW), Ok(Taken::Begun(DeployId(2))), "it stops at no room");
    assert_eq!(post.wish(SHIP), Ok(Taken::Joined(DeployId(2))));
    assert_eq!(post.wish(BACK_TO_NEW), Ok(Taken::Joined(DeployId(2))));
    let elsewhere = DeployWish { to: OLD, ..SHIP };
    assert_eq!(post.wish(elsewhere), Ok(Taken::Begun(DeployId(3))));
}

#[test]
fn a_room_that_answers_a_deploy_only_after_the_next_one_was_undone_still_comes_to_where_it_belongs()
{
    let mut post = Post::new(None, OLD);
    post.wish(SHIP_NOW).unwrap();
    post.up(2, NEW);
    assert_eq!(post.told(), ROOMS.map(|room| (room, Told::Now)));
    post.arrives(ROOMS[0]);
    let broken = ReleaseId([9; 32]);
    post.wish(DeployWish { to: broken, ..SHIP_NOW }).unwrap();
    post.director.handle_release_broken(post.now, broken, "it does not start");
    post.drain();
    assert_eq!(post.phase().1, DeployPhase::Reverted);
    assert_eq!(post.told(), [], "both have an order, as far as anybody knows");
    // Their shards get to the word that the first deploy has ended, each at its own time.
    for room in [ROOMS[2], ROOMS[1]] {
        let (deploy, blame) = (DeployId(1), AtFault::Circumstance);
        post.hear(Report::MoveFailed { deploy, room, reason: Reason::read("superseded"), blame });
        assert_eq!(post.told(), [(room, Told::Patiently)]);
    }
}

#[test]
fn a_room_that_could_not_come_home_is_told_again_when_a_worker_of_the_current_release_is_back() {
    let mut post = Post::new(None, OLD);
    post.list(ROOMS[0], NEW, true);
    let mut tries = 0;
    while !post.told().is_empty() {
        tries += 1;
        assert!(tries < 100, "it is told for ever");
        let (room, reason) = (ROOMS[0], Reason::read("its worker went away"));
        let (deploy, blame) = (DeployId::NONE, AtFault::Circumstance);
        post.hear(Report::MoveFailed { deploy, room, reason, blame });
    }
    assert_eq!(tries, DirectorConfig::default().tries_max);
    post.up(5, NEW);
    assert_eq!(post.told(), [], "there it is");
    post.up(6, OLD);
    assert_eq!(post.told(), [(ROOMS[0], Told::Patiently)]);
}

fn patient() -> Policies {
    let on_deploy = OnDeploy::BetweenRounds { deadline: Span::secs(60) };
    Policies { on_deploy, ..Policies::default() }
}

#[test]
fn a_room_that_waits_for_the_end_of_its_round_and_is_to_hurry_goes() {
    let mut bench = Bench::with_player(&patient(), false);
    bench.move_to(NEW, false);
    bench.order(Order::Hurry { deploy: DeployId(8), room: ROOM });
    assert!(bench.sent_to(TWO).is_empty(), "that is another deploy");
    bench.order(Order::Hurry { deploy: DEPLOY, room: ROOM });
    bench.obey(TWO, false);
    let answers: Vec<Report> = bench.reports();
    assert!(moved(&answers));
    let failed = answers.iter().filter(|report| matches!(report, Report::MoveFailed { .. }));
    assert_eq!(failed.count(), 0, "{answers:?}");
    bench.order(Order::Hurry { deploy: DEPLOY, room: ROOM });
    assert!(bench.reports().is_empty(), "it has answered");
}

#[test]
fn a_room_that_is_put_off_for_its_budget_and_is_to_hurry_goes() {
    let policies = Policies { pause_budget: Span::millis(10), ..super::now() };
    let mut bench = Bench::with_player(&policies, false);
    bench.move_to(NEW, false);
    let (attempt, seq) = prewarm(&mut bench);
    // Told while the copy opens, it is not put off at all.
    let mut told = Bench::with_player(&policies, false);
    told.move_to(NEW, false);
    let (same, at) = prewarm(&mut told);
    told.order(Order::Hurry { deploy: DEPLOY, room: ROOM });
    told.worker(TWO, prewarmed(ROOM, same, at, 80_000));
    assert!(matches!(told.sent_to(TWO).as_slice(), [ToWorker::Tail { .. }]));
    bench.worker(TWO, prewarmed(ROOM, attempt, seq, 80_000));
    assert!(matches!(bench.sent_to(TWO).as_slice(), [ToWorker::Retire { .. }]));
    bench.order(Order::Hurry { deploy: DEPLOY, room: ROOM });
    let (attempt, seq) = prewarm(&mut bench);
    bench.worker(TWO, prewarmed(ROOM, attempt, seq, 80_000));
    bench.obey(TWO, false);
    assert!(moved(&bench.reports()));
}

#[test]
fn a_room_without_a_worker_hurries_to_the_new_release() {
    let mut bench = Bench::with_player(&patient(), false);
    bench.move_to(NEW, false);
    bench.worker_down(ONE);
    bench.effects.clear();
    bench.order(Order::Hurry { deploy: DEPLOY, room: ROOM });
    bench.wait(Span::secs(1));
    bench.obey(TWO, false);
    assert!(moved(&bench.reports()));
}
