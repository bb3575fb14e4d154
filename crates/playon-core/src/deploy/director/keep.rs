//! The executables that are stored: which shards may count on, and which nobody needs any more.
//!
//! Beyond a bound those go that were uploaded or deployed longest ago. One that is in use stays, that is current, that rooms or a
//! deploy are on or come from, that the way back leads to, or that was uploaded last and is yet to be deployed; and the last one
//! that reads what is at rest. What is at rest is asked for each time: rooms fall asleep and wake while nobody deploys.

use std::collections::BTreeSet;

use playon_types::ids::ReleaseId;

use crate::deploy::effect::{DirectorEffect, Target};
use crate::deploy::executables::surplus;
use crate::deploy::rests::Resting;
use crate::deploy::way_back::way_back;
use crate::effect::Order;
use crate::mutant::{Mutant, broken};

use super::Director;

impl Director {
    /// All executables that are stored now, the one that was uploaded or deployed longest ago first.
    pub fn handle_executables(&mut self, oldest_first: Vec<ReleaseId>) {
        let stored: BTreeSet<ReleaseId> = oldest_first.iter().copied().collect();
        self.executables.oldest_first = oldest_first;
        if self.executables.told.as_ref() != Some(&stored) {
            // To open a room on another release if its own is gone.
            let order = Order::Startable(stored.clone());
            self.out.push_back(DirectorEffect::Order(Target::All, order));
            self.executables.told = Some(stored);
        }
    }

    /// An executable has been uploaded, also one that was stored already; it is going to be deployed.
    pub fn handle_upload(&mut self, release: ReleaseId, oldest_first: Vec<ReleaseId>) {
        self.executables.fresh = Some(release);
        self.handle_executables(oldest_first);
        self.look_for_surplus();
    }

    /// Something may be needed no more: if there are more executables than there shall be, what is at rest is asked for.
    pub(super) fn look_for_surplus(&mut self) {
        if self.executables.oldest_first.len() > self.config.executables_max {
            self.out.push_back(DirectorEffect::CountRests);
        }
    }

    /// What is at rest has just been told. None go before that is known, and which rooms there are.
    pub(super) fn discard_surplus(&mut self) {
        let Some(rests) = self.known_at_rest() else { return };
        let (stored, max) = (&self.executables.oldest_first, self.config.executables_max);
        let needs = |release| self.needs(release);
        let reads = |release, rest: &Resting| self.reads_at_rest(release, rest);
        let surplus = surplus(stored, max, needs, &rests, reads);
        if !surplus.is_empty() {
            self.out.push_back(DirectorEffect::Discard(surplus));
        }
    }

    /// Whether a release runs rooms, is about to, or may be wanted at any moment.
    fn needs(&self, release: ReleaseId) -> bool {
        // The deploy under way may come to nothing, and then the way back is what it was before.
        let without = way_back(self.past.iter());
        let without = without.filter(|_| !broken(Mutant::FormerWayBackDiscarded));
        let ways = [self.way_back(), without];
        let is_way_back = ways.into_iter().flatten().any(|way| way.to == release);
        let going = self.rollout.as_ref().filter(|rollout| rollout.is_going());
        self.in_use().contains(&release)
            || self.demand.wants(release)
            || (is_way_back && !broken(Mutant::WayBackDiscarded))
            || going.is_some_and(|rollout| rollout.record().from == Some(release))
            || self.workers.values().any(|of| *of == release)
            || self.executables.fresh == Some(release)
    }

    /// Whether rooms are lost without workers of the release: it is the current one, or rooms are on it.
    pub fn has_rooms(&self, release: ReleaseId) -> bool {
        self.current == Some(release) || self.counts.contains_key(&release)
    }

    /// Releases of which workers are there or can be started; one of the current release is awaited in any case.
    pub(super) fn able(&self) -> BTreeSet<ReleaseId> {
        let attached = self.workers.values().copied();
        self.executables.all().chain(attached).chain(self.current).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::{DeployWish, DirectorConfig, Sleepers};
    use crate::fleet::{Berth, WorkerEnd, WorkerInfo};
    use playon_types::ids::WorkerId;
    use playon_types::record::{Course, DeployPhase};
    use playon_types::time::{Span, Time};

    /// A director that keeps one executable unless more are needed, and has the first release.
    fn director() -> Director {
        let config = DirectorConfig { executables_max: 1, linger: Span(1), ..Default::default() };
        let mut director = Director::new(config);
        director.handle_executables(vec![release(1)]);
        director.handle_recovered(Time(0), None, vec![]);
        director.handle_recovery_done(Time(0));
        up(&mut director, 1);
        director
    }

    fn up(director: &mut Director, n: u8) {
        let (id, release) = (WorkerId(n.into()), release(n));
        let worker = WorkerInfo { id, berth: Berth::Common, release, kinds: vec![] };
        director.handle_worker_up(Time(0), &worker);
        effects(director);
    }

    fn ship(director: &mut Director, n: u8) {
        let wish = DeployWish { to: release(n), at_once: true, course: Course::Forward };
        director.handle_deploy(Time(0), wish).unwrap();
        up(director, n);
        assert_eq!(director.current(), Some(release(n)));
    }

    fn effects(director: &mut Director) -> Vec<DirectorEffect> {
        let mut told = Vec::new();
        while let Some(effect) = director.poll() {
            match effect {
                DirectorEffect::FindSleepers(search) => {
                    let none = Sleepers { groups: 0, rooms: vec![] };
                    director.handle_sleepers(Time(0), search.deploy, Ok(none));
                }
                DirectorEffect::CountRests | DirectorEffect::Discard(_) => told.push(effect),
                _ => {}
            }
        }
        told
    }

    #[test]
    fn the_first_release_whose_worker_attaches_is_deployed() {
        let director = director();
        assert_eq!(director.current(), Some(release(1)));
        assert_eq!(director.deploy().map(|deploy| deploy.phase), Some(DeployPhase::Done));
        assert!(director.has_rooms(release(1)));
    }

    #[test]
    fn what_is_at_rest_is_known_for_a_while_before_an_executable_goes() {
        let mut director = director();
        ship(&mut director, 2);
        ship(&mut director, 3);
        director.handle_worker_down(Time(0), WorkerId(1), &WorkerEnd::DISMISSED);
        director.handle_worker_down(Time(0), WorkerId(2), &WorkerEnd::DISMISSED);
        director.handle_timeout(Time(3));
        effects(&mut director);
        let three = vec![release(1), release(2), release(3)];
        director.handle_upload(release(3), three.clone());
        assert_eq!(effects(&mut director), [DirectorEffect::CountRests]);
        director.handle_rests(Time(3), vec![]);
        assert_eq!(effects(&mut director), []);
        director.handle_rests(Time(4) + Span::secs(1), vec![]);
        // The second is where the way back leads.
        assert_eq!(effects(&mut director), [DirectorEffect::Discard(vec![release(1)])]);
        director.handle_upload(release(4), [&three[1..], &[release(4)]].concat());
        director.handle_rests(Time(5) + Span::secs(1), vec![]);
        // The third is current, and the fourth is going to be deployed.
        assert_eq!(effects(&mut director), [DirectorEffect::CountRests]);
    }

    const fn release(n: u8) -> ReleaseId {
        ReleaseId([n; 32])
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
