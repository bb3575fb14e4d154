//! Rooms at rest: they are listed, closed and deleted for their age, and count as use of the releases that read them.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use playon_client::{JoinOptions, Room, Update, join};
use playon_wire::player::{ClientFrame, ClientHello};
use serde_json::Value;
use tokio::time::timeout;

use super::rig::{PATIENCE, Rig};
use super::socket::{Socket, hello};

pub(crate) const SLEEPER: &str = env!("CARGO_BIN_EXE_playon-sleeper");

/// Who plays in a room that goes to rest as soon as it is left.
pub(crate) struct Visitor(Room<(), u64, (u64, u64)>);

impl Visitor {
    pub(crate) async fn enter(rig: &Rig, name: &str) -> Self {
        let options = JoinOptions::new(rig.url(), "nap").name(name);
        Self(timeout(PATIENCE, join(options)).await.unwrap().unwrap())
    }

    /// Says so many words; the words that were said in the room before, and how often it was upgraded.
    pub(crate) async fn say(&mut self, words: u64) -> (u64, u64) {
        for _ in 0..words {
            self.0.send(&()).await.unwrap();
        }
        let search = async {
            let (mut heard, mut last, mut upgrades) = (0, 0, None);
            while heard < words || upgrades.is_none() {
                match self.0.next().await {
                    Update::View { view, .. } => upgrades = Some(view.1),
                    // Each word is answered with how many there have been.
                    Update::Event { event, .. } => (heard, last) = (heard + 1, event),
                    Update::Ended(end) => panic!("the session ended: {end:?}"),
                    _ => {}
                }
            }
            (last - words, upgrades.unwrap_or_default())
        };
        timeout(PATIENCE, search).await.expect("the words are not heard")
    }

    /// Says so many words in a room and leaves it; what was said in it before.
    pub(crate) async fn visit(rig: &Rig, name: &str, words: u64) -> (u64, u64) {
        let mut visitor = Self::enter(rig, name).await;
        let found = visitor.say(words).await;
        visitor.0.leave().await;
        found
    }
}

pub(crate) fn asleep(rig: &Rig, more: &[&str]) -> Value {
    rig.json(&[&["rooms", "--asleep"], more].concat())
}

