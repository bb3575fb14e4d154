//! Breaks the rules one by one: each must be noticed.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use playon_sim::mutants;
use playon_sim::scenario::read_all;

use super::say;

/// Which rules.
#[derive(Args)]
pub(crate) struct MutantChoice {
    /// One rule by its name; all without.
    name: Option<String>,
    /// The folder of hand-written cases.
    #[arg(long, default_value = "crates/playon-sim/scenarios")]
    cases: PathBuf,
    /// Seeds to try at most.
    #[arg(long, default_value_t = mutants::SEEDS)]
    seeds: u64,
}

pub(crate) fn run(choice: &MutantChoice) -> ExitCode {
    let cases = match read_all(&choice.cases) {
        Ok(cases) => cases,
        Err(error) => {
            say(&error);
            return ExitCode::FAILURE;
        }
    };
    let verdicts = mutants::hunt(choice.name.as_deref(), &cases, choice.seeds, |verdict| {
        say(&verdict.to_string());
    });
    let missed = verdicts.iter().filter(|verdict| verdict.is_missed()).count();
    say(&format!("{} rules broken, {missed} of them unnoticed", verdicts.len()));
    if missed == 0 && !verdicts.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
