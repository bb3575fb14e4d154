//! `cargo xtask mutants`: the rules broken mechanically, one after the other, by cargo-mutants. The judges are the core's unit
//! tests and models and a few hundred seeds of the simulator; for the store's ledger, the store's own tests.
//!
//! All of them take a night. The tests take a sample instead, another one with every commit, so that over time all are
//! looked at. What survives and cannot be told from the original is named with its reason in `.cargo/mutants.toml`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use crate::report;
use crate::sh::Sh;

const VERSION: &str = "27.0.0";

/// See the workspace's `Cargo.toml`.
const PROFILE: &str = "mutants";

/// Mutants of one sample.
const SAMPLE: usize = 2;

/// Of the mutants that compile, so many of a hundred have to be noticed.
const SCORE_MIN: f64 = 95.0;

/// Address space that a mutant's tests may take, in KiB: some allocate without end.
const MEMORY_MAX_KIB: &str = "8388608";

/// How long the tests of a mutant may take, in seconds. The run without any mutant has only the tests of the package that is
/// broken, so what that takes says nothing of the judges: their seeds take a minute, on a busy machine three.
const TESTS_TIMEOUT_S: &str = "300";

/// What is broken, and by whom it has to be noticed: by the first, or by all the others, who take longer. Whoever is noticed
/// by the first is not shown to the others.
struct Field {
    name: &'static str,
    mutate: &'static [&'static str],
    judges: &'static [&'static str],
}

const FIELDS: [Field; 2] = [
    Field {
        name: "core",
        mutate: &["--package", "playon-core", "--package", "playon-types"],
        judges: &["playon-core,playon-types", "playon-sim"],
    },
    Field {
        name: "ledger",
        mutate: &[
            "--package",
            "playon-store",
            "--file",
            "crates/playon-store/src/sqlite/ledger.rs",
        ],
        judges: &["playon-store"],
    },
];

/// What became of mutants.
#[derive(Clone, Debug, Default)]
struct Found {
    noticed: usize,
    /// Of these, those whose tests did not come back.
    hung: usize,
    unviable: usize,
    survivors: Vec<String>,
}

impl Found {
    fn viable(&self) -> usize {
        self.noticed + self.survivors.len()
    }

    fn score(&self) -> f64 {
        100.0 * self.noticed as f64 / self.viable().max(1) as f64
    }
}

/// Which mutants of each field are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    All,
    /// So many of each field, another part with each commit.
    Sample(usize),
}

pub(crate) fn run(sh: &Sh, args: &[String]) -> anyhow::Result<()> {
    let choice = chosen(args)?;
    let found = hunt(sh, choice, &FIELDS)?;
    ensure!(
        choice != Choice::All || found.score() >= SCORE_MIN,
        "{:.1} % were noticed, promised are {SCORE_MIN} %",
        found.score()
    );
    Ok(())
}

/// A small sample of the core for the tests. It fails if all of them survive, or if nothing could be tried; others are named. So
/// few say nothing of the score: that is for `--all`.
pub(crate) fn sample(sh: &Sh) -> anyhow::Result<()> {
    let found = hunt(sh, Choice::Sample(SAMPLE), &FIELDS[..1])?;
    ensure!(found.viable() > 0, "no mutant could be tried");
    ensure!(found.noticed > 0, "all {} survived", found.viable());
    Ok(())
}

fn chosen(args: &[String]) -> anyhow::Result<Choice> {
    match args {
        [] => Ok(Choice::Sample(SAMPLE)),
        [all] if all == "--all" => Ok(Choice::All),
        [sample, count] if sample == "--sample" => {
            Ok(Choice::Sample(count.parse().context("--sample takes a number")?))
        }
        _ => bail!("`cargo xtask mutants` takes --all, or --sample and a number"),
    }
}

