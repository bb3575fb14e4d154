//! What a commit says: to the store, to the players of the room, and to those who watch.

use std::collections::BTreeSet;

use crate::effect::{Aside, Effect, Order, Report, Stored};
use crate::limits::Limits;
use bytes::Bytes;
use playon_types::attach::{
    Commit, Deliver, Fault, FromWorker, Item, LeftOut, Output, Stage, ToWorker,
};
use playon_types::gate::{Close, Hello, Push, ToGateway, ToOwner, Who};
use playon_types::ids::{ConnId, Generation, History, SecretHash, Seq, SessionId};
use playon_types::image::{Image, Record, SeatChange};
use playon_types::kind::{Policies, Survives};
use playon_types::time::Span;

use super::bench::{Bench, NEW, ONE, ROOM, TWO, answer, turn_based};
use super::now;

const FIRST: SessionId = SessionId(101);
const SECOND: SessionId = SessionId(102);

/// The worker has run its batch, and its commit says this as well. Gives the batch.
fn commits(bench: &mut Bench, says: impl FnOnce(&mut Commit)) -> Deliver {
    let sent = bench.sent_to(ONE);
    let [message @ ToWorker::Deliver(deliver)] = sent.as_slice() else { panic!("{sent:?}") };
    let Some(FromWorker::Commit(mut commit)) = answer(ONE, message, false) else { panic!() };
    says(&mut commit);
    bench.worker(ONE, FromWorker::Commit(commit));
    deliver.clone()
}

fn event(session: SessionId, text: &'static [u8]) -> Output {
    Output { session, reliable: true, payload: Bytes::from_static(text) }
}

/// Two players of a room that goes by turns.
fn two() -> Bench {
    let mut bench = Bench::with_player(&turn_based(), false);
    bench.hello(2);
    bench.obey(ONE, false);
    assert!(bench.welcomed(2));
    bench.effects.clear();
    bench
}

/// What was pushed to a socket.
fn pushed(bench: &Bench, conn: u64) -> Vec<Push> {
    let of = |effect: &Effect| match effect {
        Effect::Gate(ToGateway::Push { conn: at, push }) if at.0 == conn => Some(push.clone()),
        _ => None,
    };
    bench.effects.iter().filter_map(of).collect()
}

/// The records that the store was given.
fn records(bench: &Bench) -> Vec<Record> {
    let record = |effect: &Effect| match effect {
        Effect::Append { record, .. } => Some(record.clone()),
        _ => None,
    };
    bench.effects.iter().filter_map(record).collect()
}

/// The snapshots that the store was given.
fn snapshots<'a>(bench: &'a Bench) -> Vec<&'a Image> {
    let image = |effect: &'a Effect| match effect {
        Effect::Snapshot(image) => Some(image),
        _ => None,
    };
    bench.effects.iter().filter_map(image).collect()
}

fn watches(bench: &mut Bench, conn: u64) {
    let who = Who::Watcher;
    bench.gate(ToOwner::Hello(Hello { conn: ConnId(conn), room: ROOM, who, create: None }));
}

#[test]
fn events_are_numbered_for_each_player_and_a_view_says_after_which() {
    let mut bench = two();
    bench.input(1, 1);
    commits(&mut bench, |commit| {
        commit.outputs = vec![event(FIRST, b"a"), event(SECOND, b"b"), event(FIRST, b"c")];
        commit.views = vec![(FIRST, Bytes::from_static(b"seen"))];
    });
    bench.effects.retain(|effect| !matches!(effect, Effect::Worker(..)));
    let [first] = &pushed(&bench, 1)[..] else { panic!() };
    let text = Bytes::from_static;
    assert_eq!(first.applied, Some(1));
    assert_eq!(first.events, [(1, text(b"a")), (2, text(b"c"))]);
    assert_eq!(first.view, Some((2, text(b"seen"))));
    let [second] = &pushed(&bench, 2)[..] else { panic!() };
    assert_eq!((second.applied, &second.view), (None, &None));
    assert_eq!(second.events, [(1, text(b"b"))]);
    // The next ones follow, and what is said without a number counts for nothing.
    bench.effects.clear();
    bench.input(2, 1);
    commits(&mut bench, |commit| {
        let now = Output { reliable: false, ..event(FIRST, b"now") };
        commit.outputs = vec![now, event(FIRST, b"d")];
        commit.views = vec![(SECOND, Bytes::from_static(b"seen"))];
    });
    let [first] = &pushed(&bench, 1)[..] else { panic!() };
    assert_eq!((&first.events, &first.now), (&vec![(3, text(b"d"))], &vec![text(b"now")]));
    let [second] = &pushed(&bench, 2)[..] else { panic!() };
    assert_eq!(second.view, Some((1, text(b"seen"))), "after the last event that it has");
    let [record] = &records(&bench)[..] else { panic!() };
    let progress = |session, applied, events: &[&'static [u8]]| SeatChange::Progress {
        session,
        applied,
        events: events.iter().map(|event| Bytes::from_static(event)).collect(),
        lost: 0,
        kept_from: 1,
    };
    assert_eq!(record.seats, [progress(FIRST, 0, &[b"d"]), progress(SECOND, 1, &[])]);
}

