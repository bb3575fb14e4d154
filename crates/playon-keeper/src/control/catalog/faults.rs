//! The last things that went wrong, for those who look at a keeper.

use std::collections::VecDeque;

use playon_core::effect::{Aside, Report};
use playon_types::attach::LeftOut;
use playon_types::ids::{ReleaseId, RoomId};

use crate::control::catalog::Catalog;
use crate::control::views::FaultView;
use crate::time::clock::wall_ms;

/// Faults remembered; older ones are in the log only.
const FAULTS_KEPT_MAX: usize = 16;

/// The last faults, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Faults(VecDeque<FaultView>);

impl Faults {
    fn push(&mut self, fault: FaultView) {
        if self.0.len() == FAULTS_KEPT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(fault);
    }

    /// Newest first.
    pub(crate) fn list(&self) -> Vec<FaultView> {
        self.0.iter().rev().cloned().collect()
    }
}

impl Catalog {
    /// Remembers what a shard reported, if it is a fault; called before the catalog takes the report in.
    pub(crate) fn note_report(&mut self, report: &Report) {
        let (room, release, what) = match report {
            Report::Lied { release, reason } => {
                return self.note_fault(None, Some(*release), format!("a worker lied: {reason}"));
            }
            Report::Listing(listing) => {
                let known =
                    self.rooms.get(&listing.room).is_some_and(|e| e.listing.halted.is_some());
                let Some(why) = listing.halted.as_ref().filter(|_| !known) else { return };
                (listing.room, Some(listing.release), format!("room is halted: {why}"))
            }
            Report::Fault { room, release, reason, .. } => {
                (*room, Some(*release), reason.to_string())
            }
            Report::MoveFailed { room, reason, .. } => {
                (*room, None, format!("room was not moved: {reason}"))
            }
            Report::Checked { room, result: Err(why), .. } => {
                (*room, None, format!("copy does not open: {why}"))
            }
            Report::SetAside { room, release, session, what, .. } => {
                let what = match what {
                    Aside::Input(number) => format!("input {number}"),
                    Aside::Join => "the join".to_owned(),
                    Aside::Away => "`away`".to_owned(),
                    Aside::Back => "`back`".to_owned(),
                    Aside::Leave => "`leave`".to_owned(),
                    Aside::View => "the view".to_owned(),
                };
                let of = if *session == LeftOut::WATCHERS {
                    "spectators".to_owned()
                } else {
                    format!("player {session}")
                };
                (*room, Some(*release), format!("{what} of {of} was set aside"))
            }
            Report::Refused { room, reason } => {
                (*room, None, format!("commit was refused: {reason}"))
            }
            Report::InputsLost { room, inputs } => {
                (*room, None, format!("{inputs} acknowledged inputs are lost"))
            }
            _ => return,
        };
        self.note_fault(Some(room), release, what);
    }

    /// A worker says something of a room that plays on: it is no fault of it that is counted.
    pub(crate) fn note_of_room(&mut self, room: RoomId, what: String) {
        if let Some(entry) = self.rooms.get_mut(&room) {
            entry.last_fault = Some(what.clone());
            self.note_fault(Some(room), None, what);
        }
    }

    /// Remembers a fault. A room's release is looked up if it is not given.
    pub(crate) fn note_fault(
        &mut self,
        room: Option<RoomId>,
        release: Option<ReleaseId>,
        what: String,
    ) {
        let listed = || room.and_then(|room| Some(self.rooms.get(&room)?.listing.release));
        let release = release.or_else(listed).map(|release| self.label(release));
        let room = room.map(|room| room.to_string());
        self.faults.push(FaultView { at_ms: wall_ms(), room, release, what });
    }
}

#[cfg(test)]
mod tests {
    use playon_core::effect::Listing;

    use super::*;
    use crate::control::catalog::RoomEntry;

    #[test]
    fn what_a_worker_says_of_a_room_is_shown_with_the_room_and_is_no_fault() {
        let mut catalog = Catalog::default();
        let (room, what) = (RoomId([1; 16]), "PLY-0415 its batches take long".to_owned());
        catalog.note_of_room(room, what.clone());
        assert!(catalog.faults.list().is_empty(), "no room of that id is there");
        let (kind, name, release) = ("duel".into(), String::new(), ReleaseId([7; 32]));
        let (version, players, players_max, live, halted) = (1, 0, 2, true, None);
        let listing =
            Listing { room, kind, name, release, version, players, players_max, live, halted };
        catalog.rooms.insert(room, RoomEntry { listing, faults: 0, last_fault: None });
        catalog.note_of_room(room, what.clone());
        assert_eq!(catalog.faults.list()[0].what, what);
        assert_eq!(catalog.faults.list()[0].room, Some(room.to_string()));
        let entry = &catalog.rooms[&room];
        assert_eq!((entry.faults, entry.last_fault.as_ref()), (0, Some(&what)));
    }

    #[test]
    fn only_the_newest_faults_are_kept() {
        let mut catalog = Catalog::default();
        for n in 0..FAULTS_KEPT_MAX + 3 {
            catalog.note_fault(None, Some(ReleaseId([7; 32])), format!("fault {n}"));
        }
        let listed = catalog.faults.list();
        assert_eq!(listed.len(), FAULTS_KEPT_MAX);
        assert_eq!(listed[0].what, format!("fault {}", FAULTS_KEPT_MAX + 2));
        assert_eq!(listed[0].release.as_deref(), Some("070707070707"));
    }
}
