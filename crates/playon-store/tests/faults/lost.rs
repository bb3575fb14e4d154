//! A disk that lies: writes that were synced are not there, or only half of them, or zeros are. The store
//! notices, whatever it is, as long as the watermark is there.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use playon_faults::{IoEvent, Keep, Medium, What};
use playon_store::watermark::WATERMARK_FILE;

use crate::child::SEED;
use crate::common::scratch;
use crate::judge::{Acked, Outcome, judge};
use crate::loud::run;

/// Judges many directories, on two threads; returns how many were exact, had damaged rooms, were refused.
fn judge_all(count: usize, make: &(dyn Fn(usize, &Path) -> (Acked, String) + Sync)) -> [usize; 3] {
    let next = AtomicUsize::new(0);
    let counts = [const { AtomicUsize::new(0) }; 3];
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        return;
                    }
                    let dir = scratch();
                    let (acked, harm) = make(at, dir.path());
                    let outcome = judge(SEED, dir.path(), acked)
                        .unwrap_or_else(|why| panic!("{harm}: {why}"));
                    let outcome = match outcome {
                        Outcome::Exact => 0,
                        Outcome::RoomsDamaged => 1,
                        Outcome::Refused(_) => 2,
                    };
                    counts[outcome].fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    counts.map(AtomicUsize::into_inner)
}

/// A life, and where in its log the harm may be done. Its files at the end of the log have everything.
struct Story {
    events: Vec<IoEvent>,
    acked: Acked,
}

/// A whole life, and one that ends just before the store is closed, when more is in the write-ahead log.
fn stories() -> Vec<Story> {
    let dir = scratch();
    let events = run(dir.path(), 0, None).events;
    let half = events.len() / 2;
    let story = |events: &[IoEvent]| Story { events: events.to_vec(), acked: Acked::of(events) };
    vec![story(&events), story(&events[..half])]
}

fn disk_after<'a>(events: impl Iterator<Item = &'a IoEvent>) -> Medium {
    let mut disk = Medium::default();
    events.for_each(|event| disk.apply(event, true));
    disk
}

#[test]
fn every_single_write_that_is_lost_or_torn() {
    for Story { events, acked } in stories() {
        let writes: Vec<usize> = (0..events.len())
            .filter(|at| {
                let IoEvent { what, file } = &events[*at];
                matches!(what, What::Written { .. }) && file != WATERMARK_FILE
            })
            .collect();
        for torn in [false, true] {
            let counts = judge_all(writes.len(), &|index, dir| {
                let lost = writes[index];
                let mut events = events.clone();
                if let What::Written { data, .. } = &mut events[lost].what {
                    data.truncate(if torn { data.len() / 2 } else { 0 });
                }
                disk_after(events.iter()).fail_power(Keep::All, dir).unwrap();
                (acked, format!("write {lost} to {} is lost, torn: {torn}", events[lost].file))
            });
            println!("{} writes lost, torn {torn}: {counts:?}", writes.len());
            assert!(counts[0] + counts[1] > 0 && counts[2] > 0, "{counts:?}");
        }
    }
}

/// From some sync on, the disk only says that it synced; then the power fails. What it dropped is of one
/// file, or of both.
#[test]
fn every_sync_that_is_a_lie() {
    for Story { events, acked } in stories() {
        let syncs: Vec<usize> =
            (0..events.len()).filter(|at| events[*at].what == What::Synced).collect();
        for file in ["playon.db", "playon.db-wal", ""] {
            let counts = judge_all(syncs.len(), &|index, dir| {
                let mut disk = Medium::default();
                for (at, event) in events.iter().enumerate() {
                    // Names are not what this is about.
                    let lies = at >= syncs[index]
                        && event.file != "."
                        && event.file.ends_with(file)
                        && !event.file.starts_with(WATERMARK_FILE);
                    disk.apply(event, !lies);
                }
                disk.sync(WATERMARK_FILE);
                disk.fail_power(Keep::None, dir).unwrap();
                (acked, format!("syncs of {file:?} are lies from event {} on", syncs[index]))
            });
            println!("{} lying syncs of {file:?}: {counts:?}", syncs.len());
            assert!(counts[2] > 0, "{counts:?}");
        }
    }
}

#[test]
fn every_block_that_is_zeroed() {
    for Story { events, acked } in stories() {
        let whole = scratch();
        disk_after(events.iter()).fail_power(Keep::All, whole.path()).unwrap();
        for file in ["playon.db", "playon.db-wal", WATERMARK_FILE] {
            let bytes = std::fs::read(whole.path().join(file)).unwrap();
            for block in [512, 4_096, 65_536] {
                let counts = judge_all(bytes.len().div_ceil(block), &|index, dir| {
                    crate::common::copy(whole.path(), dir);
                    let mut bytes = bytes.clone();
                    let end = bytes.len().min((index + 1) * block);
                    bytes[index * block..end].fill(0);
                    std::fs::write(dir.join(file), bytes).unwrap();
                    (acked, format!("{file}: {block} bytes from {} are zeros", index * block))
                });
                println!("{file}, blocks of {block} bytes zeroed: {counts:?}");
            }
        }
    }
}
