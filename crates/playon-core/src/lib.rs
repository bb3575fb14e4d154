//! The rules of Playon, as pure state machines.
//!
//! A *keeper* holds what must not be lost: sockets, sessions and the committed state of live rooms.
//! *Workers* run the game and may be replaced, crash or hang at any instant. This crate decides everything
//! that lies between them, and does nothing itself: it has no clock, no randomness, no threads and no I/O.
//! Each machine has three verbs. `handle_*(now, ..)` takes what happened, `poll_*()` hands out what
//! the caller must do, `next_timeout()` says when to call again. The caller drains the polls after *every* handle.
//!
//! The keeper process and the simulator drive the same machines, so what the simulator proves is what runs.

mod agenda;
mod appeals;
pub mod berths;
mod creating;
mod deadly;
pub mod deploy;
pub mod effect;
mod ensure;
mod env;
mod errand;
pub mod facts;
pub mod fleet;
mod handoffs;
pub mod limits;
pub mod lobby;
pub mod mutant;
mod openings;
mod placement;
mod room;
mod session;
pub mod shard;
mod sockets;
mod trials;
