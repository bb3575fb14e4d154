//! Positions and speeds in the plane.

use std::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};

use serde::{Deserialize, Serialize};

/// A position in units from the middle of the arena, or a speed in units a second.
///
/// Only additions, products and square roots are used on it: those are exact by IEEE 754, so equal inputs give equal bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// To the right.
    pub x: f32,
    /// Downwards, as on a screen.
    pub y: f32,
}

impl Point {
    /// The middle; standing still.
    pub const ZERO: Self = Self { x: 0.0, y: 0.0 };

    /// From its two parts.
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// The product of the lengths and the cosine between the two.
    pub fn dot(self, other: Self) -> f32 {
        self.x * other.x + self.y * other.y
    }

    /// The length.
    pub fn len(self) -> f32 {
        self.dot(self).sqrt()
    }

    /// How far apart two positions are.
    pub fn distance(self, other: Self) -> f32 {
        (self - other).len()
    }

    /// The same direction with length 1; `otherwise` for what has no direction.
    pub fn direction_or(self, otherwise: Self) -> Self {
        let len = self.len();
        if len < 1e-3 { otherwise } else { self * (1.0 / len) }
    }

    /// A quarter turn clockwise on the screen.
    pub const fn turned(self) -> Self {
        Self { x: -self.y, y: self.x }
    }

    /// The same direction, at most `max` long.
    pub fn at_most(self, max: f32) -> Self {
        let len = self.len();
        if len > max { self * (max / len) } else { self }
    }
}

impl Add for Point {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::new(self.x + other.x, self.y + other.y)
    }
}

impl AddAssign for Point {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Point {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::new(self.x - other.x, self.y - other.y)
    }
}

impl SubAssign for Point {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Mul<f32> for Point {
    type Output = Self;
    fn mul(self, by: f32) -> Self {
        Self::new(self.x * by, self.y * by)
    }
}

impl Neg for Point {
    type Output = Self;
    fn neg(self) -> Self {
        Self::new(-self.x, -self.y)
    }
}
