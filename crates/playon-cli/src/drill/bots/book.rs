//! A player's own account of what it sent and was told. Nothing in here believes the server.

use std::collections::VecDeque;

use playon_core::rng::Rng;

use crate::drill::game::{Account, Event, Input, View};

/// What went wrong, counted. All zero is what is promised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Faults {
    /// Inputs sent and never applied.
    pub inputs_lost: u64,
    /// Inputs applied more than once.
    pub inputs_duplicated: u64,
    /// Inputs applied after a later one.
    pub inputs_reordered: u64,
    /// Events that never came.
    pub events_lost: u64,
    /// Events that came twice or late.
    pub events_repeated: u64,
    /// Views that contradict what was sent or what an earlier view said.
    pub state_mismatches: u64,
}

impl Faults {
    /// Adds another player's.
    pub const fn add(&mut self, other: Self) {
        self.inputs_lost += other.inputs_lost;
        self.inputs_duplicated += other.inputs_duplicated;
        self.inputs_reordered += other.inputs_reordered;
        self.events_lost += other.events_lost;
        self.events_repeated += other.events_repeated;
        self.state_mismatches += other.state_mismatches;
    }
}

/// One player's books.
#[derive(Debug)]
pub(super) struct Book {
    words: Rng,
    /// The account as it must look once everything sent is applied.
    own: Account,
    /// The chain after each input not yet seen applied, oldest first; before them comes `seen`.
    chains: VecDeque<u64>,
    /// What the last view said.
    seen: Account,
    seen_tick: u64,
    /// Whether a view has contradicted the chain. What exactly is wrong is worked out at the end.
    torn: bool,
    /// The number of the next event.
    event_next: u64,
    room_mismatches: u64,
    faults: Faults,
}

impl Book {
    /// Empty books; the words come from `seed`.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            words: Rng::new(seed),
            own: Account::default(),
            chains: VecDeque::new(),
            seen: Account::default(),
            seen_tick: 0,
            torn: false,
            event_next: 1,
            room_mismatches: 0,
            faults: Faults::default(),
        }
    }

    /// The next input. It counts as sent when [`Book::sent`] is told of it.
    pub(super) fn next_input(&self) -> Input {
        let word = self.words.clone().next_u64();
        Input { n: self.own.count + 1, word }
    }

    /// Enters the input that [`Book::next_input`] gave.
    pub(super) fn sent(&mut self, input: Input) {
        self.words.next_u64();
        self.own.apply(input);
        self.chains.push_back(self.own.chain);
    }

    /// Enters an event.
    pub(super) const fn event(&mut self, event: Event) {
        if event.n < self.event_next {
            self.faults.events_repeated += 1;
            return;
        }
        self.faults.events_lost += event.n - self.event_next;
        self.event_next = event.n + 1;
    }

    /// Compares a view with the books.
    pub(super) fn view(&mut self, view: &View) {
        let back = view.tick < self.seen_tick || view.own.count < self.seen.count;
        // What a player was shown must never be taken back.
        self.faults.state_mismatches += u64::from(back);
        self.faults.state_mismatches += view.mismatches.saturating_sub(self.room_mismatches);
        self.room_mismatches = self.room_mismatches.max(view.mismatches);
        if view.own.count > self.seen.count {
            let ahead = view.own.count - self.seen.count;
            let expected = (0..ahead).map(|_| self.chains.pop_front()).last().flatten();
            self.torn |= expected != Some(view.own.chain);
        } else {
            self.torn |= !back && view.own.chain != self.seen.chain;
        }
        self.seen = view.own;
        self.seen_tick = self.seen_tick.max(view.tick);
    }

    /// Whether everything sent has been applied, as far as one can see.
    pub(super) const fn settled(&self) -> bool {
        // What was applied twice must not stand for what is still to come.
        self.seen.count.saturating_sub(self.seen.repeated) >= self.own.count
    }

    /// The chain of the account as it was seen last. Whether it is the right one is for [`Book::close`] to say.
    pub(super) const fn chain(&self) -> u64 {
        self.seen.chain
    }

    /// Closes the books with the last view: what went wrong in all.
    pub(super) fn close(mut self, last: &View) -> Faults {
        let sent = last.events;
        self.faults.events_lost += (sent + 1).saturating_sub(self.event_next);
        let seen = last.own;
        if seen.count == self.own.count && seen.chain == self.own.chain && !self.torn {
            return self.faults;
        }
        let distinct = seen.count.saturating_sub(seen.repeated);
        self.faults.inputs_lost += self.own.count.saturating_sub(distinct);
        self.faults.inputs_duplicated += seen.repeated;
        self.faults.inputs_reordered += seen.late;
        let explained = self.own.count != distinct || seen.repeated + seen.late > 0;
        // The right numbers in the right order, and yet another hash: the contents differ.
        self.faults.state_mismatches += u64::from(!explained);
        self.faults
    }
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
