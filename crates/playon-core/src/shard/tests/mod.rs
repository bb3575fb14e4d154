//! A shard driven message by message: the rules of handoff, policies and seats, one scenario each.

mod ailing;
mod appeals;
mod beats;
mod bench;
mod beside;
mod births;
mod catching_up;
mod checks;
mod commits;
mod copies;
mod crowd;
mod doors;
mod faults;
mod halts;
mod handoffs;
mod holds;
mod joins;
mod moves;
mod probation;
mod probes;
mod recovery;
mod rest;
mod rounds;
mod seats;
mod spoiled;
mod stop;
mod threads;
mod turns;
mod unsound;
mod views;
mod wakes;

use self::bench::{Bench, DEPLOY, NEW, ONE, ROOM, TWO, answer, prewarmed};
use crate::effect::{AtFault, Effect, Loaded, Order, Report};
use crate::fleet::{Ended, Suspicion, WorkerEnd};
use crate::limits::Limits;
use bytes::Bytes;
use playon_types::attach::{Fault, FromWorker, Stage, ToWorker, Turn};
use playon_types::gate::{Close, Create, ToOwner};
use playon_types::ids::{Attempt, ConnId, Seq, SessionId};
use playon_types::kind::{OnDeploy, Policies};
use playon_types::ply;
use playon_types::time::Span;

fn now() -> Policies {
    Policies { on_deploy: OnDeploy::Now, ..Policies::default() }
}

fn moved(reports: &[Report]) -> bool {
    reports.iter().any(|report| matches!(report, Report::Moved { deploy: DEPLOY, .. }))
}

fn failed(reports: &[Report]) -> Option<AtFault> {
    reports.iter().find_map(|report| match report {
        Report::MoveFailed { blame, .. } => Some(*blame),
        _ => None,
    })
}

/// The seats taken that the room has last told the lobby of, if it has.
fn listed(bench: &mut Bench) -> Option<u32> {
    bench.reports().iter().rev().find_map(|report| match report {
        Report::Listing(listing) => Some(listing.players),
        _ => None,
    })
}

/// The prewarm order that the new worker got.
fn prewarm(bench: &mut Bench) -> (Attempt, u64) {
    let sent = bench.sent_to(TWO);
    let [ToWorker::Prewarm { attempt, seq, .. }] = sent.as_slice() else { panic!("{sent:?}") };
    (*attempt, seq.0)
}

#[test]
fn a_room_moves_and_the_queue_flows_to_the_new_release() {
    let mut bench = Bench::with_player(&now(), false);
    bench.move_to(NEW, false);
    let (attempt, seq) = prewarm(&mut bench);
    bench.worker(TWO, prewarmed(ROOM, attempt, seq, 5));
    let tail = bench.sent_to(TWO);
    assert!(matches!(tail.as_slice(), [ToWorker::Tail { .. }]), "{tail:?}");
    bench.input(1, 1);
    assert!(bench.sent_to(ONE).is_empty(), "a frozen room is not delivered to");
    bench.worker(TWO, answer(TWO, &tail[0], false).unwrap());
    assert!(moved(&bench.reports()));
    assert!(matches!(bench.sent_to(ONE).as_slice(), [ToWorker::Retire { .. }]));
    let sent = bench.sent_to(TWO);
    assert!(matches!(sent.as_slice(), [ToWorker::Deliver(d)] if d.items.len() == 1), "{sent:?}");
}

#[test]
fn the_switch_waits_until_its_record_is_safe() {
    let mut bench = Bench::with_player(&now(), false);
    bench.move_to(NEW, false);
    let (attempt, seq) = prewarm(&mut bench);
    bench.worker(TWO, prewarmed(ROOM, attempt, seq, 5));
    bench.store_works = false;
    bench.obey(TWO, false);
    assert!(!moved(&bench.reports()));
    bench.input(1, 1);
    assert!(bench.sent_to(ONE).is_empty() && bench.sent_to(TWO).is_empty());
    // Neither death changes anything while the outcome is unknown.
    bench.worker_down(ONE);
    assert!(failed(&bench.reports()).is_none());
    let seq = Seq(seq + 1);
    bench.shard.handle_stored(bench.now, ROOM, crate::effect::Stored::Record(seq));
    bench.wait(Span::ZERO);
    assert!(moved(&bench.reports()));
}

