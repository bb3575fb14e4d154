//! The page of every error code has all its parts, and the executable shows it. That each code has one is checked by `cargo xtask tidy`.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

use std::process::Command;

use playon_cli::commands::PAGES;

#[test]
fn every_page_says_cause_and_remedy() {
    for (code, page) in PAGES {
        let heading = format!("# {code}: {}\n", code.title().unwrap());
        assert!(page.starts_with(&heading), "{code} has another heading");
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
