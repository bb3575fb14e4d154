//! How fast inputs may leave.

use playon_core::time::{Span, Time};

/// The part of what the keeper takes that inputs may use, in percent; the rest is for acknowledgements and answers to pings.
const SHARE: u64 = 80;

/// Two buckets that fill up with time, of frames and of bytes.
#[derive(Debug, Default)]
pub(super) struct Pace {
    frames: Bucket,
    bytes: Bucket,
}

impl Pace {
    /// The keeper takes so much a second, 0 for as much as comes; and `at_once` frames at once, all that may be on their way,
    /// so that a new socket can repeat them.
    pub(super) fn allow(&mut self, now: Time, frames: u64, bytes: u64, at_once: u64) {
        self.frames = Bucket::new(now, frames, frames.max(at_once));
        self.bytes = Bucket::new(now, bytes, bytes);
    }

    /// Takes a frame of so many bytes along, or says how long to wait before asking again.
    pub(super) fn take(&mut self, now: Time, bytes: u64) -> Result<(), Span> {
        let wait = self.frames.wait(now, 1).max(self.bytes.wait(now, bytes));
        if wait > Span::ZERO {
            return Err(wait);
        }
        self.frames.spend(1);
        self.bytes.spend(bytes);
        Ok(())
    }
}

/// Counts millionths, so that nothing is rounded away between two looks.
#[derive(Debug, Default)]
struct Bucket {
    per_second: u64,
    most: u64,
    level: u64,
    at: Time,
}

const PARTS: u64 = 1_000_000;

impl Bucket {
    fn new(at: Time, per_second: u64, most: u64) -> Self {
        let per_second = per_second.min(u64::from(u32::MAX)) * SHARE / 100;
        let most = most.min(u64::from(u32::MAX)) * PARTS;
        Self { per_second, most, level: most, at }
    }

    fn wait(&mut self, now: Time, cost: u64) -> Span {
        if self.per_second == 0 {
            return Span::ZERO;
        }
        // Time is in microseconds, so what comes in one is as many millionths as units come in a second.
        let filled = now.since(self.at).0.saturating_mul(self.per_second);
        self.level = self.level.saturating_add(filled).min(self.most);
        self.at = now;
        // What is larger than the bucket leaves when that is full.
        let missing = cost.saturating_mul(PARTS).min(self.most).saturating_sub(self.level);
        Span(missing.div_ceil(self.per_second))
    }

    fn spend(&mut self, cost: u64) {
        self.level = self.level.saturating_sub(cost.saturating_mul(PARTS));
    }
}
