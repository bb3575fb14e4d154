//! What rooms at rest need of releases: one that reads them, for as long as they are kept.

use std::collections::BTreeSet;

use playon_types::ids::ReleaseId;
use playon_types::kind::Declared;
use playon_types::time::{Span, Time};

use super::demand::surplus;
use super::director::Director;

/// Rooms at rest that need the same of a release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resting {
    /// Which kind.
    pub kind: String,
    /// Version of their states.
    pub version: u32,
    /// The release that wrote them.
    pub release: ReleaseId,
}

/// After so long a room that has woken is listed.
const SETTLED_AFTER: Span = Span::secs(1);

/// What is at rest, now and a while ago.
#[derive(Debug, Default)]
pub(super) struct Rests {
    /// What was at rest when there was a `newest` look that is old enough.
    settled: Option<Vec<Resting>>,
    newest: Option<(Time, Vec<Resting>)>,
    last: Vec<Resting>,
}

impl Director {
    /// What is at rest now, as the store says.
    pub fn handle_rests(&mut self, now: Time, rests: Vec<Resting>) {
        let settled = self.rests.newest.as_ref().filter(|(at, _)| now.since(*at) >= SETTLED_AFTER);
        if let Some((_, before)) = settled {
            self.rests.settled = Some(before.clone());
        }
        if settled.is_some() || self.rests.newest.is_none() {
            self.rests.newest = Some((now, rests.clone()));
        }
        self.rests.last = rests;
    }

    /// The executables to delete so that `keep_max` are left, of those that are stored, the one that was deployed longest
    /// ago first; never the last one that reads what is at rest, or was a moment ago: what has woken since then may not be listed
    /// yet. None before all rooms are known, and what is at rest.
    pub fn surplus(
        &self,
        oldest_first: &[ReleaseId],
        keep_max: usize,
        also_needed: impl Fn(ReleaseId) -> bool,
    ) -> Vec<ReleaseId> {
        let Some(settled) = self.rests.settled.as_ref().filter(|_| self.rooms_known) else {
            return Vec::new();
        };
        let newest = self.rests.newest.iter().flat_map(|(_, rests)| rests);
        let rests: BTreeSet<Resting> =
            settled.iter().chain(newest).chain(&self.rests.last).cloned().collect();
        let rests: Vec<Resting> = rests.into_iter().collect();
        let in_use = |release| self.needs(release) || also_needed(release);
        surplus(oldest_first, keep_max, in_use, &rests, |id, rest| self.reads_at_rest(id, rest))
    }

    /// Whether a release reads rooms that are at rest: those that it wrote, and those of which it has said so.
    pub fn reads_at_rest(&self, release: ReleaseId, rest: &Resting) -> bool {
        let reads = |kind: &Declared| kind.name == rest.kind && kind.reads(rest.version);
        release == rest.release
            || self.declared.get(&release).is_some_and(|kinds| kinds.iter().any(reads))
    }

    /// Whether anything is known of what a release reads.
    pub fn is_declared(&self, release: ReleaseId) -> bool {
        self.declared.contains_key(&release)
    }

    /// How long rooms of that kind, written by that release, are kept at rest: as the current release says, and as the one that
    /// wrote them does if that does not know the kind. Nothing if neither is known to say anything.
    pub fn keeps_at_rest(&self, kind: &str, wrote: ReleaseId) -> Option<Span> {
        let said = |release| {
            let kinds: Option<&Vec<Declared>> = self.declared.get(&release);
            kinds?.iter().find(|declared| declared.name == kind).map(|declared| declared.expire)
        };
        self.current.and_then(said).or_else(|| said(wrote))
    }
}
