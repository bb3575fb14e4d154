//! Copies of a room that take processes down: they cost the others one, and are then tried where nobody else is.

use crate::effect::{AtFault, Effect, Order, Report};
use crate::fleet::{Berth, Ended, Suspicion, WorkerEnd, WorkerInfo};
use crate::limits::Limits;
use bytes::Bytes;
use playon_types::attach::{Exported, Fault, FromWorker, Stage, ToWorker, Turn};
use playon_types::ids::{Attempt, DeployId, ReleaseId, Seq, WorkerId};
use playon_types::kind::{OnDeploy, Policies};
use playon_types::ply;
use playon_types::reason::Reason;
use playon_types::time::Span;

use super::bench::{Bench, DEPLOY, NEW, OLD, ONE, ROOM, TWO, answer, kind, prewarmed};
use super::threads::quarantined;
use super::{failed, moved, now};

const THREE: WorkerId = WorkerId(3);
const ALONE: WorkerId = WorkerId(4);
const FOUR: WorkerId = WorkerId(5);

pub(crate) fn up(bench: &mut Bench, id: WorkerId, release: ReleaseId, berth: Berth) {
    let writes = u32::from(release.0[0]);
    let kinds = vec![kind(writes, now())];
    bench.shard.handle_worker_up(bench.now, WorkerInfo { id, berth, release, kinds });
    bench.wait(Span::ZERO);
}

/// The process ends by itself, at that.
pub(crate) fn dies(bench: &mut Bench, id: WorkerId, turns: Vec<Turn>) {
    let how = "killed by SIGABRT".to_owned();
    let end = WorkerEnd { ended: Ended::ByItself, turns: Some(turns), how };
    bench.shard.handle_worker_down(bench.now, id, &end);
    bench.wait(Span::ZERO);
}

/// What a worker was asked for beside forgetting.
pub(crate) fn asked(bench: &mut Bench, id: WorkerId) -> Vec<ToWorker> {
    let mut sent = bench.sent_to(id);
    sent.retain(|message| !matches!(message, ToWorker::Retire { .. }));
    sent
}

pub(crate) fn turn_of(sent: &[ToWorker]) -> Turn {
    let [message] = sent else { panic!("{sent:?}") };
    message.turn()
}

/// The workers beside the common ones that were last asked for, if that was told.
fn berths(reports: &[Report]) -> Option<Vec<(ReleaseId, Berth)>> {
    reports.iter().rev().find_map(|report| match report {
        Report::Berths(berths) => Some(berths.clone()),
        _ => None,
    })
}

/// A room on the old release of which a copy has taken the new release's worker down; another one is there.
fn once(deploy: DeployId) -> Bench {
    let mut bench = Bench::with_player(&now(), false);
    bench.order(Order::Move { deploy, room: ROOM, to: NEW, at_once: true, since: None });
    let turn = turn_of(&asked(&mut bench, TWO));
    dies(&mut bench, TWO, vec![turn]);
    up(&mut bench, THREE, NEW, Berth::Common);
    bench
}

pub(crate) fn lives_on(bench: &mut Bench, seq: u64) {
    bench.input(1, seq);
    let sent = asked(bench, ONE);
    assert!(matches!(sent.as_slice(), [ToWorker::Deliver(_)]), "it plays on: {sent:?}");
    bench.worker(ONE, answer(ONE, &sent[0], false).expect("it is answered"));
}

#[test]
fn a_copy_that_took_a_worker_down_is_tried_where_nobody_else_is() {
    let mut bench = once(DEPLOY);
    let reports = bench.reports();
    assert_eq!((failed(&reports), moved(&reports)), (None, false), "it has not been given up");
    assert_eq!(berths(&reports), Some(vec![(NEW, Berth::Trial(0))]));
    assert_eq!(asked(&mut bench, THREE), [], "not among others");
    lives_on(&mut bench, 1);
    up(&mut bench, ALONE, NEW, Berth::Trial(0));
    let turn = turn_of(&asked(&mut bench, ALONE));
    assert_eq!(asked(&mut bench, THREE), []);
    bench.worker(ALONE, prewarmed(ROOM, turn.attempt, turn.seq.0, 5));
    // It was not the copy: the room moves, and then runs among the others.
    let sent = asked(&mut bench, ALONE);
    assert!(matches!(sent.as_slice(), [ToWorker::Tail { .. }]), "{sent:?}");
    bench.worker(ALONE, answer(ALONE, &sent[0], false).unwrap());
    let reports = bench.reports();
    assert!(moved(&reports));
    assert_eq!(berths(&reports), Some(Vec::new()));
    let sent = asked(&mut bench, THREE);
    assert!(matches!(sent.as_slice(), [ToWorker::Open { .. }]), "{sent:?}");
}