#[test]
fn what_is_said_without_a_number_or_shown_is_nothing_for_the_store() {
    let mut bench = two();
    bench.input(1, 1);
    commits(&mut bench, |commit| {
        commit.outputs = vec![Output { reliable: false, ..event(SECOND, b"now") }];
        commit.views = vec![(SECOND, Bytes::from_static(b"seen"))];
    });
    let [record] = &records(&bench)[..] else { panic!() };
    let told = |change: &SeatChange| matches!(change, SeatChange::Progress { session: FIRST, .. });
    assert!(matches!(&record.seats[..], [only] if told(only)), "{record:?}");
    assert_eq!(pushed(&bench, 2).len(), 1);
}

#[test]
fn who_is_refused_has_no_seat_and_is_told_why_and_others_are_seated() {
    let mut bench = Bench::with_player(&turn_based(), false);
    bench.hello(2);
    bench.hello(3);
    commits(&mut bench, |commit| commit.refused = vec![(SECOND, "too late".into())]);
    bench.obey(ONE, false);
    assert_eq!((bench.closed(2), bench.welcomed(2)), (Some(Close::Refused), false));
    assert_eq!((bench.closed(3), bench.welcomed(3)), (None, true));
    let told = bench.effects.iter().find_map(|effect| match effect {
        Effect::Gate(ToGateway::Close { conn: ConnId(2), detail, .. }) => Some(detail.to_string()),
        _ => None,
    });
    assert_eq!(told.as_deref(), Some("PLY-0106 too late"));
    let joined = |change: &SeatChange| match change {
        SeatChange::Joined { session, .. } => Some(*session),
        _ => None,
    };
    let seats: Vec<_> = records(&bench).iter().flat_map(|r| r.seats.clone()).collect();
    assert_eq!(seats.iter().filter_map(joined).collect::<Vec<_>>(), [SessionId(103)]);
}

#[test]
fn who_is_dismissed_loses_the_seat_and_what_it_had_sent_does_not_run() {
    let mut bench = two();
    bench.input(1, 1);
    bench.input(2, 1);
    bench.input(1, 2);
    commits(&mut bench, |commit| commit.dismissed = vec![(SECOND, "it cheats".into())]);
    assert_eq!((bench.closed(2), bench.closed(1)), (Some(Close::Left), None));
    let left = SeatChange::Left { session: SECOND };
    assert!(records(&bench)[0].seats.contains(&left));
    let next = commits(&mut bench, |_| ());
    let of: Vec<_> = next.items.iter().filter_map(Item::session).collect();
    assert_eq!(of, [FIRST], "the others' inputs run");
    assert_eq!(next.render, [FIRST]);
}

#[test]
fn who_gives_the_seat_up_is_told_goodbye_when_that_is_safe() {
    let mut bench = two();
    bench.store_works = false;
    bench.gate(ToOwner::Bye { conn: ConnId(2) });
    bench.input(2, 1);
    let batch = commits(&mut bench, |_| ());
    assert_eq!(batch.items, [Item::Leave(SECOND)], "it has nothing more to say");
    assert_eq!(bench.closed(2), None);
    bench.stored(Stored::Record(batch.seq));
    assert_eq!(bench.closed(2), Some(Close::Left));
    let image = bench.shard.rooms(bench.now).next().and_then(|facts| facts.image.cloned());
    assert_eq!(image.map(|image| image.seats.contains_key(&SECOND)), Some(false));
}

