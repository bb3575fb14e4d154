//! How often a room runs that wants to be woken at once.

use playon_types::attach::{FromWorker, ToWorker};
use playon_types::kind::Policies;
use playon_types::time::{RoomTime, Span, WAKE_EVERY_MIN};

use super::bench::{Bench, ONE, answer};

/// Answers the batch that is under way; the room wants to be woken so long after it. Tells whether there was one.
fn batch(bench: &mut Bench, wakes_after: Option<Span>) -> bool {
    let sent = bench.sent_to(ONE);
    let Some(message) = sent.iter().find(|sent| matches!(sent, ToWorker::Deliver(_))) else {
        return false;
    };
    let ToWorker::Deliver(deliver) = message else { unreachable!() };
    let Some(FromWorker::Commit(mut commit)) = answer(ONE, message, true) else { panic!() };
    commit.wake_at = wakes_after.map(|after| deliver.now + after);
    bench.worker(ONE, FromWorker::Commit(commit));
    true
}

#[test]
fn a_timer_that_is_due_at_once_waits_a_little_after_each_batch() {
    for after in [Span(0), Span(1), Span(4_999)] {
        let mut bench = Bench::with_player(&Policies::default(), true);
        bench.input(1, 1);
        assert!(batch(&mut bench, Some(after)));
        let begun = bench.now;
        for _ in 0..100 {
            assert!(!batch(&mut bench, None), "{after:?}: it runs on its own at once");
            let next = bench.shard.next_timeout().unwrap();
            bench.wait(next.since(bench.now));
            assert!(batch(&mut bench, Some(after)), "{after:?}");
        }
        assert_eq!(bench.now.since(begun), Span(100 * WAKE_EVERY_MIN.0), "{after:?}");
        // What others send does not wait for that, and a timer does not wait twice.
        bench.wait(Span(2_000));
        bench.input(1, 2);
        assert!(batch(&mut bench, Some(after)), "{after:?}");
        bench.wait(Span(WAKE_EVERY_MIN.0 - 1));
        assert!(!batch(&mut bench, None));
        bench.wait(Span(1));
        assert!(batch(&mut bench, None));
    }
}

#[test]
fn a_timer_that_is_due_later_is_on_time_and_one_at_the_end_of_time_is_no_trouble() {
    let mut bench = Bench::with_player(&Policies::default(), true);
    bench.input(1, 1);
    assert!(batch(&mut bench, Some(Span(5_001))));
    bench.wait(Span(5_000));
    assert!(!batch(&mut bench, None));
    bench.wait(Span(1));
    assert!(batch(&mut bench, Some(Span(u64::MAX))));
    assert!(bench.shard.next_timeout().is_none_or(|at| at > bench.now));
    assert!(RoomTime(u64::MAX - 1) + WAKE_EVERY_MIN >= RoomTime(u64::MAX - 1));
}
