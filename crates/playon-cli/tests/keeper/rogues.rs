//! Workers that lie, stammer or say too much. Whatever they do, the player of another worker's room plays on.

use std::time::{Duration, Instant};

use bytes::Bytes;
use playon_keeper::gateway::named_room;
use playon_types::attach::{Body, Commit, Fault, FromWorker, Ready, Stage};
use playon_types::ids::{Attempt, RoomId, Seq};
use playon_types::kind::KindInfo;
use playon_types::time::Span;
use playon_wire::attach::{LinkSecret, Up, encode_up};
use playon_wire::range::ProtocolRange;

use super::player::Player;
use super::rig::{FIRST, PATIENCE, Rig, SECOND};
use super::rogue::{Rogue, hello, idle_commit};

/// The player plays on, on the socket it had, and the log names what happened.
async fn unharmed(rig: &Rig, player: &mut Player, code: &str) {
    player.play(3).await;
    assert_eq!(player.sockets_closed(), 0, "{code}");
    rig.until_log(code);
}

#[tokio::test]
async fn a_worker_with_a_bad_hello_is_refused() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    let good = || hello(&rig, "bad");
    let cases = [
        (playon_wire::attach::WorkerHello { secret: LinkSecret([7; 32]), ..good() }, "PLY-0401"),
        (
            playon_wire::attach::WorkerHello {
                protocol: ProtocolRange { min: 7, max: 9 },
                ..good()
            },
            "PLY-0411",
        ),
        (playon_wire::attach::WorkerHello { kinds: Vec::new(), ..good() }, "PLY-0410"),
        (
            playon_wire::attach::WorkerHello { defects: vec!["it is broken".into()], ..good() },
            "PLY-0410",
        ),
        (playon_wire::attach::WorkerHello { kinds: hasty(good().kinds), ..good() }, "PLY-0410"),
    ];
    for (hello, code) in cases {
        assert_eq!(Rogue::refused(&rig, hello), code);
        unharmed(&rig, &mut player, code).await;
    }
    assert_eq!(rig.status()["workers"].as_array().unwrap().len(), 1);
}

/// The same kinds with steps that leave no time for anything else.
fn hasty(mut kinds: Vec<KindInfo>) -> Vec<KindInfo> {
    kinds.iter_mut().for_each(|kind| kind.policies.tick = Some(Span(999)));
    kinds
}

#[tokio::test]
async fn frames_that_make_no_sense_end_the_link_and_nothing_else() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    let huge = [&(1_u32 << 30).to_be_bytes()[..], &[0; 64]].concat();
    // A hello that ends before it has begun.
    let garbage = [&4_u32.to_be_bytes()[..], &[0x0a, 2, 0x0a, 5]].concat();
    let nothing_known = [&2_u32.to_be_bytes()[..], &[0x0a, 0]].concat();
    let crowd = encode_up(&vec![Up::Pong { nonce: 1 }; 256]).unwrap();
    // The same frame with one item more: 256 items again, appended, under the sum of both lengths.
    let twice = [&crowd[4..], &crowd[4..]].concat();
    let crowd = [&u32::try_from(twice.len()).unwrap().to_be_bytes()[..], &twice].concat();
    let greeting = encode_up(&[Up::Hello(Box::new(hello(&rig, "twice")))]).unwrap().to_vec();
    let undeserved = encode_up(&[Up::Credit { bytes: 1 << 40 }]).unwrap().to_vec();
    let cases = [
        (huge, "PLY-0480"),
        (garbage, "PLY-0483"),
        (nothing_known, "PLY-0484"),
        (crowd, "PLY-0482"),
        (greeting, "PLY-0484"),
        (undeserved, "PLY-0486"),
    ];
    for (bytes, code) in &cases {
        let mut rogue = Rogue::attach(&rig, "mumbler");
        rogue.blurt(bytes);
        rogue.cut();
        unharmed(&rig, &mut player, code).await;
    }
    // The same before anything else was said: whoever has not shown a secret is not listened to for long either.
    for (bytes, code) in cases.iter().filter(|(_, code)| *code != "PLY-0484") {
        let mut stranger = Rogue::connect(&rig);
        stranger.blurt(bytes);
        stranger.cut();
        let said = if *code == "PLY-0486" { "PLY-0484" } else { code };
        unharmed(&rig, &mut player, said).await;
    }
    let truncated = encode_up(&[Up::Pong { nonce: 1 }]).unwrap();
    let mut rogue = Rogue::attach(&rig, "cut-off");
    rogue.blurt(&truncated[..5]);
    rogue.fall_silent();
    rogue.cut();
    unharmed(&rig, &mut player, "PLY-0481").await;
}

