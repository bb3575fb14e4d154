//! The numbers of the game, and what one release allows that another does not.

/// What sets a release apart. The rules themselves are shared; a release switches parts of them on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The release's name, shown in a corner of the page.
    pub release: &'static str,
    /// What is new, shown to the players; empty for nothing.
    pub banner: &'static str,
    /// Whether golden comets cross the arena.
    pub comets: bool,
    /// What the one button is called; without a name it does nothing and is not shown.
    pub button: &'static str,
}

impl Rules {
    /// Whether the button gives a ship a dash.
    pub const fn dash(&self) -> bool {
        !self.button.is_empty()
    }
}

/// Steps a second.
pub const HZ: u32 = 20;
/// Length of a step in seconds.
pub const DT: f32 = 1.0 / HZ as f32;
/// Radius of the arena in units.
pub const ARENA: f32 = 1000.0;

/// Ships a room holds at most, people and machines together.
pub const SHIPS_MAX: usize = 8;
/// Machines fill the room up to this many ships.
pub const SHIPS_WANTED: usize = 4;
/// Stars that lie about at the same time: so many, and one more for each ship.
pub const STARS_BASE: usize = 6;
/// Stars and comets a room holds at most; what would come on top does not appear.
pub const STARS_MAX: usize = 24;

/// A round lasts this long unless the room was created otherwise, in milliseconds.
pub const ROUND_MS: u64 = 300_000;
/// The podium is shown this long, in milliseconds.
pub const PODIUM_MS: u64 = 15_000;

/// What full thrust adds to the speed, in units a second each second.
pub const THRUST: f32 = 980.0;
/// The share of its speed that a ship loses each second.
pub const DRAG: f32 = 1.7;
/// How many times stronger the thrust of a dash is.
pub const DASH: f32 = 2.3;
/// Radius of a ship in units.
pub const SHIP_SIZE: f32 = 32.0;
/// A bump faster than this, in units a second, shakes a star loose.
pub const HARD_BUMP: f32 = 330.0;

/// Steps within which the next star must be caught to go on with a chain.
pub const CHAIN_STEPS: u32 = 50;
/// Each star is worth at most this many times its value.
pub const CHAIN_MAX: u32 = 3;

/// A full tank of dash energy.
pub const ENERGY_MAX: u32 = 1000;
/// Energy that a dash takes each step.
pub const ENERGY_DASH: u32 = 40;
/// Energy that comes back each step without a dash.
pub const ENERGY_REST: u32 = 8;
/// Energy without which a dash does not begin.
pub const ENERGY_START: u32 = 150;

/// A comet appears about this often, in steps.
pub const COMET_STEPS: u32 = 130;
