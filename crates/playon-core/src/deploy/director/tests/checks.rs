//! Which copies are opened before anything moves, and what comes of each.

use playon_types::ids::DeployId;
use playon_types::kind::KindInfo;
use playon_types::reason::Reason;
use playon_types::record::{Course, DeployPhase};
use playon_types::time::Span;

use super::rig::{Rig, SHARD, config, kind, release, room};
use crate::deploy::{DirectorEffect, Resting, Sleeper, Sleepers, Target};
use crate::effect::{Cost, Inquiry, Listing, Order, Report, Unprobed};

const DEPLOY: DeployId = DeployId(1);

/// A room of that kind and version on that release.
fn list(rig: &mut Rig, n: u8, kind: &str, version: u32, on: u8, live: bool) {
    rig.hear(&Report::Listing(Listing {
        room: room(n),
        kind: kind.into(),
        name: String::new(),
        release: release(on),
        version,
        players: 0,
        players_max: 4,
        live,
        halted: None,
    }));
}

fn faults(rig: &mut Rig, n: u8, times: u32) {
    for _ in 0..times {
        let (room, release, reason) = (room(n), release(1), Reason::read("it panicked"));
        rig.hear(&Report::Fault { room, release, reason, count: 1, inquiry: Inquiry::Over });
    }
}

/// Of which rooms copies are to be opened: of those that a worker runs, and of others.
fn asked(rig: &mut Rig) -> (Vec<u8>, Vec<u8>) {
    let (mut live, mut others) = (Vec::new(), Vec::new());
    for effect in rig.told() {
        match effect {
            DirectorEffect::Order(target, Order::Check { deploy, room, to }) => {
                assert_eq!((target, to), (Target::Shard(SHARD), release(2)));
                assert_eq!(deploy, rig.record().id);
                live.push(room.0[0]);
            }
            DirectorEffect::Order(Target::Shard(_), Order::Probe { room, .. }) => {
                others.push(room.0[0]);
            }
            other => rig.told.push(other),
        }
    }
    (live, others)
}

fn opens(rig: &mut Rig, n: u8, millis: u64) {
    let result = Ok(Cost { took: Span::millis(millis), bytes: 1 });
    rig.hear(&Report::Checked { deploy: DEPLOY, room: room(n), result });
}

fn fails(rig: &mut Rig, n: u8) {
    let result = Err(Reason::read("PLY-0425 it cannot be read"));
    rig.hear(&Report::Checked { deploy: DEPLOY, room: room(n), result });
}

fn nothing_rests(rig: &mut Rig) {
    let none = Ok(Sleepers::default());
    rig.director.handle_sleepers(rig.now, DEPLOY, none);
}

/// The first release writes duels of version 3 and can write version 2, the second reads only that. Lobbies both do.
fn two_versions() -> Rig {
    let mut rig = Rig::new();
    let of = |duel: KindInfo| vec![kind("lobby", 9, 1, 9), duel];
    rig.director.handle_release(release(1), of(kind("duel", 3, 1, 2)));
    rig.director.handle_release(release(2), of(kind("duel", 2, 2, 2)));
    rig
}

#[test]
fn one_of_each_kind_version_and_release_is_tried() {
    let mut rig = two_versions();
    for (n, kind, version, on) in [
        (1, "duel", 1, 1),
        (2, "duel", 1, 1),
        (3, "duel", 2, 1),
        (4, "lobby", 1, 1),
        (5, "lobby", 1, 3),
        (6, "lobby", 1, 2),
    ] {
        list(&mut rig, n, kind, version, on, true);
    }
    rig.told_to_move();
    rig.ships(2, Course::Forward);
    assert_eq!(asked(&mut rig), (vec![1, 3, 4, 5], vec![]), "the last one is there already");
}

#[test]
fn of_rooms_that_are_alike_a_live_one_is_tried_and_of_those_the_one_that_fails_least_often() {
    let mut rig = two_versions();
    for (n, live) in [(1, false), (2, true), (3, true), (4, true), (5, false)] {
        list(&mut rig, n, "lobby", 1, 1, live);
    }
    faults(&mut rig, 2, 2);
    faults(&mut rig, 3, 1);
    faults(&mut rig, 4, 1);
    rig.ships(2, Course::Forward);
    assert_eq!(asked(&mut rig), (vec![3], vec![]));
}

