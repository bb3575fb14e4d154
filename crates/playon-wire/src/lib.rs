//! The protocols of Playon, as bytes.
//!
//! Three encodings and one codec, nothing else: no sockets, no clocks, no rules. What the messages *mean*
//! is decided in `playon-core`; this crate turns its types into bytes and reads them back without
//! trusting a single one.
//!
//! - [`player`]: what a player's WebSocket carries, see `docs/player-protocol.md`.
//! - [`attach`]: what keeper and worker tell each other, see `docs/attach-protocol.md`.
//! - [`stored`]: what the store keeps, see `docs/stored-formats.md`.
//! - [`state`]: deltas and hashes of room states.

pub mod attach;
pub mod player;
pub mod range;
pub mod state;
pub mod stored;
pub mod varint;
