//! The commands.

#[cfg(feature = "mutants")]
mod mutants;
mod scenarios;
mod seeds;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use playon_sim::options::SeedMode;

/// Runs the keeper's real rules against seeded faults in virtual time, and checks every invariant after every step.
///
/// Examples:
///   playon-sim swarm --seeds 3000        thousands of short runs, each with faults of its own
///   playon-sim lite                      the quickest look
///   playon-sim soak --minutes 30         long runs until the time is up, or Ctrl-C
///   playon-sim replay 17 --trace         one seed again, every step
///   playon-sim scenario crates/playon-sim/scenarios/*
///   playon-sim mutants                   break the rules one by one: each must be noticed (needs --features mutants)
#[derive(Parser)]
#[command(version, verbatim_doc_comment)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Every fault a little, in few rooms.
    Lite(seeds::Range),
    /// Each seed has its own mixture of faults.
    Swarm(seeds::Range),
    /// Larger worlds and longer trouble, until the time is up.
    Soak(seeds::Soak),
    /// One seed again.
    Replay(seeds::Replay),
    /// Hand-written cases.
    Scenario(scenarios::Cases),
    /// Break the rules one by one: each must be noticed.
    #[cfg(feature = "mutants")]
    Mutants(mutants::MutantChoice),
}

impl Args {
    pub(crate) fn run(self) -> ExitCode {
        match self.command {
            Command::Lite(range) => seeds::run(SeedMode::Lite, &range),
            Command::Swarm(range) => seeds::run(SeedMode::Swarm, &range),
            Command::Soak(soak) => seeds::soak(&soak),
            Command::Replay(replay) => seeds::replay(&replay),
            Command::Scenario(cases) => scenarios::run(&cases),
            #[cfg(feature = "mutants")]
            Command::Mutants(choice) => mutants::run(&choice),
        }
    }
}

/// The result of a command.
#[expect(clippy::print_stdout, reason = "the result of a command goes to stdout")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}
