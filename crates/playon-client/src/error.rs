//! What can go wrong on this side.

use thiserror::Error;

use crate::update::End;

/// Why an input was not taken. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SendError {
    /// So many inputs wait to be applied that one more would break a bound; it may be tried again.
    #[error("PLY-0190 {inputs} inputs of {bytes} bytes wait to be applied")]
    Full {
        /// How many wait.
        inputs: usize,
        /// Their bytes.
        bytes: usize,
    },
    /// The input is too large for the keeper.
    #[error("PLY-0191 the input has {bytes} bytes, {max} are allowed")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The session is over, or is being left.
    #[error("PLY-0192 the session is over")]
    Over,
    /// Spectators have no inputs.
    #[error("PLY-0193 a spectator cannot send inputs")]
    Watching,
    /// The input cannot be JSON.
    #[error("PLY-0194 the input cannot be JSON: {0}")]
    Json(String),
}

/// Why a room was not joined.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JoinError {
    /// The address is not `ws://host[:port]/path`. TLS ends in front of the keeper and is not spoken here.
    #[error("PLY-0195 the address {url} cannot be used: {why}")]
    Address {
        /// The address.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody let this client in within [`ClientLimits::join_timeout`](crate::ClientLimits::join_timeout).
    #[error("PLY-0196 no seat within {seconds} s; last: {last}")]
    TimedOut {
        /// The limit in seconds.
        seconds: u64,
        /// What the last attempt ran into.
        last: String,
    },
    /// The keeper said no.
    #[error("PLY-0197 not let in: {0}")]
    Ended(End),
    /// The profile or the parameters cannot be JSON.
    #[error("PLY-0198 the {what} cannot be JSON: {why}")]
    Json {
        /// Which one.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// The system has no randomness to give.
    #[error("PLY-0199 the system gives no random numbers: {0}")]
    Random(String),
}
