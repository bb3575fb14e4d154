//! How often rooms go down by what another one has done.

use std::collections::BTreeMap;

use playon_types::ids::RoomId;

/// How often processes have died of it with rooms that had no part in it, since something else happened to any of them.
#[derive(Debug, Default)]
pub(super) struct Suffered(BTreeMap<RoomId, u32>);

impl Suffered {
    /// Something else has happened, after which it may take as long again to find out who it is.
    pub(super) fn begin_anew(&mut self) {
        self.0.clear();
    }

    /// A process dies with that room. Gives how often that was.
    pub(super) fn again(&mut self, room: RoomId) -> u32 {
        let times = self.0.entry(room).or_default();
        *times += 1;
        *times
    }
}
