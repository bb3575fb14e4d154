//! What a worker acknowledges can be read back, and is the same: games that hold what states should not hold.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::owner::{Held, Owner, input, join};
use playon::testing::TestRoom;
use playon::{Cx, Player, PlayerId, Refusal, Room, Versions};
use playon_types::attach::{Body, FromWorker, Item, Stage, ToWorker};
use playon_types::ids::Attempt;
use playon_wire::attach::LogLevel;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A game whose inputs replace its state as they say.
macro_rules! game {
    ($game:ident, $kind:literal, $input:ty, |$self:ident, $do:ident| $body:expr) => {
        impl Room for $game {
            const KIND: &'static str = $kind;
            type Params = ();
            type Input = $input;
            type Event = ();
            type View = String;
            fn create((): (), _: &mut Cx<Self>) -> Result<Self, Refusal> {
                Ok(Self::default())
            }
            fn join(&mut self, _: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
                Ok(())
            }
            fn input(&mut $self, _: PlayerId, $do: $input, _: &mut Cx<Self>) {
                $body;
            }
            fn view(&self, _: PlayerId, _: &Cx<Self>) -> String {
                format!("{self:?}")
            }
        }
    };
}

fn started<R: Room>() -> (Owner, Held) {
    let mut owner = Owner::attach(playon::app("games").room::<R>());
    let mut room = owner.create(1, R::KIND, "").unwrap();
    owner.batch(&mut room, 1, vec![join(5, "ann")]);
    (owner, room)
}

fn view(owner: &mut Owner, room: &mut Held) -> String {
    owner.deliver_and_render(room, 9, vec![Item::Wake], vec![playon_types::ids::SessionId(5)]);
    let commit = owner.commit(room);
    serde_json::from_slice(&commit.views[0].1).unwrap()
}

/// The next worker opens what is committed.
fn reopen(owner: &mut Owner, room: &mut Held) {
    owner.tell(ToWorker::Retire { room: room.room, attempt: room.attempt });
    room.attempt = Attempt(room.attempt.0 + 100);
    assert_eq!(owner.open(room).unwrap().body, Body::Same);
}

