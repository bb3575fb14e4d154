//! The executable as a whole server, and as a worker whose keeper is not there.

// In tests a failed step is a failed test.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use duel::{Event, Move, Params, Side, View};
use playon_client::{JoinOptions, Room, Update, join};
use rustix::process::{Pid, Signal, kill_process};

type Player = Room<Move, Event, View>;

/// How long any one step may take.
const PATIENCE: Duration = Duration::from_secs(20);

fn duel() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duel"));
    for name in ["PLAYON_ATTACH", "PLAYON_SECRET", "RUST_LOG"] {
        command.env_remove(name);
    }
    command
}

/// A whole server. Killed when dropped.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Starts it and waits until it says where it is.
    fn start(data: &Path, listen: &str) -> Self {
        let mut command = duel();
        command
            .env("PLAYON_DATA", data.join("data"))
            .env("PLAYON_LISTEN", listen)
            .env("PLAYON_ADMIN", "127.0.0.1:0");
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "it ended: {said}");
            if let Some((_, rest)) = line.split_once("is played at http://") {
                break rest.split(',').next().unwrap().to_owned();
            }
            said.push_str(&line);
        };
        // Somebody must read on, or it would wait for its own log; it is shown when the test fails.
        std::thread::spawn(move || {
            log.lines().map_while(Result::ok).for_each(|line| eprintln!("{line}"))
        });
        Self { child, address }
    }

    /// Asks it to end and gives its exit code.
    fn stop(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn player(address: &str, name: &str) -> Player {
    let options = JoinOptions::new(format!("ws://{address}/play"), "duel")
        .name("table")
        .profile(&std::collections::BTreeMap::from([("name", name)]))
        .unwrap()
        .params(&Params { turn_seconds: 3_600 })
        .unwrap();
    tokio::time::timeout(PATIENCE, join(options)).await.unwrap().unwrap()
}

async fn told(player: &mut Player, wanted: Event) {
    let heard = async {
        loop {
            match player.next().await {
                Update::Event { event, .. } if event == wanted => break,
                Update::Gap { missed } => panic!("{missed} events are missing"),
                Update::Lost { inputs } => panic!("{inputs} inputs are lost"),
                Update::Ended(end) => panic!("it is over: {end}"),
                _ => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, heard).await.unwrap();
}

#[tokio::test]
async fn a_round_goes_on_after_a_restart_of_the_whole_server() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let address = server.address.clone();
    let mut ann = player(&address, "ann").await;
    let mut bob = player(&address, "bob").await;
    told(&mut ann, Event::Started { round: 1, first: Side::Red }).await;
    ann.send(&Move::Drop(3)).await.unwrap();
    told(&mut bob, Event::Dropped { side: Side::Red, column: 3 }).await;
    assert_eq!(server.stop(), Some(0));
    let server = Server::start(data.path(), &address);
    bob.send(&Move::Drop(4)).await.unwrap();
    // A client does nothing unless it is asked for something, so both are.
    let dropped = || Event::Dropped { side: Side::Yellow, column: 4 };
    tokio::join!(told(&mut ann, dropped()), told(&mut bob, dropped()));
    let board = async {
        loop {
            if let Update::View { view, .. } = ann.next().await {
                break view.board;
            }
        }
    };
    let board = tokio::time::timeout(PATIENCE, board).await.unwrap();
    assert_eq!(board[5], "...ry..");
    assert_eq!(server.stop(), Some(0));
}

fn run(vars: &[(&str, &str)]) -> (Option<i32>, String) {
    let Output { status, stderr, stdout } = duel().envs(vars.iter().copied()).output().unwrap();
    assert_eq!(stdout, b"");
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn a_worker_without_its_keeper_ends() {
    let secret = "07".repeat(32);
    let (code, said) =
        run(&[("PLAYON_ATTACH", "/nowhere/attach.sock"), ("PLAYON_SECRET", &secret)]);
    assert_eq!(code, Some(1));
    assert!(said.starts_with("PLY-0420 cannot attach to /nowhere/attach.sock"), "{said}");
    let (code, said) = run(&[("PLAYON_ATTACH", "/nowhere/attach.sock"), ("PLAYON_SECRET", "07")]);
    assert_eq!(code, Some(1));
    assert!(said.contains("PLAYON_SECRET"), "{said}");
}

#[test]
fn a_server_that_cannot_be_set_up_says_why() {
    let (code, said) = run(&[("PLAYON_DATA", "/dev/null/data"), ("PLAYON_LISTEN", "127.0.0.1:0")]);
    assert_eq!(code, Some(1));
    assert!(said.contains("PLY-0501"), "{said}");
    let (code, said) = run(&[("PLAYON_LISTEN", "here")]);
    assert_eq!(code, Some(1));
    assert!(said.contains("PLY-0442 PLAYON_LISTEN is not an address"), "{said}");
}

#[test]
fn a_level_with_a_typo_does_not_silence_the_log() {
    let cannot_start = [("PLAYON_DATA", "/dev/null/data"), ("PLAYON_LISTEN", "127.0.0.1:0")];
    let (_, said) = run(&[&cannot_start[..], &[("RUST_LOG", "loud")]].concat());
    let told = "PLY-0531 RUST_LOG: `loud` is no level";
    assert!(said.contains(told) && said.contains("it is info instead"), "{said}");
    let (_, said) = run(&[&cannot_start[..], &[("RUST_LOG", "error")]].concat());
    assert!(!said.contains("PLY-0531"), "{said}");
}
