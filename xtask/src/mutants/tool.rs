//! cargo-mutants, which makes the mutants and runs the tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};

use super::book::{Book, Verdict};
use super::tree::Tree;
use super::{Field, Judge};
use crate::report;
use crate::sh::Sh;

const VERSION: &str = "27.0.0";

/// See the workspace's `Cargo.toml`.
const PROFILE: &str = "mutants";

/// Address space that a mutant's tests may take, in KiB: some allocate without end.
const MEMORY_MAX_KIB: &str = "8388608";

pub(super) struct Tool<'a> {
    sh: &'a Sh,
    program: String,
    tree: &'a Tree,
    /// The judges whose tests were seen to pass without any mutant.
    sound: BTreeSet<&'static str>,
}

impl<'a> Tool<'a> {
    /// Installs it, if need be.
    pub(super) fn new(sh: &'a Sh, tree: &'a Tree) -> anyhow::Result<Self> {
        let root = sh.target().join("tools/mutants");
        let program = root.join("bin/cargo-mutants").display().to_string();
        let there = sh.ask(&program, &["mutants", "--version"]);
        if !there.is_some_and(|version| version.contains(VERSION)) {
            let root = root.display().to_string();
            let package = ["cargo-mutants", "--version", VERSION, "--root", &root];
            sh.run("cargo", &[&["install", "--quiet", "--locked"], &package[..]].concat())?;
        }
        Ok(Self { sh, program, tree, sound: BTreeSet::new() })
    }

    /// The names of all mutants of a field.
    pub(super) fn list(&self, field: &Field) -> anyhow::Result<Vec<String>> {
        let dir = self.tree.dir.display().to_string();
        let list = [&["mutants", "--dir", &dir, "--list"], field.mutate].concat();
        let all = self.sh.ask(&self.program, &list).context("listing the mutants")?;
        Ok(all.lines().map(str::to_owned).collect())
    }

    /// Shows these mutants of a field to one judge. Those that it does not notice come back, all others are in the book.
    pub(super) fn show(
        &mut self,
        field: &Field,
        judge: &Judge,
        names: &[String],
        book: &mut Book,
    ) -> anyhow::Result<Vec<String>> {
        let out = self.sh.target().join("mutants/out");
        if out.exists() {
            fs::remove_dir_all(&out)?;
        }
        fs::create_dir_all(&out)?;
        // It ends with an error if one survives, which is for us to judge.
        let ended = self.call(field, judge, names, &out);
        let text = fs::read_to_string(out.join("mutants.out/outcomes.json"))
            .context("what became of the mutants")?;
        let found = read(&text)?;
        let asked = |name: &String| names.contains(name);
        let tried = found.iter().filter(|(name, _)| asked(name)).count();
        if tried < names.len() {
            ended?;
            bail!("only {tried} of {} were tried", names.len());
        }
        self.sound.insert(judge.name);
        book.judged(judge.name, &found)?;
        let missed = found.into_iter().filter(|(_, verdict)| *verdict == Verdict::Missed);
        Ok(missed.map(|(name, _)| name).filter(asked).collect())
    }

    fn call(
        &self,
        field: &Field,
        judge: &Judge,
        names: &[String],
        out: &Path,
    ) -> anyhow::Result<()> {
        let (dir, out) = (self.tree.dir.display().to_string(), out.display().to_string());
        let built = self.sh.target().join("mutants/build");
        let limited = format!(
            "ulimit -v {MEMORY_MAX_KIB}; export CARGO_TARGET_DIR={built:?}; exec \"$0\" \"$@\""
        );
        let parts: Vec<String> =
            judge.built.iter().map(|arg| format!("--cargo-arg={arg}")).collect();
        let which: Vec<String> = names.iter().flat_map(|name| only(name)).collect();
        let baseline = if self.sound.contains(judge.name) { "skip" } else { "run" };
        let mut args = vec!["-c", &limited, &self.program, "mutants", "--in-place", "--dir", &dir];
        args.extend(["--output", &out, "--profile", PROFILE, "--cargo-arg=--locked"]);
        args.extend(["--test-package", judge.packages, "--baseline", baseline]);
        args.extend(["--timeout", judge.timeout_s, "--no-shuffle", "--colors", "never"]);
        args.extend(field.mutate);
        args.extend(parts.iter().map(String::as_str));
        args.extend(which.iter().map(String::as_str));
        args.push("--");
        args.extend(judge.tests);
        report::line(&format!("{} of them to the {}", names.len(), judge.name));
        let mut command = self.sh.command("sh", &args);
        let status = command.status().context("cargo-mutants cannot be started")?;
        ensure!(status.success(), "cargo-mutants: {status}");
        Ok(())
    }
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

/// What became of each. These may be more than were asked for, see [`only`].
fn read(text: &str) -> anyhow::Result<Vec<(String, Verdict)>> {
    let whole: serde_json::Value = serde_json::from_str(text).context("outcomes.json")?;
    let mut found = Vec::new();
    for outcome in whole["outcomes"].as_array().context("no outcomes")? {
        let Some(mutant) = outcome["scenario"]["Mutant"]["name"].as_str() else {
            ensure!(outcome["summary"] == "Success", "the tests fail without any mutant");
            continue;
        };
        let verdict = match outcome["summary"].as_str() {
            Some("CaughtMutant") => Verdict::Noticed,
            Some("Timeout") => Verdict::Hung,
            Some("Unviable") => Verdict::Unviable,
            _ => Verdict::Missed,
        };
        found.push((mutant.to_owned(), verdict));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_read() {
        let text = r#"{"outcomes": [
            {"scenario": "Baseline", "summary": "Success"},
            {"scenario": {"Mutant": {"name": "a"}}, "summary": "CaughtMutant"},
            {"scenario": {"Mutant": {"name": "b"}}, "summary": "Timeout"},
            {"scenario": {"Mutant": {"name": "c"}}, "summary": "Unviable"},
            {"scenario": {"Mutant": {"name": "d"}}, "summary": "MissedMutant"}
        ]}"#;
        let found: Vec<Verdict> =
            read(text).unwrap().into_iter().map(|(_, verdict)| verdict).collect();
        use Verdict::{Hung, Missed, Noticed, Unviable};
        assert_eq!(found, [Noticed, Hung, Unviable, Missed]);
        let failed = r#"{"outcomes": [{"scenario": "Baseline", "summary": "Failure"}]}"#;
        assert!(read(failed).is_err());
    }

    #[test]
    fn a_name_is_taken_as_it_is() {
        assert_eq!(only("a.rs:1: x -> y"), ["--re", r"^a\.rs:1: x \-> y$", "--file", "a.rs"]);
    }
}
