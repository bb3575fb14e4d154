//! A deploy as it is stored and shown.

use crate::ids::{DeployId, ReleaseId, RoomId};
use crate::time::{Span, Time};

/// Rooms that could not go which a record names; further ones are counted only.
pub const LEFT_LISTED_MAX: usize = 100;

/// Where a deploy stands. Numbers leave gaps for states to come; they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum DeployPhase {
    /// Waiting for a worker of the new release.
    Starting = 0,
    /// Opening copies of rooms.
    Checking = 10,
    /// Handing rooms over.
    Moving = 20,
    /// Every room is where it belongs.
    Done = 30,
    /// Every room that can go has gone; the record names those that cannot.
    Partial = 35,
    /// A room failed to move: it and all after it stay on the old release.
    Stopped = 40,
    /// Refused or cut off before anything moved.
    Reverted = 50,
    /// A newer deploy took its place.
    Superseded = 60,
}

impl DeployPhase {
    /// All phases, in order.
    pub const ALL: [Self; 8] = [
        Self::Starting,
        Self::Checking,
        Self::Moving,
        Self::Done,
        Self::Partial,
        Self::Stopped,
        Self::Reverted,
        Self::Superseded,
    ];

    /// Whether nothing more will happen.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Starting | Self::Checking | Self::Moving)
    }

    /// Whether rooms are where the deploy has taken them, all that can be.
    pub const fn has_arrived(self) -> bool {
        matches!(self, Self::Done | Self::Partial)
    }

    /// Reads a stored number back.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| *phase as u8 == number)
    }

    /// One word for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Checking => "checking",
            Self::Moving => "moving",
            Self::Done => "done",
            Self::Partial => "partial",
            Self::Stopped => "stopped",
            Self::Reverted => "reverted",
            Self::Superseded => "superseded",
        }
    }
}

/// Who wants a deploy, and what it does when a room cannot go. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Course {
    /// Somebody ships a release. The first room that cannot go stops it, unless that room does not run where it is either.
    #[default]
    Forward = 0,
    /// Somebody goes back. One room that cannot go keeps no other.
    Back = 1,
    /// The keeper goes back by itself, because the release failed its probation. As `Back`.
    Rescue = 2,
}

impl Course {
    /// Reads a stored number back.
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Forward, Self::Back, Self::Rescue].into_iter().find(|course| *course as u8 == number)
    }

    /// Whether any room that cannot go is left behind instead of stopping the deploy.
    pub const fn leaves_behind(self) -> bool {
        matches!(self, Self::Back | Self::Rescue)
    }

    /// One word for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forward => "deploy",
            Self::Back => "rollback",
            Self::Rescue => "automatic rollback",
        }
    }
}

/// What a deploy promises, counted while it is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Numbers {
    /// Inputs that were acknowledged or taken in and that no commit holds.
    pub inputs_lost: u64,
    /// Inputs that were set aside because the game failed on them: they did not run either.
    pub inputs_set_aside: u64,
    /// Inputs that were in a commit although an earlier one held them.
    pub inputs_applied_twice: u64,
    /// Rooms that stood still in the middle of a round for longer than their kind's budget.
    pub pauses_over_budget: u64,
}

/// A room that could not go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The room.
    pub room: RoomId,
    /// Why.
    pub reason: String,
}

/// What a keeper that comes after this one has to know of a release on probation.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Watch {
    /// When all rooms had moved, in the age of the directory's keepers (not of a clock on the wall): from then on its
    /// time runs.
    pub since: Option<Time>,
    /// Hard faults so far.
    pub faults: u32,
    /// What the last of them was.
    pub last: String,
}

/// A deploy as it is stored and shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployRecord {
    /// Its number.
    pub id: DeployId,
    /// Who wants it.
    pub course: Course,
    /// The release that the rooms leave, if there was one.
    pub from: Option<ReleaseId>,
    /// The release after.
    pub to: ReleaseId,
    /// Where it stands.
    pub phase: DeployPhase,
    /// Rooms move in the middle of a round if need be.
    pub at_once: bool,
    /// Copies of rooms in memory that were opened before anything moved.
    pub checked: u64,
    /// Copies of rooms at rest that were.
    pub checked_at_rest: u64,
    /// Rooms at rest of which none could be opened because what is stored of them is damaged.
    pub damaged_at_rest: u64,
    /// Groups of rooms at rest (of a kind, version and release that wrote them) that the release reads and of which no copy was opened.
    pub untried_at_rest: u64,
    /// Rooms that were told to move, each counted once.
    pub rooms: u64,
    /// Rooms that have moved.
    pub moved: u64,
    /// When rooms began to move, in the age of the directory's keepers (not of a clock on the wall). How long a
    /// room may wait for the end of its round counts from then.
    pub moving_since: Option<Time>,
    /// Rooms that still have to move.
    pub waiting: u64,
    /// Of these, rooms that wait for the end of their round.
    pub in_round: u64,
    /// When the last of them moves at the latest, on the keeper's clock.
    pub in_round_until: Option<Time>,
    /// Rooms that end on the release they have.
    pub staying: u64,
    /// Rooms that ended or went to sleep before it was their turn.
    pub gone: u64,
    /// Rooms that could not go.
    pub left: u64,
    /// The first of them.
    pub left_rooms: Vec<Left>,
    /// Handoffs that failed, retries included.
    pub faults: u64,
    /// Times that the keeper ended meanwhile.
    pub restarts: u64,
    /// What was promised, counted.
    pub numbers: Numbers,
    /// How long the copies took to open that were opened before anything moved, at most: about what a room will stand still.
    pub predicted: Span,
    /// Why it was stopped or reverted, or why the keeper went back.
    pub reason: Option<String>,
    /// The probation of the release, if it is on one.
    pub watch: Option<Watch>,
}

