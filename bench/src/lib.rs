//! Ratios taken in one run, with real processes and real syncs.
//!
//! Every figure of Playon has its peer in the same run on the same machine: the disk without a store, the gateway without
//! rooms, Node without Playon. A ratio survives a change of machine better than a rate does.
//!
//! One process asks (this one, with all players), others answer: a keeper with its workers, the gateway alone, Node. The keeper
//! is the one of `playon serve` but for the bounds that would stop a load of this kind, see [`serve`].

mod audience;
pub mod bench;
pub mod counts;
pub mod floor;
pub mod game;
mod load;
mod peer;
mod player;
mod process;
mod report;
pub mod serve;
pub mod table;
mod tasks;
mod ws;
