//! No circle of more than two files: what imports each other in a larger one can only be understood as one piece.
//!
//! Read from `use` and from paths, as far as they name modules of the same crate. A name that a module only passes on counts as
//! that of the module where it comes from.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;
use super::code::{Language, strip};
use super::tree::Tree;

/// Files that may import each other: one and its other half.
const CIRCLE_FILES_MAX: usize = 2;

/// Where a module lies in its crate: `["room", "blame"]`.
type Module = Vec<String>;

/// One crate's modules.
#[derive(Default)]
struct Modules {
    /// The path of the file and the code of it, without tests.
    files: BTreeMap<Module, (String, String)>,
    /// What a module passes on under a name.
    passed_on: BTreeMap<(Module, String), Module>,
}

pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let mut crates: BTreeMap<&str, Modules> = BTreeMap::new();
    for (path, text) in tree.written(&[".rs"]) {
        let Some((of, inside)) = path.split_once("/src/") else { continue };
        if inside.ends_with("_tests.rs") || inside.ends_with("tests.rs") {
            continue;
        }
        let code = strip(text, Language::Rust);
        let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
        crates.entry(of).or_default().files.insert(module(inside), (path.to_owned(), code));
    }
    crates.into_values().flat_map(Modules::circles).collect()
}

fn module(path: &str) -> Module {
    let mut parts: Module = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        parts.pop();
    }
    parts
}

impl Modules {
    fn circles(mut self) -> Vec<Problem> {
        self.note_passed_on();
        let uses: BTreeMap<&Module, BTreeSet<Module>> =
            self.files.keys().map(|module| (module, self.used_by(module))).collect();
        let reached: BTreeMap<&Module, BTreeSet<&Module>> =
            uses.keys().map(|module| (*module, reach(&uses, module))).collect();
        let mut told = BTreeSet::new();
        let mut problems = Vec::new();
        for (module, far) in &reached {
            let circle: Vec<_> =
                far.iter().filter(|other| reached[*other].contains(module)).collect();
            if circle.len() <= CIRCLE_FILES_MAX || !told.insert(circle.clone()) {
                continue;
            }
            let names: Vec<_> = circle.iter().map(|module| module.join("/")).collect();
            let what = format!("{} files import each other: {}", names.len(), names.join(", "));
            problems.push(Problem::new(&self.files[*module].0, 1, what));
        }
        problems
    }

    fn note_passed_on(&mut self) {
        for (module, (_, code)) in &self.files {
            for (public, tree) in uses(code) {
                for path in expand(&tree).into_iter().filter(|_| public) {
                    let name = path.last().cloned().unwrap_or_default();
                    if let Some(from) = self.absolute(module, code, &path) {
                        self.passed_on.insert((module.clone(), name), from);
                    }
                }
            }
        }
    }

    /// The modules that one takes something from.
    fn used_by(&self, module: &Module) -> BTreeSet<Module> {
        let code = &self.files[module].1;
        let named = uses(code).into_iter().filter(|(public, _)| !public);
        let mut paths: Vec<_> = named.flat_map(|(_, tree)| expand(&tree)).collect();
        paths.extend(inline(code));
        let full = paths.iter().filter_map(|path| self.absolute(module, code, path));
        full.filter_map(|path| self.home(path)).filter(|other| other != module).collect()
    }

    /// A path from the top of the crate, if it is one of the crate.
    fn absolute(&self, module: &Module, code: &str, path: &[String]) -> Option<Module> {
        let mut base = module.clone();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => {
                base.clear();
                rest = &path[1..];
            }
            "self" | "super" => {
                while let Some(step) =
                    rest.first().filter(|step| *step == "self" || *step == "super")
                {
                    if step == "super" {
                        base.pop();
                    }
                    rest = &rest[1..];
                }
            }
            child if code.contains(&format!("mod {child};")) => {}
            _ => return None,
        }
        base.extend(rest.iter().cloned());
        Some(base)
    }

    /// The module that a path leads to, through those that only pass it on.
    fn home(&self, mut path: Module) -> Option<Module> {
        // More often than this a name is passed on by nobody.
        for _ in 0..8 {
            let length = (0..=path.len()).rev().find(|n| self.files.contains_key(&path[..*n]))?;
            let found = path[..length].to_vec();
            let from = path
                .get(length)
                .and_then(|name| self.passed_on.get(&(found.clone(), name.clone())));
            let Some(from) = from else { return Some(found) };
            path = from.iter().chain(&path[length + 1..]).cloned().collect();
        }
        None
    }
}

