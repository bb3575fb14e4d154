//! What a release on probation fails on is tried on the release before.

use std::collections::BTreeSet;

use crate::effect::{Effect, Inquiry, Order, Report};
use crate::fleet::{Berth, Ended, WorkerEnd, WorkerInfo};
use crate::limits::Limits;
use bytes::Bytes;
use playon_types::attach::{Deliver, Fault, FromWorker, Item, Stage, ToWorker, Turn};
use playon_types::gate::{Hello, ToOwner, Who};
use playon_types::ids::{Attempt, ConnId, ReleaseId, SessionId, WorkerId};
use playon_types::kind::KindInfo;
use playon_types::time::Span;

use super::bench::{Bench, NEW, OLD, ONE, ROOM, TWO, answer, kind};
use super::now;

/// Where appeals are heard: on the release before, and the writer of the older version.
const JUDGE: WorkerId = WorkerId(11);
const WRITER: WorkerId = WorkerId(12);

fn berth() -> Berth {
    Berth::Trial(Limits::default().trials_max)
}

fn up(bench: &mut Bench, id: WorkerId, release: ReleaseId) {
    let kinds = vec![kind(u32::from(release.0[0]), now())];
    bench.shard.handle_worker_up(bench.now, WorkerInfo { id, berth: berth(), release, kinds });
    bench.wait(Span::ZERO);
}

/// A room on the new release, which is on probation.
fn on_probation() -> Bench {
    let mut bench = Bench::new(&now());
    // Nothing but the appeals is tried anywhere else.
    bench.order(Order::Startable(BTreeSet::new()));
    bench.order(Order::Prefer(NEW));
    bench.order(Order::Probation(Some((NEW, OLD))));
    bench.hello(1);
    bench.obey(TWO, false);
    assert!(bench.welcomed(1));
    bench.effects.clear();
    bench
}

fn brings_input(deliver: &Deliver) -> bool {
    deliver.items.iter().any(|item| matches!(item, Item::Input { .. }))
}

fn fails(message: &ToWorker) -> FromWorker {
    let Turn { room, attempt, .. } = message.turn();
    let message = "it panicked".into();
    FromWorker::Fault(Fault { room, attempt, stage: Stage::Deliver, message, refusal: false })
}

/// The new release fails on every input, until the input is set aside. Gives what was reported.
fn sets_aside(bench: &mut Bench) -> Vec<Report> {
    bench.input(1, 1);
    let mut reports = Vec::new();
    for _ in 0..10 {
        for message in bench.sent_to(TWO) {
            let bad = matches!(&message, ToWorker::Deliver(deliver) if brings_input(deliver));
            let reply = if bad { Some(fails(&message)) } else { answer(TWO, &message, false) };
            reply.into_iter().for_each(|reply| bench.worker(TWO, reply));
        }
        reports.extend(bench.reports());
        bench.wait(Span::millis(200));
    }
    reports
}

/// What the appeal came to, if it is over.
fn verdict(bench: &mut Bench) -> Option<bool> {
    bench.reports().into_iter().find_map(|report| match report {
        Report::Appealed { room: ROOM, release: NEW, too, .. } => Some(too),
        _ => None,
    })
}

/// Until the release before is given what the new one fails on, which is an input.
fn is_heard(bench: &mut Bench) -> ToWorker {
    let batch = is_tried(bench);
    let ToWorker::Deliver(deliver) = &batch else { panic!("{batch:?}") };
    assert!(brings_input(deliver) && deliver.items.len() == 1, "{deliver:?}");
    batch
}

/// Until the release before is given what the new one fails on.
fn is_tried(bench: &mut Bench) -> ToWorker {
    up(bench, WRITER, NEW);
    bench.obey(WRITER, false);
    up(bench, JUDGE, OLD);
    let open = bench.sent_to(JUDGE).remove(0);
    assert!(matches!(open, ToWorker::Open { version: 1, .. }), "the older version: {open:?}");
    bench.worker(JUDGE, answer(ONE, &open, false).expect("it opens"));
    let sent = bench.sent_to(JUDGE);
    let [batch @ ToWorker::Deliver(_)] = sent.as_slice() else { panic!("{sent:?}") };
    batch.clone()
}

