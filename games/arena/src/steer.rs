//! What a player sends.

use serde::{Deserialize, Serialize};

use crate::point::Point;

/// Where a ship is told to fly. It holds until the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steer {
    /// Thrust to the right in percent, -100 to 100; more is cut.
    #[serde(default)]
    pub x: i32,
    /// Thrust downwards in percent, -100 to 100; more is cut.
    #[serde(default)]
    pub y: i32,
    /// Whether the one button is held. What it does is up to the release; release 1 has no use for it.
    #[serde(default)]
    pub button: bool,
}

impl Steer {
    /// Full or partial thrust towards a direction.
    pub fn towards(way: Point, button: bool) -> Self {
        let way = way.at_most(1.0) * 100.0;
        Self { x: way.x as i32, y: way.y as i32, button }
    }

    /// The thrust as a vector at most 1 long.
    pub fn thrust(self) -> Point {
        let part = |percent: i32| percent.clamp(-100, 100) as f32 / 100.0;
        Point::new(part(self.x), part(self.y)).at_most(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_thrusts_harder_by_asking_for_more() {
        let wild = Steer { x: i32::MAX, y: i32::MIN, button: false };
        assert!(wild.thrust().len() <= 1.0001);
        assert_eq!(Steer::default().thrust(), Point::ZERO);
    }
}
