//! What shapes values of a kind have had: which variants, which fields present, which options filled.
//!
//! A type whose `Serialize` and `Deserialize` do not agree mostly shows it the first time a value takes a certain shape. So it
//! is worth knowing, for next to nothing, that a value has a shape which no value before it had.

use std::collections::HashMap;

/// Shapes told apart. What comes after is not noticed as new.
const SHAPES_MAX: usize = 2_048;
/// Slots of the table, a power of two; at most half of them are taken.
const SLOTS: usize = 2 * SHAPES_MAX;
/// Texts told apart that stand where the name of a variant may stand.
const NAMES_MAX: u16 = 64;

/// The shapes that the values of a kind have had.
#[derive(Default)]
pub(crate) struct Shapes {
    /// Open addressing; zero is a free slot. Empty until the first shape.
    table: Vec<u64>,
    /// What is in the table, in the order in which it came.
    seen: Vec<u64>,
    /// How many of them have been proved to be readable.
    proved: usize,
    names: HashMap<u64, u16>,
    /// The deepest value that was proved.
    depth: usize,
}

impl Shapes {
    /// Notes one shape.
    #[inline]
    pub(super) fn see(&mut self, shape: u64) {
        let shape = shape | 1;
        // The high bits are the well mixed ones.
        let slot = (shape >> 40) as usize % SLOTS;
        if self.table.get(slot) != Some(&shape) {
            self.look_for(shape, slot);
        }
    }

    /// Notes a text that may be the name of a variant, or anything that a player said.
    pub(super) fn see_name(&mut self, place: u64, shape: u64) {
        let known = self.names.entry(place).or_default();
        if *known < NAMES_MAX {
            let before = self.seen.len();
            self.see(shape);
            if let Some(known) = self.names.get_mut(&place) {
                *known += u16::from(self.seen.len() > before);
            }
        }
    }

    #[cold]
    fn look_for(&mut self, shape: u64, mut slot: usize) {
        if self.table.is_empty() {
            self.table.resize(SLOTS, 0);
        }
        loop {
            match self.table[slot] {
                0 => break,
                taken if taken == shape => return,
                _ => slot = (slot + 1) % SLOTS,
            }
        }
        if self.seen.len() < SHAPES_MAX {
            self.table[slot] = shape;
            self.seen.push(shape);
        }
    }

    /// Whether there are shapes, or a depth, that no proof has covered.
    pub(crate) const fn is_news(&self, depth: usize) -> bool {
        self.seen.len() > self.proved || depth > 2 * self.depth
    }

    /// All that was noted so far reads back.
    pub(crate) fn prove(&mut self, depth: usize) {
        self.proved = self.seen.len();
        self.depth = self.depth.max(depth);
    }

    /// What was noted since the last proof does not read back, and will be news again.
    pub(crate) fn forget_news(&mut self) {
        if self.seen.len() == self.proved {
            return;
        }
        let proved: Vec<u64> = self.seen[..self.proved].to_vec();
        self.seen.clear();
        self.names.clear();
        self.table.clear();
        for shape in proved {
            self.see(shape);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_news_until_it_is_proved() {
        let mut shapes = Shapes::default();
        shapes.see(1 << 41);
        assert!(shapes.is_news(0));
        shapes.prove(1);
        shapes.see(1 << 41);
        assert!(!shapes.is_news(2), "twice as deep is not news, more is");
        assert!(shapes.is_news(3));
        shapes.see(1 << 42);
        assert!(shapes.is_news(0));
        shapes.forget_news();
        assert!(!shapes.is_news(0));
        shapes.see(1 << 42);
        assert!(shapes.is_news(0));
    }

    #[test]
    fn more_shapes_than_there_is_room_for_are_not_news() {
        let mut shapes = Shapes::default();
        for n in 0..10 * SHAPES_MAX as u64 {
            shapes.see(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
        assert_eq!(shapes.seen.len(), SHAPES_MAX);
        shapes.prove(0);
        shapes.see(0xffff_ffff_ffff);
        assert!(!shapes.is_news(0));
        let mut names = Shapes::default();
        (0..1_000_u64).for_each(|n| names.see_name(7, n.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        assert_eq!(names.seen.len(), usize::from(NAMES_MAX));
    }
}
