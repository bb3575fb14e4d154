//! `cargo xtask fuzz`: the decoders under mutation with coverage, on the stable compiler.
//!
//! The targets are functions of the crate in `fuzz/`, whose tests run its corpus in every build. What makes a target fail is
//! put into the corpus, so that from then on a test fails until it is mended.

use std::fs;

use anyhow::{Context, bail};

use crate::report;
use crate::sh::Sh;

/// What marks the edges of the program for the fuzzer.
const COVERAGE: &str = "--cfg fuzzing -Coverflow-checks=on -Ccodegen-units=1 -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Apart from other builds, since everything is compiled with those marks.
const BUILT: &str = "target/fuzz";

/// Seconds for each target.
const SECONDS: u64 = 60;

pub(crate) fn run(sh: &Sh, args: &[String]) -> anyhow::Result<()> {
    let (only, seconds) = chosen(args)?;
    let mut names = Vec::new();
    for folder in fs::read_dir(sh.root().join("fuzz/corpus")).context("fuzz/corpus")? {
        names.push(folder?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    if let Some(only) = &only {
        names.retain(|name| name == only);
    }
    if names.is_empty() {
        bail!(
            "there is no target {:?}; they are the folders of fuzz/corpus",
            only.unwrap_or_default()
        );
    }
    sh.set_env("RUSTFLAGS", COVERAGE);
    sh.set_env("CARGO_TARGET_DIR", BUILT);
    // With a target of its own name, the marks are kept out of build scripts.
    let about = sh.ask("rustc", &["-vV"]).context("rustc")?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc -vV")?;
    let package = ["-p", "playon-fuzz", "--features", "libfuzzer", "--target", host];
    sh.run("cargo", &[&["build", "--release", "--locked"], &package[..]].concat())?;
    let program = sh.root().join(format!("{BUILT}/{host}/release/playon-fuzz"));
    let program = program.to_string_lossy();
    let mut failed = Vec::new();
    for name in names {
        report::header(&format!("{name}, {seconds} s"));
        let (grown, corpus) = (format!("{BUILT}/corpus/{name}"), format!("fuzz/corpus/{name}"));
        fs::create_dir_all(sh.root().join(&grown))?;
        sh.set_env("PLAYON_FUZZ_TARGET", &*name);
        let time = format!("-max_total_time={seconds}");
        let prefix = format!("-artifact_prefix={corpus}/");
        if sh.run(&program, &[&time, &prefix, "-max_len=65536", &grown, &corpus]).is_err() {
            failed.push(name);
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        bail!("failed, see their corpus: {}", failed.join(", "))
    }
}

fn chosen(args: &[String]) -> anyhow::Result<(Option<String>, u64)> {
    let (mut only, mut seconds) = (None, SECONDS);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--seconds" {
            let number = args.next().and_then(|text| text.parse().ok());
            seconds = number.context("--seconds takes a number")?;
        } else {
            only = Some(arg.clone());
        }
    }
    Ok((only, seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_and_a_time_can_be_given() {
        let of = |args: &[&str]| chosen(&args.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&[]).unwrap(), (None, SECONDS));
        assert_eq!(of(&["names", "--seconds", "5"]).unwrap(), (Some("names".to_owned()), 5));
        assert!(of(&["--seconds"]).is_err());
    }
}
