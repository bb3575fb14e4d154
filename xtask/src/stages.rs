//! The second command of the README: everything that can be tested, in stages.
//!
//! No stage is ever left out by itself. One that cannot run has failed; the later ones still run, so that one look at
//! the end tells all that is wrong.

use std::time::{Duration, Instant};

use anyhow::bail;

use crate::sh::Sh;
use crate::tally::Tally;
use crate::{bench, mutants, needs, report, tidy};

/// The profile that all Rust is built in: the simulator and the drill need an optimised build anyway, nothing has to be
/// built twice, and what is tested is what `cargo xtask demo` runs.
const PROFILE: &str = "release";

/// A part of the tests.
struct Stage {
    name: &'static str,
    about: &'static str,
    run: fn(&Sh) -> anyhow::Result<Tally>,
}

/// In the order they run in: what fails quickly first.
const STAGES: [Stage; 13] = [
    Stage {
        name: "tidy",
        about: "sizes, banned names, links, codes, the README's two commands",
        run: tidy_stage,
    },
    Stage { name: "fmt", about: "Rust is formatted", run: fmt },
    Stage {
        name: "client",
        about: "the TypeScript client: types, lint, tests, committed build",
        run: client,
    },
    Stage { name: "clippy", about: "lints of all Rust", run: clippy },
    Stage { name: "build", about: "all programs and tests", run: build },
    Stage { name: "tests", about: "unit, property and integration tests", run: tests },
    Stage { name: "doctests", about: "examples in the documentation", run: doctests },
    Stage {
        name: "sim",
        about: "the core against seeded faults, 3,000 seeds; then each of its rules broken",
        run: sim,
    },
    Stage {
        name: "drill",
        about: "real processes under deploys and kills, counted by the players",
        run: drill,
    },
    Stage { name: "bench", about: "the ratios can be taken, whatever they are", run: ratios },
    Stage {
        name: "peers",
        about: "a deploy here and elsewhere, counted by the same players",
        run: peers,
    },
    Stage { name: "browser", about: "the example game in a headless Chromium", run: browser },
    Stage {
        name: "mutants",
        about: "a few lines of the core broken mechanically, others with each commit",
        run: mutated,
    },
];

/// Seeds of the simulator.
const SEEDS: &str = "3000";

/// Runs the stages asked for, or all.
pub(crate) fn run(sh: &Sh, args: &[String]) -> anyhow::Result<()> {
    let Some(stages) = chosen(args)? else {
        for stage in &STAGES {
            report::line(&format!("{:<10}{}", stage.name, stage.about));
        }
        return Ok(());
    };
    let begun = Instant::now();
    let results: Vec<_> = stages.into_iter().map(|stage| (stage, run_one(sh, stage))).collect();
    report::header(&format!("all stages, {}", clock(begun.elapsed())));
    let mut sum = Tally::default();
    for (stage, (tally, took)) in &results {
        let verdict = if tally.failed == 0 { "ok" } else { "FAILED" };
        let Tally { passed, failed } = tally;
        report::line(&format!(
            "{:<10}{:<8}{:>7}  {passed} passed, {failed} failed",
            stage.name,
            verdict,
            clock(*took)
        ));
        sum += *tally;
    }
    report::line(&format!("{} passed, {} failed", sum.passed, sum.failed));
    if sum.failed > 0 {
        std::process::exit(1);
    }
    Ok(())
}

fn run_one(sh: &Sh, stage: &Stage) -> (Tally, Duration) {
    report::header(&format!("{}: {}", stage.name, stage.about));
    let begun = Instant::now();
    let tally = (stage.run)(sh).unwrap_or_else(|error| {
        report::error(&format!("{error:#}"));
        Tally { passed: 0, failed: 1 }
    });
    let took = begun.elapsed();
    report::line(&format!("{} took {}", stage.name, clock(took)));
    (tally, took)
}

