//! An orderly stop: it waits for the store and for nobody else.

use crate::effect::{Effect, Order, Report, Stored};
use playon_types::attach::{FromWorker, ToWorker};
use playon_types::ids::Seq;
use playon_types::image::Image;
use playon_types::kind::{OnDeploy, Policies, Survives};
use playon_types::time::Span;

use super::bench::{Bench, NEW, ONE, ROOM, TWO, answer};

fn lossy() -> Policies {
    Policies {
        survives: Survives::WorkerCrash { checkpoint: Span::secs(1) },
        on_deploy: OnDeploy::Now,
        ..Policies::default()
    }
}

fn stopped(bench: &mut Bench) -> bool {
    bench.reports().iter().any(|report| matches!(report, Report::Stopped))
}

/// The last image that was given to the store since the last time.
fn stored(bench: &mut Bench) -> Option<Image> {
    let image = bench.effects.iter().rev().find_map(|effect| match effect {
        Effect::Snapshot(image) => Some(image.clone()),
        _ => None,
    });
    bench.effects.retain(|effect| !matches!(effect, Effect::Snapshot(_)));
    image
}

#[test]
fn a_batch_that_a_worker_has_is_not_waited_for_whatever_becomes_of_it() {
    for policies in [Policies::default(), lossy()] {
        for dies in [true, false] {
            let mut bench = Bench::with_player(&policies, true);
            bench.input(1, 1);
            let sent = bench.sent_to(ONE);
            assert!(matches!(sent.as_slice(), [ToWorker::Deliver(_)]));
            stored(&mut bench);
            bench.order(Order::Stop);
            assert!(stopped(&mut bench));
            let last = stored(&mut bench);
            assert!(
                last.as_ref().is_none_or(|image| image.clean && image.seq == Seq(2)),
                "{last:?}"
            );
            if dies {
                bench.worker_down(ONE);
            } else {
                bench.worker(ONE, answer(ONE, &sent[0], true).unwrap());
            }
            assert!(stored(&mut bench).is_none(), "nothing follows the last word");
            let seq = bench.shard.rooms(bench.now).map(|facts| facts.image.map(|image| image.seq));
            assert_eq!(seq.collect::<Vec<_>>(), [Some(Seq(2))]);
        }
    }
}

#[test]
fn a_stop_waits_until_what_was_committed_is_safe_though_the_worker_dies_meanwhile() {
    let mut bench = Bench::with_player(&Policies::default(), true);
    bench.input(1, 1);
    bench.store_works = false;
    bench.obey(ONE, true);
    bench.order(Order::Stop);
    assert!(!stopped(&mut bench));
    bench.worker_down(ONE);
    assert!(!stopped(&mut bench));
    bench.shard.handle_stored(bench.now, ROOM, Stored::Record(Seq(3)));
    bench.wait(Span::ZERO);
    assert!(stopped(&mut bench));
}

#[test]
fn a_stop_in_a_switch_waits_for_its_record_and_for_neither_worker() {
    let mut bench = Bench::with_player(&lossy(), true);
    bench.move_to(NEW, true);
    bench.store_works = false;
    bench.obey(TWO, true);
    assert!(bench.effects.iter().any(|effect| matches!(effect, Effect::Snapshot(_))));
    bench.order(Order::Stop);
    bench.worker_down(ONE);
    bench.worker_down(TWO);
    assert!(!stopped(&mut bench));
    bench.shard.handle_stored(bench.now, ROOM, Stored::Snapshot(Seq(3)));
    bench.wait(Span::ZERO);
    assert!(stopped(&mut bench));
}

#[test]
fn a_stop_in_a_cutover_takes_the_last_commit() {
    let mut bench = Bench::with_player(&lossy(), true);
    bench.move_to(NEW, true);
    let sent = bench.sent_to(TWO);
    let warm = answer(TWO, &sent[0], true).unwrap();
    bench.worker(TWO, warm);
    let tail = bench.sent_to(TWO);
    assert!(matches!(tail.as_slice(), [ToWorker::Tail { .. }]), "{tail:?}");
    stored(&mut bench);
    bench.order(Order::Stop);
    assert!(stopped(&mut bench));
    stored(&mut bench);
    let ready = answer(TWO, &tail[0], true).unwrap();
    assert!(matches!(ready, FromWorker::Ready(_)));
    bench.worker(TWO, ready);
    assert!(stored(&mut bench).is_none(), "no switch after the stop");
}
