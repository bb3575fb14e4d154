//! Which rooms are handed over when: a few small ones at a time, and those whose state takes long one by one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use playon_types::ids::RoomId;
use playon_types::time::Span;

use crate::limits::Limits;
use crate::mutant::{Mutant, broken};

/// Who may be handed over beside a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Company {
    /// Others that take a moment as well.
    Small,
    /// Others as large, as long as it neither has its copy opened nor stands still.
    Large,
    /// Nobody, from its first step to its last.
    Alone,
}

/// How far a room is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Its copy is being opened.
    Preparing,
    /// Its copy is there, and it waits for the end of a batch that may be long in coming.
    Waiting,
    /// The room stands still.
    Frozen,
}

/// Rooms that wait for their turn to be handed over, and those that are.
///
/// A frozen room waits for a thread of the new worker, behind the copies that are opened there. Where each takes a
/// millisecond nobody notices; behind a state of megabytes the players of a small room would wait for it. So a room that takes
/// long, which is known by its bytes, by its kind, or because it took too long before, has its turn alone.
///
/// Between its copy and its freeze a room waits for a batch. Where a worker has more to do than it can, that is far longer than
/// all the rest, and it would be waited for once for each room. So there the next large one has its copy opened meanwhile.
#[derive(Debug)]
pub(crate) struct Handoffs {
    /// In the order of their turns.
    waiting: VecDeque<(RoomId, Company)>,
    under_way: BTreeMap<RoomId, (Company, Stage)>,
    /// The room whose turn it is just now.
    turn: Option<(RoomId, Company)>,
    /// Kinds of which a small state took long to bring over, the last time.
    slow: BTreeSet<String>,
    most: usize,
    alone_from: Span,
    alone_bytes: usize,
}

