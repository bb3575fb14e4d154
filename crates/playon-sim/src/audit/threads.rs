//! What rooms suffer from a thread that another one has left behind, of which processes die while no room is at anything.

use playon_core::facts::Place;
use playon_core::fleet::Berth;
use playon_types::attach::Turn;
use playon_types::ids::{RoomId, WorkerId};
use playon_types::time::Span;

use super::{Audit, Book};

/// Deaths until the rooms are run apart: once is no pattern.
const TOGETHER_MAX: u32 = 2;

/// Who had run nothing for so long before a death is no suspect, and stays where it is. Of the second that is meant some is left
/// for what takes its time until the shard hears of it.
const UNSUSPECTED: Span = Span::millis(700);

impl Audit {
    /// A worker dies of what a room has left behind, at those turns if it notes any.
    ///
    /// # Errors
    /// When that costs another room its worker too often.
    pub fn thread_ends(
        &mut self,
        (worker, berth): (WorkerId, Berth),
        of: RoomId,
        turns: Option<&[Turn]>,
    ) -> Result<(), String> {
        self.sides.iter_mut().for_each(|side| side.die_of_thread(worker));
        // It looks as if another room had been at fault, or as if all had been; or as if it had not been this one, which has left
        // that worker meanwhile.
        let there = self.rooms.get(&of).is_some_and(|book| book.on == [worker]);
        if !there || turns.is_none_or(|turns| !turns.is_empty()) {
            self.suffered.begin_anew();
            return Ok(());
        }
        // In quarantine are those that have taken a process down themselves, or seemed to.
        if berth == Berth::Quarantine {
            return Ok(());
        }
        let runs = |place| matches!(place, Some(Place::Live | Place::Opening));
        let now = self.now;
        let ran = |book: &Book| book.ran_at.is_some_and(|at| now.since(at) < UNSUSPECTED);
        let suspect = |book: &Book| book.on == [worker] && runs(book.place) && ran(book);
        let there = self.rooms.iter().filter(|(room, book)| **room != of && suspect(book));
        for (room, _) in there {
            let times = self.suffered.again(*room);
            if times > TOGETHER_MAX + splits(of, *room) {
                return Err(format!(
                    "I25: {room} goes down for the {times}th time with {berth:?} by a thread of {of}"
                ));
            }
        }
        Ok(())
    }
}

/// So often both are in the same half.
fn splits(one: RoomId, other: RoomId) -> u32 {
    let same = |splits: &u64| (one.mix(*splits) ^ other.mix(*splits)) & 1 == 0;
    (0..).take_while(same).count() as u32
}
