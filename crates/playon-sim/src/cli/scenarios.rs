//! Hand-written cases.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use playon_sim::scenario::Scenario;
use playon_sim::world::{KEY, World};

use super::say;

/// Which cases.
#[derive(Args)]
pub(crate) struct Cases {
    /// Files in the language that `crates/playon-sim/src/scenario.rs` describes.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Print every step, with a key to the columns.
    #[arg(long)]
    trace: bool,
}

pub(crate) fn run(cases: &Cases) -> ExitCode {
    if cases.trace {
        eprintln!("{KEY}");
    }
    let mut failed = 0;
    for file in &cases.files {
        let verdict = play(file, cases.trace);
        failed += usize::from(verdict.is_err());
        say(&format!("{} {}", file.display(), verdict.err().unwrap_or_else(|| "held".into())));
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn play(file: &Path, trace: bool) -> Result<(), String> {
    let text = std::fs::read_to_string(file).map_err(|e| e.to_string())?;
    World::perform(&text.parse::<Scenario>()?, trace).map(|_| ())
}