fn hunt(sh: &Sh, choice: Choice, fields: &[Field]) -> anyhow::Result<Found> {
    let tool = install(sh)?;
    let tree = copy(sh)?;
    let mut sum = Found::default();
    for field in fields {
        report::header(&format!("mutants of the {}", field.name));
        let part = match choice {
            Choice::All => None,
            Choice::Sample(count) => Some(part(sh, &tool, &tree, field, count)?),
        };
        let found = one(sh, &tool, &tree, field, part.as_deref())?;
        sum.noticed += found.noticed;
        sum.hung += found.hung;
        sum.unviable += found.unviable;
        sum.survivors.extend(found.survivors);
    }
    for survivor in &sum.survivors {
        report::line(&format!("survived: {survivor}"));
    }
    let (noticed, viable, score) = (sum.noticed, sum.viable(), sum.score());
    let (hung, unviable) = (sum.hung, sum.unviable);
    report::line(&format!(
        "{noticed} of {viable} mutants noticed, {score:.1} %, {hung} of them as their tests did not end; {unviable} did not compile"
    ));
    Ok(sum)
}

fn install(sh: &Sh) -> anyhow::Result<String> {
    let root = sh.target().join("tools/mutants");
    let tool = root.join("bin/cargo-mutants").display().to_string();
    let there = sh.ask(&tool, &["mutants", "--version"]);
    if there.is_some_and(|version| version.contains(VERSION)) {
        return Ok(tool);
    }
    let root = root.display().to_string();
    let package = ["cargo-mutants", "--version", VERSION, "--root", &root];
    sh.run("cargo", &[&["install", "--quiet", "--locked"], &package[..]].concat())?;
    Ok(tool)
}

/// The sources as they are, apart, since they are going to be broken. They are built apart, too: to cargo these crates and the
/// real ones are the same, and each build would undo the other's.
fn copy(sh: &Sh) -> anyhow::Result<PathBuf> {
    let tree = sh.target().join("mutants/tree");
    let dir = tree.display().to_string();
    let copy = "rm -rf \"$0\" && mkdir -p \"$0\" && git ls-files -z --cached --others --exclude-standard \
                | xargs -0 cp --parents --preserve=timestamps --target-directory \"$0\"";
    sh.run("sh", &["-c", copy, &dir])?;
    Ok(tree)
}

/// The part whose turn it is: they come one after the other, commit by commit.
fn part(sh: &Sh, tool: &str, tree: &Path, field: &Field, count: usize) -> anyhow::Result<String> {
    let dir = tree.display().to_string();
    let list = [&["mutants", "--dir", &dir, "--list"], field.mutate].concat();
    let all = sh.ask(tool, &list).context("listing the mutants")?.lines().count();
    let parts = (all / count.max(1)).max(1);
    let commits = sh.ask("git", &["rev-list", "--count", "HEAD"]);
    let turn = commits.and_then(|count| count.trim().parse::<usize>().ok()).unwrap_or_default();
    report::line(&format!("part {} of {parts}, of {all} mutants", turn % parts));
    Ok(format!("{}/{parts}", turn % parts))
}

/// Shows the mutants of a part to one judge after the other.
fn one(
    sh: &Sh,
    tool: &str,
    tree: &Path,
    field: &Field,
    part: Option<&str>,
) -> anyhow::Result<Found> {
    let out = sh.target().join("mutants/out").join(field.name);
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    fs::create_dir_all(&out)?;
    let mut sum = Found::default();
    let mut which = part.map_or_else(Vec::new, |part| {
        ["--sharding", "round-robin", "--shard", part].map(str::to_owned).to_vec()
    });
    for judge in field.judges {
        let asked = std::mem::take(&mut sum.survivors);
        let found = judged(sh, tool, tree, field, judge, &which, &asked)?;
        sum.noticed += found.noticed;
        sum.hung += found.hung;
        sum.unviable += found.unviable;
        sum.survivors = found.survivors;
        if sum.survivors.is_empty() {
            break;
        }
        which = sum.survivors.iter().flat_map(|name| only(name)).collect();
    }
    Ok(sum)
}

