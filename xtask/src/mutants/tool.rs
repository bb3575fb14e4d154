//! cargo-mutants, which makes the mutants and runs the tests.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Mutex;

use anyhow::{Context as _, bail, ensure};

use super::book::{Book, Verdict, open};
use super::fields::{Field, Judge};
use super::tree::Tree;
use crate::report;
use crate::sh::Sh;

const VERSION: &str = "27.0.0";

/// See the workspace's `Cargo.toml`.
const PROFILE: &str = "mutants";

/// Address space that a mutant's tests may take, in KiB: some allocate without end.
const MEMORY_MAX_KIB: &str = "8388608";

/// All that can be broken in a field, by name.
pub(super) struct Mutants<'a> {
    pub(super) field: &'a Field,
    pub(super) names: Vec<String>,
}

/// How long a mutant may take to be built, in seconds: a constant may be computed without end, which is noticed, too.
const BUILD_TIMEOUT_S: &str = "300";

/// The tool in one copy of the sources.
pub(super) struct Tool<'a> {
    sh: &'a Sh,
    program: String,
    tree: Tree,
    /// The judges whose tests were seen to pass without any mutant.
    sound: BTreeSet<&'static str>,
}

impl<'a> Tool<'a> {
    /// Installs it, if need be.
    pub(super) fn new(sh: &'a Sh, tree: Tree) -> anyhow::Result<Self> {
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

    /// The same in another copy.
    pub(super) fn beside(&self, tree: Tree) -> Self {
        Self { sh: self.sh, program: self.program.clone(), tree, sound: BTreeSet::new() }
    }

    pub(super) fn list<'f>(&self, field: &'f Field) -> anyhow::Result<Mutants<'f>> {
        let dir = self.tree.dir.display().to_string();
        let list = [&["mutants", "--dir", &dir, "--list"], field.mutate].concat();
        let all = self.sh.ask(&self.program, &list).context("listing the mutants")?;
        Ok(Mutants { field, names: all.lines().map(str::to_owned).collect() })
    }

    /// Shows some of the mutants to one judge. Those that it does not notice come back, all others are in the book.
    pub(super) fn show(
        &mut self,
        mutants: &Mutants<'_>,
        judge: &Judge,
        names: &[String],
        book: &Mutex<Book>,
    ) -> anyhow::Result<Vec<String>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let out = &self.tree.out.clone();
        if out.exists() {
            fs::remove_dir_all(out)?;
        }
        self.prove(judge)?;
        // To try some, it is told that all others were noticed before. Chosen by expressions, deleted fields would all be tried
        // (sourcefrog/cargo-mutants#632).
        fs::create_dir_all(out.join("mutants.out"))?;
        let others = mutants.names.iter().filter(|name| !names.contains(name));
        let others: String = others.map(|name| format!("{name}\n")).collect();
        fs::write(out.join("mutants.out/caught.txt"), others)?;
        report::line(&format!("{} to the {}", names.len(), judge.name));
        // It ends with an error if one survives, which is for us to judge.
        let ended = self.call(mutants.field, judge);
        let text = fs::read_to_string(out.join("mutants.out/outcomes.json"))
            .context("what became of the mutants")?;
        let found = read(&text)?;
        if found.len() < names.len() {
            ended?;
            bail!("only {} of {} were tried", found.len(), names.len());
        }
        open(book)?.judged(judge.name, &found)?;
        let missed = found.into_iter().filter(|(_, verdict)| *verdict == Verdict::Missed);
        Ok(missed.map(|(name, _)| name).collect())
    }

    /// The judge's tests have to pass without any mutant: cargo-mutants itself would run those of the broken package only.
    fn prove(&mut self, judge: &Judge) -> anyhow::Result<()> {
        if self.sound.contains(judge.name) {
            return Ok(());
        }
        let mut args = vec!["test", "--quiet", "--locked", "--profile", PROFILE];
        args.extend(judge.packages.iter().flat_map(|package| ["--package", package]));
        args.extend(if judge.tests.is_empty() { judge.built } else { judge.tests });
        let mut command = self.sh.command("cargo", &args);
        command.current_dir(&self.tree.dir).env("CARGO_TARGET_DIR", &self.tree.built);
        let status = command.status().context("cargo cannot be started")?;
        ensure!(status.success(), "the {} fail without any mutant", judge.name);
        self.sound.insert(judge.name);
        Ok(())
    }

    fn call(&self, field: &Field, judge: &Judge) -> anyhow::Result<()> {
        let [dir, out] = [&self.tree.dir, &self.tree.out].map(|path| path.display().to_string());
        let packages = judge.packages.join(",");
        let built: Vec<String> =
            judge.built.iter().map(|arg| format!("--cargo-arg={arg}")).collect();
        let limited = format!("ulimit -v {MEMORY_MAX_KIB}; exec \"$0\" \"$@\"");
        let mut args = vec!["-c", &limited, &self.program, "mutants", "--in-place", "--iterate"];
        args.extend([
            "--dir",
            &dir,
            "--output",
            &out,
            "--profile",
            PROFILE,
            "--cargo-arg=--locked",
        ]);
        args.extend(["--test-package", &packages, "--baseline", "skip", "--no-shuffle"]);
        args.extend(["--timeout", judge.timeout_s, "--build-timeout", BUILD_TIMEOUT_S]);
        args.extend(["--colors", "never"]);
        args.extend(field.mutate);
        args.extend(built.iter().map(String::as_str));
        args.push("--");
        args.extend(judge.tests);
        let mut command = self.sh.command("sh", &args);
        command.env("CARGO_TARGET_DIR", &self.tree.built);
        let status = command.status().context("cargo-mutants cannot be started")?;
        ensure!(status.success(), "cargo-mutants: {status}");
        Ok(())
    }
}

/// What became of each.
fn read(text: &str) -> anyhow::Result<Vec<(String, Verdict)>> {
    let whole: serde_json::Value = serde_json::from_str(text).context("outcomes.json")?;
    let mut found = Vec::new();
    for outcome in whole["outcomes"].as_array().context("no outcomes")? {
        let mutant = outcome["scenario"]["Mutant"]["name"].as_str().context("no mutant")?;
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
            {"scenario": {"Mutant": {"name": "a"}}, "summary": "CaughtMutant"},
            {"scenario": {"Mutant": {"name": "b"}}, "summary": "Timeout"},
            {"scenario": {"Mutant": {"name": "c"}}, "summary": "Unviable"},
            {"scenario": {"Mutant": {"name": "d"}}, "summary": "MissedMutant"}
        ]}"#;
        let found: Vec<Verdict> =
            read(text).unwrap().into_iter().map(|(_, verdict)| verdict).collect();
        use Verdict::{Hung, Missed, Noticed, Unviable};
        assert_eq!(found, [Noticed, Hung, Unviable, Missed]);
        assert!(read("{}").is_err());
    }
}