#[test]
fn a_room_that_nobody_runs_is_tried_if_it_is_read_as_it_is_or_by_nobody() {
    let mut rig = two_versions();
    list(&mut rig, 1, "lobby", 1, 1, false);
    // To be written in another version, which nobody does just then.
    list(&mut rig, 2, "duel", 3, 1, false);
    // There is no way for it, which is to be found out before anything moves.
    list(&mut rig, 3, "chess", 1, 1, false);
    rig.ships(2, Course::Forward);
    assert_eq!(asked(&mut rig), (vec![], vec![3, 1]));
    // One that is live is tried in any case.
    let mut rig = two_versions();
    list(&mut rig, 2, "duel", 3, 1, true);
    rig.ships(2, Course::Forward);
    assert_eq!(asked(&mut rig), (vec![2], vec![]));
}

#[test]
fn a_way_back_is_spared_rooms_that_fail_or_that_nobody_runs() {
    let mut rig = two_versions();
    list(&mut rig, 1, "lobby", 1, 1, true);
    list(&mut rig, 2, "lobby", 1, 1, true);
    list(&mut rig, 3, "chess", 1, 1, false);
    list(&mut rig, 4, "duel", 1, 1, true);
    faults(&mut rig, 1, 1);
    faults(&mut rig, 4, 1);
    rig.ships(2, Course::Back);
    assert_eq!(asked(&mut rig), (vec![2], vec![]));
    assert!(!rig.told().iter().any(|effect| matches!(effect, DirectorEffect::FindSleepers(_))));
}

#[test]
fn the_store_is_looked_through_for_what_the_release_says_that_it_reads() {
    let mut rig = two_versions();
    rig.ships(2, Course::Forward);
    let searches = rig.told().into_iter().filter_map(|effect| match effect {
        DirectorEffect::FindSleepers(search) => Some((search.deploy, search.to, search.kinds)),
        _ => None,
    });
    let kinds = vec![kind("lobby", 9, 1, 9), kind("duel", 2, 2, 2)];
    assert_eq!(searches.collect::<Vec<_>>(), [(DEPLOY, release(2), kinds)]);
}

#[test]
fn nothing_is_tried_before_all_rooms_are_known_and_a_worker_is_there() {
    let mut rig = Rig::read(config(), Some(release(1)), Vec::new());
    rig.list(1, 1, true);
    rig.up(1);
    rig.ships(2, Course::Forward);
    rig.up(2);
    assert_eq!((asked(&mut rig), rig.phase()), ((vec![], vec![]), DeployPhase::Starting));
    rig.down(2);
    rig.director.handle_recovery_done(rig.now);
    assert_eq!((asked(&mut rig), rig.phase()), ((vec![], vec![]), DeployPhase::Starting));
    rig.up(3);
    assert_eq!(rig.phase(), DeployPhase::Starting, "that is another release");
    rig.up(2);
    assert_eq!((asked(&mut rig), rig.phase()), ((vec![1], vec![]), DeployPhase::Checking));
    assert_eq!(rig.director.next_timeout(), Some(rig.now + config().check_timeout));
}

#[test]
fn what_the_copies_cost_is_noted_and_rooms_move_when_all_have_opened() {
    let mut rig = two_versions();
    list(&mut rig, 1, "duel", 1, 1, true);
    list(&mut rig, 2, "lobby", 1, 1, true);
    list(&mut rig, 3, "lobby", 1, 1, true);
    rig.ships(2, Course::Forward);
    rig.told();
    opens(&mut rig, 3, 90);
    assert_eq!(rig.record().checked, 0, "that one was not asked for");
    opens(&mut rig, 1, 7);
    opens(&mut rig, 2, 4);
    assert_eq!((rig.record().checked, rig.record().predicted), (2, Span::millis(7)));
    assert_eq!((rig.record().checked_at_rest, rig.phase()), (0, DeployPhase::Checking));
    nothing_rests(&mut rig);
    assert_eq!(rig.phase(), DeployPhase::Moving);
    opens(&mut rig, 1, 9);
    assert_eq!(rig.record().checked, 2, "it has answered");
}

#[test]
fn a_copy_that_does_not_open_ends_a_deploy_and_is_named() {
    let mut rig = two_versions();
    list(&mut rig, 1, "duel", 1, 1, true);
    rig.ships(2, Course::Forward);
    rig.told();
    fails(&mut rig, 1);
    let named =
        format!("room {} of kind duel could not be opened on the new release: PLY-0425", room(1));
    assert!(rig.reason().starts_with(&named), "{}", rig.reason());
    assert_eq!((rig.phase(), rig.record().faults), (DeployPhase::Reverted, 0));
    assert!(rig.told_to_all().contains(&Order::CancelProbes { deploy: DEPLOY }));
    nothing_rests(&mut rig);
    assert_eq!(rig.phase(), DeployPhase::Reverted, "it has ended");
}