#[test]
fn what_fails_on_the_release_before_too_is_said_to() {
    let mut bench = on_probation();
    let reports = sets_aside(&mut bench);
    let inquiry = |report: &&Report| matches!(report, Report::Fault { inquiry: Inquiry::Open, .. });
    assert_eq!(reports.iter().filter(inquiry).count(), 2, "in its batch, and alone");
    let asked = |report: &&Report| matches!(report, Report::SetAside { appeal: true, .. });
    assert_eq!(reports.iter().filter(asked).count(), 1);
    assert!(reports.contains(&Report::Acquitted { room: ROOM, release: NEW }));
    let berths = Report::Berths(vec![(OLD, berth()), (NEW, berth())]);
    assert!(reports.contains(&berths), "{reports:?}");
    let batch = is_heard(&mut bench);
    assert_eq!(verdict(&mut bench), None);
    bench.worker(JUDGE, fails(&batch));
    let reports = bench.reports();
    assert!(reports.contains(&Report::Appealed {
        room: ROOM,
        release: NEW,
        itself: false,
        too: true
    }));
    assert!(reports.contains(&Report::Berths(Vec::new())), "nobody needs the workers any more");
    assert!(matches!(bench.sent_to(JUDGE).as_slice(), [ToWorker::Retire { .. }]));
}

#[test]
fn what_passes_on_the_release_before_is_held_against_the_new_one_and_stored_nowhere() {
    let mut bench = on_probation();
    sets_aside(&mut bench);
    let batch = is_heard(&mut bench);
    bench.effects.clear();
    bench.worker(JUDGE, answer(ONE, &batch, false).expect("it passes"));
    assert!(!bench.effects.iter().any(|effect| matches!(effect, Effect::Append { .. })));
    assert_eq!(verdict(&mut bench), Some(false));
}

#[test]
fn who_dies_or_does_not_come_back_fails_too() {
    for hangs in [false, true] {
        let mut bench = on_probation();
        sets_aside(&mut bench);
        let batch = is_heard(&mut bench);
        let turn = batch.turn();
        if hangs {
            bench.shard.handle_turn(bench.now, JUDGE, turn);
            bench.wait(Span::millis(1_100));
            let suspected =
                |effect: &Effect| matches!(effect, Effect::Suspect { worker: JUDGE, .. });
            assert!(bench.effects.iter().any(suspected), "one of its threads never comes back");
        } else {
            let end =
                WorkerEnd { ended: Ended::ByItself, turns: Some(vec![turn]), how: String::new() };
            bench.worker_ends(JUDGE, &end);
        }
        assert_eq!(verdict(&mut bench), Some(true), "hangs: {hangs}");
    }
}

#[test]
fn who_has_nothing_to_do_with_it_may_go_away_meanwhile() {
    let mut bench = on_probation();
    sets_aside(&mut bench);
    let batch = is_heard(&mut bench);
    bench.worker_down(TWO);
    assert_eq!(verdict(&mut bench), None);
    bench.worker(JUDGE, fails(&batch));
    assert_eq!(verdict(&mut bench), Some(true));
}

/// Only what runs the batch itself, and dies of it, says something about the batch.
#[test]
fn who_goes_away_over_something_else_fails_not() {
    let mut opening = on_probation();
    sets_aside(&mut opening);
    up(&mut opening, JUDGE, OLD);
    up(&mut opening, WRITER, NEW);
    let sent = opening.sent_to(WRITER);
    assert!(matches!(sent.as_slice(), [ToWorker::Export { .. }]), "{sent:?}");
    let end =
        WorkerEnd { ended: Ended::ByItself, turns: Some(vec![sent[0].turn()]), how: String::new() };
    opening.worker_ends(WRITER, &end);
    assert_eq!(verdict(&mut opening), Some(false), "it died of the older version");
    let mut ended = on_probation();
    sets_aside(&mut ended);
    let turn = is_heard(&mut ended).turn();
    let end = WorkerEnd { ended: Ended::Suspect, turns: Some(vec![turn]), how: String::new() };
    ended.worker_ends(JUDGE, &end);
    assert_eq!(verdict(&mut ended), Some(false), "the keeper has ended it");
}

#[test]
fn what_the_release_before_cannot_read_is_not_waited_for() {
    let mut bench = on_probation();
    let exports_none = KindInfo { exports_to: 2, ..kind(2, now()) };
    let (id, berth) = (WorkerId(13), Berth::Common);
    let info = WorkerInfo { id, berth, release: NEW, kinds: vec![exports_none] };
    bench.shard.handle_worker_up(bench.now, info);
    let reports = sets_aside(&mut bench);
    assert!(reports.contains(&Report::Appealed {
        room: ROOM,
        release: NEW,
        itself: false,
        too: false
    }));
    assert!(!reports.iter().any(|report| matches!(report, Report::Berths(_))), "{reports:?}");
}

#[test]
fn what_cannot_be_tried_is_held_against_the_new_one() {
    // Nobody can be started.
    let mut bench = on_probation();
    sets_aside(&mut bench);
    bench.wait(Limits::default().trial_wait);
    assert_eq!(verdict(&mut bench), Some(false));
}

