//! Connections in masses that want nothing, and a keeper that has few files.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};

use super::player::Player;
use super::rig::{PATIENCE, Rig};

/// As many as the keeper takes players.
const CROWD: usize = 10_000;

fn connect(rig: &Rig) -> TcpStream {
    let address: SocketAddr = rig.players.parse().unwrap();
    TcpStream::connect_timeout(&address, PATIENCE).unwrap()
}

/// How the keeper ends a connection: the first line of what it says, if it says anything.
fn ended(mut stream: TcpStream) -> String {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the keeper does not hang up: {error}"),
    }
    let text = String::from_utf8_lossy(&answer);
    text.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn ten_thousand_that_never_say_hello_leave_room_for_players() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    let enough = limit.maximum.is_none_or(|files| files > CROWD as u64 + 2_000);
    assert!(enough, "this test needs a hard limit of 12,000 open files: see `ulimit -Hn`");

    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(3).await;
    let before = rig.resident_bytes();
    let upgrade = format!(
        "GET /play HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        rig.players
    );
    let mut crowd = Vec::with_capacity(CROWD);
    for number in 0..CROWD {
        let mut stream = connect(&rig);
        // Every other one is a player as far as it goes, the rest does not even ask for a page.
        if number % 2 == 0 {
            stream.write_all(upgrade.as_bytes()).unwrap();
        }
        crowd.push(stream);
        if number % 1_000 == 999 {
            player.play(1).await;
        }
    }
    let grown = rig.resident_bytes().saturating_sub(before);
    assert!(grown < 10_000 * CROWD as u64 + (32 << 20), "{grown} bytes more");
    // Somebody who means it is let in among them.
    let mut late = Player::join(&rig, "table").await;
    late.play(3).await;
    player.play(3).await;
    assert_eq!((player.sockets_closed(), late.sockets_closed()), (0, 0));
    // All of them are sent away: those who asked for a socket with 4008 or, for the pace, with 503, the others without a word.
    let ends = player.beside(|| crowd.into_iter().map(ended).collect::<Vec<_>>()).await;
    for (number, end) in ends.into_iter().enumerate() {
        let expected = match number % 2 {
            0 => end.starts_with("HTTP/1.1 101") || end.starts_with("HTTP/1.1 503"),
            _ => end.is_empty() || end.starts_with("HTTP/1.1 408"),
        };
        assert!(expected, "{number}: {end}");
    }
    player.play(3).await;
    let grown = rig.resident_bytes().saturating_sub(before);
    assert!(grown < 10_000 * CROWD as u64 + (32 << 20), "{grown} bytes more, and they are gone");
}

#[tokio::test]
async fn a_keeper_with_few_files_keeps_what_it_needs_for_itself() {
    let rig = Rig::start_with_files(256);
    rig.until_log("PLY-0160");
    let mut player = Player::join(&rig, "table").await;
    player.play(3).await;
    let crowd: Vec<_> = (0..300).map(|_| connect(&rig)).collect();
    player.play(5).await;
    // The admin API and new workers still have files.
    let before = rig.worker();
    super::rig::kill(before, rustix::process::Signal::KILL);
    player.play(5).await;
    assert_ne!(rig.worker(), before);
    let ends = player.beside(|| crowd.into_iter().map(ended).collect::<Vec<_>>()).await;
    let full = ends.iter().filter(|end| end.starts_with("HTTP/1.1 503")).count();
    assert!((100..300).contains(&full), "{full} were turned away");
    Player::join(&rig, "table").await.play(3).await;
    assert_eq!(player.sockets_closed(), 0);
}

#[tokio::test]
async fn a_keeper_without_a_free_file_waits_and_goes_on() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(3).await;
    // Taken away under a running keeper, as another part of the process would.
    rig.limit_files(rig.open_files());
    let waiting: Vec<_> = (0..20).map(|_| connect(&rig)).collect();
    rig.until_log("PLY-0161");
    let busy = rig.cpu_ticks();
    let began = std::time::Instant::now();
    for _ in 0..20 {
        player.play(1).await;
    }
    let spent = rig.cpu_ticks() - busy;
    let passed = began.elapsed().max(Duration::from_millis(500));
    assert!(
        u128::from(spent) * 10 < passed.as_millis() * 9 / 10,
        "{spent} ticks of 10 ms in {passed:?}: it spins"
    );
    assert_eq!(rig.log().matches("PLY-0161").count(), 1, "{}", rig.log());
    rig.limit_files(4_096);
    rig.until_log("connections are accepted again");
    drop(waiting);
    Player::join(&rig, "table").await.play(3).await;
    assert_eq!(player.sockets_closed(), 0);
}