#[test]
fn a_new_release_that_dies_in_the_cutover_leaves_the_room_where_it_was() {
    let mut bench = Bench::with_player(&now(), false);
    bench.move_to(NEW, false);
    let (attempt, seq) = prewarm(&mut bench);
    bench.worker(TWO, prewarmed(ROOM, attempt, seq, 5));
    bench.sent_to(TWO);
    bench.input(1, 1);
    bench.worker_down(TWO);
    assert_eq!(failed(&bench.reports()), Some(AtFault::Circumstance));
    let sent = bench.sent_to(ONE);
    assert!(matches!(sent.as_slice(), [ToWorker::Deliver(_)]), "thawed, it plays on: {sent:?}");
}

/// What the check says, if it has said anything.
fn checked(reports: &[Report]) -> Option<bool> {
    reports.iter().find_map(|report| match report {
        Report::Checked { deploy: DEPLOY, result, .. } => Some(result.is_ok()),
        _ => None,
    })
}

#[test]
fn a_check_whose_worker_goes_away_for_another_reason_is_tried_once_more() {
    for (at_it, ended) in [(false, Ended::ByItself), (true, Ended::Suspect)] {
        let mut bench = Bench::with_player(&now(), false);
        bench.order(Order::Check { deploy: DEPLOY, room: ROOM, to: NEW });
        let (attempt, seq) = prewarm(&mut bench);
        let turn = Turn { room: ROOM, attempt, seq: Seq(seq) };
        let turns = Some(at_it.then_some(turn).into_iter().collect());
        let end = WorkerEnd { ended, turns, how: String::new() };
        bench.worker_ends(TWO, &end);
        assert_eq!(checked(&bench.reports()), None);
        bench.worker_up(TWO);
        let (attempt, seq) = prewarm(&mut bench);
        if ended == Ended::ByItself {
            bench.worker(TWO, prewarmed(ROOM, attempt, seq, 5));
            assert_eq!(checked(&bench.reports()), Some(true));
        } else {
            bench.worker_ends(TWO, &end);
            assert_eq!(checked(&bench.reports()), Some(false), "the second time counts");
        }
    }
}

#[test]
fn a_new_release_that_cannot_open_the_copy_is_to_blame() {
    let mut bench = Bench::with_player(&now(), false);
    bench.move_to(NEW, false);
    let (attempt, _) = prewarm(&mut bench);
    let message = "state of another game".to_owned();
    let fault = Fault { room: ROOM, attempt, stage: Stage::Prewarm, message, refusal: false };
    bench.worker(TWO, FromWorker::Fault(fault));
    assert_eq!(failed(&bench.reports()), Some(AtFault::Release));
    bench.input(1, 1);
    assert!(matches!(bench.sent_to(ONE).as_slice(), [ToWorker::Deliver(_)]));
}

#[test]
fn a_frozen_room_whose_old_worker_dies_goes_on_to_the_new_one() {
    let mut bench = Bench::with_player(&now(), false);
    bench.move_to(NEW, false);
    let (attempt, seq) = prewarm(&mut bench);
    bench.worker(TWO, prewarmed(ROOM, attempt, seq, 5));
    bench.worker_down(ONE);
    bench.obey(TWO, false);
    assert!(moved(&bench.reports()));
}

#[test]
fn a_room_waits_for_the_end_of_its_round() {
    let patient = OnDeploy::BetweenRounds { deadline: Span::secs(60) };
    let policies = Policies { on_deploy: patient, ..Policies::default() };
    let mut bench = Bench::with_player(&policies, false);
    bench.move_to(NEW, false);
    assert!(bench.sent_to(TWO).is_empty(), "the round is on");
    bench.input(1, 1);
    bench.obey(ONE, true);
    bench.obey(TWO, true);
    assert!(moved(&bench.reports()));
}

#[test]
fn a_round_that_never_ends_is_moved_at_the_deadline() {
    let patient = OnDeploy::BetweenRounds { deadline: Span::secs(60) };
    let policies = Policies { on_deploy: patient, ..Policies::default() };
    let mut bench = Bench::with_player(&policies, false);
    bench.move_to(NEW, false);
    bench.wait(Span::secs(59));
    assert!(bench.sent_to(TWO).is_empty());
    bench.wait(Span::secs(2));
    bench.obey(TWO, false);
    assert!(moved(&bench.reports()));
}

#[test]
fn a_kind_that_finishes_stays_on_the_release_it_has() {
    let policies = Policies { on_deploy: OnDeploy::Finish, ..Policies::default() };
    let mut bench = Bench::with_player(&policies, true);
    bench.move_to(NEW, false);
    assert!(bench.reports().iter().any(|r| matches!(r, Report::Staying { deploy: DEPLOY, .. })));
    assert!(bench.sent_to(TWO).is_empty());
}

