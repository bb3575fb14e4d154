//! `playon-sim`: runs seeds, replays the one that failed, and proves that broken rules are noticed.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    cli::Args::parse().run()
}
