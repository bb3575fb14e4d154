//! The store as its callers meet it: real files, real deaths of processes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod away;
mod backup;
mod bounds;
mod common;
mod conformance;
mod crash;
mod damage;
mod open;
mod places;
mod readers;
mod repair;
mod rooms;
mod sequences;
