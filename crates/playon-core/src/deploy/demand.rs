//! The demand: which releases need workers, and which executables nobody needs any more.

use std::collections::{BTreeMap, BTreeSet};

use playon_types::ids::ReleaseId;
use playon_types::time::{Span, Time};

use crate::mutant::{Mutant, broken};

use super::rests::Resting;

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

/// The executables to delete so that `keep_max` are left: those that were deployed longest ago, but none in use, and never the
/// last one that reads what `rests`.
pub(super) fn surplus(
    oldest_first: &[ReleaseId],
    keep_max: usize,
    in_use: impl Fn(ReleaseId) -> bool,
    rests: &[Resting],
    reads: impl Fn(ReleaseId, &Resting) -> bool,
) -> Vec<ReleaseId> {
    let mut beyond = oldest_first.len().saturating_sub(keep_max);
    let mut readers: Vec<usize> = rests
        .iter()
        .map(|rest| oldest_first.iter().filter(|id| reads(**id, rest)).count())
        .collect();
    let mut gone = Vec::new();
    for release in oldest_first.iter().copied().filter(|release| !in_use(*release)) {
        let read: Vec<usize> =
            (0..rests.len()).filter(|index| reads(release, &rests[*index])).collect();
        let last = read.iter().any(|index| readers[*index] == 1);
        if beyond == 0 || (last && !broken(Mutant::SleepersForgotten)) {
            continue;
        }
        read.into_iter().for_each(|index| readers[index] -= 1);
        beyond -= 1;
        gone.push(release);
    }
    gone
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

    #[test]
    fn the_oldest_executables_go_unless_they_are_in_use() {
        let stored = [release(1), release(2), release(3), release(4)];
        let in_use = |id| id == release(1) || id == release(4);
        let surplus = |keep_max| surplus(&stored, keep_max, in_use, &[], |_, _| false);
        assert_eq!(surplus(2), [release(2), release(3)]);
        assert_eq!(surplus(3), [release(2)]);
        assert_eq!(surplus(0), [release(2), release(3)]);
        assert_eq!(surplus(9), []);
    }

    #[test]
    fn the_last_executable_that_reads_a_room_at_rest_stays() {
        let stored = [release(1), release(2), release(3), release(4)];
        let rest = |version| Resting { kind: "duel".into(), version, release: release(1) };
        // The third reads what the first two wrote, the fourth reads neither.
        let reads = |id: ReleaseId, rest: &Resting| match rest.version {
            1 => id == release(1) || id == release(3),
            _ => id == release(2) || id == release(3),
        };
        let surplus = |rests: &[Resting]| surplus(&stored, 0, |id| id == release(4), rests, reads);
        assert_eq!(surplus(&[]), [release(1), release(2), release(3)]);
        assert_eq!(surplus(&[rest(1)]), [release(1), release(2)]);
        assert_eq!(surplus(&[rest(1), rest(2)]), [release(1), release(2)]);
        let own = |id: ReleaseId, rest: &Resting| id == rest.release;
        let only = super::surplus(&stored, 0, |id| id == release(4), &[rest(1)], own);
        assert_eq!(only, [release(2), release(3)]);
    }
}
