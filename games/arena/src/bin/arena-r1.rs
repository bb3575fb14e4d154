//! Release 1 of the arena.

use std::process::ExitCode;

fn main() -> ExitCode {
    arena::serve::<arena::r1::R1>()
}
