//! The way from release 1's state to release 2's, and back. The checksum covers what both have, so a mistake here would be seen.

use super::one::One;
use super::two::{Seat, Two};

pub(super) fn upgrade<const HZ: u32>(old: One<HZ>) -> Two<HZ> {
    let events = old.events;
    let seat =
        |(who, inputs)| Seat { who, inputs, told: events.get(&who).copied().unwrap_or_default() };
    let seats = old.accounts.into_iter().map(seat).collect();
    Two { page: old.page, ballast: old.ballast, seats, upgrades: 1 }
}

pub(super) fn downgrade<const HZ: u32>(new: Two<HZ>) -> One<HZ> {
    One {
        accounts: new.seats.iter().map(|seat| (seat.who, seat.inputs)).collect(),
        events: new.seats.iter().map(|seat| (seat.who, seat.told)).collect(),
        page: new.page,
        ballast: new.ballast,
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules::{self, DrillBooks};
    use super::super::{Account, Input};
    use super::*;

    #[test]
    fn the_checksum_survives_both_ways() {
        let mut old = rules::open(One::<20>::default());
        for who in [5, 3, 9] {
            rules::join(&mut old, playon::PlayerId(who));
        }
        old.accounts.entry(3).and_modify(|account| account.apply(Input { n: 1, word: 7 }));
        let sum = rules::checksum(&old);
        let new = upgrade(old.clone());
        assert_eq!((rules::checksum(&new), new.upgrades), (sum, 1));
        assert_eq!(downgrade(new), old);
    }

    #[test]
    fn a_state_changed_from_outside_is_noticed() {
        let mut room = rules::open(Two::<20>::default());
        rules::join(&mut room, playon::PlayerId(1));
        assert_eq!(room.page.mismatches, 0);
        *room.of(1).unwrap().0 = Account { count: 1, ..Account::default() };
        rules::join(&mut room, playon::PlayerId(2));
        assert_eq!(room.page.mismatches, 1);
    }
}