#[test]
fn who_goes_away_while_it_is_at_something_else_is_followed_by_another_for_so_long() {
    for ended in [Ended::Suspect, Ended::ByItself] {
        is_followed_by_another(&WorkerEnd { ended, turns: Some(Vec::new()), how: String::new() });
    }
}

fn is_followed_by_another(at_nothing: &WorkerEnd) {
    let mut bench = on_probation();
    sets_aside(&mut bench);
    is_heard(&mut bench);
    for _ in 0..3 {
        bench.worker_ends(JUDGE, at_nothing);
        assert_eq!(verdict(&mut bench), None);
        up(&mut bench, JUDGE, OLD);
        let sent = bench.sent_to(JUDGE);
        assert!(matches!(sent.as_slice(), [ToWorker::Open { version: 1, .. }]), "{sent:?}");
    }
    bench.worker_ends(JUDGE, at_nothing);
    assert_eq!(verdict(&mut bench), Some(false));
}

#[test]
fn without_a_probation_nothing_is_tried_elsewhere() {
    let mut bench = on_probation();
    bench.order(Order::Probation(None));
    let reports = sets_aside(&mut bench);
    let asked = |report: &&Report| matches!(report, Report::SetAside { appeal: false, .. });
    assert_eq!(reports.iter().filter(asked).count(), 1);
    assert!(!reports.iter().any(|report| matches!(report, Report::Acquitted { .. })));
}

/// The room fails on nothing but the time, as if its tick panicked.
fn fails_itself(bench: &mut Bench) -> Vec<Report> {
    bench.input(1, 1);
    let mut reports = Vec::new();
    while !reports.iter().any(|report| matches!(report, Report::Fault { count: 1, inquiry, .. } if *inquiry != Inquiry::Open)) {
        for message in bench.sent_to(TWO) {
            let batch = matches!(&message, ToWorker::Deliver(_));
            let reply = if batch { Some(fails(&message)) } else { answer(TWO, &message, false) };
            reply.into_iter().for_each(|reply| bench.worker(TWO, reply));
        }
        reports.extend(bench.reports());
        bench.wait(Span::millis(50));
    }
    reports
}

#[test]
fn a_room_that_fails_itself_is_tried_on_the_release_before_with_nothing_but_the_time() {
    for too in [true, false] {
        let mut bench = on_probation();
        let reports = fails_itself(&mut bench);
        let of_itself =
            |report: &&Report| matches!(report, Report::Fault { inquiry: Inquiry::Appealed, .. });
        assert_eq!(reports.iter().filter(of_itself).count(), 1, "{reports:?}");
        up(&mut bench, WRITER, NEW);
        bench.obey(WRITER, false);
        up(&mut bench, JUDGE, OLD);
        let open = bench.sent_to(JUDGE).remove(0);
        bench.worker(JUDGE, answer(ONE, &open, false).expect("it opens"));
        let batch = bench.sent_to(JUDGE).remove(0);
        let ToWorker::Deliver(deliver) = &batch else { panic!("{batch:?}") };
        assert!(matches!(deliver.items[..], [Item::Tick(_) | Item::Wake]), "{deliver:?}");
        assert!(deliver.render.is_empty() && !deliver.render_watch);
        let reply =
            if too { fails(&batch) } else { answer(ONE, &batch, false).expect("it passes") };
        bench.worker(JUDGE, reply);
        let verdict = Report::Appealed { room: ROOM, release: NEW, itself: true, too };
        assert!(bench.reports().contains(&verdict));
    }
}
#[test]
fn with_the_probation_ends_what_was_asked_for_it() {
    let mut bench = on_probation();
    sets_aside(&mut bench);
    let batch = is_heard(&mut bench);
    assert_eq!(bench.shard.facts().appeals, 1);
    // The same once more changes nothing.
    bench.order(Order::Probation(Some((NEW, OLD))));
    assert_eq!((bench.shard.facts().appeals, bench.sent_to(JUDGE)), (1, vec![]));
    bench.order(Order::Probation(None));
    assert_eq!(bench.shard.facts().appeals, 0);
    assert!(matches!(bench.sent_to(JUDGE)[..], [ToWorker::Retire { .. }]));
    assert!(bench.reports().contains(&Report::Berths(Vec::new())));
    bench.worker(JUDGE, fails(&batch));
    assert_eq!(verdict(&mut bench), None);
}

