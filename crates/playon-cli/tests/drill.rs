//! The drill with real processes: small, but the whole path.

use std::process::Command;

/// Runs a drill and returns its JSON. How long pauses are on a busy machine is no matter of this test.
fn drill(line: &str) -> serde_json::Value {
    let output = Command::new(env!("CARGO_BIN_EXE_playon"))
        .arg("drill")
        .args(line.split_whitespace())
        .args(["--json", "--pause-p99-ms", "2000", "--pause-max-ms", "10000"])
        .output()
        .expect("the command that this test was built with");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {text} {errors}", output.status);
    serde_json::from_str(&text).expect("a success prints one JSON object")
}

#[test]
fn rooms_move_under_players_and_nobody_notices() {
    let outcome = drill("deploy --rooms 6 --players 2 --seconds 9 --deploy-every 1.5 --seed 11");
    assert_eq!(outcome["ok"], true);
    assert_eq!(outcome["seed"], 11);
    assert!(outcome["deploys"].as_u64() >= Some(3), "{outcome}");
    assert!(outcome["rooms_moved"].as_u64() >= Some(18), "{outcome}");
    assert_eq!(outcome["sockets_closed"], 0);
}

#[test]
fn workers_are_killed_and_nothing_is_lost() {
    let outcome = drill("crash-worker --rooms 6 --players 2 --seconds 16 --seed 12");
    assert!(outcome["kills"].as_u64() >= Some(2), "{outcome}");
    assert_eq!(outcome["sockets_closed"], 0);
}

#[test]
fn the_keeper_is_killed_and_nothing_is_lost() {
    let outcome = drill("crash-keeper --rooms 6 --players 2 --seconds 16 --seed 13");
    assert!(outcome["kills"].as_u64() >= Some(1), "{outcome}");
    assert!(outcome["recovery_ms"]["count"].as_u64() > Some(0), "{outcome}");
}
