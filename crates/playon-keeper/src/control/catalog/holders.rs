//! What holds the workers there are.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use playon_types::ids::ReleaseId;
use playon_types::ply;

use super::Catalog;
use crate::error::Coded;

/// Releases that are named; the others are counted.
const NAMED_MAX: usize = 5;

impl Catalog {
    /// The same error; if it says that there may be no more workers, with the releases that have them and the rooms they are kept
    /// for, fewest rooms first, and with what helps.
    pub(crate) fn with_holders(&self, error: Coded) -> Coded {
        if error.code != ply!("PLY-0408") {
            return error;
        }
        let mut rooms: BTreeMap<ReleaseId, usize> =
            self.workers.values().map(|worker| (worker.release, 0)).collect();
        for room in self.rooms.values() {
            if let Some(rooms) = rooms.get_mut(&room.listing.release) {
                *rooms += 1;
            }
        }
        let mut held: Vec<_> = rooms.into_iter().collect();
        held.sort_by_key(|(release, rooms)| (*rooms, Reverse(*release)));
        let named = held.iter().take(NAMED_MAX).map(|(release, rooms)| {
            let s = if *rooms == 1 { "" } else { "s" };
            format!("{} ({rooms} room{s})", self.label(*release))
        });
        let named = named.collect::<Vec<_>>().join(", ");
        let more = match held.len().saturating_sub(NAMED_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!(
            "{} for the releases {named}{more}; `playon close` rooms of these, move all to one of them with `playon deploy --now`, or \
             raise `keeper.workers_max`",
            error.message
        );
        Coded { message, ..error }
    }
}

#[cfg(test)]
mod tests {
    use playon_core::effect::Listing;
    use playon_types::ids::{RoomId, WorkerId};

    use super::super::{RoomEntry, WorkerEntry};
    use super::*;

    fn release(n: u8) -> ReleaseId {
        ReleaseId([n; 32])
    }

    fn worker(n: u8) -> WorkerEntry {
        WorkerEntry { release: release(n), app: "game".into(), pid: 7, spawned: true }
    }

    fn room(n: u8) -> RoomEntry {
        let listing = Listing {
            room: RoomId([n; 16]),
            kind: "duel".into(),
            name: String::new(),
            release: release(n % 8),
            version: 1,
            players: 0,
            players_max: 2,
            live: true,
            halted: None,
        };
        RoomEntry { listing, faults: 0, last_fault: None }
    }

    #[test]
    fn whoever_may_have_no_more_workers_is_told_what_has_them() {
        let mut catalog = Catalog::default();
        for n in 0..7 {
            catalog.workers.insert(WorkerId(n.into()), worker(n));
        }
        for n in 0..9 {
            catalog.rooms.insert(RoomId([n; 16]), room(n));
        }
        let full = Coded::new(ply!("PLY-0408"), "7 workers are attached already", "");
        let message = catalog.with_holders(full).message;
        let expected = "7 workers are attached already for the releases 060606060606 (1 room), 050505050505 (1 room), \
                        040404040404 (1 room), 030303030303 (1 room), 020202020202 (1 room) and 2 more; `playon close`";
        assert!(message.starts_with(expected), "{message}");
        let other = Coded::new(ply!("PLY-0410"), "it serves no kind", "");
        assert_eq!(catalog.with_holders(other.clone()), other);
    }
}
