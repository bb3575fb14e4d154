//! Releases and their labels.

use playon_types::ids::ReleaseId;

use super::Engine;
use crate::contract::{ReleaseRow, Releases};
use crate::error::StoreError;

fn release(n: u8, label: &str, added_ms: u64) -> ReleaseRow {
    ReleaseRow { id: ReleaseId([n; 32]), label: label.to_owned(), added_ms }
}

pub(super) fn releases_are_kept<S: Releases + ?Sized>(engine: &dyn Engine<S>) {
    let store = engine.open();
    store.put_release(release(9, "first", 10)).expect("stored");
    store.put_release(release(1, "second", 20)).expect("stored");
    let taken = store.put_release(release(5, "second", 30));
    assert!(matches!(taken, Err(StoreError::LabelTaken(_))), "{taken:?}");
    store.put_release(release(1, "renamed", 20)).expect("a refusal does not stop the store");
    let expected = vec![release(9, "first", 10), release(1, "renamed", 20)];
    assert_eq!(store.releases().expect("readable"), expected);
    drop(store);
    assert_eq!(engine.open().releases().expect("readable"), expected);
}

/// A number that the order of rows could not be told from is refused, and nothing is written.
pub(super) fn numbers_have_an_end<S: Releases + ?Sized>(engine: &dyn Engine<S>) {
    let last = i64::MAX.cast_unsigned();
    let store = engine.open();
    store.put_release(release(1, "last", last)).expect("the last number");
    for beyond in [last + 1, u64::MAX] {
        assert!(store.put_release(release(2, "beyond", beyond)).is_err(), "{beyond}");
    }
    assert_eq!(store.releases().expect("readable"), [release(1, "last", last)]);
}
