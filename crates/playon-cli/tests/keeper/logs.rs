//! The log of a keeper: JSON lines that can be searched, and levels that change while it runs.

use rustix::process::Signal;
use serde_json::Value;

use super::player::Player;
use super::rig::{FIRST, Rig, SECOND, kill};

/// The lines of the log; each must be an object.
fn lines(rig: &Rig) -> Vec<Value> {
    let log = rig.log();
    let whole = &log[..log.rfind('\n').map_or(0, |end| end + 1)];
    let lines = whole.lines().map(|line| {
        let parsed = serde_json::from_str::<Value>(line);
        parsed.unwrap_or_else(|error| panic!("not JSON: {error}: {line}"))
    });
    lines.collect()
}

fn about<'a>(lines: &'a [Value], message: &str) -> Option<&'a Value> {
    lines.iter().find(|line| line["message"] == message)
}

#[tokio::test]
async fn every_json_line_about_a_room_names_room_epoch_and_release() {
    let rig = Rig::start_with(&[
        "--release",
        FIRST,
        "--log-format",
        "json",
        "--log-level",
        "info,playon_keeper=debug",
    ]);
    let mut player = Player::join(&rig, "table").await;
    player.play(5).await;
    let room = rig.json(&["rooms"])[0]["id"].as_str().unwrap().to_owned();
    let first = rig.status()["current"].clone();
    assert!(rig.playon(&["deploy", SECOND, "--now"]).status.success());
    player.play(5).await;
    // The worker of the release before is still there for a while.
    let status = rig.status();
    let workers = status["workers"].as_array().unwrap();
    let running = workers.iter().find(|worker| worker["release"] == status["current"]).unwrap();
    kill(u32::try_from(running["pid"].as_u64().unwrap()).unwrap(), Signal::KILL);
    player.play(5).await;
    rig.until("the room's return is logged", |_| {
        about(&lines(&rig), "room is live again").is_some()
    });
    let lines = lines(&rig);
    let mut rooms = 0;
    for line in &lines {
        for field in ["timestamp", "level", "target"] {
            assert!(line[field].is_string(), "no {field}: {line}");
        }
        if line.to_string().contains(&room) {
            assert_eq!(line["room"], room.as_str(), "{line}");
        }
        if line["room"].is_null() {
            continue;
        }
        rooms += 1;
        assert_eq!(line["epoch"], 1, "{line}");
        assert!(line["release"].as_str().is_some_and(|release| !release.is_empty()), "{line}");
    }
    assert!(rooms > 5, "{lines:?}");
    assert_eq!(about(&lines, "room changed").unwrap()["level"], "DEBUG");
    let second = rig.status()["current"].clone();
    assert_ne!(first, second);
    assert_eq!(about(&lines, "room is live again").unwrap()["release"], second);
}

#[tokio::test]
async fn levels_change_while_the_keeper_runs() {
    let rig = Rig::start_with(&["--release", FIRST, "--log-format", "json", "--log-level", "info"]);
    let told = |args: &[&str]| {
        let output = rig.playon(args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(told(&["log", "show"]), "info");
    let mut player = Player::join(&rig, "quiet").await;
    player.play(1).await;
    assert!(about(&lines(&rig), "room changed").is_none());
    assert_eq!(told(&["log", "set", "warn,playon_keeper=debug"]), "playon_keeper=debug,warn");
    let mut player = Player::join(&rig, "loud").await;
    player.play(1).await;
    rig.until("a debug line", |_| about(&lines(&rig), "room changed").is_some());
    let refused = rig.playon(&["log", "set", "no=such=level"]);
    assert_eq!(refused.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("PLY-0531"));
    assert_eq!(told(&["log", "show"]), "playon_keeper=debug,warn");
}
