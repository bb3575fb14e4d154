//! The `playon` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    playon_cli::commands::run()
}
