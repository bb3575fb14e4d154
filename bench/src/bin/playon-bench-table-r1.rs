//! Release 1 of the room that `bench/peers` compares.

use std::process::ExitCode;

use playon_bench::table::One;

fn main() -> ExitCode {
    playon::app("table").label("table-1").room::<One>().run()
}