#[test]
fn spectators_of_a_game_that_shows_them_nothing_are_sent_away() {
    for (view, stay) in [(None, false), (Some(Bytes::from_static(b"all")), true)] {
        let mut bench = two();
        watches(&mut bench, 9);
        assert!(bench.welcomed(9));
        let batch = commits(&mut bench, |commit| commit.watch_view = view.clone());
        assert!(batch.render_watch);
        assert_eq!(batch.items, [Item::Wake]);
        assert_eq!(bench.closed(9), (!stay).then_some(Close::Refused));
        assert_eq!(pushed(&bench, 9).len(), usize::from(stay));
        // Nobody is asked for what nobody sees.
        bench.input(1, 1);
        assert_eq!(
            commits(&mut bench, |commit| commit.watch_view = view.clone()).render_watch,
            stay
        );
    }
}

#[test]
fn a_view_for_spectators_that_nobody_had_asked_for_sends_nobody_away() {
    let mut bench = two();
    bench.input(1, 1);
    // It comes while the batch is with the worker.
    watches(&mut bench, 9);
    let batch = commits(&mut bench, |_| ());
    assert!(!batch.render_watch);
    assert_eq!(bench.closed(9), None);
    assert!(commits(&mut bench, |_| ()).render_watch, "it is owed one");
}

#[test]
fn an_input_that_is_set_aside_counts_as_dealt_with_and_its_player_is_told() {
    let mut bench = two();
    // Nobody can be started elsewhere, so it is judged where it is.
    bench.order(Order::Startable(BTreeSet::new()));
    bench.input(1, 1);
    bench.input(1, 2);
    bench.effects.retain(|effect| matches!(effect, Effect::Worker(..)));
    for _ in 0..60 {
        for message in bench.sent_to(ONE) {
            let bad = matches!(&message, ToWorker::Deliver(deliver)
                if deliver.items.iter().any(|item| matches!(item, Item::Input { seq: 1, .. })));
            let turn = message.turn();
            let (room, attempt, message_) = (turn.room, turn.attempt, "it panicked".to_owned());
            let stage = Stage::Deliver;
            let fault = Fault { room, attempt, stage, message: message_, refusal: false };
            let reply =
                if bad { Some(FromWorker::Fault(fault)) } else { answer(ONE, &message, false) };
            reply.into_iter().for_each(|reply| bench.worker(ONE, reply));
        }
        bench.wait(Span::millis(100));
    }
    let aside = Report::SetAside {
        room: ROOM,
        release: super::bench::OLD,
        session: FIRST,
        what: Aside::Input(1),
        appeal: false,
    };
    assert!(bench.effects.contains(&Effect::Report(aside)));
    let told: Vec<_> = pushed(&bench, 1).into_iter().map(|p| (p.set_aside, p.applied)).collect();
    assert_eq!(told, [(vec![1], Some(1)), (vec![], Some(2))]);
    bench.hello_again(7);
    let again = &pushed(&bench, 7)[0];
    assert_eq!((&again.set_aside[..], again.applied), (&[1][..], Some(2)), "also who comes back");
    let seats: Vec<_> = records(&bench).iter().flat_map(|r| r.seats.clone()).collect();
    assert!(seats.contains(&SeatChange::SetAside { session: FIRST, input: 1 }), "{seats:?}");
    let image = bench.shard.rooms(bench.now).next().and_then(|facts| facts.image.cloned());
    assert_eq!(image.map(|image| image.seats[&FIRST].applied), Some(2));
}

#[test]
fn a_worker_that_has_not_run_what_it_was_given_is_told_of() {
    let counted = |ran: u32| {
        let mut bench = two();
        bench.input(1, 1);
        commits(&mut bench, |_| ());
        bench.input(1, 2);
        bench.input(1, 3);
        bench.input(2, 1);
        commits(&mut bench, |_| ());
        commits(&mut bench, |commit| commit.inputs = ran);
        bench.reports().into_iter().find_map(|report| match report {
            Report::Miscounted { twice, missing, .. } => Some((twice, missing)),
            _ => None,
        })
    };
    assert_eq!(counted(2), None);
    assert_eq!(counted(3), Some((1, 0)));
    assert_eq!(counted(0), Some((0, 2)));
}

#[test]
fn what_is_not_the_answer_to_the_batch_under_way_has_no_effect() {
    let mut bench = two();
    bench.input(1, 1);
    let sent = bench.sent_to(ONE);
    let Some(FromWorker::Commit(true_one)) = answer(ONE, &sent[0], false) else { panic!() };
    let (mut early, mut late) = (true_one.clone(), true_one.clone());
    let mut void = true_one.clone();
    void.attempt.0 += 99;
    early.seq = Seq(true_one.seq.0 - 1);
    late.seq = true_one.seq.next();
    for wrong in [early, late, void] {
        bench.worker(ONE, FromWorker::Commit(wrong));
        assert_eq!(records(&bench), []);
    }
    bench.worker(ONE, FromWorker::Commit(true_one.clone()));
    bench.worker(ONE, FromWorker::Commit(true_one));
    assert_eq!(records(&bench).len(), 1);
}