impl DeployRecord {
    /// One that has just been asked for.
    pub const fn new(
        id: DeployId,
        course: Course,
        from: Option<ReleaseId>,
        to: ReleaseId,
        at_once: bool,
    ) -> Self {
        Self {
            id,
            course,
            from,
            to,
            phase: DeployPhase::Starting,
            at_once,
            checked: 0,
            checked_at_rest: 0,
            damaged_at_rest: 0,
            untried_at_rest: 0,
            rooms: 0,
            moved: 0,
            moving_since: None,
            waiting: 0,
            in_round: 0,
            in_round_until: None,
            staying: 0,
            gone: 0,
            left: 0,
            left_rooms: Vec::new(),
            faults: 0,
            restarts: 0,
            numbers: Numbers {
                inputs_lost: 0,
                inputs_set_aside: 0,
                inputs_applied_twice: 0,
                pauses_over_budget: 0,
            },
            predicted: Span::ZERO,
            reason: None,
            watch: None,
        }
    }

    /// Whether it has changed where rooms are, or where new ones go.
    pub const fn took_effect(&self) -> bool {
        match self.phase {
            DeployPhase::Done | DeployPhase::Partial => true,
            DeployPhase::Reverted => false,
            _ => self.moved > 0,
        }
    }

    /// Notes a room that cannot go; the first [`LEFT_LISTED_MAX`] are named.
    pub fn leave(&mut self, room: RoomId, reason: &str) {
        self.left += 1;
        if self.left_rooms.len() < LEFT_LISTED_MAX {
            self.left_rooms.push(Left { room, reason: reason.to_owned() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_as_a_number_is_read_back() {
        for phase in DeployPhase::ALL {
            assert_eq!(DeployPhase::from_number(phase as u8), Some(phase));
            let going = [DeployPhase::Starting, DeployPhase::Checking, DeployPhase::Moving]
                .contains(&phase);
            assert_eq!(phase.is_final(), !going);
            assert_eq!(phase.name(), format!("{phase:?}").to_lowercase());
        }
        assert_eq!(DeployPhase::from_number(1), None);
        for course in [Course::Forward, Course::Back, Course::Rescue] {
            assert_eq!(Course::from_number(course as u8), Some(course));
            assert_eq!(course.leaves_behind(), course != Course::Forward);
        }
        assert_eq!(Course::from_number(9), None);
        let names = [Course::Forward, Course::Back, Course::Rescue].map(Course::name);
        assert_eq!(names, ["deploy", "rollback", "automatic rollback"]);
    }

    fn record(phase: DeployPhase, moved: u64) -> DeployRecord {
        let (id, to) = (DeployId(1), ReleaseId([2; 32]));
        DeployRecord { phase, moved, ..DeployRecord::new(id, Course::Back, None, to, false) }
    }

    #[test]
    fn a_deploy_takes_effect_with_the_first_room_or_when_it_is_done() {
        let takes = |phase, moved| record(phase, moved).took_effect();
        assert!(takes(DeployPhase::Done, 0) && takes(DeployPhase::Partial, 0));
        assert!(!takes(DeployPhase::Reverted, 1));
        for phase in [DeployPhase::Moving, DeployPhase::Stopped, DeployPhase::Superseded] {
            assert!(takes(phase, 1) && takes(phase, 2) && !takes(phase, 0));
        }
    }

    #[test]
    fn so_many_that_stay_are_named_and_all_are_counted() {
        let mut record = record(DeployPhase::Moving, 0);
        let rooms = LEFT_LISTED_MAX as u64 + 3;
        for n in 0..rooms {
            record.leave(RoomId([n as u8; 16]), "it cannot go");
        }
        assert_eq!((record.left, record.left_rooms.len()), (rooms, LEFT_LISTED_MAX));
        assert_eq!(record.left_rooms[1].room, RoomId([1; 16]));
    }
}
