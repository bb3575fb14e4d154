//! A keeper that neither ends nor answers: no command waits for it for ever, and none says that nothing happens.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::process::Signal;
use serde_json::Value;

use super::deeds::DEEDS;
use super::rig::{PATIENCE, PLAYON, Rig, SECOND};
use super::twins::{begin, in_a_round, until_said};

#[test]
fn a_keeper_that_is_stopped_is_given_up_by_every_command() {
    let rig = Rig::start();
    rig.signal(Signal::STOP);
    let room = "00000000-0000-0000-0000-000000000000";
    for args in [
        vec!["status"],
        vec!["releases"],
        vec!["rooms"],
        vec!["rooms", "--asleep"],
        vec!["room", room],
        vec!["close", room],
        vec!["drain"],
        vec!["log", "show"],
        vec!["log", "set", "debug"],
        vec!["top", "--count", "1"],
        vec!["rollback"],
        vec!["rollback", "--to", "x"],
        vec!["deploy", SECOND],
        vec!["deploy", "a-release"],
    ] {
        let began = Instant::now();
        let output = rig.playon(&[&args[..], &["--timeout", "0.5"]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{args:?}: {said}");
        assert!(said.contains("PLY-0547"), "{args:?}: {said}");
        // The bound itself is only in the other direction: the machine may have other things to do.
        assert!(began.elapsed() >= Duration::from_millis(500), "{args:?}");
        assert!(output.stdout.is_empty());
    }
    rig.signal(Signal::CONT);
    rig.until_ready();
}

#[test]
fn nothing_is_waited_for_without_a_limit_unless_it_is_asked_for() {
    let help = Command::new(PLAYON).args(["status", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("[env: PLAYON_TIMEOUT=]") && help.contains("[default: 15]"), "{help}");
}

#[tokio::test]
async fn a_deploy_whose_keeper_hangs_says_that_it_may_go_on() {
    let (rig, _player) = in_a_round().await;
    let next = rig.another("next", DEEDS, "#");
    for json in [false, true] {
        let mut args = vec!["deploy", next.as_str(), "--timeout", "1"];
        args.extend(json.then_some("--json"));
        let mut child = begin(&rig, &args);
        until_said(&mut child, "waits for the end of the round");
        rig.signal(Signal::STOP);
        let output = child.wait_with_output().unwrap();
        rig.signal(Signal::CONT);
        assert_eq!(output.status.code(), Some(3));
        let said = String::from_utf8_lossy(&output.stderr);
        for part in ["PLY-0547", "deploy 2 to next may still go on", "playon status"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        if json {
            let told: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(told["outcome"], "unreachable", "{told}");
            assert_eq!(
                (&told["error"]["code"], &told["deploy"]["id"]),
                (&"PLY-0547".into(), &2.into())
            );
        }
    }
    let done = rig.json(&["deploy", "next", "--now"]);
    assert_eq!((&done["outcome"], &done["deploy"]["id"]), (&"done".into(), &2.into()), "{done}");
}

/// A large executable, which takes no room on the disk.
fn large(rig: &Rig, name: &str, bytes: u64) -> String {
    let path = rig.file(name);
    File::create(&path).unwrap().set_len(bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_refused_upload_is_told_as_refused_each_time() {
    let rig = Rig::start_with(&[
        "--release",
        super::rig::FIRST,
        "--set",
        "keeper.artifact_bytes_max=100MiB",
    ]);
    let file = large(&rig, "large", 200 << 20);
    let refused = |more: &[&str], code: &str| {
        let output = rig.playon(&[&["deploy", &file], more].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(4) && said.contains(code), "{said}");
    };
    // In the middle of it, at its beginning, and before anybody looks at it.
    for _ in 0..20 {
        refused(&[], "PLY-0505");
        refused(&["--token", "wrong"], "PLY-0515");
    }
    let artifacts = rig.data().join("artifacts");
    // A folder that is gone, if only for a moment, would be made again.
    let elsewhere = rig.data().join("elsewhere");
    std::fs::write(&elsewhere, "in its way").unwrap();
    renameat_with(CWD, &elsewhere, CWD, &artifacts, RenameFlags::EXCHANGE).unwrap();
    for _ in 0..20 {
        refused(&[], "PLY-0506");
    }
}

/// Other clients than ours look for the answer only when they have written everything.
#[test]
fn a_client_that_writes_everything_before_it_reads_finds_the_answer() {
    let rig = Rig::start();
    let body = vec![0; 8 << 20];
    for (path, status, code) in [
        ("/v1/releases", 401, "PLY-0515"),
        ("/v1/deploys", 401, "PLY-0515"),
        ("/v1/nothing", 404, "PLY-0514"),
        ("/metrics", 404, "PLY-0514"),
    ] {
        for _ in 0..10 {
            let mut stream = TcpStream::connect(&rig.admin).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer wrong\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&body).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            let head = format!("HTTP/1.1 {status}");
            assert!(answer.starts_with(&head) && answer.contains(code), "{answer}");
        }
    }
}

/// A body that never comes holds nobody up for long, and neither does one that never ends.
#[test]
fn the_rest_of_a_refused_request_is_read_within_bounds() {
    let rig = Rig::start();
    let head = "POST /v1/releases HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000000\r\n\r\n";
    let mut silent = TcpStream::connect(&rig.admin).unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    silent.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    // To its end: the keeper hangs up.
    silent.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("PLY-0515"), "{answer}");
    let mut endless = TcpStream::connect(&rig.admin).unwrap();
    endless.set_write_timeout(Some(PATIENCE)).unwrap();
    endless.write_all(head.as_bytes()).unwrap();
    let piece = vec![0; 1 << 20];
    let until = Instant::now() + PATIENCE;
    while endless.write_all(&piece).is_ok() {
        assert!(Instant::now() < until, "it is read for ever");
    }
}

/// An upload may take longer than the limit, as long as something moves.
#[test]
fn a_slow_upload_counts_from_the_last_byte_that_was_taken() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("large");
    File::create(&file).unwrap().set_len(24 << 20).unwrap();
    let mut child = Command::new(PLAYON)
        .args(["deploy", "--admin", &at, "--token", "x", "--timeout", "0.25"])
        .arg(&file)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let (mut stream, _) = listener.accept().unwrap();
    // Reads a piece now and then, for twice as long as an upload may be quiet, and then no more.
    let mut piece = vec![0; 1 << 20];
    while began.elapsed() < Duration::from_secs(2) {
        assert!(child.try_wait().unwrap().is_none(), "it gave up too early");
        stream.read_exact(&mut piece).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3), "{said}");
    assert!(said.contains("no sign of life for 1 s: what was asked may still happen"), "{said}");
}
