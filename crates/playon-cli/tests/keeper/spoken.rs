//! What every command says under `--json` when it does not work. The commands are those that clap knows: a new one is
//! tried without being named here, and one that prints no JSON has to be.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};

use rustix::process::Signal;
use serde_json::Value;

use super::rig::{PLAYON, Rig};

/// Commands without `--json`: two run for as long as a keeper does, two print a file, one speaks with its parent.
const WITHOUT: [&str; 5] = ["serve", "demo", "config default", "config doc", "drill-bots"];

/// What a command needs beside its required arguments to fail at all.
const MORE: [(&str, &[&str]); 3] = [
    ("explain", &["PLY-0000"]),
    ("config show", &["--set", "no.such=key"]),
    (
        "drill",
        &["--release-a", "/none", "--release-b", "/none", "--inputs", "/none", "--kind", "none"],
    ),
];

/// A command that can be called.
#[derive(Debug)]
struct Leaf {
    /// `store verify`
    name: String,
    args: Vec<String>,
    takes: Vec<String>,
}

impl Leaf {
    /// The one that runs a keeper.
    fn serve() -> Self {
        let mut found = Vec::new();
        leaves(&playon_cli::commands::cli(), "", &mut found);
        found.into_iter().find(|leaf| leaf.name == "serve").unwrap()
    }

    fn takes(&self, option: &str) -> bool {
        self.takes.iter().any(|taken| taken == option)
    }

    fn run(&self, dir: &Path, more: &[&str]) -> Output {
        let mut command = Command::new(PLAYON);
        command.args(&self.args).args(more).current_dir(dir);
        for name in ["PLAYON_DATA", "PLAYON_ADMIN", "PLAYON_TOKEN", "PLAYON_TIMEOUT"] {
            command.env_remove(name);
        }
        command.output().unwrap()
    }

    /// Runs it with and without `--json`: it ends with this code both times and says this; what is on stdout.
    fn fails(&self, dir: &Path, more: &[&str], exit: i32, code: &str) -> Value {
        self.fails_under("--json", dir, more, exit, code)
    }

    /// The same under another option that asks for JSON.
    fn fails_under(&self, option: &str, dir: &Path, more: &[&str], exit: i32, code: &str) -> Value {
        let plain = self.run(dir, more);
        let said = String::from_utf8_lossy(&plain.stderr).into_owned();
        let name = &self.name;
        assert_eq!(plain.status.code(), Some(exit), "{name} {more:?}: {said}");
        assert!(plain.stdout.is_empty(), "{name}: {}", String::from_utf8_lossy(&plain.stdout));
        // A keeper has a log, too, in which it may have said something before.
        let logs = option == "--announce";
        let speaks = |line: &str| line.starts_with("error: ");
        assert!(speaks(&said) || (logs && said.lines().any(speaks)), "{name}: {said}");
        let told = self.run(dir, &[more, &[option]].concat());
        assert_eq!(told.status.code(), Some(exit), "{name} {more:?} {option}");
        assert!(!told.stderr.is_empty(), "{name}: people are told as well");
        let text = String::from_utf8(told.stdout).unwrap();
        let told: Value = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{name} {more:?} {option}: {error}: {text:?}"));
        let error = told["error"].as_object().unwrap_or_else(|| panic!("{name}: {told}"));
        let fields: Vec<_> = error.keys().map(String::as_str).collect();
        assert_eq!(fields, ["also", "code", "message", "more", "remedy"], "{name}");
        let found = error["code"].as_str().unwrap();
        assert!(found == code || code.is_empty(), "{name}: {found} instead of {code}");
        assert_eq!(error["more"], format!("playon explain {found}"));
        assert!(!error["message"].as_str().unwrap().starts_with(found), "{told}");
        assert!(!error["remedy"].as_str().unwrap().is_empty(), "{told}");
        told
    }
}

