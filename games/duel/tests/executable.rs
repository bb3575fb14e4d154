//! The executable without a keeper, and with one that does not answer.

// In tests a failed step is a failed test.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

fn run(vars: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duel"));
    command.env_remove("PLAYON_ATTACH").env_remove("PLAYON_SECRET").envs(vars.iter().copied());
    let Output { status, stderr, stdout } = command.output().unwrap();
    assert_eq!(stdout, b"");
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn alone_it_says_how_to_be_run() {
    let (code, said) = run(&[]);
    assert_eq!(code, Some(2));
    assert!(said.contains("playon serve") && said.contains("playon deploy"), "{said}");
}

#[test]
fn without_its_keeper_it_ends() {
    let secret = "07".repeat(32);
    let (code, said) =
        run(&[("PLAYON_ATTACH", "/nowhere/attach.sock"), ("PLAYON_SECRET", &secret)]);
    assert_eq!(code, Some(1));
    assert!(said.starts_with("PLY-0420 cannot attach to /nowhere/attach.sock"), "{said}");
    let (code, said) = run(&[("PLAYON_ATTACH", "/nowhere/attach.sock"), ("PLAYON_SECRET", "07")]);
    assert_eq!(code, Some(1));
    assert!(said.contains("PLAYON_SECRET"), "{said}");
}
