//! The bundled drill game, release 1.

use std::process::ExitCode;

use playon_drill::game::{Deeds, One};

fn main() -> ExitCode {
    playon::app("drill")
        .label("drill-1")
        .room::<One<0>>()
        .room::<One<5>>()
        .room::<One<10>>()
        .room::<One<20>>()
        .room::<One<30>>()
        .room::<One<60>>()
        .room::<Deeds>()
        .run()
}
