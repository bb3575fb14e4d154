//! What the director does for a release on probation.

use std::collections::BTreeMap;

use playon_types::ids::{DeployId, ReleaseId, RoomId};
use playon_types::record::{Course, DeployPhase, DeployRecord};
use playon_types::time::{Span, Time};

use crate::deploy::effect::{DeployWish, DirectorEffect, Target};
use crate::deploy::probation::{FAILED_BEFORE, FAULTS_MAX, FailedBefore, Probation};
use crate::effect::{Inquiry, Order, Report};
use crate::mutant::{Mutant, broken};

use super::Director;

impl Director {
    /// Rooms begin to move to a release that somebody ships.
    pub(super) fn begin_probation(&mut self) {
        self.probation = self.deploy().and_then(|record| self.probation_in(record));
        self.tell_probation();
    }

    /// Shards try on the release before what the one on probation fails on.
    fn tell_probation(&mut self) {
        let probation = self.probation.as_ref().map(|p| (p.release, p.from));
        self.out.push_back(DirectorEffect::Order(Target::All, Order::Probation(probation)));
    }

    fn probation_in(&self, record: &DeployRecord) -> Option<Probation> {
        let shipped = record.course == Course::Forward && self.longest_probation(record.to).0 > 0;
        let from = record.from.filter(|from| shipped && *from != record.to)?;
        let watch = record.watch.clone().unwrap_or_default();
        let (deploy, release, inquiries) = (record.id, record.to, BTreeMap::new());
        Some(Probation { deploy, release, from, until: None, watch, inquiries })
    }

    /// An earlier keeper had moved all rooms: the rest of the time is this one's.
    pub(super) fn go_on_with_probation(&mut self, now: Time, newest: Option<DeployId>) {
        let last = self.past.front().filter(|last| Some(last.id) == newest);
        let Some(last) = last.filter(|last| last.phase.has_arrived()) else { return };
        if last.watch.is_none() || broken(Mutant::ProbationForgotten) {
            return;
        }
        self.probation = self.probation_in(last);
        self.tell_probation();
        self.set_probation_end();
        self.probation_timed_out(now);
    }

    /// All rooms have moved: from now on its time runs.
    pub(super) fn start_probation_clock(&mut self, now: Time) {
        let since = self.aged(now);
        if let Some(probation) = &mut self.probation {
            probation.watch.since = Some(since);
            self.set_probation_end();
            self.note_watch();
        }
    }

    fn set_probation_end(&mut self) {
        let age = self.config.age.0;
        let longest = self.probation.as_ref().map(|p| self.longest_probation(p.release));
        if let (Some(probation), Some(longest)) = (&mut self.probation, longest) {
            let end = probation.watch.since.map(|since| since + longest);
            probation.until = end.map(|end| Time(end.0.saturating_sub(age)));
        }
    }

    pub(super) fn aged(&self, now: Time) -> Time {
        Time(now.0.saturating_add(self.config.age.0))
    }

    /// For how long rooms of that kind are watched.
    fn probation_of(&self, release: ReleaseId, kind: &str) -> Span {
        let kinds = self.declared.get(&release);
        let declared = kinds.and_then(|kinds| kinds.iter().find(|declared| declared.name == kind));
        declared.and_then(|declared| declared.policies.probation).unwrap_or(self.config.probation)
    }

    /// For how long any room of the release is watched.
    fn longest_probation(&self, release: ReleaseId) -> Span {
        if self.config.probation.0 == 0 {
            return Span::ZERO;
        }
        let kinds = self.declared.get(&release).into_iter().flatten();
        let spans = kinds.map(|kind| kind.policies.probation.unwrap_or(self.config.probation));
        spans.max().unwrap_or(self.config.probation)
    }

    /// Whether what befalls a room is held against the release still.
    fn is_watched(&self, now: Time, room: RoomId) -> bool {
        let Some(probation) = &self.probation else { return false };
        let span = match self.rooms.get(&room) {
            Some(known) => self.probation_of(probation.release, &known.kind),
            None => self.longest_probation(probation.release),
        };
        let in_time = |since: Time| self.aged(now) < since + span;
        span.0 > 0 && probation.watch.since.is_none_or(in_time)
    }

