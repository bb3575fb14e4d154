//! Damaged files: whatever happens to them, a store is either exactly what was acknowledged, or it says
//! what is missing. It is never silently older.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::{Dice, World, copy, see};
use playon_store::testing::{set, submit};
use playon_store::watermark::WATERMARK_FILE;
use playon_store::{DATABASE_FILE, Decisions, OpenError, RoomLog, SqliteOptions, SqliteStore};

const WAL: &str = "playon.db-wal";

/// A store as a crash leaves it: closed by nobody.
struct Crashed {
    dir: tempfile::TempDir,
    world: World,
    setting: String,
}

fn options() -> SqliteOptions {
    SqliteOptions { log_bytes_max: 16_000, wal_bytes_max: 150_000, ..SqliteOptions::default() }
}

/// Runs a world and copies the files while the store is idle. Rooms do not answer when they are asked
/// for snapshots, so entries are carried over.
fn crashed(seed: u64, steps: u64, options: &SqliteOptions, closed_at: u64) -> Crashed {
    let live = crate::common::scratch();
    let mut world = World::new(seed);
    let mut store = SqliteStore::open(live.path(), options.clone()).unwrap();
    let mut setting = String::new();
    for step in 1..=steps {
        submit(&store, world.step()).unwrap();
        if step % 20 == 0 {
            setting = format!("as of {step}");
            set(&store, "note", setting.clone()).unwrap();
        }
        if step == closed_at {
            store.close().unwrap();
            store = SqliteStore::open(live.path(), options.clone()).unwrap();
        }
    }
    let dir = crate::common::scratch();
    copy(live.path(), dir.path());
    Crashed { dir, world, setting }
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Exact,
    RoomsDamaged,
    Refused,
}

/// Opens a store that may be damaged and holds it against what was acknowledged.
fn judge(dir: &Path, crashed: &Crashed) -> Result<Outcome, String> {
    let store = match SqliteStore::open(dir, options()) {
        Ok(store) => store,
        Err(OpenError::Locked { .. } | OpenError::Missing { .. } | OpenError::Full { .. }) => {
            return Err("refused for the wrong reason".to_owned());
        }
        Err(_) => return Ok(Outcome::Refused),
    };
    let Ok(seen) = see(&store) else { return Ok(Outcome::Refused) };
    crashed.world.compare(&seen, &store)?;
    match store.setting("note") {
        Ok(Some(value)) if value == crashed.setting.as_bytes() => {}
        Err(_) => {}
        other => return Err(format!("the setting is {other:?}, not {}", crashed.setting)),
    }
    Ok(if seen.places.is_empty() { Outcome::Exact } else { Outcome::RoomsDamaged })
}

/// A way to damage a file, and back again.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Cut(u64),
    Flip(u64),
}

impl Harm {
    fn apply(self, dir: &Path, file: &str) {
        let file = std::fs::OpenOptions::new().read(true).write(true).open(dir.join(file)).unwrap();
        match self {
            Self::Cut(len) => file.set_len(len).unwrap(),
            Self::Flip(bit) => {
                let mut byte = [0];
                file.read_exact_at(&mut byte, bit / 8).unwrap();
                byte[0] ^= 1 << (bit % 8);
                file.write_all_at(&byte, bit / 8).unwrap();
            }
        }
    }

    /// Makes a refused store fit for the next trial. Cuts come in falling order, each shortens the one before.
    fn undo(self, dir: &Path, file: &str) {
        if matches!(self, Self::Flip(_)) {
            self.apply(dir, file);
        }
    }
}

/// Tries many ways to damage a file, on two threads, and returns how many were exact, damaged, refused.
fn try_all(crashed: &Crashed, file: &str, harms: &[Harm]) -> [usize; 3] {
    let next = AtomicUsize::new(0);
    let counts = [const { AtomicUsize::new(0) }; 3];
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let place = crate::common::scratch();
                let dir = place.path().join("store");
                let mut fresh = false;
                while let Some(harm) = harms.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if !fresh {
                        copy(crashed.dir.path(), &dir);
                    }
                    harm.apply(&dir, file);
                    let before = contents(&dir);
                    let outcome =
                        judge(&dir, crashed).unwrap_or_else(|why| panic!("{file} {harm:?}: {why}"));
                    fresh = outcome == Outcome::Refused;
                    if fresh {
                        assert!(
                            before == contents(&dir),
                            "{file} {harm:?}: a refused store is changed"
                        );
                        harm.undo(&dir, file);
                    } else {
                        std::fs::remove_dir_all(&dir).unwrap();
                    }
                    counts[outcome as usize].fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    counts.map(AtomicUsize::into_inner)
}

fn contents(dir: &Path) -> [Option<Vec<u8>>; 3] {
    [DATABASE_FILE, WAL, WATERMARK_FILE].map(|file| std::fs::read(dir.join(file)).ok())
}

fn len(crashed: &Crashed, file: &str) -> u64 {
    std::fs::metadata(crashed.dir.path().join(file)).unwrap().len()
}

/// Some with everything in the write-ahead log, some with most of it in the database, some with a log that
/// was copied but not started anew.
fn samples() -> Vec<Crashed> {
    let roomy = SqliteOptions::default();
    vec![
        crashed(1, 25, &roomy, 0),
        crashed(2, 60, &roomy, 55),
        crashed(3, 200, &options(), 0),
        crashed(4, 120, &SqliteOptions { log_bytes_max: 3_000, ..options() }, 118),
    ]
}

#[test]
fn undamaged_copies_are_exact() {
    for crashed in samples() {
        assert_eq!(judge(crashed.dir.path(), &crashed), Ok(Outcome::Exact));
    }
}

#[test]
fn every_cut_is_exact_or_noticed() {
    for (n, crashed) in samples().iter().enumerate() {
        for (file, page) in [(DATABASE_FILE, 8192), (WAL, 8192 + 24)] {
            let whole = len(crashed, file);
            // Every byte of the last page of the smallest store, some of every page of the others.
            let harms: Vec<Harm> = match n {
                0 => (whole.saturating_sub(page)..whole).rev().map(Harm::Cut).collect(),
                _ => (0..whole).rev().step_by(1_999).map(Harm::Cut).collect(),
            };
            let counts = try_all(crashed, file, &harms);
            println!(
                "sample {n}, {file} cut {} times: exact, damaged, refused = {counts:?}",
                harms.len()
            );
        }
    }
}

#[test]
fn every_flipped_bit_is_exact_or_noticed() {
    let mut dice = Dice(7);
    for (n, crashed) in samples().iter().enumerate() {
        for file in [DATABASE_FILE, WAL, WATERMARK_FILE] {
            let whole = len(crashed, file);
            let mut bits: Vec<u64> = (0..whole.min(400)).map(|_| dice.below(whole * 8)).collect();
            // Heads of pages decide what the rest means.
            bits.extend(
                (0..whole / 8192)
                    .flat_map(|page| (0..6).map(move |at| (page * 8192 + at * 2) * 8 + at % 8)),
            );
            bits.extend((0..whole.min(100)).map(|at| at * 8 + 1));
            let harms: Vec<Harm> = bits.into_iter().map(Harm::Flip).collect();
            let counts = try_all(crashed, file, &harms);
            println!(
                "sample {n}, {file} flipped {} times: exact, damaged, refused = {counts:?}",
                harms.len()
            );
        }
    }
}
