//! `playon status` and `playon top`, with and without a terminal.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::player::Player;
use super::rig::{PATIENCE, PLAYON, Rig, SECOND, kill};

#[tokio::test]
async fn status_tells_on_one_screen_what_there_is() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(20).await;
    player.until(|view| view.tick >= 30).await;
    let label = rig.status()["current"].as_str().unwrap().to_owned();
    let status = rig.status();
    assert_eq!((status["ready"].as_bool(), status["not_ready"].is_null()), (Some(true), true));
    let group = &status["rooms_by"][0];
    assert_eq!(
        (group["kind"].as_str(), group["release"].as_str(), group["state"].as_str()),
        (Some("drill-20"), Some(label.as_str()), Some("live"))
    );
    assert_eq!((group["rooms"].as_u64(), group["players"].as_u64()), (Some(1), Some(1)));
    for name in ["tick_late", "batch", "commit"] {
        let timing = &status["timings_ms"][name];
        assert!(timing["count"].as_u64().unwrap() >= 20, "{name}: {timing}");
        let (p50, p99) = (timing["p50"].as_f64().unwrap(), timing["p99"].as_f64().unwrap());
        assert!(0.0 < p50 && p50 <= p99 && p99 < 60_000.0, "{name}: {timing}");
    }
    assert!(status["totals"]["commits"].as_u64().unwrap() >= 20);
    assert!(status["store"]["database_bytes"].as_u64().unwrap() > 0);
    assert_eq!(status["releases"][0]["workers"], 1);
    let shown = rig.playon(&["status"]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown.status.code(), Some(0));
    assert!(text.lines().count() < 30 && !text.contains('\x1b'), "{text}");
    for part in ["ready       yes", "1 live", "p50 / p99", "waiting", "drill-20", &label] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    rig.json(&["drain"]);
    let drained = rig.playon(&["status"]);
    assert_eq!(drained.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&drained.stderr).contains("PLY-0533"));
    assert!(String::from_utf8_lossy(&drained.stdout).contains("no: no new rooms are taken"));
}

#[tokio::test]
async fn status_shows_deploys_and_faults() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(5).await;
    assert!(rig.playon(&["deploy", SECOND, "--now"]).status.success());
    kill(rig.worker(), rustix::process::Signal::KILL);
    player.play(5).await;
    rig.until("a fault is listed", |status| {
        let faults = status["faults"].as_array().unwrap();
        faults.iter().any(|fault| fault["what"].as_str().unwrap().contains("PLY-0406"))
    });
    let text = String::from_utf8(rig.playon(&["status"]).stdout).unwrap();
    assert!(text.contains("done, 1 of 1 rooms moved"), "{text}");
    assert!(text.contains("LAST FAULTS") && text.contains("PLY-0406"), "{text}");
}

#[tokio::test]
async fn top_without_a_terminal_prints_one_screen_per_interval() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(1).await;
    let printed = rig.playon(&["top", "--every", "0.2", "--count", "3"]);
    let text = String::from_utf8(printed.stdout).unwrap();
    assert_eq!(text.matches("keeper      ").count(), 3, "{text}");
    assert_eq!(text.matches("per second  ").count(), 2, "the first look has nothing before it");
    assert!(!text.contains('\x1b'), "{text}");
    let printed = rig.playon(&["top", "--every", "0.2", "--count", "2", "--json"]);
    let lines = String::from_utf8(printed.stdout).unwrap();
    let looks = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    assert!(looks.map(|look| look["epoch"].as_u64()).eq([Some(1), Some(1)]));
}

#[tokio::test]
async fn top_ends_when_nobody_reads_it() {
    let rig = Rig::start();
    let mut top = Command::new(PLAYON)
        .args(["top", "--every", "0.1", "--data"])
        .arg(rig.data())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(top.stdout.take());
    until_ended(&mut top);
}

/// A terminal of our own: what is written to it and the side that programs get.
struct Pseudo {
    keys: File,
    shown: Receiver<Vec<u8>>,
    inner: File,
    seen: String,
}

