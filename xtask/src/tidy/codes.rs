//! Every error code stands in the table, has its page under the same title, and is said somewhere.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;
use super::tree::Tree;

/// The table: one code a line, with its title.
const TABLE: &str = "crates/playon-types/src/code.rs";
const PAGES: &str = "docs/errors/";

/// Where codes are only examples of how one looks.
const EXAMPLES: [&str; 4] = ["xtask/", "/tests/", "tests.rs", TABLE];

/// From here on a file is not shipped.
const TESTS: &str = "#[cfg(test)]\nmod tests {";

pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let texts: BTreeMap<_, _> = tree.files().collect();
    let table = table(texts.get(TABLE).copied().unwrap_or_default());
    let mut problems = Vec::new();
    for (code, (title, line)) in &table {
        let path = format!("{PAGES}{code}.md");
        let heading = format!("# {code}: {title}");
        match texts.get(path.as_str()) {
            None => problems.push(Problem::new(TABLE, *line, format!("{code} has no page {path}"))),
            Some(page) if page.lines().next() != Some(&heading) => {
                let what = format!("the first line is not `{heading}`, as {TABLE} has it");
                problems.push(Problem::new(&path, 1, what));
            }
            Some(_) => {}
        }
    }
    let names = texts.keys().filter_map(|path| path.strip_prefix(PAGES)?.strip_suffix(".md"));
    for page in names.filter(|page| page.starts_with("PLY-") && !table.contains_key(*page)) {
        let what = format!("{page} is not in the table in {TABLE}");
        problems.push(Problem::new(&format!("{PAGES}{page}.md"), 1, what));
    }
    let mut said = BTreeSet::new();
    for Mention { code, path, line, comment } in mentions(tree) {
        if !table.contains_key(&code) {
            problems.push(Problem::new(path, line, format!("{code} is not in {TABLE}")));
        }
        if !comment {
            said.insert(code);
        }
    }
    for (code, (_, line)) in table.iter().filter(|(code, _)| !said.contains(*code)) {
        problems.push(Problem::new(TABLE, *line, format!("nothing says {code}")));
    }
    problems
}

/// The codes with their titles, and where each stands: `"PLY-0101" "the server is busy"`.
fn table(text: &str) -> BTreeMap<String, (String, usize)> {
    let entry = |(at, line): (usize, &str)| {
        let (code, title) =
            line.trim().strip_prefix('"')?.strip_suffix('"')?.split_once("\" \"")?;
        let code = codes(code).next().filter(|found| found == code)?;
        Some((code, (title.replace("\\\"", "\""), at + 1)))
    };
    text.lines().enumerate().filter_map(entry).collect()
}

/// A place that names a code.
struct Mention<'a> {
    code: String,
    path: &'a str,
    line: usize,
    /// It merely speaks of the code.
    comment: bool,
}

/// The codes in sources that are shipped.
fn mentions(tree: &Tree) -> Vec<Mention<'_>> {
    let mut mentions = Vec::new();
    for (path, text) in tree.written(&[".rs", ".ts", ".js"]) {
        if EXAMPLES.iter().any(|example| path.contains(example)) {
            continue;
        }
        let shipped = text.split(TESTS).next().unwrap_or_default();
        for (at, line) in shipped.lines().enumerate() {
            let comment = line.trim_start().starts_with("//");
            let named = codes(line).map(|code| Mention { code, path, line: at + 1, comment });
            mentions.extend(named);
        }
    }
    mentions
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
    fn table_pages_and_sources_belong_together() {
        let table = "macro_rules! codes {\n    \"PLY-0101\" \"busy\"\n    \"PLY-0102\" \"full: \\\"no\\\"\"\n    \
                     \"PLY-0103\" \"over\"\n    \"PLY-0104\" \"odd\"\n}\nassert!(\"PLY-0999\");";
        let source = "/// PLY-nnnn, PLY-0103, PLY-0106\nA = \"PLY-0101\";\n\nB = \"PLY-0102\", \"PLY-0104\";\n\
                      C = \"PLY-0105\";\n#[cfg(test)]\nmod tests {\n    \"PLY-0107\"";
        let found = check(&Tree::of(&[
            (TABLE, table),
            ("crates/a/src/a.rs", source),
            ("docs/errors/PLY-0101.md", "# PLY-0101: busy\n"),
            ("docs/errors/PLY-0102.md", "# PLY-0102: full: \"no\"\n"),
            ("docs/errors/PLY-0103.md", "# PLY-0103: it is over\n"),
            ("docs/errors/PLY-0108.md", "# PLY-0108: gone\n"),
            ("docs/errors/README.md", ""),
        ]));
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        let expect = [
            "docs/errors/PLY-0103.md:1: the first line is not `# PLY-0103: over`, as crates/playon-types/src/code.rs has it",
            "crates/playon-types/src/code.rs:5: PLY-0104 has no page docs/errors/PLY-0104.md",
            "docs/errors/PLY-0108.md:1: PLY-0108 is not in the table in crates/playon-types/src/code.rs",
            "crates/a/src/a.rs:1: PLY-0106 is not in crates/playon-types/src/code.rs",
            "crates/a/src/a.rs:5: PLY-0105 is not in crates/playon-types/src/code.rs",
            "crates/playon-types/src/code.rs:4: nothing says PLY-0103",
        ];
        assert_eq!(found, expect);
    }
}
