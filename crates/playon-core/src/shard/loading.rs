//! Rooms of which the store is asked, and what becomes of them.

use playon_types::gate::{Create, Hello};
use playon_types::time::WallTime;

use crate::mutant::{Mutant, broken};

/// A room that is looked for: who waits for it, and what else it is looked for.
#[derive(Debug, Default)]
pub(super) struct Loading {
    /// Whoever asks for it.
    pub(super) waiting: Vec<Hello>,
    /// How an operator wants it made if it is not there.
    pub(super) create: Option<Create>,
    /// An operator ends it, whatever is found.
    pub(super) close: bool,
    /// If it is at rest since then or longer, and nobody asks for it, it is deleted.
    pub(super) expire: Option<WallTime>,
    /// A deploy wants a copy of it, if it is at rest and nobody asks for it.
    pub(super) probe: bool,
}

/// What becomes of a room that is found at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoadFate {
    /// Somebody asks for it.
    Wakes,
    /// It is deleted, because of its age or because an operator says so.
    Leaves {
        /// Because of its age.
        expired: bool,
    },
    /// Nobody asks for it; at most a copy of it is wanted.
    Stays,
}

impl Loading {
    /// These ask for the room.
    pub(super) fn of(waiting: Vec<Hello>) -> Self {
        Self { waiting, ..Self::default() }
    }

    /// What becomes of the room if it rests since then. Whoever asks for it at this moment is asked for before its age counts; what
    /// the operator says counts before both.
    pub(super) fn fate(&self, since: WallTime) -> LoadFate {
        let asked = !self.waiting.is_empty() || self.create.is_some();
        let due = |slept_by| since <= slept_by || broken(Mutant::ExpireYoung);
        match self.expire {
            _ if self.close => LoadFate::Leaves { expired: false },
            Some(slept_by) if due(slept_by) && (!asked || broken(Mutant::ExpireAsked)) => {
                LoadFate::Leaves { expired: true }
            }
            Some(_) if !asked => LoadFate::Stays,
            None if self.probe && !asked && !broken(Mutant::ProbeWakes) => LoadFate::Stays,
            // Also if whoever asked has gone again: an age that nobody looks for says nothing.
            _ => LoadFate::Wakes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use playon_types::gate::Who;
    use playon_types::ids::{ConnId, RoomId};

    #[test]
    fn a_room_at_rest_goes_only_past_its_age_and_when_nobody_asks() {
        let hello =
            Hello { conn: ConnId(1), room: RoomId([1; 16]), who: Who::Watcher, create: None };
        let old = Loading { expire: Some(WallTime(10)), ..Loading::default() };
        assert_eq!(old.fate(WallTime(10)), LoadFate::Leaves { expired: true });
        assert_eq!(old.fate(WallTime(11)), LoadFate::Stays);
        let asked = Loading { waiting: vec![hello.clone()], ..old };
        assert_eq!(asked.fate(WallTime(10)), LoadFate::Wakes);
        assert_eq!(
            Loading { close: true, ..asked }.fate(WallTime(11)),
            LoadFate::Leaves { expired: false }
        );
        assert_eq!(Loading::of(vec![hello]).fate(WallTime(0)), LoadFate::Wakes);
        assert_eq!(Loading::default().fate(WallTime(0)), LoadFate::Wakes);
    }

    #[test]
    fn a_copy_of_it_wakes_no_room_and_keeps_none_from_what_else_is_wanted_of_it() {
        let hello =
            Hello { conn: ConnId(1), room: RoomId([1; 16]), who: Who::Watcher, create: None };
        let probe = || Loading { probe: true, ..Loading::default() };
        let since = WallTime(5);
        assert_eq!(probe().fate(since), LoadFate::Stays);
        assert_eq!(Loading { waiting: vec![hello], ..probe() }.fate(since), LoadFate::Wakes);
        let closed = Loading { close: true, ..probe() };
        assert_eq!(closed.fate(since), LoadFate::Leaves { expired: false });
        let old = Loading { expire: Some(since), ..probe() };
        assert_eq!(old.fate(since), LoadFate::Leaves { expired: true });
        assert_eq!(old.fate(WallTime(6)), LoadFate::Stays);
    }
}
