//! Rooms that do not run where they are stand in the way of no deploy: a director whose shards are the test's, and a shard.

use std::collections::BTreeSet;

use crate::deploy::DirectorEffect;
use crate::effect::{AtFault, Effect, Inquiry, Listing, Order, Report};
use crate::fleet::Berth;
use playon_types::attach::{Fault, FromWorker, Stage as Step, ToWorker};
use playon_types::gate::Close;
use playon_types::ids::{DeployId, WorkerId};
use playon_types::kind::{OnDeploy, Policies};
use playon_types::reason;
use playon_types::record::{Course, DeployPhase};
use playon_types::time::Span;

use super::bench::{Bench, NEW, OLD, ONE, ROOM, TWO, answer};
use super::checks::{Stage, found, room};

const WHY: &str = "PLY-0123 it keeps failing";

impl Stage {
    /// A deploy to the new release has checked a live room, if there is one, and moves rooms.
    fn moving(&mut self, live: &[u8]) -> DeployId {
        let deploy = self.ship(Course::Forward);
        self.director.handle_sleepers(self.now, deploy, found(0, Vec::new()));
        live.iter().for_each(|n| self.answer(deploy, *n, Ok(())));
        deploy
    }

    fn unmovable(&mut self, deploy: DeployId, n: u8) {
        let (reason, blame) = (reason!("PLY-0425 it cannot be read"), AtFault::Release);
        self.hear(&Report::MoveFailed { deploy, room: room(n), reason, blame });
    }

    fn arrive(&mut self, deploy: DeployId, n: u8) {
        self.list_on(NEW, n, true, None);
        self.hear(&Report::Moved { deploy, room: room(n), pause: Span::millis(1), late: false });
    }

    /// It fails on that release by itself.
    fn fails(&mut self, n: u8, count: u32, inquiry: Inquiry) {
        let reason = reason!("PLY-0425 it cannot be read");
        self.hear(&Report::Fault { room: room(n), release: OLD, reason, count, inquiry });
    }

    fn pass(&mut self, span: Span) {
        self.now = self.now + span;
        while self.director.next_timeout().is_some_and(|at| at <= self.now) {
            self.director.handle_timeout(self.now);
        }
        self.drain();
    }

    fn left(&self) -> Vec<(u8, String)> {
        let left = self.record().left_rooms.iter();
        left.map(|left| (left.room.0[0], left.reason.clone())).collect()
    }
}

#[test]
fn a_room_that_was_halted_before_is_left_and_the_others_go() {
    let mut stage = Stage::new();
    (1..=2).for_each(|n| stage.list(n, true, None));
    stage.list(2, false, Some(WHY));
    let deploy = stage.moving(&[1]);
    assert_eq!(stage.record().phase, DeployPhase::Moving);
    stage.unmovable(deploy, 2);
    assert_eq!(stage.record().phase, DeployPhase::Moving, "{}", stage.reason());
    stage.arrive(deploy, 1);
    assert_eq!((stage.record().phase, stage.record().moved), (DeployPhase::Partial, 1));
    assert_eq!(stage.left(), [(2, "PLY-0425 it cannot be read".to_owned())]);
    assert_eq!(stage.reason(), "PLY-0311 1 of 2 rooms could not go and stay where they are");
    assert_eq!(stage.director.current(), Some(NEW));
    // It is not told again before the next deploy.
    stage.orders();
    stage.pass(Span::secs(5));
    assert!(!stage.orders().iter().any(|(_, order)| matches!(order, Order::Move { .. })));
}

#[test]
fn a_check_with_a_room_that_is_halted_says_nothing_of_the_release() {
    let mut stage = Stage::new();
    stage.list(2, true, None);
    stage.list(2, false, Some(WHY));
    let deploy = stage.moving(&[]);
    assert_eq!(stage.probed(), [room(2)]);
    stage.answer(deploy, 2, Err("PLY-0423 it panicked"));
    assert_eq!((stage.record().phase, stage.record().checked), (DeployPhase::Moving, 0));
    stage.unmovable(deploy, 2);
    assert_eq!(stage.record().phase, DeployPhase::Partial);
    // One that runs where it is or would come up there is tried before it.
    let mut stage = Stage::new();
    for (n, halted) in [(1, Some(WHY)), (2, None)] {
        stage.list(n, false, None);
        stage.list(n, false, halted);
    }
    stage.moving(&[]);
    assert_eq!(stage.probed(), [room(2)]);
}

