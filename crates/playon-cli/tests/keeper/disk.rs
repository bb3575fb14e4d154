//! The disk fails under a real keeper: it ends with a coded error, and nothing acknowledged is missing afterwards.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use playon_faults::{Calls, Fault, Kind};
use rustix::process::Signal;

use super::player::Player;
use super::rig::{PATIENCE, PLAYON, Rig, kill};

/// Plays, breaks the disk in the middle of it, waits for the keeper's end, starts it again and goes on.
async fn breaks_and_comes_back(mut fault: Fault) {
    let mut rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(5).await;
    assert_eq!(rig.terminate().code(), Some(0));
    let arm = rig.file("arm");
    let log = rig.file("faults");
    fault.armed_by = Some(arm.clone());
    let mut command = Command::new(PLAYON);
    fault.put_into(&mut command, &rig.data().canonicalize().unwrap(), &log);
    let rig = rig.restart_as(command);
    player.play(5).await;
    std::fs::write(arm, "").unwrap();
    // The room ticks, so the store is written to.
    let ended = tokio::task::spawn_blocking(move || {
        let mut rig = rig;
        (rig.wait(), rig)
    });
    let (status, rig) = ended.await.unwrap();
    assert_eq!(status.code(), Some(1), "{fault:?}: {}", rig.log());
    assert!(rig.log().contains("error: PLY-0201"), "{fault:?}: {}", rig.log());
    let rig = rig.restart();
    player.play(5).await;
    assert!(rig.json(&["rooms"])[0]["halted"].is_null());
}

#[tokio::test]
async fn a_sync_that_fails() {
    let fault = Fault::new(Calls::Sync, 1, Kind::Eio);
    breaks_and_comes_back(Fault { file: "playon.db-wal".into(), ..fault }).await;
}

#[tokio::test]
async fn a_write_that_fails_and_a_disk_that_is_full() {
    for (file, kind) in
        [("playon.db-wal", Kind::Eio), ("playon.db-wal", Kind::Short), ("watermark", Kind::Enospc)]
    {
        let fault = Fault::new(Calls::Write, 3, kind);
        breaks_and_comes_back(Fault { file: file.into(), ..fault }).await;
    }
}

/// Starts a keeper that may not get far, and stops it once it has read everything. Returns its exit code and what it said.
fn start_once(fault: &Fault, data: &Path, log: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(PLAYON);
    fault.put_into(&mut command, data, log);
    let mut keeper = command
        .args([
            "serve",
            "--announce",
            "--listen",
            "127.0.0.1:0",
            "--admin",
            "127.0.0.1:0",
            "--data",
        ])
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let until = Instant::now() + PATIENCE;
    while !line.is_empty() && keeper.try_wait().unwrap().is_none() {
        assert!(Instant::now() < until, "{fault:?}: it neither serves nor ends");
        let status =
            Command::new(PLAYON).args(["status", "--json", "--data"]).arg(data).output().unwrap();
        if String::from_utf8_lossy(&status.stdout).contains("\"recovered\": true") {
            kill(keeper.id(), Signal::TERM);
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = keeper.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Each start either serves everything or ends with a coded error; rooms are never taken for missing.
#[tokio::test]
async fn a_disk_that_cannot_be_read_or_written_at_start() {
    let mut rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(5).await;
    rig.signal(Signal::KILL);
    rig.wait();
    let (data, log) = (rig.data().canonicalize().unwrap(), rig.file("faults"));
    let mut ended = 0;
    for (calls, stride) in [(Calls::Read, 13), (Calls::Write, 17), (Calls::Sync, 2)] {
        for at in (1..60).step_by(stride) {
            let fault = Fault { file: "playon.db".into(), ..Fault::new(calls, at, Kind::Eio) };
            let (code, said) = start_once(&fault, &data, &log);
            match code {
                Some(0) => {}
                Some(1) => {
                    assert!(said.contains("error: PLY-02"), "{fault:?}: {said}");
                    ended += 1;
                }
                other => panic!("{fault:?}: {other:?}, {said}"),
            }
            assert!(!said.contains("panicked at"), "{fault:?}: {said}");
        }
    }
    assert!(ended > 0, "no fault struck");
    let rig = rig.restart();
    player.play(5).await;
    assert!(rig.json(&["rooms"])[0]["halted"].is_null());
}
