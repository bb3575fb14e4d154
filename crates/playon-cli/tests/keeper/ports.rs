//! Addresses that are taken, and paths that cannot be one.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use super::player::Player;
use super::rig::{PLAYON, Rig};

fn serve(data: &Path, players: &str, admin: &str) -> Output {
    Command::new(PLAYON)
        .args(["serve", "--listen", players, "--admin", admin, "--data"])
        .arg(data)
        .output()
        .unwrap()
}

fn refused(output: &Output, what: &str) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("PLY-0502") && errors.contains(what), "{errors}");
}

#[tokio::test]
async fn a_keeper_whose_port_is_taken_does_not_start_and_harms_nobody() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(2).await;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    refused(&serve(&data, &rig.players, "127.0.0.1:0"), &rig.players);
    refused(&serve(&data, "127.0.0.1:0", &rig.players), &rig.players);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    refused(&serve(&data, "127.0.0.1:0", &address), &address);
    player.play(2).await;
    assert_eq!(player.sockets_closed(), 0);
}

#[test]
fn an_attach_socket_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    // Something else lies there.
    fs::create_dir_all(dir.path().join("data/attach.sock")).unwrap();
    let private = fs::Permissions::from_mode(0o700);
    fs::set_permissions(dir.path().join("data"), private).unwrap();
    refused(&serve(&dir.path().join("data"), "127.0.0.1:0", "127.0.0.1:0"), "attach.sock");
    // The system allows about a hundred bytes.
    let long = dir.path().join("d".repeat(120));
    refused(&serve(&long, "127.0.0.1:0", "127.0.0.1:0"), "attach.sock");
}
