//! The second command of the README: everything that can be tested, in stages.
//!
//! No stage is ever left out by itself. One that cannot run has failed; the later ones still run, so that one look at
//! the end tells all that is wrong. Those in which real processes mostly wait for real time run one after the other; those that
//! need a processor and no clock run [`beside`] them, with what processor time is left.

mod beside;
mod outcome;

use std::time::Instant;

use anyhow::bail;

use self::beside::Beside;
use self::outcome::{Outcome, clock};
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
    /// It asks for no clock, only for a processor: when all stages run, it is given what the others leave.
    beside: bool,
}

impl Stage {
    const fn new(
        name: &'static str,
        about: &'static str,
        run: fn(&Sh) -> anyhow::Result<Tally>,
    ) -> Self {
        Self { name, about, run, beside: false }
    }

    const fn beside(self) -> Self {
        Self { beside: true, ..self }
    }
}

/// After it the stages beside begin: before, their programs are not there.
const BUILD: &str = "build";

/// In the order they run in: what fails quickly first.
const STAGES: [Stage; 13] = [
    Stage::new("tidy", "sizes, banned names, links, codes, the README's two commands", tidy_stage),
    Stage::new("fmt", "Rust is formatted", fmt),
    Stage::new("client", "the TypeScript client: types, lint, tests, committed build", client),
    Stage::new("clippy", "lints of all Rust", clippy),
    Stage::new(BUILD, "all programs and tests", build),
    Stage::new("tests", "unit, property and integration tests", tests),
    Stage::new("doctests", "examples in the documentation", doctests),
    Stage::new("sim", "the core against seeded faults; then each of its rules broken", sim)
        .beside(),
    Stage::new("drill", "real processes under deploys and kills, counted by the players", drill),
    Stage::new("bench", "the ratios can be taken, whatever they are", ratios),
    Stage::new("peers", "a deploy here and elsewhere, counted by the same players", peers),
    Stage::new("browser", "the example game in a headless Chromium", browser),
    Stage::new("mutants", "a few lines broken mechanically, others with each commit", mutated)
        .beside(),
];

/// Seeds of the simulator.
const SEEDS: &str = "2000";

/// Runs the stages asked for, or all.
pub(crate) fn run(sh: &Sh, args: &[String]) -> anyhow::Result<()> {
    let begun = Instant::now();
    let outcomes = match chosen(args)? {
        Choice::List => {
            STAGES.iter().for_each(|Stage { name, about, .. }| {
                report::line(&format!("{name:<10}{about}"));
            });
            return Ok(());
        }
        Choice::Named(stages) => stages.into_iter().map(|stage| run_one(sh, stage)).collect(),
        Choice::All => run_all(sh),
    };
    report::header(&format!("all stages, {}", clock(begun.elapsed())));
    let mut sum = Tally::default();
    for outcome in &outcomes {
        report::line(&outcome.to_string());
        sum += outcome.tally;
    }
    report::line(&format!("{} passed, {} failed", sum.passed, sum.failed));
    if sum.failed > 0 {
        std::process::exit(1);
    }
    Ok(())
}

fn run_all(sh: &Sh) -> Vec<Outcome> {
    let (apart, own): (Vec<_>, Vec<_>) = STAGES.iter().partition(|stage| stage.beside);
    let apart: Vec<_> = apart.into_iter().map(|stage| stage.name).collect();
    let mut beside = None;
    let mut outcomes = Vec::new();
    for stage in own {
        outcomes.push(run_one(sh, stage));
        if stage.name == BUILD {
            beside = Some(Beside::begin(sh, &apart));
        }
    }
    let ended = beside.into_iter().map(|begun| begun.and_then(Beside::end));
    outcomes.extend(ended.flat_map(|ended| {
        ended.unwrap_or_else(|error| {
            report::error(&format!("{error:#}"));
            apart.iter().map(|name| Outcome::lost(name)).collect()
        })
    }));
    outcomes
}

fn run_one(sh: &Sh, stage: &Stage) -> Outcome {
    report::header(&format!("{}: {}", stage.name, stage.about));
    let begun = Instant::now();
    let tally = (stage.run)(sh).unwrap_or_else(|error| {
        report::error(&format!("{error:#}"));
        Tally { passed: 0, failed: 1 }
    });
    let took = begun.elapsed();
    report::line(&format!("{} took {}", stage.name, clock(took)));
    Outcome { name: stage.name.to_owned(), tally, took }
}

/// Which stages run.
enum Choice {
    List,
    Named(Vec<&'static Stage>),
    All,
}

/// The stages that the arguments name.
fn chosen(args: &[String]) -> anyhow::Result<Choice> {
    let mut named = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--list" => return Ok(Choice::List),
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
    Ok(if named.is_empty() { Choice::All } else { Choice::Named(named) })
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
    let at_once = tests_at_once().to_string();
    let next =
        ["nextest", "run", "--locked", "--workspace", "--no-fail-fast", "--cargo-profile", PROFILE];
    let next = [&next[..], &["--test-threads", &at_once]].concat();
    let args = if nextest(sh) { &next[..] } else { &plain[..] };
    Ok(Tally::count(sh, ".", "cargo", args))
}

/// Most tests look at real processes and wait for them: with only as many at a time as there are processors, those stand idle.
fn tests_at_once() -> usize {
    let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    processors + processors.div_ceil(2)
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

    fn choice(args: &[&str]) -> anyhow::Result<Choice> {
        chosen(&args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn all_stages_run_unless_some_are_named() {
        assert!(matches!(choice(&[]), Ok(Choice::All)));
        assert!(matches!(choice(&["--list"]), Ok(Choice::List)));
        let Ok(Choice::Named(named)) = choice(&["--only", "sim", "--only", "fmt"]) else {
            panic!("two were named");
        };
        assert_eq!(named.iter().map(|stage| stage.name).collect::<Vec<_>>(), ["sim", "fmt"]);
    }

    #[test]
    fn a_stage_that_does_not_exist_is_an_error() {
        assert!(choice(&["--only", "tset"]).is_err());
        assert!(choice(&["--only"]).is_err());
        assert!(choice(&["sim"]).is_err());
    }

    /// What runs beside needs what is built, and what comes before the build needs nothing of it.
    #[test]
    fn nothing_runs_beside_that_comes_before_the_build() {
        let built = STAGES.iter().position(|stage| stage.name == BUILD).unwrap();
        assert!(STAGES[..=built].iter().all(|stage| !stage.beside));
    }
}
