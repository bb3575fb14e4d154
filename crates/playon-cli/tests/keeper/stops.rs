//! How a keeper ends, and how it comes back.

use std::process::Command;
use std::time::{Duration, Instant};

use playon_keeper::SAME_REQUEST_MAX;
use rustix::process::Signal;

use super::interface::get;
use super::player::Player;
use super::rig::{FIRST, PATIENCE, PLAYON, Rig, kill};

/// Messages that workers were sent so far.
fn sent_to_workers(rig: &Rig) -> u64 {
    let metrics = get(rig, "/metrics", "");
    let line =
        metrics.lines().find_map(|line| line.strip_prefix("playon_worker_messages_out_total "));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_stop_waits_for_no_batch_that_a_worker_has() {
    let mut rig = Rig::start();
    let mut player = Player::join_kind(&rig, "drill-turns", "table").await;
    player.play(3).await;
    let worker = rig.worker();
    kill(worker, Signal::STOP);
    let before = sent_to_workers(&rig);
    player.send(1).await;
    let until = Instant::now() + PATIENCE;
    while sent_to_workers(&rig) == before {
        assert!(Instant::now() < until, "the batch never left");
        player.listen(Duration::from_millis(20)).await;
    }
    assert!(rig.terminate().success(), "{}", rig.log());
    assert!(!rig.log().contains("not all rooms came to rest"), "{}", rig.log());
    let rig = rig.restart();
    rig.until_ready();
    player.play(2).await;
}

/// As `timeout` and others do, who tell a process and its group. Two kinds, as the system makes one of two of a kind.
#[test]
fn signals_that_come_together_are_one() {
    let mut rig = Rig::start();
    // It makes the stop as long as it may become.
    kill(rig.worker(), Signal::STOP);
    rig.signal(Signal::TERM);
    rig.signal(Signal::INT);
    rig.until_log("the keeper stops");
    rig.signal(Signal::TERM);
    assert!(rig.wait().success(), "{}", rig.log());
    assert!(!rig.log().contains("PLY-0455"), "{}", rig.log());
}

#[test]
fn a_second_signal_ends_a_keeper_at_once() {
    let mut rig = Rig::start();
    kill(rig.worker(), Signal::STOP);
    rig.signal(Signal::TERM);
    rig.until_log("the keeper stops");
    std::thread::sleep(SAME_REQUEST_MAX + Duration::from_millis(50));
    rig.signal(Signal::TERM);
    assert_eq!(rig.wait().code(), Some(1), "{}", rig.log());
    assert!(rig.log().contains("PLY-0455"), "{}", rig.log());
    let mut rig = rig.restart();
    rig.until_ready();
    assert!(rig.terminate().success());
}

#[tokio::test]
async fn a_terminal_that_goes_away_stops_a_keeper_in_order() {
    let mut rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(3).await;
    rig.signal(Signal::HUP);
    assert!(rig.wait().success(), "{}", rig.log());
    let rig = rig.restart();
    rig.until_ready();
    player.play(2).await;
}

#[test]
fn a_keeper_that_was_told_to_outlive_its_terminal_does() {
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", PLAYON]);
    let mut rig = Rig::start_as(command);
    rig.signal(Signal::HUP);
    assert_eq!(rig.status()["recovered"], true);
    assert!(rig.terminate().success());
}

#[tokio::test]
async fn a_release_that_rooms_need_is_tried_until_it_works() {
    let rig = Rig::start();
    let broken = rig.file("broken");
    let text = format!("#!/bin/sh\n[ -e {} ] && exit 3\nexec {FIRST}\n", broken.display());
    let script = rig.script("wrapped", &text);
    assert!(rig.playon(&["deploy", "--now", script.to_str().unwrap()]).status.success());
    let mut player = Player::join(&rig, "table").await;
    player.play(3).await;
    std::fs::write(&broken, "").unwrap();
    let mut rig = rig;
    rig.signal(Signal::KILL);
    rig.wait();
    let rig = rig.restart();
    let until = Instant::now() + PATIENCE;
    while rig.log().matches("PLY-0405").count() < 5 {
        assert!(Instant::now() < until, "{}", rig.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!rig.log().contains("given_up=true"), "{}", rig.log());
    let again = rig.playon(&["deploy", script.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(again.status.success() && said.contains("started again now"), "{said}");
    std::fs::remove_file(&broken).unwrap();
    player.play(2).await;
}

#[tokio::test]
async fn rooms_above_a_lowered_bound_play_on() {
    let mut rig = Rig::start_heavy(200_000);
    let mut player = Player::join_kind(&rig, "drill-turns", "table").await;
    player.play(3).await;
    assert!(rig.terminate().success());
    let mut command = Command::new(PLAYON);
    command.env("PLAYON_ROOMS_STATE_BYTES_MAX", "65536");
    let rig = rig.restart_as(command);
    rig.until_ready();
    player.play(20).await;
    assert!(!rig.log().contains("PLY-0104") && !rig.log().contains("halted"), "{}", rig.log());
}
