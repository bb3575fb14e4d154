//! The admin API and those who should not use it, or not like that.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use super::player::Player;
use super::rig::{PATIENCE, Rig, SECOND, files_in};

fn connect(rig: &Rig) -> TcpStream {
    let stream = TcpStream::connect(&rig.admin).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends a request and reads its answer; the keeper may answer before it has read everything.
fn ask(rig: &Rig, head: &str, token: &str, body: &[u8]) -> String {
    let mut stream = connect(rig);
    let head = format!(
        "{head} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn read(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn token(rig: &Rig) -> String {
    fs::read_to_string(rig.data().join("admin.token")).unwrap().trim().to_owned()
}

#[tokio::test]
async fn requests_that_make_no_sense_are_told_so_in_json() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    let token = token(&rig);
    let large = vec![b' '; 1 << 20];
    let cases: [(&str, &str, &[u8], u16, &str); 12] = [
        ("GET /v1/status", "wrong", b"", 401, "PLY-0515"),
        ("POST /v1/deploys", "", b"{\"release\": \"x\"}", 401, "PLY-0515"),
        ("GET /v1/nothing", &token, b"", 404, "PLY-0514"),
        ("GET /nothing", &token, b"", 404, "PLY-0514"),
        ("DELETE /v1/releases", &token, b"", 404, "PLY-0514"),
        ("POST /v1/deploys", &token, b"", 400, "PLY-0516"),
        ("POST /v1/deploys", &token, b"{\"release\": ", 400, "PLY-0516"),
        ("POST /v1/deploys", &token, b"{\"now\": true}", 400, "PLY-0516"),
        ("POST /v1/rollback", &token, b"[[[[", 400, "PLY-0516"),
        ("GET /v1/rooms?limit=-1", &token, b"", 400, "PLY-0516"),
        ("GET /v1/deploys/nine", &token, b"", 400, "PLY-0516"),
        ("POST /v1/deploys", &token, &large, 413, "PLY-0452"),
    ];
    for (head, token, body, status, code) in cases {
        let answer = ask(&rig, head, token, body);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {answer}");
        let json = answer.split("\r\n\r\n").nth(1).unwrap();
        let told: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(told["code"], code, "{head}");
        assert!(told["remedy"].as_str().is_some_and(|text| !text.is_empty()), "{head}: {told}");
    }
    player.play(3).await;
    assert_eq!((player.sockets_closed(), &rig.status()["deploy"]["id"]), (0, &1.into()));
}

#[tokio::test]
async fn those_who_never_finish_a_request_are_let_go() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    let token = token(&rig);
    let body = format!(
        "POST /v1/deploys HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{"
    );
    let upload = body.replace("/v1/deploys", "/v1/releases?label=slow");
    let mut slow = Vec::new();
    for request in [&body, &upload] {
        let mut stream = connect(&rig);
        stream.write_all(request.as_bytes()).unwrap();
        slow.push(stream);
    }
    // More than there are places for, none of which gets as far as the end of a head.
    let mut crowd = Vec::new();
    for _ in 0..300 {
        let mut stream = connect(&rig);
        stream.write_all(b"GET /v1/status HTTP/1.1\r\nhost: ").unwrap();
        crowd.push(stream);
    }
    player.play(3).await;
    let answers = player.beside(|| slow.into_iter().map(read).collect::<Vec<_>>()).await;
    for answer in answers {
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("PLY-0451"), "{answer}");
    }
    player.beside(|| crowd.into_iter().map(read).count()).await;
    // Everyone else waits no longer than that, and nothing is left of the upload.
    assert_eq!(rig.json(&["releases"]).as_array().unwrap().len(), 1);
    assert_eq!(files_in(&rig.data().join("artifacts")).len(), 1);
    player.play(3).await;
    assert_eq!(player.sockets_closed(), 0);
}

#[tokio::test]
async fn the_same_executable_uploaded_by_many_at_once_is_one_release() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    let (token, body) = (token(&rig), fs::read(SECOND).unwrap());
    let answers: Vec<_> = std::thread::scope(|scope| {
        let upload = || ask(&rig, "POST /v1/releases?hint=next", &token, &body);
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(upload)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut ids = Vec::new();
    for answer in &answers {
        let (head, json) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 201") || head.starts_with("HTTP/1.1 200"), "{answer}");
        let release: serde_json::Value = serde_json::from_str(json).unwrap();
        ids.push(release["id"].as_str().unwrap().to_owned());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(rig.json(&["releases"]).as_array().unwrap().len(), 2);
    assert_eq!(files_in(&rig.data().join("artifacts")).len(), 2, "nothing is left behind");
    assert_eq!(rig.json(&["deploy", "next", "--now"])["outcome"], "done");
    player.until(|view| view.release == 2).await;
    player.play(3).await;
    assert_eq!(player.sockets_closed(), 0);
}