fn leaves(command: &clap::Command, above: &str, found: &mut Vec<Leaf>) {
    for command in command.get_subcommands() {
        let name = format!("{above} {}", command.get_name()).trim().to_owned();
        if command.has_subcommands() {
            leaves(command, &name, found);
            continue;
        }
        let mut args: Vec<_> = name.split(' ').map(str::to_owned).collect();
        for arg in command.get_positionals().filter(|arg| arg.is_required_set()) {
            let choices = arg.get_possible_values();
            args.push(choices.first().map_or("none", |choice| choice.get_name()).to_owned());
        }
        if let Some((_, more)) = MORE.iter().find(|(of, _)| *of == name) {
            args.extend(more.iter().map(ToString::to_string));
        }
        let takes = command.get_arguments().map(|arg| arg.get_id().to_string()).collect();
        found.push(Leaf { name, args, takes });
    }
}

/// All commands that print JSON, hidden ones too.
fn commands() -> Vec<Leaf> {
    let mut found = Vec::new();
    leaves(&playon_cli::commands::cli(), "", &mut found);
    let (with, without): (Vec<_>, Vec<_>) = found.into_iter().partition(|leaf| leaf.takes("json"));
    let without: Vec<_> = without.iter().map(|leaf| leaf.name.as_str()).collect();
    for name in &without {
        assert!(WITHOUT.contains(name), "`playon {name}` takes no --json");
    }
    assert_eq!(without.len(), WITHOUT.len(), "{without:?}");
    assert!(with.len() > 15);
    with
}

#[test]
fn every_command_that_fails_prints_one_document_of_one_shape() {
    let dir = tempfile::tempdir().unwrap();
    for leaf in commands() {
        let keeper = leaf.takes("token");
        let (exit, code) = match leaf.name.as_str() {
            _ if keeper => (3, "PLY-0520"),
            "config show" | "explain" | "store dump" => (2, ""),
            _ => (1, ""),
        };
        leaf.fails(dir.path(), &[], exit, code);
        if keeper {
            // Nobody listens at the port of a listener that is gone.
            let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
            leaf.fails(dir.path(), &["--admin", &gone, "--token", "x"], 3, "PLY-0521");
        }
    }
}

/// A script that waits for the line learns that there is no keeper, and why.
#[test]
fn a_keeper_that_does_not_start_announces_that() {
    let (serve, dir) = (Leaf::serve(), tempfile::tempdir().unwrap());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let anywhere = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data", "data"];
    let fails = |more: &[&str], exit, code| {
        let args = [&anywhere[..], more].concat();
        let told = serve.fails_under("--announce", dir.path(), &args, exit, code);
        assert_eq!(told.as_object().unwrap().len(), 1, "{told}");
        let text = serve.run(dir.path(), &[&args[..], &["--announce"]].concat()).stdout;
        assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 1, "it is one line");
    };
    fails(&["--set", "no.such=key"], 2, "");
    let takes_place_of = |option: &str| {
        let place = anywhere.iter().position(|arg| *arg == option).unwrap();
        let mut args = anywhere;
        args[place + 1] = &address;
        let told = serve.fails_under("--announce", dir.path(), &args, 1, "PLY-0502");
        assert!(told["error"]["message"].as_str().unwrap().contains(&address), "{told}");
    };
    takes_place_of("--listen");
    takes_place_of("--admin");
    fails(&["--no-such-option"], 2, "PLY-0548");
}

#[test]
fn arguments_that_are_not_understood_are_told_in_the_same_shape() {
    let dir = tempfile::tempdir().unwrap();
    for leaf in commands() {
        let told = leaf.fails(dir.path(), &["--no-such-option"], 2, "PLY-0548");
        let message = told["error"]["message"].as_str().unwrap();
        assert!(message.contains("--no-such-option"), "{}: {message}", leaf.name);
    }
    let told = Command::new(PLAYON).args(["dance", "--json"]).output().unwrap();
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(told["error"]["code"], "PLY-0548");
    for args in [["deploy", "--json"], ["rollback", "--jsn"]] {
        let told = Command::new(PLAYON).args(args).arg("--json").output().unwrap();
        assert_eq!(told.status.code(), Some(2));
        let told: Value = serde_json::from_slice(&told.stdout).unwrap();
        let fields: Vec<_> = told.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, ["broken", "deploy", "error", "note", "outcome"]);
        assert_eq!(
            (&told["outcome"], &told["error"]["code"]),
            (&"misused".into(), &"PLY-0548".into())
        );
    }
    // Help is what was asked for.
    let help = Command::new(PLAYON).args(["status", "--json", "--help"]).output().unwrap();
    assert!(help.status.success() && help.stdout.starts_with(b"Show the keeper"));
}

