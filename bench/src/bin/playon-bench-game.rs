//! The release that runs the rooms under load.

use std::process::ExitCode;

fn main() -> ExitCode {
    playon_bench::game::run()
}