#[test]
fn a_pause_over_budget_is_put_off_to_a_safe_point() {
    let policies = Policies { pause_budget: Span::millis(10), ..now() };
    let mut bench = Bench::with_player(&policies, false);
    bench.move_to(NEW, false);
    let (attempt, seq) = prewarm(&mut bench);
    bench.worker(TWO, prewarmed(ROOM, attempt, seq, 80_000));
    assert!(
        matches!(bench.sent_to(TWO).as_slice(), [ToWorker::Retire { .. }]),
        "the copy is dropped"
    );
    bench.input(1, 1);
    bench.obey(ONE, true);
    bench.obey(TWO, true);
    assert!(moved(&bench.reports()), "at the safe point it moves");
}

#[test]
fn a_pause_over_budget_is_put_off_only_once_and_for_so_long() {
    let policies = Policies { pause_budget: Span::millis(10), tick: None, ..now() };
    let mut bench = Bench::with_player(&policies, false);
    bench.move_to(NEW, false);
    let (attempt, seq) = prewarm(&mut bench);
    bench.worker(TWO, prewarmed(ROOM, attempt, seq, 80_000));
    bench.sent_to(TWO);
    let wait = Limits::default().over_budget_wait;
    bench.wait(Span(wait.0 - 1));
    assert!(bench.sent_to(TWO).is_empty());
    bench.wait(Span(1));
    let (attempt, seq) = prewarm(&mut bench);
    bench.worker(TWO, prewarmed(ROOM, attempt, seq, 80_000));
    let sent = bench.sent_to(TWO);
    assert!(matches!(sent.as_slice(), [ToWorker::Tail { .. }]), "{sent:?}");
}

#[test]
fn a_release_that_is_asked_for_at_once_does_not_wait() {
    let policies = Policies { pause_budget: Span::millis(10), ..now() };
    let mut bench = Bench::with_player(&policies, false);
    bench.move_to(NEW, true);
    let (attempt, seq) = prewarm(&mut bench);
    bench.worker(TWO, prewarmed(ROOM, attempt, seq, 80_000));
    assert!(matches!(bench.sent_to(TWO).as_slice(), [ToWorker::Tail { .. }]));
}

#[test]
fn an_empty_seat_is_kept_and_then_given_up() {
    let mut bench = Bench::with_player(&now(), false);
    bench.gate(ToOwner::Gone { conn: ConnId(1) });
    bench.obey(ONE, false);
    bench.wait(Span::secs(119));
    assert!(bench.sent_to(ONE).is_empty());
    bench.wait(Span::secs(2));
    let sent = bench.sent_to(ONE);
    assert!(
        matches!(sent.as_slice(), [ToWorker::Deliver(d)] if matches!(d.items[0], playon_types::attach::Item::Leave(_))),
        "{sent:?}"
    );
}

#[test]
fn a_seat_that_nobody_can_know_of_goes_to_whoever_asks() {
    let policies = Policies { players_max: 1, ..now() };
    let mut bench = Bench::with_player(&policies, false);
    // Its welcome may never have arrived.
    bench.gate(ToOwner::Gone { conn: ConnId(1) });
    assert_eq!(listed(&mut bench), Some(0), "who asks by kind is sent here, too");
    bench.obey(ONE, false);
    bench.hello(2);
    assert_eq!(bench.closed(2), None);
    bench.obey(ONE, false);
    assert!(bench.welcomed(2));
    assert_eq!(listed(&mut bench), Some(1));
    // Who has spoken has a seat that is kept.
    bench.gate(ToOwner::Ack { conn: ConnId(2), recv: 0 });
    bench.gate(ToOwner::Gone { conn: ConnId(2) });
    assert!(listed(&mut bench).is_none_or(|players| players == 1));
    bench.obey(ONE, false);
    bench.hello(3);
    assert_eq!(bench.closed(3), Some(Close::RoomFull));
}

/// Its welcome may have been lost with the network, and whoever asks may be the same player, whose page was loaded again.
#[test]
fn a_seat_whose_player_is_never_heard_of_goes_to_who_finds_the_room_full() {
    let policies = Policies { players_max: 1, ..now() };
    let mut bench = Bench::with_player(&policies, false);
    bench.wait(Span::millis(1_900));
    bench.hello(2);
    assert_eq!(bench.closed(2), Some(Close::Busy), "it may answer yet");
    assert_eq!(bench.closed(1), None);
    bench.wait(Span::millis(200));
    bench.hello(3);
    assert_eq!(bench.closed(1), Some(Close::RoomFull), "it is told, and asks for another seat");
    // What it says now is for nobody.
    bench.input(1, 1);
    bench.obey(ONE, false);
    assert!(bench.welcomed(3) && bench.closed(3).is_none());
    assert!(listed(&mut bench).is_none_or(|players| players == 1));
}

