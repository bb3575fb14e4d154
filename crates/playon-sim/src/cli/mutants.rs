//! Breaks the rules one by one: each must be noticed.

use std::process::ExitCode;

use clap::Args;
use playon_sim::mutants;

use super::say;

/// Which rules.
#[derive(Args)]
pub(crate) struct Choice {
    /// One rule by its name; all without.
    name: Option<String>,
    /// Seeds to try at most.
    #[arg(long, default_value_t = mutants::SEEDS)]
    seeds: u64,
}

pub(crate) fn run(choice: &Choice) -> ExitCode {
    let verdicts = mutants::hunt(choice.name.as_deref(), choice.seeds, |verdict| {
        say(&verdict.to_string());
    });
    let missed = verdicts.iter().filter(|verdict| verdict.is_missed()).count();
    say(&format!("{} rules broken, {missed} of them unnoticed", verdicts.len()));
    if missed == 0 && !verdicts.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
