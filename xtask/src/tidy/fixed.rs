//! The page of limits names every bound that is a constant.
//!
//! A table behind `<!-- fixed path/to/folder -->` has a row for each constant below that folder that is a bound by its name or its
//! type, with its value and its file. The page has one for every crate that a keeper, a game or a player runs.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;
use super::bounds::{PAGE, RUN, human, table};
use super::tree::Tree;

const MARK: &str = "<!-- fixed ";

/// How the name of a bound ends.
const ENDS: [&str; 10] = [
    "_MAX", "_MIN", "_TIMEOUT", "_EVERY", "_AFTER", "_GRACE", "_WAIT", "_LINGER", "_SLACK",
    "PATIENCE",
];

/// A bound that is a constant: its file and name, and its value as people write it.
type FixedBounds = BTreeMap<(String, String), String>;

/// Every constant that is a bound has a row, with its value, and every row a constant.
pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let Some(page) = tree.text(PAGE) else { return Vec::new() };
    let mut problems = Vec::new();
    let mut tables = BTreeSet::new();
    for (number, line) in page.lines().enumerate() {
        let folder = line.strip_prefix(MARK).and_then(|rest| rest.strip_suffix(" -->"));
        let Some(folder) = folder else { continue };
        tables.insert(folder);
        let here = number + 1;
        let (found, mut said) = (fixed_below(tree, folder), fixed_rows(page, number));
        for ((file, name), value) in &found {
            let what = match said.remove(&(file.clone(), name.clone())) {
                None => format!("no row `{name}` = {value} of `{file}`"),
                Some(said) if said != *value => {
                    format!("`{name}` of `{file}` is {value}, not {said}")
                }
                Some(_) => continue,
            };
            problems.push(Problem::new(PAGE, here, what));
        }
        for (file, name) in said.into_keys() {
            let what = format!("`{file}` of {folder} has no bound `{name}`");
            problems.push(Problem::new(PAGE, here, what));
        }
    }
    for folder in RUN.iter().filter(|folder| !tables.contains(**folder)) {
        if !fixed_below(tree, folder).is_empty() {
            problems.push(Problem::new(PAGE, 1, format!("no table of the bounds below {folder}")));
        }
    }
    problems
}

fn fixed_rows(page: &str, mark: usize) -> FixedBounds {
    let quoted = |cell: &str| cell.strip_prefix('`')?.strip_suffix('`').map(str::to_owned);
    let row = |cells: Vec<&str>| {
        let (name, value, file) = (cells.get(1)?, cells.get(2)?, cells.get(3)?);
        Some(((quoted(file)?, quoted(name)?), (*value).to_owned()))
    };
    table(page, mark).filter_map(row).collect()
}

/// The constants that are bounds, in the files below a folder. What only tests have, and programs that are run by them, is a test's own.
fn fixed_below(tree: &Tree, folder: &str) -> FixedBounds {
    let mut found = FixedBounds::new();
    let of_tests = |path: &str| {
        ["/tests/", "/testing/", "/bin/"].iter().any(|folder| path.contains(folder))
            || path.ends_with("tests.rs")
    };
    for (path, text) in tree.written(&[".rs"]).filter(|(path, _)| !of_tests(path)) {
        let Some(file) = path.strip_prefix(folder).and_then(|path| path.strip_prefix('/')) else {
            continue;
        };
        let run = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (name, _, value) in constants(run).filter(|(name, kind, _)| is_bound(name, kind)) {
            let shown = human(&name.to_lowercase(), &value);
            let value = shown.unwrap_or_else(|| format!("`{value}`"));
            found.insert((file.to_owned(), name), value);
        }
    }
    found
}

/// A time is one whatever it is called.
fn is_bound(name: &str, kind: &str) -> bool {
    let time = kind == "Span" || kind.ends_with("Duration");
    let number = matches!(kind, "usize" | "u64" | "u32" | "u16" | "u8" | "f64" | "i32" | "i64");
    time || (number && (name.contains("_PER_") || ENDS.iter().any(|end| name.ends_with(end))))
}

/// Name, type and value of each constant; what stands on several lines is put on one.
fn constants(source: &str) -> impl Iterator<Item = (String, String, String)> {
    let begins = |line: &str| {
        let line = line.trim();
        let line = line.strip_prefix("pub").map_or(line, |rest| {
            rest.split_once(") ").filter(|_| rest.starts_with('(')).map_or(rest, |(_, rest)| rest)
        });
        line.trim_start().strip_prefix("const ").map(str::to_owned)
    };
    let mut lines = source.lines();
    std::iter::from_fn(move || {
        loop {
            let mut text = loop {
                match begins(lines.next()?) {
                    Some(text) if text.contains(": ") && !text.starts_with("fn ") => break text,
                    _ => {}
                }
            };
            while !text.ends_with(';') {
                text = format!("{} {}", text.trim_end(), lines.next()?.trim());
            }
            let parts = text.trim_end_matches(';').split_once(": ").and_then(|(name, rest)| {
                let (kind, value) = rest.split_once(" = ")?;
                Some((name.to_owned(), kind.to_owned(), value.to_owned()))
            });
            if parts.is_some() {
                return parts;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "/// Rooms.\npub const ROOMS_MAX: usize = 1 << 10;\n/// Its answer.\nconst PATIENCE: \
        Duration = Duration::from_secs(2);\nconst NAME: &str = \"x\";\nimpl Room {\n    \
        pub(crate) const LOOKS_PER_WORD: u32 =\n        2 * LOOKS;\n}\n#[cfg(test)]\nmod tests {\n    \
        const TRIES_MAX: u32 = 3;\n}\n";

    #[track_caller]
    fn verdicts(rows: &str, expect: &[&str]) {
        let head = "| name | value | file | what |\n|---|---|---|---|";
        let page = format!("# Limits\n\n<!-- fixed crates/playon/src -->\n\n{head}\n{rows}\n");
        let files = [(PAGE, page.as_str()), ("crates/playon/src/a.rs", SOURCE)];
        let found = check(&Tree::of(&files));
        assert_eq!(found.iter().map(|problem| problem.what.as_str()).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn every_constant_that_is_a_bound_has_a_row() {
        let good = "| `LOOKS_PER_WORD` | `2 * LOOKS` | `a.rs` | x |\n| `PATIENCE` | 2 s | `a.rs` | x |\n| `ROOMS_MAX` | 1,024 | `a.rs` | x |";
        verdicts(good, &[]);
        verdicts(&good.replace("2 s", "3 s"), &["`PATIENCE` of `a.rs` is 2 s, not 3 s"]);
        verdicts(
            &good.replace("LOOKS_PER", "WORDS_PER"),
            &[
                "no row `LOOKS_PER_WORD` = `2 * LOOKS` of `a.rs`",
                "`a.rs` of crates/playon/src has no bound `WORDS_PER_WORD`",
            ],
        );
    }

    #[test]
    fn a_crate_that_runs_has_a_table() {
        let files = [(PAGE, "# Limits\n"), ("crates/playon-core/src/a.rs", SOURCE)];
        let found = check(&Tree::of(&files));
        let what: Vec<_> = found.iter().map(|problem| problem.what.as_str()).collect();
        assert_eq!(what, ["no table of the bounds below crates/playon-core/src"]);
        assert!(
            check(&Tree::of(&[(PAGE, ""), ("crates/playon-drill/src/a.rs", SOURCE)])).is_empty()
        );
    }
}
