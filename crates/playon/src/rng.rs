//! Random numbers that are part of the room.

use std::ops::Range;

use playon_types::rng::mix;
use serde::{Deserialize, Serialize};

/// A room's stream of random numbers: [`Cx::rng`](crate::Cx::rng).
///
/// Its position is committed with the room, so a room that is moved or reopened draws on where it was.
/// It is fair enough for dice and cards between friends; it makes no secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rng {
    state: u64,
}

impl Rng {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// A number from 0 up to but not including 1.
    pub fn unit(&mut self) -> f64 {
        // 53 bits are what a double holds exactly.
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number of the range, its end excluded; the start if the range is empty.
    ///
    /// ```
    /// # fn roll(cx: &mut playon::Rng) -> u8 {
    /// let die: u8 = cx.range(1..7);
    /// # die }
    /// ```
    pub fn range<T: Number>(&mut self, range: Range<T>) -> T {
        T::pick(self, range)
    }

    /// True with this probability: never at 0, always at 1.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of the items; nothing if there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.range(0..items.len()))
    }

    /// Puts the items in random order, each order as likely as any other.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.range(0..last + 1));
        }
    }

    /// Below `bound`, which is not 0. The bias is below `bound` / 2^64.
    fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(bound);
        (wide >> 64) as u64
    }
}

/// A number that [`Rng::range`] can draw.
pub trait Number: sealed::Sealed + Copy {
    #[doc(hidden)]
    fn pick(rng: &mut Rng, range: Range<Self>) -> Self;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! integers {
    ($($t:ty)*) => { $(
        impl sealed::Sealed for $t {}
        impl Number for $t {
            fn pick(rng: &mut Rng, range: Range<Self>) -> Self {
                if range.start >= range.end {
                    return range.start;
                }
                // Two's complement: the difference of any two fits 64 bits without a sign.
                let width = (range.end as u64).wrapping_sub(range.start as u64);
                (range.start as u64).wrapping_add(rng.below(width)) as $t
            }
        }
    )* };
}
integers!(u8 u16 u32 u64 usize i8 i16 i32 i64 isize);

macro_rules! floats {
    ($($t:ty)*) => { $(
        impl sealed::Sealed for $t {}
        impl Number for $t {
            fn pick(rng: &mut Rng, range: Range<Self>) -> Self {
                let at = range.start + rng.unit() as $t * (range.end - range.start);
                // Rounding may reach the end, which is excluded.
                if at < range.end { at } else { range.start }
            }
        }
    )* };
}
floats!(f32 f64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_a_range_comes_up_and_no_other() {
        let mut rng = Rng::new(1);
        let mut seen = [0; 6];
        for _ in 0..600 {
            seen[usize::from(rng.range(1_u8..7)) - 1] += 1;
        }
        assert!(seen.iter().all(|n| (60..140).contains(n)), "{seen:?}");
        let below: Vec<i32> = (0..100).map(|_| rng.range(-3..3)).collect();
        assert!(below.iter().all(|n| (-3..3).contains(n)));
        assert!(below.contains(&-3) && below.contains(&2));
        assert_eq!(rng.range(5..5), 5);
        assert!((0..100).all(|_| (0.5..0.75).contains(&rng.range(0.5_f32..0.75))));
        let _ = rng.range(i64::MIN..i64::MAX);
    }

    #[test]
    fn equal_seeds_give_equal_streams() {
        let draw = |seed| {
            let mut rng = Rng::new(seed);
            let mut cards: Vec<u8> = (0..52).collect();
            rng.shuffle(&mut cards);
            (cards, rng.chance(0.5), rng.unit().to_bits())
        };
        assert_eq!(draw(9), draw(9));
        assert_ne!(draw(9), draw(10));
        let mut sorted = draw(9).0;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..52).collect::<Vec<u8>>());
    }

    #[test]
    fn chance_is_certain_at_its_ends() {
        let mut rng = Rng::new(3);
        assert!((0..100).all(|_| rng.chance(1.0) && !rng.chance(0.0)));
        assert_eq!(rng.pick::<u8>(&[]), None);
        assert_eq!(rng.pick(&[4]), Some(&4));
    }
}
