//! Small doors: what strangers, workers and other users of the machine may not get through.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use playon_wire::player::{ClientFrame, ClientHello};
use rustix::process::Signal;

use super::player::Player;
use super::rig::{FIRST, PATIENCE, PLAYON, Rig, SECOND};
use super::socket::{Socket, again, hello, input};

fn ask_to_play(rig: &Rig, host: &str, origin: &str) -> String {
    let mut stream = TcpStream::connect(&rig.players).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "GET /play HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nConnection: Upgrade, close\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    .unwrap();
    let mut answer = [0; 512];
    let count = stream.read(&mut answer).unwrap();
    String::from_utf8_lossy(&answer[..count]).into_owned()
}

#[test]
fn a_refused_page_is_told_once_a_minute_with_what_to_do() {
    let rig = Rig::start();
    for _ in 0..20 {
        assert!(ask_to_play(&rig, "10.0.0.7:4000", "https://play.example").contains(" 403 "));
    }
    rig.until_log("PLY-0154");
    let log = rig.log();
    let told: Vec<_> = log.lines().filter(|line| line.contains("PLY-0154")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    for part in ["https://play.example", "10.0.0.7:4000", "origins", "proxy"] {
        assert!(told[0].contains(part), "{part} is not in {}", told[0]);
    }
}

#[tokio::test]
async fn names_that_act_on_a_terminal_are_refused() {
    let rig = Rig::start();
    for nasty in ["a\nERROR forged", "\x1b[2J", "\u{202e}drawkcab", "\u{9d}0;title\u{9c}"] {
        for frame in [hello(nasty), ClientHello { kind: nasty.to_owned(), ..hello("table") }] {
            let mut socket = Socket::open(&rig).await;
            socket.send([ClientFrame::Hello(Box::new(frame))]).await;
            assert_eq!(socket.ended().await, (4905, "PLY-0166".to_owned()), "{nasty:?}");
        }
    }
    assert!(rig.json(&["rooms"]).as_array().unwrap().is_empty());
}

/// What a key may look like in a log.
fn looks(key: &[u8]) -> Vec<String> {
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let debug = format!("{:?}", bytes::Bytes::copy_from_slice(key));
    let debug = debug.trim_start_matches("b\"").trim_end_matches('"').to_owned();
    let list = format!("{key:?}");
    let list = list.trim_matches(['[', ']']).to_owned();
    vec![hex.to_uppercase(), hex, debug, list]
}

#[tokio::test]
async fn no_key_is_in_a_log_at_any_level() {
    let rig = Rig::start_with(&["--release", FIRST, "--log-level", "trace"]);
    let (mut socket, welcome) = Socket::seated(&rig, hello("table")).await;
    let token = welcome.token.expect("a new player gets a key");
    socket.send([input(1)]).await;
    let mut player = Player::join(&rig, "table").await;
    player.play(3).await;
    assert!(rig.playon(&["deploy", SECOND, "--now"]).status.success());
    player.play(3).await;
    // Shown again, as a client that resumes does.
    drop(socket);
    let (_socket, _) = Socket::seated(&rig, again(&welcome, welcome.room, 2)).await;
    let mut keys = vec![looks(&token.secret)];
    for secret in ["admin.token", "worker.secret"] {
        let text = fs::read_to_string(rig.data().join(secret)).unwrap();
        keys.push(vec![text.trim().to_owned(), text.trim().to_uppercase()]);
    }
    let log = rig.log();
    assert!(log.contains("DEBUG playon_keeper"), "nothing was logged");
    for look in keys.iter().flatten() {
        // The end of it is as secret as the whole.
        let part = &look[look.len() / 2..];
        assert!(!log.contains(part), "{look} is logged");
    }
}

/// Everything in a folder that users beside this one can open.
fn open_to_others(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.metadata().unwrap();
        if kind.permissions().mode() & 0o077 != 0 {
            found.push(format!("{} {:o}", entry.path().display(), kind.permissions().mode()));
        }
        if kind.is_dir() {
            open_to_others(&entry.path(), found);
        }
    }
}

#[tokio::test]
async fn nothing_that_a_keeper_makes_can_be_opened_by_others() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(3).await;
    let mut found = Vec::new();
    open_to_others(&rig.data(), &mut found);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_directory_or_secret_that_others_can_open_is_refused_with_words() {
    let mut rig = Rig::start();
    assert!(rig.terminate().success());
    let serve = || {
        let args = ["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"];
        let output = Command::new(PLAYON).args(args).arg(rig.data()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    set(&rig.data(), 0o755);
    let told = serve();
    assert!(told.contains("PLY-0545") && told.contains("755") && told.contains("chmod"), "{told}");
    set(&rig.data(), 0o700);
    set(&rig.data().join("admin.token"), 0o644);
    let told = serve();
    assert!(told.contains("PLY-0545") && told.contains("admin.token"), "{told}");
}

#[test]
fn what_a_worker_prints_is_bounded_and_one_line_stays_one_line() {
    let rig = Rig::start();
    let script = "#!/bin/sh\nprintf 'said\\033[2J\\rERROR forged\\n'\nyes spam | head -n 200000\n\
                  echo \"libm.so.6: version 'GLIBC_2.99' not found\" >&2\nexit 1\n";
    let path = rig.script("spammer", script);
    let deployed = rig.playon(&["deploy", path.to_str().unwrap(), "--now"]);
    let told = String::from_utf8_lossy(&deployed.stderr).into_owned();
    assert!(!deployed.status.success());
    assert!(told.contains("its last line: libm.so.6: version 'GLIBC_2.99' not found"), "{told}");
    rig.until_log("PLY-0462");
    let log = rig.log();
    assert!(!log.contains('\x1b') && !log.contains('\r'), "it is written out");
    let forged: Vec<_> = log.lines().filter(|line| line.contains("ERROR forged")).collect();
    assert!(
        !forged.is_empty() && forged.iter().all(|line| line.contains("INFO worker: said")),
        "{forged:?}"
    );
    let spam = log.lines().filter(|line| line.contains(": spam ")).count();
    // Three tries at most, each with a full burst and what some seconds add.
    assert!((1..20_000).contains(&spam), "{spam} lines of 600,000");
}

#[test]
fn the_next_keeper_waits_for_one_that_is_going_and_not_for_one_that_stays() {
    let mut rig = Rig::start();
    for signal in [Signal::KILL, Signal::TERM, Signal::KILL, Signal::TERM] {
        rig = rig.relieve(signal);
        rig.until_ready();
    }
    let args = ["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"];
    let began = std::time::Instant::now();
    let output = Command::new(PLAYON).args(args).arg(rig.data()).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("PLY-0210"), "{told}");
    assert!(began.elapsed() < std::time::Duration::from_secs(10), "it stays, so why wait");
}

/// A player at a wrong address is told so at once, and not after half a minute of trying.
#[tokio::test]
async fn an_address_without_rooms_ends_the_try() {
    use playon_client::{End, JoinError, JoinOptions, join};
    let rig = Rig::start();
    let options = JoinOptions::new(format!("ws://{}/nowhere", rig.players), "drill-20");
    let joined = tokio::time::timeout(PATIENCE / 3, join::<(), (), ()>(options)).await.unwrap();
    let Err(JoinError::Ended(End::Refused { status: 404, reason })) = joined else {
        panic!("{joined:?}")
    };
    assert_eq!(reason, "there is nothing here");
}