#[test]
fn what_takes_that_worker_down_as_well_is_given_up() {
    let mut bench = once(DEPLOY);
    up(&mut bench, ALONE, NEW, Berth::Trial(0));
    let turn = turn_of(&asked(&mut bench, ALONE));
    dies(&mut bench, ALONE, vec![turn]);
    let reports = bench.reports();
    assert_eq!(failed(&reports), Some(AtFault::Release));
    let why = reports.iter().find_map(|report| match report {
        Report::MoveFailed { reason, .. } => Some(reason),
        _ => None,
    });
    assert_eq!(why.and_then(Reason::code), Some(ply!("PLY-0620")));
    assert!(why.is_some_and(|why| why.words().ends_with(": killed by SIGABRT")), "{why:?}");
    assert_eq!(berths(&reports), Some(Vec::new()), "nobody needs such a worker any more");
    lives_on(&mut bench, 1);
    // Unasked it is not tried again, whoever comes.
    up(&mut bench, WorkerId(5), NEW, Berth::Common);
    up(&mut bench, ALONE, NEW, Berth::Trial(0));
    bench.order(Order::Move {
        deploy: DeployId::NONE,
        room: ROOM,
        to: NEW,
        at_once: true,
        since: None,
    });
    assert_eq!(failed(&bench.reports()), Some(AtFault::Release));
    assert_eq!((asked(&mut bench, THREE), asked(&mut bench, ALONE)), (Vec::new(), Vec::new()));
    // Who asks for it has it tried apart.
    bench.move_to(NEW, true);
    assert_eq!(asked(&mut bench, THREE), []);
    assert!(matches!(asked(&mut bench, ALONE).as_slice(), [ToWorker::Prewarm { .. }]));
}

#[test]
fn a_worker_that_dies_of_something_else_says_nothing_of_the_copy() {
    let other = Turn { room: ROOM, attempt: Attempt(77), seq: Seq(1) };
    for turns in [vec![other], Vec::new()] {
        let mut bench = Bench::with_player(&now(), false);
        bench.move_to(NEW, true);
        asked(&mut bench, TWO);
        dies(&mut bench, TWO, turns);
        assert_eq!(failed(&bench.reports()), Some(AtFault::Circumstance));
        up(&mut bench, THREE, NEW, Berth::Common);
        bench.move_to(NEW, true);
        assert!(matches!(asked(&mut bench, THREE).as_slice(), [ToWorker::Prewarm { .. }]));
    }
}

#[test]
fn a_check_is_made_apart_too_before_it_fails() {
    let mut bench = Bench::with_player(&now(), false);
    bench.order(Order::Check { deploy: DEPLOY, room: ROOM, to: NEW });
    let turn = turn_of(&asked(&mut bench, TWO));
    dies(&mut bench, TWO, vec![turn]);
    up(&mut bench, THREE, NEW, Berth::Common);
    up(&mut bench, ALONE, NEW, Berth::Trial(0));
    let turn = turn_of(&asked(&mut bench, ALONE));
    let checked = |reports: &[Report]| {
        reports.iter().find_map(|report| match report {
            Report::Checked { result, .. } => Some(result.clone()),
            _ => None,
        })
    };
    assert_eq!(checked(&bench.reports()), None);
    dies(&mut bench, ALONE, vec![turn]);
    let why = checked(&bench.reports()).unwrap().unwrap_err();
    assert_eq!(why.code(), Some(ply!("PLY-0620")), "{why}");
}