/// The batch is undone, for this reason; the room lives, and takes what is fine.
fn undone<R: Room>(good: &R::Input, bad: &R::Input, code: &str, words: &str)
where
    R::Input: Serialize,
{
    let (mut owner, mut room) = started::<R>();
    owner.batch(&mut room, 2, vec![input(5, 1, good)]);
    let before = view(&mut owner, &mut room);
    owner.deliver(&room, 3, vec![input(5, 2, good), input(5, 3, bad)]);
    let fault = owner.fault();
    assert_eq!((fault.stage, fault.refusal), (Stage::Deliver, false));
    assert!(fault.message.starts_with(code), "{}", fault.message);
    assert!(fault.message.contains(words), "{}", fault.message);
    reopen(&mut owner, &mut room);
    assert_eq!(view(&mut owner, &mut room), before);
    owner.batch(&mut room, 4, vec![input(5, 2, good)]);
    reopen(&mut owner, &mut room);
    owner.shutdown();
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Shop {
    shelves: Vec<Shelf>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Shelf {
    name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    goods: Vec<u8>,
}

game!(Shop, "shop", Vec<u8>, |self, goods| {
    self.shelves.push(Shelf { name: "top".into(), goods })
});

#[test]
fn a_field_left_out_without_a_default_is_named_at_start_and_undone_later() {
    let owner = Owner::connect(playon::app("games").room::<Shop>());
    let [defect] = &owner.hello.defects[..] else { panic!("{:?}", owner.hello.defects) };
    assert!(defect.starts_with("PLY-0444 kind `shop`"), "{defect}");
    assert!(defect.contains("missing field `goods`"), "{defect}");
    undone::<Shop>(&vec![1], &vec![], "PLY-0444", "`shelves[2]`: missing field `goods`");
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Thing {
    Nothing,
    Score { points: i128 },
    Host { at: IpAddr, was: Option<Option<u8>> },
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Things(Vec<Thing>);

game!(Things, "things", u8, |self, which| self.0.push(match which {
    0 => Thing::Nothing,
    1 => Thing::Host { at: "2001:db8::7".parse().unwrap(), was: Some(None) },
    _ => Thing::Score { points: i128::MAX },
}));

#[test]
fn what_serde_cannot_buffer_is_undone_and_what_it_can_survives() {
    undone::<Things>(&0, &2, "PLY-0444", "i128 is not supported");
    let (mut owner, mut room) = started::<Things>();
    owner.batch(&mut room, 2, vec![input(5, 1, &1_u8)]);
    let before = view(&mut owner, &mut room);
    reopen(&mut owner, &mut room);
    assert_eq!(view(&mut owner, &mut room), before);
    assert!(before.contains("2001:db8::7") && before.contains("Some(None)"), "{before}");
    owner.shutdown();
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Chain {
    links: Option<Box<Link>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Link {
    next: Option<Box<Link>>,
}

game!(Chain, "chain", u32, |self, links| {
    self.links = (0..links).fold(None, |next, _| Some(Box::new(Link { next })));
});

#[test]
fn a_state_that_is_too_deep_to_be_read_is_not_written() {
    undone::<Chain>(&400, &1_100, "PLY-0445", "more than 1024 values deep");
    // Even to let go of it takes stack.
    undone::<Chain>(&10, &100_000, "PLY-0445", "more than 1024 values deep");
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Cell {
    Name(String),
    Letter(char),
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Board {
    cells: BTreeMap<u8, Cell>,
}

game!(Board, "board", bool, |self, letter| {
    let cell = if letter { Cell::Letter('x') } else { Cell::Name("abc".into()) };
    self.cells.insert(self.cells.len() as u8, cell);
});

#[test]
fn an_enum_that_comes_back_as_another_variant_is_undone() {
    undone::<Board>(&false, &true, "PLY-0434", "field `cells{2}`");
    undone::<Board>(&false, &true, "PLY-0434", "`'x'` comes back as `\"x\"`");
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Secret {
    #[serde(skip)]
    code: u8,
    open: bool,
}

game!(Secret, "secret", u8, |self, code| {
    self.open |= self.code == code;
    self.code = code;
});

#[test]
fn a_test_room_goes_on_with_what_its_bytes_give() {
    let mut room = TestRoom::<Secret>::create(());
    let ann = room.join("ann");
    room.input(ann, 7);
    assert_eq!(room.state().code, 0, "as after a handoff");
    room.input(ann, 7);
    assert!(!room.state().open, "and the author sees it");
}

#[test]
#[should_panic = "PLY-0434"]
fn a_test_room_fails_when_a_value_comes_back_as_another() {
    let mut room = TestRoom::<Board>::create(());
    let ann = room.join("ann");
    room.input(ann, true);
}

/// Reads back or does not, as the test pleases: stands for a type whose values fail without a new shape.
static BROKEN: AtomicBool = AtomicBool::new(false);

#[derive(Debug, Default)]
struct Moody(u8);

impl Serialize for Moody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.0)
    }
}

impl<'de> Deserialize<'de> for Moody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if BROKEN.load(Ordering::SeqCst) {
            return Err(serde::de::Error::custom("not today"));
        }
        u8::deserialize(deserializer).map(Self)
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Mood {
    moody: Moody,
}

game!(Mood, "mood", u8, |self, number| self.moody.0 = number);

#[test]
fn a_commit_without_anything_new_is_proved_while_that_costs_little() {
    let (mut owner, mut room) = started::<Mood>();
    owner.batch(&mut room, 2, vec![input(5, 1, &1_u8)]);
    BROKEN.store(true, Ordering::SeqCst);
    owner.deliver(&room, 3, vec![input(5, 2, &2_u8)]);
    assert!(owner.fault().message.starts_with("PLY-0444"));
    BROKEN.store(false, Ordering::SeqCst);
    reopen(&mut owner, &mut room);
    owner.shutdown();
}

/// A release whose upgrade makes a cell that comes back as another one.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Lettered {
    cells: Vec<Cell>,
}

impl Room for Lettered {
    const KIND: &'static str = "board";
    type Params = ();
    type Input = ();
    type Event = ();
    type View = ();
    fn versions() -> Versions<Self> {
        Versions::first().then(|_: Board| Self { cells: vec![Cell::Letter('y')] })
    }
    fn create((): (), _: &mut Cx<Self>) -> Result<Self, Refusal> {
        Ok(Self::default())
    }
    fn join(&mut self, _: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
        Ok(())
    }
    fn input(&mut self, _: PlayerId, (): (), _: &mut Cx<Self>) {}
    fn view(&self, _: PlayerId, _: &Cx<Self>) {}
}

#[test]
fn what_is_found_too_late_is_said_and_takes_no_room_down() {
    let (owner, mut room) = started::<Board>();
    owner.shutdown();
    let mut owner = Owner::attach(playon::app("games").room::<Lettered>());
    let FromWorker::Fault(fault) = owner.prewarm(&room, Attempt(7)) else { panic!() };
    assert!(fault.message.starts_with("PLY-0434"), "a deploy is refused: {}", fault.message);
    room.attempt = Attempt(8);
    owner.open(&mut room).unwrap();
    assert!(owner.logs[0].text.starts_with("PLY-0434"), "{:?}", owner.logs);
    for n in 1..=5 {
        owner.batch(&mut room, n, vec![input(5, n, &())]);
        owner.batch(&mut room, n, vec![Item::Tick(n)]);
    }
    let late: Vec<_> = owner.logs[1..].iter().map(|line| (line.level, &line.text[..8])).collect();
    assert_eq!(
        late,
        [(LogLevel::Error, "PLY-0446"); 3],
        "the first, the second and the fourth time"
    );
    owner.shutdown();
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct OldCart {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "Option::deserialize")]
    note: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Cart {
    notes: Vec<String>,
}

impl Room for Cart {
    const KIND: &'static str = "cart";
    type Params = ();
    type Input = String;
    type Event = ();
    type View = ();
    fn versions() -> Versions<Self> {
        Versions::first().then_and_back(
            |old: OldCart| Self { notes: old.note.into_iter().collect() },
            |new: Self| OldCart { note: new.notes.into_iter().next() },
        )
    }
    fn create((): (), _: &mut Cx<Self>) -> Result<Self, Refusal> {
        Ok(Self::default())
    }
    fn join(&mut self, _: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
        Ok(())
    }
    fn input(&mut self, _: PlayerId, note: String, _: &mut Cx<Self>) {
        self.notes.push(note);
    }
    fn view(&self, _: PlayerId, _: &Cx<Self>) {}
}

#[test]
fn what_is_written_for_an_older_release_is_read_first() {
    let (mut owner, mut room) = started::<Cart>();
    let export = |room: &Held| ToWorker::Export {
        room: room.room,
        attempt: Attempt(99),
        kind: room.kind.to_owned(),
        seq: room.seq,
        version: 1,
        state: room.state.clone(),
    };
    owner.tell(export(&room));
    let fault = owner.fault();
    assert_eq!(fault.stage, Stage::Export);
    assert!(fault.message.starts_with("PLY-0444"), "{}", fault.message);
    assert!(fault.message.contains("missing field `note`"), "{}", fault.message);
    owner.batch(&mut room, 2, vec![input(5, 1, &"milk")]);
    owner.tell(export(&room));
    let FromWorker::Exported(exported) = owner.answer() else { panic!() };
    assert_eq!(exported.version, 1);
    owner.shutdown();
}

/// A release whose upgrade makes something that it cannot read itself.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Upgraded {
    cells: Vec<Cell>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rest: Vec<u8>,
}

impl Room for Upgraded {
    const KIND: &'static str = "board";
    type Params = ();
    type Input = ();
    type Event = ();
    type View = ();
    fn versions() -> Versions<Self> {
        Versions::first().then(|_: Board| Self::default())
    }
    fn create((): (), _: &mut Cx<Self>) -> Result<Self, Refusal> {
        Ok(Self::default())
    }
    fn join(&mut self, _: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
        Ok(())
    }
    fn input(&mut self, _: PlayerId, (): (), _: &mut Cx<Self>) {}
    fn view(&self, _: PlayerId, _: &Cx<Self>) {}
}

#[test]
fn an_upgrade_to_what_cannot_be_read_is_refused_before_it_is_committed() {
    let (owner, mut room) = started::<Board>();
    owner.shutdown();
    let mut owner = Owner::attach(playon::app("games").room::<Upgraded>());
    let FromWorker::Fault(fault) = owner.prewarm(&room, Attempt(7)) else { panic!() };
    assert!(fault.message.starts_with("PLY-0444"), "{}", fault.message);
    room.attempt = Attempt(8);
    let fault = owner.open(&mut room).unwrap_err();
    assert_eq!(fault.stage, Stage::Open);
    assert!(fault.message.starts_with("PLY-0444"), "{}", fault.message);
    owner.shutdown();
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
#[derive(Clone)]
struct Odd(u8);

impl TryFrom<u8> for Odd {
    type Error = &'static str;
    fn try_from(number: u8) -> Result<Self, Self::Error> {
        if number == 201 { Ok(Self(number)) } else { Err("not that one") }
    }
}

impl From<Odd> for u8 {
    fn from(odd: Odd) -> Self {
        odd.0
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Odds {
    first: Option<Odd>,
    must: Vec<Odd>,
}

game!(Odds, "odds", u8, |self, number| self.must.push(Odd(number)));

#[test]
fn what_could_not_be_tried_at_start_is_said() {
    let (mut owner, mut room) = started::<Odds>();
    let [note] = &owner.logs[..] else { panic!("{:?}", owner.logs) };
    assert_eq!((note.level, note.room), (LogLevel::Info, None));
    assert!(note.text.starts_with("PLY-0448 the state of kind `odds`"), "{}", note.text);
    assert!(note.text.contains("`Odds.first`, `Odds.must`"), "{}", note.text);
    owner.batch(&mut room, 2, vec![input(5, 1, &201_u8)]);
    owner.shutdown();
    // A value that its own type refuses is no new shape, and is found all the same.
    undone::<Odds>(&201, &8, "PLY-0444", "not that one");
}

/// Shows and says what JSON does not hold.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Talk {
    pairs: BTreeMap<(u8, u8), f64>,
}

impl Room for Talk {
    const KIND: &'static str = "talk";
    type Params = u8;
    type Input = f64;
    type Event = BTreeMap<(u8, u8), f64>;
    type View = BTreeMap<(u8, u8), f64>;
    fn create(_: u8, _: &mut Cx<Self>) -> Result<Self, Refusal> {
        Ok(Self::default())
    }
    fn join(&mut self, _: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
        Ok(())
    }
    fn input(&mut self, from: PlayerId, number: f64, cx: &mut Cx<Self>) {
        self.pairs.insert((1, 2), number);
        if number < 0.0 {
            cx.send(from, &self.pairs);
        }
    }
    fn view(&self, _: PlayerId, _: &Cx<Self>) -> Self::View {
        self.pairs.clone()
    }
}

#[test]
fn what_json_does_not_hold_is_a_fault_of_its_batch() {
    let mut owner = Owner::attach(playon::app("games").room::<Talk>());
    let refused = owner.create(1, "talk", "\"x\"").err().unwrap();
    assert!(refused.message.starts_with("PLY-0429"), "{}", refused.message);
    let mut room = owner.create(2, "talk", "1").unwrap();
    owner.batch(&mut room, 1, vec![join(5, "ann"), input(5, 1, &"no number")]);
    assert!(owner.logs[0].text.starts_with("PLY-0437"), "{:?}", owner.logs);
    owner.batch(&mut room, 2, vec![input(5, 2, &0.5)]);
    owner.deliver_and_render(&room, 3, vec![], vec![playon_types::ids::SessionId(5)]);
    let fault = owner.fault();
    assert!(fault.message.starts_with("PLY-0433"), "{}", fault.message);
    assert!(fault.message.contains("key must be a string"), "{}", fault.message);
    room.attempt = Attempt(30);
    owner.open(&mut room).unwrap();
    owner.deliver(&room, 4, vec![input(5, 3, &-1.0)]);
    let fault = owner.fault();
    assert!(fault.message.contains("PLY-0436"), "{}", fault.message);
    owner.shutdown();
}

/// Everything at once, as a game may have it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Everything {
    blob: Vec<u8>,
    board: BTreeMap<Spot, BTreeMap<(char, Option<u8>), Piece>>,
    turn: Option<Option<Side>>,
    clock: (f32, f64, i128, u128),
    log: Vec<Piece>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Spot {
    x: i8,
    y: i8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Side {
    White,
    Black,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Piece {
    Pawn,
    Tower(Side, [u8; 4]),
    Crowd { of: Vec<Piece>, by: Option<Box<Piece>>, at: IpAddr },
}

game!(Everything, "everything", u16, |self, n| {
    self.blob = (0..100_000_u32).map(|at| (at * u32::from(n)) as u8).collect();
    let piece = Piece::Crowd {
        of: vec![Piece::Pawn, Piece::Tower(Side::Black, [n as u8; 4])],
        by: (n > 2).then(|| Box::new(Piece::Pawn)),
        at: "::1".parse().unwrap(),
    };
    let spot = Spot { x: n as i8, y: -1 };
    self.board.entry(spot).or_default().insert(('x', (n > 1).then_some(2)), piece.clone());
    self.turn = [None, Some(None), Some(Some(Side::White))][usize::from(n) % 3];
    self.clock = (-0.0, f64::NAN, i128::MIN, u128::MAX);
    self.log.push(piece);
});

#[test]
fn a_game_with_everything_comes_back_after_each_commit() {
    let (mut owner, mut room) = started::<Everything>();
    assert_eq!(owner.hello.defects, [""; 0]);
    for n in 0..8_u16 {
        owner.batch(&mut room, u64::from(n) + 2, vec![input(5, u64::from(n) + 1, &n)]);
        let before = view(&mut owner, &mut room);
        reopen(&mut owner, &mut room);
        assert_eq!(view(&mut owner, &mut room), before);
    }
    assert_eq!(owner.logs, []);
    owner.shutdown();
}
