//! The log: what is accepted, and what is found again.

use std::sync::mpsc;

use playon_types::ids::Epoch;

use super::{ANSWER_WITHIN, Engine, born, record, recovered, room, seqs, snapshot, submit, write};
use crate::contract::{Batch, RoomLog};
use crate::error::StoreError;

pub(super) fn each_opening_raises_the_epoch<S: RoomLog + ?Sized>(engine: &dyn Engine<S>) {
    let mut last = Epoch(0);
    for _ in 0..3 {
        let store = engine.open();
        assert!(store.epoch() > last);
        last = store.epoch();
        assert!(recovered(&*store).is_empty());
        store.close().expect("closes");
    }
}

pub(super) fn what_is_safe_is_recovered<S: RoomLog + ?Sized>(engine: &dyn Engine<S>) {
    let store = engine.open();
    let first = store.epoch();
    write(&*store, Batch { records: vec![record(room(1), 2, "two")], ..born(1) });
    write(
        &*store,
        Batch {
            records: vec![record(room(1), 3, "three"), record(room(1), 4, "four")],
            ..Batch::default()
        },
    );
    write(&*store, born(2));
    store.close().expect("closes");

    let store = engine.open();
    let second = store.epoch();
    let rooms = recovered(&*store);
    assert_eq!(rooms.len(), 2);
    let found = &rooms[&room(1)];
    assert_eq!(found.snapshot, snapshot(room(1), 1, "one"));
    assert_eq!(found.snapshot_epoch, first);
    let two_to_four =
        [record(room(1), 2, "two"), record(room(1), 3, "three"), record(room(1), 4, "four")]
            .map(|r| (first, r));
    assert_eq!(found.records, two_to_four);
    assert_eq!(seqs(&rooms[&room(2)]), (1, vec![]));
    write(&*store, Batch { records: vec![record(room(1), 5, "five")], ..Batch::default() });
    store.close().expect("closes");

    let store = engine.open();
    let epochs: Vec<_> =
        recovered(&*store)[&room(1)].records.iter().map(|(epoch, _)| *epoch).collect();
    assert_eq!(epochs, [first, first, first, second]);
}

pub(super) fn syncs_are_counted<S: RoomLog + ?Sized>(engine: &dyn Engine<S>) {
    let store = engine.open();
    assert_eq!(store.syncs(), 0, "nothing was submitted");
    for batches in 1..=5 {
        write(&*store, born(batches as u8));
        assert_eq!(store.syncs(), batches, "each was waited for");
    }
    let (tell, told) = mpsc::channel();
    for number in 6..=20 {
        let tell = tell.clone();
        store.submit(born(number), Box::new(move |outcome| drop(tell.send(outcome))));
    }
    (6..=20).for_each(|_| told.recv_timeout(ANSWER_WITHIN).expect("an answer").expect("safe"));
    assert!((6..=20).contains(&store.syncs()), "{}", store.syncs());
    store.close().expect("closes");
}

pub(super) fn answers_come_in_order<S: RoomLog + ?Sized>(engine: &dyn Engine<S>) {
    let store = engine.open();
    write(&*store, born(1));
    let (tell, told) = mpsc::channel();
    for n in 0..200 {
        let batch = match n % 3 {
            0 => Batch::default(),
            _ => {
                Batch { records: vec![record(room(1), 2 + n - n / 3 - 1, "x")], ..Batch::default() }
            }
        };
        let tell = tell.clone();
        store.submit(batch, Box::new(move |outcome| drop(tell.send((n, outcome)))));
    }
    for n in 0..200 {
        let (number, outcome) = told.recv_timeout(ANSWER_WITHIN).expect("every batch is answered");
        assert_eq!(number, n);
        outcome.expect("the batch is safe");
    }
}

