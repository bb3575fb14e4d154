//! Deploys: which release rooms run on, and how they get there and back.
//!
//! Machines under one [`Director`]. The *rollout* is the deploy under way, phase by phase, and its record with
//! the numbers counted; before anything moves its *checks* have copies of rooms opened, and its *doubts* are rooms that may be at fault themselves. The *mover* hands orders to move out at a steady pace and knows which are not answered yet.
//! The *demand* says which releases need workers, the *executables* which of them may be deleted. Beside it the *expiry* finds rooms
//! that have been at rest for too long. Nothing here is decided by the shell, so the simulator sees all of it.

mod checks;
mod config;
mod demand;
mod director;
mod doubts;
mod effect;
mod executables;
mod expiry;
mod mover;
mod probation;
mod rests;
mod rollout;
mod way_back;

pub use checks::{RESTING_GROUPS_MAX, SLEEPERS_PER_GROUP, Search, Sleeper, Sleepers};
pub use config::DirectorConfig;
pub use director::Director;
pub use effect::{DeployRefusal, DeployWish, DirectorEffect, DirectorFacts, Taken, Target};
pub use expiry::{DueAtRest, Expiry, ExpiryConfig, ExpiryEffect, RestingGroup};
pub use rests::{Resting, UnreadAtRest};
pub use way_back::WayBack;
