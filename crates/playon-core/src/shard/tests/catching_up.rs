//! What players and spectators are sent, and what is sent again to whoever comes back.

use std::collections::BTreeMap;

use crate::effect::{Effect, Stored};
use bytes::Bytes;
use playon_types::attach::{Fault, FromWorker, Output, Stage, ToWorker};
use playon_types::gate::{Close, Hello, Push, ToGateway, ToOwner, Who};
use playon_types::ids::{ConnId, Generation, History, SecretHash, SessionId};
use playon_types::image::{Image, Seat};
use playon_types::kind::Policies;
use playon_types::time::Span;

use super::bench::{Bench, ONE, ROOM, answer, committed};
use super::now;

const FIRST: SessionId = SessionId(101);

fn table() -> Bench {
    Bench::with_player(&Policies { tick: None, ..now() }, false)
}

/// The game answers an input with an event, and shows spectators its number.
fn plays(bench: &mut Bench, input: u64) {
    bench.input(1, input);
    commits(bench, input);
}

fn commits(bench: &mut Bench, input: u64) {
    let sent = bench.sent_to(ONE);
    let [batch @ ToWorker::Deliver(_)] = sent.as_slice() else { panic!("{sent:?}") };
    let Some(FromWorker::Commit(mut commit)) = answer(ONE, batch, false) else {
        panic!("it plays")
    };
    let payload = Bytes::from(format!("event {input}"));
    commit.outputs.push(Output { session: FIRST, reliable: true, payload });
    commit.watch_view = Some(Bytes::from(format!("after {input}")));
    bench.worker(ONE, FromWorker::Commit(commit));
}

/// What was pushed to a socket since this was last asked.
fn pushed(bench: &mut Bench, conn: u64) -> Vec<Push> {
    let (mine, rest) = std::mem::take(&mut bench.effects).into_iter().partition(
        |effect| matches!(effect, Effect::Gate(ToGateway::Push { conn: at, .. }) if at.0 == conn),
    );
    bench.effects = rest;
    let push = |effect| match effect {
        Effect::Gate(ToGateway::Push { push, .. }) => Some(push),
        _ => None,
    };
    Vec::into_iter(mine).filter_map(push).collect()
}

fn events(numbers: &[u64]) -> Vec<(u64, Bytes)> {
    numbers.iter().map(|n| (*n, Bytes::from(format!("event {n}")))).collect()
}

#[test]
fn whoever_comes_back_is_sent_what_was_missed_and_told_what_was_applied() {
    let mut bench = table();
    plays(&mut bench, 1);
    let live = pushed(&mut bench, 1);
    assert_eq!((live[0].applied, &live[0].events), (Some(1), &events(&[1])));
    plays(&mut bench, 2);
    bench.gate(ToOwner::Gone { conn: ConnId(1) });
    bench.hello_again(2);
    let again = pushed(&mut bench, 2);
    assert_eq!((again[0].applied, &again[0].events), (Some(2), &events(&[1, 2])));
}

#[test]
fn nothing_leaves_before_the_commit_is_safe_and_the_end_comes_last() {
    let mut bench = table();
    bench.store_works = false;
    bench.input(1, 1);
    let sent = bench.sent_to(ONE);
    let [batch @ ToWorker::Deliver(deliver)] = sent.as_slice() else { panic!("{sent:?}") };
    let Some(FromWorker::Commit(mut commit)) = answer(ONE, batch, false) else {
        panic!("it plays")
    };
    let payload = Bytes::from_static(b"event 1");
    commit.outputs.push(Output { session: FIRST, reliable: true, payload });
    commit.ended = true;
    bench.worker(ONE, FromWorker::Commit(commit));
    assert_eq!((pushed(&mut bench, 1), bench.closed(1)), (Vec::new(), None));
    bench.stored(Stored::Record(deliver.seq));
    assert_eq!(pushed(&mut bench, 1)[0].events, events(&[1]));
    assert_eq!(bench.closed(1), Some(Close::RoomEnded));
}

#[test]
fn what_waits_for_a_room_includes_what_it_may_fail_on() {
    let mut bench = table();
    bench.input(1, 1);
    let sent = bench.sent_to(ONE);
    let turn = sent[0].turn();
    let (room, attempt, message) = (turn.room, turn.attempt, "it panicked".to_owned());
    let fault = Fault { room, attempt, stage: Stage::Deliver, message, refusal: false };
    bench.worker(ONE, FromWorker::Fault(fault));
    bench.input(1, 2);
    let pending = bench.shard.rooms(bench.now).next().map(|facts| facts.pending);
    assert_eq!(pending, Some(2));
}

#[test]
fn spectators_are_shown_what_each_commit_shows_them() {
    let mut bench = table();
    let who = Who::Watcher;
    bench.gate(ToOwner::Hello(Hello { conn: ConnId(5), room: ROOM, who, create: None }));
    commits(&mut bench, 0);
    plays(&mut bench, 1);
    let views: Vec<_> = pushed(&mut bench, 5).into_iter().map(|push| push.view).collect();
    let shown = |text: &'static [u8]| Some((0, Bytes::from_static(text)));
    assert_eq!(views, [shown(b"after 0"), shown(b"after 1")]);
}

#[test]
fn nobody_is_believed_to_have_lost_inputs_in_a_room_that_loses_none() {
    let seat = Seat { secret: SecretHash([1; 16]), applied: 3, ..Seat::default() };
    let stored = committed(ROOM, "duel", Bytes::from_static(&[1, 5]));
    let seats = BTreeMap::from([(FIRST, seat)]);
    let mut bench = Bench::under(2, Span::ZERO, &now());
    bench.recovered(Image { history: History(2), seats, ..stored });
    bench.obey(ONE, false);
    let claim = |lo| Who::Known {
        session: FIRST,
        secret: SecretHash([1; 16]),
        history: History(1),
        generation: Generation(lo),
        recv: 0,
        lo,
        whole: false,
    };
    for (conn, lo) in [(8, 5), (9, 4)] {
        let hello = Hello { conn: ConnId(conn), room: ROOM, who: claim(lo), create: None };
        bench.gate(ToOwner::Hello(hello));
    }
    assert_eq!((bench.closed(8), bench.welcomed(8)), (Some(Close::InputGap), false));
    assert_eq!((bench.closed(9), bench.welcomed(9)), (None, true), "it says what is so");
}

#[test]
fn the_newest_connection_holds_the_seat() {
    let mut bench = table();
    bench.hello_again(7);
    assert_eq!((bench.closed(1), bench.welcomed(7)), (Some(Close::Replaced), true));
    bench.hello_again(5);
    assert_eq!((bench.closed(5), bench.welcomed(5)), (Some(Close::Replaced), false));
    assert_eq!(bench.closed(7), None);
}
