//! Rooms that are there when others take their worker down.

use crate::fleet::{Berth, Ended, WorkerEnd};
use bytes::Bytes;
use playon_types::attach::{Fault, FromWorker, Stage, ToWorker, Turn};
use playon_types::ids::{Attempt, RoomId, Seq, WorkerId};

use super::bench::{Bench, ONE, ROOM, answer, committed, turn_based};

/// Two rooms that cannot be opened take a worker down each, with this one on it. What the room has to run at each of these deaths,
/// and whether it is opened among the others then.
fn beside_two(at_first: bool, at_second: bool) -> bool {
    let mut bench = Bench::with_player(&turn_based(), false);
    let mut input = 0;
    let mut common = ONE;
    for (n, has_input) in [(1, at_first), (2, at_second)] {
        let bad = RoomId([100 + n; 16]);
        let state = Bytes::from_static(&[1, 5]);
        bench.recovered(committed(bad, "duel", state));
        if has_input && input == 0 {
            input += 1;
            bench.input(1, input);
        }
        let sent = bench.sent_to(common);
        let opening = sent.iter().find(|message| message.turn().room == bad).expect("it is opened");
        let turns = Some(vec![opening.turn()]);
        let end = WorkerEnd { ended: Ended::ByItself, turns, how: String::new() };
        bench.worker_ends(common, &end);
        common = bench.old_worker_up(20 + u64::from(n), Berth::Common);
        if n == 1 {
            let sent = bench.sent_to(common);
            let open =
                sent.iter().find(|message| message.turn().room == ROOM).expect("it is opened");
            bench.worker(common, answer(ONE, open, false).expect("it opens"));
        }
    }
    let sent = bench.sent_to(common);
    sent.iter().any(|message| matches!(message, ToWorker::Open { room: ROOM, .. }))
}

#[test]
fn a_room_that_had_something_to_run_beside_two_that_took_workers_down_is_run_apart() {
    assert!(!beside_two(true, true));
    assert!(beside_two(false, true), "once is chance");
    assert!(beside_two(false, false), "it had nothing to run");
}

#[test]
fn a_room_on_another_worker_was_not_beside() {
    let mut bench = Bench::with_player(&turn_based(), false);
    bench.input(1, 1);
    assert!(matches!(bench.sent_to(ONE).as_slice(), [ToWorker::Deliver(_)]));
    for n in 1..=3 {
        let other = bench.old_worker_up(30 + n, Berth::Common);
        let turn = Turn { room: RoomId([100; 16]), attempt: Attempt(900 + n), seq: Seq(1) };
        let turns = Some(vec![turn]);
        let end = WorkerEnd { ended: Ended::ByItself, turns, how: String::new() };
        bench.worker_ends(other, &end);
    }
    bench.worker_down(ONE);
    let next = bench.old_worker_up(21, Berth::Common);
    let sent = bench.sent_to(next);
    assert!(matches!(sent.as_slice(), [ToWorker::Open { .. }]), "{sent:?}");
}

/// So many rooms that cannot be opened take a worker down each, with this one being opened there, too. Whether it is opened among
/// the others then.
fn opened_beside(deaths: u8, input: bool) -> bool {
    let mut bench = Bench::with_player(&turn_based(), false);
    bench.worker_down(ONE);
    if input {
        bench.input(1, 1);
    }
    let mut common = bench.old_worker_up(20, Berth::Common);
    for n in 1..=deaths {
        let bad = RoomId([100 + n; 16]);
        bench.recovered(committed(bad, "duel", Bytes::from_static(&[1, 5])));
        let sent = bench.sent_to(common);
        assert!(sent.iter().any(|message| message.turn().room == ROOM), "{n}: {sent:?}");
        let opening = sent.iter().find(|message| message.turn().room == bad).expect("it is opened");
        let turns = Some(vec![opening.turn()]);
        let end = WorkerEnd { ended: Ended::ByItself, turns, how: String::new() };
        bench.worker_ends(common, &end);
        common = bench.old_worker_up(20 + u64::from(n), Berth::Common);
        bench.wait(playon_types::time::Span::secs(1));
    }
    bench.sent_to(common).iter().any(|m| matches!(m, ToWorker::Open { room: ROOM, .. }))
}

#[test]
fn a_room_that_was_only_being_opened_is_spared_once_more_than_one_with_inputs_that_wait() {
    assert!(opened_beside(1, true) && opened_beside(1, false));
    assert!(!opened_beside(2, true));
    assert!(opened_beside(2, false));
    assert!(!opened_beside(3, false));
}

/// Another room's turn, at which its worker dies.
fn dies_elsewhere(bench: &mut Bench, worker: WorkerId) {
    let turn = Turn { room: RoomId([100; 16]), attempt: Attempt(900), seq: Seq(1) };
    let turns = Some(vec![turn]);
    bench.worker_ends(worker, &WorkerEnd { ended: Ended::ByItself, turns, how: String::new() });
}

/// What a worker was last sent beside what it is to forget.
fn last(bench: &mut Bench, worker: WorkerId) -> ToWorker {
    let mut sent = bench.sent_to(worker);
    sent.retain(|message| !matches!(message, ToWorker::Retire { .. }));
    sent.pop().expect("something is asked of it")
}

#[test]
fn inputs_on_trial_are_something_to_run() {
    let mut bench = Bench::with_player(&turn_based(), false);
    (1..=3).for_each(|input| bench.input(1, input));
    let first = last(&mut bench, ONE);
    bench.worker(ONE, answer(ONE, &first, false).expect("it is answered"));
    // Both of the others at once.
    let batch = last(&mut bench, ONE);
    let Turn { room, attempt, .. } = batch.turn();
    let (stage, message) = (Stage::Deliver, "as told".to_owned());
    bench.worker(ONE, FromWorker::Fault(Fault { room, attempt, stage, message, refusal: false }));
    assert!(matches!(last(&mut bench, ONE), ToWorker::Open { .. }));
    dies_elsewhere(&mut bench, ONE);
    let common = bench.old_worker_up(21, Berth::Common);
    let open = last(&mut bench, common);
    bench.worker(common, answer(ONE, &open, false).expect("it is opened"));
    let control = last(&mut bench, common);
    assert!(matches!(&control, ToWorker::Deliver(batch) if batch.items.len() <= 1), "{control:?}");
    dies_elsewhere(&mut bench, common);
    let common = bench.old_worker_up(22, Berth::Common);
    assert_eq!(bench.sent_to(common), [], "that was twice");
    let apart = bench.old_worker_up(23, Berth::Trial(0));
    assert!(matches!(last(&mut bench, apart), ToWorker::Open { .. }));
}

#[test]
fn a_room_with_nothing_to_run_was_beside_nothing_however_many_die() {
    let mut bench = Bench::with_player(&turn_based(), false);
    let other = bench.old_worker_up(21, Berth::Common);
    dies_elsewhere(&mut bench, ONE);
    assert!(matches!(last(&mut bench, other), ToWorker::Open { .. }));
    dies_elsewhere(&mut bench, other);
    let common = bench.old_worker_up(22, Berth::Common);
    assert!(matches!(last(&mut bench, common), ToWorker::Open { .. }));
}
