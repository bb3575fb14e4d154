//! What is said of something stored that cannot be trusted.

use playon_types::ids::RoomId;
use serde::{Serialize, Serializer};

/// A damaged room: what is wrong, and where exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomDamage {
    /// The room.
    pub room: RoomId,
    /// Table, row, offset and what was expected there.
    pub place: String,
}

/// Something stored that is damaged: what is wrong, and where exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// The only room it concerns, if that much can be told; in hyphenated form when serialized.
    #[serde(serialize_with = "hyphenated")]
    pub room: Option<RoomId>,
    /// Table, row, offset and what was expected there.
    pub place: String,
}

impl From<RoomDamage> for Damage {
    fn from(RoomDamage { room, place }: RoomDamage) -> Self {
        Self { room: Some(room), place }
    }
}

fn hyphenated<S: Serializer>(room: &Option<RoomId>, serializer: S) -> Result<S::Ok, S::Error> {
    match room {
        Some(room) => serializer.collect_str(room),
        None => serializer.serialize_none(),
    }
}