#[tokio::test]
async fn a_gigabyte_that_is_really_sent_is_not_kept() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(1).await;
    let before = rig.resident_bytes();
    for known in [false, true] {
        let mut rogue = if known { Rogue::attach(&rig, "gusher") } else { Rogue::connect(&rig) };
        rogue.blurt(&(1_u32 << 30).to_be_bytes());
        let chunk = vec![0; 1 << 20];
        let taken = (0..1_024).take_while(|_| rogue.blurt(&chunk)).count();
        assert!(taken < 64, "{taken} MiB were taken");
        rogue.cut();
        unharmed(&rig, &mut player, "PLY-0480").await;
    }
    let grown = rig.resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more");
}

#[tokio::test]
async fn processes_that_connect_and_say_nothing_are_let_go() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    // Twice as many as are listened to at the same time.
    let silent: Vec<_> = (0..128).map(|_| Rogue::connect(&rig)).collect();
    unharmed(&rig, &mut player, "PLY-0453").await;
    for rogue in silent {
        rogue.cut();
    }
    drop(Rogue::attach(&rig, "late"));
    unharmed(&rig, &mut player, "release=late").await;
}

#[tokio::test]
async fn more_workers_than_there_are_places_are_refused() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    let workers: Vec<_> = (1..64).map(|_| Rogue::attach(&rig, "crowd")).collect();
    assert_eq!(Rogue::refused(&rig, hello(&rig, "crowd")), "PLY-0408");
    unharmed(&rig, &mut player, "PLY-0408").await;
    drop(workers);
    rig.until("the places are free again", |status| {
        status["workers"].as_array().unwrap().len() == 1
    });
}

/// Old releases keep their workers for rooms that finish there: whoever deploys is told which.
#[tokio::test]
async fn a_deploy_for_which_there_is_no_worker_left_names_what_has_them() {
    let rig = Rig::start_with(&["--release", FIRST, "--set", "keeper.workers_max=2"]);
    let mut player = Player::join(&rig, "table").await;
    player.play(3).await;
    let label = rig.json(&["releases"])[0]["label"].as_str().unwrap().to_owned();
    let _other = Rogue::attach(&rig, "crowd");
    let deploy = rig.playon(&["deploy", SECOND, "--now"]);
    assert_eq!(deploy.status.code(), Some(1));
    let said = [deploy.stdout, deploy.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    for part in ["PLY-0408", "crowd (0 rooms)", &format!("{label} (1 room)"), "`playon close`"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(player.play(3).await.release, 1);
}

#[tokio::test]
async fn a_worker_that_speaks_for_the_room_of_another_is_cut_off() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(3).await;
    let room = named_room("drill-20", "table");
    // Attempts are counted within a shard, whose number is in their high bits.
    let guesses = (0..16_u64).flat_map(|shard| (1..50).map(move |n| Attempt((shard << 48) + n)));
    let faults = guesses.clone().map(|attempt| {
        let (stage, message) = (Stage::Deliver, "it is broken".to_owned());
        Up::Room(FromWorker::Fault(Fault { room, attempt, stage, message, refusal: false }))
    });
    let commits = guesses.map(|attempt| {
        let state = b"mine";
        let hash = super::rogue::hash(state);
        let body = Body::Full(Bytes::from_static(state));
        let commit = Commit { attempt, hash, body, ..stray_commit(room) };
        Up::Room(FromWorker::Commit(commit))
    });
    for lies in [faults.collect::<Vec<_>>(), commits.collect()] {
        let mut rogue = Rogue::attach(&rig, "liar");
        for lies in lies.chunks(200) {
            if !rogue.blurt(&encode_up(lies).unwrap()) {
                break;
            }
        }
        rogue.cut();
        unharmed(&rig, &mut player, "PLY-0450").await;
    }
    assert_eq!(rig.json(&["room", &room.to_string()])["faults"], 0);
}

fn stray_commit(room: RoomId) -> Commit {
    let deliver = playon_types::attach::Deliver {
        room,
        attempt: Attempt(0),
        seq: Seq(5),
        now: playon_types::time::RoomTime(0),
        items: Vec::new(),
        render: Vec::new(),
        render_watch: false,
    };
    idle_commit(&deliver, b"")
}

#[tokio::test]
async fn a_worker_that_says_it_is_another_release_gets_no_room() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    let _rogue = Rogue::attach(&rig, "playon-drill-r1");
    let mut labels = Vec::new();
    rig.until("the impostor is listed", |status| {
        let workers = status["workers"].as_array().unwrap();
        labels = workers.iter().map(|worker| worker["release"].clone()).collect();
        labels.len() == 2
    });
    assert_eq!(labels, ["playon-drill-r1", "playon-drill-r1-2"]);
    // New rooms are for the current release, which is another one although the label was the same.
    let mut other = Player::join(&rig, "other").await;
    assert_eq!(other.play(3).await.release, 1);
    unharmed(&rig, &mut player, "playon-drill-r1").await;
    for release in rig.json(&["releases"]).as_array().unwrap() {
        let own = release["label"] == "playon-drill-r1";
        assert_eq!((release["current"] == true, release["stored"] == true), (own, own));
    }
}

