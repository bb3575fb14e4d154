//! What a newcomer does is what is tested.

use super::Problem;
use super::tree::Tree;

const README: &str = "README.md";
const SECTION: &str = "## Two commands";
/// Everything a newcomer has to run, in this order.
const COMMANDS: [&str; 2] = ["cargo xtask demo", "cargo xtask test"];
const CI: &str = ".ci/run";
/// Where the example of the README is compiled.
const EXAMPLE: &str = "crates/playon/src/lib.rs";

pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let Some(readme) = tree.text(README) else { return Vec::new() };
    let mut problems = Vec::new();
    let section = readme
        .split_once(SECTION)
        .map_or("", |(_, rest)| rest.split("\n## ").next().unwrap_or_default());
    let commands: Vec<_> = blocks(section, "sh").flat_map(str::lines).map(str::to_owned).collect();
    if commands != COMMANDS {
        let what = format!("`{SECTION}` must hold exactly {COMMANDS:?}, not {commands:?}");
        problems.push(Problem::new(README, 1, what));
    }
    let ci = tree.text(CI).unwrap_or_default();
    if !ci.lines().any(|line| line.trim_start_matches("exec ") == COMMANDS[1]) {
        problems.push(Problem::new(CI, 1, format!("does not run `{}`", COMMANDS[1])));
    }
    let example = tree.text(EXAMPLE).and_then(documented);
    if example.as_deref() != blocks(readme, "rust").next() {
        let what = format!("the example is not the one at the top of {EXAMPLE}, which is compiled");
        problems.push(Problem::new(README, 1, what));
    }
    problems
}

/// The code blocks of a language.
fn blocks<'a>(page: &'a str, language: &str) -> impl Iterator<Item = &'a str> {
    let fence = format!("```{language}\n");
    let starts: Vec<_> = page.match_indices(&fence).map(|(at, _)| at + fence.len()).collect();
    starts.into_iter().map(|start| page[start..].split("```").next().unwrap_or_default())
}

/// The first code block of the crate's documentation.
fn documented(source: &str) -> Option<String> {
    let doc = source.lines().map_while(|line| line.strip_prefix("//!"));
    let mut lines = doc
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .skip_while(|line| !line.starts_with("```"));
    lines.next()?;
    let code: Vec<_> = lines
        .take_while(|line| !line.starts_with("```"))
        .filter(|line| !line.starts_with("# "))
        .collect();
    Some(code.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# P\n## Two commands\n```sh\ncargo xtask demo\n```\nand\n```sh\ncargo xtask test\n```\n## A game\n```rust\nfn main() {}\n\n```\n```sh\nother\n```\n";
    const LIB: &str = "//! A game.\n//!\n//! ```no_run\n//! fn main() {}\n//!\n//! ```\nmod a;\n";
    const RUN: &str = "set -e\nexec cargo xtask test\n";

    #[track_caller]
    fn problems(page: &str, lib: &str, run: &str) -> usize {
        check(&Tree::of(&[(README, page), (EXAMPLE, lib), (CI, run)])).len()
    }

    #[test]
    fn the_readme_says_what_is_run() {
        assert_eq!(problems(PAGE, LIB, RUN), 0);
        assert_eq!(problems(&PAGE.replace("xtask demo\n", "xtask demo\nnpm ci\n"), LIB, RUN), 1);
        assert_eq!(problems(PAGE, LIB, "cargo test\n"), 1);
        assert_eq!(problems(PAGE, &LIB.replace("main", "mine"), RUN), 1);
    }
}
