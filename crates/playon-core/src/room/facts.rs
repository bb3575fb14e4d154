//! What can be seen of a room from outside.

use playon_types::time::Time;

use crate::facts::{Place, RoomFacts, Seating};
use crate::session::{Session, Standing};

use super::Room;
use super::phase::{Cutover, Live, Phase, Switching, Tail, Warm, WarmStep};

impl Room {
    pub(crate) fn facts(&self, now: Time) -> RoomFacts<'_> {
        let (tail, tail_bytes) = match &self.phase {
            Phase::Live(Live { warm: Some(warm), .. }) => warm.tail(),
            _ => (0, 0),
        };
        RoomFacts {
            room: self.id(),
            place: self.phase.place(),
            image: Some(&self.image),
            safe: self.durability.safe(),
            posts: self.phase.posts().map(|p| (p.worker, p.attempt, p.release)).collect(),
            in_flight: matches!(self.phase, Phase::Live(Live { inflight: Some(_), .. })),
            clock: self.clock.read(now),
            pending: self.backlog.len() + self.blame.suspects(),
            held: self.durability.held(),
            tail,
            tail_bytes,
            watchers: self.presence.watchers().len(),
            sockets: self.presence.sockets(),
            waiting: 0,
            sessions: self.presence.seatings(),
        }
    }
}

impl Session {
    /// Where the session stands.
    pub(super) const fn seating(&self) -> Seating {
        match (self.standing, self.conn.is_some()) {
            // Without a socket a join is withdrawn.
            (Standing::Joining, _) => Seating::Joining,
            (Standing::Seated, true) => Seating::Here,
            (Standing::Seated, false) => Seating::Away,
            (Standing::Leaving, _) => Seating::Leaving,
        }
    }
}

impl Phase {
    const fn place(&self) -> Place {
        match self {
            Self::Idle { .. } => Place::Idle,
            Self::Opening(_) => Place::Opening,
            Self::Live(Live { warm: None, .. }) => Place::Live,
            Self::Live(Live { warm: Some(warm), .. }) => match warm.step {
                WarmStep::Exporting { .. } => Place::Exporting,
                WarmStep::Prewarming { .. } => Place::Prewarming,
                WarmStep::Ready { .. } => Place::Warm,
            },
            Self::Cutover(Cutover { exporting: Some(_), .. }) => Place::CutoverExporting,
            Self::Cutover(Cutover { old: None, .. }) => Place::CutoverOrphan,
            Self::Cutover(_) => Place::Cutover,
            Self::Switching(Switching { old, new, .. }) => match (old.is_some(), new.is_some()) {
                (true, true) => Place::Switching,
                (false, true) => Place::SwitchingOldGone,
                (true, false) => Place::SwitchingNewGone,
                (false, false) => Place::SwitchingBothGone,
            },
            Self::Resting => Place::Resting,
        }
    }
}

impl Warm {
    /// Deltas and their bytes.
    fn tail(&self) -> (usize, usize) {
        match &self.step {
            WarmStep::Prewarming { tail: Tail::Deltas(deltas), .. }
            | WarmStep::Ready { tail: Tail::Deltas(deltas), .. } => {
                (deltas.len(), deltas.iter().map(bytes::Bytes::len).sum())
            }
            _ => (0, 0),
        }
    }
}
