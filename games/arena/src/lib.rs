//! Arena: little ships that race for falling stars.
//!
//! The rules ([`world`], [`ship`], [`star`], [`round`], [`pilot`]) are shared by two releases. A release switches parts of
//! them on and has its own way to write the world down ([`r1`], [`r2`]); the second reads what the first wrote and can turn it back.

pub mod arena;
pub mod autopilot;
pub mod event;
pub mod page;
pub mod pilot;
pub mod point;
pub mod r1;
pub mod r2;
pub mod round;
pub mod rules;
pub mod ship;
pub mod star;
pub mod steer;
pub mod view;
pub mod world;

use std::process::ExitCode;

use arena::{Arena, Release};

/// Serves one release of the game.
pub fn serve<R: Release>() -> ExitCode {
    playon::app("arena").label(R::RULES.release).assets(page::ASSETS).room::<Arena<R>>().run()
}
