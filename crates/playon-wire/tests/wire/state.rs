//! Deltas and hashes.

use playon_types::attach::Body;
use playon_types::image::StateCodec;
use playon_types::rng::mix;
use playon_wire::state::{ZstdXxh3, diff};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::mutate::{damaged, damages};

const MAX: usize = 16 << 20;

fn applied(base: &[u8], body: &Body) -> Vec<u8> {
    match body {
        Body::Same => base.to_vec(),
        Body::Full(bytes) => bytes.to_vec(),
        Body::Delta(delta) => {
            ZstdXxh3.apply(base, delta, MAX).expect("a delta of this base").to_vec()
        }
    }
}

/// Bytes without any pattern.
fn noise(len: usize, salt: u64) -> Vec<u8> {
    (0..len.div_ceil(8) as u64).flat_map(|at| mix(at ^ mix(salt)).to_le_bytes()).take(len).collect()
}

proptest! {
    #[test]
    fn deltas_make_the_new_state_of_the_old_one(
        base in vec(any::<u8>(), 0..2_000), damages in damages(),
    ) {
        let new = damaged(&base, &damages);
        let body = diff(&base, &new);
        prop_assert!(body.len() <= new.len());
        prop_assert_eq!(applied(&base, &body), new);
    }

    #[test]
    fn any_delta_is_survived(base in vec(any::<u8>(), 0..200), delta in vec(any::<u8>(), 0..200)) {
        let made = ZstdXxh3.apply(&base, &delta, 1_000);
        prop_assert!(made.is_none_or(|made| made.len() <= 1_000));
    }

    #[test]
    fn damaged_deltas_are_survived(damages in damages()) {
        let base = noise(3_000, 1);
        let new = [&base[1_000..], b"and more", &base[..700]].concat();
        let Body::Delta(delta) = diff(&base, &new) else { panic!("similar") };
        let made = ZstdXxh3.apply(&base, &damaged(&delta, &damages), 4_000);
        prop_assert!(made.is_none_or(|made| made.len() <= 4_000));
    }
}

#[test]
fn equal_states_are_the_same_and_unlike_ones_are_whole() {
    let (old, new) = (noise(5_000, 1), noise(5_000, 2));
    assert_eq!(diff(&old, &old), Body::Same);
    assert_eq!(diff(&old, &new), Body::Full(new.clone().into()));
    assert_eq!(diff(&old, &[]), Body::Full(vec![].into()));
    assert_eq!(applied(&[], &diff(&[], &new)), new);
}

#[test]
fn a_small_change_makes_a_small_delta_at_any_size() {
    for len in [300, 3_000, 30_000, 300_000, 1 << 20, MAX] {
        let old = noise(len, 1);
        let mut new = old.clone();
        for at in 0..4 {
            let middle = at * len / 4 + len / 8;
            new[middle..middle + 8].copy_from_slice(b"changed!");
        }
        // Something grows in front: everything after it moves.
        new.splice(10..12, *b"grown");
        new.truncate(MAX);
        let Body::Delta(delta) = diff(&old, &new) else { panic!("{len} bytes: no delta") };
        assert!(delta.len() < 120 + len / 2_000, "{len} bytes: a delta of {}", delta.len());
        assert!(applied(&old, &Body::Delta(delta)) == new, "{len} bytes");
    }
}

#[test]
fn a_state_over_the_limit_is_not_made() {
    let old = noise(2_000, 1);
    let new = [&old[..], &old[..]].concat();
    let Body::Delta(delta) = diff(&old, &new) else { panic!("repeats") };
    assert!(ZstdXxh3.apply(&old, &delta, new.len()).is_some());
    assert_eq!(ZstdXxh3.apply(&old, &delta, new.len() - 1), None);
}

#[test]
fn a_delta_of_another_base_does_not_go_unnoticed() {
    let (old, other) = (noise(4_000, 1), noise(4_000, 3));
    let new = [&old[..2_000], b"!", &old[2_000..]].concat();
    let Body::Delta(delta) = diff(&old, &new) else { panic!("similar") };
    let made = ZstdXxh3.apply(&other, &delta, MAX).unwrap_or_default();
    assert_ne!(ZstdXxh3.hash(&made), ZstdXxh3.hash(&new));
}

/// A state may begin with any bytes, also with those that mark a trained dictionary.
#[test]
fn a_state_that_looks_like_a_dictionary_is_sent_whole() {
    let old = [&[0x37, 0xa4, 0x30, 0xec][..], &noise(1_000, 1)].concat();
    let new = [&old[..], b"!"].concat();
    assert_eq!(applied(&old, &diff(&old, &new)), new);
}

#[test]
fn the_hash_is_xxh3() {
    // The published value for no bytes at all; stored hashes depend on it for ever.
    assert_eq!(ZstdXxh3.hash(b""), 0x2d06_8005_38d3_94c2);
}
