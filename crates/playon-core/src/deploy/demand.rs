//! The demand: which releases need workers.

use std::collections::{BTreeMap, BTreeSet};

use playon_types::ids::ReleaseId;
use playon_types::time::{Span, Time};

/// Workers wanted of each release. A release that was in use keeps its workers a while longer, so that a quick way back
/// finds them running.
#[derive(Debug, Default)]
pub(super) struct Demand {
    wanted: BTreeMap<ReleaseId, u32>,
    linger: BTreeMap<ReleaseId, Time>,
}

impl Demand {
    /// Takes note of what is in use now. Gives what has changed.
    pub(super) fn update(
        &mut self,
        now: Time,
        in_use: &BTreeSet<ReleaseId>,
        count: u32,
        linger: Span,
    ) -> Vec<(ReleaseId, u32)> {
        let mut wanted: BTreeMap<ReleaseId, u32> =
            in_use.iter().map(|release| (*release, count)).collect();
        let unused: Vec<ReleaseId> =
            self.wanted.keys().filter(|release| !in_use.contains(release)).copied().collect();
        self.linger.retain(|release, _| unused.contains(release));
        for release in unused {
            let until = *self.linger.entry(release).or_insert(now + linger);
            if until > now {
                wanted.insert(release, count);
            } else {
                self.linger.remove(&release);
            }
        }
        let mut changed: Vec<(ReleaseId, u32)> = wanted
            .iter()
            .filter(|(release, count)| self.wanted.get(release) != Some(count))
            .map(|(release, count)| (*release, *count))
            .collect();
        let dropped = self.wanted.keys().filter(|release| !wanted.contains_key(release));
        changed.extend(dropped.map(|release| (*release, 0)));
        self.wanted = wanted;
        changed
    }

    /// When workers of a release have lingered long enough.
    pub(super) fn next_timeout(&self) -> Option<Time> {
        self.linger.values().copied().min()
    }

    /// Whether workers of the release are wanted.
    pub(super) fn wants(&self, release: ReleaseId) -> bool {
        self.wanted.contains_key(&release)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn release(n: u8) -> ReleaseId {
        ReleaseId([n; 32])
    }

    #[test]
    fn a_release_without_use_lingers_and_is_given_up_then() {
        let mut demand = Demand::default();
        let (one, two) = (BTreeSet::from([release(1)]), BTreeSet::from([release(2)]));
        let linger = Span::secs(10);
        assert_eq!(demand.update(Time(0), &one, 2, linger), [(release(1), 2)]);
        assert_eq!(demand.update(Time(5), &two, 2, linger), [(release(2), 2)]);
        assert!(demand.wants(release(1)));
        let until = demand.next_timeout().unwrap();
        assert_eq!(until, Time(5) + linger);
        assert_eq!(demand.update(until, &two, 2, linger), [(release(1), 0)]);
        assert_eq!(demand.next_timeout(), None);
    }

    #[test]
    fn a_release_that_is_used_again_does_not_linger() {
        let mut demand = Demand::default();
        let (one, both) = (BTreeSet::from([release(1)]), BTreeSet::from([release(1), release(2)]));
        demand.update(Time(0), &both, 1, Span::secs(1));
        demand.update(Time(1), &one, 1, Span::secs(1));
        assert_eq!(demand.update(Time(2), &both, 1, Span::secs(1)), []);
        assert_eq!(demand.next_timeout(), None);
    }
}
