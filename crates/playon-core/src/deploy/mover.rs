//! The mover: hands orders to move out at a steady pace, and knows which are not answered.
//!
//! A handoff costs about a millisecond of processor spread over three processes. A few hundred at once would leave
//! nothing for players for as long; one by one nobody notices them. An order that has not been handed out yet is dropped
//! without a trace when it has lost its purpose: nobody waits for its answer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use playon_types::ids::{DeployId, ReleaseId, RoomId};
use playon_types::time::{Span, Time};

use crate::effect::Order;
use crate::mutant::{Mutant, broken};

/// Where a room is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MoveErrand {
    pub(super) deploy: DeployId,
    pub(super) to: ReleaseId,
    pub(super) at_once: bool,
    /// When the deploy began to move rooms, in the age of the directory's keepers.
    pub(super) since: Option<Time>,
}

impl MoveErrand {
    const fn order(self, room: RoomId) -> Order {
        let Self { deploy, to, at_once, since } = self;
        Order::Move { deploy, room, to, at_once, since }
    }
}

/// What waits for its turn.
#[derive(Clone, Copy, Debug)]
enum QueuedMove {
    /// An order to move.
    Order(MoveErrand),
    /// The room has the order already, and is to hurry.
    Haste(DeployId),
}

impl QueuedMove {
    const fn deploy(self) -> DeployId {
        match self {
            Self::Order(errand) => errand.deploy,
            Self::Haste(deploy) => deploy,
        }
    }
}

/// An order that a room has been given.
#[derive(Clone, Copy, Debug)]
struct UnansweredOrder {
    deploy: DeployId,
    at_once: bool,
}

/// Orders that wait for their turn, and those that wait for an answer.
#[derive(Debug)]
pub(super) struct Mover {
    every: Span,
    next: Time,
    turn: VecDeque<RoomId>,
    queued: BTreeMap<RoomId, QueuedMove>,
    /// The last order that each room was given and has not answered.
    unanswered: BTreeMap<RoomId, UnansweredOrder>,
    /// Rooms that stay where they are until the next deploy.
    declined: BTreeSet<RoomId>,
    /// Moves outside of a deploy that failed because a process went away, since a worker of the current release came.
    failed: BTreeMap<RoomId, u32>,
}

impl Mover {
    /// Lets so many rooms through per second, at least one.
    pub(super) fn new(per_second: u32) -> Self {
        let every = Span((1_000_000 / u64::from(per_second.max(1))).max(1));
        Self {
            every,
            next: Time(0),
            turn: VecDeque::new(),
            queued: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            declined: BTreeSet::new(),
            failed: BTreeMap::new(),
        }
    }

    /// Takes an order; one that the same room has not been given yet is dropped for it.
    pub(super) fn push(&mut self, room: RoomId, errand: MoveErrand) {
        self.queue(room, QueuedMove::Order(errand));
    }

    fn queue(&mut self, room: RoomId, what: QueuedMove) {
        if self.queued.insert(room, what).is_none() {
            self.turn.push_back(room);
        }
    }

    /// The room has that order, or is about to get it, and is to carry it out at once. If it has it, that takes a turn too:
    /// so many rooms move per second.
    pub(super) fn hurry(&mut self, room: RoomId, errand: MoveErrand) {
        if self.queued.get(&room).is_some_and(|waiting| waiting.deploy() == errand.deploy) {
            self.push(room, errand);
        } else if self.unanswered.get(&room).is_some_and(|told| told.deploy == errand.deploy) {
            self.queue(room, QueuedMove::Haste(errand.deploy));
        }
    }

    /// Whether the order of that deploy which the room has not answered was to wait for the end of a round.
    pub(super) fn was_patient(&self, room: RoomId, deploy: DeployId) -> bool {
        self.unanswered.get(&room).is_some_and(|told| told.deploy == deploy && !told.at_once)
    }

