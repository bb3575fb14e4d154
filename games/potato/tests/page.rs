//! What `docs/first-game.md` has a newcomer write is this game, and it can be played.

// In tests a failed step is a failed test.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use playon_client::{JoinOptions, Room, Update, join};
use serde_json::Value;
use tokio::time::timeout;

/// How long any one step may take.
const PATIENCE: Duration = Duration::from_secs(20);

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The first code block of a language.
fn block(page: &str, language: &str) -> String {
    let rest = page.split_once(&format!("```{language}\n")).unwrap().1;
    rest.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_page_has_a_newcomer_write_these_files() {
    let page = read("../../docs/first-game.md");
    assert_eq!(block(&page, "rust"), read("src/main.rs"));
    assert_eq!(block(&page, "html"), read("page/index.html"));
    // The newcomer's folder lies beside the checkout, and has no tests.
    let beside = block(&page, "toml").replace("../playon/crates", "../../crates");
    assert!(read("Cargo.toml").starts_with(&beside), "{beside}");
    assert!(read("../../clients/typescript/dist/playon.js") == read("page/playon.js"));
}

/// A whole server. Killed when dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(data: &Path) -> (Server, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_potato"))
        .env_remove("PLAYON_ATTACH")
        .env_remove("RUST_LOG")
        .env("PLAYON_DATA", data)
        .env("PLAYON_LISTEN", "127.0.0.1:0")
        .env("PLAYON_ADMIN", "127.0.0.1:0")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Nobody reads on, and nobody waits for that.
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut told = lines.filter_map(|line| {
        let (_, rest) = line.split_once("is played at http://")?;
        rest.split(',').next().map(str::to_owned)
    });
    let address = told.next().unwrap();
    (Server(child), address)
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

type Potato = Room<u64, String, Value>;

async fn view(room: &mut Potato, wanted: impl Fn(&Value) -> bool) -> Value {
    let search = async {
        loop {
            if let Update::View { view, .. } = room.next().await
                && wanted(&view)
            {
                return view;
            }
        }
    };
    timeout(PATIENCE, search).await.unwrap()
}

#[tokio::test]
async fn the_game_is_served_with_its_page_and_played() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, address) = start(&dir.path().join("data"));
    let options = || JoinOptions::new(format!("ws://{address}/play"), "potato").name("table");
    let mut one: Potato = timeout(PATIENCE, join(options())).await.unwrap().unwrap();
    assert!(get(&address, "/").contains("join({ kind: \"potato\" })"));
    assert!(get(&address, "/playon.js").starts_with("HTTP/1.1 200"));
    let holder = view(&mut one, |view| view["holder"].is_u64()).await["holder"].clone();
    let _two: Potato = timeout(PATIENCE, join(options())).await.unwrap().unwrap();
    let both = view(&mut one, |view| view["burns"].as_object().is_some_and(|b| b.len() == 2)).await;
    let ids = both["burns"].as_object().unwrap().keys().map(|id| id.parse::<u64>().unwrap());
    let other = ids.filter(|id| holder != *id).collect::<Vec<_>>()[0];
    one.send(&other).await.unwrap();
    view(&mut one, |view| view["holder"] == other).await;
}

#[test]
fn help_helps_and_arguments_are_refused() {
    let run = |word: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_potato"));
        command.env_remove("PLAYON_ATTACH").arg(word).output().unwrap()
    };
    let help = run("--help");
    let text = String::from_utf8(help.stdout).unwrap();
    assert_eq!(help.status.code(), Some(0));
    for part in ["potato", "playon deploy", "PLAYON_LISTEN"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let refused = run("--port=80");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("PLY-0461"));
}
