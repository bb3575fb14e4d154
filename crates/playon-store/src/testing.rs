//! The suite that every engine must pass.
//!
//! An engine's own tests call [`conformance`] with something that makes engines at fresh places.

mod ends;
mod rests;
mod several;
mod tables;

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use playon_types::ids::{DeployId, Epoch, ReleaseId, RoomId, Seq};

use crate::batch::{Batch, DeployRow, LogRecord, ReleaseRow, SnapshotRow, StoredRoom};
use crate::error::StoreError;
use crate::store::Store;

/// How long any one answer may take. Seconds are plenty; this only keeps a broken engine from hanging a test.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// A place where a store can be opened, closed and opened again.
pub trait Engine {
    /// Opens the store that lies there. An earlier one was closed or dropped.
    fn open(&self) -> Box<dyn Store>;

    /// Hands over the batches, and ends the process that has the store before their fate is known; then the place is opened
    /// again.
    fn kill(&self, store: Box<dyn Store>, batches: Vec<Batch>) -> Box<dyn Store>;

    /// Another keeper opens the place, although one still has it and does not know.
    fn overtake(&self) -> Box<dyn Store>;
}

/// What checks are about. A model of an engine need not have all that an engine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Commits and snapshots: what is accepted, and what is found again.
    Rooms,
    /// What is known of rooms at rest.
    Rests,
    /// Keepers that end before they know, and keepers that do not know that they have ended.
    Ends,
    /// Deploys, and the decisions over them.
    Decisions,
    /// All else: threads, closing, other tables, numbers.
    Engine,
}

impl Part {
    /// Everything.
    pub const ALL: [Self; 5] =
        [Self::Rooms, Self::Rests, Self::Ends, Self::Decisions, Self::Engine];
}

/// Runs every check of these parts on a fresh engine each.
///
/// # Panics
/// When the engine breaks the contract; the name of the check is printed before it runs.
pub fn conformance(parts: &[Part], make: &dyn Fn() -> Box<dyn Engine>) {
    for (part, name, check) in CHECKS.iter().filter(|(part, ..)| parts.contains(part)) {
        #[expect(clippy::print_stdout, reason = "shown by the test harness when a check fails")]
        {
            println!("conformance: {part:?}: {name}");
        }
        check(&*make());
    }
}

type Check = fn(&dyn Engine);

const CHECKS: &[(Part, &str, Check)] = &[
    (Part::Rooms, "each opening raises the epoch", each_opening_raises_the_epoch),
    (Part::Rooms, "what is safe is recovered", what_is_safe_is_recovered),
    (Part::Rooms, "answers come in order", answers_come_in_order),
    (Part::Rooms, "a snapshot covers what came before it", a_snapshot_covers_what_came_before_it),
    (Part::Rooms, "a snapshot may run ahead of records", a_snapshot_may_run_ahead_of_records),
    (
        Part::Rooms,
        "of several snapshots the newest and last counts",
        several::of_several_snapshots_the_last_counts,
    ),
    (
        Part::Rooms,
        "a room may come and go within a batch",
        several::a_room_may_come_and_go_within_a_batch,
    ),
    (Part::Rooms, "a room sleeps and wakes", a_room_sleeps_and_wakes),
    (
        Part::Rooms,
        "a missing room is not an unreadable one",
        a_missing_room_is_not_an_unreadable_one,
    ),
    (Part::Rooms, "a deleted room is gone", a_deleted_room_is_gone),
    (Part::Rooms, "a gap stops the store", a_gap_stops_the_store),
    (Part::Rooms, "a record needs a snapshot", a_record_needs_a_snapshot),
    (Part::Rooms, "a snapshot never goes back", a_snapshot_never_goes_back),
    (Part::Rooms, "recovery is not disturbed by new rooms", recovery_is_not_disturbed_by_new_rooms),
    (Part::Rests, "a room at rest keeps its note", rests::a_room_at_rest_keeps_its_note),
    (
        Part::Rests,
        "rooms at rest are counted and listed",
        rests::rooms_at_rest_are_counted_and_listed,
    ),
    (
        Part::Ends,
        "of what a killed keeper wrote the first is there, whole",
        ends::the_first_of_what_a_killed_keeper_wrote_is_there,
    ),
    (
        Part::Ends,
        "a keeper that was overtaken writes no more",
        ends::an_overtaken_keeper_writes_no_more,
    ),
    (Part::Decisions, "deploys are kept", tables::deploys_are_kept),
    (
        Part::Decisions,
        "a decision is stored whole or not at all",
        tables::a_decision_is_stored_whole_or_not_at_all,
    ),
    (Part::Engine, "numbers have an end", numbers_have_an_end),
    (Part::Engine, "many threads share one store", many_threads_share_one_store),
    (Part::Engine, "releases are kept", tables::releases_are_kept),
    (Part::Engine, "settings are kept", tables::settings_are_kept),
    (Part::Engine, "a closed store refuses", a_closed_store_refuses),
    (
        Part::Engine,
        "a dropped store has answered everybody",
        a_dropped_store_has_answered_everybody,
    ),
];

