//! Stages that run beside the others, with what processor time is left.
//!
//! They are this same program, called again with the lowest priority. What it says is kept until the others have ended, so that
//! one stage reads as one piece.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use anyhow::Context as _;

use super::outcome::Outcome;
use crate::report;
use crate::sh::Sh;

/// The lowest priority: whatever is due at a moment goes first.
const NICE: [&str; 2] = ["-n", "19"];

/// Stages under way.
pub(super) struct Beside {
    stages: Vec<&'static str>,
    child: Child,
    said: PathBuf,
}

impl Beside {
    /// Begins them.
    pub(super) fn begin(sh: &Sh, stages: &[&'static str]) -> anyhow::Result<Self> {
        let said = sh.target().join("tmp/beside.log");
        std::fs::create_dir_all(sh.target().join("tmp"))?;
        let (out, this) = (File::create(&said)?, std::env::current_exe()?.display().to_string());
        let mut args = [&NICE[..], &[&this, "test"]].concat();
        stages.iter().for_each(|stage| args.extend(["--only", stage]));
        let child = sh
            .command("nice", &args)
            .stdin(Stdio::null())
            .stderr(out.try_clone()?)
            .stdout(out)
            .spawn()
            .context("nice cannot be started")?;
        let names = stages.join(", ");
        report::line(&format!("beside what follows, shown at the end: {names}"));
        Ok(Self { stages: stages.to_vec(), child, said })
    }

    /// Waits for their end, shows what they said and tells what became of each.
    pub(super) fn end(mut self) -> anyhow::Result<Vec<Outcome>> {
        report::header(&format!("waiting for {}", self.stages.join(", ")));
        self.child.wait()?;
        let said = String::from_utf8_lossy(&std::fs::read(&self.said)?).into_owned();
        report::line(said.trim_end());
        let told: Vec<_> = said.lines().filter_map(Outcome::read).collect();
        let of = |name: &&str| told.iter().find(|outcome| outcome.name == **name).cloned();
        Ok(self.stages.iter().map(|name| of(name).unwrap_or_else(|| Outcome::lost(name))).collect())
    }
}

impl Drop for Beside {
    /// Nobody is left to be told.
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}
