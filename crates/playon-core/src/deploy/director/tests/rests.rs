//! What releases read of what rests, for how long that is kept, and which executables are kept for it.

use std::collections::BTreeSet;

use playon_types::ids::{DeployId, ReleaseId};
use playon_types::kind::KindInfo;
use playon_types::record::{Course, DeployPhase, DeployRecord};
use playon_types::time::{Span, Time};

use super::rig::{Rig, config, duels, kind, record, release};
use crate::deploy::rests::SETTLED_AFTER;
use crate::deploy::{DirectorConfig, DirectorEffect, Resting, UnreadAtRest};
use crate::effect::Order;

fn rest(kind: &str, version: u32, wrote: u8) -> Resting {
    Resting { kind: kind.into(), version, release: release(wrote) }
}

fn kept_for(name: &str, secs: u64) -> KindInfo {
    let mut kind = kind(name, 1, 1, 1);
    kind.policies.expire = Span::secs(secs);
    kind
}

#[test]
fn what_rests_is_read_by_who_wrote_it_and_by_who_says_so() {
    let mut rig = Rig::new();
    rig.director.handle_release(release(5), vec![kind("lobby", 9, 1, 1), kind("duel", 4, 2, 2)]);
    let reads = |by, rest: &Resting| rig.director.reads_at_rest(release(by), rest);
    assert!(reads(7, &rest("chess", 3, 7)), "it wrote it");
    for (version, read) in [(1, false), (2, true), (4, true), (5, false)] {
        assert_eq!(reads(5, &rest("duel", version, 1)), read, "{version}");
    }
    assert!(!reads(5, &rest("chess", 3, 1)) && !reads(8, &rest("duel", 3, 1)));
}

#[test]
fn rooms_that_nobody_reads_who_can_be_started_are_counted() {
    // Of the first two releases workers are there; the fifth can be started, the sixth cannot.
    let mut rig = Rig::new();
    rig.director.handle_release(release(5), vec![kind("lobby", 2, 1, 1)]);
    rig.director.handle_release(release(6), vec![kind("chess", 1, 1, 1), kind("duel", 3, 3, 3)]);
    rig.director.handle_executables(vec![release(5)]);
    let rests = [
        (rest("duel", 1, 9), 1),
        (rest("lobby", 2, 9), 10),
        (rest("chess", 1, 9), 100),
        (rest("chess", 1, 5), 1_000),
        (rest("", 0, 9), 10_000),
    ];
    assert_eq!(rig.director.unread(&rests), 100, "of what has no note nothing is known");
    let is_read: Vec<bool> = rests.iter().map(|(rest, _)| rig.director.is_read(rest)).collect();
    assert_eq!(is_read, [true, true, false, true, true]);
    let after = |to| rig.director.unread_after(release(to), &rests);
    assert_eq!(after(1), Some(UnreadAtRest { unread: 1_110, lost: 100 }));
    assert_eq!(after(6), Some(UnreadAtRest { unread: 11, lost: 0 }), "then it is there");
    assert_eq!(after(8), None, "it has not said what it reads");
}

#[test]
fn rooms_at_rest_are_kept_as_the_current_release_says_and_else_as_who_wrote_them_did() {
    let mut rig = Rig::new();
    rig.director.handle_release(release(1), vec![kept_for("lobby", 3), kept_for("duel", 1)]);
    rig.director.handle_release(release(5), vec![kept_for("duel", 5), kept_for("chess", 7)]);
    let keeps = |kind: &str, wrote| rig.director.keeps_at_rest(kind, release(wrote));
    assert_eq!(keeps("duel", 5), Some(Span::secs(1)));
    assert_eq!(keeps("lobby", 9), Some(Span::secs(3)));
    assert_eq!(keeps("chess", 5), Some(Span::secs(7)), "the current one does not know it");
    assert_eq!((keeps("chess", 1), keeps("chess", 9)), (None, None));
}

#[test]
fn what_rests_is_known_when_it_has_been_looked_at_for_a_while_and_all_rooms_are_there() {
    let mut rig = Rig::read(config(), Some(release(1)), Vec::new());
    let at = |rig: &mut Rig, time: u64, version| {
        rig.director.handle_rests(Time(time), vec![rest("duel", version, 1)]);
        let known = rig.director.known_at_rest();
        known.map(|known| known.iter().map(|rest| rest.version).collect::<Vec<_>>())
    };
    let second = SETTLED_AFTER.0;
    assert_eq!(at(&mut rig, 0, 1), None);
    assert_eq!(at(&mut rig, second, 2), None, "not all rooms are there");
    rig.director.handle_recovery_done(Time(second));
    let mut rig = Rig::new();
    assert_eq!(at(&mut rig, 0, 1), None);
    assert_eq!(at(&mut rig, second - 1, 2), None);
    assert_eq!(at(&mut rig, second, 3), Some(vec![1, 3]), "then, and now");
    assert_eq!(at(&mut rig, second + 1, 4), Some(vec![1, 3, 4]));
    // What had woken meanwhile and fell asleep again is in one of them.
    assert_eq!(at(&mut rig, 2 * second, 5), Some(vec![3, 5]));
}

