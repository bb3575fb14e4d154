//! What is to be broken, and how it gets into the process.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The library itself, for programs that may run where it was not built.
pub const LIBRARY: &[u8] = include_bytes!(env!("PLAYON_FAULTS_SHIM"));

/// Calls that can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// Opening a file.
    Open,
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Syncing a file or the directory.
    Sync,
    /// Setting the length of a file.
    Truncate,
}

/// What happens to the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// `EIO`: the device fails.
    Eio,
    /// `ENOSPC`: the device is full.
    Enospc,
    /// `EROFS`: the file system has become read-only.
    Erofs,
    /// Half of a write is done and reported as such, and from then on the device is full. Half of a read is
    /// done.
    Short,
    /// Half of a write is done, and the process is killed. Other calls: as `Kill`.
    Torn,
    /// The process is killed before the call.
    Kill,
}

/// One fault of a process.
#[derive(Clone, Debug)]
pub struct IoFault {
    /// The calls that count.
    pub calls: Calls,
    /// How the names of the files end whose calls count; empty for all files of the directory. The directory itself is `.`.
    pub file: String,
    /// The call that is broken, from 1 on.
    pub at: u64,
    /// How it is broken.
    pub kind: FaultKind,
    /// Whether all later ones are broken too.
    pub forever: bool,
    /// Calls count from when this file exists; without one, from the start.
    pub armed_by: Option<PathBuf>,
}

/// Lets a process write a log of everything that changes the files in `dir`, an absolute path without symbolic links. What it writes
/// to a file `notes` there is kept apart and never broken.
pub fn watch(command: &mut Command, dir: &Path, log: &Path) {
    command.env("LD_PRELOAD", env!("PLAYON_FAULTS_SHIM"));
    command.env("PLAYON_FAULT_DIR", dir).env("PLAYON_FAULT_LOG", log);
}

/// Sets the wall clock of a process that is being prepared: by as many seconds, with a sign, as the file says at the time. Its
/// other clocks go on as they do.
pub fn set_clock(command: &mut Command, by: &Path) {
    command.env("LD_PRELOAD", env!("PLAYON_FAULTS_SHIM")).env("PLAYON_FAULT_CLOCK", by);
}

impl IoFault {
    /// A fault of one call on all files.
    pub fn new(calls: Calls, at: u64, kind: FaultKind) -> Self {
        Self { calls, file: String::new(), at, kind, forever: false, armed_by: None }
    }

    /// Lets a process that is being prepared run into this fault, watched as by [`watch`].
    pub fn put_into(&self, command: &mut Command, dir: &Path, log: &Path) {
        watch(command, dir, log);
        self.describe(command);
    }

    /// As [`IoFault::put_into`], with a copy of [`LIBRARY`] at a place of the caller's, and without a log.
    pub fn put_into_with(&self, command: &mut Command, dir: &Path, library: &Path) {
        command.env("LD_PRELOAD", library).env("PLAYON_FAULT_DIR", dir);
        self.describe(command);
    }

    fn describe(&self, command: &mut Command) {
        let calls = match self.calls {
            Calls::Open => "o",
            Calls::Read => "r",
            Calls::Write => "w",
            Calls::Sync => "s",
            Calls::Truncate => "t",
        };
        let kind = match self.kind {
            FaultKind::Eio => "eio",
            FaultKind::Enospc => "enospc",
            FaultKind::Erofs => "erofs",
            FaultKind::Short => "short",
            FaultKind::Torn => "torn",
            FaultKind::Kill => "kill",
        };
        command.env("PLAYON_FAULT_CALLS", calls).env("PLAYON_FAULT_FILE", &self.file);
        command.env("PLAYON_FAULT_AT", self.at.to_string()).env("PLAYON_FAULT_KIND", kind);
        if self.forever {
            command.env("PLAYON_FAULT_FOREVER", "1");
        }
        if let Some(file) = &self.armed_by {
            command.env("PLAYON_FAULT_ARMED_BY", file);
        }
    }
}
