//! The keeper of the measurements with an allocator that counts. Each line on its standard input is answered with the counts so far.

use std::alloc::System;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use playon_bench::serve::{self, Serve};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// A keeper
    Keeper(Serve),
}

fn counts() -> String {
    let stats = COUNTING.stats();
    format!(
        "{{\"allocations\":{},\"reallocations\":{},\"bytes\":{},\"in_use\":{}}}",
        stats.allocations,
        stats.reallocations,
        stats.bytes_allocated,
        stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
    )
}

fn main() -> ExitCode {
    let Role::Keeper(serve) = Cli::parse().role;
    match serve::run(serve, counts) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
