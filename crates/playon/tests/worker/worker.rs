//! A worker and an owner over a real socket: batches, faults and fences.

use std::collections::HashMap;

use crate::common::owner::{Owner, input, join, told};
use crate::common::{Do, Log};
use bytes::Bytes;
use playon::worker::ServeError;
use playon::{App, Asset, Cx, Player, PlayerId, Refusal, Room};
use playon_types::attach::{Body, FromWorker, Item, Stage, ToWorker};
use playon_types::ids::{Attempt, SessionId};
use playon_types::kind::KindInfo;
use playon_types::time::{RoomTime, Span};
use playon_wire::attach::{Down, KeeperRefuse, LogLevel, Up};
use serde::{Deserialize, Serialize};

const PAGE: Asset = Asset::new("/index.html", "text/html", b"<h1>hi</h1>");

fn app() -> App {
    playon::app("logs").label("r7").assets(&[PAGE]).room::<Log>()
}

#[test]
fn the_hello_says_who_it_is() {
    let owner = Owner::attach(app());
    let hello = &owner.hello;
    assert_eq!((hello.app.as_str(), hello.label.as_str()), ("logs", "r7"));
    assert_eq!(hello.pid, std::process::id());
    assert_eq!(hello.defects, [""; 0]);
    assert_eq!(hello.assets[0].path, "index.html");
    assert_eq!(&hello.assets[0].bytes[..], PAGE.bytes);
    let [KindInfo { name, writes: 1, reads_from: 1, exports_to: 1, policies }] = &hello.kinds[..]
    else {
        panic!("{:?}", hello.kinds)
    };
    assert_eq!((name.as_str(), policies.players_max), ("log", 3));
    assert_eq!(policies.tick, Some(Span::millis(100)));
    owner.shutdown();
}

