//! Handing rooms over at a steady pace.
//!
//! A handoff costs about a millisecond of processor spread over three processes. A few hundred at once would leave
//! nothing for players for as long; one by one nobody notices them.

use std::collections::VecDeque;

use playon_core::effect::Order;
use playon_core::ids::{DeployId, RoomId};
use playon_core::time::{Span, Time};

/// Orders to move rooms, on their way to the shards.
#[derive(Debug)]
pub(super) struct Pace {
    every: Span,
    next: Time,
    waiting: VecDeque<(u16, Order)>,
}

impl Pace {
    /// Lets so many rooms through per second, at least one.
    pub(super) fn new(per_second: u32) -> Self {
        let every = Span(1_000_000 / u64::from(per_second.max(1)));
        Self { every, next: Time(0), waiting: VecDeque::new() }
    }

    /// Takes an order for a shard.
    pub(super) fn push(&mut self, shard: u16, order: Order) {
        self.waiting.push_back((shard, order));
    }

    /// Drops the orders of a deploy that has ended.
    pub(super) fn cancel(&mut self, ended: DeployId) {
        self.waiting
            .retain(|(_, order)| !matches!(order, Order::Move { deploy, .. } if *deploy == ended));
    }

    /// Drops the order for a room that is gone.
    pub(super) fn forget(&mut self, gone: RoomId) {
        self.waiting
            .retain(|(_, order)| !matches!(order, Order::Move { room, .. } if *room == gone));
    }

    /// When the next order may go.
    pub(super) fn next_timeout(&self) -> Option<Time> {
        self.waiting.front().map(|_| self.next)
    }

    /// The next order, if its time has come. Time that passed without orders gives no credit.
    pub(super) fn take(&mut self, now: Time) -> Option<(u16, Order)> {
        if now < self.next {
            return None;
        }
        let order = self.waiting.pop_front()?;
        self.next = now + self.every;
        Some(order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use playon_core::ids::ReleaseId;

    fn order(deploy: u64, room: u8) -> Order {
        let (deploy, room) = (DeployId(deploy), RoomId([room; 16]));
        Order::Move { deploy, room, to: ReleaseId([1; 32]), at_once: true }
    }

    #[test]
    fn orders_leave_one_by_one_in_their_order() {
        let mut pace = Pace::new(100);
        assert_eq!(pace.next_timeout(), None);
        (1..=3).for_each(|room| pace.push(0, order(1, room)));
        let mut now = Time(1_000_000);
        assert_eq!(pace.take(now), Some((0, order(1, 1))));
        assert_eq!(pace.take(now), None);
        now = pace.next_timeout().unwrap();
        assert_eq!(now, Time(1_010_000));
        assert_eq!(pace.take(now), Some((0, order(1, 2))));
    }

    #[test]
    fn what_has_no_purpose_any_more_is_dropped() {
        let mut pace = Pace::new(100);
        for (deploy, room) in [(1, 1), (2, 2), (2, 3)] {
            pace.push(0, order(deploy, room));
        }
        pace.cancel(DeployId(1));
        pace.forget(RoomId([2; 16]));
        assert_eq!(pace.take(Time(1)), Some((0, order(2, 3))));
        assert_eq!(pace.next_timeout(), None);
    }
}
