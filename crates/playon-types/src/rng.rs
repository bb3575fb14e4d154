//! A tiny seeded generator: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
//!
//! It spreads retries and staggers rooms; it never makes a secret.

/// The finalizer of SplitMix64: turns similar numbers into unrelated ones.
#[must_use]
pub const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A seeded stream of numbers; equal seeds give equal streams.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A stream that begins at `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `bound`, or 0 when `bound` is 0. The bias is below 2^-32 for the small bounds used.
    pub const fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next_u64() % bound }
    }

    /// True `percent` times in a hundred.
    pub const fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of the published generator for this seed.
    #[test]
    fn it_is_splitmix64() {
        let mut rng = Rng::new(1_234_567);
        let numbers = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973];
        assert_eq!([rng.next_u64(), rng.next_u64()], numbers);
    }

    #[test]
    fn numbers_are_below_the_bound_and_shares_are_what_they_say() {
        let mut rng = Rng::new(1);
        assert_eq!(rng.below(0), 0);
        let mut seen = [0_u32; 5];
        for _ in 0..1_000 {
            seen[rng.below(5) as usize] += 1;
        }
        assert!(seen.iter().all(|times| (150..250).contains(times)), "{seen:?}");
        let times = |percent| {
            let mut rng = Rng::new(2);
            (0..10_000).filter(|_| rng.percent(percent)).count()
        };
        assert_eq!((times(0), times(100)), (0, 10_000));
        // As many of these numbers are below one in a hundred, and no more.
        let mut rng = Rng::new(2);
        assert_eq!(times(1), (0..10_000).filter(|_| rng.next_u64().is_multiple_of(100)).count());
    }
}
