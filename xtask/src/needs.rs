//! Installs what the tests need and the machine lacks.
//!
//! As root on Debian everything is installed; anywhere else the missing piece is named with the command that brings it.

use std::env;
use std::ffi::OsString;
use std::path::Path;

use anyhow::bail;

use crate::report;
use crate::sh::Sh;

/// The oldest Node that the client and the browser tests run on.
const NODE_MIN: u32 = 20;
/// What is fetched from the npm registry where the distribution's Node is older.
const NODE_PACKAGE: &str = "node@22.23.3";
const NODE_DIR: &str = "tools/node";

/// Where the browser tests look by themselves.
const CHROMIUM: &str = "/usr/bin/chromium";
/// What else a Chromium may be called.
const CHROMIUMS: [&str; 4] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A component of the Rust toolchain, such as `clippy`.
pub(crate) fn component(sh: &Sh, name: &str, probe: &str) -> anyhow::Result<()> {
    if sh.ask("cargo", &[probe, "--version"]).is_some() {
        return Ok(());
    }
    sh.run("rustup", &["component", "add", name])
}

/// Node and npm, new enough.
pub(crate) fn node(sh: &Sh) -> anyhow::Result<()> {
    if sh.ask("npm", &["--version"]).is_none() {
        apt(sh, &["nodejs", "npm"])?;
    }
    let major = major(sh);
    if major >= Some(NODE_MIN) {
        return Ok(());
    }
    report::line(&format!("Node {NODE_MIN} or newer is needed; trying the package {NODE_PACKAGE}"));
    let dir = sh.target().join(NODE_DIR);
    let prefix = dir.display().to_string();
    sh.run(
        "npm",
        &["install", "--no-save", "--no-fund", "--no-audit", "--prefix", &prefix, NODE_PACKAGE],
    )?;
    let mut path = OsString::from(dir.join("node_modules/.bin"));
    path.push(":");
    path.push(env::var_os("PATH").unwrap_or_default());
    sh.set_env("PATH", path);
    if self::major(sh) < Some(NODE_MIN) {
        bail!("Node {NODE_MIN} or newer is needed; see https://nodejs.org");
    }
    Ok(())
}

/// A Chromium for the browser tests.
pub(crate) fn chromium(sh: &Sh) -> anyhow::Result<()> {
    if env::var_os("CHROMIUM").is_some() || Path::new(CHROMIUM).exists() {
        return Ok(());
    }
    let found = CHROMIUMS.iter().find_map(|name| sh.ask("which", &[name]));
    if let Some(path) = found {
        sh.set_env("CHROMIUM", path.trim());
        return Ok(());
    }
    apt(sh, &["chromium"])
}

fn major(sh: &Sh) -> Option<u32> {
    let version = sh.ask("node", &["--version"])?;
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn apt(sh: &Sh, packages: &[&str]) -> anyhow::Result<()> {
    let wanted = packages.join(" ");
    let root = sh.ask("id", &["-u"]).is_some_and(|id| id.trim() == "0");
    if !root || sh.ask("apt-get", &["--version"]).is_none() {
        bail!("the tests need {wanted}; on Debian: sudo apt-get install {wanted}");
    }
    sh.set_env("DEBIAN_FRONTEND", "noninteractive");
    sh.run("apt-get", &["update", "-q"])?;
    sh.run("apt-get", &[&["install", "-q", "-y", "--no-install-recommends"], packages].concat())
}
