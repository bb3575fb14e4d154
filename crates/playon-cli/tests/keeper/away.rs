//! The data directory is moved, deleted or replaced under a running keeper, or something in it is.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use rustix::thread::{CapabilitySet, remove_capability_from_bounding_set};

use super::player::Player;
use super::rig::{PATIENCE, PLAYON, Rig, files_in, kill};
use super::socket::{Socket, hello};

/// What is done to the data directory, by name.
type Deed = (&'static str, fn(&Rig));

const DEEDS: [Deed; 5] = [
    ("deleted", |rig| fs::remove_dir_all(rig.data()).unwrap()),
    ("moved", |rig| fs::rename(rig.data(), rig.file("there")).unwrap()),
    ("replaced by an empty one", |rig| {
        fs::rename(rig.data(), rig.file("there")).unwrap();
        fs::create_dir(rig.data()).unwrap();
    }),
    ("with another database", |rig| {
        fs::copy(rig.data().join("playon.db"), rig.file("copy")).unwrap();
        fs::rename(rig.file("copy"), rig.data().join("playon.db")).unwrap();
    }),
    ("without its log", |rig| fs::remove_file(rig.data().join("playon.db-wal")).unwrap()),
];

/// The keeper has ended by itself and said why.
fn has_ended(name: &str, rig: &mut Rig) {
    assert_eq!(rig.wait().code(), Some(1), "{name}: {}", rig.log());
    let log = rig.log();
    let last: Vec<_> = log.lines().rev().take(3).collect();
    let told = last.iter().any(|line| {
        line.contains("error: PLY-0240") && line.contains(rig.data().to_str().unwrap())
    });
    assert!(told, "{name}: the last lines do not name the code and the path: {log}");
    assert!(last.iter().any(|line| line.contains("put a backup back")), "{name}: {log}");
}

#[tokio::test]
async fn players_are_told_to_come_back_and_the_keeper_ends() {
    for (name, deed) in DEEDS {
        let mut rig = Rig::start();
        let (mut socket, _) = Socket::seated(&rig, hello("table")).await;
        deed(&rig);
        assert_eq!(socket.ended().await, (4000, "PLY-0118".to_owned()), "{name}");
        has_ended(name, &mut rig);
    }
}

#[tokio::test]
async fn a_keeper_whose_rooms_do_nothing_notices_too() {
    for (name, deed) in DEEDS {
        let mut rig = Rig::start();
        let mut player = Player::join_kind(&rig, "drill-turns", "table").await;
        player.play(3).await;
        deed(&rig);
        has_ended(name, &mut rig);
    }
}

#[test]
fn nothing_is_made_where_the_directory_was() {
    let mut rig = Rig::start();
    fs::rename(rig.data(), rig.file("there")).unwrap();
    fs::create_dir(rig.data()).unwrap();
    rig.wait();
    assert_eq!(files_in(&rig.data()), Vec::<String>::new());
    let mut rig = Rig::start();
    fs::remove_dir_all(rig.data()).unwrap();
    rig.wait();
    assert!(!rig.data().exists());
}

#[tokio::test]
async fn a_directory_that_was_moved_away_and_back_has_lost_nothing() {
    let mut rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(5).await;
    fs::rename(rig.data(), rig.file("there")).unwrap();
    has_ended("moved", &mut rig);
    fs::rename(rig.file("there"), rig.data()).unwrap();
    let rig = rig.restart();
    player.play(5).await;
    assert!(rig.json(&["rooms"])[0]["halted"].is_null());
}

#[tokio::test]
async fn what_was_in_a_log_that_was_deleted_is_there_afterwards() {
    let mut rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(5).await;
    fs::remove_file(rig.data().join("playon.db-wal")).unwrap();
    has_ended("without its log", &mut rig);
    let _rig = rig.restart();
    player.play(5).await;
}

#[tokio::test]
async fn a_lock_that_was_deleted_is_taken_anew() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    fs::remove_file(rig.data().join("lock")).unwrap();
    rig.until_log("the lock file is not the one that was made");
    let second = Command::new(PLAYON)
        .args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"])
        .arg(rig.data())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("error: PLY-0210"));
    player.play(3).await;
    assert_eq!(player.sockets_closed(), 0);
}

#[tokio::test]
async fn what_others_find_the_keeper_by_is_made_again() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    let before = rig.status()["epoch"].clone();
    for name in ["keeper.json", "admin.token", "worker.secret", "watermark"] {
        let path = rig.data().join(name);
        fs::remove_file(&path).unwrap();
        let until = Instant::now() + PATIENCE;
        while !path.exists() {
            assert!(Instant::now() < until, "{name} is not made again: {}", rig.log());
            player.listen(Duration::from_millis(20)).await;
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    assert_eq!(rig.status()["epoch"], before);
    player.play(3).await;
    assert_eq!(player.sockets_closed(), 0);
}

/// What is deleted of a data directory.
type Deletion = fn(&Path);

/// A worker can be started again, whatever was deleted of what that takes.
#[tokio::test]
async fn rooms_go_on_when_a_worker_ends_after_a_deletion() {
    let deletions: [(&str, Deletion); 3] = [
        ("attach.sock", |data| fs::remove_file(data.join("attach.sock")).unwrap()),
        ("artifacts", |data| fs::remove_dir_all(data.join("artifacts")).unwrap()),
        ("artifacts/", |data| {
            let folder = data.join("artifacts");
            files_in(&folder).iter().for_each(|name| fs::remove_file(folder.join(name)).unwrap());
        }),
    ];
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    for (name, delete) in deletions {
        player.play(3).await;
        let (worker, data) = (rig.worker(), rig.data());
        let executables = files_in(&data.join("artifacts"));
        delete(&data);
        let until = Instant::now() + PATIENCE;
        let whole = || {
            data.join("attach.sock").exists()
                && data.join("artifacts").exists()
                && files_in(&data.join("artifacts")) == executables
        };
        while !whole() {
            assert!(Instant::now() < until, "{name} is not made again: {}", rig.log());
            player.listen(Duration::from_millis(20)).await;
        }
        kill(worker, Signal::KILL);
        player.play(3).await;
        rig.until_ready();
        assert_ne!(rig.worker(), worker, "{name}");
    }
    assert_eq!(player.sockets_closed(), 0);
}

/// Modes say nothing to root. Whoever is not root need not give anything up.
fn start_heeding_modes() -> Rig {
    let start = || {
        for right in [CapabilitySet::DAC_OVERRIDE, CapabilitySet::DAC_READ_SEARCH] {
            let _ = remove_capability_from_bounding_set(right);
        }
        Rig::start()
    };
    // What this thread gives up its children do not get, and other tests keep it.
    std::thread::spawn(start).join().unwrap()
}

#[tokio::test]
async fn a_directory_that_cannot_be_used_is_told_and_players_go_on() {
    let rig = start_heeding_modes();
    let mut player = Player::join(&rig, "table").await;
    player.play(3).await;
    let set = |mode| fs::set_permissions(rig.data(), Permissions::from_mode(mode)).unwrap();
    set(0o000);
    rig.until_log("PLY-0241");
    player.play(3).await;
    set(0o500);
    fs::remove_file(rig.data().join("keeper.json")).unwrap_or_default();
    player.play(3).await;
    set(0o700);
    rig.until_log("the data directory is as it should be again");
    rig.until("a keeper that is ready", |status| status["ready"] == true);
    player.play(3).await;
    assert_eq!(player.sockets_closed(), 0);
}
