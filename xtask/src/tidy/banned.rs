//! Names that may not appear.

use super::Problem;
use super::code::{Language, strip};
use super::tree::Tree;

/// The rules, and the words they are written in.
const CORE: [&str; 2] = ["crates/playon-core/", "crates/playon-types/"];

/// What would make the core depend on more than its inputs, and what to use in its place.
const IN_CORE: [(&str, &str); 16] = [
    ("tokio", "the core has no runtime"),
    ("Instant", "time is an argument: `now: Time`"),
    ("SystemTime", "time is an argument: `now: Time`"),
    ("rand", "use playon_types::rng::Rng, seeded by the caller"),
    ("getrandom", "use playon_types::rng::Rng, seeded by the caller"),
    ("std::fs", "the core has no I/O: hand out an effect"),
    ("std::io", "the core has no I/O: hand out an effect"),
    ("std::net", "the core has no I/O: hand out an effect"),
    ("std::env", "configuration is an argument"),
    ("std::process", "the core starts nothing: hand out an effect"),
    ("std::thread", "a machine belongs to one thread, which the caller has"),
    ("HashMap", "its order is random: use BTreeMap"),
    ("HashSet", "its order is random: use BTreeSet"),
    ("RandomState", "its order is random"),
    ("println!", "the core has no terminal: hand out a report"),
    ("eprintln!", "the core has no terminal: hand out a report"),
];

const SIM: &str = "crates/playon-sim/src/";
/// Where the simulator meets the machine: many seeds at once, progress, files of scenarios.
const SIM_OUTSIDE: [&str; 2] = ["crates/playon-sim/src/cli/", "crates/playon-sim/src/mutants.rs"];

/// What would make a seed mean something else the next time.
const IN_SIM: [(&str, &str); 8] = [
    ("tokio", "a simulated world has one thread"),
    ("Instant", "time is simulated"),
    ("SystemTime", "time is simulated"),
    ("rand", "all chance comes from the seed: use playon_types::rng"),
    ("std::thread", "a simulated world has one thread"),
    ("HashMap", "its order is random: use BTreeMap"),
    ("HashSet", "its order is random: use BTreeSet"),
    ("RandomState", "its order is random"),
];

/// What is never finished work.
const IN_RUST: [(&str, &str); 4] = [
    ("todo!", "finish it or return an error"),
    ("unimplemented!", "finish it or return an error"),
    ("dbg!", "it was meant to be taken out again"),
    ("#[ignore", "a test that is not run is not a test"),
];

const IN_SCRIPT: [(&str, &str); 4] = [
    (".only(", "the other tests would not run"),
    (".skip(", "a test that is not run is not a test"),
    (".todo(", "a test that is not run is not a test"),
    ("debugger", "it was meant to be taken out again"),
];

/// Places on somebody's machine. Written in two parts, as this file is searched as well.
const PLACES: [&str; 4] =
    [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/"), concat!("/Us", "ers/")];

/// Where the two lists of packages may say they come from.
const REGISTRIES: [&str; 2] =
    ["registry+https://github.com/rust-lang/crates.io-index", "https://registry.npmjs.org/"];

/// The core is pure.
pub(crate) fn core(tree: &Tree) -> Vec<Problem> {
    let pure = |path: &str| CORE.iter().any(|place| path.starts_with(place));
    let sources = tree.written(&[".rs", ".toml"]).filter(|(path, _)| pure(path));
    sources.flat_map(|(path, text)| search(path, text, &IN_CORE)).collect()
}

/// A seed always means the same.
pub(crate) fn simulator(tree: &Tree) -> Vec<Problem> {
    let inside = |path: &str| {
        path.starts_with(SIM) && !SIM_OUTSIDE.iter().any(|outside| path.starts_with(outside))
    };
    let sources = tree.written(&[".rs"]).filter(|(path, _)| inside(path));
    sources.flat_map(|(path, text)| search(path, text, &IN_SIM)).collect()
}

/// Nothing unfinished, nothing that names a machine.
pub(crate) fn everywhere(tree: &Tree) -> Vec<Problem> {
    let rust = tree.written(&[".rs"]).flat_map(|(path, text)| search(path, text, &IN_RUST));
    let script = tree
        .written(&[".ts", ".js", ".mjs"])
        .flat_map(|(path, text)| search(path, text, &IN_SCRIPT));
    let places = tree.files().flat_map(|(path, text)| machine(path, text));
    rust.chain(script).chain(places).collect()
}

fn search(path: &str, text: &str, banned: &[(&str, &str)]) -> Vec<Problem> {
    let code =
        if path.ends_with(".toml") { text.to_owned() } else { strip(text, Language::of(path)) };
    let mut problems = Vec::new();
    for (number, line) in code.lines().enumerate() {
        for (name, instead) in banned.iter().filter(|(name, _)| whole(line, name)) {
            problems.push(Problem::new(path, number + 1, format!("`{name}`: {instead}")));
        }
    }
    problems
}

/// Whether a name stands in a line by itself, not as a part of another.
fn whole(line: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let edge = |end: Option<char>, beside: Option<char>| {
        !(end.is_some_and(word) && beside.is_some_and(word))
    };
    line.match_indices(name).any(|(at, _)| {
        edge(name.chars().next(), line[..at].chars().last())
            && edge(name.chars().last(), line[at + name.len()..].chars().next())
    })
}

fn machine(path: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for place in PLACES.iter().filter(|place| begins(line, place)) {
            problems.push(Problem::new(
                path,
                number + 1,
                format!("`{place}..` is a place on one machine"),
            ));
        }
        let source = line
            .trim()
            .strip_prefix("source = \"")
            .or_else(|| line.trim().strip_prefix("\"resolved\": \""));
        if source.is_some_and(|source| !REGISTRIES.iter().any(|known| source.starts_with(known))) {
            problems.push(Problem::new(
                path,
                number + 1,
                "a package from a place that others may not reach",
            ));
        }
    }
    problems
}

