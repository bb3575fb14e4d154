//! `docs/hostile-input.md` names a test for each case: each must be there.

#![allow(clippy::unwrap_used, reason = "what cannot be had here fails the test")]

use std::fs;
use std::path::Path;

/// The names in the last column of the page's tables.
fn named(page: &str) -> Vec<String> {
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| case"));
    let cells = rows.map(|row| row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap());
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// All Rust sources below a folder, one after the other.
fn sources(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            all.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_case_of_hostile_input_has_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/hostile-input.md")).unwrap();
    let names = named(&page);
    assert!(names.len() > 40, "{} names were found", names.len());
    let mut all = String::new();
    sources(&root.join("crates"), &mut all);
    let missing: Vec<_> =
        names.iter().filter(|name| !all.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
