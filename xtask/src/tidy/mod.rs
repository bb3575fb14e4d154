//! Rules of this repository that a compiler does not know.

mod banned;
mod bounds;
mod circles;
mod code;
mod codes;
mod fixed;
mod functions;
mod markdown;
mod quickstart;
mod sizes;
mod tree;

use std::fmt;

use anyhow::bail;

use crate::report;
use crate::sh::Sh;

use tree::Tree;

/// Something that is not as it should be, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    path: String,
    line: usize,
    what: String,
}

impl Problem {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Every rule. Each has a test with a small tree that breaks it.
const RULES: [fn(&Tree) -> Vec<Problem>; 12] = [
    sizes::check,
    banned::core,
    banned::simulator,
    banned::everywhere,
    markdown::links,
    markdown::mentions,
    markdown::headings,
    codes::check,
    bounds::check,
    fixed::check,
    circles::check,
    quickstart::check,
];

/// Checks the whole repository.
pub(crate) fn run(sh: &Sh, args: &[String]) -> anyhow::Result<()> {
    let tree = Tree::read(sh)?;
    match args {
        [] => {}
        [flag] if flag == "--ratchet" => return sizes::rewrite(sh, &tree),
        _ => bail!("`cargo xtask tidy` takes only --ratchet"),
    }
    let mut problems: Vec<_> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    problems.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    for problem in &problems {
        report::line(&problem.to_string());
    }
    if !problems.is_empty() {
        bail!("{} untidy places", problems.len());
    }
    report::line(&format!("{} files are tidy", tree.files().count()));
    Ok(())
}