/// All that can be reached by imports, by at least one step.
fn reach<'a>(
    uses: &'a BTreeMap<&'a Module, BTreeSet<Module>>,
    from: &Module,
) -> BTreeSet<&'a Module> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&Module> = uses[from].iter().collect();
    while let Some(next) = open.pop() {
        if found.insert(next) {
            open.extend(&uses[next]);
        }
    }
    found
}

/// The trees of all `use` declarations, and whether each is public.
fn uses(code: &str) -> Vec<(bool, String)> {
    let declarations = code.match_indices("use ").filter_map(|(at, _)| {
        let before = code[..at].rsplit('\n').next()?.trim();
        let public = before.starts_with("pub");
        let whole = before.is_empty() || (public && !before.contains([';', '{', '=']));
        let tree = code[at + 4..].split(';').next()?;
        whole.then(|| (public, tree.split_whitespace().collect::<Vec<_>>().join(" ")))
    });
    declarations.collect()
}

/// The single paths of a tree of imports.
fn expand(tree: &str) -> Vec<Vec<String>> {
    let Some((prefix, inner)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        let steps = path.split("::").map(str::trim).filter(|step| !step.is_empty());
        return vec![steps.map(str::to_owned).collect()];
    };
    let inner = inner.rsplit_once('}').map_or(inner, |(inner, _)| inner);
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    let parts = parts.into_iter().map(str::trim).filter(|part| !part.is_empty());
    parts.flat_map(|part| expand(&format!("{prefix}{part}"))).collect()
}

/// Paths that begin at the crate or above, wherever they stand.
fn inline(code: &str) -> Vec<Vec<String>> {
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("use "));
    let words =
        lines.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':'));
    let paths = words.filter(|word| word.starts_with("crate::") || word.starts_with("super::"));
    paths.flat_map(expand).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).iter().map(Problem::to_string).collect()
    }

    #[test]
    fn two_files_may_import_each_other_and_three_may_not() {
        let two = [("c/src/a.rs", "use crate::b::B;"), ("c/src/b.rs", "use super::a::{A, Other};")];
        assert_eq!(found(&two), [""; 0]);
        let three = [
            ("c/src/a.rs", "use crate::b::B;"),
            ("c/src/b.rs", "fn b() -> crate::d::D {}"),
            ("c/src/d.rs", "use crate::{x::X, a::{self, A}};"),
        ];
        assert_eq!(found(&three), ["c/src/a.rs:1: 3 files import each other: a, b, d"]);
    }

    /// The parent of two modules names what they have, which is no reason for them to know each other.
    #[test]
    fn what_is_passed_on_comes_from_where_it_is() {
        let tree = [
            ("c/src/room/mod.rs", "mod one;\nmod two;\npub(crate) use one::One;\nuse two::Two;"),
            ("c/src/room/one.rs", ""),
            ("c/src/room/two.rs", "use super::One;\nuse crate::room::One;"),
        ];
        assert_eq!(found(&tree), [""; 0]);
    }

    #[test]
    fn tests_and_comments_import_nothing() {
        let tree = [
            ("c/src/a.rs", "use crate::b::B;\n#[cfg(test)]\nmod tests {\n    use crate::d::D;\n}"),
            ("c/src/b.rs", "use crate::d::D;"),
            ("c/src/d.rs", "// use crate::a::A;"),
        ];
        assert_eq!(found(&tree), [""; 0]);
    }
}
