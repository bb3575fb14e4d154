//! Keepers that end before they know what became of their batches, and keepers that do not know that they have ended.

use std::collections::BTreeSet;

use super::{Engine, born, record, recovered, room, seqs, snapshot, submit, write};
use crate::contract::{Batch, RestingRooms, RoomLog};
use crate::error::StoreError;

/// The room that counts: it has one commit in each batch.
const COUNTER: u8 = 1;
/// A room that goes to rest with this commit of the counter, and wakes with that one.
const RESTS: (u8, u64, u64) = (2, 5, 8);
/// A room that is deleted with this commit of the counter.
const ENDS: (u8, u64) = (3, 6);
/// The last commit that was acknowledged, and the last that was written.
const KNOWN: u64 = 3;
const LAST: u64 = 12;

/// The batch with that commit of the counter. Each makes a room of its own, too.
fn step(n: u64) -> Batch {
    let own = u8::try_from(n).expect("small") + 100;
    let mut batch = Batch { records: vec![record(room(COUNTER), n, "r")], ..born(own) };
    let (rests, at, until) = RESTS;
    if n == at {
        batch.sleeps.push(snapshot(room(rests), 1, "asleep").into());
    }
    if n == until {
        batch.snapshots.push(snapshot(room(rests), 1, "awake"));
    }
    let (ends, at) = ENDS;
    batch.deletes.extend((n == at).then(|| room(ends)));
    batch
}

/// All that was acknowledged is there, and of the rest the first batches, each whole; nothing of the others. The next keeper
/// goes on from there.
pub(super) fn the_first_of_what_a_killed_keeper_wrote_is_there<
    S: RoomLog + RestingRooms + ?Sized,
>(
    engine: &dyn Engine<S>,
) {
    for _ in 0..LAST {
        let store = engine.open();
        let before = store.epoch();
        for n in [COUNTER, RESTS.0, ENDS.0] {
            write(&*store, born(n));
        }
        (2..=KNOWN).for_each(|n| write(&*store, step(n)));
        let store = engine.kill(store, (KNOWN + 1..=LAST).map(step).collect());
        assert!(store.epoch() > before);
        let rooms = recovered(&*store);
        let (snapshot_at, records) = seqs(&rooms[&room(COUNTER)]);
        let found = records.last().copied().unwrap_or(snapshot_at);
        assert!((KNOWN..=LAST).contains(&found), "{KNOWN} was acknowledged, {found} is there");
        assert_eq!((snapshot_at, records), (1, (2..=found).collect()));
        let own = (2..=found).map(|n| room(u8::try_from(n).expect("small") + 100));
        let rests = (RESTS.1..RESTS.2).contains(&found);
        let lives = [(RESTS.0, !rests), (ENDS.0, found < ENDS.1)];
        let others = lives.into_iter().filter(|(_, lives)| *lives).map(|(n, _)| room(n));
        let due: BTreeSet<_> = own.chain(others).chain([room(COUNTER)]).collect();
        assert_eq!(rooms.keys().copied().collect::<BTreeSet<_>>(), due, "as of {found}");
        let asleep = store.load_sleeping(room(RESTS.0));
        assert_eq!(rests, asleep.is_ok_and(|found| found.is_some()), "as of {found}");
        write(&*store, step(found + 1));
        let all = due.into_iter().chain([100, 2, 3].map(room)).chain((102..=113).map(room));
        write(&*store, Batch { deletes: all.collect(), ..Batch::default() });
        store.close().expect("closes");
    }
}

/// The first batch that it still writes is refused, whole, and so are all others; those of the other keeper are not.
pub(super) fn an_overtaken_keeper_writes_no_more<S: RoomLog + RestingRooms + ?Sized>(
    engine: &dyn Engine<S>,
) {
    let store = engine.open();
    write(&*store, born(1));
    let other = engine.overtake();
    assert!(other.epoch() > store.epoch());
    write(&*other, born(2));
    let refused = submit(&*store, Batch { records: vec![record(room(1), 2, "old")], ..born(3) });
    assert!(matches!(refused, Err(StoreError::Fenced(_))), "{refused:?}");
    let refused = submit(&*store, Batch::default());
    assert!(matches!(refused, Err(StoreError::Stopped(_))), "{refused:?}");
    write(&*other, Batch { records: vec![record(room(2), 2, "new")], ..Batch::default() });
    drop(store);
    other.close().expect("closes");
    let rooms = recovered(&*engine.open());
    let found: Vec<_> = rooms.iter().map(|(room, found)| (*room, seqs(found).1)).collect();
    assert_eq!(found, [(room(1), vec![]), (room(2), vec![2])]);
}
