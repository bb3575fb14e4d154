//! A ship and how it flies.

use serde::{Deserialize, Serialize};

use crate::pilot::Pilot;
use crate::point::Point;
use crate::rules::{
    ARENA, CHAIN_MAX, CHAIN_STEPS, DASH, DRAG, DT, ENERGY_DASH, ENERGY_MAX, ENERGY_REST,
    ENERGY_START, SHIP_SIZE, THRUST,
};
use crate::steer::Steer;

/// Stars caught shortly after one another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Stars caught in this chain.
    pub stars: u32,
    /// Steps left to catch the next.
    pub steps: u32,
}

impl Chain {
    /// How many times its value the next star is worth.
    pub fn factor(self) -> u32 {
        (1 + self.stars / 3).min(CHAIN_MAX)
    }

    /// One more star.
    pub fn catch(&mut self) {
        self.stars += 1;
        self.steps = CHAIN_STEPS;
    }

    /// One step later.
    pub fn fade(&mut self) {
        self.steps = self.steps.saturating_sub(1);
        if self.steps == 0 {
            self.stars = 0;
        }
    }
}

/// One ship.
#[derive(Clone, Debug, PartialEq)]
pub struct Ship {
    /// Names it on the page; unique in the room.
    pub id: u32,
    /// Who flies it.
    pub pilot: Pilot,
    /// Whose name it carries.
    pub name: String,
    /// Its colour as a hue in degrees.
    pub hue: u16,
    /// Where it is.
    pub at: Point,
    /// Where it is going.
    pub speed: Point,
    /// Where it points, 1 long.
    pub nose: Point,
    /// What it was told.
    pub steer: Steer,
    /// Points in this round.
    pub score: u32,
    /// The chain it is on.
    pub chain: Chain,
    /// Energy for a dash, 0 to [`ENERGY_MAX`].
    pub energy: u32,
    /// Whether it dashes now.
    pub dashing: bool,
}

impl Ship {
    /// A ship at `at` that looks to the middle.
    pub fn new(id: u32, pilot: Pilot, name: String, hue: u16, at: Point) -> Self {
        Self {
            id,
            pilot,
            name,
            hue,
            at,
            speed: Point::ZERO,
            nose: (-at).direction_or(Point::new(0.0, -1.0)),
            steer: Steer::default(),
            score: 0,
            chain: Chain::default(),
            energy: ENERGY_MAX,
            dashing: false,
        }
    }

    /// Puts it at its place for a new round.
    pub fn line_up(&mut self, at: Point) {
        let fresh = Self::new(self.id, self.pilot, String::new(), self.hue, at);
        let name = std::mem::take(&mut self.name);
        *self = Self { name, steer: self.steer, ..fresh };
    }

    /// One step of flight.
    pub fn fly(&mut self, dash_allowed: bool) {
        let thrust = self.steer.thrust();
        self.burn(dash_allowed, thrust);
        let power = if self.dashing { THRUST * DASH } else { THRUST };
        self.speed += thrust * (power * DT);
        self.speed = self.speed * (1.0 - DRAG * DT);
        self.at += self.speed * DT;
        // Half way to where it is told to go: a turn takes a few steps and looks soft.
        self.nose = (self.nose + thrust * 0.9).direction_or(self.nose.turned());
        self.bounce_off_rim();
        self.chain.fade();
    }

    fn burn(&mut self, allowed: bool, thrust: Point) {
        let wanted = allowed && self.steer.button && thrust.len() > 0.1;
        let enough = if self.dashing { ENERGY_DASH } else { ENERGY_START };
        self.dashing = wanted && self.energy >= enough;
        if self.dashing {
            self.energy -= ENERGY_DASH;
        } else {
            self.energy = (self.energy + ENERGY_REST).min(ENERGY_MAX);
        }
    }

    fn bounce_off_rim(&mut self) {
        let room = ARENA - SHIP_SIZE;
        if self.at.len() <= room {
            return;
        }
        let out = self.at.direction_or(Point::new(1.0, 0.0));
        self.at = out * room;
        let outward = self.speed.dot(out);
        if outward > 0.0 {
            self.speed -= out * (1.6 * outward);
        }
    }

    /// Lets two ships that overlap bounce off each other.
    ///
    /// Gives the speed at which they met, in units a second, if they were getting closer.
    pub fn bump(&mut self, other: &mut Self) -> Option<f32> {
        let apart = other.at - self.at;
        let overlap = 2.0 * SHIP_SIZE - apart.len();
        if overlap <= 0.0 {
            return None;
        }
        let way = apart.direction_or(Point::new(1.0, 0.0));
        self.at -= way * (overlap / 2.0);
        other.at += way * (overlap / 2.0);
        let closing = (self.speed - other.speed).dot(way);
        if closing <= 0.0 {
            return None;
        }
        // Equal masses swap most of what they had along the line between them.
        let push = way * (closing * 0.95);
        self.speed -= push;
        other.speed += push;
        Some(closing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::HZ;

    fn ship(x: f32) -> Ship {
        Ship::new(1, Pilot::machine(), String::new(), 0, Point::new(x, 0.0))
    }

    #[test]
    fn a_bump_pushes_apart_and_keeps_what_both_had_together() {
        let (mut a, mut b) = (ship(0.0), ship(SHIP_SIZE));
        a.speed = Point::new(400.0, 30.0);
        b.speed = Point::new(-100.0, 0.0);
        let met = a.bump(&mut b);
        assert_eq!(met, Some(500.0));
        assert!((a.speed.x + b.speed.x - 300.0).abs() < 1e-3);
        assert!(b.at.x - a.at.x >= 2.0 * SHIP_SIZE - 1e-3);
        assert!(b.speed.x > a.speed.x, "they fly apart");
        assert_eq!(a.bump(&mut b), None);
    }

    #[test]
    fn a_ship_speeds_up_to_a_limit_and_glides_to_a_stop() {
        let mut ship = ship(-900.0);
        ship.steer = Steer { x: 100, y: 0, button: false };
        for _ in 0..2 * HZ {
            ship.fly(false);
        }
        assert!((400.0..THRUST / DRAG + 1.0).contains(&ship.speed.x), "{:?}", ship.speed);
        ship.steer = Steer::default();
        for _ in 0..4 * HZ {
            ship.fly(false);
        }
        assert!(ship.speed.len() < 1.0, "{:?}", ship.speed);
    }

    #[test]
    fn a_dash_ends_with_the_energy_and_comes_back_with_it() {
        let mut ship = ship(0.0);
        ship.steer = Steer { x: 100, y: 0, button: true };
        let mut steps = 0;
        ship.fly(true);
        while ship.dashing {
            ship.fly(true);
            steps += 1;
            assert!(steps < 1_000);
        }
        assert_eq!(steps, ENERGY_MAX / ENERGY_DASH);
        ship.fly(true);
        assert!(!ship.dashing, "it takes some energy to begin");
        ship.energy = ENERGY_START;
        ship.fly(false);
        assert!(!ship.dashing, "not in release 1");
        ship.fly(true);
        assert!(ship.dashing);
    }

    #[test]
    fn every_third_star_of_a_chain_is_worth_more_up_to_a_limit() {
        let mut chain = Chain::default();
        let factors: Vec<u32> = (0..9)
            .map(|_| {
                let factor = chain.factor();
                chain.catch();
                factor
            })
            .collect();
        assert_eq!(factors, [1, 1, 1, 2, 2, 2, 3, 3, 3]);
        assert_eq!(chain.factor(), CHAIN_MAX);
        (0..CHAIN_STEPS).for_each(|_| chain.fade());
        assert_eq!(chain.factor(), 1);
    }
}
