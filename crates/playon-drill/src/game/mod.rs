//! The bundled drill game: it keeps accounts, so that whatever goes wrong is visible.
//!
//! Per player it keeps a count and a running hash of every input applied; per room a checksum over all of it. Its two releases
//! do the same with states of different shape, and can be turned into each other. Players send
//! numbered words at their own pace, are told numbered events, and see the accounts after each tick.

mod accounts;
mod ballast;
mod clock;
mod deeds;
mod leak;
mod one;
mod rules;
mod sabotage;
mod sums;
mod two;
mod versions;

use serde::{Deserialize, Serialize};

pub use accounts::{Account, total};
pub use ballast::weight;
pub use clock::monotonic_ns;
pub use deeds::Deeds;
pub use one::One;
pub(crate) use sums::is_summed;
pub use two::Two;

/// Ticks per second that the game has a kind of room for.
pub const HZ: [u32; 5] = [5, 10, 20, 30, 60];

/// Players of one room.
pub const PLAYERS_MAX: u32 = 64;

/// The kind of room that ticks so many times a second; 0 for one that does not tick.
pub const fn kind(hz: u32) -> &'static str {
    match hz {
        0 => "drill-turns",
        5 => "drill-5",
        10 => "drill-10",
        20 => "drill-20",
        30 => "drill-30",
        _ => "drill-60",
    }
}

/// What a player sends: `n` counts 1, 2, 3, and `word` is drawn from the player's seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Its number.
    pub n: u64,
    /// Its content.
    pub word: u64,
}

/// What a player is told: `n` counts 1, 2, 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its number.
    pub n: u64,
    /// The tick in which it was sent.
    pub tick: u64,
}

/// What a player sees after each tick.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The tick.
    pub tick: u64,
    /// Which release wrote this: 1 or 2.
    pub release: u32,
    /// The player's own account.
    pub own: Account,
    /// Events sent to this player.
    pub events: u64,
    /// Inputs applied, per player in the order of their ids. Bots have `total` for that and save themselves the reading.
    #[serde(skip_deserializing)]
    pub counts: Vec<u64>,
    /// [`total`] of all accounts.
    pub total: u64,
    /// Times that the state was not what the game had left behind.
    pub mismatches: u64,
    /// When this was written, in nanoseconds of the machine's monotonic clock. It is not part of the state.
    pub stamp: u64,
    /// A sum over every byte before it.
    pub sum: u64,
}
