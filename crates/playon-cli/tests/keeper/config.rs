//! `playon config`, and a keeper that is set up by a file.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};

use super::rig::{FIRST, PATIENCE, PLAYON, Rig};

fn run(dir: &Path, args: &[&str]) -> Output {
    Command::new(PLAYON).args(args).current_dir(dir).env_remove("RUST_LOG").output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn the_page_of_keys_is_what_the_command_prints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = fs::read_to_string(path).unwrap();
    let table = page.split("<!-- config -->").nth(1).unwrap().split("<!-- /config -->").next();
    let printed = stdout(&run(Path::new("."), &["config", "doc"]));
    assert_eq!(
        table.unwrap().trim(),
        printed.trim(),
        "put the output of `playon config doc` between the marks of docs/configuration.md"
    );
}

/// What the pages tell to write into a file, to set by `--set` or in the environment, each with its page.
fn told_settings() -> Vec<(String, Setting)> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let pages = fs::read_dir(&docs).unwrap().chain(fs::read_dir(docs.join("errors")).unwrap());
    let mut told = Vec::new();
    for page in pages.map(|entry| entry.unwrap().path()) {
        let Some("md") = page.extension().and_then(|kind| kind.to_str()) else { continue };
        let (name, text) = (page.display().to_string(), fs::read_to_string(&page).unwrap());
        for block in text.split("\n```toml\n").skip(1) {
            let block = block.split("\n```").next().unwrap();
            // The file of a crate.
            if !block.contains("[package]") {
                told.push((name.clone(), Setting::File(block.to_owned())));
            }
        }
        for set in text.split("--set ").skip(1) {
            let pair = set.split([' ', '`', '\n', ')', ',']).next().unwrap();
            if let Some((_, value)) = pair.split_once('=')
                && value.chars().any(char::is_numeric)
            {
                told.push((name.clone(), Setting::Flag(pair.to_owned())));
            }
        }
    }
    told
}

enum Setting {
    File(String),
    Flag(String),
}

#[test]
fn every_configuration_that_the_pages_show_passes_the_check() {
    let dir = tempfile::tempdir().unwrap();
    let (mut files, mut flags) = (0, 0);
    for (page, setting) in told_settings() {
        let (output, text) = match setting {
            Setting::File(text) => {
                files += 1;
                fs::write(dir.path().join("told.toml"), &text).unwrap();
                (run(dir.path(), &["config", "check", "told.toml"]), text)
            }
            Setting::Flag(pair) => {
                flags += 1;
                (run(dir.path(), &["config", "show", "--set", &pair]), pair)
            }
        };
        assert!(output.status.success(), "{page}: {text}\n{}", stderr(&output));
    }
    assert!(files > 0 && flags > 0, "{files} files and {flags} flags");
}

/// The rows of a table of `docs/limits.md`: name, default, what.
fn limits(source: &str) -> Vec<[String; 3]> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/limits.md");
    let page = fs::read_to_string(path).unwrap();
    let part = page.split(&format!("<!-- bounds {source} -->")).nth(1).unwrap();
    let rows = part.lines().skip_while(|line| !line.starts_with("| `"));
    rows.take_while(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<_> = line.trim_matches(['|', ' ']).splitn(3, " | ").collect();
            [cells[0].trim_matches('`'), cells[1], cells[2]].map(str::to_owned)
        })
        .collect()
}

