//! Flies a ship from what its pilot sees, as a person would: for bots and for tests.

use crate::point::Point;
use crate::rules::DT;
use crate::steer::Steer;
use crate::view::{Thing, View};

/// Someone who looks at views and steers towards the nearest catch.
#[derive(Clone, Debug, Default)]
pub struct Autopilot {
    /// The last step seen, and where the own ship was.
    last: Option<(u64, Point)>,
    speed: Point,
}

impl Autopilot {
    /// What to do about this view; nothing for spectators and when there is nothing to catch.
    pub fn steer(&mut self, view: &View) -> Option<Steer> {
        let own = view.things.iter().find_map(|thing| match *thing {
            Thing::Steered(id, x, y, ..) if id == view.you => Some(place(x, y)),
            _ => None,
        })?;
        self.note(view.tick, own);
        let catches = view.things.iter().filter_map(|thing| match *thing {
            Thing::Loose(id, x, y, look) => {
                let size = view.looks.get(look).map_or(1, |look| look.2.max(1));
                let cost = place(x, y).distance(own) * taste(view.you, id) / size as f32;
                Some((cost, place(x, y)))
            }
            Thing::Steered(..) => None,
        });
        let (_, best) = catches.min_by(|a, b| a.0.total_cmp(&b.0))?;
        let way = best - own - self.speed * 0.45;
        Some(Steer::towards(way.direction_or(Point::ZERO), way.len() > 500.0))
    }

    fn note(&mut self, tick: u64, own: Point) {
        if let Some((before, from)) = self.last
            && tick > before
        {
            self.speed = (own - from) * (1.0 / (DT * (tick - before) as f32));
        }
        self.last = Some((tick, own));
    }
}

fn place(x: i32, y: i32) -> Point {
    Point::new(x as f32, y as f32)
}

/// From 0.7 to 1.3: pilots differ in what they like, or they would all be after the same star.
fn taste(pilot: u32, star: u32) -> f32 {
    let mixed = (pilot.wrapping_mul(0x9e37_79b9) ^ star).wrapping_mul(0x85eb_ca6b);
    0.7 + (mixed >> 16) as f32 / 65_536.0 * 0.6
}