#[test]
fn a_copy_that_does_not_open_says_nothing_for_the_new_release_and_spoils_its_worker() {
    let mut bench = on_probation();
    sets_aside(&mut bench);
    up(&mut bench, WRITER, NEW);
    bench.obey(WRITER, false);
    up(&mut bench, JUDGE, OLD);
    let open = bench.sent_to(JUDGE).remove(0);
    bench.worker(JUDGE, fails(&open));
    assert_eq!(verdict(&mut bench), Some(false));
    let spoiled = |effect: &Effect| matches!(effect, Effect::Suspect { worker: JUDGE, .. });
    assert!(bench.effects.iter().any(spoiled), "whatever is tried next must find it as new");
}

#[test]
fn a_refusal_of_the_batch_is_no_failure() {
    for (stage, refusal, too) in
        [(Stage::Deliver, false, true), (Stage::Deliver, true, false), (Stage::Open, false, false)]
    {
        let mut bench = on_probation();
        sets_aside(&mut bench);
        let Turn { room, attempt, .. } = is_heard(&mut bench).turn();
        let message = "not this one".into();
        bench.worker(JUDGE, FromWorker::Fault(Fault { room, attempt, stage, message, refusal }));
        assert_eq!(verdict(&mut bench), Some(too), "{stage:?} {refusal}");
    }
}

#[test]
fn a_judge_has_the_time_of_a_batch_from_its_turn_on_and_one_that_does_not_come_to_it_says_nothing()
{
    let mut bench = on_probation();
    sets_aside(&mut bench);
    let turn = is_heard(&mut bench).turn();
    let batch = now().batch_timeout;
    bench.wait(Span(batch.0 - 1));
    bench.shard.handle_turn(bench.now, JUDGE, turn);
    bench.wait(Span(batch.0 - 1));
    assert_eq!(verdict(&mut bench), None);
    bench.wait(Span(1));
    assert_eq!(verdict(&mut bench), Some(true));
    let mut bench = on_probation();
    sets_aside(&mut bench);
    let turn = is_heard(&mut bench).turn();
    // It says whose turn it is, and it is not this one's.
    let other = Turn { attempt: Attempt(999), ..turn };
    bench.shard.handle_turn(bench.now, JUDGE, other);
    bench.wait(Span(Limits::default().turn_timeout.0 - 1));
    assert_eq!(verdict(&mut bench), None);
    bench.wait(Span(1));
    assert_eq!(verdict(&mut bench), Some(false));
}

#[test]
fn one_is_heard_after_the_other() {
    let mut bench = on_probation();
    sets_aside(&mut bench);
    bench.input(1, 2);
    for _ in 0..10 {
        for message in bench.sent_to(TWO) {
            let bad = matches!(&message, ToWorker::Deliver(deliver) if brings_input(deliver));
            let reply = if bad { Some(fails(&message)) } else { answer(TWO, &message, false) };
            reply.into_iter().for_each(|reply| bench.worker(TWO, reply));
        }
        bench.wait(Span::millis(200));
    }
    assert_eq!(bench.shard.facts().appeals, 2);
    bench.effects.retain(|effect| !matches!(effect, Effect::Report(_)));
    let first = is_heard(&mut bench);
    bench.worker(JUDGE, fails(&first));
    assert_eq!((verdict(&mut bench), bench.shard.facts().appeals), (Some(true), 1));
    let sent = bench.sent_to(WRITER);
    assert!(sent.iter().any(|message| matches!(message, ToWorker::Export { .. })), "{sent:?}");
}

#[test]
fn a_view_that_fails_is_tried_on_the_release_before_for_who_was_to_see_it() {
    for of_spectators in [true, false] {
        let mut bench = on_probation();
        let who = Who::Watcher;
        bench.gate(ToOwner::Hello(Hello { conn: ConnId(9), room: ROOM, who, create: None }));
        bench.input(1, 1);
        for _ in 0..20 {
            for message in bench.sent_to(TWO) {
                let bad = matches!(&message, ToWorker::Deliver(deliver)
                    if if of_spectators { deliver.render_watch } else { !deliver.render.is_empty() });
                let reply = if bad { Some(fails(&message)) } else { answer(TWO, &message, false) };
                let Some(mut reply) = reply else { continue };
                if let FromWorker::Commit(commit) = &mut reply {
                    commit.watch_view = Some(Bytes::from_static(b"all"));
                }
                bench.worker(TWO, reply);
            }
            bench.wait(Span::millis(200));
        }
        let ToWorker::Deliver(deliver) = is_tried(&mut bench) else { panic!() };
        let player = if of_spectators { vec![] } else { vec![SessionId(101)] };
        assert_eq!((deliver.render, deliver.render_watch), (player, of_spectators));
        assert_eq!(deliver.items, [Item::Wake]);
    }
}
