//! Release 1: stars, chains and bumps.
//!
//! Its state is flat: each ship carries all there is about it, and whatever lies about is a star.

use playon::{PlayerId, Versions};
use serde::{Deserialize, Serialize};

use crate::arena::{Arena, Release};
use crate::pilot::Pilot;
use crate::point::Point;
use crate::round::{Phase, Place, Round};
use crate::rules::{ENERGY_MAX, Rules};
use crate::ship::{Chain, Ship};
use crate::star::{Make, Star};
use crate::steer::Steer;
use crate::world::World;

/// The first release.
pub enum R1 {}

impl Release for R1 {
    const RULES: Rules = Rules { release: "release 1", banner: "", comets: false, button: "" };
    type Saved = Saved;

    fn versions() -> Versions<Arena<Self>> {
        Versions::first()
    }
}

/// Version 1 of the state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    last_id: u32,
    round: u32,
    round_ms: u64,
    ends_ms: u64,
    /// The places while they are shown.
    podium: Option<Vec<Place>>,
    ships: Vec<SavedShip>,
    stars: Vec<SavedStar>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SavedShip {
    id: u32,
    /// Nobody: a machine flies it.
    player: Option<PlayerId>,
    away: bool,
    target: u32,
    think: u32,
    name: String,
    hue: u16,
    x: f32,
    y: f32,
    vx: f32,
    vy: f32,
    nose: Point,
    steer: Steer,
    score: u32,
    chain: u32,
    chain_steps: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SavedStar {
    id: u32,
    x: f32,
    y: f32,
    vx: f32,
    vy: f32,
}

impl From<&World> for Saved {
    fn from(world: &World) -> Self {
        let round = &world.round;
        Self {
            last_id: world.last_id,
            round: round.number,
            round_ms: round.length_ms,
            ends_ms: round.ends_ms,
            podium: match &round.phase {
                Phase::Play => None,
                Phase::Podium(places) => Some(places.clone()),
            },
            ships: world.ships.iter().map(SavedShip::from).collect(),
            stars: world.stars.iter().map(SavedStar::from).collect(),
        }
    }
}

impl From<Saved> for World {
    fn from(saved: Saved) -> Self {
        Self {
            last_id: saved.last_id,
            round: Round {
                number: saved.round,
                length_ms: saved.round_ms,
                ends_ms: saved.ends_ms,
                phase: saved.podium.map_or(Phase::Play, Phase::Podium),
            },
            ships: saved.ships.into_iter().map(Ship::from).collect(),
            stars: saved.stars.into_iter().map(Star::from).collect(),
        }
    }
}

impl From<&Ship> for SavedShip {
    fn from(ship: &Ship) -> Self {
        let (player, away, target, think) = match ship.pilot {
            Pilot::Player { id, away } => (Some(id), away, 0, 0),
            Pilot::Machine { target, think } => (None, false, target, think),
        };
        Self {
            id: ship.id,
            player,
            away,
            target,
            think,
            name: ship.name.clone(),
            hue: ship.hue,
            x: ship.at.x,
            y: ship.at.y,
            vx: ship.speed.x,
            vy: ship.speed.y,
            nose: ship.nose,
            steer: ship.steer,
            score: ship.score,
            chain: ship.chain.stars,
            chain_steps: ship.chain.steps,
        }
    }
}

impl From<SavedShip> for Ship {
    fn from(saved: SavedShip) -> Self {
        Self {
            id: saved.id,
            pilot: match saved.player {
                Some(id) => Pilot::Player { id, away: saved.away },
                None => Pilot::Machine { target: saved.target, think: saved.think },
            },
            name: saved.name,
            hue: saved.hue,
            at: Point::new(saved.x, saved.y),
            speed: Point::new(saved.vx, saved.vy),
            nose: saved.nose,
            steer: saved.steer,
            score: saved.score,
            chain: Chain { stars: saved.chain, steps: saved.chain_steps },
            // Release 1 has no dash: its tanks are always full.
            energy: ENERGY_MAX,
            dashing: false,
        }
    }
}

impl From<&Star> for SavedStar {
    fn from(star: &Star) -> Self {
        Self { id: star.id, x: star.at.x, y: star.at.y, vx: star.speed.x, vy: star.speed.y }
    }
}

impl From<SavedStar> for Star {
    fn from(saved: SavedStar) -> Self {
        // Release 1 knows no comets: one that is left from release 2 becomes a star.
        Self {
            id: saved.id,
            make: Make::Star,
            at: Point::new(saved.x, saved.y),
            speed: Point::new(saved.vx, saved.vy),
        }
    }
}
