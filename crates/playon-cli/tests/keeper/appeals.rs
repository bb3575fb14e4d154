//! A release on probation is held to account for what it fails on, and not for what the release before fails on as well.

use serde_json::Value;

use super::deeds::{Culprit, DEEDS, enter};
use super::rig::Rig;

/// Two rooms on a release that has just been shipped. The executable of it ends with the mark.
async fn shipped(mark: &str) -> (Rig, [Culprit; 2]) {
    let rig = Rig::start_with(&["--release", DEEDS]);
    let mut players =
        [enter(&rig, "one", None).await.unwrap(), enter(&rig, "two", None).await.unwrap()];
    for player in &mut players {
        player.play().await;
    }
    let next = rig.another("next", DEEDS, mark);
    let deploy = rig.json(&["deploy", &next, "--now"]);
    assert_eq!(deploy["deploy"]["rooms_moved"], 2, "{deploy}");
    (rig, players)
}

fn rooms_on(rig: &Rig, label: &str) -> usize {
    let rooms = rig.json(&["rooms"]);
    let on = |room: &&Value| room["release"] == label;
    rooms.as_array().unwrap().iter().filter(on).count()
}

/// How often what was set aside has been tried on the release before, and failed there or not.
fn heard(rig: &Rig, too: bool) -> usize {
    let log = rig.log();
    let line = "what it fails on is tried on the release before";
    let verdict = format!("too={too}");
    log.lines().filter(|l| l.contains(line) && l.contains(&verdict)).count()
}

#[tokio::test]
async fn inputs_that_fail_on_both_releases_are_set_aside_and_the_release_stays() {
    let (rig, mut players) = shipped("#").await;
    for (player, deeds) in players.iter_mut().zip([["panic", "abort"], ["loop", "panic"]]) {
        for deed in deeds {
            let guilty = player.say(deed).await;
            player.play().await;
            assert_eq!(player.set_aside.pop(), Some(guilty), "{deed}");
        }
    }
    rig.until("all four are tried on the release before", |_| heard(&rig, true) == 4);
    assert_eq!(heard(&rig, false), 0, "{}", rig.log());
    let status = rig.status();
    assert_eq!(
        (&status["deploy"]["kind"], &status["deploy"]["phase"]),
        (&"deploy".into(), &"done".into())
    );
    assert_eq!(rooms_on(&rig, "next"), 2, "{}", rig.log());
}

#[tokio::test]
async fn a_room_that_fails_by_itself_on_both_releases_is_halted_and_the_release_stays() {
    let (rig, mut players) = shipped("#").await;
    players[0].say("timer:panic").await;
    rig.until_log("room is not run any more");
    assert_eq!(heard(&rig, false), 0, "{}", rig.log());
    assert!(heard(&rig, true) > 0, "{}", rig.log());
    assert_eq!(rig.status()["deploy"]["kind"], "deploy");
    assert_eq!(rooms_on(&rig, "next"), 2, "{}", rig.log());
    players[1].play().await;
}

#[tokio::test]
async fn an_input_that_fails_on_the_new_release_alone_takes_all_rooms_back() {
    let (rig, mut players) = shipped("!").await;
    let guilty = players[0].say("bug").await;
    players[0].play().await;
    assert_eq!(players[0].set_aside, [guilty]);
    rig.until("the keeper has gone back", |status| {
        status["deploy"]["kind"] == "automatic rollback" && status["deploy"]["phase"] == "done"
    });
    assert_eq!((heard(&rig, false), rooms_on(&rig, "next")), (1, 0), "{}", rig.log());
    for player in &mut players {
        player.play().await;
    }
}
