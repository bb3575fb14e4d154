//! Rounds and the podium between them.

use serde::{Deserialize, Serialize};

use crate::rules::PODIUM_MS;

/// One ship's place on the podium.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Whose name the ship carried.
    pub name: String,
    /// Points at the end of the round.
    pub score: u32,
    /// The ship's hue in degrees.
    pub hue: u16,
}

/// Where a round stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Stars count.
    Play,
    /// The best are shown, best first; at most three.
    Podium(Vec<Place>),
}

/// The round that is on, or has just ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// Counts from 1.
    pub number: u32,
    /// How long a round lasts, in milliseconds.
    pub length_ms: u64,
    /// Room time at which the phase ends, in milliseconds.
    pub ends_ms: u64,
    /// Where it stands.
    pub phase: Phase,
}

impl Round {
    /// The first round, which begins at `now_ms`.
    pub const fn first(length_ms: u64, now_ms: u64) -> Self {
        Self { number: 1, length_ms, ends_ms: now_ms + length_ms, phase: Phase::Play }
    }

    /// Whether stars count now.
    pub const fn is_on(&self) -> bool {
        matches!(self.phase, Phase::Play)
    }

    /// Milliseconds left of the phase.
    pub const fn left_ms(&self, now_ms: u64) -> u64 {
        self.ends_ms.saturating_sub(now_ms)
    }

    /// Whether the phase is over.
    pub const fn is_over(&self, now_ms: u64) -> bool {
        now_ms >= self.ends_ms
    }

    /// Shows the podium.
    pub fn finish(&mut self, places: Vec<Place>) {
        self.phase = Phase::Podium(places);
        self.ends_ms += PODIUM_MS;
    }

    /// Begins the next round.
    pub fn next(&mut self) {
        self.number += 1;
        self.phase = Phase::Play;
        self.ends_ms += self.length_ms;
    }
}