#[test]
fn a_frozen_room_whose_copy_takes_its_worker_down_goes_on_where_it_was() {
    let mut bench = Bench::with_player(&now(), false);
    bench.move_to(NEW, true);
    let turn = turn_of(&asked(&mut bench, TWO));
    bench.worker(TWO, prewarmed(ROOM, turn.attempt, turn.seq.0, 5));
    let turn = turn_of(&asked(&mut bench, TWO));
    dies(&mut bench, TWO, vec![turn]);
    assert_eq!(failed(&bench.reports()), None);
    lives_on(&mut bench, 1);
    up(&mut bench, THREE, NEW, Berth::Common);
    up(&mut bench, ALONE, NEW, Berth::Trial(0));
    assert_eq!(asked(&mut bench, THREE), []);
    let turn = turn_of(&asked(&mut bench, ALONE));
    dies(&mut bench, ALONE, vec![turn]);
    assert_eq!(failed(&bench.reports()), Some(AtFault::Release));
}

#[test]
fn a_copy_that_hangs_is_given_up_and_the_next_try_is_apart() {
    let mut bench = Bench::with_player(&now(), false);
    bench.move_to(NEW, true);
    let turn = turn_of(&asked(&mut bench, TWO));
    bench.shard.handle_turn(bench.now, TWO, turn);
    bench.wait(Span::secs(4));
    let suspect = |effect: &Effect| matches!(effect, Effect::Suspect { worker: TWO, .. });
    assert!(bench.effects.iter().any(suspect), "a room does not stand still for longer");
    assert_eq!(failed(&bench.reports()), Some(AtFault::Release));
    let end = WorkerEnd { ended: Ended::Suspect, turns: Some(vec![turn]), how: String::new() };
    bench.shard.handle_worker_down(bench.now, TWO, &end);
    up(&mut bench, THREE, NEW, Berth::Common);
    bench.move_to(NEW, true);
    assert_eq!(asked(&mut bench, THREE), []);
    up(&mut bench, ALONE, NEW, Berth::Trial(0));
    assert!(matches!(asked(&mut bench, ALONE).as_slice(), [ToWorker::Prewarm { .. }]));
}

/// The opening of a room that nobody runs, on another release, is called off: whoever is at it has to come back from it.
#[test]
fn a_copy_that_hangs_is_noticed_although_nobody_waits_for_it_any_more() {
    let mut bench = Bench::with_player(&now(), false);
    bench.worker_down(ONE);
    bench.move_to(NEW, true);
    let turn = turn_of(&asked(&mut bench, TWO));
    bench.shard.handle_turn(bench.now, TWO, turn);
    bench.order(Order::CancelMoves { deploy: DEPLOY });
    assert!(failed(&bench.reports()).is_some());
    bench.wait(Limits::default().turn_timeout);
    let suspect = |effect: &Effect| matches!(effect, Effect::Suspect { worker: TWO, .. });
    assert!(bench.effects.iter().any(suspect), "it holds up others");
    let end = WorkerEnd { ended: Ended::Dismissed, turns: None, how: String::new() };
    bench.shard.handle_worker_down(bench.now, TWO, &end);
    up(&mut bench, THREE, NEW, Berth::Common);
    up(&mut bench, ONE, OLD, Berth::Common);
    bench.obey(ONE, false);
    bench.move_to(NEW, true);
    assert_eq!(asked(&mut bench, THREE), [], "not among others again");
}

#[test]
fn without_such_a_worker_the_room_stays_after_a_while() {
    let mut bench = once(DEPLOY);
    assert_eq!(failed(&bench.reports()), None);
    bench.wait(Span::secs(4));
    assert_eq!(failed(&bench.reports()), None);
    bench.wait(Span::secs(1));
    let reports = bench.reports();
    assert_eq!(failed(&reports), Some(AtFault::Release));
    assert_eq!(berths(&reports), Some(Vec::new()), "nobody waits for that worker any more");
    assert_eq!(asked(&mut bench, THREE), []);
    lives_on(&mut bench, 1);
}