/// The arguments that choose this mutant: by its name, and by its file, as deleted fields do not mind names
/// (sourcefrog/cargo-mutants#632).
fn only(name: &str) -> [String; 4] {
    let mut pattern = String::from("^");
    for c in name.chars() {
        if r"\.+*?()|[]{}^$#&-~".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('$');
    let file = name.split_once(".rs:").map_or(name, |(file, _)| file);
    ["--re".to_owned(), pattern, "--file".to_owned(), format!("{file}.rs")]
}

/// Shows mutants of a field to one judge, and tells what became of those that were asked for; of all if none are named.
fn judged(
    sh: &Sh,
    tool: &str,
    tree: &Path,
    field: &Field,
    judge: &str,
    which: &[String],
    asked: &[String],
) -> anyhow::Result<Found> {
    let (dir, out) = (tree.display().to_string(), sh.target().join("mutants/out").join(field.name));
    let (out_dir, built) = (out.display().to_string(), sh.target().join("mutants/build"));
    let limited = format!(
        "ulimit -v {MEMORY_MAX_KIB}; export CARGO_TARGET_DIR={built:?}; exec \"$0\" \"$@\""
    );
    let mut args = vec!["-c", &limited, tool, "mutants", "--in-place", "--dir", &dir];
    args.extend(["--output", &out_dir, "--profile", PROFILE, "--cargo-arg=--locked"]);
    args.extend(["--test-package", judge]);
    args.extend(["--minimum-test-timeout", TESTS_TIMEOUT_S, "--no-shuffle", "--colors", "never"]);
    args.extend(field.mutate);
    args.extend(which.iter().map(String::as_str));
    // It ends with an error if one survives, which is for us to judge.
    let ended = sh.run("sh", &args);
    let text = fs::read_to_string(out.join("mutants.out/outcomes.json"))
        .context("what became of the mutants")?;
    let found = read(&text, asked)?;
    if found.viable() + found.unviable == 0 {
        ended?;
    }
    Ok(found)
}

fn read(text: &str, asked: &[String]) -> anyhow::Result<Found> {
    let whole: serde_json::Value = serde_json::from_str(text).context("outcomes.json")?;
    let mut found = Found::default();
    for outcome in whole["outcomes"].as_array().context("no outcomes")? {
        let Some(mutant) = outcome["scenario"]["Mutant"]["name"].as_str() else {
            ensure!(outcome["summary"] == "Success", "the tests fail without any mutant");
            continue;
        };
        if !asked.is_empty() && !asked.iter().any(|name| name == mutant) {
            continue;
        }
        match outcome["summary"].as_str() {
            // One that never comes back is noticed, too.
            Some(how @ ("CaughtMutant" | "Timeout")) => {
                found.noticed += 1;
                found.hung += usize::from(how == "Timeout");
            }
            Some("Unviable") => found.unviable += 1,
            _ => found.survivors.push(mutant.to_owned()),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_counted_and_survivors_named() {
        let text = r#"{"outcomes": [
            {"scenario": "Baseline", "summary": "Success"},
            {"scenario": {"Mutant": {"name": "a"}}, "summary": "CaughtMutant"},
            {"scenario": {"Mutant": {"name": "b"}}, "summary": "Timeout"},
            {"scenario": {"Mutant": {"name": "c"}}, "summary": "Unviable"},
            {"scenario": {"Mutant": {"name": "d"}}, "summary": "MissedMutant"}
        ]}"#;
        let found = read(text, &[]).unwrap();
        assert_eq!((found.noticed, found.hung, found.unviable, found.viable()), (2, 1, 1, 3));
        assert_eq!(found.survivors, ["d"]);
        assert_eq!(
            read(text, &["b".to_owned()]).unwrap().viable(),
            1,
            "nobody asked for the others"
        );
        let failed = r#"{"outcomes": [{"scenario": "Baseline", "summary": "Failure"}]}"#;
        assert!(read(failed, &[]).is_err());
    }

    #[test]
    fn a_name_is_taken_as_it_is() {
        assert_eq!(only("a.rs:1: x -> y"), ["--re", r"^a\.rs:1: x \-> y$", "--file", "a.rs"]);
    }

    #[test]
    fn what_is_asked_for() {
        let chosen =
            |args: &[&str]| chosen(&args.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>());
        assert_eq!(chosen(&[]).unwrap(), Choice::Sample(SAMPLE));
        assert_eq!(chosen(&["--all"]).unwrap(), Choice::All);
        assert_eq!(chosen(&["--sample", "40"]).unwrap(), Choice::Sample(40));
        assert!(chosen(&["--sample"]).is_err());
    }
}
