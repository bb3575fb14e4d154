//! `cargo xtask`: everything that is done to this repository, from one place.
//!
//! People, CI and the README call the same commands, so none of them can be right while another is wrong.

mod bench;
mod demo;
mod figures;
mod fuzz;
mod machine;
mod mutants;
mod needs;
mod readme;
mod report;
mod sh;
mod stages;
mod tally;
mod tidy;

use std::process::ExitCode;

use sh::Sh;

const USAGE: &str = "\
cargo xtask <command>

  demo [..]      build and play; what follows is given to `playon demo`
  test           install what the tests need and run them all
    --only NAME  only this stage, may be repeated
    --list       the stages
  tidy           check sizes, banned names, links and codes
    --ratchet    lower the list of exceptions to what is there
  codegen        write the Rust of the .proto files
  sim [..]       run the simulator; what follows is given to it
  drill [..]     run the drill; what follows is given to it
  fuzz [TARGET]  mutate what the decoders read, with coverage; without a target all in turn
    --seconds N  for so long each (60)
  mutants        break rules mechanically and see whether the tests notice: a small sample
    --sample N   so many of the core and of the ledger
    --all        all of them, which takes hours; goes on where it was cut off
    --in TEXT    those with this in their path
    --quick      without the simulator, which takes minutes for each
  figures        run the drills behind docs/figures.md and rewrite it
    --quick      for a few seconds each, and print instead of writing
  bench          take the ratios behind docs/bench.md and rewrite it
    --only PART  only this part, a to g, and print instead of writing
    --quick      so little that only failures mean something
    --json       print the rows as JSON as well";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let sh = Sh::new();
    let outcome = match command.as_str() {
        "demo" => demo::run(&sh, &rest),
        "test" => stages::run(&sh, &rest),
        "tidy" => tidy::run(&sh, &rest),
        "codegen" => sh.run("cargo", &["run", "-p", "playon-wire", "--example", "codegen"]),
        "sim" => sim(&sh, &rest),
        "drill" => drill(&sh, &rest),
        "fuzz" => fuzz::run(&sh, &rest),
        "mutants" => mutants::run(&sh, &rest),
        "figures" => figures::run(&sh, &rest),
        "bench" => bench::run(&sh, &rest),
        "" | "help" | "-h" | "--help" => {
            report::line(USAGE);
            return ExitCode::from(if command.is_empty() { 2 } else { 0 });
        }
        _ => Err(anyhow::anyhow!("there is no command {command:?}\n\n{USAGE}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn sim(sh: &Sh, rest: &[String]) -> anyhow::Result<()> {
    let cargo = ["run", "--release", "-p", "playon-sim", "--"];
    sh.run("cargo", &with(&cargo, rest))
}

fn drill(sh: &Sh, rest: &[String]) -> anyhow::Result<()> {
    sh.run("cargo", &["build", "--release", "-p", "playon-cli"])?;
    sh.run(&sh.built("release", "playon"), &with(&["drill"], rest))
}

/// A command's own arguments and those passed on.
fn with<'a>(own: &[&'a str], rest: &'a [String]) -> Vec<&'a str> {
    own.iter().copied().chain(rest.iter().map(String::as_str)).collect()
}
