//! Inputs that are not yet known to be applied.

use std::collections::VecDeque;

use bytes::Bytes;

/// The player's inputs, numbered from 1 without a hole, kept until they are acknowledged.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    held: VecDeque<Bytes>,
    bytes: usize,
    /// The last one acknowledged.
    applied: u64,
}

impl Inputs {
    /// The number that the next input gets.
    pub(super) fn next(&self) -> u64 {
        self.lo() + self.held.len() as u64
    }

    /// The oldest one held, or the next one if none is.
    pub(super) const fn lo(&self) -> u64 {
        self.applied + 1
    }

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps one more and numbers it.
    pub(super) fn push(&mut self, payload: Bytes) -> u64 {
        let seq = self.next();
        self.bytes += payload.len();
        self.held.push_back(payload);
        seq
    }

    /// Frees those up to `applied`; says whether that is news.
    ///
    /// A number beyond the last input given out can only mean that the session was used elsewhere before;
    /// then the count goes on from there.
    pub(super) fn acknowledge(&mut self, applied: u64) -> bool {
        if applied <= self.applied {
            return false;
        }
        while self.applied < applied {
            match self.held.pop_front() {
                Some(payload) => self.bytes -= payload.len(),
                None => break,
            }
            self.applied += 1;
        }
        self.applied = applied;
        true
    }

    /// Those from `seq` on, with their numbers.
    pub(super) fn since(&self, seq: u64) -> impl Iterator<Item = (u64, &Bytes)> {
        let skip = usize::try_from(seq.saturating_sub(self.lo())).unwrap_or(usize::MAX);
        (self.lo()..).zip(&self.held).skip(skip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_numbered_and_freed_in_order() {
        let mut inputs = Inputs::default();
        assert_eq!(
            [1, 2, 3],
            [&b"a"[..], b"bb", b"ccc"].map(|p| inputs.push(Bytes::from_static(p)))
        );
        assert!(inputs.acknowledge(2) && !inputs.acknowledge(1));
        assert_eq!((inputs.lo(), inputs.next(), inputs.len(), inputs.bytes()), (3, 4, 1, 3));
        assert_eq!(inputs.since(0).map(|(seq, _)| seq).collect::<Vec<_>>(), [3]);
        assert_eq!(inputs.since(4).count(), 0);
    }

    #[test]
    fn the_count_follows_a_session_that_was_used_elsewhere() {
        let mut inputs = Inputs::default();
        assert!(inputs.acknowledge(7));
        assert_eq!(inputs.push(Bytes::new()), 8);
    }
}