#[test]
fn a_batch_becomes_one_commit() {
    let mut owner = Owner::attach(app());
    let mut room = owner.create(1, "log", "").unwrap();
    let commit = owner.batch(&mut room, 10, vec![join(5, "ann"), join(6, "mallory")]);
    assert_eq!(commit.refused, [(SessionId(6), "not you".to_owned())]);
    assert_eq!(commit.wake_at, Some(RoomTime(250_000)));
    let items = vec![
        input(5, 1, &Do::Say("hi".into())),
        input(5, 2, &Do::Flash("psst".into())),
        Item::Tick(1),
    ];
    owner.deliver_and_render(&room, 250, items, vec![SessionId(5), SessionId(6)]);
    let commit = owner.commit(&mut room);
    let expected = [r#""timer first at 250ms""#, r#""5: hi""#, r#""psst""#, r#""tick 1 at 250ms""#];
    assert_eq!(told(&commit, 5), expected);
    let reliable: Vec<bool> = commit.outputs.iter().map(|output| output.reliable).collect();
    assert_eq!(reliable, [true, true, false, true]);
    let view = Bytes::from_static(br#""5 sees 4 lines at 250ms""#);
    assert_eq!(commit.views, [(SessionId(5), view)], "only players with a seat see anything");
    assert_eq!(commit.watch_view.as_deref(), Some(&br#""4 lines""#[..]));
    assert_eq!(commit.wake_at, None);
    owner.shutdown();
}

#[test]
fn a_batch_that_changes_nothing_carries_nothing() {
    let mut owner = Owner::attach(app());
    let mut room = owner.create(1, "log", "").unwrap();
    assert_eq!(owner.batch(&mut room, 1, vec![Item::Wake]).body, Body::Same);
    owner.shutdown();
}

#[test]
fn safe_points_and_dismissals_are_told() {
    let mut owner = Owner::attach(app());
    let mut room = owner.create(1, "log", "").unwrap();
    owner.batch(&mut room, 1, vec![join(5, "ann"), join(6, "bob")]);
    let items = vec![input(5, 1, &Do::Safe(true)), input(5, 2, &Do::Dismiss(PlayerId(6)))];
    let commit = owner.batch(&mut room, 2, items);
    assert!(commit.between_rounds && !commit.ended);
    assert_eq!(commit.dismissed, [(SessionId(6), "rude".to_owned())]);
    let commit = owner.batch(&mut room, 3, vec![input(5, 3, &Do::End)]);
    assert!(commit.ended && commit.wake_at.is_none());
    owner.shutdown();
}

#[test]
fn what_comes_twice_happens_once() {
    let mut owner = Owner::attach(app());
    let mut room = owner.create(1, "log", "").unwrap();
    let again = room.clone();
    owner.deliver(&again, 1, vec![join(5, "ann")]);
    owner.deliver(&again, 1, vec![join(5, "ann")]);
    owner.commit(&mut room);
    let (room_id, attempt, kind) = (room.room, room.attempt, "log".to_owned());
    owner.tell(ToWorker::Create { room: room_id, attempt, kind, params: Bytes::new(), seed: 2 });
    let (seq, version, state) = (room.seq, room.version, room.state.clone());
    let kind = "log".to_owned();
    owner.tell(ToWorker::Open { room: room_id, attempt, kind, seq, version, state });
    // Had any of these been answered, that answer would come before this one.
    let commit = owner.batch(&mut room, 2, vec![input(5, 1, &Do::Say("once".into()))]);
    assert_eq!(told(&commit, 5), [r#""5: once""#]);
    owner.shutdown();
}

#[test]
fn a_panic_costs_its_room_one_batch_and_its_neighbours_nothing() {
    let mut owner = Owner::attach(app());
    let mut rooms: Vec<_> = (1..9).map(|n| owner.create(n, "log", "").unwrap()).collect();
    for room in &mut rooms {
        owner.batch(room, 1, vec![join(5, "ann")]);
    }
    let victim = rooms[0].clone();
    owner.deliver(&victim, 2, vec![input(5, 1, &Do::Say("lost".into())), input(5, 2, &Do::Panic)]);
    let fault = owner.fault();
    assert_eq!((fault.room, fault.stage, fault.refusal), (victim.room, Stage::Deliver, false));
    assert!(fault.message.starts_with("PLY-0428"), "{}", fault.message);
    assert!(fault.message.contains("asked to at "), "{}", fault.message);
    let log = owner.logs.pop().unwrap();
    assert_eq!((log.level, log.room), (LogLevel::Error, Some(victim.room)));
    assert!(
        log.text.contains("common::Log"),
        "the backtrace names the game's function: {}",
        log.text
    );
    for room in &mut rooms[1..] {
        let commit = owner.batch(room, 2, vec![input(5, 1, &Do::Say("here".into()))]);
        assert_eq!(told(&commit, 5), [r#""5: here""#]);
    }
    owner.deliver(&victim, 2, vec![Item::Wake]);
    assert!(owner.fault().message.starts_with("PLY-0441"), "the object is gone");
    let room = &mut rooms[0];
    room.attempt = Attempt(77);
    assert_eq!(owner.open(room).unwrap().body, Body::Same);
    let commit = owner.batch(room, 3, vec![input(5, 1, &Do::Say("lost".into()))]);
    assert_eq!(told(&commit, 5), [r#""5: lost""#]);
    owner.shutdown();
}

#[test]
fn other_attempts_have_no_effect() {
    let mut owner = Owner::attach(app());
    let mut room = owner.create(1, "log", "").unwrap();
    let mut stale = room.clone();
    stale.attempt = Attempt(99);
    owner.deliver(&stale, 1, vec![join(5, "ann")]);
    let fault = owner.fault();
    assert_eq!(fault.attempt, Attempt(99));
    owner.tell(ToWorker::Retire { room: room.room, attempt: Attempt(99) });
    owner.batch(&mut room, 1, vec![join(5, "ann")]);
    owner.tell(ToWorker::Retire { room: room.room, attempt: room.attempt });
    owner.deliver(&room, 2, vec![Item::Wake]);
    assert!(owner.fault().message.starts_with("PLY-0441"));
    owner.shutdown();
}

#[test]
fn a_game_may_refuse_a_room() {
    let mut owner = Owner::attach(app());
    let fault = owner.create(1, "log", r#"{"refuse":true}"#).err().unwrap();
    assert_eq!((fault.stage, fault.refusal), (Stage::Create, true));
    assert_eq!(fault.message, "PLY-0429 not today");
    let fault = owner.create(2, "log", r#"{"refuse":1}"#).err().unwrap();
    assert!(fault.refusal && fault.message.contains("params cannot be read"), "{}", fault.message);
    let fault = owner.create(3, "chess", "").err().unwrap();
    assert_eq!(fault.message, "PLY-0427 this release has no kind `chess`");
    owner.shutdown();
}

#[test]
fn unreadable_inputs_are_applied_and_logged_ever_more_rarely() {
    let mut owner = Owner::attach(app());
    let mut room = owner.create(1, "log", "").unwrap();
    owner.batch(&mut room, 1, vec![join(5, "ann")]);
    for n in 1..=9 {
        let commit = owner.batch(&mut room, 1, vec![input(5, n, &"fly")]);
        assert_eq!(told(&commit, 5), [r#""what?""#]);
    }
    let lines: Vec<_> = owner.logs.iter().map(|line| &line.text[..11]).collect();
    assert_eq!(lines, ["PLY-0437 1 ", "PLY-0437 2 ", "PLY-0437 4 ", "PLY-0437 8 "]);
    owner.shutdown();
}

#[test]
fn credit_comes_back_for_everything() {
    let mut owner = Owner::attach(app());
    let mut room = owner.create(1, "log", "").unwrap();
    owner.batch(&mut room, 1, vec![join(5, "ann")]);
    while owner.owed > 0 {
        match owner.next() {
            Up::Credit { bytes } => owner.owed = owner.owed.checked_sub(bytes).unwrap(),
            other => panic!("{other:?}"),
        }
    }
    owner.shutdown();
}

#[test]
fn pings_are_answered() {
    let mut owner = Owner::attach(app());
    owner.send(&[Down::Ping { nonce: 9 }]);
    assert_eq!(owner.next(), Up::Pong { nonce: 9 });
    owner.shutdown();
}

#[test]
fn the_end_of_the_link_is_told_apart() {
    assert!(matches!(Owner::attach(app()).hang_up(), Err(ServeError::Closed)));
    let mut owner = Owner::connect(app());
    let refuse = KeeperRefuse { code: "PLY-0401".into(), detail: "not you".into() };
    owner.send(&[Down::Refuse(refuse)]);
    assert_eq!(owner.ended().unwrap_err().to_string(), "PLY-0401 not you");
    let mut owner = Owner::connect(app());
    owner.send(&[Down::Ping { nonce: 1 }]);
    assert!(matches!(owner.ended(), Err(ServeError::NoAnswer)));
}

#[test]
fn floods_and_giants_are_faults_of_the_game() {
    let mut owner = Owner::attach(app());
    let mut room = owner.create(1, "log", "").unwrap();
    owner.batch(&mut room, 1, vec![join(5, "ann")]);
    owner.deliver(&room, 2, vec![input(5, 1, &Do::Flood(20_000))]);
    assert!(owner.fault().message.contains("PLY-0431"));
    room.attempt = Attempt(2);
    owner.open(&mut room).unwrap();
    let line = "x".repeat(6 << 20);
    owner.batch(&mut room, 3, vec![input(5, 1, &Do::Say(line.clone()))]);
    owner.batch(&mut room, 4, vec![input(5, 2, &Do::Say(line.clone()))]);
    owner.deliver(&room, 5, vec![input(5, 3, &Do::Say(line))]);
    assert!(owner.fault().message.starts_with("PLY-0439"));
    owner.shutdown();
}

/// Refuses made-up contents, so that its unordered map is found only in a real room.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[derive(Clone)]
struct Color(u8);

impl TryFrom<String> for Color {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.strip_prefix("color-").and_then(|n| n.parse().ok()).map(Self).ok_or("no color")
    }
}

impl From<Color> for String {
    fn from(color: Color) -> Self {
        format!("color-{}", color.0)
    }
}

#[derive(Serialize, Deserialize)]
struct Paint {
    color: Color,
    spots: HashMap<u32, bool>,
}

impl Room for Paint {
    const KIND: &'static str = "paint";
    type Params = u32;
    type Input = u32;
    type Event = ();
    type View = ();
    fn create(spots: u32, _: &mut Cx<Self>) -> Result<Self, Refusal> {
        Ok(Self { color: Color(1), spots: (0..spots).map(|n| (n, true)).collect() })
    }
    fn join(&mut self, _: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
        Ok(())
    }
    fn input(&mut self, _: PlayerId, spot: u32, _: &mut Cx<Self>) {
        self.spots.insert(spot, true);
    }
    fn view(&self, _: PlayerId, _: &Cx<Self>) {}
}

#[derive(Default, Serialize, Deserialize)]
struct Tally {
    votes: HashMap<String, u32>,
}

impl Room for Tally {
    const KIND: &'static str = "Tally!";
    type Params = ();
    type Input = String;
    type Event = ();
    type View = ();
    fn create((): (), _: &mut Cx<Self>) -> Result<Self, Refusal> {
        Ok(Self::default())
    }
    fn join(&mut self, _: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
        Ok(())
    }
    fn input(&mut self, _: PlayerId, _: String, _: &mut Cx<Self>) {}
    fn view(&self, _: PlayerId, _: &Cx<Self>) {}
}

#[test]
fn what_is_wrong_with_a_release_is_in_its_hello() {
    let owner = Owner::connect(playon::app("bad").room::<Tally>());
    let [name, order] = &owner.hello.defects[..] else { panic!("{:?}", owner.hello.defects) };
    assert!(name.starts_with("PLY-0438 `Tally!` is no name for a kind"), "{name}");
    assert!(order.starts_with("PLY-0426 kind `Tally!`: field `votes`"), "{order}");
    let owner = Owner::connect(playon::app("bad"));
    assert_eq!(owner.hello.defects, ["PLY-0438 an app has 1 to 64 kinds of rooms"]);
}

#[test]
fn an_unordered_map_found_late_never_takes_a_live_room_down() {
    let mut owner = Owner::attach(playon::app("paint").room::<Paint>());
    assert_eq!(owner.hello.defects, [""; 0]);
    let fault = owner.create(1, "paint", "20").err().unwrap();
    assert!(fault.message.starts_with("PLY-0426 kind `paint`: field `spots`"), "{}", fault.message);
    let mut room = owner.create(2, "paint", "0").unwrap();
    let items = std::iter::once(join(5, "ann")).chain((1..30).map(|n| input(5, n, &n))).collect();
    owner.batch(&mut room, 1, items);
    let FromWorker::Fault(fault) = owner.prewarm(&room, Attempt(50)) else { panic!() };
    assert!(fault.message.starts_with("PLY-0426"), "a deploy is refused: {}", fault.message);
    let [untried, late] = &owner.logs[..] else { panic!("{:?}", owner.logs) };
    assert!(untried.text.starts_with("PLY-0448 the state of kind `paint`"), "{}", untried.text);
    assert!(late.text.starts_with("PLY-0426"), "a played room is complained about: {}", late.text);
    owner.tell(ToWorker::Retire { room: room.room, attempt: room.attempt });
    room.attempt = Attempt(51);
    owner.open(&mut room).unwrap();
    assert!(owner.logs[2].text.starts_with("PLY-0426"), "an open room plays on");
    owner.batch(&mut room, 2, vec![input(5, 30, &30)]);
    owner.shutdown();
}

/// A player says how many times 64 KiB spectators see.
#[derive(Default, Serialize, Deserialize)]
struct Loud {
    pieces: usize,
}

impl Room for Loud {
    const KIND: &'static str = "loud";
    type Params = ();
    type Input = usize;
    type Event = ();
    type View = String;
    fn create((): (), _: &mut Cx<Self>) -> Result<Self, Refusal> {
        Ok(Self::default())
    }
    fn join(&mut self, _: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
        Ok(())
    }
    fn input(&mut self, _: PlayerId, pieces: usize, _: &mut Cx<Self>) {
        self.pieces = pieces;
    }
    fn view(&self, _: PlayerId, _: &Cx<Self>) -> String {
        String::new()
    }
    fn watch(&self, _: &Cx<Self>) -> Option<String> {
        Some("x".repeat(self.pieces * (64 << 10)))
    }
}

#[test]
fn an_answer_that_fits_into_no_frame_is_a_fault_of_its_room_alone() {
    let mut owner = Owner::attach(playon::app("loud").threads(1).room::<Loud>());
    let mut rooms = [owner.create(1, "loud", "").unwrap(), owner.create(2, "loud", "").unwrap()];
    for room in &mut rooms {
        owner.batch(room, 1, vec![join(5, "ann")]);
    }
    owner.deliver_and_render(&rooms[0], 2, vec![input(5, 1, &600)], vec![SessionId(5)]);
    let FromWorker::Fault(fault) = owner.answer() else { panic!("an answer of 37 MiB") };
    assert_eq!((fault.room, fault.stage, fault.refusal), (rooms[0].room, Stage::Deliver, false));
    assert!(fault.message.starts_with("PLY-0457"), "{}", fault.message);
    for (room, pieces) in [(1, 3_usize), (0, 2)] {
        if room == 0 {
            rooms[0].attempt = Attempt(77);
            owner.open(&mut rooms[0]).unwrap();
        }
        let items = vec![input(5, 1, &pieces)];
        owner.deliver_and_render(&rooms[room], 3, items, vec![SessionId(5)]);
        let view = owner.commit(&mut rooms[room]).watch_view.unwrap();
        assert_eq!(view.len() / (64 << 10), pieces);
    }
    owner.shutdown();
}