#[test]
fn a_room_that_nobody_runs_is_opened_where_it_was_and_goes_from_there() {
    let mut bench = Bench::with_player(&now(), false);
    bench.worker_down(ONE);
    bench.order(Order::Move {
        deploy: DeployId::NONE,
        room: ROOM,
        to: NEW,
        at_once: true,
        since: None,
    });
    let sent = asked(&mut bench, TWO);
    let turn = turn_of(&sent);
    assert!(matches!(sent.as_slice(), [ToWorker::Open { .. }]));
    up(&mut bench, ONE, OLD, Berth::Common);
    dies(&mut bench, TWO, vec![turn]);
    up(&mut bench, THREE, NEW, Berth::Common);
    bench.obey(ONE, false);
    assert_eq!(failed(&bench.reports()), None);
    assert_eq!(asked(&mut bench, THREE), []);
    up(&mut bench, ALONE, NEW, Berth::Trial(0));
    let turn = turn_of(&asked(&mut bench, ALONE));
    dies(&mut bench, ALONE, vec![turn]);
    assert_eq!(failed(&bench.reports()), Some(AtFault::Release));
    lives_on(&mut bench, 1);
}

/// A room on the new release that is to go back: it has to be written in an older version there.
pub(crate) fn leaves_new() -> (Bench, Turn) {
    let mut bench = Bench::with_player(&now(), false);
    bench.move_to(NEW, true);
    bench.obey(TWO, false);
    bench.obey(ONE, false);
    bench.obey(TWO, false);
    bench.effects.clear();
    bench.order(Order::Move {
        deploy: DeployId(8),
        room: ROOM,
        to: OLD,
        at_once: true,
        since: None,
    });
    let sent = asked(&mut bench, TWO);
    assert!(matches!(sent.as_slice(), [ToWorker::Export { .. }]), "{sent:?}");
    (bench, turn_of(&sent))
}

#[test]
fn a_version_whose_writing_took_a_worker_down_is_written_where_nobody_else_is() {
    let (mut bench, turn) = leaves_new();
    dies(&mut bench, TWO, vec![turn]);
    up(&mut bench, THREE, NEW, Berth::Common);
    let sent = asked(&mut bench, THREE);
    assert!(matches!(sent.as_slice(), [ToWorker::Open { .. }]), "where it was: {sent:?}");
    bench.worker(THREE, answer(THREE, &sent[0], false).unwrap());
    let reports = bench.reports();
    assert_eq!(failed(&reports), None);
    assert_eq!(berths(&reports), Some(vec![(NEW, Berth::Trial(0))]));
    assert_eq!(asked(&mut bench, THREE), []);
    up(&mut bench, ALONE, NEW, Berth::Trial(0));
    let sent = asked(&mut bench, ALONE);
    assert!(matches!(sent.as_slice(), [ToWorker::Export { .. }]), "{sent:?}");
    dies(&mut bench, ALONE, vec![turn_of(&sent)]);
    assert_eq!(failed(&bench.reports()), Some(AtFault::Release));
    // Nothing else is asked of the worker that has the room.
    assert_eq!(asked(&mut bench, THREE), []);
}

/// Nobody runs the room, and where an older version of it is written that hangs. It is opened where it was, and that is not tried among
/// the others again.
#[test]
fn a_version_at_whose_writing_a_worker_hangs_is_written_nowhere_while_nobody_runs_the_room() {
    let mut bench = Bench::with_player(&now(), false);
    bench.move_to(NEW, true);
    bench.obey(TWO, false);
    bench.obey(ONE, false);
    bench.obey(TWO, false);
    bench.worker_down(TWO);
    let back = |deploy| Order::Move {
        deploy: DeployId(deploy),
        room: ROOM,
        to: OLD,
        at_once: true,
        since: None,
    };
    bench.order(back(8));
    up(&mut bench, THREE, NEW, Berth::Common);
    let sent = asked(&mut bench, THREE);
    assert!(matches!(sent.as_slice(), [ToWorker::Export { .. }]), "{sent:?}");
    let turn = turn_of(&sent);
    bench.shard.handle_turn(bench.now, THREE, turn);
    bench.effects.clear();
    bench.wait(Limits::default().open_timeout);
    let hangs = |effect: &Effect| {
        matches!(effect, Effect::Suspect { worker: THREE, of: Suspicion::Hangs, .. })
    };
    assert!(bench.effects.iter().any(hangs));
    up(&mut bench, FOUR, NEW, Berth::Common);
    let end = WorkerEnd { ended: Ended::Suspect, turns: Some(vec![turn]), how: String::new() };
    bench.worker_ends(THREE, &end);
    bench.order(back(8));
    for _ in 0..10 {
        for message in asked(&mut bench, FOUR) {
            assert!(!matches!(message, ToWorker::Export { .. }), "among the others");
            answer(FOUR, &message, false).into_iter().for_each(|reply| bench.worker(FOUR, reply));
        }
        bench.wait(Span::secs(1));
    }
    bench.input(1, 1);
    let sent = asked(&mut bench, FOUR);
    assert!(matches!(sent.as_slice(), [ToWorker::Deliver(_)]), "it plays on: {sent:?}");
}

