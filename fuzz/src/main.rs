//! The driver of `cargo xtask fuzz`: one process, one target, named by `PLAYON_FUZZ_TARGET`.

#![no_main]

use std::sync::LazyLock;

use playon_fuzz::Target;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("PLAYON_FUZZ_TARGET").unwrap_or_default();
    playon_fuzz::find(&name).unwrap_or_else(|| panic!("there is no target {name:?}"))
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));
