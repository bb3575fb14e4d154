//! What players and spectators are sent, and what is sent again to whoever comes back.

use bytes::Bytes;
use playon_core::effect::{Effect, Stored};
use playon_types::attach::{Fault, FromWorker, Output, Stage, ToWorker};
use playon_types::gate::{Close, Hello, Push, ToGateway, ToOwner, Who};
use playon_types::ids::{ConnId, SessionId};
use playon_types::kind::Policies;

use super::bench::{Bench, ONE, ROOM, answer};
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
