//! The page of limits says what the code does.
//!
//! A table behind `<!-- bounds path/to/file.rs -->` has one row for each default in that file, with its value. Each file of a crate that
//! runs has one if it has such defaults.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;
use super::tree::Tree;

pub(super) const PAGE: &str = "docs/limits.md";
const MARK: &str = "<!-- bounds ";

/// How the name of a type ends that has bounds for defaults.
const ENDS: [&str; 3] = ["Limits", "Config", "Bounds"];

/// Sources of what runs where others can fill it.
pub(super) const RUN: [&str; 8] = [
    "crates/playon/src",
    "crates/playon-cli/src",
    "crates/playon-client/src",
    "crates/playon-core/src",
    "crates/playon-keeper/src",
    "crates/playon-store/src",
    "crates/playon-types/src",
    "crates/playon-wire/src",
];

/// The rows of the table behind a mark, cell by cell.
pub(super) fn table(page: &str, mark: usize) -> impl Iterator<Item = Vec<&str>> {
    let behind = page.lines().skip(mark + 1).skip_while(|line| line.trim().is_empty());
    let table = behind.take_while(|line| line.starts_with('|'));
    table.map(|line| line.split('|').map(str::trim).collect())
}

pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let Some(page) = tree.text(PAGE) else { return Vec::new() };
    let mut problems = Vec::new();
    let mut named = BTreeSet::new();
    for (number, line) in page.lines().enumerate() {
        let Some(source) = line.strip_prefix(MARK).and_then(|rest| rest.strip_suffix(" -->"))
        else {
            continue;
        };
        named.insert(source);
        let here = number + 1;
        let Some(text) = tree.text(source) else {
            problems.push(Problem::new(PAGE, here, format!("{source} is not there")));
            continue;
        };
        let (said, found) = (rows(page, number), defaults(text));
        for (name, value) in &found {
            match said.get(name) {
                None => {
                    problems.push(Problem::new(PAGE, here, format!("no row `{name}` = {value}")))
                }
                Some(said) if said != value => {
                    problems.push(Problem::new(
                        PAGE,
                        here,
                        format!("`{name}` is {value}, not {said}"),
                    ));
                }
                Some(_) => {}
            }
        }
        for name in said.keys().filter(|name| !found.contains_key(*name)) {
            problems.push(Problem::new(PAGE, here, format!("{source} has no default `{name}`")));
        }
    }
    for (path, text) in tree.written(&[".rs"]) {
        let bounds = |name: &&str| ENDS.iter().any(|end| name.ends_with(end));
        let missing =
            text.split("impl Default for ").skip(1).filter_map(|rest| rest.split(' ').next());
        if is_run(path) && !named.contains(path) && missing.filter(bounds).count() > 0 {
            problems.push(Problem::new(PAGE, 1, format!("no table of the defaults of {path}")));
        }
    }
    problems
}

/// Whether it is a source of what runs where others can fill it. Beside those crates there are some that test.
pub(super) fn is_run(path: &str) -> bool {
    RUN.iter().any(|folder| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
}

/// The names and values of the table behind a mark.
fn rows(page: &str, mark: usize) -> BTreeMap<String, String> {
    let rows = table(page, mark).filter_map(|cells| Some((*cells.get(1)?, *cells.get(2)?)));
    let named =
        rows.filter_map(|(name, value)| Some((name.strip_prefix('`')?.strip_suffix('`')?, value)));
    named.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The names and values in the `impl Default`s of a file, as people write them.
fn defaults(source: &str) -> BTreeMap<String, String> {
    let consts: BTreeMap<_, _> = source.lines().filter_map(constant).collect();
    let mut found = BTreeMap::new();
    for block in source.split("impl Default for ").skip(1) {
        let block = block.split("\n}").next().unwrap_or_default();
        for line in block.lines() {
            let Some((name, value)) =
                line.trim().strip_suffix(',').and_then(|line| line.split_once(": "))
            else {
                continue;
            };
            let value = consts.get(value).copied().unwrap_or(value);
            found.extend(human(name, value).map(|value| (name.to_owned(), value)));
        }
    }
    found
}

/// `pub const NAME: usize = 64;`
fn constant(line: &str) -> Option<(&str, &str)> {
    let (name, value) =
        line.trim().trim_start_matches("pub ").strip_prefix("const ")?.split_once(": ")?;
    Some((name, value.split_once(" = ")?.1.strip_suffix(';')?))
}

/// `64 << 10` as `64 KiB`, `Span::secs(2)` as `2 s`, `100_000` as `100,000`; `None` for what is not a number.
pub(super) fn human(name: &str, value: &str) -> Option<String> {
    if let Some((kind, number)) = value.strip_suffix(')').and_then(|value| value.rsplit_once('(')) {
        let unit = match kind.rsplit("::").next()? {
            "secs" | "from_secs" => "s",
            "millis" | "from_millis" => "ms",
            _ => return None,
        };
        return Some(format!("{} {unit}", grouped(whole(number)?)));
    }
    let number = whole(value)?;
    if !name.contains("bytes") {
        return Some(grouped(number));
    }
    let units = [(1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B")];
    let (size, unit) =
        units.into_iter().find(|(size, _)| number >= *size && number.is_multiple_of(*size))?;
    Some(format!("{} {unit}", grouped(number / size)))
}

fn whole(text: &str) -> Option<u64> {
    let number = |text: &str| text.trim().replace('_', "").parse::<u64>().ok();
    match text.split_once("<<") {
        Some((number_, shift)) => number(number_)?.checked_shl(u32::try_from(number(shift)?).ok()?),
        None => number(text),
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "pub const FRAMES: usize = 64;\nimpl Default for Limits {\n    fn default() -> Self {\n        Self {\n            \
        state_bytes_max: 16 << 20,\n            frames_max: FRAMES,\n            rooms_max: 100_000,\n            \
        wait: Span::millis(1_500),\n            inner: Inner::default(),\n        }\n    }\n}\n";

    #[track_caller]
    fn verdicts(rows: &str, expect: &[&str]) {
        let page = format!(
            "# Limits\n\n<!-- bounds a.rs -->\n\n| name | default | what |\n|---|---|---|\n{rows}\n\n| `other` | 1 |\n"
        );
        let found = check(&Tree::of(&[(PAGE, &page), ("a.rs", SOURCE)]));
        assert_eq!(found.iter().map(|problem| problem.what.as_str()).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn a_file_with_bounds_for_defaults_has_a_table() {
        let files = [(PAGE, "# Limits\n"), ("crates/playon/src/a.rs", SOURCE), ("a.rs", SOURCE)];
        let found = check(&Tree::of(&files));
        let what: Vec<_> = found.iter().map(|problem| problem.what.as_str()).collect();
        assert_eq!(what, ["no table of the defaults of crates/playon/src/a.rs"]);
    }

    #[test]
    fn the_page_has_each_default_with_its_value() {
        let good = "| `state_bytes_max` | 16 MiB | x |\n| `frames_max` | 64 | x |\n| `rooms_max` | 100,000 | x |\n| `wait` | 1,500 ms | x |";
        verdicts(good, &[]);
        verdicts(&good.replace("16 MiB", "8 MiB"), &["`state_bytes_max` is 16 MiB, not 8 MiB"]);
        verdicts(
            &good.replace("rooms_max", "room_max"),
            &["no row `rooms_max` = 100,000", "a.rs has no default `room_max`"],
        );
    }
}
