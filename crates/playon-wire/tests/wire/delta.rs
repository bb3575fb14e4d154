//! Views told as deltas.

use bytes::{Bytes, BytesMut};
use playon_types::reason::Reason;
use playon_types::rng::mix;
use playon_wire::player::{
    BASE_LAST, DELTA_VIEW_BYTES_MAX, DeltaError, ServerFrame, apply_delta, decode_server,
    put_delta, put_view,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::mutate::{damaged, damages};

/// The delta, if it is shorter than the view; that it makes the view is seen to.
fn delta(base: &[u8], view: &[u8]) -> Option<Bytes> {
    let mut out = BytesMut::from("before");
    let shorter = put_delta(base, view, &mut out);
    let delta = out.split_off(6).freeze();
    assert_eq!(out, "before");
    if !shorter {
        assert!(delta.is_empty(), "nothing is left of what was tried");
        return None;
    }
    assert!(delta.len() < view.len());
    let made = apply_delta(base, delta.clone(), DELTA_VIEW_BYTES_MAX);
    assert_eq!(made.as_deref(), Ok(view));
    assert!(apply_delta(base, delta.clone(), view.len()).is_ok());
    let small = apply_delta(base, delta.clone(), view.len() - 1);
    assert!(matches!(small, Err(DeltaError::TooLarge { .. })), "{small:?}");
    Some(delta)
}

/// Bytes without any pattern.
fn noise(len: usize, salt: u64) -> Vec<u8> {
    (0..len.div_ceil(8) as u64).flat_map(|at| mix(at ^ mix(salt)).to_le_bytes()).take(len).collect()
}

/// Text like that of views: the same words over and over.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just("\"x\":".to_owned()),
        Just("],[".to_owned()),
        (-999..999_i32).prop_map(|n| n.to_string()),
        "[a-c]{1,12}",
    ];
    vec(word, 0..200).prop_map(|words| words.concat().into_bytes())
}

proptest! {
    #[test]
    fn a_delta_makes_the_view(base in text(), damages in damages()) {
        delta(&base, &damaged(&base, &damages));
    }

    #[test]
    fn a_delta_makes_any_view(base in text(), view in text()) {
        delta(&base, &view);
    }

    #[test]
    fn a_delta_makes_views_of_few_bytes(
        base in vec(0..3_u8, 0..300), view in vec(0..3_u8, 0..300),
    ) {
        delta(&base, &view);
    }

    #[test]
    fn a_delta_makes_views_of_any_bytes(base in vec(any::<u8>(), 0..300), damages in damages()) {
        delta(&base, &damaged(&base, &damages));
    }

    #[test]
    fn any_delta_is_survived(base in vec(any::<u8>(), 0..200), delta in vec(any::<u8>(), 0..60)) {
        let made = apply_delta(&base, delta.into(), 1_000);
        prop_assert!(made.map_or_else(has_code, |made| made.len() <= 1_000));
    }

    #[test]
    fn damaged_deltas_are_survived(base in text(), damages in (damages(), damages())) {
        if let Some(delta) = delta(&base, &damaged(&base, &damages.0)) {
            let made = apply_delta(&base, damaged(&delta, &damages.1).into(), 4_000);
            prop_assert!(made.map_or_else(has_code, |made| made.len() <= 4_000));
        }
    }
}

fn has_code(error: DeltaError) -> bool {
    Reason::read(error.to_string()).code() == Some(error.code())
}

#[test]
fn what_differs_everywhere_is_not_told_as_a_delta() {
    for len in [0, 1, 2, 100, 10_000, DELTA_VIEW_BYTES_MAX] {
        assert_eq!(delta(&noise(len, 1), &noise(len, 2)), None, "{len} bytes");
        assert_eq!(delta(b"", &noise(len, 2)), None, "{len} bytes of nothing");
    }
    assert_eq!(delta(b"abc", b""), None);
}

#[test]
fn views_up_to_the_bound_are_told_as_deltas() {
    let base = noise(DELTA_VIEW_BYTES_MAX, 1);
    let mut view = base.clone();
    view[DELTA_VIEW_BYTES_MAX - 1] ^= 1;
    assert!(delta(&base, &view).is_some_and(|delta| delta.len() < 12));
    let larger = [&base[..], b"!"].concat();
    let mut out = BytesMut::new();
    assert!(!put_delta(&base, &larger, &mut out) && !put_delta(&larger, &base, &mut out));
}

#[test]
fn what_is_put_in_taken_out_or_moved_costs_little() {
    let base = noise(3_000, 1);
    let check = |what: &str, view: &[u8], max: usize| {
        let len = delta(&base, view).expect(what).len();
        assert!(len <= max, "{what}: {len} bytes");
    };
    check("the same", &base, 8);
    check("put in", &[&base[..999], b"twelve bytes", &base[999..]].concat(), 12 + 12);
    check("taken out", &[&base[..999], &base[1_500..]].concat(), 14);
    check("halves that change places", &[&base[1_501..], &base[..1_501]].concat(), 20);
    check("put in front", &[b"twelve bytes", &base[..]].concat(), 12 + 12);
    check("behind it", &[&base[..], b"twelve bytes"].concat(), 12 + 12);
}

/// What two views of the arena are told in, 20 times a second.
#[test]
fn numbers_that_count_on_cost_little() {
    let view = |tick: u64| {
        let thing = |n: u64| {
            let moved = |of: u64| (mix(n << 8 | of) % 800 + tick * (n % 5)).to_string();
            format!("[{n},{},{},{}]", moved(1), moved(2), n % 9)
        };
        let things: Vec<_> = (20..50).map(thing).collect();
        format!(r#"{{"tick":{tick},"release":"release 2","things":[{}]}}"#, things.join(","))
    };
    for tick in 100..140 {
        let (old, new) = (view(tick), view(tick + 1));
        let len = delta(old.as_bytes(), new.as_bytes()).expect("a delta").len();
        assert!(len < new.len() / 3, "{len} of {} bytes", new.len());
    }
}

#[test]
fn a_frame_of_a_borrowed_view_is_that_of_an_own_one() {
    let payload = Bytes::from_static(b"{}");
    let (mut one, mut other) = (BytesMut::new(), BytesMut::new());
    put_view(301, BASE_LAST, &payload, &mut one);
    let frame = ServerFrame::View { as_of: 301, base: BASE_LAST, payload };
    frame.encode(&mut other);
    assert_eq!(one, other);
    assert_eq!(decode_server(one.freeze()), Ok(vec![frame]));
}

#[test]
fn what_is_said_begins_with_the_code() {
    let errors = [
        DeltaError::Baseless,
        DeltaError::TooLarge { bytes: 2, max: 1 },
        DeltaError::Malformed,
        DeltaError::Copy { bytes: 1, from: -1, base: 1 },
        DeltaError::Over { bytes: 1 },
        DeltaError::Trailing { bytes: 1 },
    ];
    assert!(errors.into_iter().all(has_code));
}