/// A room id made of one repeated byte.
pub fn room(n: u8) -> RoomId {
    RoomId([n; 16])
}

/// A record with the given body.
pub fn record(room: RoomId, seq: u64, body: &str) -> LogRecord {
    LogRecord { room, seq: Seq(seq), body: Bytes::copy_from_slice(body.as_bytes()) }
}

/// A snapshot with the given body.
pub fn snapshot(room: RoomId, seq: u64, body: &str) -> SnapshotRow {
    SnapshotRow { room, seq: Seq(seq), body: Bytes::copy_from_slice(body.as_bytes()) }
}

/// Submits a batch and waits for its fate.
///
/// # Panics
/// When there is no answer within a minute.
pub fn submit(store: &dyn Store, batch: Batch) -> Result<(), StoreError> {
    let (tell, told) = mpsc::channel();
    store.submit(batch, Box::new(move |outcome| drop(tell.send(outcome))));
    told.recv_timeout(ANSWER_WITHIN).expect("every batch is answered")
}

/// Reads all rooms of the hot log.
///
/// # Panics
/// When one of them is damaged, comes twice, or nothing can be read.
pub fn recovered(store: &dyn Store) -> BTreeMap<RoomId, StoredRoom> {
    let mut rooms = BTreeMap::new();
    let outcome = store.recover(&mut |found| match found {
        Ok(found) => assert!(rooms.insert(found.room, found).is_none(), "a room comes twice"),
        Err(damage) => panic!("an undamaged store reports {damage:?}"),
    });
    outcome.expect("the store can be read");
    rooms
}

fn write(store: &dyn Store, batch: Batch) {
    submit(store, batch).expect("the batch is safe");
}

/// A batch with what a room is created with.
fn born(n: u8) -> Batch {
    Batch { snapshots: vec![snapshot(room(n), 1, "one")], ..Batch::default() }
}

fn born_at(n: u8, seq: u64) -> Batch {
    Batch { snapshots: vec![snapshot(room(n), seq, "born")], ..Batch::default() }
}

fn seqs(found: &StoredRoom) -> (u64, Vec<u64>) {
    (found.snapshot.seq.0, found.records.iter().map(|(_, record)| record.seq.0).collect())
}

fn each_opening_raises_the_epoch(engine: &dyn Engine) {
    let mut last = Epoch(0);
    for _ in 0..3 {
        let store = engine.open();
        assert!(store.epoch() > last);
        last = store.epoch();
        assert!(recovered(&*store).is_empty());
        store.close().expect("closes");
    }
}

