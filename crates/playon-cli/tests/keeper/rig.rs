//! A keeper process in a directory of its own, and the `playon` command pointed at it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use serde_json::Value;

/// How long anything may take on a machine that has other things to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How long a room of the drill game may stand still in a handoff: a machine that has other things to do breaks no promise.
pub(crate) const PAUSE_BUDGET: &str = "PLAYON_DRILL_PAUSE_BUDGET_MS";

pub(crate) const PLAYON: &str = env!("CARGO_BIN_EXE_playon");
pub(crate) const FIRST: &str = env!("CARGO_BIN_EXE_playon-drill-r1");
pub(crate) const SECOND: &str = env!("CARGO_BIN_EXE_playon-drill-r2");

/// A running keeper. Killed when dropped.
pub(crate) struct Rig {
    dir: tempfile::TempDir,
    keeper: Child,
    pub(crate) players: String,
    pub(crate) admin: String,
}

impl Rig {
    /// A keeper whose current release is the first one of the drill game.
    pub(crate) fn start() -> Self {
        Self::start_with(&["--release", FIRST])
    }

    /// A keeper with these arguments, which must bring a release.
    pub(crate) fn start_with(args: &[&str]) -> Self {
        let rig = Self::launch(tempfile::tempdir().unwrap(), "127.0.0.1:0", "127.0.0.1:0", args);
        rig.until_ready();
        rig
    }

    /// As `start_with`, with a release of which no worker need attach.
    pub(crate) fn start_broken(args: &[&str]) -> Self {
        Self::launch(tempfile::tempdir().unwrap(), "127.0.0.1:0", "127.0.0.1:0", args)
    }

