//! Deploys, named values, and decisions over them.

use bytes::Bytes;
use playon_types::ids::DeployId;

use super::{Engine, set};
use crate::contract::{Decision, Decisions, DeployRow};
use crate::error::StoreError;

/// The value that decisions over deploys are about.
const CURRENT: &str = "current";

fn deploy(n: u64, body: &'static str) -> DeployRow {
    DeployRow { id: DeployId(n), body: Bytes::from(body) }
}

fn decision(
    deploy: DeployRow,
    expected: Option<&'static str>,
    value: Option<&'static str>,
) -> Decision {
    Decision {
        deploy: Some(deploy),
        name: CURRENT.to_owned(),
        expected: expected.map(Bytes::from),
        value: value.map(Bytes::from),
    }
}

pub(super) fn deploys_are_kept<S: Decisions + ?Sized>(engine: &dyn Engine<S>) {
    let store = engine.open();
    for n in 1..=5 {
        store.decide(decision(deploy(n, "begun"), None, None)).expect("stored");
    }
    store.decide(decision(deploy(4, "done"), None, None)).expect("stored");
    drop(store);
    let store = engine.open();
    assert_eq!(store.deploys(2).expect("readable"), [deploy(5, "begun"), deploy(4, "done")]);
    assert_eq!(store.deploys(100).expect("readable").len(), 5);
}

pub(super) fn named_values_are_kept<S: Decisions + ?Sized>(engine: &dyn Engine<S>) {
    let store = engine.open();
    assert_eq!(store.setting(CURRENT).expect("readable"), None);
    set(&*store, CURRENT, "one").expect("stored");
    set(&*store, "empty", "").expect("stored");
    set(&*store, CURRENT, "two").expect("stored");
    drop(store);
    let store = engine.open();
    assert_eq!(store.setting(CURRENT).expect("readable"), Some(Bytes::from("two")));
    assert_eq!(store.setting("empty").expect("readable"), Some(Bytes::new()));
    assert_eq!(store.setting("other").expect("readable"), None);
}

pub(super) fn whole_or_not_at_all<S: Decisions + ?Sized>(engine: &dyn Engine<S>) {
    let store = engine.open();
    let decide =
        |n, body, expected, value| store.decide(decision(deploy(n, body), expected, value));
    decide(1, "begun", None, None).expect("stored");
    assert_eq!(store.setting(CURRENT).expect("readable"), None);
    decide(1, "moving", None, Some("one")).expect("stored");
    for held in [Some("none"), None, Some("")] {
        let stale = decide(1, "stopped", held, Some("three"));
        assert!(matches!(stale, Err(StoreError::Conflict(_))), "{held:?}: {stale:?}");
    }
    decide(2, "moving", Some("one"), Some("two")).expect("a refusal stops nothing");
    decide(2, "done", Some("two"), None).expect("stored");
    drop(store);
    let store = engine.open();
    let rows = store.deploys(9).expect("readable");
    let bodies: Vec<_> = rows.iter().map(|row| (row.id.0, row.body.as_ref())).collect();
    assert_eq!(bodies, [(2, b"done".as_slice()), (1, b"moving")]);
    assert_eq!(store.setting(CURRENT).expect("readable"), Some(Bytes::from("two")));
}

/// Each counts up by one until it is taken: nothing that was taken is written over.
pub(super) fn of_two_at_once_one_is_taken<S: Decisions + ?Sized>(engine: &dyn Engine<S>) {
    const EACH: u64 = 20;
    let store = engine.open();
    let read = |bytes: Bytes| -> u64 {
        let text = std::str::from_utf8(&bytes).expect("text");
        text.parse().expect("a number")
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut taken = 0;
                while taken < EACH {
                    let expected = store.setting("count").expect("readable");
                    let next = expected.clone().map_or(1, |held| read(held) + 1);
                    let (name, value) = ("count".to_owned(), Some(next.to_string().into()));
                    match store.decide(Decision { deploy: None, name, expected, value }) {
                        Ok(()) => taken += 1,
                        Err(StoreError::Conflict(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    assert_eq!(store.setting("count").expect("readable").map(read), Some(4 * EACH));
}

/// A number that the order of rows could not be told from is refused, and nothing is written.
pub(super) fn numbers_have_an_end<S: Decisions + ?Sized>(engine: &dyn Engine<S>) {
    let last = i64::MAX.cast_unsigned();
    let store = engine.open();
    store.decide(decision(deploy(last, "last"), None, None)).expect("the last number");
    for beyond in [last + 1, u64::MAX] {
        let refused = store.decide(decision(deploy(beyond, "beyond"), None, Some("beyond")));
        assert!(matches!(refused, Err(StoreError::Misused(_))), "{beyond}: {refused:?}");
    }
    assert_eq!(store.setting(CURRENT).expect("readable"), None);
    assert_eq!(store.deploys(9).expect("readable"), [deploy(last, "last")]);
}

/// Even if nobody has decided since.
pub(super) fn an_overtaken_keeper_decides_no_more<S: Decisions + ?Sized>(engine: &dyn Engine<S>) {
    let store = engine.open();
    store.decide(decision(deploy(1, "begun"), None, Some("one"))).expect("stored");
    let other = engine.overtake();
    let refused = store.decide(decision(deploy(1, "moving"), Some("one"), Some("old")));
    assert!(matches!(refused, Err(StoreError::Fenced(_))), "{refused:?}");
    let refused = store.decide(decision(deploy(1, "moving"), Some("one"), Some("old")));
    assert!(matches!(refused, Err(StoreError::Stopped(_))), "{refused:?}");
    other.decide(decision(deploy(1, "stopped"), Some("one"), Some("new"))).expect("stored");
    drop((store, other));
    let store = engine.open();
    assert_eq!(store.deploys(9).expect("readable"), [deploy(1, "stopped")]);
    assert_eq!(store.setting(CURRENT).expect("readable"), Some(Bytes::from("new")));
}
