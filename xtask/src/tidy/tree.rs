//! The files that belong to the repository.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::Context as _;

use crate::sh::Sh;

/// Code written by a program, and packages' lists: nobody reads them line by line.
const GENERATED: [&str; 7] = [
    "clients/typescript/dist/",
    // A link to the client of the line above.
    "games/potato/page/playon.js",
    "crates/playon-wire/src/attach/generated.rs",
    "crates/playon-wire/src/attach/kinds.rs",
    "crates/playon-wire/src/stored/generated.rs",
    "Cargo.lock",
    "package-lock.json",
];

/// The files that belong to the repository, with their text. Files that are not text count as being there only.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    texts: BTreeMap<String, String>,
    paths: BTreeSet<String>,
}

impl Tree {
    /// All files that git knows or would add.
    pub(crate) fn read(sh: &Sh) -> anyhow::Result<Self> {
        // A clone that belongs to another user is normal in CI.
        let args = [
            "-c",
            "safe.directory=*",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ];
        let listed = sh.ask("git", &args).context("`git ls-files` failed")?;
        let mut tree = Self::default();
        for path in listed.split('\0').filter(|path| !path.is_empty()) {
            // Listed and deleted is not there.
            if let Ok(bytes) = fs::read(sh.root().join(path)) {
                tree.add(path, String::from_utf8(bytes).ok());
            }
        }
        Ok(tree)
    }

    fn add(&mut self, path: &str, text: Option<String>) {
        self.paths.insert(path.to_owned());
        self.texts.extend(text.map(|text| (path.to_owned(), text)));
    }

    /// All texts.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The texts that people wrote whose names end in one of these.
    pub(crate) fn written(&self, endings: &[&str]) -> impl Iterator<Item = (&str, &str)> {
        let generated = |path: &str| {
            GENERATED.iter().any(|name| path.starts_with(name) || path.ends_with(name))
        };
        self.files().filter(move |(path, _)| {
            !generated(path) && endings.iter().any(|ending| path.ends_with(ending))
        })
    }

    /// One text.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Whether a file or directory is there.
    pub(crate) fn has(&self, path: &str) -> bool {
        let dir = format!("{}/", path.trim_end_matches('/'));
        path.is_empty()
            || self.paths.contains(path)
            || self.paths.range(dir.clone()..).next().is_some_and(|first| first.starts_with(&dir))
    }
}

#[cfg(test)]
impl Tree {
    /// A tree for a test.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        files.iter().for_each(|(path, text)| tree.add(path, Some((*text).to_owned())));
        tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_there_if_a_file_in_it_is() {
        let tree = Tree::of(&[("docs/a.md", ""), ("docs.md", "")]);
        assert!(tree.has("docs") && tree.has("docs/") && tree.has("docs/a.md") && tree.has(""));
        assert!(!tree.has("doc") && !tree.has("docs/b.md") && !tree.has("docs/a"));
    }

    #[test]
    fn generated_code_is_not_written_by_people() {
        let files = [
            ("clients/typescript/dist/a.js", ""),
            ("a.js", ""),
            ("tests/e2e/package-lock.json", ""),
        ];
        let tree = Tree::of(&files);
        assert_eq!(
            tree.written(&[".js", ".json"]).map(|(path, _)| path).collect::<Vec<_>>(),
            ["a.js"]
        );
        assert_eq!(tree.files().count(), 3);
    }
}
