//! Backpressure from worker to keeper.
//!
//! The keeper begins with the credit it names in its welcome. Each item about a room takes its [`cost`] from
//! it, each [`super::Up::Credit`] of the worker gives some back. Without credit the keeper keeps its items; what
//! is not about a room costs nothing and always passes, so a busy worker still answers pings.

use playon_types::attach::{Deliver, Item, ToWorker};

use super::AttachError;

/// What every item about a room costs beside its bytes.
pub const ITEM_COST: u64 = 64;

/// What an item costs: [`ITEM_COST`], and the bytes of state, parameters, profiles and inputs in it.
pub fn cost(message: &ToWorker) -> u64 {
    let bytes = match message {
        ToWorker::Create { params, .. } => params.len(),
        ToWorker::Open { state, .. }
        | ToWorker::Prewarm { state, .. }
        | ToWorker::Export { state, .. } => state.len(),
        ToWorker::Deliver(deliver) => deliver_bytes(deliver),
        ToWorker::Tail { deltas, .. } => deltas.iter().map(bytes::Bytes::len).sum(),
        ToWorker::Retire { .. } => 0,
    };
    ITEM_COST + bytes as u64
}

fn deliver_bytes(deliver: &Deliver) -> usize {
    let payload = |item: &Item| match item {
        Item::Join { profile, .. } => profile.len(),
        Item::Input { payload, .. } => payload.len(),
        Item::Away(_) | Item::Back { .. } | Item::Leave(_) | Item::Noted { .. } => 0,
        Item::Tick(_) | Item::Wake => 0,
    };
    deliver.items.iter().map(payload).sum()
}

/// The keeper's side: how much may be sent.
#[derive(Clone, Debug)]
pub struct Credit {
    window: u64,
    outstanding: u64,
}

impl Credit {
    /// Begins with all of `window` bytes.
    pub const fn new(window: u64) -> Self {
        Self { window, outstanding: 0 }
    }

    /// Whether one more item may be sent, whatever its cost: a state larger than the window must pass too.
    pub const fn may_send(&self) -> bool {
        self.outstanding < self.window
    }

    /// An item of that cost is sent.
    pub const fn sent(&mut self, cost: u64) {
        self.outstanding = self.outstanding.saturating_add(cost);
    }

    /// The worker has given some back.
    ///
    /// # Errors
    /// When it is more than is outstanding.
    pub const fn returned(&mut self, bytes: u64) -> Result<(), AttachError> {
        match self.outstanding.checked_sub(bytes) {
            Some(rest) => {
                self.outstanding = rest;
                Ok(())
            }
            None => Err(AttachError::Credit),
        }
    }

    /// Bytes sent and not yet worked off.
    pub const fn outstanding(&self) -> u64 {
        self.outstanding
    }
}

/// The worker's side: gathers what was worked off, so that not every item is answered by a credit.
#[derive(Clone, Debug)]
pub struct Consumed {
    quarter: u64,
    bytes: u64,
}

impl Consumed {
    /// For the window that the keeper named in its welcome, in bytes.
    pub const fn new(window: u64) -> Self {
        Self { quarter: window / 4, bytes: 0 }
    }

    /// An item of that cost is worked off. Returns what to give back now: all of it as soon as it
    /// reaches a quarter of the window.
    pub const fn worked_off(&mut self, cost: u64) -> Option<u64> {
        self.bytes = self.bytes.saturating_add(cost);
        if self.bytes < self.quarter { None } else { self.flush() }
    }

    /// Everything not yet given back, if there is anything; for when the worker has nothing else to do.
    pub const fn flush(&mut self) -> Option<u64> {
        match std::mem::replace(&mut self.bytes, 0) {
            0 => None,
            bytes => Some(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worked_off_can_be_sent_again() {
        let (mut credit, mut consumed) = (Credit::new(1_000), Consumed::new(1_000));
        credit.sent(5_000);
        assert!(!credit.may_send(), "one large item passes and takes everything");
        assert_eq!(consumed.worked_off(100), None);
        let back = consumed.worked_off(4_900).expect("over a quarter");
        assert_eq!(back, 5_000);
        credit.returned(back).expect("was sent");
        assert!(credit.may_send());
        assert_eq!(consumed.flush(), None);
        assert!(matches!(credit.returned(1), Err(AttachError::Credit)));
    }
}