    /// The next order, if its time has come. Time that passed without orders gives no credit.
    pub(super) fn take(&mut self, now: Time) -> Option<(RoomId, Order)> {
        if now < self.next {
            return None;
        }
        loop {
            let room = self.turn.pop_front()?;
            // Without an errand it is gone, or the errand has lost its purpose.
            let Some(waiting) = self.queued.remove(&room) else { continue };
            self.next = now + self.every;
            let order = match waiting {
                QueuedMove::Order(errand) => {
                    let MoveErrand { deploy, at_once, .. } = errand;
                    self.unanswered.insert(room, UnansweredOrder { deploy, at_once });
                    errand.order(room)
                }
                QueuedMove::Haste(deploy) => Order::Hurry { deploy, room },
            };
            return Some((room, order));
        }
    }

    /// When the next order may go.
    pub(super) fn next_timeout(&self) -> Option<Time> {
        (!self.queued.is_empty()).then_some(self.next)
    }

    /// Drops the orders of a deploy that has ended.
    pub(super) fn cancel(&mut self, ended: DeployId) {
        if broken(Mutant::DroppedUnanswered) {
            // As if they had been handed out.
            let of_it = self.queued.iter().filter(|(_, waiting)| waiting.deploy() == ended);
            let told = UnansweredOrder { deploy: ended, at_once: true };
            self.unanswered.extend(of_it.map(|(room, _)| (*room, told)));
        }
        self.queued.retain(|_, waiting| waiting.deploy() != ended);
        self.turn.retain(|room| self.queued.contains_key(room));
    }

    /// A room has answered. Tells whether that was the last order it was given.
    pub(super) fn answered(&mut self, room: RoomId, deploy: DeployId) -> bool {
        let last = self.unanswered.get(&room).is_some_and(|told| told.deploy == deploy);
        if last {
            self.unanswered.remove(&room);
            let haste =
                |waiting: &QueuedMove| matches!(waiting, QueuedMove::Haste(of) if *of == deploy);
            if self.queued.get(&room).is_some_and(haste) {
                self.drop_queued(room);
            }
        }
        last
    }

    fn drop_queued(&mut self, room: RoomId) {
        if self.queued.remove(&room).is_some() {
            self.turn.retain(|waits| *waits != room);
        }
    }

    /// The room is gone.
    pub(super) fn forget(&mut self, room: RoomId) {
        self.drop_queued(room);
        self.unanswered.remove(&room);
        self.settled(room);
    }

    /// Whether a room has an order that it has not answered: what is known of it may be out of date.
    pub(super) fn is_told(&self, room: RoomId) -> bool {
        self.unanswered.contains_key(&room)
    }

    /// Whether a room has an order or is about to get one.
    pub(super) fn is_busy(&self, room: RoomId) -> bool {
        self.is_told(room) || self.queued.contains_key(&room)
    }

    /// The room has arrived: whatever was held against moving it is over.
    pub(super) fn settled(&mut self, room: RoomId) {
        self.declined.remove(&room);
        self.failed.remove(&room);
    }

    /// The room stays where it is until the next deploy. It may have tried by itself what it has not been told yet.
    pub(super) fn decline(&mut self, room: RoomId) {
        let unasked = |waiting: &QueuedMove| waiting.deploy() == DeployId::NONE;
        if self.queued.get(&room).is_some_and(unasked) {
            self.drop_queued(room);
        }
        self.declined.insert(room);
    }

    /// A move outside of a deploy came to nothing because a process went away.
    pub(super) fn failed(&mut self, room: RoomId) {
        *self.failed.entry(room).or_default() += 1;
    }

    /// Processes that had gone away are back.
    pub(super) fn try_again(&mut self) {
        self.failed.clear();
    }

    /// A new deploy: nothing is held against any room, and none is brought to where rooms belonged before.
    pub(super) fn begin_anew(&mut self) {
        self.cancel(DeployId::NONE);
        self.declined.clear();
        self.failed.clear();
    }

