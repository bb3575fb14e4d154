//! What a room does that fails: how often it is tried, what is set aside, what is told, and when it is given up.

use std::collections::BTreeSet;

use crate::effect::{Aside, Effect, Inquiry, Order, Report};
use crate::fleet::{Berth, Ended, WorkerEnd};
use crate::limits::Limits;
use bytes::Bytes;
use playon_types::attach::{
    Deliver, Fault, FromWorker, Item, LeftOut, Noted, Stage, ToWorker, Turn,
};
use playon_types::gate::{Close, Hello, ToOwner, Who};
use playon_types::ids::{Attempt, ConnId, SessionId, WorkerId};
use playon_types::kind::Policies;
use playon_types::time::Span;

use super::bench::{Bench, NEW, OLD, ONE, ROOM, answer, turn_based};
use super::now;

const FIRST: SessionId = SessionId(101);
const SECOND: SessionId = SessionId(102);

/// A room that goes by turns in a keeper that can start no other workers: what fails is judged where it is.
fn table() -> Bench {
    let mut bench = Bench::with_player(&turn_based(), false);
    bench.order(Order::Startable(BTreeSet::new()));
    bench.gate(ToOwner::Ack { conn: ConnId(1), recv: 0 });
    bench.effects.clear();
    bench
}

fn fault(message: &ToWorker) -> FromWorker {
    let Turn { room, attempt, .. } = message.turn();
    let message = "as told".to_owned();
    FromWorker::Fault(Fault { room, attempt, stage: Stage::Deliver, message, refusal: false })
}

/// The worker does what it is asked for, or panics, for ten seconds. Gives the batches that it has run.
fn plays(bench: &mut Bench, worker: WorkerId, panics: impl Fn(&ToWorker) -> bool) -> Vec<Deliver> {
    let mut ran = Vec::new();
    for _ in 0..100 {
        for message in bench.sent_to(worker) {
            if panics(&message) {
                bench.worker(worker, fault(&message));
                continue;
            }
            if let ToWorker::Deliver(deliver) = &message {
                ran.push(deliver.clone());
            }
            let reply = answer(ONE, &message, false);
            reply.into_iter().for_each(|reply| bench.worker(worker, reply));
        }
        bench.wait(Span::millis(100));
    }
    ran
}

fn brings(message: &ToWorker, is: impl Fn(&Item) -> bool) -> bool {
    matches!(message, ToWorker::Deliver(deliver) if deliver.items.iter().any(is))
}

fn set_aside(reports: &[Report]) -> Vec<(SessionId, Aside)> {
    let aside = |report: &Report| match report {
        Report::SetAside { session, what, appeal: false, .. } => Some((*session, *what)),
        _ => None,
    };
    reports.iter().filter_map(aside).collect()
}

/// Faults that were told, and whether it was being found out then what the room fails on.
fn faults(reports: &[Report]) -> Vec<(u32, bool)> {
    let fault = |report: &Report| match report {
        Report::Fault { count, inquiry, .. } => Some((*count, *inquiry == Inquiry::Open)),
        _ => None,
    };
    reports.iter().filter_map(fault).collect()
}

fn halted(reports: &[Report]) -> usize {
    reports.iter().filter(|report| matches!(report, Report::Halted { .. })).count()
}

#[test]
fn hooks_that_fail_are_set_aside_and_the_books_of_the_worker_are_kept_without_them() {
    let goes = |bench: &mut Bench| bench.gate(ToOwner::Gone { conn: ConnId(1) });
    let leaves = |bench: &mut Bench| bench.gate(ToOwner::Bye { conn: ConnId(1) });
    let (away, back) = (Item::Away(FIRST), Item::Back { session: FIRST, lost: 0 });
    for (hook, change, what, leave) in [
        (away, Noted::Away, Aside::Away, false),
        (back, Noted::Back, Aside::Back, false),
        (Item::Leave(FIRST), Noted::Leave, Aside::Leave, true),
    ] {
        let mut bench = table();
        if leave {
            leaves(&mut bench);
        } else {
            goes(&mut bench);
            if change == Noted::Back {
                plays(&mut bench, ONE, |_| false);
                bench.hello_again(2);
            }
        }
        bench.reports();
        let ran = plays(&mut bench, ONE, |message| brings(message, |item| *item == hook));
        assert_eq!(set_aside(&bench.reports()), [(FIRST, what)]);
        let noted = Item::Noted { session: FIRST, change };
        let times = ran.iter().flat_map(|batch| &batch.items).filter(|item| **item == noted);
        assert_eq!(times.count(), 1, "{change:?}");
        let image = bench.shard.rooms(bench.now).next().and_then(|facts| facts.image.cloned());
        let seats = image.expect("it plays on").seats;
        assert_eq!(seats.contains_key(&FIRST), !leave);
        if !leave {
            assert_eq!(seats[&FIRST].away_since.is_some(), change == Noted::Away);
        }
    }
}

