//! Players as a game sees them.

use std::fmt;

use playon_types::ids::SessionId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Names a player for as long as the seat is held, across reconnects and deploys.
///
/// Below 2^53, so a browser can hold it in a number. Two seats of the same person are two ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlayerId(pub u64);

impl fmt::Display for PlayerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl From<SessionId> for PlayerId {
    fn from(session: SessionId) -> Self {
        Self(session.0)
    }
}

impl From<PlayerId> for SessionId {
    fn from(player: PlayerId) -> Self {
        Self(player.0)
    }
}

/// A seated player: who it is, what it says about itself, whether it is here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Player {
    id: PlayerId,
    /// JSON, checked when the player joined.
    profile: String,
    present: bool,
}

impl Player {
    /// Bytes of a profile. The keeper closes a socket that brings a longer one (`4906`).
    pub const PROFILE_BYTES_MAX: usize = 1 << 10;

    pub(crate) const fn new(id: PlayerId, profile: String) -> Self {
        Self { id, profile, present: true }
    }

    pub(crate) const fn set_present(&mut self, present: bool) {
        self.present = present;
    }

    /// The player's id.
    pub const fn id(&self) -> PlayerId {
        self.id
    }

    /// Whether the player has a socket now. A seat is kept for a while without one.
    pub const fn present(&self) -> bool {
        self.present
    }

    /// What the client said about the player when it joined, if it has this shape.
    ///
    /// It comes from the player's machine: treat it as something anyone may have made up.
    pub fn profile<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(&self.profile).ok()
    }

    /// The `name` field of the profile; empty without one.
    pub fn name(&self) -> String {
        #[derive(Deserialize)]
        struct Named {
            name: String,
        }
        self.profile::<Named>().map(|named| named.name).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read_as_whatever_it_fits() {
        let player = Player::new(PlayerId(7), r#"{"name":"ann","level":3}"#.to_owned());
        assert_eq!(player.name(), "ann");
        assert_eq!(player.profile::<Vec<u8>>(), None);
        assert_eq!(Player::new(PlayerId(8), "null".to_owned()).name(), "");
    }
}
