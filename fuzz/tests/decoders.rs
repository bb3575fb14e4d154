//! The targets as tests: the corpus as it is, and random damage to it, with an eye on what a decode allocates.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use bytes::{Bytes, BytesMut};
use peak_alloc::PeakAlloc;
use playon_fuzz::{TARGETS, Target};
use playon_wire::attach::{FRAME_BYTES_MAX, FRAME_ENTRIES_MAX, decode_up};
use playon_wire::varint;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// One decode at a time, so that what is measured is its own.
static ALONE: Mutex<()> = Mutex::new(());

/// What the test's own threads may allocate meanwhile.
const SLACK_BYTES: usize = 64 << 10;

fn corpus(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let files = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> = files.map(|file| file.expect("listed").path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), fs::read(path).expect("readable"))).collect()
}

fn check(target: &Target, bytes: &[u8]) {
    let alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    (target.decode)(bytes);
    let peak = ALLOCATOR.peak_usage().saturating_sub(before);
    drop(alone);
    let allowed = target.peak_times * bytes.len() + target.peak_bytes + SLACK_BYTES;
    let name = target.name;
    assert!(peak <= allowed, "{name}: {} bytes took {peak}, {allowed} are allowed", bytes.len());
    (target.run)(bytes);
}

#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, u8),
    Cut(Index),
    Repeat(Index, u8),
    /// The largest varint, or length of 4 bytes, there is.
    Huge(Index),
    /// The tail of another entry of the corpus.
    Splice(Index, Index, Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        (at(), vec(any::<u8>(), 1..4)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (at(), 1..5_u8).prop_map(|(at, count)| Damage::Remove(at, count)),
        at().prop_map(Damage::Cut),
        (at(), 1..20_u8).prop_map(|(at, times)| Damage::Repeat(at, times)),
        at().prop_map(Damage::Huge),
        (at(), at(), at()).prop_map(|(at, other, from)| Damage::Splice(at, other, from)),
    ]
}

fn damaged(entries: &[(PathBuf, Vec<u8>)], which: &Index, damages: &[Damage]) -> Vec<u8> {
    let mut bytes = entries[which.index(entries.len())].1.clone();
    for damage in damages {
        let len = bytes.len();
        if len == 0 {
            break;
        }
        match damage {
            Damage::Flip(at, bits) => bytes[at.index(len)] ^= bits,
            Damage::Insert(at, new) => {
                let at = at.index(len);
                drop(bytes.splice(at..at, new.iter().copied()));
            }
            Damage::Remove(at, count) => {
                let at = at.index(len);
                drop(bytes.drain(at..len.min(at + usize::from(*count))));
            }
            Damage::Cut(at) => bytes.truncate(at.index(len)),
            Damage::Repeat(at, times) => {
                let tail = bytes[at.index(len)..].to_vec();
                (0..*times).for_each(|_| bytes.extend_from_slice(&tail));
                bytes.truncate(64 << 10);
            }
            Damage::Huge(at) => {
                let at = at.index(len);
                drop(bytes.splice(at..at, [0xff; 9].into_iter().chain([1])));
            }
            Damage::Splice(at, other, from) => {
                let other = &entries[other.index(entries.len())].1;
                if !other.is_empty() {
                    bytes.truncate(at.index(len));
                    bytes.extend_from_slice(&other[from.index(other.len())..]);
                }
            }
        }
    }
    bytes
}

/// Also what once made a target fail: `cargo xtask fuzz` puts it there.
#[test]
fn the_corpus_is_survived() {
    for target in TARGETS {
        let entries = corpus(target);
        assert!(!entries.is_empty(), "{} has no corpus", target.name);
        for (path, bytes) in entries {
            let outcome = std::panic::catch_unwind(|| check(target, &bytes));
            assert!(outcome.is_ok(), "{}", path.display());
        }
    }
}

#[test]
fn damage_is_survived() {
    for target in TARGETS {
        let entries = corpus(target);
        let config = Config { cases: 4_000, failure_persistence: None, ..Config::default() };
        let bytes = (any::<Index>(), vec(damage(), 0..6))
            .prop_map(move |(which, damages)| damaged(&entries, &which, &damages));
        let outcome = TestRunner::new(config).run(&bytes, |bytes| {
            check(target, &bytes);
            Ok(())
        });
        if let Err(why) = outcome {
            panic!("{}: {why}", target.name);
        }
    }
}

/// Empty outputs are the worst there is: two bytes each, and a hundred once decoded.
#[test]
fn a_whole_frame_of_empty_entries_takes_a_bounded_amount() {
    let commit = |entries: usize| {
        // An item of the batch, a commit in it, and outputs in that; each behind its key and its length.
        let within = |key: &[u8], body: Vec<u8>| {
            let mut out = BytesMut::from(key);
            varint::put(body.len() as u64, &mut out);
            out.extend_from_slice(&body);
            out.to_vec()
        };
        let frame = within(&[0x0a], within(&[0x82, 0x01], [0x62, 0].repeat(entries)));
        Bytes::from(frame)
    };
    let peak = |frame: Bytes| {
        let alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        ALLOCATOR.reset_peak_usage();
        let before = ALLOCATOR.current_usage();
        let error = decode_up(frame).expect_err("no room is named").to_string();
        let peak = ALLOCATOR.peak_usage().saturating_sub(before);
        drop(alone);
        (peak, error)
    };
    let (allowed, error) = peak(commit(FRAME_ENTRIES_MAX));
    assert!(error.contains("PLY-0484"), "{error}");
    assert!(allowed <= 64 << 20, "{allowed} bytes");
    // Beyond the bound nothing at all is made.
    for entries in [FRAME_ENTRIES_MAX + 1, (FRAME_BYTES_MAX - 11) / 2] {
        let (refused, error) = peak(commit(entries));
        assert!(error.contains("PLY-0482"), "{error}");
        assert!(refused <= SLACK_BYTES, "{entries} entries took {refused} bytes");
    }
}

/// The meter measures: a decoder that believed a length would be seen.
#[test]
fn what_is_allocated_is_measured() {
    let greedy = Target {
        name: "greedy",
        run: |_| {},
        decode: |bytes| drop(Vec::<u8>::with_capacity(usize::from(bytes[0]) << 20)),
        peak_times: 1,
        peak_bytes: 0,
    };
    check(&greedy, &[0]);
    assert!(std::panic::catch_unwind(|| check(&greedy, &[100])).is_err());
}
