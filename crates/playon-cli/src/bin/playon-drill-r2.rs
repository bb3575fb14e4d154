//! The bundled drill game, release 2.

use std::process::ExitCode;

use playon_drill::game::{Deeds, Two};

fn main() -> ExitCode {
    playon::app("drill")
        .label("drill-2")
        .room::<Two<0>>()
        .room::<Two<5>>()
        .room::<Two<10>>()
        .room::<Two<20>>()
        .room::<Two<30>>()
        .room::<Two<60>>()
        .room::<Deeds>()
        .run()
}
