//! Deploys under a player, and deploys that come to nothing.

use rustix::process::Signal;

use super::player::Player;
use super::rig::{FIRST, PATIENCE, PAUSE_BUDGET, Rig, SECOND};
use super::socket::{Socket, encoded, hello, input};

#[tokio::test]
async fn a_deploy_and_its_rollback_move_the_room_under_the_player() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    assert_eq!(player.play(5).await.release, 1);
    for (args, release) in [(vec!["deploy", SECOND, "--now"], 2), (vec!["rollback"], 1)] {
        let deploy = rig.json(&args)["deploy"].clone();
        assert_eq!(
            (deploy["phase"].as_str(), deploy["rooms_moved"].as_u64()),
            (Some("done"), Some(1)),
            "{deploy}"
        );
        for number in ["sockets_closed", "inputs_lost", "inputs_applied_twice"] {
            assert_eq!(deploy[number], 0, "{deploy}");
        }
        assert!(deploy["pause_ms"]["max"].as_f64() > Some(0.0), "{deploy}");
        let view = player.until(|view| view.release == release).await;
        assert_eq!(view.own.count, player.play(0).await.own.count);
        player.play(5).await;
    }
    assert_eq!(player.sockets_closed(), 0);
    let log = rig.log();
    let line = log.lines().find(|line| line.contains("room moved")).unwrap();
    assert!(["room=", "epoch=1", "release="].iter().all(|field| line.contains(field)), "{line}");
}