#[test]
fn a_join_that_fails_is_refused_and_nothing_of_that_player_runs() {
    for withdraws in [false, true] {
        let mut bench = table();
        bench.hello(2);
        let sent = bench.sent_to(ONE);
        if withdraws {
            bench.gate(ToOwner::Bye { conn: ConnId(2) });
        }
        bench.worker(ONE, fault(&sent[0]));
        let joins = |item: &Item| matches!(item, Item::Join { session: SECOND, .. });
        let ran = plays(&mut bench, ONE, |message| brings(message, joins));
        let why = if withdraws { Close::Left } else { Close::Refused };
        assert_eq!((bench.closed(2), bench.closed(1)), (Some(why), None));
        let about = ran.iter().flat_map(|batch| &batch.items).filter_map(Item::session);
        assert_eq!(about.filter(|session| *session == SECOND).count(), 0);
        let sessions = bench.shard.rooms(bench.now).next().map(|facts| facts.sessions.len());
        assert_eq!(sessions, Some(1));
    }
}

#[test]
fn a_player_at_whose_view_the_room_fails_is_shown_nothing_for_a_while_and_plays_on() {
    let mut bench = table();
    bench.hello(2);
    plays(&mut bench, ONE, |_| false);
    bench.reports();
    bench.input(1, 1);
    let sees = |message: &ToWorker| matches!(message, ToWorker::Deliver(deliver) if deliver.render.contains(&SECOND));
    plays(&mut bench, ONE, sees);
    let reports = bench.reports();
    assert_eq!(set_aside(&reports), [(SECOND, Aside::View)]);
    assert_eq!((halted(&reports), bench.closed(2)), (0, None));
    bench.input(2, 1);
    let ran = plays(&mut bench, ONE, sees);
    assert!(ran.iter().all(|batch| batch.render == [FIRST]), "{ran:?}");
    let inputs = ran.iter().flat_map(|batch| &batch.items);
    assert_eq!(inputs.filter(|item| matches!(item, Item::Input { .. })).count(), 1);
    // After that while it is tried again.
    bench.wait(Limits::default().quarantine);
    bench.input(1, 2);
    let ran = plays(&mut bench, ONE, |_| false);
    assert!(ran.iter().any(|batch| batch.render.contains(&SECOND)), "{ran:?}");
}

#[test]
fn spectators_at_whose_view_the_room_fails_are_sent_away_and_so_is_who_comes_then() {
    let mut bench = table();
    let watch = |bench: &mut Bench, conn| {
        let who = Who::Watcher;
        bench.gate(ToOwner::Hello(Hello { conn: ConnId(conn), room: ROOM, who, create: None }));
    };
    watch(&mut bench, 8);
    watch(&mut bench, 9);
    let seen = |message: &ToWorker| matches!(message, ToWorker::Deliver(d) if d.render_watch);
    plays(&mut bench, ONE, seen);
    assert_eq!(set_aside(&bench.reports()), [(LeftOut::WATCHERS, Aside::View)]);
    let closed = [8, 9].map(|conn| bench.closed(conn));
    assert_eq!(closed, [Some(Close::Refused); 2]);
    assert_eq!(bench.closed(1), None);
    watch(&mut bench, 10);
    assert_eq!(bench.closed(10), Some(Close::Refused));
    bench.wait(Limits::default().quarantine);
    watch(&mut bench, 11);
    assert_eq!(bench.closed(11), None);
}

/// A room without a worker, whose opening is asked of another one.
fn reopens() -> (Bench, WorkerId) {
    let mut bench = table();
    bench.worker_down(ONE);
    let next = bench.old_worker_up(21, Berth::Common);
    bench.reports();
    (bench, next)
}

