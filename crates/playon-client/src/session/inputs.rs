//! Inputs that are not yet known to be applied.

use std::collections::VecDeque;

use bytes::Bytes;

/// One that is held.
#[derive(Debug)]
struct Held {
    /// The number that the player knows it by.
    name: u64,
    payload: Bytes,
}

/// The next input to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unsent {
    /// Its number in the session.
    pub(super) seq: u64,
    pub(super) payload: Bytes,
    /// It was written to a socket before.
    pub(super) again: bool,
}

/// The player's inputs, kept until they are acknowledged.
///
/// In the session they are numbered from 1 without a hole. The player knows each by its name, which is the same number until
/// one before it is refused: what is refused has a name and no number.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    /// The first one has the number `lo`.
    held: VecDeque<Held>,
    bytes: usize,
    /// The last name given out.
    named: u64,
    /// The last one acknowledged.
    applied: u64,
    /// The last one written to the present socket.
    sent: u64,
    /// The last one ever written.
    ever_sent: u64,
}

impl Inputs {
    /// The number of the oldest one held, or the one that the next gets if none is.
    pub(super) const fn lo(&self) -> u64 {
        self.applied + 1
    }

    /// The name of the last one that needs no care any more: all up to it are acknowledged or refused.
    pub(super) fn settled(&self) -> u64 {
        self.held.front().map_or(self.named, |held| held.name - 1)
    }

    /// The name of one that is held.
    pub(super) fn name(&self, seq: u64) -> Option<u64> {
        self.held.get(self.place(seq)?).map(|held| held.name)
    }

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps one more and names it.
    pub(super) fn push(&mut self, payload: Bytes) -> u64 {
        self.named += 1;
        self.bytes += payload.len();
        self.held.push_back(Held { name: self.named, payload });
        self.named
    }

    /// Frees those up to `applied`; says whether that is news, or nothing if so many were never sent.
    pub(super) fn acknowledge(&mut self, applied: u64) -> Option<bool> {
        if applied > self.ever_sent {
            return None;
        }
        let news = applied > self.applied;
        while self.applied < applied {
            self.bytes -= self.held.pop_front().map_or(0, |held| held.payload.len());
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

    /// The next one to write, unless `most` are on their way.
    pub(super) fn unsent(&self, most: usize) -> Option<Unsent> {
        let seq = self.sent.max(self.applied) + 1;
        let at = self.place(seq).filter(|at| *at < most)?;
        let payload = self.held.get(at)?.payload.clone();
        Some(Unsent { seq, payload, again: seq <= self.ever_sent })
    }

    /// It is written.
    pub(super) fn mark_sent(&mut self, seq: u64) {
        self.sent = seq;
        self.ever_sent = self.ever_sent.max(seq);
    }

    /// Takes out the next one to write, as the keeper does not have it and would not take it; its name. Those behind it move up.
    pub(super) fn refuse(&mut self, seq: u64) -> Option<u64> {
        let held = self.held.remove(self.place(seq)?)?;
        self.bytes -= held.payload.len();
        self.ever_sent -= u64::from(seq <= self.ever_sent);
        Some(held.name)
    }

    fn place(&self, seq: u64) -> Option<usize> {
        usize::try_from(seq.checked_sub(self.lo())?).ok()
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
            assert_eq!(inputs.unsent(9).map(|next| next.seq), Some(seq));
            inputs.mark_sent(seq);
        }
        assert_eq!((inputs.acknowledge(2), inputs.acknowledge(1)), (Some(true), Some(false)));
        assert_eq!(inputs.acknowledge(4), None, "never sent");
        assert_eq!((inputs.lo(), inputs.settled(), inputs.len(), inputs.bytes()), (3, 2, 1, 3));
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
        assert_eq!(inputs.unsent(2).map(|next| next.seq), Some(2));
    }

    #[test]
    fn those_behind_a_refused_one_move_up_and_keep_their_names() {
        let mut inputs = Inputs::default();
        for _ in 0..4 {
            inputs.push(Bytes::from_static(b"xx"));
        }
        for seq in 1..=3 {
            inputs.mark_sent(seq);
        }
        assert!(inputs.rewind(2), "the keeper has only the first");
        assert_eq!(inputs.refuse(2), Some(2));
        assert_eq!((inputs.name(1), inputs.name(2), inputs.name(4)), (Some(1), Some(3), None));
        assert_eq!(inputs.unsent(9).map(|next| (next.seq, next.again)), Some((2, true)));
        assert_eq!(inputs.acknowledge(3), None, "only two were sent");
        inputs.mark_sent(2);
        assert_eq!(inputs.unsent(9).map(|next| (next.seq, next.again)), Some((3, false)));
        assert_eq!((inputs.acknowledge(1), inputs.settled()), (Some(true), 2));
        assert_eq!((inputs.acknowledge(2), inputs.settled(), inputs.bytes()), (Some(true), 3, 2));
        assert_eq!((inputs.refuse(3), inputs.settled(), inputs.len()), (Some(4), 4, 0));
        assert_eq!((inputs.push(Bytes::new()), inputs.lo()), (5, 3));
    }
}