#[test]
fn a_commit_in_another_version_than_the_release_writes_is_refused() {
    let mut bench = two();
    bench.input(1, 1);
    commits(&mut bench, |commit| commit.version = 2);
    assert_eq!(records(&bench), []);
    assert!(bench.reports().iter().any(|report| matches!(report, Report::Refused { .. })));
}

/// A room whose commits are only kept in memory for a while.
fn lossy() -> Policies {
    let survives = Survives::WorkerCrash { checkpoint: Span::secs(2) };
    Policies { survives, tick: None, ..now() }
}

#[test]
fn a_room_that_may_lose_commits_is_stored_by_and_by_and_its_outputs_leave_at_once() {
    let mut bench = Bench::with_player(&lossy(), false);
    bench.wait(Span::secs(5));
    bench.effects.clear();
    bench.store_works = false;
    bench.input(1, 1);
    commits(&mut bench, |commit| commit.outputs = vec![event(FIRST, b"a")]);
    assert_eq!((pushed(&bench, 1).len(), records(&bench)), (1, Vec::new()));
    bench.wait(Span::millis(1_999));
    assert!(snapshots(&bench).is_empty());
    bench.wait(Span::millis(1));
    let [image] = snapshots(&bench)[..] else { panic!() };
    assert!(!image.clean && image.seats[&FIRST].applied == 1);
}

#[test]
fn what_would_be_lost_for_good_is_stored_at_once_in_such_a_room() {
    let mut bench = Bench::with_player(&lossy(), false);
    bench.wait(Span::secs(5));
    bench.effects.clear();
    // An input and an absence are not.
    bench.input(1, 1);
    commits(&mut bench, |_| ());
    assert!(snapshots(&bench).is_empty());
    // A seat is.
    bench.hello(2);
    commits(&mut bench, |_| ());
    assert_eq!(snapshots(&bench).len(), 1);
    assert!(bench.welcomed(2));
}

#[test]
fn nothing_of_such_a_room_leaves_before_the_store_knows_that_it_may_lose_something() {
    let mut bench = Bench::with_player(&lossy(), false);
    bench.order(Order::Stop);
    let clean = snapshots(&bench).last().map(|image| (*image).clone()).expect("its last word");
    assert!(clean.clean);
    let mut bench = Bench::under(2, Span::ZERO, &lossy());
    bench.recovered(clean);
    bench.hello_again(5);
    bench.store_works = false;
    for message in bench.sent_to(ONE) {
        answer(ONE, &message, false).into_iter().for_each(|reply| bench.worker(ONE, reply));
    }
    bench.effects.retain(|effect| matches!(effect, Effect::Worker(..)));
    let back = commits(&mut bench, |commit| commit.outputs = vec![event(FIRST, b"a")]);
    assert_eq!((pushed(&bench, 5), bench.closed(5)), (Vec::new(), None));
    let [image] = snapshots(&bench)[..] else { panic!() };
    assert_eq!((image.clean, image.seq), (false, back.seq));
    bench.input(5, 1);
    commits(&mut bench, |commit| commit.outputs = vec![event(FIRST, b"b")]);
    assert_eq!(pushed(&bench, 5), []);
    bench.stored(Stored::Snapshot(back.seq));
    let events: Vec<_> = pushed(&bench, 5).into_iter().flat_map(|push| push.events).collect();
    assert_eq!(events.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [1, 2], "both at once");
}

/// A room of which a keeper has lost something, read back with the seat of the first player.
fn read_back(clean: bool) -> Bench {
    let mut bench = Bench::with_player(&turn_based(), false);
    bench.input(1, 1);
    bench.obey(ONE, false);
    let image = bench.shard.rooms(bench.now).next().and_then(|facts| facts.image.cloned());
    let image = Image { clean, ..image.expect("it is live") };
    let limits = Limits { snapshot_every_commits: 2, ..Limits::default() };
    let mut bench = Bench::limited(&turn_based(), limits);
    bench.recovered(image);
    bench.obey(ONE, false);
    bench
}

/// The first player comes back and says that inputs up to before that one are applied.
fn comes_back(bench: &mut Bench, history: u64, lo: u64) {
    let who = Who::Known {
        session: FIRST,
        secret: SecretHash([1; 16]),
        history: History(history),
        generation: Generation(5),
        recv: 0,
        lo,
        whole: false,
    };
    bench.gate(ToOwner::Hello(Hello { conn: ConnId(5), room: ROOM, who, create: None }));
}