    /// Whether the room is left where it is while no deploy is under way.
    pub(super) fn stays(&self, room: RoomId, tries_max: u32) -> bool {
        self.declined.contains(&room)
            || self.failed.get(&room).is_some_and(|failed| *failed >= tries_max)
    }

    /// How much it holds: orders that wait, and orders that are not answered.
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.turn.len(), self.unanswered.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn room(n: u8) -> RoomId {
        RoomId([n; 16])
    }

    const fn errand(deploy: u64) -> MoveErrand {
        MoveErrand { deploy: DeployId(deploy), to: ReleaseId([1; 32]), at_once: true, since: None }
    }

    #[test]
    fn orders_leave_one_by_one_in_their_order() {
        let mut mover = Mover::new(100);
        assert_eq!(mover.next_timeout(), None);
        (1..=3).for_each(|n| mover.push(room(n), errand(1)));
        let now = Time(1_000_000);
        assert_eq!(mover.take(now), Some((room(1), errand(1).order(room(1)))));
        assert_eq!(mover.take(now), None);
        let next = mover.next_timeout().unwrap();
        assert_eq!(next, Time(1_010_000));
        assert_eq!(mover.take(next).map(|(room, _)| room), Some(room(2)));
    }

    #[test]
    fn what_has_no_purpose_any_more_is_dropped_and_nobody_waits_for_it() {
        let mut mover = Mover::new(100);
        for (deploy, n) in [(1, 1), (2, 2), (2, 3)] {
            mover.push(room(n), errand(deploy));
        }
        mover.cancel(DeployId(1));
        assert!(!mover.is_busy(room(1)));
        mover.forget(room(2));
        assert_eq!(mover.take(Time(1)).map(|(room, _)| room), Some(room(3)));
        assert_eq!(mover.next_timeout(), None);
        assert_eq!(mover.sizes(), (0, 1));
    }

    #[test]
    fn a_room_that_stays_is_not_told_what_it_has_refused_by_itself() {
        let mut mover = Mover::new(100);
        mover.push(room(1), errand(0));
        mover.push(room(2), errand(1));
        mover.decline(room(1));
        mover.decline(room(2));
        assert_eq!(mover.take(Time(1)).map(|(room, _)| room), Some(room(2)), "a deploy asks again");
        assert_eq!(mover.next_timeout(), None);
    }

    #[test]
    fn a_new_deploy_drops_orders_to_where_rooms_belonged_before() {
        let mut mover = Mover::new(100);
        mover.push(room(1), errand(0));
        mover.begin_anew();
        assert!(!mover.is_busy(room(1)));
        assert_eq!(mover.take(Time(1)), None);
    }

    #[test]
    fn an_order_is_open_until_the_answer_to_it_comes() {
        let mut mover = Mover::new(1_000_000);
        mover.push(room(1), errand(1));
        mover.take(Time(1)).unwrap();
        mover.push(room(1), errand(2));
        mover.push(room(1), errand(3));
        mover.take(Time(10)).unwrap();
        // What the first order came to says nothing about the last.
        mover.answered(room(1), DeployId(1));
        assert!(mover.is_told(room(1)));
        mover.answered(room(1), DeployId(3));
        assert!(!mover.is_busy(room(1)));
    }

    fn patient(deploy: u64) -> MoveErrand {
        MoveErrand { at_once: false, ..errand(deploy) }
    }

    #[test]
    fn so_many_leave_per_second_and_one_at_least() {
        for (per_second, every) in [(0, 1_000_000), (1, 1_000_000), (4, 250_000), (u32::MAX, 1)] {
            let mut mover = Mover::new(per_second);
            (1..=2).for_each(|n| mover.push(room(n), errand(1)));
            assert!(mover.take(Time(5)).is_some());
            assert_eq!(mover.next_timeout(), Some(Time(5 + every)));
        }
    }

