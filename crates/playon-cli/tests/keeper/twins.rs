//! The same deploy asked for twice, and commands that end before their deploy does.

use std::process::{Child, Command, Output, Stdio};

use playon_client::{JoinOptions, Room, join};
use rustix::process::Signal;
use serde_json::Value;
use tokio::time::timeout;

use super::deeds::DEEDS;
use super::rig::{FIRST, PATIENCE, PLAYON, Rig, SECOND, kill};

/// A keeper with a room in the middle of a round that does not end by itself, and its player.
pub(crate) async fn in_a_round() -> (Rig, Room<String, u64, (u64, String)>) {
    let rig = Rig::start_with(&["--release", DEEDS]);
    let options = JoinOptions::new(rig.url(), "hall").name("round");
    let mut player = timeout(PATIENCE, join(options)).await.unwrap().unwrap();
    player.send(&"word".to_owned()).await.unwrap();
    (rig, player)
}

pub(crate) fn begin(rig: &Rig, args: &[&str]) -> Child {
    let mut command = Command::new(PLAYON);
    command.args(args).arg("--data").arg(rig.data()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Waits until the command has said that, and gives what it said until then.
pub(crate) fn until_said(child: &mut Child, text: &str) -> String {
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
    let next = rig.another("next", DEEDS, "#");
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
async fn the_label_of_what_was_refused_passes_on_to_what_is_mended() {
    let rig = Rig::start_with(&["--release", &format!("v1={FIRST}")]);
    let broken = rig.script("broken", "#!/bin/sh\nexit 3\n");
    let broken = broken.to_str().unwrap();
    let deploy = |what: &str, label: &str| rig.playon(&["deploy", what, "--label", label, "--now"]);
    assert_eq!(deploy(broken, "v2").status.code(), Some(1));
    let mended = deploy(SECOND, "v2");
    assert_eq!(mended.status.code(), Some(0), "{}", said(&mended));
    let hash = said(&mended).lines().find_map(|line| {
        let rest = line.strip_prefix("the label v2 passes on from ")?;
        rest.strip_suffix(", which never ran a room").map(str::to_owned)
    });
    let hash = hash.unwrap_or_else(|| panic!("{}", said(&mended)));
    let labels = |rig: &Rig| {
        let releases = rig.json(&["releases"]);
        let labels = releases.as_array().unwrap().iter();
        let labels = labels.map(|one| one["label"].as_str().unwrap().to_owned());
        labels.collect::<std::collections::BTreeSet<_>>()
    };
    let expected = ["v1", "v2", hash.as_str()].map(str::to_owned).into();
    assert_eq!(labels(&rig), expected);
    assert_eq!(rig.status()["current"], "v2");
    // What has run rooms, or could still, keeps its label.
    for label in ["v1", "v2"] {
        let refused = deploy(&rig.another("other", FIRST, "#"), label);
        assert_eq!(refused.status.code(), Some(4));
        assert!(said(&refused).contains("PLY-0510"), "{}", said(&refused));
    }
    rig.signal(Signal::KILL);
    let rig = rig.restart();
    assert_eq!(labels(&rig), expected, "the next keeper calls them the same");
}

#[tokio::test]
async fn a_keeper_whose_first_release_was_refused_takes_the_mended_one_under_its_label() {
    let dir = tempfile::tempdir().unwrap();
    let broken = dir.path().join("broken");
    std::fs::write(&broken, "#!/bin/sh\nexit 3\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&broken, mode).unwrap();
    let mut rig = Rig::start_broken(&["--release", &format!("v1={}", broken.display())]);
    rig.until("it is refused", |status| status["deploy"]["phase"] == "reverted");
    assert!(rig.terminate().success());
    let rig = rig.restart_with(&["--release", &format!("v1={SECOND}")]);
    rig.until_ready();
    assert_eq!(rig.status()["current"], "v1");
}

#[tokio::test]
async fn a_command_that_is_ended_says_that_its_deploy_goes_on() {
    let (mut rig, _player) = in_a_round().await;
    let next = rig.another("next", DEEDS, "#");
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
