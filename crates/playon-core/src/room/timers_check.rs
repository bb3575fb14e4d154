//! Whether a room's timers are those that follow from its state. Nothing is decided here; the simulator and the tests ask after
//! every step.

use playon_types::time::Time;

use crate::mutant::{Mutant, broken};

use super::Room;
use super::phase::{Live, Phase};
use super::timers::{At, Timer};

impl Room {
    /// Whether the table is what follows from the state.
    ///
    /// # Errors
    /// When an entry is missing, left over or wrong.
    pub(crate) fn check_timers(&self) -> Result<(), String> {
        let wrong = |timer: &Timer| !self.is_right(*timer);
        match Timer::ALL.into_iter().find(wrong) {
            None => Ok(()),
            Some(timer) => {
                let at = self.timers.get(timer);
                Err(format!("{timer:?} of room {} is {at:?}, in {:?}", self.id(), self.phase))
            }
        }
    }

    fn is_right(&self, timer: Timer) -> bool {
        let at = self.timers.get(timer);
        let (idle, frozen) = match &self.phase {
            Phase::Idle => (true, false),
            Phase::Cutover(_) => (false, true),
            Phase::Resting => return at.is_none(),
            Phase::Opening(_) | Phase::Live(_) | Phase::Switching(_) => (false, false),
        };
        let keeper = |until: Option<Time>| until.map(At::Keeper);
        match timer {
            // They are nowhere but in the table.
            Timer::Checkpoint => at.is_some() || !self.durability.keeps(self.image.seq),
            Timer::Retry => at.is_none() || idle,
            Timer::Thaw => at.is_some() == (frozen && !broken(Mutant::FreezeForever)),
            Timer::Quarantine => at.is_some() == self.blame.confinement().is_detained(),
            Timer::Seat => at == self.presence.next_expiry(self.policies.seat_hold).map(At::Room),
            Timer::Blind => at == keeper(self.blame.blind_until()),
            Timer::Opening => at == keeper(self.opening_until()),
            Timer::Batch => at == keeper(self.phase.inflight().map(|i| i.errand.until())),
            Timer::Copy => at == keeper(self.copy_until()),
            Timer::Round => at == keeper(self.wish_until().0),
            Timer::Apart => at == keeper(self.wish_until().1),
            Timer::Rest => at == keeper(self.rest_at()),
            Timer::Beat => at == self.beat_at().map(At::Room),
        }
    }

    fn opening_until(&self) -> Option<Time> {
        match &self.phase {
            Phase::Opening(opening) if !broken(Mutant::OpenForever) => Some(opening.errand.until()),
            _ => None,
        }
    }

    fn copy_until(&self) -> Option<Time> {
        let Phase::Live(Live { warm: Some(warm), .. }) = &self.phase else { return None };
        warm.step.asked().map(|_| warm.errand.until())
    }
}