pub(super) fn a_snapshot_covers_what_came_before_it<S: RoomLog + ?Sized>(engine: &dyn Engine<S>) {
    let store = engine.open();
    write(&*store, born(1));
    write(
        &*store,
        Batch { records: (2..=6).map(|n| record(room(1), n, "r")).collect(), ..Batch::default() },
    );
    let batch = Batch {
        records: vec![record(room(1), 7, "r"), record(room(1), 8, "r")],
        snapshots: vec![snapshot(room(1), 7, "seven")],
        ..Batch::default()
    };
    write(&*store, batch);
    drop(store);
    let store = engine.open();
    let rooms = recovered(&*store);
    assert_eq!(seqs(&rooms[&room(1)]), (7, vec![8]));
    assert_eq!(rooms[&room(1)].snapshot.body, "seven");
}

pub(super) fn a_snapshot_may_run_ahead_of_records<S: RoomLog + ?Sized>(engine: &dyn Engine<S>) {
    let store = engine.open();
    write(&*store, born(1));
    write(&*store, Batch { snapshots: vec![snapshot(room(1), 50, "fifty")], ..Batch::default() });
    let batch = Batch {
        snapshots: vec![snapshot(room(1), 90, "ninety")],
        records: vec![record(room(1), 91, "r")],
        ..Batch::default()
    };
    write(&*store, batch);
    write(&*store, Batch { records: vec![record(room(1), 92, "r")], ..Batch::default() });
    store.close().expect("closes");
    assert_eq!(seqs(&recovered(&*engine.open())[&room(1)]), (90, vec![91, 92]));
}

pub(super) fn a_gap_stops_the_log<S: RoomLog + ?Sized>(engine: &dyn Engine<S>) {
    let store = engine.open();
    write(&*store, born(1));
    let (tell, told) = mpsc::channel();
    for n in [2, 4, 3] {
        let tell = tell.clone();
        let batch = Batch {
            records: vec![record(room(1), n, "r")],
            ..born(u8::try_from(n).expect("small"))
        };
        store.submit(batch, Box::new(move |outcome| drop(tell.send(outcome))));
    }
    let fates: Vec<_> =
        (0..3).map(|_| told.recv_timeout(ANSWER_WITHIN).expect("answered")).collect();
    assert!(fates[0].is_ok(), "what came before the gap is safe");
    assert!(fates[1].is_err() && fates[2].is_err(), "nothing is written after it: {fates:?}");
    assert!(matches!(submit(&*store, Batch::default()), Err(StoreError::Stopped(_))));
    drop(store);
    let rooms = recovered(&*engine.open());
    assert_eq!(rooms.keys().copied().collect::<Vec<_>>(), [room(1), room(2)]);
    assert_eq!(seqs(&rooms[&room(1)]), (1, vec![2]));
}

pub(super) fn a_record_needs_a_snapshot<S: RoomLog + ?Sized>(engine: &dyn Engine<S>) {
    let store = engine.open();
    assert!(
        submit(&*store, Batch { records: vec![record(room(1), 1, "r")], ..Batch::default() })
            .is_err()
    );
    drop(store);
    let store = engine.open();
    write(&*store, born(1));
    write(
        &*store,
        Batch { sleeps: vec![snapshot(room(1), 1, "asleep").into()], ..Batch::default() },
    );
    let outcome =
        submit(&*store, Batch { records: vec![record(room(1), 2, "r")], ..Batch::default() });
    assert!(outcome.is_err(), "a sleeping room must be woken first");
}

pub(super) fn a_snapshot_never_goes_back<S: RoomLog + ?Sized>(engine: &dyn Engine<S>) {
    let at = |seq| Batch { snapshots: vec![snapshot(room(1), seq, "whole")], ..Batch::default() };
    let store = engine.open();
    write(&*store, at(1));
    write(&*store, at(9));
    let refused = submit(&*store, at(8));
    assert!(matches!(refused, Err(StoreError::Misused(_))), "{refused:?}");
    drop(store);
    assert_eq!(seqs(&recovered(&*engine.open())[&room(1)]), (9, vec![]));
}