#[test]
fn a_room_that_cannot_be_opened_is_tried_so_often_with_longer_and_longer_waits_and_given_up() {
    let (mut bench, worker) = reopens();
    let most = Limits::default().own_faults_max;
    let mut waits = Vec::new();
    for fault_no in 1..=most {
        let sent = bench.sent_to(worker);
        let [message @ ToWorker::Open { .. }] = sent.as_slice() else { panic!("{sent:?}") };
        let turn = message.turn();
        let other = Attempt(turn.attempt.0 + 99);
        let stale = FromWorker::Fault(Fault {
            room: ROOM,
            attempt: other,
            stage: Stage::Open,
            message: String::new(),
            refusal: false,
        });
        bench.worker(worker, stale);
        assert_eq!(faults(&bench.reports()), [], "of another attempt");
        bench.worker(worker, fault(message));
        let reports = bench.reports();
        assert_eq!(faults(&reports), [(fault_no, false)]);
        assert_eq!(halted(&reports), usize::from(fault_no == most));
        let begun = bench.now;
        bench
            .effects
            .retain(|effect| !matches!(effect, Effect::Worker(_, ToWorker::Retire { .. })));
        while fault_no < most
            && !bench.effects.iter().any(|e| matches!(e, Effect::Worker(_, ToWorker::Open { .. })))
        {
            bench.wait(Span::millis(50));
            assert!(bench.now.since(begun) < Span::secs(20));
        }
        waits.push(bench.now.since(begun).0 / 1_000);
    }
    assert_eq!(waits, [0, 100, 200, 400, 800, 0]);
    assert_eq!(bench.closed(1), Some(Close::RoomFails), "everybody is told");
    bench.wait(Span::secs(60));
    assert_eq!(bench.sent_to(worker), [], "nobody runs it");
    // Whoever wants it on the release that it has wants it tried again; who only asks does not.
    bench.order(Order::Check { deploy: super::bench::DEPLOY, room: ROOM, to: OLD });
    assert_eq!(bench.sent_to(worker), []);
    bench.move_to(OLD, true);
    let sent = bench.sent_to(worker);
    assert!(matches!(sent.as_slice(), [ToWorker::Open { .. }]), "{sent:?}");
    bench.worker(worker, answer(ONE, &sent[0], false).unwrap());
    let live =
        |report: &Report| matches!(report, Report::Listing(l) if l.live && l.halted.is_none());
    assert!(bench.reports().iter().any(live));
}

#[test]
fn a_room_that_is_about_to_leave_its_release_is_not_given_up_there() {
    let (mut bench, worker) = reopens();
    bench.worker_down(super::bench::TWO);
    bench.move_to(NEW, true);
    for _ in 0..Limits::default().own_faults_max + 2 {
        let sent = bench.sent_to(worker);
        sent.iter()
            .filter(|message| matches!(message, ToWorker::Open { .. }))
            .for_each(|message| bench.worker(worker, fault(message)));
        bench.wait(Span::secs(10));
    }
    assert_eq!(halted(&bench.reports()), 0);
    bench.worker_up(super::bench::TWO);
    bench.wait(Span::secs(10));
    let sent = bench.sent_to(super::bench::TWO);
    assert!(matches!(sent.as_slice(), [ToWorker::Open { .. }]), "{sent:?}");
}

#[test]
fn an_outage_eats_no_room_time() {
    let mut bench = table();
    bench.wait(Span::secs(2));
    let clock = |bench: &Bench| bench.shard.rooms(bench.now).next().map(|facts| facts.clock);
    let before = clock(&bench);
    bench.worker_down(ONE);
    bench.wait(Span::secs(7));
    assert_eq!(clock(&bench), before);
    let next = bench.old_worker_up(21, Berth::Common);
    assert_eq!(clock(&bench), before);
    plays(&mut bench, next, |_| false);
    assert!(clock(&bench) > before);
    let outage = bench.reports().into_iter().find_map(|report| match report {
        Report::Recovered { outage, .. } => Some(outage),
        _ => None,
    });
    assert_eq!(outage, Some(Span::secs(7)));
}

#[test]
fn a_room_that_lost_its_worker_plays_on_with_what_it_had_and_nothing_is_held_against_it() {
    let mut bench = table();
    bench.input(1, 1);
    assert!(matches!(bench.sent_to(ONE).as_slice(), [ToWorker::Deliver(_)]));
    bench.input(1, 2);
    bench.reports();
    bench.worker_down(ONE);
    assert_eq!(faults(&bench.reports()), [(0, false)]);
    let next = bench.old_worker_up(21, Berth::Common);
    let ran = plays(&mut bench, next, |_| false);
    let seqs: Vec<u64> = ran
        .iter()
        .flat_map(|batch| &batch.items)
        .filter_map(|item| match item {
            Item::Input { seq, .. } => Some(*seq),
            _ => None,
        })
        .collect();
    assert_eq!(seqs, [1, 2]);
}

