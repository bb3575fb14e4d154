//! A game whose players say what its code does wrong. For tests.

use std::process::ExitCode;

use playon_drill::game::Deeds;

fn main() -> ExitCode {
    playon::app("deeds").room::<Deeds>().run()
}
