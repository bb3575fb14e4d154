//! A drill must be able to fail: each promise is broken on purpose, and the drill has to say which.

use std::process::Command;

/// Runs a sabotaged drill and returns the names of what it found broken.
fn broken(sabotage: &str, pause_max_ms: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_playon"))
        .args(["drill", "deploy", "--rooms", "1", "--players", "2", "--seconds", "6"])
        .args(["--deploy-every", "1", "--seed", "3", "--json", "--sabotage", sabotage])
        .args(["--pause-p99-ms", "10000", "--pause-max-ms", pause_max_ms])
        .output()
        .expect("the command that this test was built with");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{sabotage}: {errors}");
    let outcome: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let broken = outcome["broken"].as_array().expect("an array");
    let name = |text: &serde_json::Value| text.as_str()?.split(' ').next().map(str::to_owned);
    broken.iter().filter_map(name).collect()
}

#[test]
fn a_lost_input_is_noticed() {
    // Its player waits for it until the end.
    assert_eq!(broken("drop-input", "10000"), ["inputs_lost", "unsettled"]);
}

#[test]
fn an_input_applied_twice_is_noticed() {
    assert_eq!(broken("double-input", "10000"), ["inputs_duplicated"]);
}

#[test]
fn swapped_inputs_are_noticed() {
    assert_eq!(broken("swap-inputs", "10000"), ["inputs_reordered"]);
}

#[test]
fn a_lost_event_is_noticed() {
    assert_eq!(broken("lose-event", "10000"), ["events_lost"]);
}

#[test]
fn a_corrupt_state_is_noticed() {
    assert_eq!(broken("corrupt-state", "10000"), ["state_mismatches"]);
}

#[test]
fn a_corrupt_view_is_noticed() {
    // A byte of one view of one player, of that part of it which is in no player's book.
    assert_eq!(broken("corrupt-view", "10000"), ["state_mismatches"]);
}

#[test]
fn closed_sockets_are_noticed() {
    assert_eq!(broken("close-socket", "10000"), ["sockets_closed"]);
}

#[test]
fn a_long_pause_is_noticed() {
    // The check predicts the pause and nothing is moved, so it is felt only where it is made: in the check itself.
    assert_eq!(broken("long-pause", "1000"), ["tick_pause_ms.max", "rooms_moved"]);
}
