//! The gateway on real sockets, against an owner that the test plays.

#![expect(clippy::unwrap_used, reason = "a helper of a test that fails should fail the test")]

mod admission;
mod closes;
mod contract;
mod harness;
mod many;
mod pages;
mod rooms;
mod silence;
mod slow;