#[test]
fn a_batch_that_fails_is_looked_into_and_a_room_that_fails_without_one_is_not() {
    let mut bench = table();
    bench.input(1, 1);
    let sent = bench.sent_to(ONE);
    bench.worker(ONE, fault(&sent[0]));
    assert_eq!(faults(&bench.reports()), [(1, true)]);
}

/// A worker that dies at nothing while it has something of the room that it has not begun.
fn dies_at_nothing(bench: &mut Bench, worker: WorkerId) {
    let end = WorkerEnd { ended: Ended::ByItself, turns: Some(Vec::new()), how: String::new() };
    bench.worker_ends(worker, &end);
}

#[test]
fn a_death_at_nothing_while_something_was_on_the_way_is_suspicious_the_second_time() {
    // A batch that nobody had begun, which may be due to the one before, and an opening that nobody had begun.
    let mut bench = table();
    for (n, apart) in [(1, false), (2, true)] {
        let worker = if n == 1 { ONE } else { WorkerId(21) };
        bench.input(1, n);
        assert!(bench.sent_to(worker).iter().any(|m| matches!(m, ToWorker::Deliver(_))));
        bench.reports();
        dies_at_nothing(&mut bench, worker);
        let reports = bench.reports();
        assert_eq!(faults(&reports), [(0, false)], "the room may be another one: {n}");
        let suspects = |(_, berth): &_| matches!(berth, Berth::Suspects(_));
        let found = reports
            .iter()
            .any(|report| matches!(report, Report::Berths(berths) if berths.iter().any(suspects)));
        assert_eq!(found, apart, "{n}");
        if n == 1 {
            let next = bench.old_worker_up(21, Berth::Common);
            let sent = bench.sent_to(next);
            bench.worker(next, answer(ONE, &sent[0], false).unwrap());
            let sent = bench.sent_to(next);
            bench.worker(next, answer(ONE, &sent[0], false).unwrap());
        }
    }
    let (mut bench, first) = reopens();
    dies_at_nothing(&mut bench, first);
    assert_eq!(faults(&bench.reports()), [(0, false)]);
    let second = bench.old_worker_up(22, Berth::Common);
    bench.reports();
    dies_at_nothing(&mut bench, second);
    assert_eq!(faults(&bench.reports()), [(1, false)]);
}

#[test]
fn a_worker_that_was_at_another_room_when_it_died_says_nothing_of_an_opening_it_had_not_begun() {
    let elsewhere = Turn {
        room: playon_types::ids::RoomId([5; 16]),
        attempt: Attempt(77),
        seq: playon_types::ids::Seq(1),
    };
    for (turns, count) in [(Some(vec![elsewhere]), 0), (None, 1)] {
        let (mut bench, worker) = reopens();
        let end = WorkerEnd { ended: Ended::ByItself, turns, how: String::new() };
        bench.worker_ends(worker, &end);
        assert_eq!(faults(&bench.reports()), [(count, false)]);
    }
}

#[test]
fn a_room_whose_worker_died_of_it_waits_for_one_of_its_own_for_so_long_and_no_longer() {
    let mut bench = Bench::with_player(&turn_based(), false);
    bench.input(1, 1);
    let turn = bench.sent_to(ONE)[0].turn();
    let end = WorkerEnd { ended: Ended::ByItself, turns: Some(vec![turn]), how: String::new() };
    bench.worker_ends(ONE, &end);
    let common = bench.old_worker_up(21, Berth::Common);
    assert_eq!(bench.sent_to(common), [], "not among others");
    bench.wait(Span(Limits::default().trial_wait.0 - 1));
    assert_eq!(bench.sent_to(common), []);
    bench.wait(Span(1));
    let sent = bench.sent_to(common);
    assert!(matches!(sent.as_slice(), [ToWorker::Open { .. }]), "{sent:?}");
}

