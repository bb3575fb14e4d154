//! The disk fails under a real keeper: it ends with a coded error, and nothing acknowledged is missing afterwards.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use playon_faults::{Calls, FaultKind, IoFault};
use rustix::process::Signal;

use super::player::Player;
use super::rig::{PATIENCE, PLAYON, Rig, kill};

/// Plays, breaks the disk in the middle of it, waits for the keeper's end, starts it again and goes on.
async fn breaks_and_comes_back(mut fault: IoFault) {
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
    let fault = IoFault::new(Calls::Sync, 1, FaultKind::Eio);
    breaks_and_comes_back(IoFault { file: "playon.db-wal".into(), ..fault }).await;
}

#[tokio::test]
async fn a_write_that_fails_and_a_disk_that_is_full() {
    for (file, kind) in [
        ("playon.db-wal", FaultKind::Eio),
        ("playon.db-wal", FaultKind::Short),
        ("watermark", FaultKind::Enospc),
    ] {
        let fault = IoFault::new(Calls::Write, 3, kind);
        breaks_and_comes_back(IoFault { file: file.into(), ..fault }).await;
    }
}

/// Starts a keeper that may not get far, and stops it once it has read everything. Returns its exit code and what it said.
fn start_once(fault: &IoFault, data: &Path, log: &Path) -> (Option<i32>, String) {
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
    let faults: [(Calls, &[u64]); 3] =
        [(Calls::Read, &[1, 5, 20, 45]), (Calls::Write, &[1, 9]), (Calls::Sync, &[1, 2])];
    for (calls, ats) in faults {
        for at in ats.iter().copied() {
            let fault =
                IoFault { file: "playon.db".into(), ..IoFault::new(calls, at, FaultKind::Eio) };
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

/// What is acknowledged before the backup is there afterwards, in another place, with the release that runs it.
#[tokio::test]
async fn a_backup_under_load_is_restored_elsewhere() {
    let mut rig = Rig::start();
    let mut players = Vec::new();
    for n in 0..4 {
        players.push(Player::join(&rig, &format!("table-{n}")).await);
    }
    for player in &mut players {
        player.play(5).await;
    }
    let backup = rig.file("backup");
    let made = rig.json(&["store", "backup", backup.to_str().unwrap()]);
    assert_eq!(made["rooms_hot"], 4, "{made}");
    assert_eq!(made["releases"].as_array().unwrap().len(), 1, "{made}");
    // The keeper was not disturbed, and what is played from here on is lost with it.
    for player in &mut players {
        player.play(5).await;
    }
    assert!(players.iter().all(|player| player.sockets_closed() == 0));
    rig.signal(Signal::KILL);
    rig.wait();
    std::fs::rename(rig.data(), rig.file("lost")).unwrap();
    let restored = rig.playon(&["store", "restore", backup.to_str().unwrap()]);
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    assert!(rig.playon(&["store", "verify"]).status.success());
    let again = rig.playon(&["store", "restore", backup.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("PLY-0220"));
    let rig = rig.restart();
    for player in &mut players {
        // 5 inputs before the backup, 5 after it: those are lost, and the player is told so.
        assert_eq!(player.until_told().await, 5);
        player.go_on_from(5).await;
    }
    assert_eq!(rig.json(&["rooms"]).as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_damaged_room_is_given_up_by_a_repair() {
    let mut rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(5).await;
    assert_eq!(rig.terminate().code(), Some(0));
    assert!(rig.playon(&["store", "repair"]).status.success(), "there is nothing to repair");
    std::fs::write(rig.data().join("watermark"), "?").unwrap();
    let planned = rig.playon(&["store", "repair", "--json"]);
    assert_eq!(planned.status.code(), Some(1));
    let planned: serde_json::Value = serde_json::from_slice(&planned.stdout).unwrap();
    assert_eq!((planned["done"].as_bool(), planned["rooms_hot"].as_u64()), (Some(false), Some(1)));
    let done = rig.playon(&["store", "repair", "--yes"]);
    assert_eq!(done.status.code(), Some(1), "something may be given up");
    assert!(rig.playon(&["store", "verify"]).status.success());
    player.expect_another_history();
    let _rig = rig.restart();
    player.play(5).await;
}

/// Sets the schema version in the header of the database, as a later version of Playon would have.
fn set_schema(data: &Path, version: u8) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::OpenOptions::new().write(true).open(data.join("playon.db")).unwrap();
    file.write_all_at(&[0, 0, 0, version], 60).unwrap();
}

#[tokio::test]
async fn a_data_directory_of_a_later_version_is_left_alone() {
    let mut rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(5).await;
    assert_eq!(rig.terminate().code(), Some(0));
    set_schema(&rig.data(), 3);
    let before = std::fs::read(rig.data().join("playon.db")).unwrap();
    let refused = Command::new(PLAYON)
        .args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"])
        .arg(rig.data())
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("error: PLY-0211") && said.contains("its schema is 3"), "{said}");
    for command in [
        &["store", "verify"][..],
        &["store", "repair", "--yes"],
        &["store", "backup", rig.file("backup").to_str().unwrap()],
    ] {
        let output = rig.playon(command);
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("PLY-0211"), "{command:?}");
    }
    assert_eq!(std::fs::read(rig.data().join("playon.db")).unwrap(), before);
    set_schema(&rig.data(), 2);
    let _rig = rig.restart();
    player.play(5).await;
}
