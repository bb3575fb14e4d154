//! Rooms that had something to run when another one took their worker down.

/// Losses beside which a room that has committed nothing since the first of them is not yet run apart.
pub(crate) const TOGETHER_MAX: u64 = 1;

/// What the room had to run when another room took a common worker down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stake {
    /// Nothing; it was being opened.
    Opening,
    /// A batch with nothing in it but the time.
    Time,
    /// Items that were with the worker or waited for it.
    Items,
}

/// The room had something to run when another one took a common worker down, and has committed nothing since.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beside {
    /// How many common workers of its release had been lost then, that one included.
    pub(super) lost: u64,
    pub(super) stake: Stake,
}

impl Beside {
    /// Whether that has happened again too often for chance: so many workers have been lost by now.
    pub(super) fn again(self, lost: u64) -> bool {
        let spared = if self.stake == Stake::Items { TOGETHER_MAX } else { TOGETHER_MAX + 1 };
        lost.saturating_sub(self.lost) >= spared
    }
}