/// Reads a request with a short body.
pub(crate) fn read_request(stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) < 3 {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let _ = reader.read_exact(&mut vec![0; length]);
}

#[test]
fn what_a_keeper_refuses_is_told_in_the_same_shape() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let body =
            r#"{"code": "PLY-0508", "message": "the keeper is stopping", "remedy": "ask again"}"#;
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            read_request(&stream);
            let head = format!("HTTP/1.1 503 x\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all((head + body).as_bytes());
        }
    });
    for leaf in commands().iter().filter(|leaf| leaf.takes("token")) {
        let told = leaf.fails(dir.path(), &["--admin", &at, "--token", "x"], 4, "PLY-0508");
        assert_eq!(told["error"]["message"], "the keeper is stopping");
    }
}

#[test]
fn a_keeper_that_takes_connections_and_never_answers_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    for leaf in commands().iter().filter(|leaf| leaf.takes("token")) {
        let more = ["--admin", &at, "--token", "x", "--timeout", "0.2"];
        let told = leaf.fails(dir.path(), &more, 3, "PLY-0547");
        let message = told["error"]["message"].as_str().unwrap();
        assert!(message.contains("no sign of life for 0.2 s"), "{message}");
        let changes = ["close", "drain", "log set", "rollback"].contains(&leaf.name.as_str());
        // What a rollback without `--to` would do is asked first.
        let may = message.contains("may still happen");
        assert_eq!(may, changes && leaf.name != "rollback", "{}: {message}", leaf.name);
    }
    drop(listener);
}

#[test]
fn all_that_is_wrong_with_a_configuration_is_in_one_document() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("good.toml"), "workers = 2\n").unwrap();
    std::fs::write(dir.path().join("bad.toml"), "workers = 99\nlisen = \"x\"\n").unwrap();
    let check = |files: &[&str]| {
        let args = [&["config", "check", "--json"], files].concat();
        let output = Command::new(PLAYON).args(args).current_dir(dir.path()).output().unwrap();
        (output.status.code(), serde_json::from_slice::<Value>(&output.stdout).unwrap())
    };
    let good = serde_json::json!([{"file": "good.toml", "keys": 1}]);
    assert_eq!(check(&["good.toml"]), (Some(0), good));
    let (code, told) = check(&["good.toml", "bad.toml", "none.toml"]);
    assert_eq!(code, Some(1));
    let also = told["error"]["also"].as_array().unwrap().iter();
    let codes: Vec<_> =
        std::iter::once(&told["error"]).chain(also).map(|error| error["code"].clone()).collect();
    assert_eq!(codes, ["PLY-0528", "PLY-0529", "PLY-0526"].map(Value::from), "{told}");
}

#[test]
fn an_answer_that_is_bad_news_stays_one_document() {
    let mut rig = Rig::start();
    assert!(rig.playon(&["drain", "--json"]).status.success());
    let output = rig.playon(&["status", "--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(told["not_ready"].is_string() && told.get("error").is_none(), "{told}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("PLY-0533"));
    // A line for each look, also when the keeper has gone between two of them.
    let top = Command::new(PLAYON)
        .args(["top", "--json", "--every", "0.1", "--data"])
        .arg(rig.data())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn();
    let mut top = top.unwrap();
    let mut lines = BufReader::new(top.stdout.take().unwrap()).lines().map(|line| {
        let line = line.unwrap();
        serde_json::from_str::<Value>(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    });
    assert!(lines.next().unwrap()["not_ready"].is_string());
    rig.signal(Signal::KILL);
    rig.wait();
    let gone = lines.find(|line| line.get("error").is_some()).unwrap();
    assert_eq!(gone["error"]["code"], "PLY-0521", "{gone}");
    top.kill().unwrap();
    top.wait().unwrap();
}
