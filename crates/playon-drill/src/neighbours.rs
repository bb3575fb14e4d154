//! What the code of one room costs the rooms beside it.

use serde::Serialize;

use super::bots::Stall;
use super::faults::Done;
use super::spread::{Figures, Spread};

/// Every player of another room sees it again so soon after a room's code took their worker down, in milliseconds.
const BACK_MS: f64 = 300.0;

/// How long the keeper waits for a batch of the drill game, in milliseconds: what is added where a thread never comes back.
const BATCH_TIMEOUT_MS: f64 = 1_000.0;

/// What the code of one room cost the rooms beside it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Neighbours {
    /// Things that the game's code did to its own room.
    pub deeds: u64,
    /// How often another room was reopened because of one of them, at most.
    pub reopened_max: u64,
    /// From the moment that a room's code took down the worker to the first view after it, for players of other rooms.
    pub back_after_death_ms: Option<Figures>,
    /// The same where it never came back.
    pub back_after_hang_ms: Option<Figures>,
}

impl Neighbours {
    pub(super) fn new(stalls: &[Stall], done: &Done) -> Self {
        Self {
            deeds: done.deeds,
            reopened_max: done.reopened_max,
            back_after_death_ms: felt(stalls, &done.deaths, BACK_MS).figures(),
            back_after_hang_ms: felt(stalls, &done.lockups, BACK_MS + BATCH_TIMEOUT_MS).figures(),
        }
    }

    /// What is promised: figure, value and limit, in milliseconds.
    pub(super) fn promises(&self) -> [(&'static str, Option<f64>, f64); 2] {
        let max = |figures: Option<Figures>| figures.map(|figures| figures.max);
        [
            ("back_after_death_ms.max", max(self.back_after_death_ms), BACK_MS),
            ("back_after_hang_ms.max", max(self.back_after_hang_ms), BACK_MS + BATCH_TIMEOUT_MS),
        ]
    }
}

/// From what a room's code did to the first view after it, for every player of another room who then had to wait. A wait may
/// begin a little later: the input has to reach the room first, and a worker that hangs is not given up at once.
fn felt(stalls: &[Stall], deeds: &[u64], within_ms: f64) -> Spread {
    let mut spread = Spread::default();
    let within = (within_ms * 1e6) as u64;
    for stall in stalls {
        let due = |at: &&u64| stall.stamp_before < **at + within && **at < stall.stamp_after;
        if let Some(at) = deeds.iter().find(due) {
            spread.add(stall.arrived_after.saturating_sub(*at) / 1_000);
        }
    }
    spread
}
