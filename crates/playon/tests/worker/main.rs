//! A worker as a keeper meets it: real links, real processes where that is the matter.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod contract;
mod handoff;
mod order;
mod readback;
mod rooms;
mod threads;
mod turns;
mod versions;
mod worker;
