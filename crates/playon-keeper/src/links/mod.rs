//! Links: the sockets over which workers attach.
//!
//! One current-thread runtime holds all of them. Frames from workers are sorted into the shards' inboxes; what
//! shards send waits per worker in an [`Outbound`] until the worker's credits let it pass.

mod handshake;
mod hub;
mod link;
mod listener;
mod notes;
mod outbound;
#[cfg(test)]
mod tests;
mod turns;

pub(crate) use hub::{Hub, HubSetup, stuck_after};
pub(crate) use listener::{Doors, bind, serve};
