//! The command's exit codes, the admin API's edges.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use super::player::Player;
use super::rig::{PLAYON, Rig, files_in};

/// Sends one request as it stands and reads the answer to its end.
fn http(rig: &Rig, request: &str) -> String {
    let mut stream = TcpStream::connect(&rig.admin).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

pub(crate) fn get(rig: &Rig, path: &str, more: &str) -> String {
    http(rig, &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{more}\r\n"))
}

fn token(rig: &Rig) -> String {
    std::fs::read_to_string(rig.data().join("admin.token")).unwrap().trim().to_owned()
}

#[tokio::test]
async fn the_open_paths_need_no_token_and_the_others_do() {
    let rig = Rig::start();
    let _player = Player::join(&rig, "table").await;
    assert!(get(&rig, "/healthz", "").starts_with("HTTP/1.1 200"));
    assert!(get(&rig, "/readyz", "").starts_with("HTTP/1.1 200"));
    let metrics = get(&rig, "/metrics", "");
    assert!(metrics.contains("playon_gateway_connections 1"), "{metrics}");
    assert!(!metrics.contains("table"), "{metrics}");
    let refused = get(&rig, "/v1/status", "authorization: Bearer wrong\r\n");
    assert!(refused.starts_with("HTTP/1.1 401") && refused.contains("PLY-0515"), "{refused}");
    let authorization = format!("authorization: Bearer {}\r\n", token(&rig));
    assert!(get(&rig, "/v1/status", &authorization).starts_with("HTTP/1.1 200"));
    let missing = get(&rig, "/v1/deploys/77", &authorization);
    assert!(missing.starts_with("HTTP/1.1 404") && missing.contains("PLY-0514"), "{missing}");
    assert!(get(&rig, "/v1/nothing", &authorization).contains("PLY-0514"));
}

#[tokio::test]
async fn an_upload_that_is_cut_off_leaves_nothing() {
    let rig = Rig::start();
    let before = files_in(&rig.data().join("artifacts"));
    let request = format!(
        "POST /v1/releases?label=cut HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 1000000\r\n\r\n{}",
        token(&rig),
        "x".repeat(200_000),
    );
    let mut stream = TcpStream::connect(&rig.admin).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let folder = rig.data().join("artifacts");
    let until = std::time::Instant::now() + super::rig::PATIENCE;
    while files_in(&folder).len() == before.len() {
        assert!(std::time::Instant::now() < until, "the upload did not begin");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    drop(stream);
    while files_in(&folder).len() > before.len() {
        assert!(std::time::Instant::now() < until, "{:?} is left behind", files_in(&folder));
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert_eq!(rig.json(&["releases"]).as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn labels_are_unique_and_checked() {
    let rig = Rig::start();
    let other = rig.script("other", "#!/bin/sh\nexit 1\n");
    let other = other.to_str().unwrap();
    for (label, code) in [("playon-drill-r1", "PLY-0510"), ("a b", "PLY-0509")] {
        let output = rig.playon(&["deploy", other, "--label", label]);
        assert_eq!(output.status.code(), Some(4));
        assert!(String::from_utf8_lossy(&output.stderr).contains(code));
    }
}

#[tokio::test]
async fn rooms_can_be_listed_and_looked_at() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(1).await;
    let rooms = rig.json(&["rooms", "--kind", "drill-20"]);
    let room = &rooms.as_array().unwrap()[0];
    assert_eq!(
        (room["name"].as_str(), room["players"].as_u64(), room["live"].as_bool()),
        (Some("table"), Some(1), Some(true))
    );
    let id = room["id"].as_str().unwrap();
    assert_eq!(rig.json(&["room", id])["id"], id);
    assert!(rig.json(&["rooms", "--kind", "chess"]).as_array().unwrap().is_empty());
    assert_eq!(
        rig.playon(&["room", "00000000-0000-0000-0000-000000000000"]).status.code(),
        Some(4)
    );
    assert_eq!(rig.json(&["drain"])["draining"], true);
    assert!(get(&rig, "/readyz", "").starts_with("HTTP/1.1 503"));
    player.play(1).await;
}

#[test]
fn exit_codes_tell_what_is_the_matter() {
    let dir = tempfile::tempdir().unwrap();
    let run =
        |args: &[&str]| Command::new(PLAYON).args(args).current_dir(dir.path()).output().unwrap();
    assert_eq!(run(&["--help"]).status.code(), Some(0));
    assert_eq!(run(&["dance"]).status.code(), Some(2));
    assert_eq!(run(&["rooms"]).status.code(), Some(3), "no data directory");
    let unreachable = run(&["rooms", "--admin", "127.0.0.1:1", "--token", "x"]);
    assert_eq!(unreachable.status.code(), Some(3));
    let errors = String::from_utf8_lossy(&unreachable.stderr);
    assert!(errors.contains("PLY-0521") && !errors.contains('\x1b'), "{errors}");
    assert!(unreachable.stdout.is_empty());
    assert_eq!(run(&["store", "verify"]).status.code(), Some(1), "there is no store");
    std::fs::write(dir.path().join("file"), "").unwrap();
    let unusable = run(&["serve", "--data", "file/data"]);
    assert_eq!(unusable.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unusable.stderr).contains("PLY-0501"));
}