/// The executables that are to be deleted, once what rests has been known for a while.
fn discarded(rig: &mut Rig) -> Vec<u8> {
    for _ in 0..2 {
        rig.now = rig.now + SETTLED_AFTER;
        rig.director.handle_rests(rig.now, Vec::new());
    }
    let discarded = rig.told().into_iter().rev().find_map(|effect| match effect {
        DirectorEffect::Discard(releases) => Some(releases),
        _ => None,
    });
    discarded.into_iter().flatten().map(|release: ReleaseId| release.0[0]).collect()
}

fn asks(rig: &mut Rig) -> bool {
    rig.told().contains(&DirectorEffect::CountRests)
}

fn stored(releases: impl IntoIterator<Item = u8>) -> Vec<ReleaseId> {
    releases.into_iter().map(release).collect()
}

fn keeps(most: usize) -> DirectorConfig {
    DirectorConfig { executables_max: most, linger: Span(1), ..config() }
}

#[test]
fn shards_are_told_what_can_be_started_when_that_has_changed() {
    let mut rig = Rig::new();
    let told = |rig: &mut Rig| rig.told_to_all();
    let all = |releases: &[u8]| {
        vec![Order::Startable(releases.iter().map(|n| release(*n)).collect::<BTreeSet<_>>())]
    };
    rig.director.handle_executables(stored([3, 1]));
    assert_eq!(told(&mut rig), all(&[1, 3]));
    rig.director.handle_executables(stored([1, 3]));
    assert_eq!(told(&mut rig), [], "in another order");
    rig.director.handle_executables(stored([1]));
    assert_eq!(told(&mut rig), all(&[1]));
    rig.director.handle_executables(Vec::new());
    assert_eq!(told(&mut rig), all(&[]));
}

#[test]
fn what_rests_is_asked_for_when_there_are_more_executables_than_there_shall_be() {
    let mut rig = Rig::with(keeps(2));
    rig.director.handle_upload(release(4), stored([3, 4]));
    assert!(!asks(&mut rig));
    rig.director.handle_upload(release(5), stored([3, 4, 5]));
    assert!(asks(&mut rig));
    rig.down(2);
    assert!(asks(&mut rig), "something may be needed no more");
    rig.director.handle_recovery_done(rig.now);
    assert!(asks(&mut rig));
}

#[test]
fn executables_that_may_be_needed_at_any_moment_are_kept() {
    // The first is current and the second has a worker.
    let mut rig = Rig::with(keeps(0));
    rig.list(1, 3, false);
    rig.director.handle_upload(release(4), stored(1..=6));
    assert_eq!(discarded(&mut rig), [5, 6], "rooms are on the third, the fourth is fresh");
    rig.down(2);
    assert_eq!(discarded(&mut rig), [2, 5, 6]);
    rig.director.handle_upload(release(5), stored(1..=6));
    assert_eq!(discarded(&mut rig), [2, 4, 6]);
    rig.ships(6, Course::Forward);
    assert_eq!(discarded(&mut rig), [2, 4], "it is being deployed");
    rig.ships(5, Course::Forward);
    rig.pass(Span(9));
    assert_eq!(discarded(&mut rig), [2, 4, 6], "of that nothing is left");
}

#[test]
fn executables_that_a_way_back_leads_to_are_kept() {
    let went = |from, to, id| {
        let (from, to) = (Some(release(from)), release(to));
        DeployRecord { from, to, ..record(id, DeployPhase::Done, 1) }
    };
    let past = vec![went(4, 5, 2), went(3, 4, 1)];
    let mut rig = Rig::read(keeps(0), Some(release(5)), past);
    rig.director.handle_recovery_done(rig.now);
    rig.director.handle_executables(stored(1..=5));
    assert_eq!(discarded(&mut rig), [1, 2, 3]);
    // The deploy under way may come to nothing, and then the way back is what it was.
    rig.ships(2, Course::Forward);
    assert_eq!((rig.record().id, discarded(&mut rig)), (DeployId(3), vec![1, 3]));
}

/// The one that was deployed longest ago goes first.
#[test]
fn an_executable_that_is_deployed_again_is_the_newest() {
    let mut rig = Rig::with(keeps(3));
    (3..=5).for_each(|n| rig.director.handle_release(release(n), duels()));
    rig.director.handle_upload(release(4), stored(3..=6));
    rig.ships(4, Course::Forward);
    assert_eq!(rig.director.executables.fresh, None);
    assert_eq!(rig.director.executables.oldest_first, stored([3, 5, 6, 4]));
    rig.director.handle_upload(release(6), stored([3, 5, 6, 4]));
    rig.ships(3, Course::Forward);
    assert_eq!(rig.director.executables.fresh, Some(release(6)), "another one is deployed");
    assert_eq!(rig.director.executables.oldest_first, stored([5, 6, 4, 3]));
    rig.ships(9, Course::Forward);
    assert_eq!(rig.director.executables.oldest_first, stored([5, 6, 4, 3]));
    rig.pass(Span(9));
    assert_eq!(discarded(&mut rig), [5]);
}
