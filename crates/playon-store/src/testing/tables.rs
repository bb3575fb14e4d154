//! What is stored beside the rooms: releases, deploys, settings, and decisions over them.

use bytes::Bytes;
use playon_types::ids::{DeployId, ReleaseId};

use super::Engine;
use crate::batch::{Decision, DeployRow, ReleaseRow};
use crate::error::StoreError;

pub(super) fn releases_are_kept(engine: &dyn Engine) {
    let release = |n: u8, label: &str, added_ms| ReleaseRow {
        id: ReleaseId([n; 32]),
        label: label.to_owned(),
        added_ms,
    };
    let store = engine.open();
    store.put_release(release(9, "first", 10)).expect("stored");
    store.put_release(release(1, "second", 20)).expect("stored");
    let taken = store.put_release(release(5, "second", 30));
    assert!(matches!(taken, Err(StoreError::LabelTaken(_))), "{taken:?}");
    store.put_release(release(1, "renamed", 20)).expect("a refusal does not stop the store");
    let expected = vec![release(9, "first", 10), release(1, "renamed", 20)];
    assert_eq!(store.releases().expect("readable"), expected);
    store.close().expect("closes");
    assert_eq!(engine.open().releases().expect("readable"), expected);
}

pub(super) fn deploys_are_kept(engine: &dyn Engine) {
    let deploy = |n, body: &'static str| DeployRow {
        id: DeployId(n),
        body: Bytes::from_static(body.as_bytes()),
    };
    let store = engine.open();
    for n in 1..=5 {
        store.put_deploy(deploy(n, "begun")).expect("stored");
    }
    store.put_deploy(deploy(4, "done")).expect("stored");
    store.close().expect("closes");
    let store = engine.open();
    assert_eq!(store.deploys(2).expect("readable"), [deploy(5, "begun"), deploy(4, "done")]);
    assert_eq!(store.deploys(100).expect("readable").len(), 5);
}

pub(super) fn settings_are_kept(engine: &dyn Engine) {
    let store = engine.open();
    assert_eq!(store.setting("current").expect("readable"), None);
    store.put_setting("current", Bytes::from_static(b"one")).expect("stored");
    store.put_setting("empty", Bytes::new()).expect("stored");
    store.put_setting("current", Bytes::from_static(b"two")).expect("stored");
    drop(store);
    let store = engine.open();
    assert_eq!(store.setting("current").expect("readable"), Some(Bytes::from_static(b"two")));
    assert_eq!(store.setting("empty").expect("readable"), Some(Bytes::new()));
}

pub(super) fn a_decision_is_stored_whole_or_not_at_all(engine: &dyn Engine) {
    let decide = |n, body: &'static str, expected: Option<&'static str>, value| Decision {
        deploy: DeployRow { id: DeployId(n), body: Bytes::from_static(body.as_bytes()) },
        name: "current".to_owned(),
        expected: expected.map(Bytes::from),
        value: Option::<&'static str>::map(value, Bytes::from),
    };
    let store = engine.open();
    store.decide(decide(1, "begun", None, None)).expect("stored");
    assert_eq!(store.setting("current").expect("readable"), None);
    store.decide(decide(1, "moving", None, Some("one"))).expect("stored");
    let stale = store.decide(decide(1, "stopped", None, Some("none")));
    assert!(matches!(stale, Err(StoreError::Misused(_))), "{stale:?}");
    store.decide(decide(2, "moving", Some("one"), Some("two"))).expect("a refusal stops nothing");
    store.decide(decide(2, "done", Some("two"), None)).expect("stored");
    store.close().expect("closes");
    let store = engine.open();
    let rows = store.deploys(9).expect("readable");
    let bodies: Vec<_> = rows.iter().map(|row| (row.id.0, row.body.as_ref())).collect();
    assert_eq!(bodies, [(2, b"done".as_slice()), (1, b"moving")]);
    assert_eq!(store.setting("current").expect("readable"), Some(Bytes::from_static(b"two")));
}
