//! The power fails: at any moment, keeping any part of what was not synced. With disks that tell the truth
//! about syncs, nothing acknowledged is missing and every start works.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use playon_faults::{Calls, FaultKind, IoEvent, IoFault, Keep, Medium, What};

use crate::child::{SEED, STEPS_FIRST, STEPS_SECOND};
use crate::common::scratch;
use crate::judge::{Acked, Outcome, judge};
use crate::loud::run;

/// A moment at which the power fails.
struct Moment {
    disk: Medium,
    acked: Acked,
    after: String,
}

/// Goes on from a disk through a log, and stops at every `stride`-th event, beginning with one of the first.
fn moments(
    disk: &mut Medium,
    acked: &mut Acked,
    log: &[IoEvent],
    stride: usize,
    phase: usize,
) -> Vec<Moment> {
    let mut moments = Vec::new();
    for (at, event) in log.iter().enumerate() {
        disk.apply(event, true);
        if let What::Note(text) = &event.what {
            acked.hear(text);
        }
        if at % stride == phase % stride {
            let what = match &event.what {
                What::Written { offset, data } => format!("{} bytes at {offset}", data.len()),
                other => format!("{other:?}"),
            };
            let after = format!("event {at}, {} {what}", event.file);
            moments.push(Moment { disk: disk.clone(), acked: *acked, after });
        }
    }
    moments
}

/// Lets the power fail at all of them, on two threads, and wants each to be exact.
fn fail_at(moments: &[Moment], keeps: &(dyn Fn(u64) -> Vec<Keep> + Sync)) -> usize {
    let next = AtomicUsize::new(0);
    let count = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(Moment { disk, acked, after }) = moments.get(at) else { return };
                    for keep in keeps(at as u64) {
                        let dir = scratch();
                        disk.fail_power(keep, dir.path()).unwrap();
                        let outcome = judge(SEED, dir.path(), *acked)
                            .unwrap_or_else(|why| panic!("{after}, {keep:?}: {why}"));
                        assert_eq!(outcome, Outcome::Exact, "{after}, {keep:?}, {acked:?}");
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    count.into_inner()
}

fn thorough(seed: u64) -> Vec<Keep> {
    vec![Keep::All, Keep::None, Keep::Torn(seed), Keep::Some(seed)]
}

#[test]
fn at_every_moment_of_a_life() {
    let dir = scratch();
    let first = run(dir.path(), 0, None);
    let (mut disk, mut acked) = (Medium::default(), Acked::default());
    let count = fail_at(&moments(&mut disk, &mut acked, &first.events, 1, 0), &thorough);
    println!("{count} power failures in a first life");
    assert_eq!(acked.step, STEPS_FIRST + STEPS_SECOND);
    assert!(count > 1_000, "only {count} power failures");
}

#[test]
fn at_every_moment_of_a_life_after_a_crash() {
    let dir = scratch();
    run(dir.path(), 0, None);
    let (mut disk, mut acked) = (Medium::of(dir.path()).unwrap(), Acked::default());
    acked.hear(&std::fs::read(dir.path().join("notes")).unwrap());
    let second = run(dir.path(), acked.step, None);
    let count = fail_at(&moments(&mut disk, &mut acked, &second.events, 1, 0), &thorough);
    println!("{count} power failures in a second life");
}

/// After a failed sync the page cache has what the medium never gets, and the next process reads the cache.
/// What it builds on that must not fall with it.
#[test]
fn after_a_failed_sync_and_a_new_start() {
    let mut count = 0;
    for at in 1.. {
        let dir = scratch();
        let fault = IoFault::new(Calls::Sync, at, FaultKind::Eio);
        let first = run(dir.path(), 0, Some(&fault));
        if !first.events.iter().any(|event| event.what == What::Broken) {
            break;
        }
        let (mut disk, mut acked) = (Medium::default(), Acked::default());
        moments(&mut disk, &mut acked, &first.events, usize::MAX, 0);
        let steps = steps(dir.path());
        acked.unheard = steps - acked.step;
        let second = run(dir.path(), steps, None);
        let stops = moments(&mut disk, &mut acked, &second.events, 11, at as usize);
        count += fail_at(&stops, &|seed| vec![Keep::None, Keep::Some(seed)]);
    }
    println!("{count} power failures after failed syncs");
    assert!(count > 500, "only {count} power failures");
}

/// How many steps a directory has, without touching it.
fn steps(dir: &Path) -> u64 {
    let copied = scratch();
    crate::common::copy(dir, copied.path());
    crate::judge::steps(copied.path())
}
