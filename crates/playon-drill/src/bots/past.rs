//! What a player's account must look like after each of its inputs.

use std::collections::VecDeque;

use crate::game::{Account, Input};

/// Inputs kept that were seen applied, where a room may go back: more than any checkpoint lies behind.
const BACK_MAX: usize = 1_024;

/// The account after each input not yet seen applied, and after those before it to which the room may go back.
#[derive(Debug)]
pub(super) struct PastAccounts {
    /// The account before the first of `entries`.
    base: Account,
    /// In the order of their numbers. A number that is missing here was lost, and said to be.
    entries: VecDeque<(Input, Account)>,
    /// Entries kept that were seen.
    back: usize,
}

impl PastAccounts {
    /// Nothing sent; `goes_back` if the room may forget what was seen applied.
    pub(super) fn new(goes_back: bool) -> Self {
        let back = if goes_back { BACK_MAX } else { 0 };
        Self { base: Account::default(), entries: VecDeque::new(), back }
    }

    /// The account once everything sent is applied that is not lost.
    pub(super) fn newest(&self) -> Account {
        self.entries.back().map_or(self.base, |(_, account)| *account)
    }

    /// Enters an input that was sent.
    pub(super) fn push(&mut self, input: Input) {
        let mut account = self.newest();
        account.apply(input);
        self.entries.push_back((input, account));
    }

    /// The account after the input with this number, if that may be the last one applied.
    pub(super) fn after(&self, n: u64) -> Option<Account> {
        if n == self.base.last {
            return Some(self.base);
        }
        let at = self.entries.binary_search_by_key(&n, |(input, _)| input.n).ok()?;
        self.entries.get(at).map(|(_, account)| *account)
    }

    /// Inputs up to this number were seen applied: those are let go that are not needed any more.
    pub(super) fn seen(&mut self, n: u64) {
        let seen = self.entries.partition_point(|(input, _)| input.n <= n);
        if let Some((_, account)) = self.entries.drain(..seen.saturating_sub(self.back)).next_back()
        {
            self.base = account;
        }
    }

    /// The room has forgotten the last `lost` of the inputs up to `until`, and goes on with those after it. How many of them
    /// were not known to be lost; nothing if it is further back than can be checked.
    pub(super) fn forget(&mut self, until: u64, lost: u64) -> Option<u64> {
        let kept = until.checked_sub(lost).filter(|kept| *kept >= self.base.last)?;
        let before = self.entries.len();
        self.entries.retain(|(input, _)| input.n <= kept || input.n > until);
        let mut account = self.base;
        for (input, after) in &mut self.entries {
            account.apply(*input);
            *after = account;
        }
        Some((before - self.entries.len()) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(n: u64) -> Input {
        Input { n, word: n * 7 }
    }

    fn account(numbers: impl IntoIterator<Item = u64>) -> Account {
        let mut account = Account::default();
        numbers.into_iter().for_each(|n| account.apply(input(n)));
        account
    }

    fn sent(goes_back: bool, inputs: u64) -> PastAccounts {
        let mut past = PastAccounts::new(goes_back);
        (1..=inputs).for_each(|n| past.push(input(n)));
        past
    }

    #[test]
    fn every_account_to_come_is_known() {
        let mut past = sent(false, 5);
        assert_eq!(past.after(0), Some(account([])));
        assert_eq!(past.after(3), Some(account(1..=3)));
        past.seen(3);
        assert_eq!([0, 2, 6].map(|n| past.after(n)), [None; 3]);
        assert_eq!([3, 5].map(|n| past.after(n)), [Some(account(1..=3)), Some(account(1..=5))]);
        assert_eq!(past.newest(), account(1..=5));
    }

    #[test]
    fn what_is_lost_is_left_out_of_all_that_follows() {
        let mut past = sent(true, 9);
        past.seen(7);
        assert_eq!(past.forget(6, 2), Some(2));
        assert_eq!([5, 6].map(|n| past.after(n)), [None; 2]);
        assert_eq!(past.after(4), Some(account(1..=4)));
        assert_eq!(past.newest(), account([1, 2, 3, 4, 7, 8, 9]));
        assert_eq!(past.forget(7, 3), Some(1), "two of them were known");
        assert_eq!(past.newest(), account([1, 2, 3, 4, 8, 9]));
    }

    #[test]
    fn a_room_goes_back_only_so_far() {
        let mut past = sent(true, 2_000);
        past.seen(2_000);
        assert!(past.after(2_000 - BACK_MAX as u64).is_some());
        assert_eq!(past.after(1_999 - BACK_MAX as u64), None);
        assert_eq!(past.forget(2_000, BACK_MAX as u64 + 1), None);
        assert_eq!(past.forget(2_000, 2_001), None);
        assert_eq!(sent(false, 3).forget(3, 3), Some(3));
    }
}
