//! The drill with real processes: small, but the whole path.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// Runs a drill and returns its JSON. How long pauses are on a busy machine is no matter of this test.
fn drill(line: &str) -> serde_json::Value {
    let output = run(line);
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {text} {errors}", output.status);
    serde_json::from_str(&text).expect("a success prints one JSON object")
}

fn run(line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_playon"))
        .arg("drill")
        .args(line.split_whitespace())
        .args(["--json", "--pause-p99-ms", "2000", "--pause-max-ms", "10000"])
        .output()
        .expect("the command that this test was built with")
}

#[test]
fn rooms_move_under_players_and_nobody_notices() {
    let outcome = drill("deploy --rooms 6 --players 2 --seconds 9 --deploy-every 1.5 --seed 11");
    assert_eq!(outcome["ok"], true);
    assert_eq!(outcome["seed"], 11);
    assert!(outcome["deploys"].as_u64() >= Some(3), "{outcome}");
    assert!(outcome["rooms_moved"].as_u64() >= Some(18), "{outcome}");
    assert_eq!(outcome["sockets_closed"], 0);
    // Nearly all of 12 players' views, 20 a second: what the books compare is what was put together.
    assert!(outcome["views_delta"].as_u64() >= Some(500), "{outcome}");
    assert!(outcome["handoff_gap_ms"]["count"].as_u64() >= Some(18), "{outcome}");
    for window in [&outcome, &outcome["baseline"]] {
        assert!(window["machine"]["late_ms"]["count"].as_u64() > Some(100), "{outcome}");
        assert!(window["machine"]["sync_ms"]["count"].as_u64() > Some(10), "{outcome}");
    }
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

#[test]
fn rooms_that_go_back_lose_what_players_are_told_and_nothing_else() {
    let crash = "crash-keeper --rooms 6 --players 2 --seconds 22 --inputs-per-second 20 --seed 16";
    let outcome = drill(&format!("{crash} --survives worker-crash"));
    assert!(outcome["kills"].as_u64() >= Some(2), "{outcome}");
    // 24 rollbacks by up to a second of 20 inputs: that nobody lost anything would be a wonder.
    assert!(outcome["inputs_told_lost"].as_u64() > Some(0), "{outcome}");
    assert_eq!(outcome["inputs_lost"], 0);
}

#[test]
fn the_disk_breaks_in_every_way_and_nothing_is_lost() {
    let outcome = drill("disk --rooms 4 --players 2 --seconds 30 --deploy-every 2 --seed 14");
    let ends = outcome["ends"].as_object().expect("an object");
    for fault in ["full", "sync-fails", "read-only"] {
        let of_store = format!("keeper, disk {fault}: PLY-02");
        assert!(ends.keys().any(|end| end.starts_with(&of_store)), "{outcome}");
    }
}

#[test]
fn those_who_misbehave_are_not_felt_by_others() {
    let outcome = drill("slow --rooms 4 --players 2 --seconds 16 --seed 15");
    assert_eq!(outcome["storms"], 2);
    assert!(outcome["ends"]["flood: 4907"].as_u64() >= Some(4), "{outcome}");
    assert!(outcome["ends"]["no HELLO: 4008"].as_u64() >= Some(1), "{outcome}");
}

#[test]
fn a_soak_notices_that_a_release_leaks() {
    let output = run("soak --leak --rooms 6 --players 2 --seconds 24 --deploy-every 60 --seed 16");
    assert_eq!(output.status.code(), Some(1));
    let outcome: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let broken = outcome["broken"].as_array().expect("an array");
    let [leak] = broken.as_slice() else { panic!("{outcome}") };
    assert!(leak.as_str().is_some_and(|leak| leak.starts_with("rss_bytes of a worker")), "{leak}");
}

#[test]
fn a_soak_that_is_ended_by_hand_says_what_it_has_seen() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_playon"))
        .args(["drill", "soak", "--rooms", "2", "--players", "2", "--seconds", "300", "--json"])
        .args(["--deploy-every", "1", "--seed", "17"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command that this test was built with");
    // The first line of progress says that it is under way.
    let mut said = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    while !line.starts_with("soak ") {
        line.clear();
        assert!(said.read_line(&mut line).expect("text") > 0, "it ended early");
    }
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a pid");
    kill_process(pid, Signal::INT).expect("it is there");
    let output = child.wait_with_output().expect("it ends");
    let outcome: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(output.status.success(), "{outcome}");
    assert_eq!(outcome["interrupted"], true);
    assert!(outcome["inputs_sent"].as_u64() > Some(0), "{outcome}");
}
