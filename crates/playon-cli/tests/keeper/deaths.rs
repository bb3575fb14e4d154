//! Processes that die. Whoever reads of what came of it, wherever that is said, reads how they died and what they said last.

use rustix::process::Signal;
use serde_json::Value;

use super::deeds::{DEEDS, enter};
use super::player::Player;
use super::rig::{Rig, kill};
use super::rooms_at_rest::{SLEEPER, Visitor, release, text};

/// Everywhere that is said.
fn told_everywhere(rig: &Rig, reason: &str, wanted: &str) {
    assert!(reason.contains(wanted), "{reason}");
    let status = rig.status();
    assert!(text(&status["deploy"], "reason").contains(wanted), "{status}");
    let screen = rig.playon(&["status"]);
    let screen = String::from_utf8_lossy(&screen.stdout).replace('\n', " ");
    assert!(screen.contains(wanted), "{screen}");
    // There a text is quoted.
    let logged = wanted.replace('\\', "\\\\");
    let stored = rig.log();
    let mut stored = stored.lines().filter(|line| line.contains("deploy is stored"));
    assert!(stored.next_back().is_some_and(|line| line.contains(&logged)), "{}", rig.log());
}

#[tokio::test]
async fn a_release_that_dies_at_its_start_is_refused_with_how_it_died() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    let glibc = "libc.so.6: version 'GLIBC_2.99' not found (required by ./game)";
    let ways = [
        ("segv", "kill -SEGV $$", "killed by SIGSEGV; its last line: cannot go on".to_owned()),
        ("code", "exit 3", "exit code 3; its last line: cannot go on".to_owned()),
        (
            "glibc",
            &format!("echo \"{glibc}\" >&2; exit 1"),
            format!("exit code 1; its last line: {glibc}"),
        ),
        (
            "escapes",
            "printf 'red \\033[31m\\n' >&2; exit 4",
            "exit code 4; its last line: red \\u001b[31m".to_owned(),
        ),
    ];
    for (name, way, wanted) in ways {
        let script = format!("#!/bin/sh\necho cannot go on >&2\n{way}\n");
        let path = rig.script(name, &script).to_str().unwrap().to_owned();
        let output = rig.playon(&["deploy", &path, "--now"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        told_everywhere(&rig, &said, &wanted);
    }
    player.play(1).await;
}

#[tokio::test]
async fn a_release_that_dies_of_a_copy_is_refused_with_how_it_died() {
    let rig = Rig::start_with(&["--release", SLEEPER]);
    let mut visitor = Visitor::enter(&rig, "awake").await;
    for _ in 0..3 {
        visitor.say(1).await;
    }
    let refused = rig.playon(&["deploy", &release(&rig, "12", "#"), "--now", "--json"]);
    assert_eq!(refused.status.code(), Some(1), "{}", rig.log());
    let told: Value = serde_json::from_slice(&refused.stdout).unwrap();
    let wanted = "killed by SIGABRT; its last line: three words are too many";
    told_everywhere(&rig, text(&told["deploy"], "reason"), wanted);
    assert_eq!(visitor.say(1).await.1, 0, "it plays on where it was");
}

/// Among others, in a worker of its own, and in the verdict over the release.
#[tokio::test]
async fn what_a_release_on_probation_dies_of_is_told_by_its_room_and_by_its_deploy() {
    let rig = Rig::start_with(&["--release", DEEDS]);
    let mut culprit = enter(&rig, "culprit", None).await.unwrap();
    culprit.play().await;
    rig.json(&["deploy", &rig.another("next", DEEDS, "!"), "--now"]);
    culprit.play().await;
    // Not in the batch that brings the word, so it is the room itself that fails.
    culprit.say("timer:abort-bug").await;
    let wanted = "killed by SIGABRT; its last line: I abort as told";
    rig.until("the way back says what of", |status| {
        let reason = status["deploy"]["reason"].as_str().unwrap_or_default();
        reason.contains("PLY-0313") && reason.contains(wanted)
    });
    let log = rig.log();
    let failed = log.lines().filter(|line| line.contains("room failed") && line.contains(wanted));
    assert!(failed.count() >= 2, "among others and alone: {log}");
    let ended = log.lines().filter(|line| line.contains("worker ended") && line.contains(wanted));
    assert!(ended.count() >= 2, "{log}");
}

#[tokio::test]
async fn who_is_killed_from_outside_is_told_apart_from_whom_the_keeper_kills() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(1).await;
    kill(rig.worker(), Signal::KILL);
    player.play(1).await;
    rig.until_log("killed by SIGKILL, which the keeper did not send");
    kill(rig.worker(), Signal::STOP);
    rig.until_log("killed by the keeper");
    player.play(1).await;
}