/// The stages that the arguments name; `None` to list them.
fn chosen(args: &[String]) -> anyhow::Result<Option<Vec<&'static Stage>>> {
    let mut named = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--list" => return Ok(None),
            "--only" => {
                let name = args.next().map_or("", String::as_str);
                let Some(stage) = STAGES.iter().find(|stage| stage.name == name) else {
                    bail!("there is no stage {name:?}; see cargo xtask test --list");
                };
                named.push(stage);
            }
            _ => bail!("`cargo xtask test` takes --only NAME and --list, not {arg}"),
        }
    }
    Ok(Some(if named.is_empty() { STAGES.iter().collect() } else { named }))
}

fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

fn tidy_stage(sh: &Sh) -> anyhow::Result<Tally> {
    Ok(Tally::one(&tidy::run(sh, &[])))
}

fn fmt(sh: &Sh) -> anyhow::Result<Tally> {
    needs::component(sh, "rustfmt", "fmt")?;
    Ok(Tally::check(sh, ".", "cargo", &["fmt", "--all", "--check"]))
}

fn clippy(sh: &Sh) -> anyhow::Result<Tally> {
    needs::component(sh, "clippy", "clippy")?;
    let args = [
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--profile",
        PROFILE,
        "--",
        "-D",
        "warnings",
    ];
    Ok(Tally::check(sh, ".", "cargo", &args))
}

/// Built apart from the running of tests, so that their time is their own, and so that the drill and the browser find
/// their programs even when tests fail.
fn build(sh: &Sh) -> anyhow::Result<Tally> {
    Ok(Tally::one(&programs(sh)))
}

/// Always the same selection: with another, cargo would choose other features and build dependencies again.
fn programs(sh: &Sh) -> anyhow::Result<()> {
    sh.run("cargo", &["build", "--locked", "--workspace", "--all-targets", "--profile", PROFILE])
}

fn tests(sh: &Sh) -> anyhow::Result<Tally> {
    let plain = [
        "test",
        "--locked",
        "--workspace",
        "--lib",
        "--bins",
        "--tests",
        "--no-fail-fast",
        "--profile",
        PROFILE,
    ];
    let next =
        ["nextest", "run", "--locked", "--workspace", "--no-fail-fast", "--cargo-profile", PROFILE];
    let args = if nextest(sh) { &next[..] } else { &plain[..] };
    Ok(Tally::count(sh, ".", "cargo", args))
}

/// Nextest gives every test a process and a deadline. Without it the tests run all the same.
fn nextest(sh: &Sh) -> bool {
    sh.ask("cargo", &["nextest", "--version"]).is_some()
}

fn doctests(sh: &Sh) -> anyhow::Result<Tally> {
    let args = ["test", "--locked", "--workspace", "--doc", "--no-fail-fast", "--profile", PROFILE];
    Ok(Tally::count(sh, ".", "cargo", &args))
}

fn sim(sh: &Sh) -> anyhow::Result<Tally> {
    programs(sh)?;
    let swarm = ["swarm", "--seeds", SEEDS, "--coverage"];
    let mut tally = Tally::check(sh, ".", &sh.built(PROFILE, "playon-sim"), &swarm);
    // The only builds in which rules can be broken; nothing else is made with that feature.
    for (package, test) in [("playon-sim", "mutants"), ("playon-core", "model")] {
        let args = ["test", "--locked", "--profile", PROFILE, "--package", package];
        let broken = ["--features", "mutants", "--test", test, "broken_rule"];
        tally += Tally::count(sh, ".", "cargo", &[&args[..], &broken].concat());
    }
    Ok(tally)
}

fn mutated(sh: &Sh) -> anyhow::Result<Tally> {
    Ok(Tally::one(&mutants::sample(sh)))
}

