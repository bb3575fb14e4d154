//! `playon drill`: a keeper, players and faults, and an account of what came of it.

pub mod bots;
pub mod game;
mod spread;

pub use spread::{Figures, Spread};