/// Whether an absolute path begins with this: `a/root/b` and `https://a/root/` are something else.
fn begins(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line[..at].chars().last();
        !before.is_some_and(|c| c.is_alphanumeric() || "_-.*~}/)".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn found(rule: fn(&Tree) -> Vec<Problem>, path: &str, text: &str) -> Vec<usize> {
        rule(&Tree::of(&[(path, text)])).iter().map(|problem| problem.line).collect()
    }

    #[test]
    fn the_core_may_not_name_clocks_or_random_order() {
        let at = |text| found(core, "crates/playon-core/src/a.rs", text);
        assert_eq!(at("use std::{fs, time::Instant};\nlet a: HashMap<u8, u8>;"), [1, 2]);
        assert_eq!(at("// no HashMap here\nlet operand = \"tokio\"; struct InstantView;"), [0; 0]);
        assert_eq!(found(core, "crates/playon-keeper/src/a.rs", "use tokio::net;"), [0; 0]);
        assert_eq!(found(core, "crates/playon-core/Cargo.toml", "a = 1\ntokio = \"1\""), [2]);
    }

    #[test]
    fn the_simulator_may_not_name_them_either_but_for_its_command_line() {
        let text = "use std::time::Instant;\nlet a: HashSet<u8>;\nstd::thread::yield_now();";
        assert_eq!(found(simulator, "crates/playon-sim/src/world/a.rs", text), [1, 2, 3]);
        assert_eq!(found(simulator, "crates/playon-sim/src/cli/a.rs", text), [0; 0]);
        assert_eq!(found(simulator, "crates/playon-sim/tests/a.rs", text), [0; 0]);
    }

    #[test]
    fn unfinished_work_is_found() {
        let at = |path, text| found(everywhere, path, text);
        assert_eq!(at("a.rs", "todo!()\n#[ignore = \"slow\"]\n// todo!()\nmy_todo!()"), [1, 2]);
        assert_eq!(at("a.test.ts", "test.only('a', () => {});\nlist.skipped(1);"), [1]);
    }

    #[test]
    fn places_of_one_machine_are_found() {
        let at = |path: &str, text: &str| found(everywhere, path, text);
        let place = format!("see {}x/y\n", PLACES[2]);
        assert_eq!(at("a.md", &place), [1]);
        assert_eq!(at("a.md", &format!("https://a.example{}x", PLACES[1])), [0; 0]);
    }

    #[test]
    fn packages_come_from_where_everyone_gets_them() {
        let at = |path: &str, text: &str| found(everywhere, path, text);
        assert_eq!(at("Cargo.lock", "source = \"registry+https://mirror.example/index\"\n"), [1]);
        assert_eq!(at("Cargo.lock", &format!("source = \"{}\"\n", REGISTRIES[0])), [0; 0]);
        assert_eq!(
            at("package-lock.json", "  \"resolved\": \"https://mirror.example/a.tgz\",\n"),
            [1]
        );
    }
}
