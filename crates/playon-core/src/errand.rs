//! Something asked of a worker, and until when it may take.

use playon_types::ids::WorkerId;
use playon_types::time::{Span, Time};

use crate::fleet::Fleet;

/// Time counts from the moment the worker begins. What waits in front of it, on the way or in the worker, is the bound
/// of others, and no proof against anybody.
#[derive(Clone, Debug)]
pub(crate) struct Errand {
    asked: Time,
    span: Span,
    begun: bool,
    reported: bool,
    until: Time,
}

impl Errand {
    /// Asked now; it may take `span` once it is begun.
    pub(crate) fn new(now: Time, span: Span) -> Self {
        Self { asked: now, span, begun: false, reported: false, until: now + span }
    }

    /// For how long it has been asked for.
    pub(crate) fn waits(&self, now: Time) -> Span {
        now.since(self.asked)
    }

    /// When to look at it again.
    pub(crate) const fn until(&self) -> Time {
        self.until
    }

    /// The worker is at it.
    pub(crate) fn begin(&mut self, now: Time) {
        if !self.begun {
            self.begun = true;
            self.until = now + self.span;
        }
    }

    /// Whether it takes too long. If its turn has perhaps not come, and the worker answers others, it may take longer.
    pub(crate) fn is_overdue(
        &mut self,
        fleet: &Fleet,
        worker: WorkerId,
        now: Time,
        turn_timeout: Span,
    ) -> bool {
        if now < self.until {
            return false;
        }
        if self.begun {
            return true;
        }
        let heard = fleet.heard(worker).unwrap_or(self.asked).max(self.asked);
        self.until = if fleet.notes_turns(worker) {
            heard + turn_timeout
        } else {
            // Nobody says whose turn it is: each answer may have been the one in front of it.
            (heard + self.span).min(self.asked + turn_timeout)
        };
        self.until <= now
    }

    /// It has been reported; whoever is to act on it gets this long before it is again.
    pub(crate) fn report(&mut self, now: Time) {
        self.reported = true;
        self.until = now + self.span;
    }

    /// Whether it was reported for taking too long.
    pub(crate) const fn is_reported(&self) -> bool {
        self.reported
    }

    /// Whether the worker is known to be at it.
    pub(crate) const fn is_begun(&self) -> bool {
        self.begun
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{Berth, WorkerInfo};
    use playon_types::ids::ReleaseId;

    const WORKER: WorkerId = WorkerId(1);
    const SPAN: Span = Span::secs(2);
    const TURN: Span = Span::secs(30);

    const fn at(seconds: u64) -> Time {
        Time(seconds * 1_000_000)
    }

    fn fleet() -> Fleet {
        let mut fleet = Fleet::default();
        fleet.add(WorkerInfo {
            id: WORKER,
            berth: Berth::Common,
            release: ReleaseId([1; 32]),
            kinds: Vec::new(),
        });
        fleet
    }

    #[test]
    fn time_counts_from_the_turn() {
        let mut fleet = fleet();
        fleet.note_turn(WORKER);
        let mut errand = Errand::new(at(0), SPAN);
        assert!(!errand.is_overdue(&fleet, WORKER, at(2), TURN), "its turn has not come");
        errand.begin(at(9));
        assert_eq!(errand.until(), at(11));
        assert!(!errand.is_overdue(&fleet, WORKER, at(10), TURN));
        errand.begin(at(10));
        assert!(errand.is_overdue(&fleet, WORKER, at(11), TURN), "begun once, not twice");
    }

    #[test]
    fn a_worker_that_answers_nobody_is_waited_for_only_so_long() {
        let mut fleet = fleet();
        fleet.note_turn(WORKER);
        let mut errand = Errand::new(at(0), SPAN);
        fleet.hear(WORKER, at(5));
        assert!(!errand.is_overdue(&fleet, WORKER, at(34), TURN));
        assert_eq!(errand.until(), at(35));
        assert!(errand.is_overdue(&fleet, WORKER, at(35), TURN));
    }

    #[test]
    fn without_notes_each_answer_may_have_been_the_one_in_front() {
        let mut fleet = fleet();
        let mut errand = Errand::new(at(0), SPAN);
        fleet.hear(WORKER, at(1));
        assert!(!errand.is_overdue(&fleet, WORKER, at(2), TURN));
        assert_eq!(errand.until(), at(3));
        assert!(errand.is_overdue(&fleet, WORKER, at(3), TURN), "nothing was answered since");
        fleet.hear(WORKER, at(29));
        assert!(!errand.is_overdue(&fleet, WORKER, at(29), TURN));
        assert!(
            errand.is_overdue(&fleet, WORKER, at(30), TURN),
            "others cannot excuse it for ever"
        );
    }

    #[test]
    fn what_was_reported_is_looked_at_again_after_as_long() {
        let mut errand = Errand::new(at(1), SPAN);
        assert_eq!((errand.waits(at(4)), errand.waits(at(0))), (Span::secs(3), Span::ZERO));
        assert!(!errand.is_reported() && !errand.is_begun());
        errand.begin(at(5));
        assert!(errand.is_begun() && errand.is_overdue(&fleet(), WORKER, at(7), TURN));
        errand.report(at(8));
        assert!(errand.is_reported());
        assert_eq!((errand.until(), errand.waits(at(8))), (at(10), Span::secs(7)));
        assert!(!errand.is_overdue(&fleet(), WORKER, at(9), TURN));
    }
}