/// Deploys the rogue's release; what comes of it is asked for elsewhere.
fn deploy(rig: &Rig, label: &str) -> std::process::Child {
    std::process::Command::new(super::rig::PLAYON)
        .args(["deploy", label, "--now", "--json", "--data"])
        .arg(rig.data())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

async fn outcome(deploy: std::process::Child, player: &mut Player) -> serde_json::Value {
    let output = player.beside(|| deploy.wait_with_output().unwrap()).await;
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["deploy"]["phase"], told["outcome"]);
    told["deploy"].clone()
}

#[tokio::test]
async fn a_release_of_another_app_is_refused_before_anything_moves() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(3).await;
    let mut other = hello(&rig, "chess");
    other.kinds[0].name = "chess".into();
    let mut rogue = Rogue::connect(&rig);
    rogue.say(&[Up::Hello(Box::new(other))]);
    rogue.hear();
    rig.until("it is attached", |status| status["workers"].as_array().unwrap().len() == 2);
    let outcome = outcome(deploy(&rig, "chess"), &mut player).await;
    assert_eq!(outcome["phase"], "reverted", "{outcome}");
    assert!(outcome["reason"].as_str().unwrap().contains("PLY-0"), "{outcome}");
    unharmed(&rig, &mut player, "deploy is stored").await;
    assert_eq!(rig.status()["current"], "playon-drill-r1");
}

#[tokio::test]
async fn a_copy_whose_hash_is_wrong_leaves_the_room_where_it_was() {
    forged(|ready| {
        ready.body = Body::Full(Bytes::from_static(b"not the room"));
        ready.hash ^= 1;
    })
    .await;
}

#[tokio::test]
async fn a_copy_of_a_version_that_was_not_announced_leaves_the_room_where_it_was() {
    forged(|ready| ready.version = 0).await;
    forged(|ready| ready.version = u32::MAX).await;
}

/// Lets a rogue answer with such a copy when a room is to be moved to it.
async fn forged(lie: fn(&mut Ready)) {
    let rig = Rig::start();
    let born = super::interface::get(&rig, "/metrics", "");
    let mut player = Player::join(&rig, "table").await;
    player.play(3).await;
    let mut rogue = Rogue::attach(&rig, "forger");
    rig.until("it is attached", |status| status["workers"].as_array().unwrap().len() == 2);
    let deploy = deploy(&rig, "forger");
    let rogue = std::thread::spawn(move || {
        use playon_types::attach::{Prewarmed, ToWorker};
        while let Some(order) = rogue.order() {
            match order {
                ToWorker::Prewarm { room, attempt, seq, .. } => {
                    let warm = Prewarmed { room, attempt, seq, size: u64::MAX, cost_us: 0 };
                    rogue.say(&[Up::Room(FromWorker::Prewarmed(warm))]);
                }
                ToWorker::Tail { room, attempt, seq, hash, .. } => {
                    let mut ready = Ready {
                        room,
                        attempt,
                        seq,
                        version: 1,
                        body: Body::Same,
                        hash,
                        wake_at: None,
                        cost_us: 0,
                    };
                    lie(&mut ready);
                    rogue.say(&[Up::Room(FromWorker::Ready(ready))]);
                }
                other => panic!("the room was handed over: {other:?}"),
            }
        }
    });
    let outcome = outcome(deploy, &mut player).await;
    assert_ne!(outcome["phase"], "done", "{outcome}");
    assert_eq!(player.play(3).await.release, 1);
    unharmed(&rig, &mut player, "room was not moved").await;
    let firing = super::alerts::firing(&born, &super::interface::get(&rig, "/metrics", ""));
    assert!(firing.contains("PlayonMovesFail"), "{firing:?}");
    drop(rig);
    rogue.join().unwrap();
}

