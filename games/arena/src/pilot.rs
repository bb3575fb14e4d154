//! Who flies a ship: a player, or a machine that keeps the room alive.

use playon::{PlayerId, Rng};
use serde::{Deserialize, Serialize};

use crate::point::Point;
use crate::rules::{ARENA, ENERGY_MAX};
use crate::ship::Ship;
use crate::star::Star;
use crate::steer::Steer;

/// Steps a machine keeps its mind.
const THINK_STEPS: std::ops::Range<u32> = 6..14;

/// Names of machines, taken in this order.
pub const NAMES: [&str; 4] = ["Vega", "Mira", "Rigel", "Lyra"];

/// Who flies a ship.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pilot {
    /// A player; `away` while there is no socket.
    Player {
        /// The player.
        id: PlayerId,
        /// Whether the ship drifts because nobody is there.
        away: bool,
    },
    /// A machine.
    Machine {
        /// The star or comet it is after.
        target: u32,
        /// Steps until it looks round again.
        think: u32,
    },
}

impl Pilot {
    /// A machine that has yet to look round.
    pub const fn machine() -> Self {
        Self::Machine { target: 0, think: 0 }
    }

    /// The player, if it is one.
    pub const fn player(self) -> Option<PlayerId> {
        match self {
            Self::Player { id, .. } => Some(id),
            Self::Machine { .. } => None,
        }
    }
}

/// Lets a machine steer its ship; players are left alone.
pub fn steer(ship: &mut Ship, stars: &[Star], rng: &mut Rng) {
    let Pilot::Machine { mut target, mut think } = ship.pilot else { return };
    think = think.saturating_sub(1);
    let mut prey = stars.iter().find(|star| star.id == target);
    if think == 0 || prey.is_none() {
        prey = choose(ship, stars, rng);
        target = prey.map_or(0, |star| star.id);
        think = rng.range(THINK_STEPS);
    }
    ship.steer = match prey {
        Some(star) => chase(ship, star),
        None => Steer::towards((-ship.at) * (1.0 / ARENA), false),
    };
    ship.pilot = Pilot::Machine { target, think };
}

/// The star that promises most for the way, seen with a machine's poor eye.
fn choose<'a>(ship: &Ship, stars: &'a [Star], rng: &mut Rng) -> Option<&'a Star> {
    let mut best: Option<(f32, &Star)> = None;
    for star in stars {
        let way = ahead(ship, star).distance(ship.at) * rng.range(0.6..1.6_f32);
        let cost = way / (1.0 + star.make.worth() as f32).sqrt();
        if best.is_none_or(|(least, _)| cost < least) {
            best = Some((cost, star));
        }
    }
    best.map(|(_, star)| star)
}

/// Where the star will be when the ship could be there.
fn ahead(ship: &Ship, star: &Star) -> Point {
    let time = (star.at.distance(ship.at) / 450.0).min(2.0);
    star.at + star.speed * time
}

fn chase(ship: &Ship, star: &Star) -> Steer {
    // Aims against its own sideways drift, so that it does not circle round the star.
    let way = ahead(ship, star) - ship.at - ship.speed * 0.45;
    let wish = way.direction_or(ship.nose) * 0.82;
    let eager = star.make.worth() > 1 && ship.energy > ENERGY_MAX / 2;
    Steer::towards(wish, eager || (ship.dashing && ship.energy > ENERGY_MAX / 4))
}