#[test]
fn a_seat_whose_player_was_heard_is_nobody_elses() {
    let policies = Policies { players_max: 1, ..now() };
    let mut bench = Bench::with_player(&policies, false);
    bench.gate(ToOwner::Ack { conn: ConnId(1), recv: 0 });
    bench.wait(Span::secs(60));
    bench.hello(2);
    assert_eq!((bench.closed(1), bench.closed(2)), (None, Some(Close::RoomFull)));
}

#[test]
fn a_join_whose_socket_goes_leaves_no_seat() {
    let policies = Policies { players_max: 2, ..now() };
    let mut bench = Bench::with_player(&policies, false);
    bench.hello(2);
    bench.gate(ToOwner::Gone { conn: ConnId(2) });
    bench.hello(3);
    assert_eq!(bench.closed(3), None);
    bench.obey(ONE, false);
    bench.obey(ONE, false);
    assert!(bench.welcomed(3) && !bench.welcomed(2));
}

#[test]
fn a_full_room_takes_nobody_and_a_gap_of_inputs_starts_afresh() {
    let policies = Policies { players_max: 1, ..now() };
    let mut bench = Bench::with_player(&policies, false);
    bench.gate(ToOwner::Ack { conn: ConnId(1), recv: 0 });
    bench.hello(2);
    assert_eq!(bench.closed(2), Some(Close::RoomFull));
    bench.input(1, 2);
    assert_eq!(bench.closed(1), Some(Close::InputGap));
}

/// That a room is not in memory does not say that it is not there.
#[test]
fn an_order_to_create_a_sleeping_room_wakes_it() {
    let create =
        || Create { kind: "duel".into(), name: String::new(), params: Bytes::new(), seed: 0 };
    let mut bench = Bench::with_player(&now(), false);
    bench.gate(ToOwner::Gone { conn: ConnId(1) });
    bench.obey(ONE, false);
    // First the seat is given up, then nobody is there for long enough.
    for _ in 0..3 {
        bench.wait(Span::secs(601));
        bench.obey(ONE, false);
    }
    let asleep = bench.effects.iter().find_map(|effect| match effect {
        Effect::Sleep(image) => Some(image.clone()),
        _ => None,
    });
    let asleep = asleep.expect("it sleeps");
    bench.effects.clear();
    bench.order(Order::Create { room: ROOM, create: create() });
    assert!(matches!(bench.effects[..], [Effect::Load(ROOM)]), "{:?}", bench.effects);
    // Asked for twice, it is looked for once.
    bench.order(Order::Create { room: ROOM, create: create() });
    assert!(bench.sent_to(ONE).is_empty() && bench.effects.len() == 1);
    bench.found_asleep(asleep.clone(), 0);
    let sent = bench.sent_to(ONE);
    assert!(matches!(&sent[..], [ToWorker::Open { seq, .. }] if *seq == asleep.seq), "{sent:?}");
    let woken = bench.effects.iter().filter(|effect| matches!(effect, Effect::Snapshot(_)));
    assert_eq!(woken.count(), 1);
}

#[test]
fn an_order_to_create_a_room_that_is_not_there_makes_it() {
    let create =
        || Create { kind: "duel".into(), name: String::new(), params: Bytes::new(), seed: 0 };
    let mut bench = Bench::new(&now());
    bench.order(Order::Create { room: ROOM, create: create() });
    bench.loaded(Loaded::Unreadable("later".into()));
    assert!(bench.sent_to(ONE).is_empty(), "cannot be read is not: is not there");
    bench.order(Order::Create { room: ROOM, create: create() });
    bench.loaded(Loaded::Missing);
    assert!(matches!(bench.sent_to(ONE)[..], [ToWorker::Create { .. }]));
}

/// An outage is what players of a room feel, and it had none.
#[test]
fn a_room_that_has_just_been_made_has_recovered_from_nothing() {
    let mut bench = Bench::new(&now());
    bench.hello(1);
    bench.obey(ONE, false);
    bench.wait(Span::millis(200));
    bench.obey(ONE, false);
    let reports = bench.reports();
    assert!(reports.iter().any(|report| matches!(report, Report::Listing(room) if room.live)));
    assert!(!reports.iter().any(|report| matches!(report, Report::Recovered { .. })));
}

