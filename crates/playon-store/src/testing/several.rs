//! Several writes of one room in one batch.

use super::{Engine, record, recovered, room, seqs, snapshot, write};
use crate::batch::Batch;
use crate::store::Store;

/// In any number and order, also of one commit; what each replaces is told apart when the store opens again.
pub(super) fn of_several_snapshots_the_last_counts(engine: &dyn Engine) {
    let orders: [&[(u64, &str)]; 6] = [
        &[(2, "a"), (2, "b")],
        &[(2, "a"), (2, "b"), (2, "c")],
        &[(2, "a"), (2, "b"), (3, "c")],
        &[(3, "a"), (2, "b"), (3, "c"), (3, "d")],
        &[(1, "a"), (1, "b")],
        &[(4, "a"), (2, "b")],
    ];
    let snapshots = |rows: &[(u64, &str)]| -> Vec<_> {
        rows.iter().map(|(seq, body)| snapshot(room(1), *seq, body)).collect()
    };
    for rows in orders {
        let newest = rows.iter().map(|(seq, _)| *seq).max().expect("some");
        let last = rows.iter().rev().find(|(seq, _)| *seq == newest).expect("some").1;
        let store = engine.open();
        // Of a room that is new, of one that is there, and of one that wakes.
        write(&*store, Batch { snapshots: snapshots(rows), ..Batch::default() });
        assert_eq!(found_once(engine, store), (newest, last.into(), vec![]));
        let store = engine.open();
        write(&*store, Batch { snapshots: snapshots(&[(newest, "z")]), ..Batch::default() });
        write(
            &*store,
            Batch { sleeps: vec![snapshot(room(1), newest, "z").into()], ..Batch::default() },
        );
        let again: Vec<_> = rows.iter().map(|(seq, body)| (newest + seq, *body)).collect();
        write(&*store, Batch { snapshots: snapshots(&again), ..Batch::default() });
        assert_eq!(found_once(engine, store), (2 * newest, last.into(), vec![]));
        let store = engine.open();
        let records = (1..=2).map(|n| record(room(1), 2 * newest + n, "r")).collect();
        let same = [(2 * newest, "y"), (2 * newest + 1, "x"), (2 * newest + 1, "w")];
        write(&*store, Batch { records, snapshots: snapshots(&same), ..Batch::default() });
        assert_eq!(found_once(engine, store), (2 * newest + 1, "w".into(), vec![2 * newest + 2]));
        let store = engine.open();
        // A record may follow any snapshot of its batch that runs ahead.
        let at = 2 * newest + 10;
        let records = vec![record(room(1), at + 1, "r"), record(room(1), at + 6, "r")];
        let ahead = [(at, "v"), (at + 5, "u"), (at + 5, "t")];
        write(&*store, Batch { records, snapshots: snapshots(&ahead), ..Batch::default() });
        assert_eq!(found_once(engine, store), (at + 5, "t".into(), vec![at + 6]));
        let store = engine.open();
        write(&*store, Batch { deletes: vec![room(1)], ..Batch::default() });
        store.close().expect("closes");
    }
}

/// Closes the store, opens it again, and gives room 1: its snapshot and the commits after it.
fn found_once(engine: &dyn Engine, store: Box<dyn Store>) -> (u64, String, Vec<u64>) {
    store.close().expect("closes");
    drop(store);
    let store = engine.open();
    let rooms = recovered(&*store);
    let found = &rooms[&room(1)];
    let (seq, later) = seqs(found);
    let body = String::from_utf8(found.snapshot.body.to_vec()).expect("text");
    store.close().expect("closes");
    (seq, body, later)
}

/// A batch may have several of each write for a room.
pub(super) fn a_room_may_come_and_go_within_a_batch(engine: &dyn Engine) {
    let store = engine.open();
    let twice = || vec![snapshot(room(1), 1, "one"), snapshot(room(1), 1, "again")];
    let rests = || ["rests", "rests on"].map(|body| snapshot(room(1), 2, body).into()).to_vec();
    let records = || vec![record(room(1), 2, "two")];
    write(
        &*store,
        Batch {
            snapshots: twice(),
            records: records(),
            deletes: vec![room(1)],
            ..Batch::default()
        },
    );
    write(
        &*store,
        Batch { snapshots: twice(), records: records(), sleeps: rests(), ..Batch::default() },
    );
    store.close().expect("closes");
    let store = engine.open();
    let found = store.load_sleeping(room(1)).expect("readable").expect("there");
    assert_eq!(found.snapshot.body, "rests on");
    let wakes = || vec![snapshot(room(1), 2, "awake"), snapshot(room(1), 2, "awake again")];
    write(&*store, Batch { snapshots: wakes(), sleeps: rests(), ..Batch::default() });
    write(
        &*store,
        Batch {
            snapshots: wakes(),
            sleeps: rests(),
            deletes: vec![room(1); 2],
            ..Batch::default()
        },
    );
    store.close().expect("closes");
    let store = engine.open();
    assert!(store.load_sleeping(room(1)).expect("readable").is_none());
    assert!(recovered(&*store).is_empty());
}
