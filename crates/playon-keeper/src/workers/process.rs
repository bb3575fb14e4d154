//! One worker process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions};

use super::fate::{Fate, ProcessEnd};
use super::output::{LAST_WAIT, Stream};
use super::{ENV_NAMES, ENV_PREFIXES};
use crate::process::alarm::{self, Alarm, Alarms};

/// Times that an executable is tried which is busy, 2 ms apart: one that another thread has just written is for as long as a fork of
/// that has not yet executed.
const BUSY_TRIES_MAX: u32 = 50;

/// How to start a worker.
#[derive(Clone, Debug)]
pub(super) struct Launch<'a> {
    pub(super) executable: &'a Path,
    pub(super) folder: &'a Path,
    pub(super) label: &'a Arc<str>,
    pub(super) env: BTreeMap<OsString, OsString>,
    pub(super) files_max: u64,
    /// Where it is said what becomes of it.
    pub(super) fate: Fate,
}

/// A started process, not yet reaped: its number and its group's belong to it.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pid: Pid,
    reaped: bool,
    fate: Fate,
    /// Closed when the last of its standard error has been read.
    read: Option<Receiver<()>>,
}

impl Drop for Process {
    /// Also when the supervisor panics: nobody would be left to end it.
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
        }
    }
}

/// The part of the keeper's own environment that workers may see.
pub(super) fn environment(
    all: impl IntoIterator<Item = (OsString, OsString)>,
    more: &[String],
) -> BTreeMap<OsString, OsString> {
    let passes = |name: &str| {
        let secret = name.contains("TOKEN") || name.contains("SECRET");
        let listed =
            ENV_NAMES.contains(&name) || ENV_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        (listed && !secret) || more.iter().any(|wanted| wanted == name)
    };
    all.into_iter().filter(|(name, _)| name.to_str().is_some_and(passes)).collect()
}

impl Process {
    /// Starts a worker in a process group of its own. Must be called on a thread that has given up new privileges;
    /// the child inherits that.
    ///
    /// # Errors
    /// When it cannot be executed.
    pub(super) fn start(launch: &Launch<'_>, alarms: &Alarms) -> io::Result<Self> {
        let mut command = Command::new(launch.executable);
        command
            .current_dir(launch.folder)
            .env_clear()
            .envs(&launch.env)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = spawn_when_free(&mut command)?;
        let raw = i32::try_from(child.id()).map_err(io::Error::other)?;
        let pid =
            Pid::from_raw(raw).ok_or_else(|| io::Error::other("a process without a number"))?;
        limit(pid, Resource::Core, 0);
        limit(pid, Resource::Nofile, launch.files_max);
        let (open, read) = mpsc::channel();
        let alarm = || alarms.part("what a worker prints");
        let label = Arc::clone(launch.label);
        let stream = Stream { name: "stdout", label, pid: child.id(), last: None, open: None };
        if let Some(stdout) = child.stdout.take() {
            stream.clone().capture(stdout, alarm());
        }
        if let Some(stderr) = child.stderr.take() {
            let stream =
                Stream { name: "stderr", last: Some(launch.fate.last().clone()), ..stream };
            Stream { open: Some(open), ..stream }.capture(stderr, alarm());
        }
        Ok(Self { child, pid, reaped: false, fate: launch.fate.clone(), read: Some(read) })
    }

    pub(super) fn number(&self) -> u32 {
        self.child.id()
    }

    /// Kills the whole group. Its number cannot have been given to others before `reap`.
    pub(super) fn kill(&self) {
        self.fate.note_kill();
        if let Err(error) = rustix::process::kill_process_group(self.pid, Signal::KILL) {
            tracing::debug!(pid = self.number(), %error, "process group could not be killed");
        }
    }

    /// Calls back on a thread of its own when the process has ended and what it printed last is known, without reaping it.
    pub(super) fn on_exit(
        &mut self,
        alarm: Alarm,
        then: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let (pid, read, fate) = (self.pid, self.read.take(), self.fate.clone());
        let watch = move |_: &Alarm| {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            let status = loop {
                match rustix::process::waitid(WaitId::Pid(pid), options) {
                    Err(rustix::io::Errno::INTR) => {}
                    Ok(status) => break status,
                    Err(_) => break None,
                }
            };
            // It ends by being closed: nothing is ever sent.
            let _ = read.map(|read| read.recv_timeout(LAST_WAIT));
            fate.note_end(status.as_ref().map_or(ProcessEnd::Unknown, ProcessEnd::from));
            then();
        };
        alarm::spawn(format!("wait-{}", self.number()), alarm, watch).map(drop)
    }

    /// What becomes of it.
    pub(super) const fn fate(&self) -> &Fate {
        &self.fate
    }

    /// Collects the process, which must have ended, and kills what is left of its group.
    pub(super) fn reap(mut self) {
        self.kill();
        if let Err(error) = self.child.wait() {
            tracing::debug!(pid = self.number(), %error, "process could not be collected");
        }
        self.reaped = true;
    }
}

fn spawn_when_free(command: &mut Command) -> io::Result<Child> {
    let mut tries = 0;
    loop {
        match command.spawn() {
            Err(error)
                if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < BUSY_TRIES_MAX =>
            {
                tries += 1;
                thread::sleep(Duration::from_millis(2));
            }
            other => return other,
        }
    }
}

/// Sets both limits of a process. A process that is gone already needs none.
fn limit(pid: Pid, resource: Resource, value: u64) {
    let wanted = Rlimit { current: Some(value), maximum: Some(value) };
    if let Err(error) = rustix::process::prlimit(Some(pid), resource, wanted) {
        tracing::debug!(?pid, ?resource, %error, "limit not set");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_see_a_short_environment_without_secrets() {
        let all = ["PATH", "SSH_AUTH_SOCK", "RUST_LOG", "PLAYON_X", "PLAYON_ADMIN_TOKEN", "DB_URL"]
            .map(|name| (OsString::from(name), OsString::from("v")));
        let seen: Vec<_> = environment(all, &["DB_URL".into()]).into_keys().collect();
        assert_eq!(seen, ["DB_URL", "PATH", "PLAYON_X", "RUST_LOG"]);
    }
}