fn client(sh: &Sh) -> anyhow::Result<Tally> {
    const DIR: &str = "clients/typescript";
    needs::node(sh)?;
    sh.run_in(DIR, "npm", &["ci"])?;
    let mut tally = Tally::check(sh, DIR, "npm", &["run", "typecheck"]);
    tally += Tally::check(sh, DIR, "npm", &["run", "lint"]);
    tally += Tally::count(sh, DIR, "npm", &["test"]);
    tally += Tally::check(sh, DIR, "npm", &["run", "check:dist"]);
    Ok(tally)
}

/// The numbers that must be 0 must be 0 on every machine; how long rooms pause is for `cargo xtask figures` to
/// judge, on a machine that does nothing else.
fn drill(sh: &Sh) -> anyhow::Result<Tally> {
    programs(sh)?;
    let playon = sh.built(PROFILE, "playon");
    let load = ["--players", "4", "--seed", "1"];
    let mut tally = Tally::default();
    let usual = &["--hz", "20"][..];
    // Of all sizes that states have; what ticks slowly leaves time for the large ones.
    let heavy = &["--hz", "5", "--state-bytes", "2048..8388608"][..];
    let lossy = &["--hz", "20", "--survives", "worker-crash"][..];
    for (scenario, rooms, seconds, more) in [
        ("deploy", "50", "25", usual),
        ("crash-worker", "25", "20", usual),
        ("crash-keeper", "25", "25", usual),
        ("hang-worker", "25", "20", usual),
        ("deeds", "20", "54", usual),
        ("flaky-network", "25", "20", usual),
        ("restarts", "4", "25", heavy),
        ("restarts", "20", "20", lossy),
        ("restore", "10", "25", usual),
        ("disk", "10", "20", usual),
        ("slow", "10", "20", usual),
        ("soak", "10", "30", usual),
    ] {
        let args =
            [&["drill", scenario, "--rooms", rooms, "--seconds", seconds], more, &load].concat();
        tally += Tally::check(sh, ".", &playon, &args);
    }
    Ok(tally)
}

/// How good the ratios are is for `cargo xtask bench` to say, on a machine that does nothing else.
fn ratios(sh: &Sh) -> anyhow::Result<Tally> {
    programs(sh)?;
    Ok(Tally::one(&bench::check(sh)))
}

fn peers(sh: &Sh) -> anyhow::Result<Tally> {
    needs::node(sh)?;
    programs(sh)?;
    sh.run_in("bench/peers", "npm", &["ci"])?;
    Ok(Tally::check(sh, ".", "node", &["bench/peers/run.mjs", "--quick", "--no-build"]))
}

fn browser(sh: &Sh) -> anyhow::Result<Tally> {
    const DIR: &str = "tests/e2e";
    needs::node(sh)?;
    needs::chromium(sh)?;
    programs(sh)?;
    sh.set_env("PLAYON_BIN", sh.built(PROFILE, "playon"));
    sh.run_in(DIR, "npm", &["ci"])?;
    Ok(Tally::count(sh, DIR, "npm", &["test"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(args: &[&str]) -> Option<Vec<&'static str>> {
        let args: Vec<_> = args.iter().map(|&arg| arg.to_owned()).collect();
        chosen(&args).unwrap().map(|stages| stages.iter().map(|stage| stage.name).collect())
    }

    #[test]
    fn all_stages_run_unless_some_are_named() {
        assert_eq!(names(&[]).unwrap().len(), STAGES.len());
        assert_eq!(names(&["--only", "sim", "--only", "fmt"]).unwrap(), ["sim", "fmt"]);
        assert_eq!(names(&["--list"]), None);
    }

    #[test]
    fn a_stage_that_does_not_exist_is_an_error() {
        assert!(chosen(&["--only".to_owned(), "tset".to_owned()]).is_err());
        assert!(chosen(&["--only".to_owned()]).is_err());
        assert!(chosen(&["sim".to_owned()]).is_err());
    }

    #[test]
    fn times_read_like_a_clock() {
        assert_eq!(clock(Duration::from_secs(754)), "12:34");
        assert_eq!(clock(Duration::from_millis(9_900)), "0:09");
    }
}
