//! The account kept of one player's inputs, the same in every release.

use playon_types::rng::mix;
use serde::{Deserialize, Serialize};

use super::Input;

/// Inputs remembered one by one behind the newest; an older one counts as repeated.
const WINDOW: u64 = 64;

/// What was applied. A player who keeps the same account of what it sent can compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Inputs applied, repeated ones included.
    pub count: u64,
    /// A hash over all of them in their order.
    pub chain: u64,
    /// The highest number applied.
    pub last: u64,
    /// Which of the 64 numbers up to `last` were applied; bit 0 is `last`.
    pub window: u64,
    /// Inputs applied again.
    pub repeated: u64,
    /// Inputs applied for the first time, but after one with a higher number.
    pub late: u64,
}

impl Account {
    /// Enters an input.
    pub const fn apply(&mut self, input: Input) {
        self.count += 1;
        self.chain = mix(mix(self.chain ^ input.n).wrapping_add(mix(!input.word)));
        if input.n > self.last {
            let ahead = input.n - self.last;
            self.window = if ahead < WINDOW { (self.window << ahead) | 1 } else { 1 };
            self.last = input.n;
            return;
        }
        let behind = self.last - input.n;
        if behind < WINDOW && self.window & (1 << behind) == 0 {
            self.window |= 1 << behind;
            self.late += 1;
        } else {
            self.repeated += 1;
        }
    }

    /// Everything in it as one number.
    pub fn digest(&self) -> u64 {
        [self.count, self.chain, self.last, self.window, self.repeated, self.late]
            .into_iter()
            .fold(0, fold)
    }
}

/// One more number into a checksum.
pub(super) fn fold(sum: u64, number: u64) -> u64 {
    mix(sum ^ number).wrapping_add(1)
}

/// One number for the inputs of all players, whatever their order.
pub fn total(chains: impl IntoIterator<Item = u64>) -> u64 {
    chains.into_iter().fold(0, |sum, chain| sum.wrapping_add(mix(chain ^ 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(numbers: impl IntoIterator<Item = u64>) -> Account {
        let mut account = Account::default();
        numbers.into_iter().for_each(|n| account.apply(Input { n, word: mix(n) }));
        account
    }

    #[test]
    fn repeated_and_late_inputs_are_told_apart() {
        let tell = |numbers: &[u64]| {
            let account = account(numbers.iter().copied());
            (account.count, account.repeated, account.late)
        };
        assert_eq!(tell(&[1, 2, 3, 4]), (4, 0, 0));
        assert_eq!(tell(&[1, 2, 2, 3]), (4, 1, 0));
        assert_eq!(tell(&[1, 3, 2, 4]), (4, 0, 1));
        assert_eq!(tell(&[1, 3, 3, 2, 2]), (5, 2, 1));
        assert_eq!(tell(&[1, 200, 1]), (3, 1, 0));
    }

    #[test]
    fn the_chain_depends_on_content_and_order() {
        let whole = account(1..=4).chain;
        assert_ne!(whole, account([1, 3, 2, 4]).chain);
        assert_ne!(whole, account([1, 2, 3]).chain);
        let mut other = account(1..=3);
        other.apply(Input { n: 4, word: 0 });
        assert_ne!(whole, other.chain);
    }

    #[test]
    fn the_total_does_not_depend_on_the_order_of_players() {
        assert_eq!(total([1, 2, 3]), total([3, 1, 2]));
        assert_ne!(total([1, 2, 3]), total([1, 2, 4]));
    }
}