/// A new keeper does not know yet which rooms are halted, and a worker may have died just then.
#[test]
fn a_room_without_a_worker_shows_first_whether_it_runs_where_it_is() {
    type Sign = fn(&mut Stage);
    let fails: Sign = |stage| stage.fails(2, 1, Inquiry::Over);
    let halted: Sign = |stage| stage.list(2, false, Some(WHY));
    let runs: Sign = |stage| stage.list(2, true, None);
    let closed: Sign = |stage| stage.hear(&Report::Gone { room: room(2), asleep: false });
    let never: Sign = |stage| stage.pass(Span::secs(10));
    let signs = [
        (fails, DeployPhase::Partial),
        (halted, DeployPhase::Partial),
        (runs, DeployPhase::Stopped),
        (closed, DeployPhase::Done),
        (never, DeployPhase::Partial),
    ];
    for (nth, (sign, end)) in signs.into_iter().enumerate() {
        let mut stage = Stage::new();
        stage.list(1, true, None);
        stage.list(2, false, None);
        let deploy = stage.moving(&[1]);
        stage.unmovable(deploy, 2);
        stage.arrive(deploy, 1);
        stage.list(2, false, None);
        stage.fails(2, 0, Inquiry::Over);
        stage.fails(2, 1, Inquiry::Open);
        stage.pass(Span::secs(9));
        assert_eq!(stage.record().phase, DeployPhase::Moving, "{nth}: {}", stage.reason());
        let facts = stage.director.facts();
        assert_eq!((facts.waited_for, facts.doubts), (1, 1));
        sign(&mut stage);
        assert_eq!(stage.record().phase, end, "{nth}: {}", stage.reason());
        assert_eq!(stage.director.facts().doubts, 0);
        assert!(stage.reason().contains("PLY-0425") || end != DeployPhase::Stopped);
        assert_eq!(stage.left().len(), usize::from(end == DeployPhase::Partial));
    }
}

#[test]
fn so_does_one_that_a_deploy_is_checked_with() {
    for (ails, end) in [(true, DeployPhase::Moving), (false, DeployPhase::Reverted)] {
        for late in [false, true] {
            let mut stage = Stage::new();
            stage.list(2, false, None);
            let deploy = stage.moving(&[]);
            stage.answer(deploy, 2, Err("PLY-0423 it panicked"));
            assert_eq!(stage.record().phase, DeployPhase::Checking);
            match (late, ails) {
                (true, _) => stage.pass(Span::secs(20)),
                (false, true) => stage.fails(2, 1, Inquiry::Over),
                (false, false) => stage.list(2, true, None),
            }
            let end = if late { DeployPhase::Moving } else { end };
            assert_eq!(stage.record().phase, end, "{ails} {late}: {}", stage.reason());
        }
    }
}

#[test]
fn a_room_that_is_live_again_after_it_has_failed_stops_a_deploy() {
    let mut stage = Stage::new();
    stage.list(1, true, None);
    stage.fails(1, 1, Inquiry::Over);
    stage.list(1, false, None);
    stage.list(1, true, None);
    let deploy = stage.moving(&[1]);
    stage.unmovable(deploy, 1);
    assert_eq!(stage.record().phase, DeployPhase::Stopped);
}

fn policies(on_deploy: OnDeploy) -> Policies {
    Policies { on_deploy, ..Policies::default() }
}

/// A room that cannot be opened on the release that it has, and is halted for it.
fn halted(on_deploy: OnDeploy) -> Bench {
    let mut bench = Bench::with_player(&policies(on_deploy), false);
    bench.order(Order::Startable(BTreeSet::new()));
    bench.worker_down(ONE);
    assert_eq!(bench.old_worker_up(3, Berth::Common), AGAIN);
    for _ in 0..20 {
        fail_to_open(&mut bench, BOTH);
        bench.wait(Span::secs(5));
    }
    let halted = |effect: &Effect| matches!(effect, Effect::Report(Report::Halted { .. }));
    assert!(bench.effects.iter().any(halted));
    assert_eq!(bench.closed(1), Some(Close::RoomFails));
    bench.effects.clear();
    bench
}

