//! Rooms that are there when others take their worker down.

use crate::fleet::{Berth, Ended, WorkerEnd};
use bytes::Bytes;
use playon_types::attach::{ToWorker, Turn};
use playon_types::ids::{Attempt, RoomId, Seq};

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