#[test]
fn a_way_back_goes_on_if_any_copy_has_opened() {
    for (good, phase) in [(true, DeployPhase::Moving), (false, DeployPhase::Reverted)] {
        let mut rig = two_versions();
        list(&mut rig, 1, "duel", 1, 1, true);
        list(&mut rig, 2, "duel", 2, 1, true);
        list(&mut rig, 3, "lobby", 2, 1, true);
        rig.ships(2, Course::Back);
        fails(&mut rig, 1);
        fails(&mut rig, 2);
        assert_eq!(rig.phase(), DeployPhase::Checking);
        if good {
            opens(&mut rig, 3, 1)
        } else {
            fails(&mut rig, 3)
        }
        assert_eq!(rig.phase(), phase);
        let first = rig.reason().contains(&room(1).to_string());
        assert_eq!(first, !good, "the first one is named: {}", rig.reason());
    }
}

#[test]
fn a_room_that_leaves_or_cannot_be_tried_is_not_waited_for() {
    let mut rig = two_versions();
    list(&mut rig, 1, "duel", 1, 1, true);
    list(&mut rig, 2, "lobby", 1, 1, true);
    rig.ships(2, Course::Forward);
    nothing_rests(&mut rig);
    let why = Unprobed::Full;
    rig.hear(&Report::NotProbed { deploy: DeployId(9), room: room(1), why });
    rig.hear(&Report::NotProbed { deploy: DEPLOY, room: room(9), why });
    assert_eq!(rig.director.facts().waited_for, 2);
    rig.hear(&Report::Gone { room: room(1), asleep: true });
    assert_eq!((rig.director.facts().waited_for, rig.phase()), (1, DeployPhase::Checking));
    rig.hear(&Report::NotProbed { deploy: DEPLOY, room: room(2), why: Unprobed::Damaged });
    assert_eq!((rig.phase(), rig.record().damaged_at_rest), (DeployPhase::Moving, 0));
}

#[test]
fn copies_that_are_not_opened_in_time_end_a_deploy_and_no_way_back() {
    let patience = config().check_timeout;
    for (course, phase) in
        [(Course::Forward, DeployPhase::Reverted), (Course::Back, DeployPhase::Moving)]
    {
        let mut rig = two_versions();
        list(&mut rig, 1, "duel", 1, 1, true);
        rig.ships(2, course);
        rig.pass(Span(patience.0 - 1));
        assert_eq!(rig.phase(), DeployPhase::Checking);
        rig.pass(Span(1));
        assert_eq!(rig.phase(), phase);
        if course == Course::Forward {
            let missing = format!("not opened in time: room {} is missing", room(1));
            assert!(rig.reason().ends_with(&missing), "{}", rig.reason());
        }
    }
    let mut rig = Rig::new();
    rig.ships(2, Course::Forward);
    rig.pass(patience);
    assert!(rig.reason().ends_with("what is at rest was not found"), "{}", rig.reason());
}

#[test]
fn a_room_at_rest_that_has_opened_is_counted_and_named_if_it_is_late() {
    let sleeper = |n, version| Sleeper {
        room: room(n),
        shard: 5,
        name: String::new(),
        need: Resting { kind: "duel".into(), version, release: release(1) },
    };
    let mut rig = two_versions();
    rig.ships(2, Course::Forward);
    rig.told();
    let rooms = vec![sleeper(1, 1), sleeper(2, 2), sleeper(3, 2)];
    rig.director.handle_sleepers(rig.now, DEPLOY, Ok(Sleepers { groups: 4, rooms }));
    assert_eq!((rig.record().untried_at_rest, rig.director.facts().sleepers), (4, 3));
    let probes = rig.told().into_iter().filter_map(|effect| match effect {
        DirectorEffect::Order(Target::Shard(5), Order::Probe { deploy: DEPLOY, room, to }) => {
            Some((room, to))
        }
        _ => None,
    });
    assert_eq!(probes.collect::<Vec<_>>(), [(room(1), release(2)), (room(2), release(2))]);
    opens(&mut rig, 1, 50);
    let record = rig.record();
    assert_eq!((record.checked_at_rest, record.untried_at_rest, record.checked), (1, 3, 0));
    assert_eq!((record.predicted, rig.director.facts().sleepers), (Span::ZERO, 2));
    // What is found once more counts for nothing.
    let rooms = vec![sleeper(7, 1)];
    rig.director.handle_sleepers(rig.now, DEPLOY, Ok(Sleepers { groups: 9, rooms }));
    assert_eq!((rig.record().untried_at_rest, rig.director.facts().sleepers), (3, 2));
    rig.pass(config().check_timeout);
    let missing = format!("room {} of kind duel, at rest is missing", room(2));
    assert!(rig.reason().ends_with(&missing), "{}", rig.reason());
}
