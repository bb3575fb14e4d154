//! The wall clock is wrong, and is set right, while rooms are at rest.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;

use super::rig::{PLAYON, Rig};
use super::rooms_at_rest::{SLEEPER, Visitor, asleep, until_at_rest};

const YEAR_S: i64 = 365 * 86_400;

/// A keeper that sees the time of day by as many seconds off as a file says.
fn command(clock: &Path, expire_ms: u64) -> Command {
    let mut command = Command::new(PLAYON);
    playon_faults::set_clock(&mut command, clock);
    command.env("PLAYON_SLEEPER_EXPIRE_MS", expire_ms.to_string());
    command
}

const ARGS: [&str; 6] = [
    "--release",
    SLEEPER,
    "--set",
    "keeper.sweep_every=100ms",
    "--worker-env",
    "PLAYON_SLEEPER_EXPIRE_MS",
];

fn set(clock: &Path, by_s: i64) {
    std::fs::write(clock, by_s.to_string()).unwrap();
}

fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// It is still there after many sweeps.
fn stays(rig: &Rig) {
    let until = Instant::now() + Duration::from_secs(4);
    while Instant::now() < until {
        assert_eq!(asleep(rig, &[])["at_rest"], 1, "it was deleted: {}", rig.log());
        assert_eq!(asleep(rig, &["--expired"])["rooms"].as_array().unwrap().len(), 0);
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// It is dated by the clock that is right now.
fn is_of_today(rig: &Rig) {
    let since = asleep(rig, &[])["rooms"][0]["since_ms"].as_u64().unwrap();
    assert!(since.abs_diff(now_ms()) < 120_000, "at rest since {since}");
}

/// Wrong by so many seconds while the room goes to rest, and right from then on.
async fn outlives_a_correction(wrong_by_s: i64) {
    let files = tempfile::tempdir().unwrap();
    let clock = files.path().join("clock");
    set(&clock, wrong_by_s);
    let rig = Rig::start_as_with(command(&clock, 3_600_000), &ARGS);
    Visitor::visit(&rig, "old", 3).await;
    until_at_rest(&rig, 1);
    set(&clock, 0);
    stays(&rig);
    is_of_today(&rig);
    assert_eq!(Visitor::visit(&rig, "old", 1).await, (3, 0));
}

/// Whoever lists them looks at another clock, or at the same one before it was set.
#[tokio::test]
async fn a_list_counts_as_the_keeper_does_whatever_the_clocks_say() {
    let files = tempfile::tempdir().unwrap();
    let clock = files.path().join("clock");
    set(&clock, 0);
    let rig = Rig::start_as_with(command(&clock, 3_600_000), &ARGS);
    Visitor::visit(&rig, "old", 3).await;
    until_at_rest(&rig, 1);
    for wrong_by_s in [0, -400 * 86_400, 3 * 86_400, -56 * YEAR_S, 70 * YEAR_S] {
        set(&clock, wrong_by_s);
        let listed = rig.playon(&["rooms", "--asleep"]).stdout;
        let listed = String::from_utf8(listed).unwrap();
        let room = listed.lines().find(|line| line.contains("old")).unwrap();
        let (rest, left) = room.rsplit_once("  ").unwrap();
        assert_eq!(left.trim(), "59 min", "{wrong_by_s}: {listed}");
        assert!(rest.trim_end().ends_with(" s"), "{wrong_by_s}: {listed}");
    }
}

#[tokio::test]
async fn a_room_that_went_to_rest_long_ago_by_a_wrong_clock_stays() {
    outlives_a_correction(-56 * YEAR_S).await;
}

#[tokio::test]
async fn a_room_that_went_to_rest_in_the_future_stays() {
    outlives_a_correction(70 * YEAR_S).await;
}

/// It is no younger for that: its age is what it has rested.
#[tokio::test]
async fn a_room_that_went_to_rest_in_the_future_is_deleted_when_it_is_old_enough() {
    let files = tempfile::tempdir().unwrap();
    let clock = files.path().join("clock");
    set(&clock, 70 * YEAR_S);
    let rig = Rig::start_as_with(command(&clock, 3_000), &ARGS);
    Visitor::visit(&rig, "old", 3).await;
    until_at_rest(&rig, 1);
    set(&clock, 0);
    until_at_rest(&rig, 0);
}

/// Also when the keeper is started again in between, by a stop or a kill.
#[tokio::test]
async fn a_clock_that_is_set_between_two_keepers_makes_no_room_older() {
    let files = tempfile::tempdir().unwrap();
    let clock = files.path().join("clock");
    for (wrong_by_s, signal) in [(-56 * YEAR_S, Signal::TERM), (-56 * YEAR_S, Signal::KILL)] {
        set(&clock, wrong_by_s);
        let mut rig = Rig::start_as_with(command(&clock, 3_600_000), &ARGS);
        Visitor::visit(&rig, "old", 3).await;
        until_at_rest(&rig, 1);
        rig.signal(signal);
        rig.wait();
        set(&clock, 0);
        let rig = rig.restart_as_with(command(&clock, 3_600_000), &ARGS[2..]);
        rig.until_ready();
        stays(&rig);
        is_of_today(&rig);
    }
}

/// A clock that is wrong from the start of the keeper on, for however long it stays so.
#[tokio::test]
async fn a_keeper_that_is_started_with_a_wrong_clock_deletes_nothing_by_it() {
    let files = tempfile::tempdir().unwrap();
    let clock = files.path().join("clock");
    set(&clock, 0);
    let mut rig = Rig::start_as_with(command(&clock, 3_600_000), &ARGS);
    Visitor::visit(&rig, "old", 3).await;
    until_at_rest(&rig, 1);
    assert!(rig.terminate().success());
    set(&clock, 70 * YEAR_S);
    let rig = rig.restart_as_with(command(&clock, 3_600_000), &ARGS[2..]);
    rig.until_ready();
    stays(&rig);
    set(&clock, 0);
    stays(&rig);
    is_of_today(&rig);
}
