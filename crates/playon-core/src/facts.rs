//! What can be seen of a shard from outside, for the simulator's checks and for diagnosis. Nothing is decided from it.

use std::fmt;

use playon_types::ids::{Attempt, ReleaseId, RoomId, Seq, SessionId, WorkerId};
use playon_types::image::Image;
use playon_types::time::RoomTime;

/// Where a room stands, coarsely. Ordered as a room's life goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Not in memory.
    Absent,
    /// The store is asked about it.
    Loading,
    /// A worker makes it.
    Creating,
    /// Damaged.
    Halted,
    /// Committed bytes without a worker.
    Idle,
    /// A worker opens it.
    Opening,
    /// A worker runs it.
    Live,
    /// Live, while its state is written in an older version for a handoff.
    Exporting,
    /// Live, while a copy is opened elsewhere.
    Prewarming,
    /// Live, with a copy that works.
    Warm,
    /// Frozen; the new worker catches up.
    Cutover,
    /// Frozen; the old worker writes an older version first.
    CutoverExporting,
    /// Frozen; the old worker has died, the new one catches up.
    CutoverOrphan,
    /// The switch is with the store.
    Switching,
    /// The same, and the old worker has died, or there was none.
    SwitchingOldGone,
    /// The same, and the new worker has died.
    SwitchingNewGone,
    /// The same, and both have died.
    SwitchingBothGone,
    /// On its way to sleep or deletion.
    Resting,
}

impl Place {
    /// All of them, in order.
    pub const ALL: [Self; 18] = [
        Self::Absent,
        Self::Loading,
        Self::Creating,
        Self::Halted,
        Self::Idle,
        Self::Opening,
        Self::Live,
        Self::Exporting,
        Self::Prewarming,
        Self::Warm,
        Self::Cutover,
        Self::CutoverExporting,
        Self::CutoverOrphan,
        Self::Switching,
        Self::SwitchingOldGone,
        Self::SwitchingNewGone,
        Self::SwitchingBothGone,
        Self::Resting,
    ];

    /// Whether the room is frozen for a handoff whose switch is not issued.
    pub const fn is_frozen(self) -> bool {
        matches!(self, Self::Cutover | Self::CutoverExporting | Self::CutoverOrphan)
    }

    /// Whether the switch of a handoff is with the store.
    pub const fn is_switching(self) -> bool {
        matches!(
            self,
            Self::Switching
                | Self::SwitchingOldGone
                | Self::SwitchingNewGone
                | Self::SwitchingBothGone
        )
    }

    /// Whether a worker may run batches of the room.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Live | Self::Exporting | Self::Prewarming | Self::Warm)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Where a player's session stands, coarsely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Seating {
    /// Unknown to the room.
    Unknown,
    /// The join is on its way.
    Joining,
    /// Seated, with a socket.
    Here,
    /// Seated, without one.
    Away,
    /// The seat is being given up.
    Leaving,
}

impl Seating {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Unknown, Self::Joining, Self::Here, Self::Away, Self::Leaving];
}

impl fmt::Display for Seating {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// One room, as it can be seen.
#[derive(Clone, Debug)]
pub struct RoomFacts<'a> {
    /// The room.
    pub room: RoomId,
    /// Where it stands.
    pub place: Place,
    /// As of the last commit received, if the room is in memory.
    pub image: Option<&'a Image>,
    /// The last safe commit.
    pub safe: Seq,
    /// Its places in workers.
    pub posts: Vec<(WorkerId, Attempt, ReleaseId)>,
    /// Whether a batch is with the worker.
    pub in_flight: bool,
    /// Room time now.
    pub clock: RoomTime,
    /// Items that wait for the next batch.
    pub pending: usize,
    /// Commits whose outputs wait.
    pub held: usize,
    /// Deltas that wait to be sent after a copy.
    pub tail: usize,
    /// Their bytes.
    pub tail_bytes: usize,
    /// Spectators.
    pub watchers: usize,
    /// Sockets that belong to the room, of players and spectators.
    pub sockets: usize,
    /// Sockets that wait for the room.
    pub waiting: usize,
    /// Its sessions: where each stands and how many of its inputs are received and not yet applied and safe.
    pub sessions: Vec<(SessionId, Seating, u64)>,
}

/// A shard's queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardFacts {
    /// Rooms in memory.
    pub rooms: usize,
    /// Rooms being handed over.
    pub moving: usize,
    /// Whether others are handed over beside a room that takes long.
    pub moving_beside: bool,
    /// Rooms that wait for their turn to be handed over.
    pub move_queue: usize,
    /// Rooms being opened.
    pub opening: usize,
    /// Rooms that wait for their turn to be opened.
    pub open_queue: usize,
    /// Bytes of state of the rooms being opened.
    pub opening_bytes: usize,
    /// How many rooms may be under way to be opened just now.
    pub opening_window: usize,
    /// Sockets in the shard's table.
    pub sockets: usize,
    /// Things that are to be tried on the release before the one on probation, with the one under way.
    pub appeals: usize,
    /// Copies of rooms that nobody runs which a deploy wants, with the one under way.
    pub probes: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_live_frozen_or_being_switched_or_none_of_it() {
        let all = |is: fn(Place) -> bool| {
            Place::ALL.into_iter().filter(|place| is(*place)).collect::<Vec<_>>()
        };
        assert_eq!(
            all(Place::is_live),
            [Place::Live, Place::Exporting, Place::Prewarming, Place::Warm]
        );
        let frozen = [Place::Cutover, Place::CutoverExporting, Place::CutoverOrphan];
        assert_eq!(all(Place::is_frozen), frozen);
        let switching = [
            Place::Switching,
            Place::SwitchingOldGone,
            Place::SwitchingNewGone,
            Place::SwitchingBothGone,
        ];
        assert_eq!(all(Place::is_switching), switching);
    }
}