#[tokio::test]
async fn the_same_executable_twice_is_one_release_and_no_deploy() {
    let rig = Rig::start();
    let output = rig.playon(&["deploy", FIRST]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("PLY-0301"));
    assert_eq!(rig.json(&["releases"]).as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn executables_that_ran_long_ago_are_deleted_and_those_in_use_are_not() {
    let rig = Rig::start_with(&["--release", FIRST, "--set", "keeper.artifacts_max=2"]);
    let mut player = Player::join(&rig, "table").await;
    player.play(3).await;
    let (third, fourth) = (rig.another("third", FIRST, "#"), rig.another("fourth", SECOND, "#"));
    let stored = || {
        let releases = rig.json(&["releases"]);
        let releases = releases.as_array().unwrap().iter().filter(|one| one["stored"] == true);
        let mut labels: Vec<_> =
            releases.map(|one| one["label"].as_str().unwrap().to_owned()).collect();
        labels.sort();
        labels
    };
    for (path, release) in [(SECOND, 2), (third.as_str(), 1), (fourth.as_str(), 2)] {
        assert_eq!(rig.json(&["deploy", path, "--now"])["outcome"], "done");
        player.until(|view| view.release == release).await;
        player.play(3).await;
    }
    // The workers of former releases linger for some seconds, and keep what they run.
    let until = std::time::Instant::now() + PATIENCE;
    while stored() != ["fourth", "third"] {
        assert!(std::time::Instant::now() < until, "{:?}", stored());
        player.play(1).await;
    }
    assert_eq!(std::fs::read_dir(rig.data().join("artifacts")).unwrap().count(), 2);
    let refused = rig.playon(&["deploy", "playon-drill-r1", "--now"]);
    assert_eq!(refused.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("PLY-0513"));
    assert_eq!(rig.json(&["rollback"])["outcome"], "done");
    player.until(|view| view.release == 1).await;
    assert_eq!(rig.json(&["deploy", SECOND, "--now"])["outcome"], "done");
    player.until(|view| view.release == 2).await;
    player.play(3).await;
    assert_eq!(player.sockets_closed(), 0);
}

/// Deploys something that cannot work; the room must go on.
async fn refused(name: &str, text: &str, code: &str) {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(3).await;
    let path = rig.script(name, text);
    let output = rig.playon(&["deploy", path.to_str().unwrap(), "--now", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let deploy = &told["deploy"];
    assert_eq!((&told["outcome"], &deploy["phase"]), (&"reverted".into(), &"reverted".into()));
    assert!(deploy["reason"].as_str().unwrap().starts_with(code), "{deploy}");
    assert_eq!(player.play(3).await.release, 1);
    assert_eq!(player.sockets_closed(), 0);
    assert_eq!(rig.status()["current"], "playon-drill-r1");
}

#[tokio::test]
async fn what_cannot_be_executed_is_refused() {
    refused("broken", "\u{7f}ELF is not enough", "PLY-0412").await;
}

#[tokio::test]
async fn what_exits_at_once_is_refused() {
    refused("hasty", "#!/bin/sh\necho nothing to do\nexit 3\n", "PLY-0405").await;
}

#[tokio::test]
async fn what_never_attaches_is_refused() {
    refused("mute", "#!/bin/sh\nexec sleep 1000\n", "PLY-0413").await;
}

#[tokio::test]
async fn what_needs_an_interpreter_that_is_not_there_is_refused() {
    refused("stray", "#!/no/such/interpreter\n", "PLY-0412").await;
}

#[tokio::test]
async fn what_is_not_a_worker_and_ends_well_is_refused() {
    refused("happy", "#!/bin/sh\nexit 0\n", "PLY-0405").await;
}

#[tokio::test]
async fn a_keeper_killed_in_a_deploy_finishes_or_reverts_it() {
    let mut rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(5).await;
    let mut deploy = std::process::Command::new(super::rig::PLAYON)
        .args(["deploy", SECOND, "--now", "--data"])
        .arg(rig.data())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // As soon as the decision to deploy is stored, whatever has happened of it.
    rig.until("the deploy", |status| status["deploy"]["id"] == 2);
    rig.signal(Signal::KILL);
    rig.wait();
    deploy.wait().unwrap();
    let rig = rig.restart();
    rig.until("the deploy's end", |status| status["deploy"]["finished"] == true);
    let status = rig.status();
    let expected = match status["deploy"]["phase"].as_str() {
        Some("done") => 2,
        Some("reverted") => 1,
        other => panic!("{other:?} {status}"),
    };
    for number in ["sockets_closed", "inputs_lost", "inputs_applied_twice", "rooms_waiting"] {
        assert_eq!(status["deploy"][number], 0, "{number}: {status}");
    }
    player.until(|view| view.release == expected).await;
    // Every input once and in order, over the kill and whatever became of the deploy.
    player.play(5).await;
    let room = &rig.json(&["rooms"])[0];
    assert_eq!(room["release"], rig.status()["current"], "the room is where the deploy says");
}

#[tokio::test]
async fn a_pause_over_the_budget_is_a_broken_promise() {
    let rig = Rig::start_with_env(&[(PAUSE_BUDGET, "0")], &["--release", FIRST]);
    let mut player = Player::join(&rig, "table").await;
    player.play(3).await;
    let output = rig.playon(&["deploy", SECOND, "--now", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["outcome"], &told["deploy"]["phase"]), (&"done".into(), &"done".into()));
    assert_eq!(told["deploy"]["pauses_over_budget"], 1);
    assert!(told["broken"][0].as_str().unwrap().contains("pause_budget"), "{told}");
    player.until(|view| view.release == 2).await;
}

#[tokio::test]
async fn a_rollback_says_where_it_leads_before_it_does_anything() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(3).await;
    let refused = rig.playon(&["rollback"]);
    assert_eq!(refused.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("PLY-0512"));
    assert_eq!(rig.json(&["deploy", SECOND, "--now"])["outcome"], "done");
    let plan = |rig: &Rig| {
        let plan = rig.json(&["rollback", "--plan"]);
        let text = |name: &str| plan[name].as_str().unwrap().to_owned();
        (text("from"), text("to"))
    };
    let (first, second) = ("playon-drill-r1".to_owned(), "playon-drill-r2".to_owned());
    assert_eq!(plan(&rig), (second.clone(), first.clone()));
    assert_eq!(rig.status()["current"], "playon-drill-r2", "a plan moves nothing");
    let told = rig.playon(&["rollback"]);
    let said = String::from_utf8_lossy(&told.stderr);
    assert!(said.contains("playon-drill-r2 -> playon-drill-r1: undoes the deploy 2"), "{said}");
    player.until(|view| view.release == 1).await;
    // A rollback is a deploy: a second one goes forth again, also by another keeper.
    assert_eq!(plan(&rig), (first.clone(), second.clone()));
    rig.signal(Signal::KILL);
    let rig = rig.restart();
    rig.until_ready();
    assert_eq!(plan(&rig), (first, second));
    let named = rig.json(&["rollback", "--to", "playon-drill-r2"])["deploy"].clone();
    assert_eq!((&named["kind"], &named["phase"]), (&"rollback".into(), &"done".into()), "{named}");
    player.until(|view| view.release == 2).await;
    player.play(3).await;
}

#[tokio::test]
async fn nobody_without_a_seat_and_no_rude_client_changes_a_figure_of_a_deploy() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(3).await;
    // It never attaches, so that the deploy takes its time.
    let path = rig.script("mute", "#!/bin/sh\nexec sleep 1000\n");
    let mut deploy = std::process::Command::new(super::rig::PLAYON)
        .args(["deploy", path.to_str().unwrap(), "--now", "--data"])
        .arg(rig.data())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    rig.until("the deploy", |status| status["deploy"]["id"] == 2);
    // A client that leaves a number out, a link to a room that is not there, and somebody who speaks no protocol.
    let (mut rude, _) = Socket::seated(&rig, hello("table")).await;
    rude.send_raw(tokio_tungstenite::tungstenite::Message::Binary(encoded([input(2)]).into()))
        .await;
    assert_eq!(rude.ended().await.0, 4410);
    let nowhere = playon_wire::player::ClientHello {
        room: Some(playon_types::ids::RoomId([9; 16])),
        ..hello("")
    };
    let mut stale = Socket::open(&rig).await;
    stale.send([playon_wire::player::ClientFrame::Hello(Box::new(nowhere))]).await;
    assert_eq!(stale.ended().await.0, 4404);
    player.play(3).await;
    deploy.wait().unwrap();
    let deploy = rig.status()["deploy"].clone();
    assert_eq!(deploy["phase"], "reverted", "{deploy}");
    for number in ["sockets_closed", "inputs_lost", "inputs_set_aside", "inputs_applied_twice"] {
        assert_eq!(deploy[number], 0, "{deploy}");
    }
    assert_eq!(player.sockets_closed(), 0);
}

#[tokio::test]
async fn the_same_executable_under_another_label_is_refused() {
    let rig = Rig::start();
    let output = rig.playon(&["deploy", FIRST, "--label", "other"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&output.stderr).contains("PLY-0535"));
    assert_eq!(rig.status()["current"], "playon-drill-r1");
}

#[tokio::test]
async fn a_keeper_starts_although_a_file_of_its_configuration_is_gone_or_another() {
    let mut rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(3).await;
    assert!(rig.terminate().success());
    let gone = rig.file("gone");
    let gone = format!("playon-drill-r1={}", gone.to_str().unwrap());
    let other = format!("playon-drill-r1={SECOND}");
    let rig = rig.restart_with(&["--release", &gone, "--release", &other]);
    rig.until_ready();
    player.play(3).await;
    assert_eq!(rig.status()["current"], "playon-drill-r1");
    assert_eq!(rig.log().matches("PLY-0536").count(), 2, "{}", rig.log());
}

/// What `--json` printed: the same fields whatever came of it.
fn told(output: &std::process::Output) -> serde_json::Value {
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let fields: Vec<_> = told.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["broken", "deploy", "error", "note", "outcome"]);
    assert!(told["note"].is_string() && told["broken"].is_array(), "{told}");
    told
}

#[tokio::test]
async fn json_about_a_deploy_has_one_shape_whatever_comes_of_it() {
    let mut rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(3).await;
    let hasty = rig.script("hasty", "#!/bin/sh\nexit 3\n");
    let hasty = hasty.to_str().unwrap();
    for (args, code, outcome, begun, error) in [
        (vec!["deploy", FIRST], 0, "nothing", false, ""),
        (vec!["deploy", FIRST, "--label", "other"], 4, "refused", false, "PLY-0"),
        (vec!["deploy", "no-such-file"], 2, "misused", false, "PLY-0504"),
        (vec!["rollback"], 4, "refused", false, "PLY-0512"),
        (vec!["rollback", "--to", "no-such-release"], 4, "refused", false, "PLY-0511"),
        (vec!["deploy", hasty, "--now"], 1, "reverted", true, ""),
        (vec!["deploy", SECOND, "--now"], 0, "done", true, ""),
        (vec!["rollback"], 0, "done", true, ""),
    ] {
        let output = rig.playon(&[&args[..], &["--json"]].concat());
        let told = told(&output);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {told}");
        assert_eq!((&told["outcome"], told["deploy"].is_object()), (&outcome.into(), begun));
        let said = told["error"]["code"].as_str().unwrap_or_default();
        assert!(said.starts_with(error) && said.is_empty() == error.is_empty(), "{told}");
        assert_eq!(told["broken"].as_array().unwrap().is_empty(), code != 1, "{told}");
    }
    player.play(3).await;
    assert!(rig.terminate().success());
    let output = rig.playon(&["deploy", SECOND, "--json"]);
    assert_eq!((output.status.code(), &told(&output)["outcome"]), (Some(3), &"unreachable".into()));
}

/// Whatever waits for somebody, or never ends, is no executable.
#[tokio::test]
async fn what_is_no_file_is_refused_at_once_and_named() {
    let rig = Rig::start();
    let pipe = rig.file("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let _socket = std::os::unix::net::UnixListener::bind(rig.file("socket")).unwrap();
    let (pipe, socket, folder) = (pipe, rig.file("socket"), rig.data());
    for (path, what) in [
        (pipe.to_str().unwrap(), "a pipe"),
        (socket.to_str().unwrap(), "a socket"),
        (folder.to_str().unwrap(), "a directory"),
        ("/dev/null", "a device"),
        ("/dev/zero", "a device"),
    ] {
        let refused = rig.playon(&["deploy", path]);
        let said = String::from_utf8_lossy(&refused.stderr);
        let told = format!("PLY-0504 cannot read {path}: it is {what}, not a file");
        assert!(refused.status.code() == Some(2) && said.contains(&told), "{said}");
    }
    // So is a file of the configuration, and a release that the keeper is started with.
    for (args, code) in [(["config", "check"], "PLY-0526"), (["serve", "--release"], "PLY-0504")] {
        let mut command = std::process::Command::new(super::rig::PLAYON);
        command.args(args).arg(&pipe);
        if args[0] == "serve" {
            command.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"]);
            command.arg(rig.file("other"));
        }
        let refused = command.output().unwrap();
        let said =
            String::from_utf8_lossy(&refused.stderr) + String::from_utf8_lossy(&refused.stdout);
        assert!(said.contains(code) && said.contains("it is a pipe, not a file"), "{said}");
    }
    // A folder beside the command that is called like a release is not in its way.
    std::fs::create_dir(rig.file("playon-drill-r1")).unwrap();
    let mut command = std::process::Command::new(super::rig::PLAYON);
    command.current_dir(rig.file("")).args(["deploy", "playon-drill-r1", "--data"]).arg(rig.data());
    assert!(command.output().unwrap().status.success());
}