    /// What is known of the probation goes into the record of its deploy.
    fn note_watch(&mut self) -> Option<DeployRecord> {
        let probation = self.probation.as_ref()?;
        let (deploy, watch) = (probation.deploy, probation.watch.clone());
        if let Some(past) = self.past.iter_mut().find(|past| past.id == deploy) {
            past.watch = Some(watch.clone());
        }
        match self.rollout.as_mut().filter(|rollout| rollout.record().id == deploy) {
            Some(rollout) => {
                rollout.note_watch(watch);
                Some(rollout.record().clone())
            }
            None => self.past.iter().find(|past| past.id == deploy).cloned(),
        }
    }

    /// The deploy has ended otherwise.
    pub(super) fn end_probation(&mut self) {
        if self.probation.take().is_some() {
            self.tell_probation();
        }
    }

    pub(super) fn probation_timed_out(&mut self, now: Time) {
        let over = |probation: &mut Probation| probation.until.is_some_and(|until| until <= now);
        if self.probation.take_if(over).is_some() {
            self.tell_probation();
        }
    }

    /// News of a shard that may be held against the release.
    pub(super) fn watch_report(&mut self, now: Time, report: &Report) {
        match report {
            // Held against the room; one that merely lost its worker is not counted.
            Report::Fault { room, release, reason, count, inquiry } if *count > 0 => {
                let what = format!("room {room}: {reason}");
                self.note_failed(now, (*room, *release), false);
                let open = *inquiry != Inquiry::Over && !broken(Mutant::Hasty);
                self.fault(now, (*room, *release), what, open);
                if *inquiry == Inquiry::Appealed {
                    self.await_appeal(*room, *release);
                }
            }
            Report::Halted { room, release, reason } => {
                let what = format!("room {room} is halted: {reason}");
                self.note_failed(now, (*room, *release), true);
                // After faults that are known already, or are about to be.
                if !self.awaits_appeal(*room) {
                    self.fault(now, (*room, *release), what, false);
                }
            }
            Report::SetAside { room, release, appeal: true, .. } => {
                self.await_appeal(*room, *release);
            }
            Report::SetAside { room, release, .. } if self.is_on_probation(*release) => {
                self.settle_inquiry(now, *room);
            }
            Report::Appealed { room, release, itself, too } if self.is_on_probation(*release) => {
                if *itself && *too {
                    self.note_fails_before(now, *room);
                }
                self.settle_appeal(now, *room, !too);
            }
            Report::Acquitted { room, release } if self.is_on_probation(*release) => {
                self.settle_inquiry(now, *room);
            }
            Report::Gone { room, .. } => self.settle_inquiry(now, *room),
            // No room has made it do so, so it is the release.
            Report::Lied { release, reason } if self.is_on_probation(*release) => {
                self.hard_faults(now, 1, format!("a worker of it lied: {reason}"));
            }
            _ => {}
        }
    }

    fn note_failed(&mut self, now: Time, (room, release): (RoomId, ReleaseId), halted: bool) {
        if self.probation.as_ref().is_none_or(|probation| probation.release != release) {
            let failed = FailedBefore { release, at: now, halted };
            self.rooms.entry(room).and_modify(|known| known.failed = Some(failed));
        }
    }

    /// The room fails on the release before the one on probation, if it is tried there.
    fn note_fails_before(&mut self, now: Time, room: RoomId) {
        let Some(release) = self.probation.as_ref().map(|probation| probation.from) else { return };
        let failed = FailedBefore { release, at: now, halted: false };
        self.rooms.entry(room).and_modify(|known| known.failed = Some(failed));
    }

    /// Whether something that the room fails on is being tried on the release before.
    fn awaits_appeal(&self, room: RoomId) -> bool {
        let inquiry = self.probation.as_ref().and_then(|p| p.inquiries.get(&room));
        inquiry.is_some_and(|inquiry| !inquiry.appealed.is_empty())
    }

