//! Pages that people read.

use super::Problem;
use super::tree::Tree;

/// Links to files and headings that are not there.
pub(crate) fn links(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.written(&[".md"]) {
        for (line, target) in targets(text) {
            if let Some(what) = dead(tree, path, &target) {
                problems.push(Problem::new(path, line, what));
            }
        }
    }
    problems
}

/// Names of files in prose, such as `crates/playon/src/lib.rs`, that are not there (any more).
pub(crate) fn mentions(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.written(&[".md"]) {
        for (line, text) in prose(text) {
            for name in text.split('`').skip(1).step_by(2).filter(|name| is_path(name)) {
                let beside = resolve(path, name).unwrap_or_default();
                if ![name, &beside, &format!("crates/{name}")].iter().any(|name| tree.has(name)) {
                    problems.push(Problem::new(path, line, format!("`{name}` is not there")));
                }
            }
        }
    }
    problems
}

/// Whether it looks like a file or directory, seen from the top, from `crates/` or from the page.
fn is_path(name: &str) -> bool {
    const TOPS: [&str; 7] =
        ["crates/", "games/", "clients/", "docs/", "tests/", "xtask/", "playon"];
    let plain = name.chars().all(|c| c.is_alphanumeric() || "/_-.".contains(c));
    plain && name.contains('/') && TOPS.iter().any(|top| name.starts_with(top))
}

/// A page has one title.
pub(crate) fn headings(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.written(&[".md"]) {
        let titles = prose(text).filter(|(_, line)| line.starts_with("# ")).count();
        if titles != 1 {
            problems.push(Problem::new(path, 1, format!("{titles} titles (`# ..`), not one")));
        }
    }
    problems
}

/// The lines outside of code blocks, numbered from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut code = false;
    let outside = move |(_, line): &(usize, &str)| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    };
    text.lines().enumerate().map(|(at, line)| (at + 1, line)).filter(outside)
}

/// Everything in `](..)`, `src=".."` and `href=".."`, with its line.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut targets = Vec::new();
    for (number, line) in prose(text) {
        let line: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        for (open, close) in [("](", ')'), ("src=\"", '"'), ("href=\"", '"')] {
            let rests = line.split(open).skip(1);
            targets.extend(
                rests.filter_map(|rest| Some((number, rest.split_once(close)?.0.to_owned()))),
            );
        }
    }
    targets
}

/// What is wrong with a link, if anything.
fn dead(tree: &Tree, from: &str, target: &str) -> Option<String> {
    let target = target.split(' ').next().unwrap_or_default();
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() { from.to_owned() } else { resolve(from, file)? };
    if !tree.has(&path) {
        return Some(format!("{target} is not there"));
    }
    let page = tree.text(&path).filter(|_| !heading.is_empty() && path.ends_with(".md"))?;
    let there = prose(page).any(|(_, line)| line.starts_with('#') && anchor(line) == heading);
    (!there).then(|| format!("{target}: the page has no such heading"))
}

/// A path as seen from the top; `None` if it leaves the repository.
fn resolve(from: &str, target: &str) -> Option<String> {
    let mut parts: Vec<_> =
        if target.starts_with('/') { Vec::new() } else { from.split('/').collect() };
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The name by which a heading can be linked to.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|&c| c.is_alphanumeric() || c == ' ' || c == '-' || c == '_');
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# A page\n\nSee [b](b.md), [up](../README.md#two-commands), [here](#a-page), [web](https://a.example).\n";

    #[test]
    fn dead_links_are_found() {
        let good =
            [("docs/a.md", PAGE), ("docs/b.md", "# B"), ("README.md", "# R\n## Two commands!\n")];
        assert_eq!(links(&Tree::of(&good)), []);
        let bad = [
            ("docs/a.md", PAGE),
            ("README.md", "# R\n![picture](docs/c.png)\n<img src=\"d.png\">\n"),
        ];
        let found = links(&Tree::of(&bad));
        let found: Vec<_> = found.iter().map(|problem| problem.what.as_str()).collect();
        let heading = "../README.md#two-commands: the page has no such heading";
        assert_eq!(
            found,
            ["docs/c.png is not there", "d.png is not there", "b.md is not there", heading]
        );
    }

    #[test]
    fn code_is_not_searched_for_links() {
        let page = "# A\n```\n[x](nowhere.md)\n# not a title\n```\nand `a[0](x)` too\n";
        let tree = Tree::of(&[("a.md", page)]);
        assert_eq!((links(&tree), headings(&tree)), (vec![], vec![]));
    }

    #[test]
    fn files_named_in_prose_must_be_there() {
        let page = "# A\n`crates/a/src/b.rs` and `playon-core/src/c.rs`, `docs/errors`, `a/b`, `playon demo`\n";
        let files = [
            ("ARCHITECTURE.md", page),
            ("crates/playon-core/src/c.rs", ""),
            ("docs/errors/x.md", "# X"),
        ];
        let found = mentions(&Tree::of(&files));
        assert_eq!(found, [Problem::new("ARCHITECTURE.md", 2, "`crates/a/src/b.rs` is not there")]);
    }

    #[test]
    fn a_page_has_one_title() {
        assert_eq!(
            headings(&Tree::of(&[("a.md", "# A\n# B\n"), ("b.md", "text"), ("c.md", "# C")])).len(),
            2
        );
    }
}