/// A kind that ticks goes on by itself.
#[test]
fn a_room_with_ticks_is_tried_with_nothing_but_the_time_first() {
    let policies = Policies { tick: Some(Span::millis(50)), ..now() };
    let mut bench = Bench::with_player(&policies, false);
    bench.order(Order::Startable(BTreeSet::new()));
    bench.input(1, 1);
    bench.effects.retain(|effect| matches!(effect, Effect::Worker(..)));
    let bad = |item: &Item| matches!(item, Item::Input { seq: 1, .. });
    let ran = plays(&mut bench, ONE, |message| brings(message, bad));
    assert_eq!(set_aside(&bench.reports()), [(FIRST, Aside::Input(1))]);
    let ticks = |batch: &Deliver| matches!(batch.items[..], [Item::Tick(_)]);
    assert!(ran.len() > 90 && ran.iter().all(ticks), "{}", ran.len());
    let times: BTreeSet<_> = ran.iter().map(|batch| batch.now).collect();
    assert_eq!(times.len(), ran.len(), "each moment passes once");
    let payload = Bytes::from_static(b"move");
    bench.gate(ToOwner::Input { conn: ConnId(1), seq: 2, recv: 0, payload });
    assert!(plays(&mut bench, ONE, |_| false).iter().any(|batch| batch.items.len() == 2));
}

#[test]
fn a_worker_that_a_room_is_not_on_may_come_and_go() {
    let mut bench = table();
    let other = bench.old_worker_up(21, Berth::Common);
    bench.input(1, 1);
    let sent = bench.sent_to(ONE);
    bench.reports();
    bench.worker_down(other);
    assert_eq!(faults(&bench.reports()), []);
    bench.worker(ONE, answer(ONE, &sent[0], false).unwrap());
    bench.input(1, 2);
    assert!(matches!(bench.sent_to(ONE).as_slice(), [ToWorker::Deliver(_)]));
}

#[test]
fn a_join_that_is_taken_back_while_it_is_a_suspect_leaves_the_other_suspects() {
    let mut bench = table();
    bench.input(1, 1);
    let sent = bench.sent_to(ONE);
    bench.hello(2);
    bench.input(1, 2);
    bench.worker(ONE, answer(ONE, &sent[0], false).unwrap());
    let sent = bench.sent_to(ONE);
    assert!(matches!(&sent[..], [ToWorker::Deliver(deliver)] if deliver.items.len() == 2));
    bench.worker(ONE, fault(&sent[0]));
    bench.gate(ToOwner::Gone { conn: ConnId(2) });
    let ran = plays(&mut bench, ONE, |_| false);
    let brought: Vec<_> = ran.iter().flat_map(|b| &b.items).filter_map(Item::session).collect();
    assert_eq!(brought, [FIRST]);
}

#[test]
fn a_room_that_only_ticks_may_have_left_something_behind() {
    let policies = Policies { tick: Some(Span::millis(50)), ..now() };
    let mut bench = Bench::with_player(&policies, false);
    bench.wait(Span::secs(2));
    bench.obey(ONE, false);
    bench.reports();
    for n in 0..3 {
        let worker = if n == 0 { ONE } else { WorkerId(20 + n) };
        // Between two ticks.
        dies_at_nothing(&mut bench, worker);
        let kinds = vec![super::bench::kind(1, policies.clone())];
        let id = WorkerId(21 + n);
        let berth = Berth::Common;
        let info = crate::fleet::WorkerInfo { id, berth, release: OLD, kinds };
        bench.shard.handle_worker_up(bench.now, info);
        bench.wait(Span::millis(300));
        for message in bench.sent_to(id) {
            answer(ONE, &message, false).into_iter().for_each(|reply| bench.worker(id, reply));
        }
        for _ in 0..10 {
            bench.wait(Span::millis(10));
            for message in bench.sent_to(id) {
                answer(ONE, &message, false).into_iter().for_each(|reply| bench.worker(id, reply));
            }
        }
    }
    let reports = bench.reports();
    assert!(faults(&reports).iter().all(|(count, _)| *count == 0), "{:?}", faults(&reports));
    let berths = |report: &Report| matches!(report, Report::Berths(berths) if !berths.is_empty());
    assert!(reports.iter().any(berths), "it is run apart");
}