impl Handoffs {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            waiting: VecDeque::new(),
            under_way: BTreeMap::new(),
            turn: None,
            slow: BTreeSet::new(),
            most: limits.handoffs_max.max(1),
            alone_from: limits.handoff_alone_from,
            alone_bytes: limits.handoff_alone_bytes,
        }
    }

    /// The room waits for its turn. A room waits once: it notes that itself.
    pub(crate) fn want(&mut self, room: RoomId, kind: &str, bytes: usize, late: bool) {
        let company = match bytes >= self.alone_bytes {
            _ if late => Company::Alone,
            true => Company::Large,
            false if self.slow.contains(kind) => Company::Alone,
            false => Company::Small,
        };
        self.waiting.push_back((room, company));
    }

    /// The room whose turn it is, if another one may be handed over. Nobody overtakes a room that waits to be alone.
    pub(crate) fn next(&mut self) -> Option<RoomId> {
        let (room, company) = *self.waiting.front()?;
        let full = self.under_way.len() >= self.most && !broken(Mutant::HandoffsUnbounded);
        if full || !self.fits(company) {
            return None;
        }
        self.waiting.pop_front();
        self.turn = Some((room, company));
        Some(room)
    }

    /// Whether such a room may begin beside those that are under way.
    fn fits(&self, company: Company) -> bool {
        let beside = |(other, stage): &(Company, Stage)| match (company, *other) {
            (Company::Small, Company::Small) => true,
            (Company::Large, Company::Large) => *stage == Stage::Waiting,
            _ => false,
        };
        let about_to = self.turn.map(|(_, company)| (company, Stage::Preparing));
        self.under_way.values().chain(&about_to).all(beside) || broken(Mutant::HandoffsBeside)
    }

    /// The room has used its turn: it is being handed over.
    pub(crate) fn begin(&mut self, room: RoomId) {
        let company = self.turn.take_if(|(turn, _)| *turn == room);
        let company = company.map_or(Company::Small, |(_, company)| company);
        self.under_way.insert(room, (company, Stage::Preparing));
    }

    /// Its copy is there, and it may be long before it can be frozen.
    pub(crate) fn wait(&mut self, room: RoomId) {
        self.set(room, Stage::Waiting);
    }

    /// It stands still. Another one may be having its copy opened just then; none begins.
    pub(crate) fn freeze(&mut self, room: RoomId) {
        self.set(room, Stage::Frozen);
    }

    fn set(&mut self, room: RoomId, stage: Stage) {
        if let Some((_, at)) = self.under_way.get_mut(&room) {
            *at = stage;
        }
    }

    /// The room is not handed over any more.
    pub(crate) fn end(&mut self, room: RoomId) {
        self.under_way.remove(&room);
    }

    /// Bringing a room of that kind over takes so long.
    pub(crate) fn took(&mut self, kind: &str, bytes: usize, took: Span) {
        if bytes >= self.alone_bytes {
            // Its bytes say it already, and it says nothing about smaller ones.
            return;
        }
        if took < self.alone_from {
            self.slow.remove(kind);
        } else if !self.slow.contains(kind) {
            self.slow.insert(kind.to_owned());
        }
    }

    /// The room has had its turn, and has perhaps not used it.
    pub(crate) fn pass(&mut self, room: RoomId) {
        self.turn.take_if(|(turn, _)| *turn == room);
    }

    /// Rooms that are being handed over.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Whether a room is handed over beside one that it must not be.
    pub(crate) fn is_crowded(&self) -> bool {
        let each = || self.under_way.values();
        let alone = each().any(|(company, _)| *company == Company::Alone) && each().count() > 1;
        let large = |(company, _): &(Company, Stage)| *company == Company::Large;
        let prepared = each().filter(|at| **at == (Company::Large, Stage::Preparing));
        alone || (each().any(large) && !each().all(large)) || prepared.count() > 1
    }

    /// Rooms that wait for their turn.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIG: usize = 1 << 20;

    const fn room(n: u8) -> RoomId {
        RoomId([n; 16])
    }

    fn handoffs() -> Handoffs {
        let limits = Limits {
            handoffs_max: 2,
            handoff_alone_from: Span::millis(5),
            handoff_alone_bytes: BIG,
            ..Limits::default()
        };
        Handoffs::new(&limits)
    }

    /// Begins what may begin now.
    fn begin_all(handoffs: &mut Handoffs) -> Vec<RoomId> {
        let begun = std::iter::from_fn(|| {
            let room = handoffs.next()?;
            handoffs.begin(room);
            Some(room)
        });
        begun.collect()
    }

    #[test]
    fn small_rooms_go_a_few_at_a_time_and_a_large_one_alone() {
        let mut handoffs = handoffs();
        for (n, bytes) in [(1, 10), (2, 10), (3, 10), (4, BIG), (5, BIG - 1)] {
            handoffs.want(room(n), "duel", bytes, false);
        }
        assert_eq!(begin_all(&mut handoffs), [room(1), room(2)]);
        handoffs.end(room(1));
        assert_eq!(begin_all(&mut handoffs), [room(3)]);
        handoffs.end(room(2));
        assert_eq!(begin_all(&mut handoffs), [], "one is still under way");
        handoffs.end(room(3));
        assert_eq!(begin_all(&mut handoffs), [room(4)], "and nobody beside it");
        assert_eq!((handoffs.under_way(), handoffs.waiting()), (1, 1));
        handoffs.end(room(9));
        assert_eq!(begin_all(&mut handoffs), [], "another one has ended");
        handoffs.end(room(4));
        assert_eq!(begin_all(&mut handoffs), [room(5)]);
        assert!(!handoffs.is_crowded());
    }

    #[test]
    fn large_rooms_that_wait_for_a_batch_let_the_next_large_one_prepare() {
        let mut handoffs = handoffs();
        (1..=4).for_each(|n| handoffs.want(room(n), "duel", BIG, false));
        handoffs.want(room(5), "duel", 10, false);
        assert_eq!(begin_all(&mut handoffs), [room(1)]);
        handoffs.wait(room(1));
        assert_eq!(begin_all(&mut handoffs), [room(2)], "one copy at a time");
        handoffs.freeze(room(1));
        handoffs.wait(room(2));
        assert_eq!(begin_all(&mut handoffs), [], "none begins while one stands still");
        handoffs.end(room(1));
        assert_eq!(begin_all(&mut handoffs), [room(3)]);
        handoffs.wait(room(3));
        assert_eq!(begin_all(&mut handoffs), [], "no more than may be under way");
        handoffs.end(room(2));
        assert_eq!(begin_all(&mut handoffs), [room(4)]);
        handoffs.wait(room(4));
        handoffs.end(room(3));
        assert_eq!(begin_all(&mut handoffs), [], "a small one is not beside a large one");
        assert!(!handoffs.is_crowded());
        handoffs.end(room(4));
        assert_eq!(begin_all(&mut handoffs), [room(5)]);
    }

    #[test]
    fn who_must_be_alone_is_so_to_its_end() {
        let mut handoffs = handoffs();
        handoffs.want(room(1), "duel", BIG, true);
        handoffs.want(room(2), "duel", BIG, false);
        assert_eq!(begin_all(&mut handoffs), [room(1)]);
        handoffs.wait(room(1));
        assert_eq!(begin_all(&mut handoffs), []);
        handoffs.end(room(1));
        assert_eq!(begin_all(&mut handoffs), [room(2)]);
        handoffs.wait(room(2));
        handoffs.want(room(3), "duel", BIG, true);
        assert_eq!(begin_all(&mut handoffs), [], "nor does it begin beside another one");
    }

    #[test]
    fn a_kind_whose_small_states_take_long_goes_alone_until_they_do_not() {
        let mut handoffs = handoffs();
        handoffs.took("duel", 10, Span::millis(5));
        handoffs.took("duel", BIG, Span::millis(1));
        (1..=2).for_each(|n| handoffs.want(room(n), "duel", 10, false));
        assert_eq!(begin_all(&mut handoffs), [room(1)]);
        handoffs.end(room(1));
        assert_eq!(begin_all(&mut handoffs), [room(2)]);
        handoffs.end(room(2));
        handoffs.took("duel", 10, Span::millis(4));
        handoffs.took("duel", BIG, Span::millis(500));
        (3..=4).for_each(|n| handoffs.want(room(n), "duel", 10, false));
        assert_eq!(begin_all(&mut handoffs), [room(3), room(4)]);
    }

    #[test]
    fn who_was_late_goes_alone_and_who_does_not_use_its_turn_holds_up_nobody() {
        let mut handoffs = handoffs();
        handoffs.want(room(1), "duel", 10, true);
        handoffs.want(room(2), "duel", 10, false);
        assert_eq!(handoffs.next(), Some(room(1)));
        assert_eq!(handoffs.next(), None);
        handoffs.pass(room(1));
        assert_eq!(handoffs.next(), Some(room(2)));
    }

    #[test]
    fn who_is_beside_whom_it_must_not_be_is_told_of() {
        let small = (Company::Small, Stage::Preparing);
        let large = |stage| (Company::Large, stage);
        let alone = (Company::Alone, Stage::Waiting);
        let crowded = |under_way: &[(Company, Stage)]| {
            let mut handoffs = handoffs();
            for (n, at) in under_way.iter().enumerate() {
                handoffs.under_way.insert(room(n as u8), *at);
            }
            handoffs.is_crowded()
        };
        assert!(!crowded(&[]) && !crowded(&[alone]) && !crowded(&[small, small, small]));
        assert!(crowded(&[alone, small]) && crowded(&[alone, alone]));
        assert!(crowded(&[large(Stage::Waiting), small]));
        let (prepared, waits, frozen) = (Stage::Preparing, Stage::Waiting, Stage::Frozen);
        assert!(
            !crowded(&[large(waits), large(frozen)]) && !crowded(&[large(frozen), large(prepared)])
        );
        assert!(crowded(&[large(prepared), large(prepared)]));
    }

    #[test]
    fn a_kind_is_slow_from_the_first_time_that_it_was_until_it_was_not() {
        let mut handoffs = handoffs();
        let company = |handoffs: &mut Handoffs, kind: &str| {
            handoffs.want(room(1), kind, 10, false);
            handoffs.waiting.pop_back().map(|(_, company)| company)
        };
        for (took, wanted) in [
            (Span(5_000), Company::Alone),
            (Span(9_000), Company::Alone),
            (Span(4_999), Company::Small),
        ] {
            handoffs.took("duel", BIG - 1, took);
            assert_eq!(company(&mut handoffs, "duel"), Some(wanted));
            assert_eq!(company(&mut handoffs, "lobby"), Some(Company::Small));
        }
    }
}
