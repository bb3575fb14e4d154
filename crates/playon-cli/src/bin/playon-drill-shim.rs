//! Starts a program whose disk can be broken, for `playon drill disk`.
//!
//! `playon-drill-shim LIBRARY DIR SWITCH FAULT PROGRAM ARGUMENTS...`: writes the fault library to `LIBRARY` and becomes
//! the program. As soon as the file `SWITCH` exists, what `FAULT` names goes wrong with every file in `DIR`.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};
use playon_faults::{Calls, FaultKind, IoFault, LIBRARY};

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args_os().skip(1);
    let mut next = |what: &str| args.next().with_context(|| format!("{what} is missing"));
    let library = PathBuf::from(next("the library")?);
    let dir = PathBuf::from(next("the directory")?);
    let switch = PathBuf::from(next("the switch")?);
    let (calls, kind) = fault(&next("the fault")?)?;
    let mut command = Command::new(next("the program")?);
    command.args(args);
    std::fs::write(&library, LIBRARY).with_context(|| format!("writing {}", library.display()))?;
    let fault = IoFault { forever: true, armed_by: Some(switch), ..IoFault::new(calls, 1, kind) };
    fault.put_into_with(&mut command, &dir, &library);
    Err(command.exec()).context("starting the program")
}

fn fault(name: &OsString) -> anyhow::Result<(Calls, FaultKind)> {
    Ok(match name.to_str() {
        Some("sync-fails") => (Calls::Sync, FaultKind::Eio),
        Some("read-only") => (Calls::Write, FaultKind::Erofs),
        _ => bail!("there is no fault {}", name.display()),
    })
}
