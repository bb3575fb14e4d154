//! Rooms go to rest and wake, and are counted and listed without being read.

use playon_types::ids::{ReleaseId, RoomId};

use super::{Engine, born, record, recovered, room, seqs, snapshot, submit, write};
use crate::contract::{Batch, RestGroup, RestNote, RestRow, RestingRoom, RestingRooms, RoomLog};
use crate::error::StoreError;

fn note(kind: &str, version: u32, since_ms: u64) -> RestNote {
    let release = ReleaseId([u8::try_from(version).expect("small"); 32]);
    RestNote { kind: kind.into(), name: "table".into(), version, release, seats: 3, since_ms }
}

fn sleep(store: &(impl RoomLog + ?Sized), n: u8, note: RestNote) {
    write(store, born(n));
    let rest = RestRow { row: snapshot(room(n), 1, "asleep"), note };
    write(store, Batch { sleeps: vec![rest], ..Batch::default() });
}

fn ids(rests: Vec<RestingRoom>) -> Vec<RoomId> {
    rests.into_iter().map(|rest| rest.room).collect()
}

/// What a room was put to rest with comes back with it, and goes when it wakes or is deleted.
pub(super) fn a_room_at_rest_keeps_its_note<S: RoomLog + RestingRooms + ?Sized>(
    engine: &dyn Engine<S>,
) {
    let store = engine.open();
    let mine = note("duel", 2, 1_000);
    sleep(&*store, 1, mine.clone());
    store.close().expect("closes");
    let store = engine.open();
    let found = store.load_sleeping(room(1)).expect("readable").expect("there");
    assert_eq!(found.rest, Some(mine.clone()));
    let listed = RestingRoom { room: room(1), note: mine, bytes: 6 };
    assert_eq!(store.rest(room(1)).expect("readable"), Some(listed.clone()));
    assert_eq!(store.rests(None, 9).expect("readable"), [listed]);
    let batch = Batch { snapshots: vec![snapshot(room(1), 1, "awake")], ..Batch::default() };
    write(&*store, batch);
    assert_eq!(store.rest(room(1)).expect("readable"), None);
    assert_eq!(store.rest_groups().expect("readable"), []);
    // The second rest is another one than the first.
    let rest = RestRow { row: snapshot(room(1), 1, "again"), note: note("duel", 3, 2_000) };
    write(&*store, Batch { sleeps: vec![rest], ..Batch::default() });
    assert_eq!(store.rests(None, 9).expect("readable")[0].note.since_ms, 2_000);
    write(&*store, Batch { deletes: vec![room(1)], ..Batch::default() });
    assert_eq!(store.rests(None, 9).expect("readable"), []);
    store.close().expect("closes");
    assert!(store.rest_groups().is_err(), "a closed store cannot tell");
}

/// They are listed page by page, grouped by what they need, and found by how long they have been there.
pub(super) fn rooms_at_rest_are_counted_and_listed<S: RoomLog + RestingRooms + ?Sized>(
    engine: &dyn Engine<S>,
) {
    let store = engine.open();
    for (n, kind, version, since) in [
        (1, "duel", 1, 50),
        (2, "duel", 1, 40),
        (3, "lobby", 1, 30),
        (4, "duel", 2, 20),
        (5, "duel", 1, 60),
    ] {
        sleep(&*store, n, note(kind, version, since));
    }
    write(&*store, born(6));
    let groups = store.rest_groups().expect("readable");
    let seen: Vec<_> = groups.iter().map(|g| (&*g.kind, g.version, g.rooms, g.oldest_ms)).collect();
    assert_eq!(seen, [("duel", 1, 3, 40), ("duel", 2, 1, 20), ("lobby", 1, 1, 30)]);
    let all = (1..=5).map(room).collect::<Vec<_>>();
    assert_eq!(ids(store.rests(None, 9).expect("readable")), all);
    assert_eq!(ids(store.rests(None, 2).expect("readable")), all[..2]);
    assert_eq!(ids(store.rests(Some(room(2)), 2).expect("readable")), all[2..4]);
    assert_eq!(ids(store.rests(Some(room(5)), 2).expect("readable")), []);
    let of = |group: &RestGroup, after, by, limit| {
        ids(store.rests_of(group, after, by, limit).expect("readable"))
    };
    assert_eq!(of(&groups[0], None, 50, 9), [room(2), room(1)], "the first one first");
    assert_eq!(of(&groups[0], None, u64::MAX, 2), [room(2), room(1)]);
    assert_eq!(of(&groups[0], Some((50, room(1))), u64::MAX, 2), [room(5)]);
    assert_eq!(of(&groups[0], Some((40, room(1))), 50, 9), [room(2), room(1)]);
    assert_eq!(of(&groups[0], None, 39, 9), []);
    assert_eq!(of(&groups[2], None, 30, 9), [room(3)]);
    // Of one without a note nothing is known.
    write(&*store, born(7));
    write(
        &*store,
        Batch { sleeps: vec![snapshot(room(7), 1, "asleep").into()], ..Batch::default() },
    );
    let unknown = store.rest_groups().expect("readable").remove(0);
    assert_eq!((unknown.kind.as_str(), unknown.rooms, unknown.oldest_ms), ("", 1, 0));
    assert_eq!(of(&unknown, None, u64::MAX, 9), []);
}

pub(super) fn a_room_sleeps_and_wakes<S: RoomLog + RestingRooms + ?Sized>(engine: &dyn Engine<S>) {
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

pub(super) fn a_missing_room_is_not_an_unreadable_one<S: RoomLog + RestingRooms + ?Sized>(
    engine: &dyn Engine<S>,
) {
    let store = engine.open();
    assert!(store.load_sleeping(room(1)).expect("readable").is_none());
    write(&*store, born(1));
    assert!(store.load_sleeping(room(1)).is_err(), "a hot room does exist");
    store.close().expect("closes");
    assert!(store.load_sleeping(room(2)).is_err(), "a closed store cannot tell");
}

pub(super) fn a_deleted_room_is_gone<S: RoomLog + RestingRooms + ?Sized>(engine: &dyn Engine<S>) {
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

/// A batch may have several of each write for a room.
pub(super) fn a_room_may_come_and_go_within_a_batch<S: RoomLog + RestingRooms + ?Sized>(
    engine: &dyn Engine<S>,
) {
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

/// Neither does it go to rest older than it was.
pub(super) fn a_room_never_wakes_older<S: RoomLog + RestingRooms + ?Sized>(engine: &dyn Engine<S>) {
    let store = engine.open();
    let last = i64::MAX.cast_unsigned();
    for (n, seq) in [(1, 9), (2, last)] {
        let whole = || snapshot(room(n), seq, "whole");
        write(&*store, Batch { snapshots: vec![whole()], ..Batch::default() });
        write(&*store, Batch { sleeps: vec![whole().into()], ..Batch::default() });
    }
    drop(store);
    let older = || snapshot(room(1), 8, "older");
    for batch in [
        Batch { snapshots: vec![older()], ..Batch::default() },
        Batch { sleeps: vec![older().into()], ..Batch::default() },
        Batch { records: vec![record(room(1), 10, "r")], ..Batch::default() },
    ] {
        let store = engine.open();
        let refused = submit(&*store, batch);
        assert!(matches!(refused, Err(StoreError::Misused(_))), "{refused:?}");
    }
    let store = engine.open();
    for (n, seq) in [(1, 9), (2, last)] {
        let found = store.load_sleeping(room(n)).expect("readable").expect("there");
        assert_eq!((found.snapshot.seq.0, &found.snapshot.body[..]), (seq, &b"whole"[..]));
    }
}
