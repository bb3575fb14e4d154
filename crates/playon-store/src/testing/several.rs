//! Several writes of one room in one batch.

use super::{Engine, record, recovered, room, seqs, snapshot, write};
use crate::contract::{Batch, RoomLog};

/// In any number and order, also of one commit; what each replaces is told apart when the store opens again.
pub(super) fn of_several_snapshots_the_last_counts<S: RoomLog + ?Sized>(engine: &dyn Engine<S>) {
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
fn found_once<S: RoomLog + ?Sized>(
    engine: &dyn Engine<S>,
    store: Box<S>,
) -> (u64, String, Vec<u64>) {
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