/// Whoever comes back to the room that was there before.
#[test]
fn nobody_has_a_seat_in_a_room_that_is_only_being_made() {
    let mut bench = Bench::new(&now());
    bench.hello(1);
    assert!(matches!(bench.sent_to(ONE)[..], [ToWorker::Create { .. }]));
    bench.hello_again(2);
    assert_eq!(
        bench.closed(2),
        Some(Close::UnknownRoom),
        "at once, whatever becomes of the new one"
    );
    assert_eq!(bench.closed(1), None);
}

#[test]
fn two_who_join_in_the_same_moment_are_shown_to_each_other() {
    let mut bench = Bench::new(&Policies { tick: None, ..now() });
    bench.hello(1);
    bench.hello(2);
    let mut shown = Vec::new();
    for _ in 0..8 {
        for message in bench.sent_to(ONE) {
            if let ToWorker::Deliver(deliver) = &message {
                shown.push(deliver.render.clone());
            }
            if let Some(answer) = answer(ONE, &message, false) {
                bench.worker(ONE, answer);
            }
        }
    }
    let all = [SessionId(101), SessionId(102)];
    assert_eq!(shown.last().map(Vec::as_slice), Some(&all[..]), "{shown:?}");
}

#[test]
fn a_stale_commit_has_no_effect() {
    let mut bench = Bench::with_player(&now(), false);
    bench.input(1, 1);
    let sent = bench.sent_to(ONE);
    let stale = answer(ONE, &sent[0], false).unwrap();
    bench.worker_down(ONE);
    bench.effects.clear();
    bench.worker(ONE, stale);
    assert!(!bench.effects.iter().any(|effect| matches!(effect, Effect::Append { .. })));
}

#[test]
fn a_worker_that_shows_the_attempt_of_another_is_killed_and_not_heard() {
    let mut bench = Bench::with_player(&now(), false);
    bench.input(1, 1);
    let sent = bench.sent_to(ONE);
    let true_one = answer(ONE, &sent[0], false).unwrap();
    bench.effects.clear();
    bench.worker(TWO, true_one.clone());
    let [Effect::Report(Report::Lied { release: NEW, reason }), suspect] = &bench.effects[..]
    else {
        panic!("{:?}", bench.effects)
    };
    assert!(matches!(suspect, Effect::Suspect { worker: TWO, of: Suspicion::Lies, .. }));
    assert_eq!(reason.code(), Some(ply!("PLY-0450")));
    bench.effects.clear();
    bench.worker(TWO, true_one.clone());
    assert_eq!(bench.effects, [], "it is believed nothing more, and told of once");
    bench.worker(ONE, true_one);
    assert!(bench.effects.iter().any(|effect| matches!(effect, Effect::Append { .. })));
}

/// Whatever its rooms were at, and whether or not it notes that: they go on where the next worker is.
#[test]
fn a_liar_is_held_against_none_of_its_rooms() {
    let at_it = Turn { room: ROOM, attempt: Attempt(1), seq: Seq(2) };
    for turns in [None, Some(vec![at_it])] {
        let mut bench = Bench::with_player(&now(), false);
        bench.input(1, 1);
        bench.sent_to(ONE);
        let how = "PLY-0450 it lies".to_owned();
        let end = WorkerEnd { ended: Suspicion::Lies.ended(), turns, how };
        assert!(!end.was_at_work(), "its next start waits as after any failure of a release");
        bench.worker_ends(ONE, &end);
        let reports = bench.reports();
        let counts: Vec<_> = reports
            .iter()
            .filter_map(|report| match report {
                Report::Fault { count, reason, .. } => Some((*count, reason.to_string())),
                _ => None,
            })
            .collect();
        assert_eq!(counts, [(0, "PLY-0402 the worker went away: PLY-0450 it lies".to_owned())]);
    }
}

#[test]
fn what_a_room_fails_on_says_how_the_worker_ended() {
    let mut bench = Bench::with_player(&now(), false);
    bench.input(1, 1);
    bench.sent_to(ONE);
    let how = "killed by SIGSEGV; its last line: no".to_owned();
    bench.worker_ends(ONE, &WorkerEnd { ended: Ended::ByItself, turns: None, how });
    let told = bench.reports().into_iter().find_map(|report| match report {
        Report::Fault { reason, .. } => Some(reason.to_string()),
        _ => None,
    });
    let wanted =
        "PLY-0402 the worker died while it ran the room: killed by SIGSEGV; its last line: no";
    assert_eq!(told.as_deref(), Some(wanted));
}
