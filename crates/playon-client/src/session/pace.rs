//! How fast this side may talk.

use playon_types::time::{Span, Time};

/// Bytes that a frame costs beside its payload, its share of a WebSocket frame included, at most.
pub(super) const HEAD_BYTES: u64 = 32;

/// The part of what the keeper takes that inputs may use, in percent; the rest is for acknowledgements and answers to pings.
const SHARE: u64 = 80;

/// What the keeper takes in all, and what inputs may use of that. Whatever is said counts, from HELLO on.
#[derive(Debug, Default)]
pub(super) struct Pace {
    all: Buckets,
    inputs: Buckets,
}

impl Pace {
    /// A socket begins. The keeper takes so much a second, 0 for as much as comes, and what one second brings at once; of frames
    /// at least `at_once`, all that may be on their way, so that a new socket can repeat them.
    pub(super) fn allow(&mut self, now: Time, frames: u64, bytes: u64, at_once: u64) {
        let at_once = frames.max(at_once);
        self.all = Buckets::new(now, (frames, at_once), (bytes, bytes));
        let part = |units: u64| units.min(u64::from(u32::MAX)) * SHARE / 100;
        // Of a rate that is no rate at all, nothing is left to share.
        let of = |units: u64| if units == 0 { 0 } else { part(units).max(1) };
        self.inputs = Buckets::new(now, (of(frames), of(at_once)), (of(bytes), of(bytes)));
    }

    /// Counts what was said without asking.
    pub(super) fn said(&mut self, frames: u64, bytes: u64) {
        self.all.spend(frames, bytes);
    }

    /// Takes an input of so many bytes along, or says how long to wait before asking again.
    pub(super) fn take_input(&mut self, now: Time, bytes: u64) -> Result<(), Span> {
        let wait = self.inputs.wait(now, 1, bytes).max(self.wait(now, bytes));
        if wait > Span::ZERO {
            return Err(wait);
        }
        self.inputs.spend(1, bytes);
        self.all.spend(1, bytes);
        Ok(())
    }

    /// As [`Pace::take_input`], of a frame that is no input.
    pub(super) fn take_other(&mut self, now: Time, bytes: u64) -> Result<(), Span> {
        let wait = self.wait(now, bytes);
        if wait > Span::ZERO {
            return Err(wait);
        }
        self.all.spend(1, bytes);
        Ok(())
    }

    /// How long a frame has to wait. One small one, the next answer to a ping, always has its place.
    fn wait(&mut self, now: Time, bytes: u64) -> Span {
        self.all.wait(now, 2, bytes + HEAD_BYTES)
    }
}

/// Frames and bytes, which fill up with time.
#[derive(Debug, Default)]
struct Buckets {
    frames: Bucket,
    bytes: Bucket,
}

impl Buckets {
    fn new(at: Time, frames: (u64, u64), bytes: (u64, u64)) -> Self {
        Self {
            frames: Bucket::new(at, frames.0, frames.1),
            bytes: Bucket::new(at, bytes.0, bytes.1),
        }
    }

    fn wait(&mut self, now: Time, frames: u64, bytes: u64) -> Span {
        self.frames.wait(now, frames).max(self.bytes.wait(now, bytes))
    }

    fn spend(&mut self, frames: u64, bytes: u64) {
        self.frames.spend(frames);
        self.bytes.spend(bytes);
    }
}

/// Counts millionths, so that nothing is rounded away between two looks.
#[derive(Debug, Default)]
struct Bucket {
    per_second: u64,
    most: i64,
    /// Below zero when more was said than there was.
    level: i64,
    at: Time,
}

const PARTS: i64 = 1_000_000;

/// So many units, at most what fits in 32 bits, in millionths.
fn parts(units: u64) -> i64 {
    i64::from(u32::try_from(units).unwrap_or(u32::MAX)) * PARTS
}

impl Bucket {
    fn new(at: Time, per_second: u64, most: u64) -> Self {
        let most = parts(most);
        Self { per_second: per_second.min(u64::from(u32::MAX)), most, level: most, at }
    }

    fn wait(&mut self, now: Time, cost: u64) -> Span {
        if self.per_second == 0 {
            return Span::ZERO;
        }
        // Time is in microseconds, so what comes in one is as many millionths as units come in a second.
        let filled = now.since(self.at).0.saturating_mul(self.per_second);
        let filled = i64::try_from(filled).unwrap_or(i64::MAX);
        self.level = self.level.saturating_add(filled).min(self.most);
        self.at = now;
        // What is larger than the bucket leaves when that is full.
        let missing = parts(cost).min(self.most).saturating_sub(self.level);
        Span(u64::try_from(missing).unwrap_or(0).div_ceil(self.per_second))
    }

    fn spend(&mut self, cost: u64) {
        self.level = self.level.saturating_sub(parts(cost));
    }
}
