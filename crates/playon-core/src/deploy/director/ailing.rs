//! What the director knows of rooms that do not run where they are, and what a deploy makes of it.

use playon_types::ids::RoomId;
use playon_types::record::DeployPhase;
use playon_types::time::Time;

use crate::effect::{Inquiry, Report};

use super::Director;

impl Director {
    /// A room that has failed by itself does not run before it is live again. One of which it is not known yet what it fails on may well.
    pub(super) fn note_health(&mut self, report: &Report) {
        let (room, release) = match report {
            Report::Fault {
                room,
                release,
                count: 1..,
                inquiry: Inquiry::Over | Inquiry::Appealed,
                ..
            }
            | Report::Halted { room, release, .. } => (room, release),
            _ => return,
        };
        if let Some(known) = self.rooms.get_mut(room).filter(|known| known.release == *release) {
            known.ails = true;
        }
    }

    /// Whether the room does not run where it is, or is not there any more.
    pub(super) fn ails(&self, room: RoomId) -> bool {
        self.rooms.get(&room).is_none_or(|known| known.ails)
    }

    /// Whether it cannot be told yet if the room runs where it is.
    pub(super) fn is_doubtful(&self, room: RoomId) -> bool {
        self.rooms.get(&room).is_some_and(|known| !known.live && !known.ails)
    }

    /// News of a room of which that could not be told.
    pub(super) fn settle_doubt(&mut self, now: Time, report: &Report) {
        let room = match report {
            Report::Listing(listing) => listing.room,
            Report::Fault { room, .. } | Report::Halted { room, .. } => *room,
            _ => return,
        };
        if !self.is_doubtful(room) {
            self.end_doubt(now, room, self.ails(room));
        }
    }

    /// Rooms that have not shown whether they run where they are have had their time.
    pub(super) fn doubts_timed_out(&mut self, now: Time) {
        let overdue = |director: &Self| {
            let rollout = director.rollout.as_ref()?;
            // The checks as a whole have theirs, too.
            let over = rollout.record.phase == DeployPhase::Checking
                && rollout.deadline.is_some_and(|deadline| deadline <= now);
            rollout.doubts.overdue(if over { Time(u64::MAX) } else { now })
        };
        while let Some(room) = overdue(self) {
            self.end_doubt(now, room, true);
        }
    }

    /// It was the room that could not be opened, or the new release that could not open it.
    fn end_doubt(&mut self, now: Time, room: RoomId, ails: bool) {
        let Some(rollout) = &mut self.rollout else { return };
        let Some(why) = rollout.doubts.settle(room) else { return };
        match (rollout.record.phase, ails) {
            (DeployPhase::Checking, true) => {
                rollout.checks.forget(room);
                self.move_if_checked(now);
            }
            (DeployPhase::Moving, true) => self.leave(now, room, &why),
            (DeployPhase::Checking, false) => {
                self.end_rollout(now, DeployPhase::Reverted, Some(why))
            }
            (DeployPhase::Moving, false) => self.stop_for(now, room, &why),
            _ => {}
        }
    }

    /// The room stays where it is, and is named.
    pub(super) fn leave(&mut self, now: Time, room: RoomId, why: &str) {
        let Some(rollout) = &mut self.rollout else { return };
        rollout.left.insert(room);
        rollout.kept_at = None;
        rollout.record.leave(room, why);
        self.mover.decline(room);
        self.room_settled(now, room);
    }

    /// The new release cannot have the room, so it gets no further one.
    pub(super) fn stop_for(&mut self, now: Time, room: RoomId, why: &str) {
        let reason = format!("room {room} could not be moved: {why}");
        self.end_rollout(now, DeployPhase::Stopped, Some(reason));
    }
}
