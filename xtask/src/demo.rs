//! The first command of the README: build, then play.

use std::os::unix::process::CommandExt as _;

use anyhow::Context as _;

use crate::sh::Sh;
use crate::{report, with};

/// Only what the demo starts; no Node is needed, as the built client is committed.
const PACKAGES: [&str; 6] = ["-p", "playon-cli", "-p", "arena", "-p", "duel"];

/// Builds the demo and becomes it.
pub(crate) fn run(sh: &Sh, rest: &[String]) -> anyhow::Result<()> {
    report::line("Building Playon and its example games. The first time this takes a few minutes.");
    sh.run("cargo", &[&["build", "--release"], &PACKAGES[..]].concat())?;
    let playon = sh.built("release", "playon");
    report::command(&format!("{} demo {}", "target/release/playon", rest.join(" ")));
    // In the caller's place: Ctrl-C and the exit code are the demo's own.
    let failed = sh.command(&playon, &with(&["demo"], rest)).exec();
    Err(failed).with_context(|| format!("{playon} cannot be started"))
}
