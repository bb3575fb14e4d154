//! A player's own account of what it sent and was told. Nothing in here believes the server.

use playon_types::rng::Rng;

use super::past::PastAccounts;
use crate::game::{Account, Event, Input, View};

/// What went wrong, counted. All zero is what is promised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BookFaults {
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

impl BookFaults {
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
pub(super) struct PlayerBook {
    words: Rng,
    /// Inputs sent.
    sent: u64,
    /// What the account must look like after each input.
    past: PastAccounts,
    /// Whether the room may go back when its keeper is killed, if it says so.
    goes_back: bool,
    /// It has said so, and nothing was seen since.
    went_back: bool,
    /// Inputs that the keeper said are lost.
    told_lost: u64,
    /// What the last view said.
    seen: Account,
    seen_tick: u64,
    /// Whether a view has contradicted the accounts expected. What exactly is wrong is worked out at the end.
    torn: bool,
    /// The number of the next event, unless the room went back and none came since.
    event_next: Option<u64>,
    room_mismatches: u64,
    faults: BookFaults,
}

impl PlayerBook {
    /// Empty books; the words come from `seed`.
    pub(super) fn new(seed: u64, goes_back: bool) -> Self {
        Self {
            words: Rng::new(seed),
            sent: 0,
            past: PastAccounts::new(goes_back),
            goes_back,
            went_back: false,
            told_lost: 0,
            seen: Account::default(),
            seen_tick: 0,
            torn: false,
            event_next: Some(1),
            room_mismatches: 0,
            faults: BookFaults::default(),
        }
    }

    /// The next input. It counts as sent when [`PlayerBook::sent`] is told of it.
    pub(super) fn next_input(&self) -> Input {
        let word = self.words.clone().next_u64();
        Input { n: self.sent + 1, word }
    }

    /// Enters the input that [`PlayerBook::next_input`] gave.
    pub(super) fn sent(&mut self, input: Input) {
        self.words.next_u64();
        self.sent += 1;
        self.past.push(input);
    }

    /// Enters an event.
    pub(super) const fn event(&mut self, event: Event) {
        let expected = match self.event_next {
            Some(next) => next,
            None => event.n,
        };
        if event.n < expected {
            self.faults.events_repeated += 1;
            return;
        }
        self.faults.events_lost += event.n - expected;
        self.event_next = Some(event.n + 1);
    }

    /// The room has another history than before. One that may not go back has to go on as if it had not.
    pub(super) const fn went_back(&mut self) {
        if self.goes_back {
            self.went_back = true;
            self.event_next = None;
        }
    }

    /// The keeper says that of the inputs up to `acknowledged` the last `lost` are lost. Where nothing may be lost they stay expected.
    pub(super) fn told_lost(&mut self, acknowledged: u64, lost: u64) {
        if !self.goes_back {
            return;
        }
        match self.past.forget(acknowledged, lost) {
            Some(lost) => self.told_lost += lost,
            None => self.faults.state_mismatches += 1,
        }
    }

    /// Inputs that the keeper said are lost, each counted once.
    pub(super) const fn lost_and_told(&self) -> u64 {
        self.told_lost
    }

    /// Compares a view with the books.
    pub(super) fn view(&mut self, view: &View) {
        let back = view.tick < self.seen_tick || view.own.count < self.seen.count;
        let back = back && !self.went_back;
        // What a player was shown must never be taken back.
        self.faults.state_mismatches += u64::from(back);
        self.faults.state_mismatches += view.mismatches.saturating_sub(self.room_mismatches);
        self.room_mismatches = self.room_mismatches.max(view.mismatches);
        self.torn |= !back && self.past.after(view.own.last) != Some(view.own);
        self.past.seen(view.own.last);
        self.seen = view.own;
        self.seen_tick = if self.went_back { view.tick } else { self.seen_tick.max(view.tick) };
        self.went_back = false;
    }

    /// Whether everything sent has been applied, as far as one can see.
    pub(super) fn settled(&self) -> bool {
        // What was applied twice must not stand for what is still to come.
        self.seen.count.saturating_sub(self.seen.repeated) >= self.past.newest().count
    }

    /// The chain of the account as it was seen last. Whether it is the right one is for [`PlayerBook::close`] to say.
    pub(super) const fn chain(&self) -> u64 {
        self.seen.chain
    }

    /// Closes the books with the last view: what went wrong in all.
    pub(super) fn close(mut self, last: &View) -> BookFaults {
        if let Some(next) = self.event_next {
            self.faults.events_lost += (last.events + 1).saturating_sub(next);
        }
        let (seen, expected) = (last.own, self.past.newest());
        if seen == expected && !self.torn {
            return self.faults;
        }
        let distinct = seen.count.saturating_sub(seen.repeated);
        self.faults.inputs_lost += expected.count.saturating_sub(distinct);
        self.faults.inputs_duplicated += seen.repeated;
        self.faults.inputs_reordered += seen.late;
        let explained = expected.count > distinct || seen.repeated + seen.late > 0;
        // The right numbers in the right order, and yet another hash: the contents differ.
        self.faults.state_mismatches += u64::from(!explained);
        self.faults
    }
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