impl Pseudo {
    fn new() -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let outer = openpt(flags).unwrap();
        grantpt(&outer).unwrap();
        unlockpt(&outer).unwrap();
        let path = ptsname(&outer, Vec::new()).unwrap();
        let inner = OpenOptions::new().read(true).write(true).open(path.to_str().unwrap()).unwrap();
        let size = Winsize { ws_row: 40, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&inner, size).unwrap();
        let keys = File::from(outer);
        let mut reader = keys.try_clone().unwrap();
        let (tell, shown) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4_096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if tell.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { keys, shown, inner, seen: String::new() }
    }

    fn run(&self, rig: &Rig, colours: bool) -> Child {
        self.run_at(rig, colours, &rig.admin)
    }

    /// As `run`, of whoever is at that address.
    fn run_at(&self, rig: &Rig, colours: bool, admin: &str) -> Child {
        let side = || Stdio::from(self.inner.try_clone().unwrap());
        let mut command = Command::new(PLAYON);
        command.args(["top", "--every", "0.2", "--data"]).arg(rig.data()).env_remove("NO_COLOR");
        command.env("PLAYON_ADMIN", admin);
        if !colours {
            command.env("NO_COLOR", "1");
        }
        command.stdin(side()).stdout(side()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn until(&mut self, wanted: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.seen.contains(wanted) {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(bytes) = self.shown.recv_timeout(left) else {
                panic!("{wanted:?} was not shown:\n{}", self.seen)
            };
            self.seen += &String::from_utf8_lossy(&bytes);
        }
    }
}

fn until_ended(child: &mut Child) -> Option<i32> {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() > until {
            let _ = child.kill();
            panic!("it does not end");
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[tokio::test]
async fn top_on_a_terminal_draws_obeys_keys_and_cleans_up() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(1).await;
    let mut terminal = Pseudo::new();
    let mut top = terminal.run(&rig, true);
    terminal.until("drill-20");
    terminal.until("per second  ");
    terminal.until("\x1b[32mready       yes");
    assert!(!tcgetattr(&terminal.inner).unwrap().local_modes.contains(LocalModes::ECHO));
    terminal.until("sorts (by rooms)");
    terminal.keys.write_all(b"s").unwrap();
    terminal.until("sorts (by players)");
    terminal.keys.write_all(b"q").unwrap();
    assert_eq!(until_ended(&mut top), Some(0));
    terminal.until("\x1b[?1049l");
    assert!(tcgetattr(&terminal.inner).unwrap().local_modes.contains(LocalModes::ECHO));
}

#[tokio::test]
async fn top_obeys_no_color_and_gives_the_terminal_back_at_a_signal() {
    let rig = Rig::start();
    let mut terminal = Pseudo::new();
    let mut top = terminal.run(&rig, false);
    terminal.until("ready       yes");
    assert!(!terminal.seen.contains("\x1b[32m"), "{:?}", terminal.seen);
    kill(top.id(), rustix::process::Signal::TERM);
    assert_eq!(until_ended(&mut top), Some(0));
    terminal.until("\x1b[?1049l");
    assert!(tcgetattr(&terminal.inner).unwrap().local_modes.contains(LocalModes::ECHO));
}

#[test]
fn top_goes_on_over_a_restart_of_the_keeper() {
    let mut rig = Rig::start();
    let mut terminal = Pseudo::new();
    let mut top = terminal.run(&rig, false);
    terminal.until("epoch 1");
    assert_eq!(rig.terminate().code(), Some(0));
    terminal.until("PLY-0521");
    let _rig = rig.restart();
    terminal.until("epoch 2");
    terminal.keys.write_all(b"q").unwrap();
    assert_eq!(until_ended(&mut top), Some(0));
}

#[test]
fn top_minds_its_keys_while_the_keeper_hangs() {
    let rig = Rig::start();
    let status = rig.status().to_string();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut terminal = Pseudo::new();
    let mut top = terminal.run_at(&rig, false, &listener.local_addr().unwrap().to_string());
    let (mut first, _) = listener.accept().unwrap();
    super::spoken::read_request(&first);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", status.len());
    first.write_all((head + &status).as_bytes()).unwrap();
    terminal.until("epoch 1");
    // The next look is under way, and there it stays.
    let _hangs = listener.accept().unwrap();
    terminal.keys.write_all(b"s").unwrap();
    terminal.until("sorts (by players)");
    terminal.keys.write_all(b"q").unwrap();
    assert_eq!(until_ended(&mut top), Some(0));
    terminal.until("\x1b[?1049l");
}
