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
    /// The last one written to the present socket.
    sent: u64,
    /// The last one ever written.
    ever_sent: u64,
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

    /// Frees those up to `applied`; says whether that is news, or nothing if so many were never sent.
    pub(super) fn acknowledge(&mut self, applied: u64) -> Option<bool> {
        if applied > self.ever_sent {
            return None;
        }
        let news = applied > self.applied;
        while self.applied < applied {
            self.bytes -= self.held.pop_front().map_or(0, |payload| payload.len());
            self.applied += 1;
        }
        Some(news)
    }

    /// A session begins: nothing of what is held was sent in it.
    pub(super) fn begin(&mut self) {
        (self.sent, self.ever_sent) = (self.applied, self.applied);
    }

    /// A socket begins on which the keeper wants `in_next` next. It has all before, which does not acknowledge them: what it
    /// has not applied a crash can still take. Says no if it wants one that was acknowledged or never sent.
    pub(super) fn rewind(&mut self, in_next: u64) -> bool {
        let possible = in_next > self.applied && in_next <= self.ever_sent + 1;
        if possible {
            self.sent = in_next - 1;
        }
        possible
    }

    /// The next one to write, unless `most` are on their way, and whether it was written before.
    pub(super) fn unsent(&self, most: usize) -> Option<(u64, &Bytes, bool)> {
        let seq = self.sent.max(self.applied) + 1;
        let at = usize::try_from(seq - self.lo()).ok().filter(|at| *at < most)?;
        self.held.get(at).map(|payload| (seq, payload, seq <= self.ever_sent))
    }

    /// It is written.
    pub(super) fn mark_sent(&mut self, seq: u64) {
        self.sent = seq;
        self.ever_sent = self.ever_sent.max(seq);
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
        assert!(inputs.rewind(1));
        for seq in 1..=3 {
            assert_eq!(inputs.unsent(9).map(|(seq, ..)| seq), Some(seq));
            inputs.mark_sent(seq);
        }
        assert_eq!((inputs.acknowledge(2), inputs.acknowledge(1)), (Some(true), Some(false)));
        assert_eq!(inputs.acknowledge(4), None, "never sent");
        assert_eq!((inputs.lo(), inputs.next(), inputs.len(), inputs.bytes()), (3, 4, 1, 3));
        assert_eq!(inputs.unsent(9), None);
        assert!(inputs.rewind(3) && inputs.rewind(4));
        assert!(!inputs.rewind(2), "acknowledged");
        assert!(!inputs.rewind(5), "never sent");
    }

    #[test]
    fn no_more_are_on_their_way_than_may_be() {
        let mut inputs = Inputs::default();
        for _ in 0..3 {
            inputs.push(Bytes::new());
        }
        inputs.mark_sent(1);
        assert_eq!(inputs.unsent(1), None);
        assert_eq!(inputs.unsent(2).map(|(seq, ..)| seq), Some(2));
    }
}
