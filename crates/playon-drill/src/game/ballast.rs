//! Dead weight, so that states are as large as those of real games, made of many small parts.

use std::sync::LazyLock;

use playon_types::rng::mix;
use serde::{Deserialize, Serialize};

use super::accounts::fold;
use super::clock;
use crate::STATE_BYTES;

/// About what one word takes once it is encoded.
const WORD_BYTES: u64 = 9;

/// The smallest and the largest weight in bytes that the drill asks for.
static ASKED: LazyLock<Option<(u64, u64)>> =
    LazyLock::new(|| weight(&std::env::var(STATE_BYTES).ok()?));

/// The smallest and the largest weight in such a text: a number, or two with `..` between them.
pub fn weight(text: &str) -> Option<(u64, u64)> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let (least, most) = (least.parse().ok()?, most.parse().ok()?);
    (least <= most).then_some((least, most))
}

/// Words that say nothing and must come back as they were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ballast {
    words: Vec<u64>,
    sum: u64,
}

impl Ballast {
    /// As much as the drill asks for: none, a fixed weight, or one that is any power between two.
    pub(super) fn asked() -> Self {
        ASKED.map_or_else(Self::default, |range| Self::between(range, mix(clock::monotonic_ns())))
    }

    fn between((least, most): (u64, u64), seed: u64) -> Self {
        let share = (mix(seed) % 1_000) as f64 / 1_000.0;
        let bytes = least.max(1) as f64 * (most.max(1) as f64 / least.max(1) as f64).powf(share);
        let words: Vec<u64> = (0..bytes as u64 / WORD_BYTES).map(|n| mix(seed ^ n)).collect();
        let sum = words.iter().copied().fold(0, fold);
        Self { words, sum }
    }

    /// Whether it is what was once put there.
    pub(super) fn is_whole(&self) -> bool {
        self.words.iter().copied().fold(0, fold) == self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_heavy_as_asked_and_a_changed_word_is_noticed() {
        assert_eq!(weight("2048..8388608"), Some((2_048, 8_388_608)));
        assert_eq!((weight("7"), weight("9..7"), weight("many")), (Some((7, 7)), None, None));
        for seed in 0..20 {
            let words = Ballast::between((2_048, 8_192), seed).words.len() as u64;
            assert!((2_048 / 9..=8_192 / 9).contains(&words), "{words}");
        }
        let mut ballast = Ballast::between((900, 900), 3);
        assert!(ballast.is_whole() && ballast.words.len() == 100);
        ballast.words[50] ^= 1;
        assert!(!ballast.is_whole());
    }
}
