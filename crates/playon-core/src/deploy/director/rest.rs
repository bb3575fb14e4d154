//! What the director does for what rests.

use std::collections::BTreeSet;

use playon_types::ids::ReleaseId;
use playon_types::kind::KindInfo;
use playon_types::time::{Span, Time};

use crate::deploy::rests::{Resting, SETTLED_AFTER, UnreadAtRest};
use crate::mutant::{Mutant, broken};

use super::Director;

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
        self.discard_surplus();
    }

    /// What is at rest, now and a while ago; nothing before all rooms are known and for how long they have been at rest.
    pub(super) fn known_at_rest(&self) -> Option<Vec<Resting>> {
        let settled = self.rests.settled.as_ref().filter(|_| self.rooms_known)?;
        let newest = self.rests.newest.iter().flat_map(|(_, rests)| rests);
        let all: BTreeSet<&Resting> =
            settled.iter().chain(newest).chain(&self.rests.last).collect();
        Some(all.into_iter().cloned().collect())
    }

    /// Whether a release reads rooms that are at rest: those that it wrote, and those of which it has said so.
    pub fn reads_at_rest(&self, release: ReleaseId, rest: &Resting) -> bool {
        let reads = |kind: &KindInfo| kind.name == rest.kind && kind.reads(rest.version);
        release == rest.release
            || self.declared.get(&release).is_some_and(|kinds| kinds.iter().any(reads))
    }

    /// Rooms of those that no release reads of which workers are there, or can be started.
    pub fn unread(&self, rests: &[(Resting, u64)]) -> u64 {
        let able = self.able();
        self.unread_by(rests, |rest| able.iter().any(|release| self.reads_at_rest(*release, rest)))
    }

    /// What becomes of them when rooms go to that release; nothing while it has not said what it reads.
    pub fn unread_after(&self, to: ReleaseId, rests: &[(Resting, u64)]) -> Option<UnreadAtRest> {
        self.declared.get(&to)?;
        let mut able = self.able();
        able.insert(to);
        let unread = self.unread_by(rests, |rest| self.reads_at_rest(to, rest));
        let any = |rest: &Resting| able.iter().any(|release| self.reads_at_rest(*release, rest));
        Some(UnreadAtRest { unread, lost: self.unread_by(rests, any) })
    }

    fn unread_by(&self, rests: &[(Resting, u64)], reads: impl Fn(&Resting) -> bool) -> u64 {
        // Of rooms without a note nothing is known.
        let known = rests.iter().filter(|(rest, _)| !rest.kind.is_empty());
        known.filter(|(rest, _)| !reads(rest)).map(|(_, rooms)| rooms).sum()
    }

    /// Whether a release of which workers are there, or can be started, reads it.
    pub fn is_read(&self, rest: &Resting) -> bool {
        // Of rooms without a note nothing is known.
        let mut able = self.able().into_iter();
        rest.kind.is_empty() || able.any(|release| self.reads_at_rest(release, rest))
    }

    /// Whether anything is known of what a release reads.
    pub fn is_declared(&self, release: ReleaseId) -> bool {
        self.declared.contains_key(&release)
    }

    /// How long rooms of that kind, written by that release, are kept at rest: as the current release says, and as the one that
    /// wrote them does if that does not know the kind. Nothing if neither is known to say anything.
    pub fn keeps_at_rest(&self, kind: &str, wrote: ReleaseId) -> Option<Span> {
        let said = |release| {
            let kinds: Option<&Vec<KindInfo>> = self.declared.get(&release);
            kinds?
                .iter()
                .find(|declared| declared.name == kind)
                .map(|declared| declared.policies.expire)
        };
        let current = self.current.filter(|_| !broken(Mutant::ExpiryByWriter));
        current.and_then(said).or_else(|| said(wrote))
    }
}
