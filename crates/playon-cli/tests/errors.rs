//! Every error code has its page, every page its code, and the executable knows them all.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use playon_cli::commands::PAGES;

/// Stands for "any code" in tests.
const ANY: &str = "PLY-0000";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All codes in the sources below a folder, tests left out: they make codes up.
fn codes_below(folder: &Path, codes: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !matches!(name.as_str(), "target" | "node_modules" | "dist" | "tests") {
            codes_below(&path, codes);
        } else if path.extension().is_some_and(|ending| ending == "rs" || ending == "ts") {
            let text = fs::read_to_string(&path).unwrap();
            for (at, _) in text.match_indices("PLY-") {
                let code: String = text[at..].chars().take(8).collect();
                if code.len() == 8 && code[4..].bytes().all(|byte| byte.is_ascii_digit()) {
                    codes.insert(code);
                }
            }
        }
    }
}

#[test]
fn codes_and_pages_match() {
    let mut used = BTreeSet::new();
    for folder in ["crates", "games", "clients"] {
        codes_below(&root().join(folder), &mut used);
    }
    used.remove(ANY);
    let pages: BTreeSet<String> = fs::read_dir(root().join("docs/errors"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("PLY-"))
        .collect();
    let without_page: Vec<_> = used.difference(&pages).collect();
    let without_code: Vec<_> = pages.difference(&used).collect();
    assert!(without_page.is_empty(), "codes without a page in docs/errors: {without_page:?}");
    assert!(without_code.is_empty(), "pages of codes that no source uses: {without_code:?}");
    let listed: Vec<_> = PAGES.iter().map(|(code, _)| (*code).to_owned()).collect();
    assert_eq!(
        listed,
        pages.into_iter().collect::<Vec<_>>(),
        "src/commands/pages.rs lists every page in order"
    );
}

#[test]
fn every_page_says_cause_and_remedy() {
    for (code, page) in PAGES {
        assert!(page.starts_with(&format!("# {code}: ")), "{code} has another heading");
        assert!(
            page.contains("\n## Cause\n") && page.contains("\n## Remedy\n"),
            "{code} lacks a part"
        );
    }
}

#[test]
fn explain_prints_the_page() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_playon")).args(["explain", "301"]).output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("# PLY-0301: "));
    let output =
        Command::new(env!("CARGO_BIN_EXE_playon")).args(["explain", "PLY-0000"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
}
