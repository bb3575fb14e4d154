//! Processes that die of what a room's game has left in a thread, when the room is at nothing any more.

use crate::effect::Report;
use crate::fleet::{Berth, Ended, WorkerEnd};
use crate::limits::Limits;
use playon_types::attach::{ToWorker, Turn};
use playon_types::ids::WorkerId;
use playon_types::time::Span;

use super::bench::{Bench, ONE, answer, turn_based};

/// The worker does all that it is asked for, as one of the old release.
fn obey(bench: &mut Bench, worker: WorkerId) {
    loop {
        let sent = bench.sent_to(worker);
        if sent.is_empty() {
            return;
        }
        let replies = sent.iter().filter_map(|message| answer(ONE, message, false));
        replies.for_each(|reply| bench.worker(worker, reply));
    }
}

/// An input is committed on that worker, which dies of itself so much later, at nothing. Where the room has to run then.
fn dies_after(bench: &mut Bench, worker: WorkerId, input: u64, wait: Span) -> Option<Vec<Berth>> {
    bench.input(1, input);
    obey(bench, worker);
    bench.reports();
    bench.wait(wait);
    bench.worker_ends(
        worker,
        &WorkerEnd { ended: Ended::ByItself, turns: Some(Vec::new()), how: String::new() },
    );
    bench.wait(Span::millis(300));
    bench.reports().into_iter().find_map(|report| match report {
        Report::Berths(berths) => Some(berths.into_iter().map(|(_, berth)| berth).collect()),
        _ => None,
    })
}

#[test]
fn a_room_after_whose_inputs_the_process_dies_twice_lives_apart_for_a_while() {
    let mut bench = Bench::with_player(&turn_based(), false);
    let soon = Span::millis(40);
    assert_eq!(dies_after(&mut bench, ONE, 1, soon), None, "once is no pattern");
    let next = bench.old_worker_up(21, Berth::Common);
    obey(&mut bench, next);
    let berths = dies_after(&mut bench, next, 2, soon).unwrap_or_default();
    let [half @ Berth::Suspects(_)] = berths[..] else { panic!("it is a suspect: {berths:?}") };
    let common = bench.old_worker_up(22, Berth::Common);
    bench.wait(Limits::default().trial_wait);
    bench.wait(Span::secs(1));
    assert_eq!(bench.sent_to(common), [], "its worker will come, however often that has died");
    let apart = bench.old_worker_up(23, half);
    obey(&mut bench, apart);
    bench.input(1, 3);
    let sent = bench.sent_to(apart);
    let [ToWorker::Deliver(batch)] = sent.as_slice() else { panic!("it plays on: {sent:?}") };
    assert_eq!(bench.sent_to(common), []);
    let commit = answer(ONE, &ToWorker::Deliver(batch.clone()), false);
    commit.into_iter().for_each(|commit| bench.worker(apart, commit));
    let quarantine = Limits::default().quarantine;
    bench.wait(Span(quarantine.0 - Span::secs(7).0));
    assert_eq!(bench.sent_to(common), [], "until then it stays there");
    bench.wait(Span::secs(1));
    assert!(matches!(bench.sent_to(apart).as_slice(), [ToWorker::Retire { .. }]), "it is over");
    assert!(matches!(bench.sent_to(common).as_slice(), [ToWorker::Open { .. }]));
    assert!(bench.shard.next_timeout() > Some(bench.now));
}

#[test]
fn a_room_that_had_done_nothing_for_a_while_is_no_suspect() {
    let mut bench = Bench::with_player(&turn_based(), false);
    let late = Span::millis(1_200);
    let mut worker = ONE;
    for n in 1..=4 {
        assert_eq!(dies_after(&mut bench, worker, n, late), None);
        worker = bench.old_worker_up(20 + n, Berth::Common);
        obey(&mut bench, worker);
    }
}

/// The room waits for an answer when its worker is ended so. Whether it is opened beside the others again.
fn goes_back(ended: Ended, turns: Option<Vec<Turn>>) -> bool {
    let mut bench = Bench::with_player(&turn_based(), false);
    bench.input(1, 1);
    assert!(matches!(bench.sent_to(ONE).as_slice(), [ToWorker::Deliver(_)]));
    bench.worker_ends(ONE, &WorkerEnd { ended, turns, how: String::new() });
    let common = bench.old_worker_up(21, Berth::Common);
    matches!(bench.sent_to(common).as_slice(), [ToWorker::Open { .. }])
}

/// Another room's time has run out first. That says nothing against that room, nor for this one.
#[test]
fn of_a_worker_that_hangs_and_notes_nothing_all_that_wait_are_suspects() {
    assert!(!goes_back(Ended::Suspect, None));
    assert!(
        goes_back(Ended::Suspect, Some(Vec::new())),
        "it notes what it is at, which is not this"
    );
    assert!(goes_back(Ended::Dismissed, None), "no room is the reason");
}

#[test]
fn a_suspect_that_was_not_there_when_it_happened_again_goes_back_at_once() {
    let mut bench = Bench::with_player(&turn_based(), false);
    let soon = Span::millis(40);
    dies_after(&mut bench, ONE, 1, soon);
    let next = bench.old_worker_up(21, Berth::Common);
    obey(&mut bench, next);
    let berths = dies_after(&mut bench, next, 2, soon).unwrap_or_default();
    let common = bench.old_worker_up(22, Berth::Common);
    let apart = bench.old_worker_up(23, berths[0]);
    obey(&mut bench, apart);
    let other = bench.old_worker_up(24, Berth::Common);
    let end = WorkerEnd { ended: Ended::ByItself, turns: Some(Vec::new()), how: String::new() };
    bench.worker_ends(other, &end);
    let sent = bench.sent_to(common);
    assert!(matches!(sent.as_slice(), [ToWorker::Open { .. }]), "{sent:?}");
    assert!(matches!(bench.sent_to(apart).as_slice(), [ToWorker::Retire { .. }]));
}

/// Twice in a row the process dies while it runs the room, which passes when it is tried: it is detained for that.
pub(crate) fn quarantined() -> (Bench, WorkerId) {
    let mut bench = Bench::with_player(&turn_based(), false);
    let mut common = ONE;
    let trial = bench.old_worker_up(20, Berth::Trial(0));
    for n in 1..=2 {
        bench.input(1, n);
        let end = WorkerEnd { ended: Ended::ByItself, turns: None, how: String::new() };
        bench.worker_ends(common, &end);
        obey(&mut bench, trial);
        common = bench.old_worker_up(30 + n, Berth::Common);
        obey(&mut bench, common);
        obey(&mut bench, trial);
    }
    let apart = bench.old_worker_up(40, Berth::Quarantine);
    obey(&mut bench, apart);
    (bench, apart)
}

#[test]
fn what_another_process_dies_of_frees_no_room_that_is_detained_for_something_else() {
    let (mut bench, apart) = quarantined();
    let soon = Span::millis(40);
    assert_eq!(dies_after(&mut bench, apart, 3, soon), None, "it stays where it is");
    let apart = bench.old_worker_up(41, Berth::Quarantine);
    obey(&mut bench, apart);
    let other = bench.old_worker_up(42, Berth::Common);
    let end = WorkerEnd { ended: Ended::ByItself, turns: Some(Vec::new()), how: String::new() };
    bench.worker_ends(other, &end);
    bench.input(1, 4);
    let sent = bench.sent_to(apart);
    assert!(matches!(sent.as_slice(), [ToWorker::Deliver(_)]), "it plays on there: {sent:?}");
}
