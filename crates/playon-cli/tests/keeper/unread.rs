//! A keeper whose standard error and standard output are pipes that nobody reads, and full.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::io::ioctl_fionbio;
use rustix::process::Signal;
use serde_json::Value;

use super::rig::{FIRST, PATIENCE, PLAYON, SECOND, kill};

/// A pipe that takes nothing more. The first end must be kept: a pipe without a reader would fail instead.
fn full_pipe() -> (File, OwnedFd) {
    let (reader, writer) = std::io::pipe().unwrap();
    ioctl_fionbio(&writer, true).unwrap();
    let mut filling = File::from(OwnedFd::from(writer));
    // Byte by byte at last: a write of less than a page is taken whole or not at all.
    for size in [4_096, 1] {
        let line = vec![b'\n'; size];
        while filling.write_all(&line).is_ok() {}
    }
    ioctl_fionbio(&filling, false).unwrap();
    (File::from(OwnedFd::from(reader)), filling.into())
}

/// Killed when dropped.
struct Keeper {
    dir: tempfile::TempDir,
    process: Child,
    stderr: File,
    _stdout: File,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Keeper {
    fn start(levels: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ((stderr, err), (stdout, out)) = (full_pipe(), full_pipe());
        let process = Command::new(PLAYON)
            .args(["serve", "--announce", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .args(["--release", FIRST, "--log-level", levels, "--data"])
            .arg(dir.path().join("data"))
            .stdout(Stdio::from(out))
            .stderr(Stdio::from(err))
            .spawn()
            .unwrap();
        Self { dir, process, stderr, _stdout: stdout }
    }

    fn playon(&self, args: &[&str]) -> (Option<i32>, String) {
        let output = Command::new(PLAYON)
            .args(args)
            .arg("--data")
            .arg(self.dir.path().join("data"))
            .output();
        let output = output.unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    }

    fn until(&self, what: &str, mut done: impl FnMut(&Value) -> bool) {
        let until = Instant::now() + PATIENCE;
        loop {
            let status = self.playon(&["status", "--json"]).1;
            let json = status.split_inclusive('}').collect::<String>();
            let json = serde_json::Deserializer::from_str(&json).into_iter::<Value>().next();
            if json.and_then(Result::ok).is_some_and(|status| done(&status)) {
                return;
            }
            assert!(Instant::now() < until, "{what} did not happen: {status}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    fn get(&self, path: &str) -> String {
        let told = std::fs::read(self.dir.path().join("data/keeper.json")).unwrap();
        let told: Value = serde_json::from_slice(&told).unwrap();
        let mut stream = std::net::TcpStream::connect(told["admin"].as_str().unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn dropped(&self) -> u64 {
        let metrics = self.get("/metrics");
        let found = metrics.lines().find_map(|l| l.strip_prefix("playon_log_lines_dropped_total "));
        found.unwrap().parse().unwrap()
    }
}

#[test]
fn a_keeper_whose_output_nobody_reads_does_everything_as_usual() {
    let mut keeper = Keeper::start("trace");
    keeper.until("readiness", |status| status["ready"] == true);
    let mut worker = None;
    keeper.until("a worker", |status| {
        worker = status["workers"][0]["pid"].as_u64();
        worker.is_some()
    });
    kill(u32::try_from(worker.unwrap()).unwrap(), Signal::KILL);
    keeper.until("another worker", |status| {
        status["workers"][0]["pid"].as_u64().is_some_and(|pid| Some(pid) != worker)
    });
    let deployed = keeper.playon(&["deploy", SECOND, "--now"]);
    assert_eq!(deployed.0, Some(0), "{}", deployed.1);
    assert!(keeper.get("/healthz").starts_with("HTTP/1.1 200"));
    kill(keeper.process.id(), Signal::TERM);
    let until = Instant::now() + PATIENCE;
    let ended = loop {
        if let Some(status) = keeper.process.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < until, "SIGTERM is not obeyed");
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    assert_eq!(ended.code(), Some(0));
}

#[test]
fn what_nobody_read_is_counted_and_told_to_who_reads_again() {
    let keeper = Keeper::start("trace");
    let until = Instant::now() + PATIENCE;
    while !keeper.dir.path().join("data/keeper.json").exists() {
        assert!(Instant::now() < until, "it does not start");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    // Each change of the levels is a line with the levels, and this one is long.
    let levels = format!("info,{}=trace", "y".repeat(60_000));
    while keeper.dropped() == 0 {
        assert!(Instant::now() < until, "nothing is dropped");
        assert_eq!(keeper.playon(&["log", "set", &levels]).0, Some(0));
    }
    assert!(keeper.get("/healthz").starts_with("HTTP/1.1 200"), "an unread log is no illness");
    let mut reader = std::io::BufReader::new(keeper.stderr.try_clone().unwrap());
    let mut line = String::new();
    while !line.contains("PLY-0541") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut reader, &mut line).unwrap() > 0, "it ends");
    }
    assert!(line.contains("lines="), "{line}");
}