#[test]
fn a_room_is_complete_again_when_each_loss_is_counted_and_not_before() {
    let cleans = |bench: &Bench| snapshots(bench).iter().map(|i| i.clean).collect::<Vec<_>>();
    let mut bench = read_back(true);
    assert_eq!(cleans(&bench), [], "it has lost nothing");
    bench.hello(2);
    bench.obey(ONE, false);
    bench.input(2, 1);
    bench.obey(ONE, false);
    assert!(!cleans(&bench).is_empty() && cleans(&bench).iter().all(|clean| *clean));
    // One who may have lost something has not come back.
    let mut bench = read_back(false);
    bench.hello(2);
    bench.obey(ONE, false);
    for n in 1..=6 {
        bench.input(2, n);
        bench.obey(ONE, false);
    }
    assert!(cleans(&bench).len() > 2 && cleans(&bench).iter().all(|clean| !*clean));
    bench.effects.clear();
    comes_back(&mut bench, 0, 4);
    assert!(bench.welcomed(5));
    bench.input(2, 7);
    assert_eq!(cleans(&bench), [], "its loss is in no commit yet");
    for n in 8..=12 {
        bench.obey(ONE, false);
        bench.input(2, n);
    }
    let last = cleans(&bench);
    assert_eq!(last.last(), Some(&true), "{last:?}");
}

#[test]
fn a_handoff_does_not_wait_for_the_snapshot_that_is_with_the_store() {
    let mut bench = Bench::with_player(&lossy(), true);
    bench.wait(Span::secs(5));
    bench.store_works = false;
    bench.hello(2);
    bench.obey(ONE, true);
    assert_eq!(snapshots(&bench).len(), 1);
    bench.move_to(NEW, true);
    bench.obey(TWO, true);
    let seqs: Vec<Seq> = snapshots(&bench).iter().map(|image| image.seq).collect();
    assert_eq!(seqs.len(), 2, "one with the store already, and the switch: {seqs:?}");
    assert!(!super::moved(&bench.reports()));
    for seq in seqs {
        bench.stored(Stored::Snapshot(seq));
    }
    assert!(super::moved(&bench.reports()));
}

/// Of a room that is stored by records only the last word of a stop, or the next snapshot, is whole.
#[test]
fn a_record_that_is_safe_before_a_snapshot_lets_go_only_of_its_own_outputs() {
    let mut bench = two();
    bench.store_works = false;
    let mut seqs = Vec::new();
    for n in 1..=3 {
        bench.input(1, n);
        let batch = commits(&mut bench, |c| c.outputs = vec![event(FIRST, b"a")]);
        seqs.push(batch.seq);
    }
    let told = |bench: &Bench| pushed(bench, 1).iter().filter_map(|push| push.applied).collect();
    for (n, seq) in (1..).zip(&seqs) {
        bench.stored(Stored::Record(*seq));
        let applied: Vec<u64> = told(&bench);
        assert_eq!(applied, (1..=n).collect::<Vec<_>>());
    }
    bench.stored(Stored::Record(seqs[0]));
    let applied: Vec<u64> = told(&bench);
    assert_eq!(applied, [1, 2, 3], "what was safe before says nothing new");
}

#[test]
fn a_room_runs_ahead_of_the_store_by_so_many_commits_and_goes_on_when_one_is_safe() {
    let mut bench = two();
    bench.store_works = false;
    let most = Limits::default().unsafe_commits_max as u64;
    let mut first = None;
    for n in 1..=most {
        bench.input(1, n);
        let batch = commits(&mut bench, |_| ());
        first.get_or_insert(batch.seq);
    }
    bench.input(1, most + 1);
    assert_eq!(bench.sent_to(ONE), [], "the store has none of them");
    bench.stored(Stored::Record(first.unwrap()));
    commits(&mut bench, |_| ());
    assert_eq!(bench.sent_to(ONE), []);
}

#[test]
fn a_game_that_left_another_view_out_shows_spectators_nothing_all_the_same() {
    let left = |session| LeftOut { session, again: true };
    for (left_out, stay) in [(FIRST, false), (LeftOut::WATCHERS, true)] {
        let mut bench = two();
        watches(&mut bench, 9);
        commits(&mut bench, |commit| commit.left_out = vec![left(left_out)]);
        assert_eq!(bench.closed(9), (!stay).then_some(Close::Refused));
    }
}
