//! The arena, as its own release 2 serves it.

use std::process::ExitCode;

fn main() -> ExitCode {
    arena::serve::<arena::r2::R2>()
}
