use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::*;
use crate::kind::TypedKind;
use crate::{Cx, Player, PlayerId, Refusal, Room};

macro_rules! room {
    ($name:ident) => {
        impl Room for $name {
            const KIND: &'static str = "checked";
            type Params = ();
            type Input = ();
            type Event = ();
            type View = ();
            fn create((): (), _: &mut Cx<Self>) -> Result<Self, Refusal> {
                Err("never made".into())
            }
            fn join(&mut self, _: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
                Ok(())
            }
            fn input(&mut self, _: PlayerId, (): (), _: &mut Cx<Self>) {}
            fn view(&self, _: PlayerId, _: &Cx<Self>) {}
        }
    };
}

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
room!(Orderly);

#[derive(Serialize, Deserialize)]
struct Mapped {
    first: u8,
    scores: HashMap<PlayerId, u32>,
}
room!(Mapped);

#[derive(Serialize, Deserialize)]
struct Deep {
    rows: Vec<Row>,
}
#[derive(Serialize, Deserialize)]
struct Row {
    tile: Tile,
}
room!(Deep);

fn named<R: Room>() -> Option<String> {
    defect(&TypedKind::<R>::new()).map(|trouble| trouble.to_string())
}

#[test]
fn ordered_state_has_no_defect() {
    assert_eq!(named::<Orderly>(), None);
    assert!(make_up::<Orderly>().len() >= 3, "every variant is tried");
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

#[test]
fn types_that_refuse_made_up_contents_are_not_blamed() {
    #[derive(Serialize, Deserialize)]
    struct Picky {
        address: std::net::Ipv4Addr,
        #[serde(flatten)]
        rest: BTreeMap<String, u8>,
    }
    room!(Picky);
    assert_eq!(named::<Picky>(), None);
}