pub(crate) fn until_at_rest(rig: &Rig, rooms: u64) {
    let until = Instant::now() + PATIENCE;
    while asleep(rig, &[])["at_rest"] != rooms {
        assert!(Instant::now() < until, "{}\n{}", asleep(rig, &[]), rig.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// The metric of that name.
fn metric(rig: &Rig, name: &str) -> u64 {
    let page = get(rig, "/metrics");
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap().parse().unwrap()
}

fn get(rig: &Rig, path: &str) -> String {
    let mut stream = TcpStream::connect(&rig.admin).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn a_room_past_its_age_is_deleted_and_one_that_is_asked_for_is_not() {
    let env = [("PLAYON_SLEEPER_EXPIRE_MS", "1000")];
    let rig =
        Rig::start_with_env(&env, &["--release", SLEEPER, "--set", "keeper.sweep_every=100ms"]);
    assert_eq!(Visitor::visit(&rig, "old", 3).await, (0, 0));
    let mut kept = Visitor::enter(&rig, "kept").await;
    assert_eq!(kept.say(2).await, (0, 0));
    // One comes and goes again, and begins its age anew each time.
    until_at_rest(&rig, 1);
    until_at_rest(&rig, 0);
    rig.until_log("rooms at rest past their age are deleted");
    assert_eq!(metric(&rig, "playon_rooms_expired_total"), 1);
    assert_eq!(kept.say(1).await, (2, 0), "somebody is in it");
    assert_eq!(Visitor::visit(&rig, "old", 1).await, (0, 0), "it is another room of that name");
    let lines = rig.log().lines().filter(|line| line.contains("past their age")).count();
    assert!(lines <= 2, "a line for each sweep at most, not for each room: {}", rig.log());
}

#[tokio::test]
async fn an_age_runs_on_while_the_keeper_is_not_there() {
    let env = [("PLAYON_SLEEPER_EXPIRE_MS", "3000")];
    let mut rig =
        Rig::start_with_env(&env, &["--release", SLEEPER, "--set", "keeper.sweep_every=100ms"]);
    Visitor::visit(&rig, "old", 3).await;
    until_at_rest(&rig, 1);
    let before = asleep(&rig, &[])["rooms"][0].clone();
    assert_eq!(before["expired"], false);
    assert_eq!(rig.terminate().code(), Some(0));
    let rig = rig.restart_with_env(&env, &["--set", "keeper.sweep_every=100ms"]);
    let listed = asleep(&rig, &[]);
    if let Some(after) = listed["rooms"].get(0) {
        assert_eq!(after["since_ms"], before["since_ms"]);
        assert_eq!(after["expires_ms"], before["expires_ms"]);
    }
    until_at_rest(&rig, 0);
}

#[tokio::test]
async fn rooms_at_rest_are_listed_shown_and_closed_by_id() {
    let mut rig = Rig::start_with(&["--release", SLEEPER]);
    for name in ["one", "two", "three"] {
        Visitor::visit(&rig, name, 2).await;
    }
    until_at_rest(&rig, 3);
    let all = asleep(&rig, &[]);
    let rooms = all["rooms"].as_array().unwrap();
    assert_eq!((rooms.len(), &all["unread"], &all["next"]), (3, &0.into(), &Value::Null));
    let one = rooms.iter().find(|room| room["name"] == "one").unwrap();
    assert_eq!((text(one, "kind"), &one["version"], &one["seats"]), ("nap", &1.into(), &0.into()));
    let week = 7 * 24 * 3_600 * 1_000;
    let times = |name: &str| one[name].as_u64().unwrap();
    assert_eq!(times("expires_ms") - times("since_ms"), week);
    assert_eq!((&one["expired"], &one["readable"]), (&false.into(), &true.into()));
    assert!(asleep(&rig, &["--expired"])["rooms"].as_array().unwrap().is_empty());
    assert!(asleep(&rig, &["--kind", "other"])["rooms"].as_array().unwrap().is_empty());
    let some = asleep(&rig, &["--limit", "2"]);
    assert_eq!(some["rooms"].as_array().unwrap().len(), 2);
    assert_eq!(some["next"], rooms[1]["id"]);
    let page = rig.playon(&["rooms", "--asleep"]);
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    assert!(page.contains("AT REST FOR") && page.contains("three"), "{page}");
    // One of them is closed; the others are what they were.
    let id = text(one, "id");
    assert!(String::from_utf8_lossy(&rig.playon(&["room", id]).stdout).contains("at rest"));
    let closed = rig.json(&["close", id]);
    assert_eq!((text(&closed, "id"), text(&closed, "name")), (id, "one"));
    until_at_rest(&rig, 2);
    for verb in ["close", "room"] {
        let again = rig.playon(&[verb, id]);
        assert_eq!(again.status.code(), Some(4));
        assert!(String::from_utf8_lossy(&again.stderr).contains("PLY-0514"));
    }
    assert_eq!(rig.terminate().code(), Some(0));
    let rig = rig.restart();
    rig.until_ready();
    assert_eq!(Visitor::visit(&rig, "one", 1).await, (0, 0));
    assert_eq!(Visitor::visit(&rig, "two", 1).await, (2, 0));
}

/// A release of the game that reads from one version on and writes another, told apart from others like it by a text.
pub(crate) fn release(rig: &Rig, versions: &str, salt: &str) -> String {
    rig.another(&format!("sleeper-{versions}-{salt}"), SLEEPER, &format!("{salt}{versions}"))
}

fn stored(rig: &Rig) -> Vec<String> {
    let releases = rig.json(&["releases"]);
    let stored = releases.as_array().unwrap().iter().filter(|one| one["stored"] == true);
    stored.map(|one| text(one, "label").to_owned()).collect()
}

#[tokio::test]
async fn the_last_release_that_reads_a_room_at_rest_is_kept() {
    let rig = Rig::start_with(&["--release", SLEEPER, "--set", "keeper.artifacts_max=2"]);
    Visitor::visit(&rig, "sleeps", 3).await;
    until_at_rest(&rig, 1);
    for salt in ["a", "b", "c"] {
        let deploy = rig.json(&["deploy", &release(&rig, "22", salt), "--now"])["deploy"].clone();
        assert_eq!(deploy["phase"], "done", "{deploy}");
        let said = (&deploy["at_rest_unread"], &deploy["at_rest_lost"]);
        assert_eq!(said, (&1.into(), &0.into()), "it reads none of them, the first release does");
    }
    let again = rig.json(&["deploy", &release(&rig, "22", "a"), "--now"])["deploy"].clone();
    assert_eq!(again["at_rest_unread"], 1);
    // The workers of former releases linger for some seconds, and keep what they run.
    // Beside the one that is current and the one that a rollback leads to.
    let kept = ["playon-sleeper", "sleeper-22-a", "sleeper-22-c"];
    let until = Instant::now() + PATIENCE;
    while stored(&rig) != kept {
        assert!(Instant::now() < until, "{:?}", stored(&rig));
        std::thread::sleep(Duration::from_millis(100));
    }
    // It wakes on the release that wrote it, of which a worker is started for it.
    assert_eq!(Visitor::visit(&rig, "sleeps", 1).await, (3, 0));
    assert_eq!(rig.status()["ready"], true);
}

/// Ships a release that does that to the room; what the deploy says.
fn ship_refused(rig: &Rig, deed: &str) -> Value {
    let refused = rig.playon(&["deploy", &release(rig, "12", deed), "--now", "--json"]);
    assert_eq!(refused.status.code(), Some(1), "{deed}: {}", rig.log());
    serde_json::from_slice::<Value>(&refused.stdout).unwrap()["deploy"].clone()
}

#[tokio::test]
async fn a_release_that_cannot_open_what_rests_is_refused_and_nothing_has_moved() {
    let rig = Rig::start_with(&["--release", SLEEPER, "--set", "rooms.prewarm_timeout=1s"]);
    Visitor::visit(&rig, "sleeps", 3).await;
    until_at_rest(&rig, 1);
    // What lies there, without how long it has and will.
    let lies = || {
        let mut rooms = asleep(&rig, &[])["rooms"].clone();
        for room in rooms.as_array_mut().unwrap() {
            room.as_object_mut().unwrap().retain(|key, _| !key.ends_with("_ms"));
        }
        rooms
    };
    let before = lies()[0].clone();
    for (deed, code) in
        [("!", "three words"), ("?", "PLY-"), ("#", ": killed by SIGABRT"), ("~", "PLY-0307")]
    {
        let deploy = ship_refused(&rig, deed);
        assert_eq!((text(&deploy, "phase"), &deploy["rooms"]), ("reverted", &0.into()), "{deploy}");
        let reason = text(&deploy, "reason");
        let named = format!("room {} of kind nap, named sleeps, at rest", text(&before, "id"));
        assert!(reason.starts_with(&named) && reason.contains(code), "{deed}: {reason}");
        assert_eq!(
            (&deploy["at_rest_checked"], &deploy["at_rest_untried"]),
            (&0.into(), &1.into())
        );
        // It was not woken for it, and nothing was stored.
        assert_eq!(lies(), Value::Array(vec![before.clone()]), "{deed}");
        assert_eq!(text(&rig.status(), "current"), "playon-sleeper");
    }
    assert_eq!(Visitor::visit(&rig, "sleeps", 1).await, (3, 0));
    until_at_rest(&rig, 1);
    let good = rig.json(&["deploy", &release(&rig, "12", "!"), "--now"])["deploy"].clone();
    assert_eq!((text(&good, "phase"), &good["at_rest_checked"]), ("done", &1.into()), "{good}");
    assert_eq!(Visitor::visit(&rig, "sleeps", 1).await.0, 4, "it was not changed by being tried");
}

#[tokio::test]
async fn a_deploy_says_what_it_could_be_checked_with() {
    let rig = Rig::start_with(&["--release", SLEEPER]);
    let none = rig.playon(&["deploy", &release(&rig, "12", "a"), "--now"]);
    let (out, said) =
        (String::from_utf8_lossy(&none.stdout), String::from_utf8_lossy(&none.stderr));
    assert!(out.contains("rooms checked          0 in memory, 0 at rest"), "{out}");
    assert!(said.contains("nothing could be checked before"), "{said}");
    let mut awake = Visitor::enter(&rig, "awake").await;
    awake.say(1).await;
    Visitor::visit(&rig, "sleeps", 1).await;
    until_at_rest(&rig, 1);
    let both = rig.playon(&["deploy", &release(&rig, "12", "b"), "--now"]);
    let (out, said) =
        (String::from_utf8_lossy(&both.stdout), String::from_utf8_lossy(&both.stderr));
    assert!(out.contains("rooms checked          1 in memory, 1 at rest"), "{out}");
    assert!(!said.contains("nothing could be checked"), "{said}");
}

/// Stops the keeper, removes the executable of the first release as a disk would, and starts it again.
fn lose_first_release(mut rig: Rig) -> Rig {
    let releases = rig.json(&["releases"]);
    let first = releases.as_array().unwrap().iter().find(|one| one["label"] == "playon-sleeper");
    let id = text(first.unwrap(), "id").to_owned();
    assert_eq!(rig.terminate().code(), Some(0));
    let artifacts: PathBuf = rig.data().join("artifacts");
    fs::remove_file(artifacts.join(id)).unwrap();
    let rig = rig.restart();
    rig.until_ready();
    rig
}

#[tokio::test]
async fn a_room_that_no_release_reads_says_so_at_once_until_one_does() {
    let rig = Rig::start_with(&["--release", SLEEPER]);
    Visitor::visit(&rig, "sleeps", 3).await;
    until_at_rest(&rig, 1);
    rig.json(&["deploy", &release(&rig, "22", ""), "--now"]);
    let rig = lose_first_release(rig);
    let hello = ClientHello { kind: "nap".into(), ..hello("sleeps") };
    for _ in 0..2 {
        let mut socket = Socket::open(&rig).await;
        socket.send([ClientFrame::Hello(Box::new(hello.clone()))]).await;
        assert_eq!(socket.ended().await, (4009, "PLY-0130".to_owned()));
    }
    let log = rig.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("PLY-0130")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("room=") && lines[0].contains("version=1"), "{}", lines[0]);
    let status = rig.status();
    assert_eq!((&status["ready"], &status["rooms_unread"]), (&false.into(), &1.into()));
    assert!(text(&status, "not_ready").starts_with("PLY-0571"), "{status}");
    // Others are served: nobody should send them elsewhere.
    assert!(get(&rig, "/readyz").starts_with("HTTP/1.1 200"));
    assert_eq!(Visitor::visit(&rig, "other", 1).await, (0, 0));
    assert_eq!(asleep(&rig, &["--limit", "1"])["unread"], 1);
    // With a release that reads it the room goes on where it was.
    let deploy = rig.json(&["deploy", &release(&rig, "12", ""), "--now"])["deploy"].clone();
    assert_eq!((&deploy["at_rest_unread"], &deploy["at_rest_lost"]), (&0.into(), &0.into()));
    assert_eq!(Visitor::visit(&rig, "sleeps", 1).await, (3, 1));
    assert_eq!(rig.status()["ready"], true, "{}", rig.status());
}

#[tokio::test]
async fn a_room_whose_release_is_gone_wakes_on_another_one_that_reads_it() {
    // A release on probation would keep workers of the one before it.
    let rig = Rig::start_with(&["--release", SLEEPER, "--set", "keeper.probation=0s"]);
    Visitor::visit(&rig, "sleeps", 3).await;
    until_at_rest(&rig, 1);
    for versions in ["12", "22"] {
        rig.json(&["deploy", &release(&rig, versions, ""), "--now"]);
    }
    let rig = lose_first_release(rig);
    // The current release does not read it; the one before it does, and is started for it.
    assert_eq!(rig.status()["workers"].as_array().unwrap().len(), 1);
    assert_eq!(Visitor::visit(&rig, "sleeps", 1).await, (3, 1));
}