/// The worker of the old release that comes after the first.
const AGAIN: WorkerId = WorkerId(3);

const BOTH: [WorkerId; 2] = [AGAIN, TWO];

/// Whichever of them is asked to open the room fails. Tells whether one was.
fn fail_to_open(bench: &mut Bench, workers: [WorkerId; 2]) -> bool {
    let mut asked = false;
    for worker in workers {
        for message in bench.sent_to(worker) {
            let ToWorker::Open { attempt, .. } = message else { continue };
            asked = true;
            let (room, message, refusal) = (ROOM, "PLY-0425 no".to_owned(), false);
            let step = Step::Open;
            bench.worker(
                worker,
                FromWorker::Fault(Fault { room, attempt, stage: step, message, refusal }),
            );
        }
    }
    asked
}

fn listings(bench: &mut Bench) -> Vec<Listing> {
    let listing = |report| match report {
        Report::Listing(listing) => Some(listing),
        _ => None,
    };
    bench.reports().into_iter().filter_map(listing).collect()
}

#[test]
fn a_halted_room_is_tried_on_the_new_release_and_halted_until_it_lives_there() {
    for policy in [OnDeploy::Now, OnDeploy::BetweenRounds { deadline: Span::secs(3_600) }] {
        let mut bench = halted(policy);
        bench.move_to(NEW, false);
        bench.wait(Span::ZERO);
        assert!(
            bench.sent_to(AGAIN).iter().all(|message| !matches!(message, ToWorker::Open { .. }))
        );
        assert!(fail_to_open(&mut bench, BOTH));
        let reports = bench.reports();
        assert_eq!(super::failed(&reports), Some(AtFault::Release), "{reports:?}");
        let told = |report: &&Report| matches!(report, Report::Listing(_) | Report::Waiting { .. });
        assert_eq!(reports.iter().find(told), None, "it is halted as before");
        bench.wait(Span::secs(60));
        assert!(!fail_to_open(&mut bench, BOTH), "nor is it tried where it was");
        // The next release reads it.
        bench.move_to(NEW, false);
        bench.wait(Span::ZERO);
        let opens = bench.sent_to(TWO);
        let open = opens.iter().find(|message| matches!(message, ToWorker::Open { .. })).unwrap();
        let ready = answer(TWO, open, false).unwrap();
        bench.worker(TWO, ready);
        let last = listings(&mut bench).pop().unwrap();
        assert_eq!((last.release, last.live, last.halted), (NEW, true, None));
    }
}

#[test]
fn a_halted_room_that_is_to_finish_where_it_is_stays_halted() {
    let mut bench = halted(OnDeploy::Finish);
    bench.move_to(NEW, false);
    let reports = bench.reports();
    assert!(matches!(reports[..], [Report::Staying { .. }]), "{reports:?}");
    assert!(!fail_to_open(&mut bench, BOTH));
}

#[test]
fn a_new_release_that_opens_no_room_in_time_is_not_held_against_the_room() {
    let mut bench = Bench::with_player(&policies(OnDeploy::Now), false);
    bench.worker_down(ONE);
    bench.move_to(NEW, false);
    bench.wait(Span::ZERO);
    bench.wait(Span::secs(600));
    let reports = bench.reports();
    assert_eq!(super::failed(&reports), Some(AtFault::Release), "{reports:?}");
    let held = |report: &&Report| matches!(report, Report::Fault { count: 1.., .. });
    assert_eq!(reports.iter().find(held), None);
}

#[test]
fn a_deploy_that_left_a_room_behind_is_watched_as_any_other() {
    let mut stage = Stage::watched();
    (1..=2).for_each(|n| stage.list(n, true, None));
    stage.list(2, false, Some(WHY));
    let deploy = stage.moving(&[1]);
    stage.unmovable(deploy, 2);
    stage.arrive(deploy, 1);
    assert_eq!(stage.record().phase, DeployPhase::Partial);
    for _ in 0..2 {
        let reason = reason!("PLY-0423 it panicked");
        let (room, release) = (room(1), NEW);
        stage.hear(&Report::Fault { room, release, reason, count: 1, inquiry: Inquiry::Over });
    }
    assert_eq!(stage.record().course, Course::Rescue);
    stage.drain();
    assert!(stage.effects.iter().any(|effect| matches!(effect, DirectorEffect::Alarm { .. })));
}