pub(super) fn recovery_is_not_disturbed_by_new_rooms<S: RoomLog + ?Sized>(engine: &dyn Engine<S>) {
    let store = engine.open();
    write(&*store, Batch { records: vec![record(room(1), 2, "two")], ..born(1) });
    write(&*store, born(2));
    store.close().expect("closes");
    let store = engine.open();
    write(&*store, Batch { records: vec![record(room(7), 2, "two")], ..born(7) });
    let mut seen = Vec::new();
    let outcome = store.recover(&mut |found| {
        let found = found.expect("undamaged");
        // As owners do: a room lives on as soon as it is recovered.
        let next = found.records.last().map_or(found.snapshot.seq, |(_, last)| last.seq).next();
        write(
            &*store,
            Batch { records: vec![record(found.room, next.0, "on")], ..Batch::default() },
        );
        seen.push(found.room);
    });
    outcome.expect("readable");
    seen.sort();
    assert_eq!(seen, [room(1), room(2)], "rooms created since are not among those found");
    store.close().expect("closes");
    let rooms = recovered(&*engine.open());
    assert_eq!(seqs(&rooms[&room(1)]), (1, vec![2, 3]));
    assert_eq!(seqs(&rooms[&room(2)]), (1, vec![2]));
    assert_eq!(seqs(&rooms[&room(7)]), (1, vec![2]));
}

pub(super) fn many_threads_share_one_log<S: RoomLog + ?Sized>(engine: &dyn Engine<S>) {
    let store = engine.open();
    std::thread::scope(|scope| {
        for n in 1..=8 {
            let store = &*store;
            scope.spawn(move || {
                write(store, born(n));
                for seq in 2..=30 {
                    write(
                        store,
                        Batch { records: vec![record(room(n), seq, "r")], ..Batch::default() },
                    );
                }
            });
        }
    });
    store.close().expect("closes");
    let rooms = recovered(&*engine.open());
    assert_eq!(rooms.len(), 8);
    assert!(rooms.values().all(|found| seqs(found) == (1, (2..=30).collect())));
}

pub(super) fn a_closed_log_refuses<S: RoomLog + ?Sized>(engine: &dyn Engine<S>) {
    let store = engine.open();
    write(&*store, born(1));
    store.close().expect("closes");
    assert!(matches!(submit(&*store, born(2)), Err(StoreError::Stopped(_))));
    assert!(store.close().is_err());
    // The place is free although the closed store is still there.
    let next = engine.open();
    assert_eq!(recovered(&*next).len(), 1);
}

pub(super) fn a_dropped_log_has_answered_everybody<S: RoomLog + ?Sized>(engine: &dyn Engine<S>) {
    let store = engine.open();
    let (tell, told) = mpsc::channel();
    for n in 1..=100 {
        let tell = tell.clone();
        store.submit(born(n), Box::new(move |outcome| drop(tell.send((n, outcome)))));
    }
    drop(store);
    drop(tell);
    let safe: Vec<_> =
        told.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(n, _)| room(n)).collect();
    let rooms = recovered(&*engine.open());
    assert!(safe.iter().all(|room| rooms.contains_key(room)));
    assert_eq!(safe.len(), 100, "dropping waits for what was submitted");
}

/// A number that the order of rows could not be told from is refused, and nothing is written.
pub(super) fn commits_have_an_end<S: RoomLog + ?Sized>(engine: &dyn Engine<S>) {
    let last = i64::MAX.cast_unsigned();
    let store = engine.open();
    let at = |n, seq| snapshot(room(n), seq, "whole");
    write(&*store, Batch { snapshots: vec![at(1, last)], ..Batch::default() });
    drop(store);
    for batch in [
        Batch {
            snapshots: vec![at(2, last)],
            records: vec![record(room(2), last + 1, "r")],
            ..Batch::default()
        },
        Batch { snapshots: vec![at(3, last + 1)], ..Batch::default() },
        Batch { sleeps: vec![at(4, last + 1).into()], ..Batch::default() },
    ] {
        let store = engine.open();
        let refused = submit(&*store, batch);
        assert!(matches!(refused, Err(StoreError::Misused(_))), "{refused:?}");
    }
    let rooms = recovered(&*engine.open());
    assert_eq!(rooms.keys().copied().collect::<Vec<_>>(), [room(1)]);
    assert_eq!(seqs(&rooms[&room(1)]), (last, vec![]));
}
