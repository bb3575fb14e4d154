//! Processes that are killed, stopped and started twice.

use std::time::Instant;

use rustix::process::Signal;

use super::player::Player;
use super::rig::{PLAYON, Rig, kill};

#[tokio::test]
async fn a_room_survives_an_orderly_restart_and_a_kill_of_the_keeper() {
    let mut rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(5).await;
    assert_eq!(rig.terminate().code(), Some(0), "{}", rig.log());
    let verified = rig.playon(&["store", "verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    let mut rig = rig.restart();
    player.play(5).await;
    rig.signal(Signal::KILL);
    rig.wait();
    let rig = rig.restart();
    player.play(5).await;
    assert_eq!(rig.status()["epoch"], 3);
    assert_eq!(player.sockets_closed(), 2);
}

#[tokio::test]
async fn a_killed_worker_is_replaced_and_nobody_loses_a_socket() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    for _ in 0..3 {
        let before = player.play(5).await;
        let worker = rig.worker();
        let killed = Instant::now();
        kill(worker, Signal::KILL);
        player.until(|view| view.tick > before.tick + 20).await;
        assert!(killed.elapsed().as_secs() < 20, "the room came back too late");
        player.play(5).await;
        assert_ne!(rig.worker(), worker);
    }
    assert_eq!(player.sockets_closed(), 0);
}

#[tokio::test]
async fn a_hung_worker_is_killed_and_replaced() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(5).await;
    let worker = rig.worker();
    kill(worker, Signal::STOP);
    player.play(5).await;
    assert_ne!(rig.worker(), worker);
    assert_eq!(player.sockets_closed(), 0);
}

#[tokio::test]
async fn a_keeper_that_stood_still_goes_on_with_its_workers() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(5).await;
    let worker = rig.worker();
    rig.signal(Signal::STOP);
    // Longer than a worker may be silent.
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    rig.signal(Signal::CONT);
    player.play(5).await;
    assert_eq!(rig.worker(), worker, "{}", rig.log());
}

#[tokio::test]
async fn a_second_keeper_is_refused_and_harms_nothing() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(2).await;
    let second = std::process::Command::new(PLAYON)
        .args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"])
        .arg(rig.data())
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("PLY-0210"));
    // The addresses of the first one are still noted.
    player.play(2).await;
    assert_eq!(rig.status()["epoch"], 1);
}

#[tokio::test]
async fn a_keeper_whose_disk_is_full_ends_itself_and_loses_nothing() {
    let mut rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(5).await;
    assert_eq!(rig.terminate().code(), Some(0));
    let mut rig = rig.restart_on_small_disk(800);
    // The room ticks until nothing more fits.
    let status = tokio::task::spawn_blocking(move || (rig.wait(), rig));
    let (status, rig) = status.await.unwrap();
    assert_eq!(status.code(), Some(1), "{}", rig.log());
    assert!(rig.log().contains("error: PLY-0201"), "{}", rig.log());
    assert!(rig.log().contains("409600 bytes (RLIMIT_FSIZE)"), "{}", rig.log());
    let rig = rig.restart();
    player.play(5).await;
    assert!(rig.playon(&["status"]).status.success());
}

/// From the first write on, and whatever the command.
#[test]
fn a_limit_on_the_size_of_files_is_said_and_ends_nothing_without_a_word() {
    let rig = Rig::start();
    let dir = rig.file("another");
    for blocks in [0, 1, 8, 40, 80] {
        let script = format!("ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let started = std::process::Command::new("sh")
            .args(["-c", &script, PLAYON, "serve", "--listen", "127.0.0.1:0"])
            .args(["--admin", "127.0.0.1:0", "--data"])
            .arg(&dir)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&started.stderr);
        assert_eq!(started.status.code(), Some(1), "{blocks}: {:?} {said}", started.status);
        assert!(said.contains("error: PLY-"), "{blocks}: {said}");
        assert!(
            said.contains("RLIMIT_FSIZE") || said.contains("File too large"),
            "{blocks}: {said}"
        );
    }
}

/// A worker that writes a file too large ends of it, as it would by itself.
#[test]
fn workers_have_the_signals_that_any_process_has() {
    let rig = Rig::start();
    let worker = rig.worker();
    let status = std::fs::read_to_string(format!("/proc/{worker}/status")).unwrap();
    let set = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        u64::from_str_radix(line.trim(), 16).unwrap()
    };
    let xfsz = 1 << (Signal::XFSZ.as_raw() - 1);
    assert_eq!((set("SigIgn:") & xfsz, set("SigCgt:") & xfsz, set("SigBlk:")), (0, 0, 0));
}
