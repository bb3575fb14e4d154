//! Names and fencing tokens.
//!
//! Every identifier is a distinct type, so that an attempt can never be passed where a generation is
//! meant. None of them is ever made up inside the core: the shell draws randomness and hands it in.

use std::fmt;

/// The largest number of the player protocol, in either direction: what a browser holds exactly.
///
/// A client that says a larger one is closed with `4905`. No input has this number, so that there is always a
/// next one to ask for.
pub const NUMBER_MAX: u64 = (1 << 53) - 1;

/// The last generation of a session's sockets. It is not one that the next socket could not name any more: a client that has come
/// so far stays there, as a seat that nobody holds is given to any generation.
pub const GENERATION_MAX: Generation = Generation(NUMBER_MAX - 1);

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u64);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl $name {
            /// The next one. There is none after the last: it stays, and never begins anew.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }
    };
}

number!(
    /// A player's numbered conversation with one room; the game sees it as the player's id.
    ///
    /// Random, drawn by the gateway; below 2^53 so that a browser can hold it in a number.
    SessionId
);
number!(
    /// One socket of the gateway. Unique within a keeper process, never reused.
    ConnId
);
number!(
    /// One attached worker process. Unique within a keeper process, never reused.
    WorkerId
);
number!(
    /// Fences workers: minted each time a room is given to a worker, unique within an epoch.
    Attempt
);
number!(
    /// Fences keepers: raised and synced each time a store is opened.
    Epoch
);
number!(
    /// Position of a commit in a room's history; the first commit is 1.
    Seq
);
number!(
    /// Fences sockets: raised by the client for every new socket of a session.
    Generation
);
number!(
    /// One deploy, numbered by the store.
    DeployId
);
number!(
    /// Names one unbroken run of a room's event numbers: the epoch in which it began.
    ///
    /// It changes only when the owner cannot vouch for the numbers it gave out before (a crash past
    /// the last checkpoint of a `WorkerCrash` kind), never by a planned move.
    History
);

impl DeployId {
    /// A move outside of any deploy: a room that wakes, or is found, on a release that is not current.
    pub const NONE: Self = Self(0);
}

/// A room's UUID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RoomId(pub [u8; 16]);

impl RoomId {
    /// Parses the hyphenated or the plain form of 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let hyphens: Vec<usize> = text.match_indices('-').map(|(at, _)| at).collect();
        if !hyphens.is_empty() && hyphens != [8, 13, 18, 23] {
            return None;
        }
        let mut bytes = [0; 16];
        let digits = text.bytes().filter(|b| *b != b'-');
        let mut at = 0;
        for digit in digits {
            let value = char::from(digit).to_digit(16)?;
            let byte = bytes.get_mut(at / 2)?;
            *byte = (*byte << 4) | u8::try_from(value).ok()?;
            at += 1;
        }
        (at == 32).then_some(Self(bytes))
    }

    /// A well-mixed number for sharding, staggering and waves.
    pub fn mix(self, salt: u64) -> u64 {
        let (high, low) = self.0.split_at(8);
        let word = |half: &[u8]| half.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
        crate::rng::mix(word(high) ^ crate::rng::mix(word(low) ^ salt))
    }

    /// The shard that holds the room, of a keeper that has so many; below that number.
    pub fn shard(self, shards: u16) -> u16 {
        // The remainder is below a `u16`, so nothing is cut off.
        (self.mix(0) % u64::from(shards.max(1))) as u16
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoomId({self})")
    }
}

/// A release, identified by the SHA-256 of its executable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ReleaseId(pub [u8; 32]);

impl ReleaseId {
    /// Parses 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            for digit in pair {
                let value = char::from(*digit).to_digit(16)?;
                *byte = (*byte << 4) | u8::try_from(value).ok()?;
            }
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.to_string();
        write!(f, "ReleaseId({})", &text[..12])
    }
}

/// Half of a SHA-256 of a session's secret. The secret itself is never stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SecretHash(pub [u8; 16]);

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_last_generation_there_is_one_that_a_client_can_say() {
        assert!(GENERATION_MAX.next().0 <= NUMBER_MAX);
    }

    #[test]
    fn nothing_comes_after_the_last_number() {
        assert_eq!(Seq(7).next(), Seq(8));
        assert_eq!(Seq(u64::MAX).next(), Seq(u64::MAX));
    }

    #[test]
    fn room_ids_read_back_what_they_print() {
        let id = RoomId(*b"0123456789abcdef");
        assert_eq!(RoomId::parse(&id.to_string()), Some(id));
        assert_eq!(RoomId::parse("zz"), None);
        assert_eq!(RoomId::parse(&format!("-{}", "0".repeat(32))), None);
        assert_eq!(RoomId::parse(&"0".repeat(33)), None);
    }

    /// Rooms stay on their shards from one build to the next.
    #[test]
    fn rooms_go_to_shards_by_all_of_their_bytes() {
        use crate::rng::mix;
        let id = RoomId(*b"\x01\x23\x45\x67\x89\xab\xcd\xef\xfe\xdc\xba\x98\x76\x54\x32\x10");
        let inner = mix(0xfedc_ba98_7654_3210 ^ 5);
        assert_eq!(id.mix(5), mix(0x0123_4567_89ab_cdef ^ inner));
        assert_eq!(u64::from(id.shard(7)), id.mix(0) % 7);
        assert_eq!((id.shard(1), id.shard(0)), (0, 0));
        assert_eq!(NUMBER_MAX, 9_007_199_254_740_991);
    }

    #[test]
    fn release_ids_read_back_what_they_print() {
        let id = ReleaseId([0x7a; 32]);
        assert_eq!(ReleaseId::parse(&id.to_string()), Some(id));
        assert_eq!(ReleaseId::parse("07"), None);
        assert_eq!(ReleaseId::parse(&"+7".repeat(32)), None);
    }
}
