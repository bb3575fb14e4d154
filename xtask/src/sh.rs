//! Runs other programs from the top of the repository.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;

use anyhow::{Context as _, bail};

use crate::report;

/// Runs other programs.
pub(crate) struct Sh {
    root: PathBuf,
    /// Variables set for every program, such as a `PATH` with a newer Node.
    env: Mutex<Vec<(&'static str, OsString)>>,
}

impl Sh {
    /// At the top of the repository that this program was built from.
    pub(crate) fn new() -> Self {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().unwrap_or(manifest).to_owned();
        Self { root, env: Mutex::default() }
    }

    /// The top of the repository.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The directory that cargo builds into.
    pub(crate) fn target(&self) -> PathBuf {
        std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| self.root.join("target"), |dir| self.root.join(dir))
    }

    /// A program that cargo has built.
    pub(crate) fn built(&self, profile: &str, name: &str) -> String {
        self.target().join(profile).join(name).display().to_string()
    }

    /// Sets a variable for every program run from now on.
    pub(crate) fn set_env(&self, name: &'static str, value: impl Into<OsString>) {
        if let Ok(mut env) = self.env.lock() {
            env.push((name, value.into()));
        }
    }

    /// The program, ready to be started at the top of the repository.
    pub(crate) fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.root);
        for (name, value) in self.env.lock().iter().flat_map(|env| env.iter()) {
            command.env(name, value);
        }
        command
    }

    /// Runs it with our own terminal. Fails unless it succeeds.
    pub(crate) fn run(&self, program: &str, args: &[&str]) -> anyhow::Result<()> {
        self.run_in(".", program, args)
    }

    /// As `run`, in a directory of the repository.
    pub(crate) fn run_in(&self, dir: &str, program: &str, args: &[&str]) -> anyhow::Result<()> {
        self.announce(dir, program, args);
        let mut command = self.command(program, args);
        let status = command.current_dir(self.root.join(dir)).status();
        judge(program, status.with_context(|| format!("{program} cannot be started"))?)
    }

    /// Runs it, shows what it says, and gives each line of it to `read`.
    pub(crate) fn watch(
        &self,
        dir: &str,
        program: &str,
        args: &[&str],
        read: &(dyn Fn(&str) + Sync),
    ) -> anyhow::Result<()> {
        self.announce(dir, program, args);
        let mut command = self.command(program, args);
        command.current_dir(self.root.join(dir)).stdout(Stdio::piped()).stderr(Stdio::piped());
        if report::colours() {
            command.env("CARGO_TERM_COLOR", "always").env("FORCE_COLOR", "1");
        }
        let mut child = command.spawn().with_context(|| format!("{program} cannot be started"))?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        std::thread::scope(|scope| {
            scope.spawn(|| err.map(|err| echo(err, std::io::stderr(), read)));
            if let Some(out) = out {
                echo(out, std::io::stdout(), read);
            }
        });
        judge(program, child.wait().with_context(|| format!("{program} was lost"))?)
    }

    /// What it writes to stdout, or nothing if it is not there or fails.
    pub(crate) fn ask(&self, program: &str, args: &[&str]) -> Option<String> {
        let output = self.command(program, args).stderr(Stdio::null()).output().ok()?;
        let said = String::from_utf8(output.stdout).ok()?;
        output.status.success().then_some(said)
    }

    fn announce(&self, dir: &str, program: &str, args: &[&str]) {
        let name = Path::new(program)
            .strip_prefix(&self.root)
            .map_or(program.into(), Path::to_string_lossy);
        let place = if dir == "." { String::new() } else { format!("({dir}) ") };
        report::command(&format!("{place}{name} {}", args.join(" ")));
    }
}

fn judge(program: &str, status: ExitStatus) -> anyhow::Result<()> {
    if !status.success() {
        bail!("{program} failed: {status}");
    }
    Ok(())
}

/// Shows each line and gives it to `read`, until the program closes its end.
fn echo(from: impl Read, mut to: impl Write, read: &dyn Fn(&str)) {
    let mut lines = BufReader::new(from);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
        let _ = to.write_all(&line);
        read(&plain(&String::from_utf8_lossy(&line)));
        line.clear();
    }
}

/// The text without colours.
fn plain(text: &str) -> String {
    let mut parts = text.trim_end().split("\x1b[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain += part.split_once('m').map_or("", |(_, rest)| rest);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_taken_out() {
        assert_eq!(
            plain("\x1b[1;32m    Summary\x1b[0m [ 1s] \x1b[1m3\x1b[0m passed\n"),
            "    Summary [ 1s] 3 passed"
        );
    }
}
