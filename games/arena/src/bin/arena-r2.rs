//! Release 2 of the arena: golden comets and a dash.

use std::process::ExitCode;

fn main() -> ExitCode {
    arena::serve::<arena::r2::R2>()
}