    /// As `start`, with a keeper that may open no more than so many files.
    pub(crate) fn start_with_files(files: u32) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\""), PLAYON]);
        let dir = tempfile::tempdir().unwrap();
        let release = ["--release", FIRST];
        let rig = Self::launch_with(command, dir, "127.0.0.1:0", "127.0.0.1:0", &release);
        rig.until_ready();
        rig
    }

    /// As `start`, with rooms whose states have so many bytes.
    pub(crate) fn start_heavy(state_bytes: u64) -> Self {
        let mut command = Command::new(PLAYON);
        command.env("PLAYON_DRILL_STATE_BYTES", state_bytes.to_string());
        let args = ["--release", FIRST, "--worker-env", "PLAYON_DRILL_STATE_BYTES"];
        let dir = tempfile::tempdir().unwrap();
        let rig = Self::launch_with(command, dir, "127.0.0.1:0", "127.0.0.1:0", &args);
        rig.until_ready();
        rig
    }

    /// As `start_with`, with variables in the environment that are passed on to workers.
    pub(crate) fn start_with_env(env: &[(&str, &str)], args: &[&str]) -> Self {
        let (command, args) = with_env(env, args);
        let dir = tempfile::tempdir().unwrap();
        let rig = Self::launch_with(command, dir, "127.0.0.1:0", "127.0.0.1:0", &args);
        rig.until_ready();
        rig
    }

    /// As `restart_with`, with variables in the environment that are passed on to workers.
    pub(crate) fn restart_with_env(self, env: &[(&str, &str)], args: &[&str]) -> Self {
        let (command, args) = with_env(env, args);
        let (players, admin) = (self.players.clone(), self.admin.clone());
        let (dir, mut keeper) = self.take_apart();
        keeper.wait().unwrap();
        Self::launch_with(command, dir, &players, &admin, &args)
    }

    /// As `start`, with a command that ends in the `playon` program.
    pub(crate) fn start_as(command: Command) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let rig =
            Self::launch_with(command, dir, "127.0.0.1:0", "127.0.0.1:0", &["--release", FIRST]);
        rig.until_ready();
        rig
    }

    /// As `start_with`, with a command that ends in the `playon` program.
    pub(crate) fn start_as_with(command: Command, args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let rig = Self::launch_with(command, dir, "127.0.0.1:0", "127.0.0.1:0", args);
        rig.until_ready();
        rig
    }

    fn launch(dir: tempfile::TempDir, players: &str, admin: &str, more: &[&str]) -> Self {
        Self::launch_with(Command::new(PLAYON), dir, players, admin, more)
    }

    fn launch_with(
        mut command: Command,
        dir: tempfile::TempDir,
        players: &str,
        admin: &str,
        more: &[&str],
    ) -> Self {
        let log = dir.path().join("log");
        let log = fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        if !command.get_envs().any(|(name, _)| name == PAUSE_BUDGET) {
            let (name, longest) = (PAUSE_BUDGET, PATIENCE.as_millis().to_string());
            command.env(name, longest).args(["serve", "--worker-env", name]);
        } else {
            command.arg("serve");
        }
        let mut keeper = command
            .args(["--announce", "--listen", players, "--admin", admin, "--data"])
            .arg(dir.path().join("data"))
            .args(more)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Ok(told) = serde_json::from_str::<Value>(&line) else {
            panic!("no announcement: {}", fs::read_to_string(dir.path().join("log")).unwrap())
        };
        assert_eq!(told["pid"], keeper.id());
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        Self { dir, keeper, players: text("players"), admin: text("admin") }
    }

    /// Starts another keeper where this one was, at the same addresses.
    pub(crate) fn restart(self) -> Self {
        let (players, admin) = (self.players.clone(), self.admin.clone());
        let (dir, mut keeper) = self.take_apart();
        keeper.wait().unwrap();
        Self::launch(dir, &players, &admin, &[])
    }

    /// Ends the keeper with a signal and starts the next one at once, without waiting for the end.
    pub(crate) fn relieve(self, signal: Signal) -> Self {
        self.signal(signal);
        let (players, admin) = (self.players.clone(), self.admin.clone());
        let (dir, mut before) = self.take_apart();
        let next = Self::launch(dir, &players, &admin, &[]);
        before.wait().unwrap();
        next
    }

    /// As `restart`, with these arguments.
    pub(crate) fn restart_with(self, args: &[&str]) -> Self {
        let (players, admin) = (self.players.clone(), self.admin.clone());
        let (dir, mut keeper) = self.take_apart();
        keeper.wait().unwrap();
        Self::launch(dir, &players, &admin, args)
    }

    /// As `restart_with`, with a command that ends in the `playon` program.
    pub(crate) fn restart_as_with(self, command: Command, args: &[&str]) -> Self {
        let (players, admin) = (self.players.clone(), self.admin.clone());
        let (dir, mut keeper) = self.take_apart();
        keeper.wait().unwrap();
        Self::launch_with(command, dir, &players, &admin, args)
    }

    /// As `restart`, with a command that ends in the `playon` program.
    pub(crate) fn restart_as(self, command: Command) -> Self {
        let (players, admin) = (self.players.clone(), self.admin.clone());
        let (dir, mut keeper) = self.take_apart();
        keeper.wait().unwrap();
        Self::launch_with(command, dir, &players, &admin, &[])
    }

    /// As `restart`, on a disk that takes no file larger than so many blocks of 512 bytes.
    pub(crate) fn restart_on_small_disk(self, blocks: u32) -> Self {
        let script = format!("ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, PLAYON]);
        self.restart_as(command)
    }

    fn take_apart(self) -> (tempfile::TempDir, Child) {
        // What the drop would kill has ended already.
        let mut this = std::mem::ManuallyDrop::new(self);
        let dir = std::mem::replace(&mut this.dir, tempfile::tempdir().unwrap());
        let stub = Command::new("true").spawn().unwrap();
        let keeper = std::mem::replace(&mut this.keeper, stub);
        let _ = this.keeper.wait();
        (dir, keeper)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A path beside the data directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    /// Waits until the keeper's log holds that text.
    pub(crate) fn until_log(&self, text: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.log().contains(text) {
            assert!(Instant::now() < until, "no line with {text}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Bytes of memory that the keeper has in use.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.keeper.id())).unwrap();
        statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    }

    /// Files that the keeper has open.
    pub(crate) fn open_files(&self) -> u64 {
        fs::read_dir(format!("/proc/{}/fd", self.keeper.id())).unwrap().count() as u64
    }

    /// Lets the keeper open no more files than that.
    pub(crate) fn limit_files(&self, files: u64) {
        let pid = Pid::from_raw(i32::try_from(self.keeper.id()).unwrap());
        // Its hard limit is ours, and stays.
        let limit = Rlimit { current: Some(files), ..getrlimit(Resource::Nofile) };
        prlimit(pid, Resource::Nofile, limit).unwrap();
    }

    /// Processor time that the keeper has used, in ticks of 10 ms.
    pub(crate) fn cpu_ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.keeper.id())).unwrap();
        let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/play", self.players)
    }

    /// An executable file beside the data directory.
    pub(crate) fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    /// The same game as another release: its executable with something behind its end, which the loader ignores.
    pub(crate) fn another(&self, name: &str, executable: &str, tail: &str) -> String {
        let mut bytes = fs::read(executable).unwrap();
        bytes.extend_from_slice(tail.as_bytes());
        let path = self.file(name);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::metadata(executable).unwrap().permissions()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs a command against this keeper.
    pub(crate) fn playon(&self, args: &[&str]) -> Output {
        Command::new(PLAYON).args(args).arg("--data").arg(self.data()).output().unwrap()
    }

    /// The JSON that a command prints; it must succeed.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let output = self.playon(&[args, &["--json"]].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        // The status of a keeper that is not ready is an answer too.
        let answered = output.status.success() || (args == ["status"] && !output.stdout.is_empty());
        assert!(answered, "{args:?}: {errors}\n{}", self.log());
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub(crate) fn status(&self) -> Value {
        self.json(&["status"])
    }

    pub(crate) fn until_ready(&self) {
        self.until("a worker of the current release", |status| {
            status["recovered"] == true && !status["workers"].as_array().unwrap().is_empty()
        });
        self.until("the first deploy", |status| status["deploy"]["finished"] != false);
    }

    pub(crate) fn until(&self, what: &str, mut done: impl FnMut(&Value) -> bool) {
        let until = Instant::now() + PATIENCE;
        loop {
            let status = self.status();
            if done(&status) {
                return;
            }
            assert!(Instant::now() < until, "{what} did not happen: {status}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.keeper.id(), signal);
    }

    /// Stops the keeper as a service manager does.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits for the keeper's end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.keeper.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "the keeper does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The process of the only worker there is.
    pub(crate) fn worker(&self) -> u32 {
        u32::try_from(self.status()["workers"][0]["pid"].as_u64().unwrap()).unwrap()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

/// The `playon` program with these variables, and the arguments that pass them on.
fn with_env<'a>(env: &[(&'a str, &str)], args: &[&'a str]) -> (Command, Vec<&'a str>) {
    let mut command = Command::new(PLAYON);
    command.envs(env.iter().copied());
    let passed = env.iter().flat_map(|(name, _)| ["--worker-env", *name]);
    (command, args.iter().copied().chain(passed).collect())
}

/// Signals a process that a test has started, directly or through its keeper.
pub(crate) fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

pub(crate) fn files_in(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.to_string_lossy().into_owned()).collect()
}