#[test]
fn on_probation_it_is_told_when_a_room_does_not_fail_any_more() {
    for probation in [true, false] {
        let mut bench = table();
        if probation {
            bench.order(Order::Probation(Some((OLD, NEW))));
        }
        bench.input(1, 1);
        let sent = bench.sent_to(ONE);
        bench.worker(ONE, fault(&sent[0]));
        bench.reports();
        let acquitted = |bench: &mut Bench| {
            let told = |report: &Report| matches!(report, Report::Acquitted { release: OLD, .. });
            bench.reports().iter().filter(|report| told(report)).count()
        };
        // Opened again, then the moment by itself, then what was in the batch.
        let mut told = Vec::new();
        for _ in 0..3 {
            let sent = bench.sent_to(ONE);
            let message = sent.iter().rfind(|m| !matches!(m, ToWorker::Retire { .. })).unwrap();
            bench.worker(ONE, answer(ONE, message, false).unwrap());
            told.push(acquitted(&mut bench));
        }
        assert_eq!(told, [0, 0, usize::from(probation)]);
        bench.input(1, 2);
        plays(&mut bench, ONE, |_| false);
        assert_eq!(acquitted(&mut bench), 0, "told once");
    }
}

#[test]
fn a_room_that_is_being_opened_does_not_notice_the_end_of_another_worker() {
    let (mut bench, worker) = reopens();
    let other = bench.old_worker_up(22, Berth::Common);
    bench.reports();
    let end = WorkerEnd { ended: Ended::ByItself, turns: None, how: String::new() };
    bench.worker_ends(other, &end);
    assert_eq!(faults(&bench.reports()), []);
    let sent = bench.sent_to(worker);
    assert!(matches!(sent.as_slice(), [ToWorker::Open { .. }]), "{sent:?}");
}

#[test]
fn a_worker_lost_in_the_middle_of_an_inquiry_is_held_against_nobody() {
    let mut bench = table();
    bench.input(1, 1);
    let sent = bench.sent_to(ONE);
    bench.worker(ONE, fault(&sent[0]));
    bench.reports();
    bench.worker_down(ONE);
    assert_eq!(faults(&bench.reports()), [(0, false)]);
}

#[test]
fn a_room_of_which_a_copy_is_to_be_tried_is_given_up_all_the_same() {
    let (mut bench, worker) = reopens();
    bench.worker_down(super::bench::TWO);
    bench.order(Order::Check { deploy: super::bench::DEPLOY, room: ROOM, to: NEW });
    for _ in 0..Limits::default().own_faults_max {
        let sent = bench.sent_to(worker);
        sent.iter()
            .filter(|message| matches!(message, ToWorker::Open { .. }))
            .for_each(|message| bench.worker(worker, fault(message)));
        bench.wait(Span::secs(10));
    }
    assert_eq!(halted(&bench.reports()), 1);
}

#[test]
fn a_room_whose_release_cannot_be_started_any_more_is_opened_on_another() {
    let mut bench = Bench::with_player(&turn_based(), false);
    bench.worker_down(ONE);
    assert_eq!(bench.sent_to(super::bench::TWO), []);
    bench.order(Order::Prefer(NEW));
    bench.order(Order::Startable(BTreeSet::from([NEW])));
    bench.wait(Span::ZERO);
    let sent = bench.sent_to(super::bench::TWO);
    assert!(matches!(sent.as_slice(), [ToWorker::Open { .. }]), "{sent:?}");
}

#[test]
fn a_room_that_has_ended_or_stops_is_not_opened_again() {
    let mut bench = table();
    bench.store_works = false;
    bench.input(1, 1);
    let sent = bench.sent_to(ONE);
    let Some(FromWorker::Commit(mut commit)) = answer(ONE, &sent[0], false) else { panic!() };
    commit.ended = true;
    bench.worker(ONE, FromWorker::Commit(commit));
    bench.worker_down(ONE);
    let next = bench.old_worker_up(21, Berth::Common);
    assert_eq!(bench.sent_to(next), []);
    let mut bench = table();
    bench.worker_down(ONE);
    bench.order(Order::Stop);
    let next = bench.old_worker_up(21, Berth::Common);
    assert_eq!(bench.sent_to(next), []);
}

#[test]
fn workers_that_are_dismissed_one_after_the_other_are_held_against_nobody() {
    let (mut bench, first) = reopens();
    bench.worker_down(first);
    for n in 0..3 {
        let next = bench.old_worker_up(30 + n, Berth::Common);
        bench.worker_down(next);
    }
    assert!(faults(&bench.reports()).iter().all(|fault| *fault == (0, false)));
    for n in 0..3 {
        let next = bench.old_worker_up(40 + n, Berth::Common);
        plays(&mut bench, next, |_| false);
        bench.input(1, n + 1);
        assert!(matches!(bench.sent_to(next).as_slice(), [ToWorker::Deliver(_)]));
        bench.worker_down(next);
    }
    assert!(faults(&bench.reports()).iter().all(|fault| *fault == (0, false)));
}
