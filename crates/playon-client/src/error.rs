//! What can go wrong on this side.

use playon_types::code::Code;
use playon_types::ply;
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

impl SendError {
    /// Its stable code, for `playon explain`.
    pub const fn code(&self) -> Code {
        match self {
            Self::Full { .. } => ply!("PLY-0190"),
            Self::TooLarge { .. } => ply!("PLY-0191"),
            Self::Over => ply!("PLY-0192"),
            Self::Watching => ply!("PLY-0193"),
            Self::Json(_) => ply!("PLY-0194"),
        }
    }
}

impl JoinError {
    /// Its stable code, for `playon explain`.
    pub const fn code(&self) -> Code {
        match self {
            Self::Address { .. } => ply!("PLY-0195"),
            Self::TimedOut { .. } => ply!("PLY-0196"),
            Self::Ended(_) => ply!("PLY-0197"),
            Self::Json { .. } => ply!("PLY-0198"),
            Self::Random(_) => ply!("PLY-0199"),
        }
    }
}

#[cfg(test)]
mod tests {
    use playon_types::reason::Reason;

    use super::*;

    #[test]
    fn what_is_said_begins_with_the_code() {
        let text = String::new;
        let sends = [
            SendError::Full { inputs: 1, bytes: 2 },
            SendError::TooLarge { bytes: 1, max: 2 },
            SendError::Over,
            SendError::Watching,
            SendError::Json(text()),
        ];
        for error in sends {
            assert_eq!(Reason::read(error.to_string()).code(), Some(error.code()));
        }
        let joins = [
            JoinError::Address { url: text(), why: text() },
            JoinError::TimedOut { seconds: 1, last: text() },
            JoinError::Ended(End::Left),
            JoinError::Json { what: "profile", why: text() },
            JoinError::Random(text()),
        ];
        for error in joins {
            assert_eq!(Reason::read(error.to_string()).code(), Some(error.code()));
        }
    }
}