/// Lets a rogue take the room in a deploy, answer its first batch with each of these commits, and have it taken back by a rollback.
async fn spoilt(spoil: impl Fn(&mut Commit, &[u8]), code: &str) {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(5).await;
    let mut rogue = Rogue::attach(&rig, "spoiler");
    rig.until("it is attached", |status| status["workers"].as_array().unwrap().len() == 2);
    let deploy = deploy(&rig, "spoiler");
    let (mut rogue, deliver, state) = player
        .beside(move || {
            let (deliver, state) = rogue.take_over();
            (rogue, deliver, state)
        })
        .await;
    let mut commit = idle_commit(&deliver, &state);
    spoil(&mut commit, &state);
    rogue.say(&[Up::Room(FromWorker::Commit(commit.clone()))]);
    // Whatever comes next is not answered; the room goes back to the release it had, with all that was sent meanwhile.
    outcome(deploy, &mut player).await;
    rig.until_log(code);
    let rollback = std::process::Command::new(super::rig::PLAYON)
        .args(["rollback", "--json", "--data"])
        .arg(rig.data())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let back = outcome(rollback, &mut player).await;
    assert_eq!(back["phase"], "done", "{back}");
    assert_eq!(player.play(5).await.release, 1);
    // What the rogue says now is about an attempt that is void.
    commit.seq = Seq(commit.seq.0 + 1);
    rogue.blurt(&encode_up(&[Up::Room(FromWorker::Commit(commit))]).unwrap());
    unharmed(&rig, &mut player, code).await;
}

#[tokio::test]
async fn a_commit_with_a_wrong_hash_is_refused() {
    spoilt(|commit, _| commit.hash ^= 1, "PLY-0104").await;
}

#[tokio::test]
async fn a_commit_on_a_state_that_is_not_the_rooms_is_refused() {
    spoilt(|commit, _| commit.parent_hash ^= 1, "PLY-0104").await;
}

#[tokio::test]
async fn a_commit_of_a_version_that_was_not_announced_is_refused() {
    spoilt(|commit, _| commit.version = 9, "PLY-0104").await;
}

#[tokio::test]
async fn a_state_over_the_limit_is_refused() {
    let state = Bytes::from(vec![7; (16 << 20) + 1]);
    spoilt(
        |commit, _| {
            commit.hash = super::rogue::hash(&state);
            commit.body = Body::Full(state.clone());
        },
        "PLY-0104",
    )
    .await;
}

#[tokio::test]
async fn a_delta_that_unpacks_to_a_gigabyte_is_refused() {
    // Made beforehand, against another base: it takes longer than a batch may, and zeros refer to no base at all.
    let bomb = playon_wire::state::diff(b"nothing", &vec![0; 1 << 30]);
    assert!(matches!(&bomb, Body::Delta(delta) if delta.len() < 1 << 20));
    let unpack = move |commit: &mut Commit, _: &[u8]| commit.body = bomb.clone();
    spoilt(unpack, "PLY-0104").await;
}

#[tokio::test]
async fn a_worker_that_dies_of_nothing_it_said_is_named() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    // It attaches and never answers a ping.
    let began = Instant::now();
    let rogue = Rogue::attach(&rig, "statue");
    rogue.cut();
    assert!(began.elapsed() > Duration::from_secs(1) && began.elapsed() < PATIENCE);
    unharmed(&rig, &mut player, "PLY-0409").await;
}

/// A worker that takes two rooms over, and says of the first that it ran as many inputs more or fewer than it was given; the
/// second is answered after that. Gives what the deploy told.
async fn miscounts(by: i32) -> serde_json::Value {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    let mut other = Player::join(&rig, "desk").await;
    player.play(3).await;
    other.play(3).await;
    let rogue = Rogue::attach(&rig, "spoiler");
    rig.until("it is attached", |status| status["workers"].as_array().unwrap().len() == 2);
    let deploy = deploy(&rig, "spoiler");
    let rogue = std::thread::spawn(move || rogue.take_two_over(by));
    let mut deploy = tokio::task::spawn_blocking(|| deploy.wait_with_output().unwrap());
    let mut sent = 0;
    let output = loop {
        tokio::select! {
            output = &mut deploy => break output.unwrap(),
            () = player.listen(Duration::from_millis(10)) => {}
        }
        // So that the batch which is lied about brings some, whichever room is the first.
        sent += 1;
        if sent < 100 {
            player.send(1).await;
            other.send(1).await;
            other.listen(Duration::from_millis(1)).await;
        }
    };
    assert_eq!(output.status.code(), Some(1), "{}", rig.log());
    rig.until_log("a commit does not follow from the one before");
    drop(rig);
    rogue.join().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn a_worker_that_runs_other_inputs_than_it_was_given_shows_in_the_numbers_of_a_deploy() {
    let told = miscounts(2).await;
    assert!(told["deploy"]["inputs_applied_twice"].as_u64().unwrap() >= 2, "{told}");
    assert!(told["broken"].to_string().contains("inputs were applied twice"), "{told}");
    let told = miscounts(-1).await;
    assert!(told["deploy"]["inputs_lost"].as_u64().unwrap() >= 1, "{told}");
    assert!(told["broken"].to_string().contains("inputs were lost"), "{told}");
}
