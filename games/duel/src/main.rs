//! The executable of the game.

use std::process::ExitCode;

fn main() -> ExitCode {
    playon::app("duel").label(env!("CARGO_PKG_VERSION")).room::<duel::Duel>().run()
}
