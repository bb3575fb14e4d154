//! Other processes: they say where they listen in one line of JSON, and end with their standard input.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// How long anything may take to start, to stop and to come to a state that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a state that is waited for is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// What a process says about itself.
#[derive(Clone, Debug, Deserialize)]
struct Announcement {
    players: SocketAddr,
    admin: Option<SocketAddr>,
}

/// A server that sockets connect to.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    said: Announcement,
}

impl Server {
    /// Starts it and waits until it listens.
    pub(crate) fn start(mut command: Command) -> anyhow::Result<Self> {
        let name = format!("{command:?}");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().with_context(|| format!("starting {name}"))?;
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().context("no standard output")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let said = serde_json::from_str(&line)
            .with_context(|| format!("{name} does not say where it listens, but {line:?}"))?;
        Ok(Self { child, stdin, stdout, said })
    }

    /// Where players connect.
    pub(crate) const fn players(&self) -> SocketAddr {
        self.said.players
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Memory that is its own and in use, in bytes.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        Ok(kilobytes.context("no RssAnon")? << 10)
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it a question in one line; the answer is one line.
    pub(crate) fn ask(&mut self, question: &str) -> anyhow::Result<String> {
        let stdin = self.stdin.as_mut().context("it has been stopped")?;
        writeln!(stdin, "{question}")?;
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        Ok(line)
    }

    /// Ends it in order.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        drop(self.stdin.take());
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                anyhow::ensure!(status.success(), "it ended with {status}");
                return Ok(());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        bail!("it did not stop in time")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A keeper with a worker.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) server: Server,
    admin: SocketAddr,
    token: String,
}

impl Keeper {
    /// Starts one on a data directory and waits until its rooms are read back and a worker is there.
    pub(crate) fn start(data: &Path) -> anyhow::Result<Self> {
        Self::start_counted(data, false)
    }

    /// As [`Keeper::start`]; the counted one knows its allocations.
    pub(crate) fn start_counted(data: &Path, counted: bool) -> anyhow::Result<Self> {
        let keeper = Self::begin(data, counted)?;
        keeper.until_served()?;
        Ok(keeper)
    }

    /// Starts one and waits only until it listens.
    pub(crate) fn begin(data: &Path, counted: bool) -> anyhow::Result<Self> {
        Self::begin_with(data, counted, "playon-bench-game")
    }

    /// As [`Keeper::start`], with another game.
    pub(crate) fn start_with(data: &Path, game: &str) -> anyhow::Result<Self> {
        let keeper = Self::begin_with(data, false, game)?;
        keeper.until_served()?;
        Ok(keeper)
    }

    fn begin_with(data: &Path, counted: bool, game: &str) -> anyhow::Result<Self> {
        let mut command =
            Command::new(program(if counted { "playon-bench-counted" } else { "playon-bench" })?);
        command.arg("keeper").arg("--data").arg(data);
        command.arg("--release").arg(program(game)?);
        let server = Server::start(command)?;
        let admin = server.said.admin.context("a keeper without an admin address")?;
        let token = std::fs::read_to_string(data.join("admin.token"))?.trim().to_owned();
        Ok(Self { server, admin, token })
    }

    pub(crate) const fn players(&self) -> SocketAddr {
        self.server.players()
    }

    fn until_served(&self) -> anyhow::Result<()> {
        self.until("a worker", |status| {
            status["recovered"] == true
                && status["workers"].as_array().is_some_and(|w| !w.is_empty())
        })?;
        Ok(())
    }

    /// The worker's process, if there is just one.
    pub(crate) fn worker_pid(&self) -> anyhow::Result<u32> {
        let status: Value = self.get("/v1/status")?;
        let pid = status["workers"][0]["pid"].as_u64().context("no worker")?;
        Ok(u32::try_from(pid)?)
    }

    /// Ships an executable.
    pub(crate) fn add_release(&self, executable: &[u8], label: &str) -> anyhow::Result<String> {
        let answer: Value = serde_json::from_slice(&self.ask(
            "POST",
            &format!("/v1/releases?label={label}"),
            executable,
        )?)?;
        Ok(answer["id"].as_str().context("a release without an id")?.to_owned())
    }

    /// Begins a deploy and returns its number.
    pub(crate) fn deploy(&self, release: &str) -> anyhow::Result<u64> {
        let wish = serde_json::json!({ "release": release, "now": true }).to_string();
        let answer: Value =
            serde_json::from_slice(&self.ask("POST", "/v1/deploys", wish.as_bytes())?)?;
        answer["deploy"]["id"].as_u64().with_context(|| format!("no deploy: {answer}"))
    }

    /// Waits until the status is as wanted.
    pub(crate) fn until(&self, what: &str, is: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let until = Instant::now() + PATIENCE;
        loop {
            let status: Value = self.get("/v1/status")?;
            if is(&status) {
                return Ok(status);
            }
            if Instant::now() > until {
                bail!("waited in vain for {what}: {status}");
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// One counter or gauge of the keeper, by its name without labels.
    pub(crate) fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let text = String::from_utf8(self.ask("GET", "/metrics", b"")?)?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.trim().parse().ok())
            .with_context(|| format!("no metric {name}"))
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        Ok(serde_json::from_slice(&self.ask("GET", path, b"")?)?)
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.admin)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.admin,
            self.token,
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").context("no answer")?;
        let body = answer.split_off(end + 4);
        let head = String::from_utf8_lossy(&answer);
        let first = head.lines().next().unwrap_or_default();
        if !first.starts_with("HTTP/1.1 2") {
            bail!("{method} {path}: {first} {}", String::from_utf8_lossy(&body));
        }
        Ok(body)
    }
}

/// A program built beside this one.
pub(crate) fn program(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    anyhow::ensure!(path.exists(), "{} is not built", path.display());
    Ok(path)
}
