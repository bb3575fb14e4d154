//! Every error code has its page, and every page its code.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;
use super::tree::Tree;

const PAGES: &str = "docs/errors/";

/// Where codes are only examples of how one looks.
const EXAMPLES: [&str; 3] = ["xtask/", "/tests/", "tests.rs"];

pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let used = used(tree);
    let paths = tree.files().map(|(path, _)| path);
    let pages: BTreeSet<_> =
        paths.filter_map(|path| path.strip_prefix(PAGES)?.strip_suffix(".md")).collect();
    let mut problems = Vec::new();
    for (code, (path, line)) in &used {
        if !pages.contains(code.as_str()) {
            problems.push(Problem::new(
                path,
                *line,
                format!("{code} has no page {PAGES}{code}.md"),
            ));
        }
    }
    for page in pages.iter().filter(|page| page.starts_with("PLY-") && !used.contains_key(**page)) {
        problems.push(Problem::new(
            &format!("{PAGES}{page}.md"),
            1,
            format!("nothing says {page}"),
        ));
    }
    problems
}

/// The codes in sources that are shipped, with the first place of each.
fn used(tree: &Tree) -> BTreeMap<String, (String, usize)> {
    let mut used = BTreeMap::new();
    for (path, text) in tree.written(&[".rs", ".ts", ".js"]) {
        if EXAMPLES.iter().any(|example| path.contains(example)) {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            for code in codes(line) {
                used.entry(code).or_insert((path.to_owned(), number + 1));
            }
        }
    }
    used
}

/// `PLY-` and four digits.
fn codes(line: &str) -> impl Iterator<Item = String> {
    line.match_indices("PLY-").filter_map(|(at, _)| {
        let code = line.get(at..at + 8)?;
        code[4..].bytes().all(|byte| byte.is_ascii_digit()).then(|| code.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_pages_belong_together() {
        let source = ("crates/a/src/a.rs", "/// PLY-nnnn\nA = \"PLY-0101\";\n\nB = \"PLY-0102\";");
        let pages = [
            ("docs/errors/PLY-0101.md", ""),
            ("docs/errors/PLY-0103.md", ""),
            ("docs/errors/README.md", ""),
        ];
        let found = check(&Tree::of(&[&[source], &pages[..]].concat()));
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        let expect = [
            "crates/a/src/a.rs:4: PLY-0102 has no page docs/errors/PLY-0102.md",
            "docs/errors/PLY-0103.md:1: nothing says PLY-0103",
        ];
        assert_eq!(found, expect);
    }
}
