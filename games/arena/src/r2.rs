//! Release 2: golden comets and a dash.
//!
//! Its state is cut by subject: who flies (`crew`), what moves (`bodies`, stars and comets among them) and what
//! counts (`ledger`), tied together by the ids of ships.

use std::collections::BTreeMap;

use playon::Versions;
use serde::{Deserialize, Serialize};

use crate::arena::{Arena, Release};
use crate::pilot::Pilot;
use crate::point::Point;
use crate::r1;
use crate::round::{Phase, Round};
use crate::rules::Rules;
use crate::ship::{Chain, Ship};
use crate::star::{Make, Star};
use crate::steer::Steer;
use crate::world::World;

/// The second release.
pub enum R2 {}

impl Release for R2 {
    const RULES: Rules = Rules {
        release: "release 2",
        banner: "release 2: golden comets, and a dash",
        comets: true,
        button: "dash",
    };
    type Saved = Saved;

    fn versions() -> Versions<Arena<Self>> {
        Versions::first().then_and_back(
            |old: r1::Saved| Arena::from(World::from(old)),
            |new: Arena<Self>| r1::Saved::from(new.world()),
        )
    }
}

/// Version 2 of the state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    last_id: u32,
    round: SavedRound,
    /// In order of arrival.
    crew: Vec<Seat>,
    /// By ship.
    ledger: BTreeMap<u32, Entry>,
    /// Ships in the order of the crew, then stars and comets in order of arrival.
    bodies: Vec<Body>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SavedRound {
    number: u32,
    length_ms: u64,
    ends_ms: u64,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Seat {
    ship: u32,
    pilot: Pilot,
    name: String,
    hue: u16,
    steer: Steer,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Entry {
    score: u32,
    chain: Chain,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Body {
    id: u32,
    at: Point,
    speed: Point,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum What {
    Hull { nose: Point, energy: u32, dashing: bool },
    Loose(Make),
}

impl From<&World> for Saved {
    fn from(world: &World) -> Self {
        let round = &world.round;
        let ships = world.ships.iter();
        Self {
            last_id: world.last_id,
            round: SavedRound {
                number: round.number,
                length_ms: round.length_ms,
                ends_ms: round.ends_ms,
                phase: round.phase.clone(),
            },
            crew: ships.clone().map(Seat::from).collect(),
            ledger: ships.clone().map(|ship| (ship.id, Entry::from(ship))).collect(),
            bodies: ships.map(Body::from).chain(world.stars.iter().map(Body::from)).collect(),
        }
    }
}

impl From<Saved> for World {
    fn from(saved: Saved) -> Self {
        let Saved { last_id, round, crew, mut ledger, bodies } = saved;
        let mut seats = crew.into_iter();
        let (mut ships, mut stars) = (Vec::new(), Vec::new());
        for body in bodies {
            let (id, at, speed) = (body.id, body.at, body.speed);
            match body.what {
                What::Loose(make) => stars.push(Star { id, make, at, speed }),
                What::Hull { nose, energy, dashing } => {
                    // Written in the same order, so seat and hull meet.
                    let Some(seat) = seats.next() else { continue };
                    let Entry { score, chain } = ledger.remove(&id).unwrap_or_default();
                    let Seat { ship: id, pilot, name, hue, steer } = seat;
                    ships.push(Ship {
                        id,
                        pilot,
                        name,
                        hue,
                        at,
                        speed,
                        nose,
                        steer,
                        score,
                        chain,
                        energy,
                        dashing,
                    });
                }
            }
        }
        let SavedRound { number, length_ms, ends_ms, phase } = round;
        Self { last_id, round: Round { number, length_ms, ends_ms, phase }, ships, stars }
    }
}

impl From<&Ship> for Seat {
    fn from(ship: &Ship) -> Self {
        Self {
            ship: ship.id,
            pilot: ship.pilot,
            name: ship.name.clone(),
            hue: ship.hue,
            steer: ship.steer,
        }
    }
}

impl From<&Ship> for Entry {
    fn from(ship: &Ship) -> Self {
        Self { score: ship.score, chain: ship.chain }
    }
}

impl From<&Ship> for Body {
    fn from(ship: &Ship) -> Self {
        let what = What::Hull { nose: ship.nose, energy: ship.energy, dashing: ship.dashing };
        Self { id: ship.id, at: ship.at, speed: ship.speed, what }
    }
}

impl From<&Star> for Body {
    fn from(star: &Star) -> Self {
        Self { id: star.id, at: star.at, speed: star.speed, what: What::Loose(star.make) }
    }
}
