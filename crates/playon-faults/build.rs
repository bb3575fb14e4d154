//! Compiles the library that is loaded in front of the system's calls.

#![allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]

use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=src/shim.c");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    let library = out.join("playon_faults.so");
    let mut compile = cc::Build::new().opt_level(2).warnings(true).get_compiler().to_command();
    compile.args(["-shared", "-fPIC", "-Wall", "-Wextra", "-pthread", "-o"]);
    let status = compile.arg(&library).arg("src/shim.c").status();
    assert!(status.is_ok_and(|status| status.success()), "src/shim.c cannot be compiled");
    println!("cargo::rustc-env=PLAYON_FAULTS_SHIM={}", library.display());
}
