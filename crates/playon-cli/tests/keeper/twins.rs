//! The same deploy asked for twice, and commands that end before their deploy does.

use std::process::{Child, Command, Output, Stdio};

use playon_client::{JoinOptions, Room, join};
use rustix::process::Signal;
use serde_json::Value;
use tokio::time::timeout;

use super::deeds::DEEDS;
use super::rig::{PATIENCE, PLAYON, Rig, kill};

/// A keeper with a room in the middle of a round that does not end by itself, and its player.
async fn in_a_round() -> (Rig, Room<String, u64, (u64, String)>) {
    let rig = Rig::start_with(&["--release", DEEDS]);
    let options = JoinOptions::new(rig.url(), "hall").name("round");
    let mut player = timeout(PATIENCE, join(options)).await.unwrap().unwrap();
    player.send(&"word".to_owned()).await.unwrap();
    (rig, player)
}

fn begin(rig: &Rig, args: &[&str]) -> Child {
    let mut command = Command::new(PLAYON);
    command.args(args).arg("--data").arg(rig.data()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Waits until the command has said that, and gives what it said until then.
fn until_said(child: &mut Child, text: &str) -> String {
    use std::io::{BufRead, BufReader};
    let mut said = String::new();
    let mut reader = BufReader::new(child.stderr.take().unwrap());
    while !said.contains(text) {
        assert!(reader.read_line(&mut said).unwrap() > 0, "{text} is not said: {said}");
    }
    // What it says later must have where to go.
    child.stderr = Some(reader.into_inner());
    said
}

fn told(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn two_who_deploy_the_same_wait_for_one_deploy_and_its_one_end() {
    let (rig, _player) = in_a_round().await;
    let next = rig.another("next", DEEDS);
    let mut first = begin(&rig, &["deploy", &next, "--json"]);
    until_said(&mut first, "waits for the end of the round");
    let until = rig.status()["deploy"]["in_round_until_ms"].clone();
    let mut second = begin(&rig, &["deploy", &next, "--label", "next"]);
    until_said(&mut second, "deploy 2 to next is under way already");
    let deploy = rig.status()["deploy"].clone();
    assert_eq!((&deploy["id"], &deploy["in_round_until_ms"]), (&2.into(), &until), "{deploy}");
    // The third is in a hurry, and so are all of them now.
    let third = rig.playon(&["deploy", "next", "--now", "--json"]);
    let (first, second) = (first.wait_with_output().unwrap(), second.wait_with_output().unwrap());
    for output in [&first, &second, &third] {
        assert_eq!(output.status.code(), Some(0), "{}\n{}", said(output), rig.log());
    }
    for output in [&first, &third] {
        let told = told(output);
        assert_eq!((&told["outcome"], &told["deploy"]["id"]), (&"done".into(), &2.into()));
        let deploy = &told["deploy"];
        assert_eq!((&deploy["now"], &deploy["rooms_moved"]), (&true.into(), &1.into()), "{told}");
    }
    assert_eq!(rig.status()["deploy"]["id"], 2, "one deploy");
}

#[tokio::test]
async fn two_who_deploy_what_cannot_work_fail_alike() {
    let rig = Rig::start();
    let path = rig.script("hasty", "#!/bin/sh\nsleep 1\nexit 3\n");
    let both: Vec<Child> =
        (0..2).map(|_| begin(&rig, &["deploy", path.to_str().unwrap(), "--json"])).collect();
    let told: Vec<Value> = both
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{}", said(&output));
            told(&output)
        })
        .collect();
    assert_eq!(told[0]["deploy"]["id"], told[1]["deploy"]["id"], "{told:?}");
    assert!(told.iter().all(|told| told["outcome"] == "reverted"), "{told:?}");
}

#[tokio::test]
async fn a_command_that_is_ended_says_that_its_deploy_goes_on() {
    let (mut rig, _player) = in_a_round().await;
    let next = rig.another("next", DEEDS);
    let patient = ["deploy", next.as_str()];
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let mut child = begin(&rig, &patient);
        until_said(&mut child, "waits for the end of the round");
        kill(child.id(), signal);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        let said = said(&output);
        for part in ["PLY-0610 deploy 2 to next goes on", "playon status", "playon rollback"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    let mut child = begin(&rig, &["deploy", "next", "--json"]);
    until_said(&mut child, "waits for the end of the round");
    kill(child.id(), Signal::INT);
    let told = told(&child.wait_with_output().unwrap());
    assert_eq!((&told["outcome"], &told["deploy"]["id"]), (&"signalled".into(), &2.into()));
    assert_eq!(told["error"]["code"], "PLY-0610", "{told}");
    // The next keeper goes on with it, and whoever wants it joins it there.
    rig.signal(Signal::KILL);
    rig.wait();
    let rig = rig.restart();
    rig.until("the deploy goes on", |status| status["deploy"]["phase"] == "moving");
    let done = rig.json(&["deploy", "next", "--now"]);
    assert_eq!((&done["outcome"], &done["deploy"]["id"]), (&"done".into(), &2.into()), "{done}");
}
