//! Release 2 of the room that `bench/peers` compares.

use std::process::ExitCode;

use playon_bench::table::Two;

fn main() -> ExitCode {
    playon::app("table").label("table-2").room::<Two>().run()
}
