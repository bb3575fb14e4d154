//! `playon-sim`: runs seeds, and replays the one that failed.

use std::process::ExitCode;

use clap::Parser;
use playon_core::time::Span;
use playon_sim::options::Options;
use playon_sim::world::World;

/// Runs the real core against seeded faults in virtual time.
///
/// Examples:
///   playon-sim --seeds 2000
///   playon-sim --seed 17 --trace
#[derive(Parser)]
#[command(version, verbatim_doc_comment)]
struct Args {
    /// Run one seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Run that many seeds, from `--from`.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Seconds of virtual time with faults.
    #[arg(long, default_value_t = 8)]
    trouble_secs: u64,
    /// Print every step.
    #[arg(long)]
    trace: bool,
}

#[expect(clippy::print_stdout, reason = "the result of a command goes to stdout")]
fn main() -> ExitCode {
    let args = Args::parse();
    let seeds = match args.seed {
        Some(seed) => seed..seed + 1,
        None => args.from..args.from + args.seeds,
    };
    let mut totals = [0; 7];
    for seed in seeds.clone() {
        let trouble = Span::secs(args.trouble_secs);
        let options = Options { trouble, trace: args.trace, ..Options::from_seed(seed) };
        match World::new(options.clone()).run() {
            Ok(s) => {
                let parts = [
                    s.steps,
                    s.inputs,
                    s.moved,
                    s.move_failed,
                    s.worker_crashes,
                    s.keeper_crashes,
                    s.slept,
                ];
                totals.iter_mut().zip(parts).for_each(|(total, part)| *total += part);
            }
            Err(error) => {
                println!("seed {seed} FAILED: {error}\n{options:?}");
                println!(
                    "replay: cargo run -p playon-sim -- --seed {seed} --trouble-secs {} --trace",
                    args.trouble_secs
                );
                return ExitCode::FAILURE;
            }
        }
    }
    let [steps, inputs, moved, failed, workers, keepers, slept] = totals;
    println!(
        "{} seeds: {steps} steps, {inputs} inputs, {moved} rooms moved, {failed} moves undone, {slept} put to sleep, \
         {workers} workers and {keepers} keepers lost; every invariant held",
        seeds.end - seeds.start
    );
    ExitCode::SUCCESS
}