    /// Whether the room had failed already where it came from, which need not be where most did.
    fn failed_before(&self, now: Time, room: RoomId, on: ReleaseId) -> bool {
        let failed = self.rooms.get(&room).and_then(|known| known.failed);
        let recent = |failed: FailedBefore| failed.halted || now.since(failed.at) < FAILED_BEFORE;
        failed.is_some_and(|failed| failed.release != on && recent(failed))
    }

    /// Something that a good release does not do, if it was the release. With `inquiry` that is being found out.
    fn fault(
        &mut self,
        now: Time,
        (room, release): (RoomId, ReleaseId),
        what: String,
        inquiry: bool,
    ) {
        if !self.is_watched(now, room) {
            return;
        }
        if self.failed_before(now, room, release) {
            return;
        }
        let Some(probation) = self.probation.as_mut().filter(|p| p.release == release) else {
            return;
        };
        let found = probation.inquiries.entry(room).or_default();
        (found.open, found.last) = (found.open + 1, what);
        if !inquiry {
            self.settle_inquiry(now, room);
        }
    }

    /// A process died by itself while it was at nothing of any room: no room is at fault for that, but the release may be. Unless the one
    /// before did so, too.
    pub(super) fn watch_death(&mut self, now: Time, release: ReleaseId, how: &str) {
        self.died.retain(|_, at| now.since(*at) < FAILED_BEFORE);
        let from = self.probation.as_ref().filter(|p| p.release == release).map(|p| p.from);
        let news = from.is_some_and(|from| !self.died.contains_key(&from));
        if news && !broken(Mutant::DeathsUnwatched) {
            let what = format!("a process of it died while it ran no room's code: {how}");
            self.hard_faults(now, 1, what);
        }
        self.died.insert(release, now);
    }

    fn is_on_probation(&self, release: ReleaseId) -> bool {
        self.probation.as_ref().is_some_and(|probation| probation.release == release)
    }

    /// It is known what the room fails on, and tried on the release before.
    fn await_appeal(&mut self, room: RoomId, release: ReleaseId) {
        let probation = self.probation.as_mut().filter(|probation| probation.release == release);
        if let Some(probation) = probation {
            let inquiry = probation.inquiries.entry(room).or_default();
            inquiry.appealed.push_back(std::mem::take(&mut inquiry.open));
        }
    }

    /// It was the room itself, or nothing that can be set aside.
    fn settle_inquiry(&mut self, now: Time, room: RoomId) {
        let Some(probation) = &mut self.probation else { return };
        let Some(inquiry) = probation.inquiries.get_mut(&room) else { return };
        let (faults, last) = (std::mem::take(&mut inquiry.open), inquiry.last.clone());
        if inquiry.appealed.is_empty() {
            probation.inquiries.remove(&room);
        }
        self.hard_faults(now, faults, last);
    }

    /// The first of what was set aside has been tried on the release before; `held` if it does not fail there.
    fn settle_appeal(&mut self, now: Time, room: RoomId, held: bool) {
        let Some(probation) = &mut self.probation else { return };
        let Some(inquiry) = probation.inquiries.get_mut(&room) else { return };
        let Some(faults) = inquiry.appealed.pop_front() else { return };
        let last = inquiry.last.clone();
        if inquiry.open == 0 && inquiry.appealed.is_empty() {
            probation.inquiries.remove(&room);
        }
        if held {
            self.hard_faults(now, faults, last);
        }
    }

    /// Rooms of which it is not known yet what they fail on.
    pub(super) fn inquiries(&self) -> usize {
        self.probation.as_ref().map_or(0, |probation| probation.inquiries.len())
    }