#[test]
fn a_version_that_is_written_apart_takes_the_room_along() {
    let (mut bench, turn) = leaves_new();
    dies(&mut bench, TWO, vec![turn]);
    up(&mut bench, THREE, NEW, Berth::Common);
    let sent = asked(&mut bench, THREE);
    bench.worker(THREE, answer(THREE, &sent[0], false).unwrap());
    up(&mut bench, ALONE, NEW, Berth::Trial(0));
    let is = |message: &FromWorker| matches!(message, FromWorker::Exported(_));
    for _ in 0..2 {
        let sent = asked(&mut bench, ALONE);
        let [ToWorker::Export { seq, .. }] = sent.as_slice() else { panic!("{sent:?}") };
        let mut exported = answer(ALONE, &sent[0], false).unwrap();
        assert!(is(&exported));
        if let FromWorker::Exported(exported) = &mut exported {
            exported.seq = *seq;
        }
        bench.worker(ALONE, exported);
        bench.obey(ONE, false);
    }
    assert!(bench.reports().iter().any(|report| matches!(report, Report::Moved { .. })));
}

#[test]
fn a_frozen_room_is_thawed_by_no_fault_of_anything_else() {
    let (mut bench, turn) = leaves_new();
    let exported = |attempt, seq| {
        let (room, state) = (ROOM, Bytes::from_static(&[1, 0]));
        FromWorker::Exported(Exported { room, attempt, seq, version: 1, state, cost_us: 5 })
    };
    bench.worker(TWO, exported(turn.attempt, turn.seq));
    bench.obey(ONE, false);
    let sent = asked(&mut bench, TWO);
    let [ToWorker::Export { attempt, seq, .. }] = sent[..] else { panic!("frozen: {sent:?}") };
    let (other, message) = (Attempt(attempt.0 + 1_000), "of long ago".to_owned());
    let stage = Stage::Export;
    let fault = Fault { room: ROOM, attempt: other, stage, message, refusal: false };
    bench.worker(TWO, FromWorker::Fault(fault));
    assert_eq!(failed(&bench.reports()), None);
    bench.worker(TWO, exported(attempt, seq));
    bench.obey(ONE, false);
    assert!(bench.reports().iter().any(|report| matches!(report, Report::Moved { .. })));
}

#[test]
fn a_room_whose_worker_goes_for_a_reason_of_its_own_is_opened_elsewhere_in_the_same_step() {
    let mut bench = Bench::with_player(&now(), false);
    up(&mut bench, THREE, OLD, Berth::Common);
    bench.worker_down(ONE);
    let sent = asked(&mut bench, THREE);
    assert!(matches!(sent.as_slice(), [ToWorker::Open { .. }]), "{sent:?}");
}

#[test]
fn a_room_that_cannot_run_where_it_was_has_its_copy_tried_apart_at_once() {
    let mut bench = once(DEPLOY);
    bench.worker_down(ONE);
    assert_eq!(asked(&mut bench, THREE), []);
    up(&mut bench, ALONE, NEW, Berth::Trial(0));
    let sent = asked(&mut bench, ALONE);
    assert!(matches!(sent.as_slice(), [ToWorker::Open { .. }]), "{sent:?}");
    bench.worker(ALONE, answer(ALONE, &sent[0], false).unwrap());
    assert!(moved(&bench.reports()));
}

