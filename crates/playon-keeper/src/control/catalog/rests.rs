//! What the control thread remembers of rooms at rest.

use std::collections::BTreeSet;

use playon_types::ids::RoomId;
use playon_types::time::Time;

/// What the control thread remembers of rooms at rest.
#[derive(Debug, Default)]
pub(crate) struct RestsSeen {
    /// When it was last written down where the days are.
    pub(crate) dated: Option<Time>,
    /// Of these it was said that no release reads them.
    pub(crate) stranded: BTreeSet<RoomId>,
}
