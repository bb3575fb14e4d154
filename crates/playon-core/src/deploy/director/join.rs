//! A deploy to where the one under way leads already is that one.
//!
//! A build server that runs twice, two people with the same thought, a command that was cut off and is given again: they want
//! the rooms to be where they are being taken. Such a wish begins nothing and takes nobody's place; whoever has it waits for
//! the same end. It can only add haste: if it is for moving rooms at once, so is the deploy from then on, and rooms that were
//! told to move when their round is over are told that they need not wait. Rooms go on waiting as long as they would have
//! otherwise.
//!
//! One thing is not the same: a deploy stops at the first room that cannot go, a way back leaves it behind. So a way back takes
//! the place of a deploy that leads to the same release. A deploy joins a way back.

use playon_types::ids::{DeployId, RoomId};

use crate::deploy::effect::{DeployWish, DirectorEffect};
use crate::deploy::rollout::Rollout;
use crate::mutant::{Mutant, broken};

use super::Director;

impl Director {
    /// The deploy under way, if it does what is wished for.
    pub(super) fn join(&mut self, wish: &DeployWish) -> Option<DeployId> {
        let rollout = self.rollout.as_mut()?;
        if !wish.is_done_by(rollout.record()) || broken(Mutant::TwinSupersedes) {
            return None;
        }
        let id = rollout.record().id;
        if wish.at_once && rollout.hurry() {
            // The next keeper goes on with it in the same hurry.
            let record = rollout.record().clone();
            self.out.push_back(DirectorEffect::Store { record, current: self.current });
            self.hurry_rooms();
        }
        Some(id)
    }

    /// Rooms that were told to move hear of it, and those that stayed for their kind's policy are told to go.
    fn hurry_rooms(&mut self) {
        let Some(rollout) = &mut self.rollout else { return };
        rollout.waits_for().for_each(|room| self.mover.hurry(room, rollout.errand()));
        let to = rollout.record().to;
        let here = |room: &RoomId| self.rooms.get(room).is_some_and(|known| known.release != to);
        for room in rollout.tell_staying(here) {
            self.mover.settled(room);
            self.mover.push(room, rollout.errand());
        }
    }

    /// A room stays where it is. Tells whether that was said before the deploy was in a hurry; it is told again then.
    pub(super) fn insists(&mut self, deploy: DeployId, room: RoomId) -> bool {
        let meant = |rollout: &&Rollout| rollout.record().id == deploy && rollout.awaits(room);
        let Some(rollout) = self.rollout.as_ref().filter(meant) else { return false };
        let again = rollout.record().at_once && self.mover.was_patient(room, deploy);
        if again {
            self.mover.answered(room, deploy);
            self.mover.push(room, rollout.errand());
        }
        again
    }
}