#[test]
fn every_bound_is_a_key_with_the_same_default_and_the_same_words() {
    let printed = stdout(&run(Path::new("."), &["config", "doc"]));
    for (section, source) in [
        ("rooms", "crates/playon-core/src/limits.rs"),
        ("gateway", "crates/playon-keeper/src/gateway/config.rs"),
        ("keeper", "crates/playon-keeper/src/config.rs"),
    ] {
        let part = printed.split(&format!("`[{section}]`")).nth(1).unwrap();
        let part = part.split("####").next().unwrap();
        let rows = limits(source);
        assert!(rows.len() > 10);
        for [name, default, what] in rows {
            // The gateway's is that of the rooms.
            if (section, name.as_str()) == ("gateway", "inputs_pending_max") {
                continue;
            }
            let row = part.lines().find(|line| line.starts_with(&format!("| `{name}` | ")));
            let row = row.unwrap_or_else(|| {
                panic!(
                    "{section}.{name} is no key: add it to commands/config/bounds.rs of playon-cli"
                )
            });
            assert!(row.contains(&format!("| `{default}` |")), "{default}: {row}");
            assert!(row.ends_with(&format!("| {what} |")), "{what}\n{row}");
        }
    }
}

#[test]
fn a_file_is_checked_and_everything_wrong_is_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let default = run(dir.path(), &["config", "default"]);
    fs::write(dir.path().join("good.toml"), &default.stdout).unwrap();
    let good = run(dir.path(), &["config", "check", "good.toml"]);
    assert_eq!(good.status.code(), Some(0), "{}", stderr(&good));
    let text = "lisen = \"x\"\nworkers = 99\n\n[gateway]\nidle_timeout = 5\nping_after = \"1 h\"\n";
    fs::write(dir.path().join("bad.toml"), text).unwrap();
    let bad = run(dir.path(), &["config", "check", "good.toml", "bad.toml", "none.toml"]);
    assert_eq!(bad.status.code(), Some(1));
    let errors = stderr(&bad);
    for part in [
        "PLY-0528 bad.toml:1: there is no key `lisen`; did you mean `listen`?",
        "PLY-0529 bad.toml:2: `workers` = 99: not between 1 and 16",
        "PLY-0529 bad.toml:5: `gateway.idle_timeout` = 5: a time needs quotes",
        "PLY-0529 bad.toml:6: `gateway.ping_after` = 60 min is more than `gateway.idle_timeout`",
        "PLY-0526 none.toml: cannot be read",
    ] {
        assert!(errors.contains(part), "{part} is missing:\n{errors}");
    }
    let refused = run(dir.path(), &["serve", "--config", "bad.toml"]);
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("PLY-0528") && !dir.path().join("playon-data").exists());
}

#[test]
fn show_tells_where_each_value_comes_from() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.toml"), "workers = 3\n[log]\nlevel = \"warn\"\n").unwrap();
    let output = Command::new(PLAYON)
        .args(["config", "show", "--json", "--config", "a.toml", "--listen", "127.0.0.1:9"])
        .current_dir(dir.path())
        .env("RUST_LOG", "debug")
        .output()
        .unwrap();
    let facts: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |name: &str| (facts[name]["value"].clone(), facts[name]["from"].clone());
    assert_eq!(of("workers"), ("3".into(), "a.toml:1".into()));
    assert_eq!(of("log.level"), ("debug".into(), "RUST_LOG".into()));
    assert_eq!(of("listen"), ("127.0.0.1:9".into(), "--listen".into()));
    assert_eq!(of("admin"), ("127.0.0.1:4001".into(), "default".into()));
}

/// Asks for a player socket; the answer's head and the socket.
fn upgrade(rig: &Rig) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(&rig.players).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = "GET /play HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
        head.push(byte[0]);
    }
    (String::from_utf8(head).unwrap(), stream)
}

#[test]
fn a_keeper_obeys_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("playon.toml");
    let text = format!("releases = [\"from-file={FIRST}\"]\n[gateway]\nconnections_max = 1\n");
    fs::write(&file, text).unwrap();
    let rig = Rig::start_with(&["--config", file.to_str().unwrap()]);
    assert_eq!(rig.status()["current"], "from-file");
    let (first, _held) = upgrade(&rig);
    assert!(first.starts_with("HTTP/1.1 101"), "{first}");
    let (second, _) = upgrade(&rig);
    assert!(second.starts_with("HTTP/1.1 503"), "{second}");
}
