//! What the contracts of one engine have to do with each other.

use playon_types::ids::ReleaseId;

use super::{Engine, born, record, room, set, submit, write};
use crate::contract::{Batch, ReleaseRow, Store};
use crate::error::StoreError;

fn release() -> ReleaseRow {
    ReleaseRow { id: ReleaseId([1; 32]), label: "one".to_owned(), added_ms: 1 }
}

/// What is written after a batch that broke the rules could build on it.
pub(super) fn a_log_that_stops_stops_all<S: Store + ?Sized>(engine: &dyn Engine<S>) {
    let store = engine.open();
    write(&*store, born(1));
    set(&*store, "name", "before").expect("stored");
    let gap = Batch { records: vec![record(room(1), 9, "r")], ..Batch::default() };
    assert!(submit(&*store, gap).is_err());
    assert!(matches!(set(&*store, "name", "after"), Err(StoreError::Stopped(_))));
    assert!(matches!(store.put_release(release()), Err(StoreError::Stopped(_))));
    drop(store);
    let store = engine.open();
    assert_eq!(store.setting("name").expect("readable").expect("there"), "before");
    assert_eq!(store.releases().expect("readable"), []);
}

/// Nothing is said not to be there that cannot be looked for.
pub(super) fn a_closed_engine_answers_nothing<S: Store + ?Sized>(engine: &dyn Engine<S>) {
    let store = engine.open();
    store.close().expect("closes");
    assert!(store.in_place().is_err());
    assert!(store.recover(&mut |_| {}).is_err());
    assert!(store.load_sleeping(room(1)).is_err());
    assert!(store.rest(room(1)).is_err());
    assert!(store.rests(None, 9).is_err());
    assert!(store.rest_groups().is_err());
    assert!(store.setting("name").is_err());
    assert!(store.deploys(9).is_err());
    assert!(set(&*store, "name", "value").is_err());
    assert!(store.releases().is_err());
    assert!(store.put_release(release()).is_err());
}