#[test]
fn a_worker_that_is_at_a_copy_is_needed_until_it_is_done() {
    let mut bench = once(DEPLOY);
    up(&mut bench, ALONE, NEW, Berth::Trial(0));
    assert!(matches!(asked(&mut bench, ALONE).as_slice(), [ToWorker::Prewarm { .. }]));
    lives_on(&mut bench, 1);
    bench.wait(Span::millis(100));
    assert_eq!(berths(&bench.reports()), Some(vec![(NEW, Berth::Trial(0))]));
}

/// A room whose copy has taken a worker down and which waits for one of its own, in the middle of a round.
fn waits_in_a_round() -> Bench {
    let on_deploy = OnDeploy::BetweenRounds { deadline: Span::secs(60) };
    let mut bench = Bench::with_player(&Policies { on_deploy, ..now() }, true);
    bench.move_to(NEW, false);
    let turn = turn_of(&asked(&mut bench, TWO));
    dies(&mut bench, TWO, vec![turn]);
    assert_eq!(failed(&bench.reports()), None);
    up(&mut bench, THREE, NEW, Berth::Common);
    bench.input(1, 1);
    bench.obey(ONE, false);
    bench
}

#[test]
fn a_worker_of_its_own_is_waited_for_in_the_middle_of_a_round_no_longer_than_at_its_end() {
    let mut bench = waits_in_a_round();
    bench.wait(Span::millis(4_800));
    bench.obey(ONE, false);
    assert_eq!(failed(&bench.reports()), None);
    bench.wait(Span::millis(200));
    assert_eq!(failed(&bench.reports()), Some(AtFault::Release));
    lives_on(&mut bench, 2);
}

#[test]
fn a_worker_of_its_own_that_is_there_waits_for_the_end_of_the_round() {
    let mut bench = waits_in_a_round();
    up(&mut bench, ALONE, NEW, Berth::Trial(0));
    for _ in 0..10 {
        bench.wait(Span::secs(1));
        bench.obey(ONE, false);
    }
    assert_eq!((failed(&bench.reports()), asked(&mut bench, ALONE)), (None, Vec::new()));
    bench.input(1, 2);
    bench.obey(ONE, true);
    assert!(matches!(asked(&mut bench, ALONE).as_slice(), [ToWorker::Prewarm { .. }]));
}

#[test]
fn a_room_that_takes_its_worker_down_where_it_belongs_is_at_fault_itself() {
    let mut bench = Bench::with_player(&now(), false);
    bench.worker_down(ONE);
    up(&mut bench, THREE, OLD, Berth::Common);
    let turn = turn_of(&asked(&mut bench, THREE));
    bench.reports();
    dies(&mut bench, THREE, vec![turn]);
    let reports = bench.reports();
    let told = reports.iter().find_map(|report| match report {
        Report::Fault { count, reason, .. } => Some((*count, reason.to_string())),
        _ => None,
    });
    let why = "PLY-0402 the worker died while it opened the room: killed by SIGABRT";
    assert_eq!(told, Some((1, why.to_owned())));
    assert_eq!(berths(&reports), Some(vec![(OLD, Berth::Trial(0))]));
}

#[test]
fn a_detained_room_whose_copy_is_tried_apart_still_needs_the_worker_that_it_lives_in() {
    let (mut bench, apart) = quarantined();
    [apart, WorkerId(32)].into_iter().for_each(|worker| bench.worker_down(worker));
    bench.move_to(NEW, true);
    let turn = turn_of(&asked(&mut bench, TWO));
    dies(&mut bench, TWO, vec![turn]);
    up(&mut bench, THREE, NEW, Berth::Common);
    bench.order(Order::Prefer(NEW));
    bench.move_to(NEW, true);
    let reports = bench.reports();
    let needed = vec![(OLD, Berth::Quarantine), (NEW, Berth::Trial(0))];
    assert_eq!(berths(&reports), Some(needed), "{reports:?}");
    assert_eq!(asked(&mut bench, THREE), []);
}
