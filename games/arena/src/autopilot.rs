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
        let place = |thing: &Thing| match *thing {
            Thing::Steered(id, x, y, ..) | Thing::Loose(id, x, y, _) => {
                (id, Point::new(x as f32, y as f32))
            }
        };
        let (_, own) = view.things.iter().map(place).find(|(id, _)| *id == view.you)?;
        self.note(view.tick, own);
        let loose = view.things.iter().filter(|thing| matches!(thing, Thing::Loose(..)));
        let nearest = loose
            .map(|thing| place(thing).1)
            .min_by(|a, b| a.distance(own).total_cmp(&b.distance(own)))?;
        let way = nearest - own - self.speed * 0.45;
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
