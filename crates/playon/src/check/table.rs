//! The table of `docs/state.md` says what is true: each of its rows is tried.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, VecDeque};
use std::fmt::Debug;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serializer};

use super::*;

const PAGE: &str = include_str!("../../../../docs/state.md");

/// What becomes of a type, judged as a worker judges it; the value is one that shows it.
fn verdict<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> &'static str {
    if try_out::<T>("table", 1).defect.is_some() {
        return "named at start";
    }
    let Ok(encoded) = envelope::encode("table", 1, &Hidden::new(0), value, 0, None) else {
        return "undone";
    };
    if prove("table", 1, value, &encoded, COPIES).is_err() {
        return "undone";
    }
    let copy: OpenedEnvelope<T> = envelope::decode(&encoded.bytes).unwrap();
    if copy.state == *value { "exact" } else { "not noticed" }
}

macro_rules! types {
    ($($item:item)*) => { $(
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        $item
    )* };
}

types! {
    struct Named { a: u8, b: String }
    struct Pair(u8, char);
    struct One(f32);
    struct Unit;
    enum Any { Unit, One(u8), Two(u8, bool), Named { x: i8 } }
    #[serde(rename_all = "UPPERCASE")]
    struct Renamed { #[serde(rename = "z", alias = "y")] a: u8, b: u8 }
    #[serde(default)]
    struct Default2 { a: u8 }
    struct Skips { #[serde(default, skip_serializing_if = "Vec::is_empty")] a: Vec<u8> }
    struct SkipsNoDefault { #[serde(skip_serializing_if = "Vec::is_empty")] a: Vec<u8> }
    struct HalfSkipped { #[serde(skip_serializing)] a: u8 }
    struct HalfRenamed { #[serde(rename(serialize = "b"))] a: u8 }
    struct Skipped { #[serde(skip)] a: u8 }
    struct NeverRead { #[serde(skip_deserializing)] a: u8 }
    struct Lost { #[serde(skip_serializing, default)] a: u8 }
    struct Flat { a: u8, #[serde(flatten)] named: Inner }
    struct Inner { b: Option<u8>, c: String }
    struct FlatMap { a: u8, #[serde(flatten)] rest: BTreeMap<String, u8> }
    struct FlatNumbers { a: u8, #[serde(flatten)] rest: BTreeMap<u8, u8> }
    struct FlatPairs { a: u8, #[serde(flatten)] rest: BTreeMap<(u8, u8), u8> }
    #[serde(tag = "type")]
    enum Tagged { Unit, Named { x: Option<Option<u8>>, at: IpAddr }, One(Inner) }
    #[serde(tag = "type", content = "of")]
    enum Adjacent { Unit, One(u8), Two(u8, char), Named { x: i8 } }
    #[serde(untagged)]
    enum Untagged { Number(u8), Text(String), Named { x: u8 }, List(Vec<u8>) }
    #[serde(untagged)]
    enum Ambiguous { Text(String), Letter(char) }
    #[serde(untagged)]
    enum Twins { Coins { count: u8 }, Gems { count: u8 } }
    #[serde(tag = "type")]
    enum Wide { Unit, Points { points: i128 } }
    #[serde(transparent)]
    struct Through { a: u8 }
    #[serde(try_from = "u8", into = "u8")]
    struct Even(u8);
    struct Rounded(#[serde(serialize_with = "rounded")] f32);
    struct Link { next: Option<Box<Link>> }
}

impl Default for Default2 {
    fn default() -> Self {
        Self { a: 9 }
    }
}

impl TryFrom<u8> for Even {
    type Error = &'static str;
    fn try_from(number: u8) -> Result<Self, Self::Error> {
        if number.is_multiple_of(2) { Ok(Self(number)) } else { Err("odd") }
    }
}

impl From<Even> for u8 {
    fn from(even: Even) -> Self {
        even.0
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn rounded<S: Serializer>(number: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f32(number.round())
}

/// Two holders of one thing, written as serde writes them with its feature `rc`.
#[derive(Debug)]
struct SharedRc(Rc<Cell<u8>>, Rc<Cell<u8>>);

impl Serialize for SharedRc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&*self.0, &*self.1).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SharedRc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (a, b) = Deserialize::deserialize(deserializer)?;
        Ok(Self(Rc::new(a), Rc::new(b)))
    }
}

impl PartialEq for SharedRc {
    /// They are the same if a change of one is seen by the other.
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &self.1) == Rc::ptr_eq(&other.0, &other.1)
    }
}

/// Texts lent by someone else.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Lent(std::borrow::Cow<'static, str>);

fn chain(links: usize) -> Link {
    (1..links).fold(Link { next: None }, |next, _| Link { next: Some(Box::new(next)) })
}

/// The rows and what is found for them, one verdict for all the values of a row.
fn found() -> BTreeMap<&'static str, &'static str> {
    let mut rows = BTreeMap::new();
    macro_rules! row {
        ($name:literal: $($value:expr),+ $(,)?) => {{
            let verdicts = BTreeSet::from([$(verdict(&$value)),+]);
            assert_eq!(verdicts.len(), 1, "{}: {verdicts:?}", $name);
            rows.extend(verdicts.into_iter().map(|verdict| ($name, verdict)));
        }};
    }
    let named = || Named { a: 1, b: "b".into() };
    row!("structs": named(), Pair(1, 'x'), One(0.5), Unit, ());
    row!("enums": Any::Unit, Any::One(1), Any::Two(1, true), Any::Named { x: -1 });
    row!("`Option`, also in one another": None::<u8>, Some(None::<u8>), Some(Some(None::<u8>)), Some(()));
    row!("numbers": i128::MIN, u128::MAX, u64::MAX, i64::MIN, -0.0_f64, f64::INFINITY, f32::MIN_POSITIVE);
    row!("`bool`, `char`, `String`": true, 'ß', "text".to_owned(), Lent("x".into()));
    row!("lists, tuples, arrays": vec![1], VecDeque::from([1]), [[1_u8; 32]; 2], (1, 'x', vec![()]));
    row!("`BTreeMap`, `BTreeSet`": BTreeMap::from([((1, Some('x')), named())]), BTreeSet::from([Some(1), None]));
    row!("`Box`, `Cell`, `RefCell`": Box::new(1), Cell::new(1), RefCell::new(1));
    row!("addresses and times": "::1".parse::<IpAddr>().unwrap(), "1.2.3.4:5".parse::<SocketAddr>().unwrap(), Duration::MAX, SystemTime::UNIX_EPOCH + Duration::from_nanos(1));
    row!("`serde_json::Value`": serde_json::json!({ "a": [1, -1, 0.5, null, "x", {}] }));
    row!("`rename`, `rename_all`, `alias`": Renamed { a: 1, b: 2 });
    row!("`default`": Default2 { a: 1 });
    row!("`skip_serializing_if` with `default`": Skips { a: vec![] }, Skips { a: vec![1] });
    row!("`flatten` of a struct, or of a map with text or numbers for keys": Flat { a: 1, named: Inner { b: None, c: "c".into() } }, FlatMap { a: 1, rest: BTreeMap::from([("x".into(), 1)]) }, FlatNumbers { a: 1, rest: BTreeMap::from([(0, 1), (7, 1)]) });
    row!("`tag`": Tagged::Unit, Tagged::Named { x: Some(None), at: "::1".parse().unwrap() }, Tagged::One(Inner { b: Some(1), c: "c".into() }));
    row!("`tag` with `content`": Adjacent::Unit, Adjacent::One(1), Adjacent::Two(1, 'x'), Adjacent::Named { x: -1 });
    row!("`untagged`, each variant of another shape": Untagged::Number(1), Untagged::Text("x".into()), Untagged::Named { x: 1 }, Untagged::List(vec![1]));
    row!("`transparent`, `into`, `try_from`": Through { a: 1 }, Even(2));
    row!("`HashMap`, `HashSet`": HashMap::from([(1, 2)]), HashSet::from([1]));
    row!("`skip_serializing_if` without `default`": SkipsNoDefault { a: vec![] });
    row!("`skip_serializing` without `default`": HalfSkipped { a: 1 });
    row!("`rename(serialize = ..)` alone": HalfRenamed { a: 1 });
    row!("`i128`, `u128` inside of `tag`, `untagged`, `flatten`": Wide::Points { points: 1 });
    row!("`untagged`, a value that an earlier variant takes": Ambiguous::Letter('x'));
    row!("`flatten` of a map with other keys": FlatPairs { a: 1, rest: BTreeMap::from([((7, 1), 1)]) });
    row!("`try_from` that refuses a value of its own": Even(3));
    row!("`skip_deserializing`": NeverRead { a: 1 });
    row!("deeper than 1,024": chain(600));
    row!("`skip`": Skipped { a: 1 });
    row!("`skip_serializing` with `default`": Lost { a: 1 });
    row!("`untagged`, variants that look the same": Twins::Gems { count: 1 });
    row!("`with`, `serialize_with` that leave something out": Rounded(0.3));
    row!("`Rc`, `Arc` with several holders": { let one = Rc::new(Cell::new(1)); SharedRc(Rc::clone(&one), one) });
    rows
}

/// The first two cells of each row of the table under a heading.
fn said(heading: &str) -> BTreeMap<&'static str, &'static str> {
    let section = PAGE.lines().skip_while(|line| *line != heading).skip(1);
    let section = section.take_while(|line| !line.starts_with("## "));
    let rows = section.filter(|line| line.starts_with("| ") && !line.starts_with("| what"));
    let cells = rows.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    cells.map(|cells| (cells[1], cells[2])).collect()
}

#[test]
fn each_row_about_json_is_true() {
    fn json<T: Serialize>(value: T) -> Result<String, String> {
        serde_json::to_string(&value).map_err(|why| why.to_string())
    }
    let text = |text: &str| Ok(text.to_owned());
    let pairs = json(BTreeMap::from([((1, 2), 3)]));
    assert_eq!(pairs, Err("key must be a string".to_owned()));
    assert_eq!(json(BTreeMap::from([(true, 3)])), text(r#"{"true":3}"#));
    assert_eq!(json((f64::NAN, f32::INFINITY)), text("[null,null]"));
    assert!(serde_json::from_str::<f64>("null").is_err());
    assert_eq!(json(u64::MAX), text("18446744073709551615"));
    assert_eq!((json(Some(None::<u8>)), json(vec![1_u8])), (text("null"), text("[1]")));
    let rows: Vec<&str> = said("## JSON: inputs, events, views, params").into_keys().collect();
    let tried = [
        "`NaN` and infinities",
        "`Some(None)`",
        "a map whose keys are neither text, numbers nor `bool`",
        // The two rows about what is read are tried by a worker in `tests/`.
        "an input that cannot be read",
        "an integer beyond ±2^53",
        "bytes",
        "params that cannot be read",
    ];
    assert_eq!(rows, tried);
}

#[test]
fn each_row_of_the_page_is_true() {
    let said = said("## Types and attributes");
    let found = found();
    for (row, verdict) in &found {
        assert_eq!(said.get(row), Some(verdict), "{row}");
    }
    let untried: Vec<_> = said.keys().filter(|row| !found.contains_key(**row)).collect();
    assert_eq!(untried, [&""; 0], "rows that nothing tries");
}

#[test]
fn a_heap_keeps_its_items_and_their_order() {
    let heap: BinaryHeap<u8> = (0..50).map(|n: u8| n.wrapping_mul(37) % 50).collect();
    let encoded = envelope::encode("table", 1, &Hidden::new(0), &heap, 0, None).unwrap();
    assert_eq!(prove::<BinaryHeap<u8>>("table", 1, &heap, &encoded, 1), Ok(()));
}
