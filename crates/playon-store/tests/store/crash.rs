//! A keeper that is killed at random points loses nothing that was acknowledged.
//!
//! The test runs itself as a child process which writes as fast as it can and prints what was acknowledged.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::common::{COUNTER, Dice, World, copy, see};
use playon_store::{RoomLog, SqliteOptions, SqliteStore, verify};

/// Set to try another history.
const SEED: &str = "PLAYON_STORE_CRASH_SEED";
const ROUNDS: u64 = 120;
/// Batches the child has in flight.
const WINDOW: usize = 8;
const CHILD: &str = "PLAYON_STORE_CRASH_CHILD";

fn seed() -> u64 {
    std::env::var(SEED).map_or(20_261_122, |text| text.parse().unwrap())
}

/// Bounds so small that checkpoints, cuts and carrying over happen all the time.
fn options() -> SqliteOptions {
    SqliteOptions {
        log_bytes_max: 20_000,
        wal_bytes_max: 200_000,
        group_bytes_max: 4_000,
        ..SqliteOptions::default()
    }
}

/// How far the store got; fails if it is not exactly the world at that step.
fn check(dir: &Path) -> u64 {
    let store = SqliteStore::open(dir, options()).unwrap();
    let seen = see(&store).unwrap();
    assert!(seen.places.is_empty(), "a killed keeper damages nothing: {:?}", seen.places);
    let steps = seen.rooms.get(&COUNTER).map_or(0, |found| {
        found.records.last().map_or(found.snapshot.seq.0, |(_, last)| last.seq.0)
    });
    World::after(seed(), steps).compare(&seen, &store).unwrap();
    steps
}

#[test]
fn nothing_acknowledged_is_lost_by_kill() {
    let dir = crate::common::scratch();
    let disk = tempfile::tempdir().unwrap();
    let mut dice = Dice(seed());
    let mut steps = 0;
    for round in 0..ROUNDS {
        // Most rounds in memory, which is faster; some on a real file system.
        let place = if round % 8 == 7 { disk.path() } else { dir.path() };
        if round % 8 == 7 {
            std::fs::remove_dir_all(disk.path()).unwrap();
            copy(dir.path(), disk.path());
        }
        let mut child = spawn(place, steps);
        // Killed after so many acknowledgements, or, every fifth time, while it opens.
        let (acked, started) = if round % 5 == 4 {
            std::thread::sleep(Duration::from_micros(dice.below(30_000)));
            kill(&mut child, 0)
        } else {
            kill(&mut child, 1 + dice.below(300))
        };
        // The crashed files themselves, or a copy of them, so that the child also meets them.
        let copied = crate::common::scratch();
        let found = if round % 2 == 0 {
            check(place)
        } else {
            copy(place, copied.path());
            check(copied.path())
        };
        assert!(found >= acked.max(steps), "round {round}: {acked} acknowledged, {found} found");
        assert!(
            found <= started.max(steps) + WINDOW as u64 + 1,
            "round {round}: {found} found, {started} begun"
        );
        if place == dir.path() {
            steps = found;
        }
    }
    assert!(steps > ROUNDS, "the children got somewhere");
    let report = verify(dir.path()).unwrap();
    assert!(report.is_sound() && report.batch_first > 1, "the log was cut: {report}");
}

fn spawn(dir: &Path, steps: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["crash::child_writes_until_killed", "--exact", "--nocapture"])
        .env(CHILD, dir)
        .env("PLAYON_STORE_CRASH_STEPS", steps.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills the child after `acks` more acknowledgements. Returns the last step acknowledged and a bound on
/// the last one begun.
fn kill(child: &mut Child, acks: u64) -> (u64, u64) {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut acked, mut count) = (0, 0);
    let mut killed = false;
    loop {
        if count >= acks && !killed {
            child.kill().unwrap();
            killed = true;
        }
        // After the kill, what was printed before it is still in the pipe.
        let Some(Ok(line)) = lines.next() else { break };
        if let Some(step) = line.strip_prefix("ack ") {
            acked = step.parse().unwrap();
            count += 1;
        }
    }
    let status = child.wait().unwrap();
    assert!(!status.success(), "the child must not end by itself");
    (acked, acked)
}

#[test]
fn child_writes_until_killed() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let steps: u64 = std::env::var("PLAYON_STORE_CRASH_STEPS").unwrap().parse().unwrap();
    let store = SqliteStore::open(Path::new(&dir), options()).unwrap();
    let (wish, wishes) = mpsc::channel();
    store.on_snapshots_wanted(Box::new(move |rooms| wish.send(rooms).unwrap()));
    store.recover(&mut |found| drop(found.unwrap())).unwrap();
    let mut world = World::after(seed(), steps);
    let (tell, told) = mpsc::channel();
    for in_flight in 0.. {
        let batch = world.step();
        let (step, tell) = (world.steps, tell.clone());
        store.submit(
            batch,
            Box::new(move |outcome| {
                outcome.unwrap();
                let mut out = std::io::stdout().lock();
                writeln!(out, "ack {step}").unwrap();
                out.flush().unwrap();
                tell.send(()).unwrap();
            }),
        );
        // Every other wish is granted; what the others hold up has to be carried over.
        for rooms in wishes.try_iter().filter(|_| step % 2 == 0) {
            store.submit(world.snapshots(&rooms), Box::new(|outcome| outcome.unwrap()));
        }
        if in_flight >= WINDOW {
            told.recv().unwrap();
        }
    }
}
