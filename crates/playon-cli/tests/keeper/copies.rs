//! Copies of a room that end the process, or from which the game does not come back: the other rooms stand still for a
//! moment, once, and the room stays where it is.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::rig::Rig;
use super::rooms_at_rest::{SLEEPER, Visitor, asleep, release, text, until_at_rest};

/// How long the other rooms may stand still: a process starts, and a thread that hangs is noticed.
const STANDSTILL: Duration = Duration::from_secs(8);

fn rooms(rig: &Rig) -> Vec<Value> {
    let mut rooms = rig.json(&["rooms"]).as_array().cloned().unwrap_or_default();
    rooms.sort_by(|a, b| text(a, "id").cmp(text(b, "id")));
    rooms
}

/// Where the room of that name runs.
fn release_of(rig: &Rig, name: &str) -> String {
    let rooms = rooms(rig);
    let room = rooms.iter().find(|room| text(room, "name") == name);
    room.map(|room| text(room, "release").to_owned()).unwrap_or_default()
}

/// Everybody says a word and is answered in time.
async fn all_play(rig: &Rig, visitors: &mut [Visitor], why: &str) {
    for visitor in visitors {
        let begun = Instant::now();
        visitor.say(1).await;
        assert!(begun.elapsed() < STANDSTILL, "{why}: {:?}\n{}", begun.elapsed(), rig.log());
    }
}

/// How many workers of that release have ended before they were told to.
fn lost(rig: &Rig, label: &str) -> usize {
    let log = rig.log();
    let of_release = |line: &&str| line.contains("worker ended") && line.contains(label);
    log.lines().filter(of_release).filter(|line| !line.contains("not wanted")).count()
}

#[tokio::test]
async fn a_deploy_stops_at_a_room_whose_copy_ends_the_process_and_the_others_play_on() {
    let rig = Rig::start_with(&["--release", SLEEPER]);
    let mut named = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        let mut visitor = Visitor::enter(&rig, name).await;
        visitor.say(1).await;
        named.push((name, visitor));
    }
    // A deploy is checked with the first of them.
    let last = text(rooms(&rig).last().unwrap(), "name").to_owned();
    let bad = named.iter().position(|(name, _)| *name == last).unwrap();
    let (_, mut bad) = named.remove(bad);
    bad.say(2).await;
    let mut others: Vec<Visitor> = named.into_iter().map(|(_, visitor)| visitor).collect();
    let begun = Instant::now();
    let shipped = rig.playon(&["deploy", &release(&rig, "12", "#"), "--now", "--json"]);
    let took = begun.elapsed();
    assert_eq!(shipped.status.code(), Some(1), "{}", rig.log());
    let deploy = serde_json::from_slice::<Value>(&shipped.stdout).unwrap()["deploy"].clone();
    let reason = text(&deploy, "reason");
    assert_eq!(text(&deploy, "phase"), "stopped", "{deploy}");
    assert!(reason.contains("PLY-0620") && reason.contains("killed by SIGABRT"), "{reason}");
    assert!(took < STANDSTILL, "{took:?}");
    assert_eq!(deploy["rooms_moved"], 4, "{deploy}");
    all_play(&rig, &mut others, "after the deploy").await;
    assert_eq!(bad.say(1).await, (3, 0), "it plays on where it was");
    assert_eq!(lost(&rig, "sleeper-12-"), 2, "among others, and alone: {}", rig.log());
}

#[tokio::test]
async fn a_room_at_rest_whose_copy_ends_the_process_wakes_where_it_was_and_is_left_there() {
    for deed in ["#", "~"] {
        let rig = Rig::start_with(&["--release", SLEEPER]);
        let mut others = Vec::new();
        for name in ["a", "b", "c"] {
            let mut visitor = Visitor::enter(&rig, name).await;
            visitor.say(1).await;
            others.push(visitor);
        }
        for name in ["x", "y", "z"] {
            Visitor::visit(&rig, name, 1).await;
        }
        until_at_rest(&rig, 3);
        let listed = asleep(&rig, &[])["rooms"].clone();
        let bad =
            text(listed.as_array().and_then(|rooms| rooms.last()).unwrap(), "name").to_owned();
        Visitor::visit(&rig, &bad, 2).await;
        until_at_rest(&rig, 3);
        let path = release(&rig, "12", deed);
        let deploy = rig.json(&["deploy", &path, "--now"])["deploy"].clone();
        assert_eq!(
            (text(&deploy, "phase"), &deploy["rooms_moved"]),
            ("done", &3.into()),
            "{deploy}"
        );
        all_play(&rig, &mut others, "before it wakes").await;
        let mut visitor = Visitor::enter(&rig, &bad).await;
        all_play(&rig, &mut others, "while it wakes").await;
        rig.until_log(if deed == "#" { "PLY-0620" } else { "PLY-0307" });
        all_play(&rig, &mut others, "afterwards").await;
        assert_eq!(visitor.say(1).await, (3, 0), "{deed}: it is in use where it was");
        assert_eq!(release_of(&rig, &bad), "playon-sleeper");
        // A copy that ended its process was tried alone as well, and nobody has it tried again.
        let expected = if deed == "#" { 2 } else { 1 };
        assert_eq!(lost(&rig, "sleeper-12-"), expected, "{}", rig.log());
    }
}