    /// So many are held against the release.
    fn hard_faults(&mut self, now: Time, faults: u32, last: String) {
        let Some(probation) = self.probation.as_mut().filter(|_| faults > 0) else { return };
        probation.watch.faults += faults;
        probation.watch.last = last;
        if probation.watch.faults > FAULTS_MAX && !broken(Mutant::ProbationBlind) {
            self.fail_probation(now);
        } else if let Some(record) = self.note_watch() {
            // The next keeper goes on counting.
            self.out.push_back(DirectorEffect::Keep(record));
        }
    }

    /// The keeper goes back by itself if any room can.
    fn fail_probation(&mut self, now: Time) {
        let Some(Probation { deploy, release, from, watch, .. }) = self.probation.take() else {
            return;
        };
        let last = watch.last;
        self.tell_probation();
        self.forget_watch(deploy);
        let can: Vec<RoomId> = self
            .rooms
            .iter()
            .filter(|(_, known)| known.release == release && self.has_way(known, from))
            .map(|(room, _)| *room)
            .collect();
        let going = self.rollout.as_ref().is_some_and(|r| r.record().id == deploy && r.is_going());
        let way = if can.is_empty() { "there is no way back" } else { "the keeper goes back" };
        let reason = format!("PLY-0313 the release failed its probation, and {way}: {last}");
        if going {
            self.end_rollout(now, DeployPhase::Stopped, Some(reason.clone()));
        }
        self.out.push_back(DirectorEffect::Alarm { deploy, release, what: reason.clone() });
        if !can.is_empty() {
            let wish = DeployWish { to: from, at_once: true, course: Course::Rescue };
            // Rooms are on another release, so there is something to do.
            let _ = self.deploy_because(now, wish, Some(reason));
        }
    }

    /// A probation that was failed is over, under the next keeper too.
    fn forget_watch(&mut self, deploy: DeployId) {
        let past = self.past.iter_mut().find(|past| past.id == deploy && past.watch.is_some());
        if let Some(past) = past {
            past.watch = None;
            self.out.push_back(DirectorEffect::Keep(past.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::DirectorConfig;
    use playon_types::kind::{KindInfo, Policies};

    const KEEPER: Span = Span::secs(60);
    const NEW: ReleaseId = ReleaseId([2; 32]);

    fn director() -> Director {
        Director::new(DirectorConfig { probation: KEEPER, ..DirectorConfig::default() })
    }

    fn kind(name: &str, probation: Option<Span>) -> KindInfo {
        let policies = Policies { probation, ..Policies::default() };
        KindInfo { name: name.into(), writes: 1, reads_from: 1, exports_to: 1, policies }
    }

    #[test]
    fn kinds_are_watched_for_as_long_as_they_say_and_else_as_the_keeper_says() {
        let mut director = director();
        let spans = |director: &Director| {
            let of = |kind| director.probation_of(NEW, kind);
            (of("duel"), of("lobby"), director.longest_probation(NEW))
        };
        assert_eq!(spans(&director), (KEEPER, KEEPER, KEEPER), "it has said nothing");
        for own in [Span::secs(5), Span::secs(100)] {
            director.handle_release(NEW, vec![kind("duel", None), kind("lobby", Some(own))]);
            assert_eq!(spans(&director), (KEEPER, own, KEEPER.max(own)));
        }
        director.config.probation = Span::ZERO;
        assert_eq!(director.longest_probation(NEW), Span::ZERO, "it watches nothing");
    }

    #[test]
    fn only_what_somebody_ships_from_elsewhere_is_watched() {
        let director = director();
        let watched = |course, from| {
            let record = DeployRecord::new(DeployId(1), course, from, NEW, false);
            let probation = director.probation_in(&record);
            probation.map(|probation| (probation.release, probation.from))
        };
        let old = ReleaseId([1; 32]);
        assert_eq!(watched(Course::Forward, Some(old)), Some((NEW, old)));
        assert_eq!(watched(Course::Forward, None), None);
        assert_eq!(watched(Course::Forward, Some(NEW)), None, "it was there before");
        assert_eq!(watched(Course::Back, Some(old)), None);
        assert_eq!(watched(Course::Rescue, Some(old)), None);
    }
}
