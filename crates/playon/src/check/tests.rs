use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::*;
use crate::PlayerId;

#[derive(Serialize, Deserialize)]
enum Tile {
    Empty,
    Chest(HashSet<u8>),
    Door { open: bool, key: Option<Box<Tile>> },
}

#[derive(Serialize, Deserialize)]
struct Orderly {
    scores: BTreeMap<PlayerId, u32>,
    seen: BTreeSet<String>,
    board: [[Option<u8>; 3]; 3],
    at: (f32, f64, char, i128),
    nested: Vec<Vec<Vec<Part>>>,
    unit: (),
}

#[derive(Serialize, Deserialize)]
enum Part {
    Leaf(u8),
    Both(Box<Part>, Box<Part>),
    Named { of: Option<Box<Part>> },
}

#[derive(Serialize, Deserialize)]
struct Mapped {
    first: u8,
    scores: HashMap<PlayerId, u32>,
}

#[derive(Serialize, Deserialize)]
struct Deep {
    rows: Vec<Row>,
}
#[derive(Serialize, Deserialize)]
struct Row {
    tile: Tile,
}

fn tried<T: Serialize + DeserializeOwned>() -> Tried {
    try_out::<T>("checked", 1)
}

fn named<T: Serialize + DeserializeOwned>() -> Option<String> {
    tried::<T>().defect.map(|trouble| trouble.to_string())
}

#[test]
fn ordered_state_has_no_defect() {
    assert_eq!(named::<Orderly>(), None);
    assert_eq!(tried::<Orderly>().untried, None);
    assert!(make_up::<Orderly>().values.len() >= 5, "every variant is tried, and all empty");
}

#[test]
fn a_hash_map_is_named_before_anything_is_in_it() {
    let message = named::<Mapped>().unwrap();
    assert!(message.starts_with("PLY-0426"), "{message}");
    assert!(message.contains("`checked`") && message.contains("`scores`"), "{message}");
}

#[test]
fn a_hash_set_deep_inside_a_variant_is_named() {
    let message = named::<Deep>().unwrap();
    assert!(message.contains("`rows["), "{message}");
    assert!(message.contains("].tile.Chest`"), "{message}");
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Nothing,
    Door { open: bool, key: Option<String>, at: (u8, f32) },
    Chest(Chest),
}

#[derive(Serialize, Deserialize)]
struct Chest {
    lid: char,
    items: Vec<Item>,
    holds: BTreeMap<String, i64>,
}

#[derive(Serialize, Deserialize)]
enum Item {
    Torch,
    Sword(u8),
    Ring { power: i32 },
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    Nothing,
    One(u8),
    Named { of: String },
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Named { name: String, level: u8 },
    Pair(u8, u8),
    Flag(bool),
}

#[derive(Serialize, Deserialize)]
struct Flat {
    id: u8,
    #[serde(flatten)]
    rest: Rest,
    #[serde(flatten)]
    more: BTreeMap<String, u8>,
}

#[derive(Serialize, Deserialize)]
struct Rest {
    title: String,
    deep: Option<Box<Rest>>,
}

#[derive(Serialize, Deserialize)]
struct Everything<T> {
    first: T,
    list: Vec<T>,
    map: BTreeMap<u8, T>,
    last: HashMap<u8, u8>,
}

/// A defect behind something that is hard to make up shows that it was made up.
fn reached<T: Serialize + DeserializeOwned>() {
    let name = std::any::type_name::<T>();
    let Tried { defect, untried } = tried::<Everything<T>>();
    assert_eq!(untried, None, "{name}");
    let message = defect.map(|defect| defect.to_string()).unwrap_or_default();
    assert!(message.contains("field `last`"), "{name}: {message}");
    assert_eq!(named::<T>(), None, "{name}");
}

#[test]
fn one_tagged_enum_does_not_hide_the_other_fields() {
    reached::<Tagged>();
    reached::<Adjacent>();
    reached::<Untagged>();
    reached::<Flat>();
    reached::<serde_json::Value>();
    reached::<std::net::IpAddr>();
    reached::<std::net::SocketAddr>();
    reached::<std::num::NonZeroU16>();
    reached::<std::time::Duration>();
    reached::<Option<Option<Tagged>>>();
}

#[test]
fn every_variant_of_a_tagged_enum_is_made_up() {
    let values = make_up::<Vec<Tagged>>().values;
    let all: Vec<&Tagged> = values.iter().flatten().collect();
    assert!(all.iter().any(|tagged| matches!(tagged, Tagged::Nothing)));
    assert!(all.iter().any(|tagged| matches!(tagged, Tagged::Door { key: Some(_), .. })));
    let chest =
        |tagged: &&&Tagged| matches!(tagged, Tagged::Chest(chest) if !chest.items.is_empty());
    assert!(all.iter().any(|tagged| chest(&tagged)));
}

#[derive(Serialize, Deserialize)]
struct Hidden2 {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    items: Vec<u8>,
}

#[test]
fn what_is_left_out_and_has_no_default_is_named() {
    let message = named::<Hidden2>().unwrap();
    assert!(message.starts_with("PLY-0444 kind `checked`"), "{message}");
    assert!(message.contains("missing field `items`"), "{message}");
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Ambiguous {
    Name(String),
    Letter(char),
}

#[test]
fn an_ambiguous_enum_is_told_by_what_came_back_as_what() {
    #[derive(Serialize, Deserialize)]
    struct Board {
        cells: Vec<Ambiguous>,
    }
    let board = Board { cells: vec![Ambiguous::Name("abc".into()), Ambiguous::Letter('x')] };
    let encoded = envelope::encode("checked", 1, &Hidden::new(0), &board, 0, None).unwrap();
    let message = prove("checked", 1, &board, &encoded, 1).unwrap_err().to_string();
    assert_eq!(
        message,
        "PLY-0434 kind `checked`: field `cells[1]` does not come back as it was written: `'x'` comes back as `\"x\"`"
    );
}

#[test]
fn what_cannot_be_made_up_is_said() {
    #[derive(Serialize, Deserialize)]
    #[serde(try_from = "String", into = "String")]
    #[derive(Clone)]
    struct Even(String);
    impl TryFrom<String> for Even {
        type Error = &'static str;
        fn try_from(text: String) -> Result<Self, Self::Error> {
            if text.starts_with("even-") { Ok(Self(text)) } else { Err("odd") }
        }
    }
    impl From<Even> for String {
        fn from(even: Even) -> Self {
            even.0
        }
    }
    #[derive(Serialize, Deserialize)]
    struct Picky {
        all: Vec<Even>,
        last: HashMap<u8, u8>,
    }
    let Tried { defect, untried } = tried::<Picky>();
    assert!(defect.unwrap().to_string().contains("field `last`"), "the rest is tried");
    assert_eq!(untried.unwrap(), "nothing could be made up for `Picky.all`");
    let untried = tried::<Even>().untried.unwrap();
    assert!(untried.starts_with("no contents could be made up for it"), "{untried}");
}
