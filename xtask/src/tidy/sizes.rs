//! Files and functions stay small.
//!
//! What is larger than the limit must be listed with its number in `xtask/ratchet.txt`, and the number may only go down.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context as _;

use super::Problem;
use super::code::Language;
use super::functions::functions;
use super::tree::Tree;
use crate::report;
use crate::sh::Sh;

/// Lines of one file.
const FILE_LINES_MAX: usize = 600;
/// Lines of one function.
const FUNCTION_LINES_MAX: usize = 70;

/// All files of the TypeScript client in one, for pages without a bundler of their own: read in its parts.
const BUNDLE: &str = "/playon.js";

const ENDINGS: [&str; 4] = [".rs", ".ts", ".js", ".mjs"];
const RATCHET: &str = "xtask/ratchet.txt";
const HEAD: &str = "# What is longer than it should be, with its lines. Numbers only go down: cargo xtask tidy --ratchet\n";

/// What is too long: its name, with the line it begins on and its lines.
type Long = BTreeMap<String, (usize, usize)>;

pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let allowed = allowed(tree);
    let found = long(tree);
    let mut problems = Vec::new();
    for (name, &(line, lines)) in &found {
        let (path, what) =
            name.split_once(' ').map_or((name.as_str(), "the file"), |(path, name)| (path, name));
        let limit = if what == "the file" { FILE_LINES_MAX } else { FUNCTION_LINES_MAX };
        match allowed.get(name) {
            None => problems.push(Problem::new(
                path,
                line,
                format!("{what} has {lines} lines, more than {limit}"),
            )),
            Some(&known) if lines > known => {
                problems.push(Problem::new(
                    path,
                    line,
                    format!("{what} has grown from {known} to {lines} lines"),
                ));
            }
            Some(&known) if lines < known => {
                let what = format!(
                    "{what} has shrunk from {known} to {lines} lines; run `cargo xtask tidy --ratchet`"
                );
                problems.push(Problem::new(path, line, what));
            }
            Some(_) => {}
        }
    }
    for name in allowed.keys().filter(|name| !found.contains_key(*name)) {
        problems.push(Problem::new(
            RATCHET,
            1,
            format!("{name} is short now; run `cargo xtask tidy --ratchet`"),
        ));
    }
    problems
}

/// Writes down the exceptions that are left. Never adds one: that is done by hand, where a review sees it.
pub(crate) fn rewrite(sh: &Sh, tree: &Tree) -> anyhow::Result<()> {
    let found = long(tree);
    let mut text = HEAD.to_owned();
    for (name, known) in allowed(tree) {
        if let Some((_, lines)) = found.get(&name) {
            text += &format!("{} {name}\n", known.min(*lines));
        }
    }
    fs::write(sh.root().join(RATCHET), text)
        .with_context(|| format!("{RATCHET} cannot be written"))?;
    report::line(&format!("{RATCHET} is written"));
    Ok(())
}

fn allowed(tree: &Tree) -> BTreeMap<String, usize> {
    let lines =
        tree.text(RATCHET).unwrap_or_default().lines().filter(|line| !line.starts_with('#'));
    let entries = lines.filter_map(|line| line.split_once(' '));
    entries.filter_map(|(lines, name)| Some((name.to_owned(), lines.parse().ok()?))).collect()
}

fn long(tree: &Tree) -> Long {
    let mut long = Long::new();
    // What a program wrote is read by people, too, when something is wrong with it.
    let read =
        |path: &str| ENDINGS.iter().any(|end| path.ends_with(end)) && !path.ends_with(BUNDLE);
    for (path, text) in tree.files().filter(|(path, _)| read(path)) {
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            long.insert(path.to_owned(), (1, lines));
        }
    }
    for (path, text) in tree.written(&ENDINGS) {
        for function in functions(text, Language::of(path)) {
            if function.lines > FUNCTION_LINES_MAX {
                long.insert(format!("{path} {}", function.name), (function.line, function.lines));
            }
        }
    }
    long
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(lines: usize) -> String {
        format!("fn f() {{\n{}}}\n", "    x();\n".repeat(lines - 2))
    }

    #[track_caller]
    fn verdicts(files: &[(&str, &str)], expect: &[&str]) {
        let found = check(&Tree::of(files));
        assert_eq!(found.iter().map(|problem| problem.what.as_str()).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn long_files_and_functions_are_found() {
        verdicts(&[("a.rs", &function(70)), ("b.rs", &"\n".repeat(600))], &[]);
        verdicts(&[("a.rs", &function(71))], &["f has 71 lines, more than 70"]);
        verdicts(&[("a.ts", &"\n".repeat(601))], &["the file has 601 lines, more than 600"]);
        let dist = "clients/typescript/dist/a.js";
        verdicts(&[(dist, &"\n".repeat(601))], &["the file has 601 lines, more than 600"]);
        verdicts(&[(dist, &function(71))], &[]);
        verdicts(&[("clients/typescript/dist/playon.js", &"\n".repeat(601))], &[]);
    }

    #[test]
    fn exceptions_may_only_shrink() {
        let ratchet = (RATCHET, "# words\n80 a.rs f\n");
        verdicts(&[ratchet, ("a.rs", &function(80))], &[]);
        verdicts(&[ratchet, ("a.rs", &function(81))], &["f has grown from 80 to 81 lines"]);
        let shrunk = "f has shrunk from 80 to 79 lines; run `cargo xtask tidy --ratchet`";
        verdicts(&[ratchet, ("a.rs", &function(79))], &[shrunk]);
        verdicts(&[ratchet], &["a.rs f is short now; run `cargo xtask tidy --ratchet`"]);
    }
}