fn what_is_safe_is_recovered(engine: &dyn Engine) {
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

fn answers_come_in_order(engine: &dyn Engine) {
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

fn a_snapshot_covers_what_came_before_it(engine: &dyn Engine) {
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

fn a_snapshot_may_run_ahead_of_records(engine: &dyn Engine) {
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

fn a_room_sleeps_and_wakes(engine: &dyn Engine) {
    let store = engine.open();
    write(&*store, born(1));
    let batch = Batch {
        records: vec![record(room(1), 2, "two")],
        sleeps: vec![snapshot(room(1), 2, "asleep").into()],
        ..Batch::default()
    };
    write(&*store, batch);
    let found = store.load_sleeping(room(1)).expect("readable").expect("there");
    assert_eq!((found.snapshot, found.records.len()), (snapshot(room(1), 2, "asleep"), 0));
    store.close().expect("closes");

    let store = engine.open();
    assert!(recovered(&*store).is_empty());
    let found = store.load_sleeping(room(1)).expect("readable").expect("there");
    assert_eq!(found.snapshot_epoch.next(), store.epoch());
    let batch = Batch {
        snapshots: vec![snapshot(room(1), 2, "awake")],
        records: vec![record(room(1), 3, "three")],
        ..Batch::default()
    };
    write(&*store, batch);
    store.close().expect("closes");

    let store = engine.open();
    assert_eq!(seqs(&recovered(&*store)[&room(1)]), (2, vec![3]));
    write(
        &*store,
        Batch { sleeps: vec![snapshot(room(1), 3, "again").into()], ..Batch::default() },
    );
    write(&*store, Batch { snapshots: vec![snapshot(room(1), 3, "up")], ..Batch::default() });
    write(&*store, Batch { sleeps: vec![snapshot(room(1), 3, "last").into()], ..Batch::default() });
    store.close().expect("closes");
    let store = engine.open();
    assert!(recovered(&*store).is_empty());
    let found = store.load_sleeping(room(1)).expect("readable").expect("there");
    assert_eq!(found.snapshot.body, "last");
}

fn a_missing_room_is_not_an_unreadable_one(engine: &dyn Engine) {
    let store = engine.open();
    assert!(store.load_sleeping(room(1)).expect("readable").is_none());
    write(&*store, born(1));
    assert!(store.load_sleeping(room(1)).is_err(), "a hot room does exist");
    store.close().expect("closes");
    assert!(store.load_sleeping(room(2)).is_err(), "a closed store cannot tell");
}

fn a_deleted_room_is_gone(engine: &dyn Engine) {
    let store = engine.open();
    for n in 1..=3 {
        write(&*store, Batch { records: vec![record(room(n), 2, "two")], ..born(n) });
    }
    write(
        &*store,
        Batch { sleeps: vec![snapshot(room(2), 2, "asleep").into()], ..Batch::default() },
    );
    let last = Batch {
        records: vec![record(room(1), 3, "end")],
        deletes: vec![room(1), room(2), room(9)],
        ..Batch::default()
    };
    write(&*store, last);
    assert!(store.load_sleeping(room(1)).expect("readable").is_none());
    assert!(store.load_sleeping(room(2)).expect("readable").is_none());
    store.close().expect("closes");
    let store = engine.open();
    assert_eq!(recovered(&*store).into_keys().collect::<Vec<_>>(), [room(3)]);
    write(&*store, born(1));
    store.close().expect("closes");
    assert_eq!(seqs(&recovered(&*engine.open())[&room(1)]), (1, vec![]));
}

fn a_gap_stops_the_store(engine: &dyn Engine) {
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
    assert!(matches!(store.put_setting("name", Bytes::new()), Err(StoreError::Stopped(_))));
    drop(store);
    let rooms = recovered(&*engine.open());
    assert_eq!(rooms.keys().copied().collect::<Vec<_>>(), [room(1), room(2)]);
    assert_eq!(seqs(&rooms[&room(1)]), (1, vec![2]));
}

/// A number that the place of a row or its order could not be told from is refused, and nothing is written.
fn numbers_have_an_end(engine: &dyn Engine) {
    let last = i64::MAX.cast_unsigned();
    let store = engine.open();
    let deploy = |n| DeployRow { id: DeployId(n), body: Bytes::new() };
    let release =
        |n, added_ms| ReleaseRow { id: ReleaseId([n; 32]), label: n.to_string(), added_ms };
    store.put_deploy(deploy(last)).expect("the last number");
    store.put_release(release(1, last)).expect("the last number");
    for beyond in [last + 1, u64::MAX] {
        assert!(store.put_deploy(deploy(beyond)).is_err(), "{beyond}");
        assert!(store.put_release(release(2, beyond)).is_err(), "{beyond}");
    }
    write(&*store, Batch { snapshots: vec![snapshot(room(1), last, "last")], ..Batch::default() });
    write(
        &*store,
        Batch { sleeps: vec![snapshot(room(1), last, "rests").into()], ..Batch::default() },
    );
    assert_eq!(store.deploys(9).expect("readable"), [deploy(last)]);
    drop(store);
    let beyond = |n| vec![snapshot(room(n), last + 1, "beyond")];
    for batch in [
        Batch { records: vec![record(room(2), last + 1, "r")], ..born_at(2, last) },
        Batch { snapshots: beyond(3), ..Batch::default() },
        Batch { sleeps: vec![snapshot(room(4), last + 1, "beyond").into()], ..Batch::default() },
    ] {
        let store = engine.open();
        assert!(submit(&*store, batch).is_err(), "a number that cannot be stored stops the store");
    }
    let store = engine.open();
    assert!(recovered(&*store).is_empty());
    let rests = store.load_sleeping(room(1)).expect("readable").expect("rests");
    assert_eq!(rests.snapshot.seq, Seq(last));
}

fn a_record_needs_a_snapshot(engine: &dyn Engine) {
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

fn a_snapshot_never_goes_back(engine: &dyn Engine) {
    let store = engine.open();
    write(&*store, born(1));
    write(&*store, Batch { snapshots: vec![snapshot(room(1), 9, "nine")], ..Batch::default() });
    assert!(
        submit(
            &*store,
            Batch { snapshots: vec![snapshot(room(1), 8, "eight")], ..Batch::default() }
        )
        .is_err()
    );
    drop(store);
    let store = engine.open();
    write(&*store, Batch { sleeps: vec![snapshot(room(1), 9, "nine").into()], ..Batch::default() });
    assert!(
        submit(
            &*store,
            Batch { snapshots: vec![snapshot(room(1), 8, "eight")], ..Batch::default() }
        )
        .is_err()
    );
    drop(store);
    let found = engine.open().load_sleeping(room(1)).expect("readable").expect("there");
    assert_eq!(found.snapshot.seq, Seq(9));
}

fn recovery_is_not_disturbed_by_new_rooms(engine: &dyn Engine) {
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

fn many_threads_share_one_store(engine: &dyn Engine) {
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

fn a_closed_store_refuses(engine: &dyn Engine) {
    let store = engine.open();
    write(&*store, born(1));
    store.close().expect("closes");
    assert!(matches!(submit(&*store, born(2)), Err(StoreError::Stopped(_))));
    assert!(store.close().is_err());
    // The place is free although the closed store is still there.
    let next = engine.open();
    assert_eq!(recovered(&*next).len(), 1);
}

fn a_dropped_store_has_answered_everybody(engine: &dyn Engine) {
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
