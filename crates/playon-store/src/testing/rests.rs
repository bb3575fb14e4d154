//! Rooms at rest are counted and listed without being read.

use playon_types::ids::{ReleaseId, RoomId};

use super::{Engine, born, room, snapshot, write};
use crate::batch::{Batch, Rest, RestGroup, RestNote, RestRow};
use crate::store::Store;

fn note(kind: &str, version: u32, since_ms: u64) -> RestNote {
    let release = ReleaseId([u8::try_from(version).expect("small"); 32]);
    RestNote { kind: kind.into(), name: "table".into(), version, release, seats: 3, since_ms }
}

fn sleep(store: &dyn Store, n: u8, note: RestNote) {
    write(store, born(n));
    let rest = RestRow { row: snapshot(room(n), 1, "asleep"), note };
    write(store, Batch { sleeps: vec![rest], ..Batch::default() });
}

fn ids(rests: Vec<Rest>) -> Vec<RoomId> {
    rests.into_iter().map(|rest| rest.room).collect()
}

/// What a room was put to rest with comes back with it, and goes when it wakes or is deleted.
pub(super) fn a_room_at_rest_keeps_its_note(engine: &dyn Engine) {
    let store = engine.open();
    let mine = note("duel", 2, 1_000);
    sleep(&*store, 1, mine.clone());
    store.close().expect("closes");
    let store = engine.open();
    let found = store.load_sleeping(room(1)).expect("readable").expect("there");
    assert_eq!(found.rest, Some(mine.clone()));
    let listed = Rest { room: room(1), note: mine, bytes: 6 };
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
pub(super) fn rooms_at_rest_are_counted_and_listed(engine: &dyn Engine) {
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
