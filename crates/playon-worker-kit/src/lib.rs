//! What every worker must do, asked by a scripted keeper: the contract of the seam *attach*.
//!
//! The same points are put to the real worker over a real socket and to the simulator's model of one, so that the model
//! cannot be kinder. Nothing is known of the game but the few things that [`GameUnderTest`] says.

mod keeper;
mod points;

use bytes::Bytes;
use playon_types::attach::{FromWorker, ToWorker};

pub use keeper::{HeldRoom, ScriptedKeeper};
pub use points::{POINTS, Point};

/// A worker, real or modelled, that has attached.
pub trait Subject {
    /// Says something to it.
    fn tell(&mut self, message: ToWorker);

    /// The next thing it says about a room. Called only where it owes an answer.
    fn answer(&mut self) -> FromWorker;
}

/// What the script has to know of the game that the worker runs.
#[derive(Clone, Debug)]
pub struct GameUnderTest {
    /// A kind of room with ticks, at least two seats, and views.
    pub kind: String,
    /// The version of its state that is written.
    pub version: u32,
    /// What a player says about itself who is let in.
    pub profile: Bytes,
    /// An input that changes the state, whoever sends it.
    pub input: Bytes,
    /// An input on which the game's code panics.
    pub poison: Bytes,
}

/// Puts every point to the worker, each in rooms of its own. Gives the name of each that does not hold, with the reason.
pub fn check(subject: &mut dyn Subject, game: &GameUnderTest) -> Vec<(&'static str, String)> {
    let mut keeper = ScriptedKeeper::new(subject, game);
    let failed = POINTS.iter().filter_map(|point| {
        let outcome = (point.check)(&mut keeper);
        outcome.err().map(|why| (point.name, why))
    });
    failed.collect()
}
