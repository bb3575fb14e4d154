//! Which workers should run beside the common ones: for rooms on trial, and for those that have taken a process down.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use playon_types::ids::ReleaseId;
use playon_types::time::{Span, Time};

use crate::fleet::Berth;
use crate::mutant::{Mutant, broken};

/// Gathers what the shards need. Driven like the other machines: `handle_*`, then [`Self::poll`], [`Self::next_timeout`].
#[derive(Debug)]
pub struct Berths {
    linger: Span,
    needed: BTreeMap<u16, BTreeSet<(ReleaseId, Berth)>>,
    /// Those that run, each with when it ends unless somebody needs it again.
    running: BTreeMap<(ReleaseId, Berth), Option<Time>>,
    out: VecDeque<(ReleaseId, Berth, u32)>,
}

impl Berths {
    /// Nothing is needed; what no shard needs any more ends after `linger`.
    pub fn new(linger: Span) -> Self {
        let (needed, running) = (BTreeMap::new(), BTreeMap::new());
        Self { linger, needed, running, out: VecDeque::new() }
    }

    /// All that a shard needs from now on.
    pub fn handle_report(&mut self, now: Time, shard: u16, needed: &[(ReleaseId, Berth)]) {
        if broken(Mutant::BerthsOverwritten) {
            self.needed.clear();
        }
        self.needed.insert(shard, needed.iter().copied().collect());
        let all: BTreeSet<_> = self.needed.values().flatten().copied().collect();
        for (release, berth) in &all {
            if self.running.insert((*release, *berth), None).is_none() {
                self.out.push_back((*release, *berth, 1));
            }
        }
        for (key, until) in &mut self.running {
            if !all.contains(key) {
                until.get_or_insert(now + self.linger);
            }
        }
    }

    /// When to call [`Self::handle_timeout`].
    pub fn next_timeout(&self) -> Option<Time> {
        self.running.values().flatten().min().copied()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Time) {
        let ended = |until: &Option<Time>| until.is_some_and(|until| until <= now);
        let over: Vec<_> = self.running.iter().filter(|(_, u)| ended(u)).map(|(k, _)| *k).collect();
        for key in over {
            self.running.remove(&key);
            self.out.push_back((key.0, key.1, 0));
        }
    }

    /// How many workers of that release and berth should run from now on.
    pub fn poll(&mut self) -> Option<(ReleaseId, Berth, u32)> {
        self.out.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIAL: (ReleaseId, Berth) = (ReleaseId([1; 32]), Berth::Trial(0));

    fn drain(berths: &mut Berths) -> Vec<u32> {
        std::iter::from_fn(|| berths.poll()).map(|(.., count)| count).collect()
    }

    #[test]
    fn a_worker_is_wanted_once_and_lingers() {
        let mut berths = Berths::new(Span::secs(10));
        berths.handle_report(Time(0), 0, &[TRIAL]);
        berths.handle_report(Time(0), 1, &[TRIAL]);
        assert_eq!(drain(&mut berths), [1]);
        berths.handle_report(Time(5), 0, &[]);
        assert_eq!(berths.next_timeout(), None, "another shard needs it");
        berths.handle_report(Time(5), 1, &[]);
        let until = Time(5) + Span::secs(10);
        assert_eq!(berths.next_timeout(), Some(until));
        berths.handle_report(Time(6), 0, &[TRIAL]);
        assert_eq!((berths.next_timeout(), drain(&mut berths)), (None, vec![]));
        berths.handle_report(Time(7), 0, &[]);
        berths.handle_timeout(Time(7) + Span::secs(10));
        assert_eq!((berths.next_timeout(), drain(&mut berths)), (None, vec![0]));
    }

    #[test]
    fn a_worker_lingers_from_the_moment_it_was_needed_last() {
        let mut berths = Berths::new(Span(10));
        let other = (ReleaseId([1; 32]), Berth::Quarantine);
        berths.handle_report(Time(0), 0, &[TRIAL, other]);
        berths.handle_report(Time(5), 0, &[other]);
        berths.handle_report(Time(9), 0, &[]);
        assert_eq!(berths.next_timeout(), Some(Time(15)), "what is said again is no news");
        drain(&mut berths);
        berths.handle_timeout(Time(14));
        assert_eq!(berths.poll(), None);
        berths.handle_timeout(Time(15));
        assert_eq!((berths.poll(), berths.poll()), (Some((TRIAL.0, TRIAL.1, 0)), None));
        assert_eq!(berths.next_timeout(), Some(Time(19)));
    }
}
