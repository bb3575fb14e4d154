//! Whose turn it is to be handed over, and what a room costs its players that is frozen for too long.

use crate::effect::{AtFault, Order, Report};
use crate::limits::Limits;
use bytes::Bytes;
use playon_types::attach::ToWorker;
use playon_types::ids::RoomId;
use playon_types::image::Image;
use playon_types::kind::{OnDeploy, Policies, Survives};
use playon_types::time::Span;

use super::bench::{Bench, DEPLOY, NEW, ONE, ROOM, TWO, answer, committed, prewarmed};
use super::{failed, moved, now};

/// Until the room is frozen, and waits for the new worker.
fn freezes(bench: &mut Bench) {
    let sent = bench.sent_to(TWO);
    let copy = sent.iter().find(|message| matches!(message, ToWorker::Prewarm { .. }));
    let turn = copy.expect("a copy is asked for").turn();
    bench.worker(TWO, prewarmed(ROOM, turn.attempt, turn.seq.0, 5));
    let sent = bench.sent_to(TWO);
    let asked = matches!(sent.as_slice(), [ToWorker::Tail { .. } | ToWorker::Open { .. }]);
    assert!(asked, "it is brought up to the last commit: {sent:?}");
}

/// The pauses of stops that came to nothing.
fn thawed(reports: &[Report]) -> Vec<(Span, bool)> {
    let pauses = reports.iter().filter_map(|report| match report {
        Report::Thawed { pause, late, .. } => Some((*pause, *late)),
        _ => None,
    });
    pauses.collect()
}

#[test]
fn a_room_that_is_frozen_for_too_long_is_tried_once_more_and_then_stays() {
    let mut bench = Bench::with_player(&now(), false);
    bench.move_to(NEW, true);
    freezes(&mut bench);
    bench.wait(Span::millis(500));
    let reports = bench.reports();
    assert_eq!(thawed(&reports), [(Span::millis(500), true)]);
    assert_eq!((failed(&reports), moved(&reports)), (None, false), "it has not been given up");
    bench.input(1, 1);
    let sent = bench.sent_to(ONE);
    assert!(matches!(sent.as_slice(), [ToWorker::Deliver(_)]), "it plays on: {sent:?}");
    bench.worker(ONE, answer(ONE, &sent[0], false).unwrap());
    freezes(&mut bench);
    bench.wait(Span::millis(500));
    let reports = bench.reports();
    assert_eq!(thawed(&reports), [(Span::millis(500), true)]);
    assert_eq!((failed(&reports), moved(&reports)), (Some(AtFault::Release), false));
}

/// What has come in meanwhile is not forgotten with the handoff.
#[test]
fn a_room_whose_next_round_begins_before_it_is_frozen_plays_on_at_once() {
    let on_deploy = OnDeploy::BetweenRounds { deadline: Span::secs(60) };
    // Nothing else wakes it: its commits are not stored one by one.
    let survives = Survives::WorkerCrash { checkpoint: Span::secs(60) };
    let policies = Policies { on_deploy, survives, tick: None, ..now() };
    let mut bench = Bench::with_player(&policies, true);
    bench.move_to(NEW, false);
    let sent = bench.sent_to(TWO);
    let copy = sent.iter().find(|message| matches!(message, ToWorker::Prewarm { .. }));
    let turn = copy.expect("a copy is asked for").turn();
    bench.input(1, 1);
    bench.input(1, 2);
    let sent = bench.sent_to(ONE);
    bench.worker(TWO, prewarmed(ROOM, turn.attempt, turn.seq.0, 5));
    // The first input begins the next round.
    bench.worker(ONE, answer(ONE, &sent[0], false).unwrap());
    let sent = bench.sent_to(ONE);
    assert!(matches!(sent.as_slice(), [ToWorker::Deliver(_)]), "the second one: {sent:?}");
    assert!(matches!(bench.sent_to(TWO).as_slice(), [ToWorker::Retire { .. }]));
}

#[test]
fn a_room_that_was_late_once_moves_when_the_worker_has_time_for_it() {
    let mut bench = Bench::with_player(&now(), true);
    bench.move_to(NEW, true);
    freezes(&mut bench);
    bench.wait(Span::millis(500));
    assert_eq!(thawed(&bench.reports()), [(Span::millis(500), false)], "between two rounds");
    let sent = bench.sent_to(TWO);
    let copy = sent.iter().find(|message| matches!(message, ToWorker::Prewarm { .. }));
    let turn = copy.expect("another copy").turn();
    bench.worker(TWO, prewarmed(ROOM, turn.attempt, turn.seq.0, 5));
    let tail = bench.sent_to(TWO).remove(0);
    bench.worker(TWO, answer(TWO, &tail, true).unwrap());
    assert!(moved(&bench.reports()));
}

/// Whether the new worker was asked for a copy of the room, and of which.
fn copied(bench: &mut Bench) -> Vec<RoomId> {
    let sent = bench.sent_to(TWO);
    let copies = sent.iter().filter(|message| matches!(message, ToWorker::Prewarm { .. }));
    copies.map(|message| message.turn().room).collect()
}

#[test]
fn a_room_whose_next_round_begins_before_its_turn_waits_for_the_end_of_that() {
    const BEFORE: RoomId = RoomId([8; 16]);
    let on_deploy = OnDeploy::BetweenRounds { deadline: Span::secs(60) };
    let policies = Policies { on_deploy, tick: None, ..now() };
    let limits = Limits { handoffs_max: 1, ..Limits::default() };
    let mut bench = Bench::limited(&policies, limits);
    let stored = committed(BEFORE, "duel", Bytes::from_static(&[1, 5]));
    bench.recovered(Image { between_rounds: true, ..stored });
    bench.hello(1);
    bench.obey(ONE, true);
    for room in [BEFORE, ROOM] {
        bench.order(Order::Move { deploy: DEPLOY, room, to: NEW, at_once: false, since: None });
    }
    assert_eq!(copied(&mut bench), [BEFORE]);
    bench.input(1, 1);
    bench.obey(ONE, false);
    // The worker goes, and the other room with it.
    bench.worker_down(TWO);
    bench.worker_up(TWO);
    assert!(!copied(&mut bench).contains(&ROOM), "its round has begun");
    bench.order(Order::Close { room: BEFORE });
    bench.input(1, 2);
    bench.obey(ONE, true);
    bench.wait(Span::ZERO);
    assert_eq!(copied(&mut bench), [ROOM]);
}

#[test]
fn a_room_whose_turn_comes_when_the_new_worker_has_gone_waits_for_another_one() {
    const BEFORE: RoomId = RoomId([8; 16]);
    let limits = Limits { handoffs_max: 1, ..Limits::default() };
    let mut bench = Bench::limited(&Policies { tick: None, ..now() }, limits);
    bench.recovered(committed(BEFORE, "duel", Bytes::from_static(&[1, 5])));
    bench.hello(1);
    bench.obey(ONE, true);
    for room in [BEFORE, ROOM] {
        bench.order(Order::Move { deploy: DEPLOY, room, to: NEW, at_once: true, since: None });
    }
    assert_eq!(copied(&mut bench), [BEFORE]);
    bench.reports();
    bench.worker_down(TWO);
    let of_room = |report: &Report| matches!(report, Report::MoveFailed { room: ROOM, .. });
    assert!(!bench.reports().iter().any(of_room), "it has not begun");
    bench.worker_up(TWO);
    assert_eq!(copied(&mut bench), [ROOM]);
}
