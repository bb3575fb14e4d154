//! The executables that are stored, the one that was deployed longest ago first.

use std::collections::BTreeSet;

use playon_types::ids::ReleaseId;

use crate::mutant::{Mutant, broken};

use super::rests::Resting;

/// What lies on disk, as far as the director has been told.
#[derive(Debug, Default)]
pub(super) struct Executables {
    /// The one that was uploaded or deployed longest ago first.
    pub(super) oldest_first: Vec<ReleaseId>,
    /// What the shards were last told.
    pub(super) told: Option<BTreeSet<ReleaseId>>,
    /// The one that was uploaded last, until it is deployed.
    pub(super) fresh: Option<ReleaseId>,
}

impl Executables {
    pub(super) fn all(&self) -> impl Iterator<Item = ReleaseId> {
        self.oldest_first.iter().copied()
    }

    /// A deploy to that release begins.
    pub(super) fn deployed(&mut self, release: ReleaseId) {
        self.fresh.take_if(|fresh| *fresh == release);
        if let Some(at) = self.oldest_first.iter().position(|stored| *stored == release) {
            self.oldest_first[at..].rotate_left(1);
        }
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
