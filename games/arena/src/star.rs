//! What there is to catch.

use playon::Rng;
use serde::{Deserialize, Serialize};

use crate::point::Point;
use crate::rules::{ARENA, DT};

/// What kind of thing falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Make {
    /// A star that drifts slowly.
    Star,
    /// A golden comet that crosses the arena.
    Comet,
}

impl Make {
    /// Points for catching it.
    pub const fn worth(self) -> u32 {
        match self {
            Self::Star => 1,
            Self::Comet => 5,
        }
    }

    /// Radius in units.
    pub const fn size(self) -> f32 {
        match self {
            Self::Star => 15.0,
            Self::Comet => 24.0,
        }
    }

    /// Its colour as a hue in degrees.
    pub const fn hue(self) -> u16 {
        match self {
            Self::Star => 190,
            Self::Comet => 44,
        }
    }
}

/// A star or a comet.
#[derive(Clone, Debug, PartialEq)]
pub struct Star {
    /// Names it on the page; unique in the room.
    pub id: u32,
    /// What it is.
    pub make: Make,
    /// Where it is.
    pub at: Point,
    /// Where it is going.
    pub speed: Point,
}

impl Star {
    /// A star somewhere well inside the rim, drifting slowly.
    pub fn fall(id: u32, rng: &mut Rng) -> Self {
        Self {
            id,
            make: Make::Star,
            at: anywhere(rng) * (0.9 * ARENA),
            speed: anywhere(rng) * 40.0,
        }
    }

    /// A star shaken loose at `at`.
    pub fn spill(id: u32, at: Point, rng: &mut Rng) -> Self {
        Self { id, make: Make::Star, at, speed: anywhere(rng) * 220.0 }
    }

    /// A comet that enters at the rim and passes the middle at some distance.
    pub fn comet(id: u32, rng: &mut Rng) -> Self {
        let from = anywhere(rng).direction_or(Point::new(1.0, 0.0)) * (0.97 * ARENA);
        let aim = anywhere(rng) * (0.5 * ARENA);
        let speed = (aim - from).direction_or(Point::new(1.0, 0.0)) * rng.range(270.0..390.0_f32);
        Self { id, make: Make::Comet, at: from, speed }
    }

    /// One step on its way. Stars slow down to a drift and turn back at the rim.
    pub fn drift(&mut self) {
        self.at += self.speed * DT;
        if self.make == Make::Star {
            if self.speed.len() > 40.0 {
                self.speed = self.speed * 0.95;
            }
            if self.at.len() > 0.93 * ARENA && self.at.dot(self.speed) > 0.0 {
                self.speed = -self.speed;
            }
        }
    }

    /// Whether it has left the arena.
    pub fn is_gone(&self) -> bool {
        self.at.len() > ARENA
    }
}

/// Somewhere in the circle of radius 1, each place as likely as any other.
pub(crate) fn anywhere(rng: &mut Rng) -> Point {
    // Each try fits with a chance of 78 %; after sixteen the middle will do.
    for _ in 0..16 {
        let at = Point::new(rng.range(-1.0..1.0_f32), rng.range(-1.0..1.0_f32));
        if at.len() <= 1.0 {
            return at;
        }
    }
    Point::ZERO
}
