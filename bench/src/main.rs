//! `playon-bench`: measures, and is the other processes that it measures.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use playon_bench::bench::{self, Wanted};
use playon_bench::counts;
use playon_bench::floor::{self, Floor};
use playon_bench::serve::{self, Serve};

/// Ratios of Playon against what it is made of and against Node, taken in one run
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    wanted: Wanted,
}

/// What this program is to its own measurements.
#[derive(Subcommand)]
enum Role {
    /// Count what one message costs: allocations, wake-ups, processor time
    Counts {
        /// Where the data directories are made
        #[arg(long, default_value = "target", value_name = "DIR")]
        dir: PathBuf,
    },
    /// A keeper
    #[command(hide = true)]
    Keeper(Serve),
    /// The gateway by itself
    #[command(hide = true)]
    Gateway,
    /// A server that only sends
    #[command(hide = true)]
    Floor(Floor),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // As a keeper demands of its data directory.
    playon_keeper::data::dir::make_files_private();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::ERROR)
        .with_writer(std::io::stderr)
        .init();
    let outcome = match cli.role {
        None => bench::run(cli.wanted),
        Some(Role::Counts { dir }) => counts::run(&dir),
        Some(Role::Keeper(serve)) => serve::run(serve, String::new),
        Some(Role::Gateway) => bench::run_gateway(),
        Some(Role::Floor(floor)) => floor::run(&floor),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
