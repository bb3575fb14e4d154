//! The disk that `drill disk` breaks: a file system of its own in memory, if one may be mounted, or else limits on the keeper's process.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use rustix::process::{Pid, Resource, Rlimit};

/// Set in the drill that runs in a mount namespace of its own.
const INSIDE: &str = "PLAYON_DRILL_NAMESPACE";
/// The size of a file system that is not full. Memory is taken only for what is written.
const ROOMY: &str = "size=2g,mode=700";

/// Where the keeper's data lies.
#[derive(Debug)]
pub(super) enum Medium {
    /// A file system of its own.
    Mounted(PathBuf),
    /// A directory.
    Plain(PathBuf),
}

/// Goes on in a mount namespace, where the drill may mount and where everything is gone when it ends, however it ends.
/// Returns only if that is not possible or already so.
pub(super) fn enter_namespace() {
    if std::env::var_os(INSIDE).is_some() {
        return;
    }
    let Ok(executable) = std::env::current_exe() else { return };
    for flags in [&["--mount"][..], &["--user", "--map-root-user", "--mount"]] {
        let probe = Command::new("unshare")
            .args(flags)
            .args(["mount", "-t", "tmpfs", "playon-drill", "/tmp"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if probe.is_ok_and(|status| status.success()) {
            // It returns only if it failed, and then the drill does without.
            let _ = Command::new("unshare")
                .args(flags)
                .arg(&executable)
                .args(std::env::args_os().skip(1))
                .env(INSIDE, "1")
                .exec();
        }
    }
}

impl Medium {
    /// Mounts a file system on an empty directory, or takes the directory as it is.
    pub(super) fn at(dir: PathBuf) -> Self {
        let inside = std::env::var_os(INSIDE).is_some();
        if !inside || mount(["-t", "tmpfs", "-o", ROOMY, "playon-drill"], &dir).is_err() {
            return Self::Plain(dir);
        }
        // It unmounts when it is dropped, if it turns out that it cannot be changed later.
        let mounted = Self::Mounted(dir.clone());
        if mounted.make_room().is_ok() { mounted } else { Self::Plain(dir) }
    }

    /// What people should know about it.
    pub(super) const fn note(&self) -> Option<&'static str> {
        match self {
            Self::Mounted(_) => None,
            Self::Plain(_) => Some(
                "no file system may be mounted here, also not in a user namespace: the disk fills up by a limit on the \
                 size of files, and a read-only one is not mounted",
            ),
        }
    }

    /// Fills it up under a running keeper.
    pub(super) fn fill(&self, keeper: u32) -> anyhow::Result<()> {
        match self {
            Self::Mounted(dir) => shrink(dir),
            Self::Plain(dir) => {
                let largest = largest_file(dir)?;
                let pid = i32::try_from(keeper).ok().and_then(Pid::from_raw);
                let limit = Rlimit { current: Some(largest), maximum: Some(largest) };
                rustix::process::prlimit(pid, Resource::Fsize, limit)
                    .context("limiting the size of the keeper's files")?;
                Ok(())
            }
        }
    }

    /// Makes room again. A limit has ended with the process.
    pub(super) fn make_room(&self) -> anyhow::Result<()> {
        self.remount(ROOMY)
    }

    /// Whether [`Medium::set_read_only`] does anything.
    pub(super) const fn can_be_read_only(&self) -> bool {
        matches!(self, Self::Mounted(_))
    }

    /// Makes it read-only or writable. Possible only while nothing is open for writing.
    pub(super) fn set_read_only(&self, read_only: bool) -> anyhow::Result<()> {
        self.remount(if read_only { "ro" } else { "rw" })
    }

    fn remount(&self, option: &str) -> anyhow::Result<()> {
        match self {
            Self::Mounted(dir) => remount(option, dir),
            Self::Plain(_) => Ok(()),
        }
    }

    /// A command in front of the keeper's, so that a file that is too large is an error as on a full disk, and not the end.
    pub(super) fn through(&self) -> Vec<std::ffi::OsString> {
        match self {
            Self::Mounted(_) => Vec::new(),
            Self::Plain(_) => {
                ["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""].map(Into::into).to_vec()
            }
        }
    }
}

impl Drop for Medium {
    fn drop(&mut self) {
        if let Self::Mounted(dir) = self {
            // Lazily: a keeper that is being killed may still have files open.
            let _ = Command::new("umount").arg("-l").arg(dir).status();
        }
    }
}

fn mount<'a>(args: impl IntoIterator<Item = &'a str>, dir: &'a Path) -> anyhow::Result<()> {
    let args = args.into_iter().map(OsStr::new).chain([dir.as_os_str()]);
    let output = Command::new("mount").args(args).output().context("running mount")?;
    if !output.status.success() {
        bail!("mount: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Without the options that it has: in a user namespace some of them may be shown, but not set.
fn remount(option: &str, dir: &Path) -> anyhow::Result<()> {
    mount(["--options-mode", "ignore", "-o", &format!("remount,{option}")], dir)
}

/// Makes a file system as small as what is in it. The keeper writes on, so it may take several attempts.
fn shrink(dir: &Path) -> anyhow::Result<()> {
    let mut last = Ok(());
    for _ in 0..50 {
        let stat = rustix::fs::statvfs(dir)?;
        let used = (stat.f_blocks - stat.f_bfree) * stat.f_frsize;
        last = remount(&format!("size={used}"), dir);
        if last.is_ok() {
            return last;
        }
    }
    last
}

fn largest_file(dir: &Path) -> anyhow::Result<u64> {
    let mut largest = 0;
    for entry in std::fs::read_dir(dir)? {
        let meta = entry?.metadata()?;
        if meta.is_file() {
            largest = largest.max(meta.len());
        }
    }
    Ok(largest)
}