    #[test]
    fn who_is_to_hurry_and_has_no_order_yet_gets_one_in_a_hurry_in_its_turn() {
        let mut mover = Mover::new(1_000_000);
        (1..=2).for_each(|n| mover.push(room(n), patient(1)));
        mover.hurry(room(1), errand(1));
        mover.hurry(room(2), errand(2));
        mover.hurry(room(3), errand(1));
        assert_eq!(mover.sizes(), (2, 0), "one has no order, and one has that of another deploy");
        assert_eq!(mover.take(Time(1)), Some((room(1), errand(1).order(room(1)))));
        assert_eq!(mover.take(Time(2)), Some((room(2), patient(1).order(room(2)))));
        assert!(
            !mover.was_patient(room(1), DeployId(1)) && mover.was_patient(room(2), DeployId(1))
        );
        assert!(
            !mover.was_patient(room(2), DeployId(2)) && !mover.was_patient(room(9), DeployId(1))
        );
    }

    #[test]
    fn who_has_its_order_is_told_to_hurry_unless_it_answers_before() {
        let mut mover = Mover::new(1_000_000);
        (1..=2).for_each(|n| mover.push(room(n), patient(1)));
        (1..=2).for_each(|n| assert!(mover.take(Time(n)).is_some()));
        (1..=2).for_each(|n| mover.hurry(room(n), errand(1)));
        mover.hurry(room(2), errand(2));
        assert_eq!(mover.sizes(), (2, 2));
        assert!(!mover.answered(room(1), DeployId(2)) && mover.answered(room(1), DeployId(1)));
        let hurry = Order::Hurry { deploy: DeployId(1), room: room(2) };
        assert_eq!(mover.take(Time(9)), Some((room(2), hurry)));
        assert_eq!((mover.take(Time(19)), mover.next_timeout()), (None, None));
        assert!(mover.is_told(room(2)) && !mover.is_busy(room(1)));
        // What it is told next is not dropped with the answer to what it was told before.
        mover.push(room(2), errand(3));
        assert!(mover.answered(room(2), DeployId(1)) && mover.is_busy(room(2)));
    }

    #[test]
    fn a_room_stays_that_has_refused_or_failed_so_often_until_that_is_over() {
        let mut mover = Mover::new(100);
        let stays = |mover: &Mover| [1, 2].map(|n| mover.stays(room(n), 2));
        assert_eq!(stays(&mover), [false, false]);
        mover.decline(room(1));
        mover.failed(room(2));
        assert_eq!(stays(&mover), [true, false]);
        mover.failed(room(2));
        assert_eq!(stays(&mover), [true, true]);
        mover.try_again();
        assert_eq!(stays(&mover), [true, false], "it has refused, whoever is back");
        mover.settled(room(1));
        assert_eq!(stays(&mover), [false, false]);
        for over in
            [Mover::begin_anew, |mover: &mut Mover| (1..=2).for_each(|n| mover.forget(room(n)))]
        {
            mover.decline(room(1));
            (1..=2).for_each(|_| mover.failed(room(2)));
            over(&mut mover);
            assert_eq!(stays(&mover), [false, false]);
        }
    }

    #[test]
    fn what_a_deploy_has_not_handed_out_ends_with_it_and_what_it_has_is_waited_for() {
        let mut mover = Mover::new(1_000_000);
        (1..=3).for_each(|n| mover.push(room(n), errand(1)));
        assert!(mover.take(Time(1)).is_some());
        mover.push(room(3), errand(2));
        mover.cancel(DeployId(1));
        assert_eq!(mover.sizes(), (1, 1));
        assert!(mover.is_told(room(1)) && !mover.is_busy(room(2)) && !mover.is_told(room(3)));
        assert_eq!(mover.take(Time(2)).map(|(room, _)| room), Some(room(3)));
    }
}
