//! The vocabulary of Playon: what its parts call things, and what they tell each other.
//!
//! Everything else stands on this crate, and this crate on nothing of Playon. It has no rules but those that a word
//! needs to mean anything: which commit follows which ([`image`]), which versions a kind reads ([`kind`]).

pub mod attach;
pub mod code;
pub mod gate;
pub mod ids;
pub mod image;
pub mod kind;
pub mod reason;
pub mod record;
pub mod rng;
pub mod time;
