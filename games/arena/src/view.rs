//! What a page is shown.
//!
//! A page draws what it is told and knows no rules: things have a look (shape, colour, size, trail), the
//! pilot's own instruments are a list of gauges. So a page that was loaded from an old release shows a new release's features.

use serde::{Deserialize, Serialize};

use crate::round::{Phase, Place};
use crate::rules::{CHAIN_STEPS, ENERGY_MAX, PODIUM_MS, Rules, SHIP_SIZE};
use crate::ship::Ship;
use crate::star::{Make, Star};
use crate::world::{Moment, World};

/// One player's view. Short on purpose: it is sent 20 times a second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Steps since the room was made.
    pub tick: u64,
    /// Milliseconds left of the round, or of the podium.
    pub clock_ms: u64,
    /// How long this phase lasts in all, in milliseconds.
    pub length_ms: u64,
    /// The round, counted from 1.
    pub round: u32,
    /// The release that made this view.
    pub release: String,
    /// What is new in this release; empty for nothing.
    pub banner: String,
    /// What the one button does; empty if it does nothing.
    pub button: String,
    /// The id of one's own ship; 0 for a spectator.
    pub you: u32,
    /// One's own instruments.
    pub gauges: Vec<Gauge>,
    /// The looks that things refer to.
    pub looks: Vec<Look>,
    /// Whatever is in the arena.
    pub things: Vec<Thing>,
    /// The score board, in order of arrival.
    pub board: Vec<Row>,
    /// The best three of the round that is over, best first; empty while a round is on.
    pub podium: Vec<Place>,
}

/// `[label, percent, hue]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gauge(pub String, pub u32, pub u16);

/// `[shape, hue, size, trail]`: shape `ship`, `star` or `comet`; size in units; length of the trail in steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look(pub String, pub u16, pub u32, pub u32);

/// A thing in the arena.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Thing {
    /// `[id, x, y, look, angle in degrees, thrust in percent]`.
    Steered(u32, i32, i32, usize, i32, u32),
    /// `[id, x, y, look]`.
    Loose(u32, i32, i32, usize),
}

/// `[ship, name, score, who]`: who is 0 for a machine, 1 for a player, 2 for a player without a socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row(pub u32, pub String, pub u32, pub u8);

impl View {
    /// What the pilot of `own` sees of the world; without a ship, what a spectator sees.
    pub fn of(world: &World, rules: &Rules, at: Moment, own: Option<&Ship>) -> Self {
        let mut looks = Vec::new();
        let ships = world.ships.iter().map(|ship| steered(ship, &mut looks));
        let mut things: Vec<Thing> = ships.collect();
        things.extend(world.stars.iter().map(|star| loose(star, &mut looks)));
        Self {
            tick: at.tick,
            clock_ms: world.round.left_ms(at.ms),
            length_ms: if world.round.is_on() { world.round.length_ms } else { PODIUM_MS },
            round: world.round.number,
            release: rules.release.to_owned(),
            banner: rules.banner.to_owned(),
            button: rules.button.to_owned(),
            you: own.map_or(0, |ship| ship.id),
            gauges: own.map(|ship| gauges(ship, rules)).unwrap_or_default(),
            looks,
            things,
            board: world.ships.iter().map(row).collect(),
            podium: match &world.round.phase {
                Phase::Play => Vec::new(),
                Phase::Podium(places) => places.clone(),
            },
        }
    }
}

fn row(ship: &Ship) -> Row {
    let who = match ship.pilot {
        crate::pilot::Pilot::Machine { .. } => 0,
        crate::pilot::Pilot::Player { away: false, .. } => 1,
        crate::pilot::Pilot::Player { away: true, .. } => 2,
    };
    Row(ship.id, ship.name.clone(), ship.score, who)
}

fn steered(ship: &Ship, looks: &mut Vec<Look>) -> Thing {
    let trail = if ship.dashing { 30 } else { 16 };
    let look = index(looks, Look("ship".to_owned(), ship.hue, SHIP_SIZE as u32, trail));
    let angle = ship.nose.y.atan2(ship.nose.x).to_degrees().round() as i32;
    let power = if ship.dashing { 200.0 } else { ship.steer.thrust().len() * 100.0 };
    let (x, y) = (ship.at.x.round() as i32, ship.at.y.round() as i32);
    Thing::Steered(ship.id, x, y, look, angle, power as u32)
}

fn loose(star: &Star, looks: &mut Vec<Look>) -> Thing {
    let (shape, trail) = match star.make {
        Make::Star => ("star", 0),
        Make::Comet => ("comet", 26),
    };
    let look = Look(shape.to_owned(), star.make.hue(), star.make.size() as u32, trail);
    Thing::Loose(star.id, star.at.x.round() as i32, star.at.y.round() as i32, index(looks, look))
}

fn index(looks: &mut Vec<Look>, look: Look) -> usize {
    looks.iter().position(|known| *known == look).unwrap_or_else(|| {
        looks.push(look);
        looks.len() - 1
    })
}

fn gauges(ship: &Ship, rules: &Rules) -> Vec<Gauge> {
    let label = format!("chain \u{d7}{}", ship.chain.factor());
    let mut gauges = vec![Gauge(label, ship.chain.steps * 100 / CHAIN_STEPS, 190)];
    if rules.dash() {
        gauges.push(Gauge(rules.button.to_owned(), ship.energy * 100 / ENERGY_MAX, 44));
    }
    gauges
}
