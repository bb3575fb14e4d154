//! Deadlines count from a message's turn at the worker.

use crate::effect::Effect;
use crate::limits::Limits;
use playon_types::attach::{ToWorker, Turn};
use playon_types::gate::Close;
use playon_types::ids::{Attempt, RoomId, Seq};
use playon_types::kind::Policies;
use playon_types::time::Span;

use super::bench::{Bench, ONE, ROOM, answer};

/// A room whose batch is with its worker, and that batch's turn.
fn under_way() -> (Bench, Turn) {
    let mut bench = Bench::with_player(&Policies::default(), true);
    bench.input(1, 1);
    let sent = bench.sent_to(ONE);
    let [ToWorker::Deliver(deliver)] = sent.as_slice() else { panic!("{sent:?}") };
    let turn = Turn { room: ROOM, attempt: deliver.attempt, seq: deliver.seq };
    (bench, turn)
}

fn suspected(bench: &Bench) -> bool {
    bench.effects.iter().any(|effect| matches!(effect, Effect::Suspect { .. }))
}

fn elsewhere() -> Turn {
    Turn { room: RoomId([7; 16]), attempt: Attempt(99), seq: Seq(3) }
}

#[test]
fn a_batch_that_waits_behind_others_is_no_sign_of_a_hung_worker() {
    let (mut bench, turn) = under_way();
    // The worker is at another room.
    bench.shard.handle_turn(bench.now, ONE, elsewhere());
    let timeout = Policies::default().batch_timeout;
    bench.wait(timeout);
    bench.wait(timeout);
    assert!(!suspected(&bench));
    bench.shard.handle_turn(bench.now, ONE, turn);
    assert_eq!(bench.shard.next_timeout(), Some(bench.now + timeout));
    bench.wait(timeout);
    assert!(suspected(&bench), "it had its whole time");
}

#[test]
fn a_worker_that_answers_the_rooms_of_other_shards_is_not_hung() {
    let (mut bench, _) = under_way();
    bench.shard.handle_turn(bench.now, ONE, elsewhere());
    let word = Span(Limits::default().turn_timeout.0 / 2);
    for _ in 0..4 {
        bench.wait(word);
        bench.shard.handle_heard(bench.now, ONE);
    }
    assert!(!suspected(&bench), "it answers, and this shard's turn has not come");
    bench.wait(word);
    bench.wait(word);
    assert!(suspected(&bench), "it answers nobody any more");
}

#[test]
fn a_worker_that_notes_nothing_is_not_hung_while_it_answers_others() {
    let (mut bench, _) = under_way();
    let timeout = Policies::default().batch_timeout;
    bench.wait(Span(timeout.0 - 1));
    bench.shard.handle_heard(bench.now, ONE);
    bench.wait(Span(1));
    assert!(!suspected(&bench), "what it answered was in front");
    bench.wait(timeout);
    assert!(suspected(&bench));
}

#[test]
fn a_worker_that_answers_nothing_for_long_is_hung_whatever_it_notes() {
    let (mut bench, _) = under_way();
    bench.shard.handle_turn(bench.now, ONE, elsewhere());
    let began = bench.now;
    bench.wait(Policies::default().batch_timeout);
    let turn_timeout = Limits::default().turn_timeout;
    assert_eq!(bench.shard.next_timeout(), Some(began + turn_timeout));
    bench.wait(Span(turn_timeout.0 - Policies::default().batch_timeout.0));
    assert!(suspected(&bench));
}

#[test]
fn a_worker_that_notes_nothing_is_hung_after_the_time_of_one_batch() {
    let (mut bench, _) = under_way();
    bench.wait(Policies::default().batch_timeout);
    assert!(suspected(&bench));
}

#[test]
fn a_room_that_is_to_be_made_waits_behind_others_and_is_not_given_up() {
    let mut bench = Bench::new(&Policies::default());
    bench.hello(1);
    let sent = bench.sent_to(ONE);
    let [create @ ToWorker::Create { .. }] = sent.as_slice() else { panic!("{sent:?}") };
    bench.shard.handle_turn(bench.now, ONE, elsewhere());
    for _ in 0..4 {
        bench.wait(Limits::default().open_timeout);
        bench.shard.handle_heard(bench.now, ONE);
    }
    assert_eq!(bench.closed(1), None, "its turn has not come");
    assert!(!suspected(&bench));
    bench.shard.handle_turn(bench.now, ONE, create.turn());
    bench.worker(ONE, answer(ONE, create, true).expect("it is made"));
    bench.obey(ONE, true);
    assert!(bench.welcomed(1));
}

#[test]
fn a_room_that_nobody_is_asked_to_make_is_given_up() {
    let mut bench = Bench::new(&Policies::default());
    bench.worker_down(ONE);
    bench.hello(1);
    bench.wait(Limits::default().open_timeout);
    assert_eq!(bench.closed(1), Some(Close::Busy));
}

#[test]
fn a_room_in_whose_making_a_worker_hangs_is_given_up() {
    let mut bench = Bench::new(&Policies::default());
    bench.hello(1);
    let turn = bench.sent_to(ONE)[0].turn();
    bench.shard.handle_turn(bench.now, ONE, turn);
    bench.wait(Policies::default().batch_timeout);
    assert!(suspected(&bench));
    bench.wait(Limits::default().open_timeout);
    assert_eq!(bench.closed(1), Some(Close::Busy), "nobody has ended it");
}
