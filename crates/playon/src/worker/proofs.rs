//! Which commits are proved to be readable before they are sent, and what follows if one is not.
//!
//! A proof reads what was written and writes that again, which costs about as much as the rest of a small batch. So each thread
//! has a budget of its time for them. Beyond the budget a commit is proved that
//!
//! - is the first of a room here, or has a shape or a depth that no room of the kind had here before,
//! - comes so many commits after the last one; the number doubles each time,
//! - leaves nobody in the room: what a room that falls asleep was left with.
//!
//! A room that is opened is proved by that, if it is written again as it was read. Copies for a deploy, and what is written
//! for an older release, are proved each time. Nothing of this can change a state.

use std::time::{Duration, Instant};

use crate::codec::{Encoded, Shapes};
use crate::envelope::Trouble;
use crate::live::Live;

/// The share of a thread's time that may go into proofs, in hundredths.
const BUDGET_PERCENT: u32 = 3;
/// Time for proving that may be saved up.
const BUDGET_MAX: Duration = Duration::from_millis(20);
/// Commits of a room between two proofs, at most.
const COMMITS_MAX: u32 = 1_024;

/// What one thread knows about the kinds of its rooms.
pub(super) struct Proofs {
    kinds: Vec<(String, Shapes)>,
    budget: Budget,
}

/// What is known of the last commit of a room.
pub(super) struct Proof {
    /// Which of the kinds it is of.
    kind: usize,
    /// The calls with which it was written.
    calls: u64,
    /// Whether it can be read.
    proved: bool,
    /// Commits since the last proof, and how many there may be.
    commits: u32,
    commits_max: u32,
    /// What the last proof took.
    cost: Duration,
    /// Whether anybody was there.
    attended: bool,
    complaints: u64,
}

/// What a proof has found that can be helped no more.
pub(super) struct Complaint {
    pub(super) trouble: Trouble,
    /// How often that was found for this room.
    pub(super) times: u64,
}

impl Proofs {
    pub(super) fn new() -> Self {
        Self { kinds: Vec::new(), budget: Budget::new(Instant::now()) }
    }

    /// Of which kind a room is.
    pub(super) fn kind(&mut self, name: &str) -> usize {
        self.kinds.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.kinds.push((name.to_owned(), Shapes::default()));
            self.kinds.len() - 1
        })
    }

    /// Where the shapes of a room are noted that is about to be written. What was noted of an earlier one and never proved,
    /// because it was not committed, is news again.
    pub(super) fn note(&mut self, kind: usize) -> Option<&mut Shapes> {
        let shapes = self.shapes(kind)?;
        shapes.forget_news();
        Some(shapes)
    }

    fn shapes(&mut self, kind: usize) -> Option<&mut Shapes> {
        self.kinds.get_mut(kind).map(|(_, shapes)| shapes)
    }

    /// All that rooms of the kind have been is fine.
    pub(super) fn settle(&mut self, kind: usize, depth: usize) {
        if let Some(shapes) = self.shapes(kind) {
            shapes.prove(depth);
        }
    }

    /// Looks at what is about to be committed after `last`. An error undoes the batch.
    pub(super) fn judge(
        &mut self,
        live: &dyn Live,
        proof: &mut Proof,
        last: &[u8],
        encoded: &Encoded,
    ) -> Result<Option<Complaint>, Trouble> {
        let same = proof.calls == encoded.calls && last == encoded.bytes;
        if same || !self.is_due(live, proof, encoded) {
            proof.proved &= same;
            proof.calls = encoded.calls;
            return Ok(None);
        }
        let started = Instant::now();
        let found = live.prove(encoded, 1);
        proof.cost = started.elapsed();
        proof.commits = 0;
        self.budget.spend(proof.cost);
        let Err(trouble) = found else {
            self.settle(proof.kind, encoded.depth);
            (proof.proved, proof.calls) = (true, encoded.calls);
            return Ok(None);
        };
        let harmless = matches!(trouble, Trouble::Unordered { .. });
        if !harmless && (proof.proved || live.reads(last, proof.calls)) {
            if let Some(shapes) = self.shapes(proof.kind) {
                shapes.forget_news();
            }
            return Err(trouble);
        }
        // What is safe already is no better, so nothing would be won by going back to it.
        self.settle(proof.kind, encoded.depth);
        (proof.proved, proof.calls) = (harmless, encoded.calls);
        proof.complaints += 1;
        let trouble = if harmless { trouble } else { Trouble::TooLate(trouble.to_string()) };
        Ok(Some(Complaint { trouble, times: proof.complaints }))
    }

    fn is_due(&mut self, live: &dyn Live, proof: &mut Proof, encoded: &Encoded) -> bool {
        let news = self.shapes(proof.kind).is_some_and(|shapes| shapes.is_news(encoded.depth));
        let attended = live.facts().attended;
        let left_alone = std::mem::replace(&mut proof.attended, attended) && !attended;
        proof.commits += 1;
        let waited = proof.commits >= proof.commits_max;
        if waited {
            proof.commits_max = (proof.commits_max * 2).min(COMMITS_MAX);
        }
        news || left_alone || waited || self.budget.covers(proof.cost, Instant::now())
    }
}

impl Proof {
    /// Of a room whose last commit was written with these calls.
    pub(super) fn new(kind: usize, calls: u64, proved: bool, attended: bool) -> Self {
        let (commits, commits_max, cost) = (0, 1, Duration::ZERO);
        Self { kind, calls, proved, commits, commits_max, cost, attended, complaints: 0 }
    }

    pub(super) const fn kind(&self) -> usize {
        self.kind
    }

    /// The room is on another thread, which knows its kind under that number.
    pub(super) const fn belongs_to(&mut self, kind: usize) {
        self.kind = kind;
    }
}

/// Time of a thread that may go into proofs.
struct Budget {
    saved: Duration,
    at: Instant,
}

impl Budget {
    const fn new(now: Instant) -> Self {
        Self { saved: BUDGET_MAX, at: now }
    }

    /// Whether there is enough of it for something that takes so long.
    fn covers(&mut self, cost: Duration, now: Instant) -> bool {
        let earned = now.saturating_duration_since(self.at) * BUDGET_PERCENT / 100;
        self.saved = (self.saved + earned).min(BUDGET_MAX);
        self.at = now;
        cost < self.saved
    }

    fn spend(&mut self, cost: Duration) {
        self.saved = self.saved.saturating_sub(cost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_a_share_of_the_time() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        assert!(budget.covers(Duration::from_millis(19), start));
        assert!(!budget.covers(BUDGET_MAX, start), "one that takes all of it waits for its turn");
        budget.spend(Duration::from_millis(30));
        assert!(!budget.covers(Duration::ZERO, start));
        let later = start + Duration::from_millis(100);
        assert!(budget.covers(Duration::from_micros(2_999), later));
        assert!(!budget.covers(Duration::from_millis(3), later));
        assert!(!budget.covers(BUDGET_MAX, later + Duration::from_secs(3_600)));
    }
}
