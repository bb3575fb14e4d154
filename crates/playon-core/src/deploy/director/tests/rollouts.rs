//! A deploy from its first step to its last: what is stored and told when, what is counted, and what ends it.

use playon_types::ids::DeployId;
use playon_types::record::{Course, DeployPhase, DeployRecord};
use playon_types::time::{Span, Time};

use super::rig::{Rig, config, duels, record, release, room};
use crate::deploy::rollout::KEPT_EVERY;
use crate::deploy::{DeployRefusal, DeployWish, DirectorConfig, DirectorEffect};
use crate::effect::{AtFault, Order, Report};

/// What was stored as a decision: the phases, and what is current from then on.
fn stored(told: &[DirectorEffect]) -> Vec<(DeployPhase, Option<u8>)> {
    let stored = |effect: &DirectorEffect| match effect {
        DirectorEffect::Store { record, current } => {
            Some((record.phase, current.map(|release| release.0[0])))
        }
        _ => None,
    };
    told.iter().filter_map(stored).collect()
}

fn orders(told: &[DirectorEffect]) -> Vec<&Order> {
    let orders = told.iter().filter_map(|effect| match effect {
        DirectorEffect::Order(_, order) => Some(order),
        _ => None,
    });
    orders.collect()
}

fn kept(told: &[DirectorEffect]) -> (usize, usize) {
    let kept = told.iter().filter(|effect| matches!(effect, DirectorEffect::Keep(_)));
    let shown = told.iter().filter(|effect| matches!(effect, DirectorEffect::Progress(_)));
    (kept.count(), shown.count())
}

#[test]
fn a_deploy_is_stored_when_it_begins_when_rooms_move_and_when_it_has_ended() {
    let mut rig = Rig::with_rooms(2);
    rig.ships(2, Course::Forward);
    let told = rig.told();
    assert_eq!(stored(&told), [(DeployPhase::Starting, Some(1))]);
    assert_eq!(rig.director.current(), Some(release(1)));
    assert_eq!(rig.phase(), DeployPhase::Checking, "its worker is there");
    let check = Order::Check { deploy: DeployId(1), room: room(1), to: release(2) };
    assert_eq!(orders(&told), [&check], "of two alike one is tried");
    assert_eq!(rig.director.facts().waited_for, 1);
    rig.told.extend(told);
    rig.open_copies();
    let told = rig.told();
    assert_eq!(stored(&told), [(DeployPhase::Moving, Some(2))]);
    let first = orders(&told);
    let all = [Order::Prefer(release(2)), Order::BringHome(true), Order::Probation(None)];
    assert_eq!(first[..3], all.each_ref()[..]);
    assert_eq!((rig.record().rooms, rig.record().waiting), (2, 2));
    assert_eq!(rig.record().moving_since, Some(rig.now));
    assert_eq!(rig.told_to_move(), [(room(1), release(2)), (room(2), release(2))]);
    rig.arrives(1, 2);
    assert_eq!(
        (rig.phase(), rig.record().moved, rig.record().waiting),
        (DeployPhase::Moving, 1, 1)
    );
    rig.told();
    rig.arrives(2, 2);
    let told = rig.told();
    assert_eq!(stored(&told), [(DeployPhase::Done, Some(2))]);
    assert_eq!(orders(&told), [&Order::BringHome(true)], "nothing is to be cancelled");
    assert_eq!((rig.record().moved, rig.record().waiting), (2, 0));
    assert_eq!((rig.director.facts().past, rig.director.facts().waited_for), (1, 0));
}

#[test]
fn what_is_deployed_again_counts_on_and_nothing_is_done_where_nothing_is_to_do() {
    let mut rig = Rig::with_rooms(1);
    let wish = |n| DeployWish { to: release(n), at_once: false, course: Course::Forward };
    let here = rig.director.handle_deploy(rig.now, wish(1));
    assert_eq!(here, Err(DeployRefusal::NoChange));
    rig.list(2, 3, true);
    let taken = rig.director.handle_deploy(rig.now, wish(1));
    assert_eq!(taken.map(|taken| taken.id()), Ok(DeployId(1)), "a room is elsewhere");
    let taken = rig.director.handle_deploy(rig.now, wish(2));
    assert_eq!(taken.map(|taken| taken.id()), Ok(DeployId(2)));
}

#[test]
fn a_newer_deploy_takes_the_place_of_one_under_way_and_leads_away_from_where_rooms_are() {
    // Before a room has moved it leads away from where they came from, and after that from where they go.
    for (moved, from) in [(false, 1), (true, 2)] {
        let mut rig = Rig::moving(Course::Forward, 2);
        if moved {
            rig.arrives(1, 2);
        }
        rig.told();
        rig.ships(3, Course::Forward);
        let told = rig.told();
        assert_eq!(stored(&told)[0].0, DeployPhase::Superseded);
        let superseded = told.iter().find_map(|effect| match effect {
            DirectorEffect::Store { record, .. } => record.reason.clone(),
            _ => None,
        });
        assert!(superseded.is_some_and(|reason| reason.starts_with("PLY-0306")));
        let cancel = Order::CancelMoves { deploy: DeployId(1) };
        assert_eq!(orders(&told)[..2], [&cancel, &Order::Prefer(release(2))]);
        assert_eq!((rig.record().from, rig.record().to), (Some(release(from)), release(3)));
        assert_eq!(rig.told_to_move(), [], "nobody is told where rooms belonged before");
    }
}

#[test]
fn a_deploy_to_where_rooms_are_leads_away_from_where_the_last_one_led() {
    let mut rig = Rig::moving(Course::Forward, 2);
    rig.arrives(1, 2);
    rig.ships(2, Course::Back);
    assert_eq!(
        (rig.record().id, rig.record().from),
        (DeployId(2), Some(release(2))),
        "there it leads"
    );
    let mut rig = Rig::moving(Course::Forward, 2);
    rig.arrives(1, 2);
    rig.fails_to_move(2, AtFault::Release);
    assert_eq!((rig.phase(), rig.director.current()), (DeployPhase::Stopped, Some(release(1))));
    rig.ships(1, Course::Forward);
    assert_eq!(rig.record().from, Some(release(2)), "one room is there");
    // Called off before anything has moved, it leads away from nowhere else.
    let mut rig = Rig::with_rooms(1);
    rig.ships(4, Course::Forward);
    rig.ships(1, Course::Back);
    assert_eq!(rig.record().from, Some(release(4)));
}

#[test]
fn how_far_it_is_is_shown_each_time_and_stored_every_so_often() {
    let mut rig = Rig::moving(Course::Forward, 6);
    rig.told();
    rig.arrives(1, 2);
    assert_eq!(kept(&rig.told()), (1, 0));
    rig.now = rig.now + Span(KEPT_EVERY.0 - 1);
    rig.arrives(2, 2);
    assert_eq!(kept(&rig.told()), (0, 1));
    rig.now = rig.now + Span(1);
    rig.arrives(3, 2);
    assert_eq!(kept(&rig.told()), (1, 0));
    // What cannot be counted again is stored at once.
    rig.hear(&Report::Gone { room: room(4), asleep: false });
    assert_eq!(kept(&rig.told()), (1, 0));
    assert_eq!((rig.record().gone, rig.record().moved), (1, 3));
    rig.hear(&Report::Gone { room: room(1), asleep: false });
    assert_eq!((rig.record().gone, kept(&rig.told())), (1, (0, 0)), "it had moved");
}

#[test]
fn a_room_that_appears_while_rooms_move_is_told_and_that_is_stored_before() {
    let mut rig = Rig::moving(Course::Forward, 1);
    rig.told();
    rig.list(2, 2, true);
    assert_eq!(kept(&rig.told()), (0, 0), "it is there");
    rig.list(3, 1, true);
    assert_eq!((kept(&rig.told()), rig.record().rooms), ((1, 0), 2));
    rig.list(3, 1, true);
    assert_eq!((kept(&rig.told()), rig.record().rooms), ((0, 0), 2), "once");
}

#[test]
fn rooms_that_stay_or_wait_for_the_end_of_their_round_are_counted() {
    let mut rig = Rig::moving(Course::Forward, 3);
    let deploy = DeployId(1);
    let waits = |n, until| Report::Waiting { deploy, room: room(n), until: Time(until) };
    rig.told();
    rig.hear(&waits(1, 50));
    rig.hear(&waits(2, 70));
    assert_eq!(kept(&rig.told()), (0, 2));
    rig.hear(&waits(9, 90));
    assert_eq!((rig.record().in_round, rig.record().in_round_until), (2, Some(Time(70))));
    rig.hear(&Report::Staying { deploy, room: room(2) });
    rig.hear(&Report::Staying { deploy, room: room(9) });
    let told = (rig.record().staying, rig.record().in_round, rig.record().in_round_until);
    assert_eq!(told, (1, 1, Some(Time(50))));
    // What concerns another deploy counts for nothing.
    let other = DeployId(9);
    rig.hear(&Report::Staying { deploy: other, room: room(1) });
    rig.hear(&Report::Waiting { deploy: other, room: room(3), until: Time(99) });
    let pause = Span::millis(1);
    rig.hear(&Report::Moved { deploy: other, room: room(1), pause, late: false });
    assert_eq!((rig.record().staying, rig.record().in_round, rig.record().moved), (1, 1, 0));
    // One that nobody waits for has moved by itself.
    rig.hear(&Report::Moved { deploy, room: room(9), pause, late: false });
    assert_eq!((rig.record().moved, rig.record().waiting), (0, 2));
    rig.arrives(1, 2);
    rig.arrives(3, 2);
    let record = rig.record();
    assert_eq!((record.phase, record.moved, record.staying), (DeployPhase::Done, 2, 1));
    rig.hear(&Report::Staying { deploy, room: room(3) });
    assert_eq!(rig.record().staying, 1, "it has ended");
}

#[test]
fn a_room_that_cannot_go_stops_a_deploy_and_new_rooms_go_where_they_went_before() {
    let mut rig = Rig::moving(Course::Forward, 2);
    rig.told();
    rig.fails_to_move(1, AtFault::Release);
    let told = rig.told();
    assert_eq!(stored(&told), [(DeployPhase::Stopped, Some(1))]);
    let cancel = Order::CancelMoves { deploy: DeployId(1) };
    let home = Order::BringHome(true);
    assert_eq!(orders(&told)[..3], [&cancel, &Order::Prefer(release(1)), &home]);
    assert_eq!((rig.record().faults, rig.record().left), (1, 0));
    let named = format!("room {} could not be moved: PLY-0305", room(1));
    assert!(rig.reason().starts_with(&named), "{}", rig.reason());
    rig.fails_to_move(2, AtFault::Release);
    assert_eq!(rig.record().faults, 1, "it has ended");
}

#[test]
fn a_room_that_cannot_go_is_left_behind_by_a_way_back() {
    let mut rig = Rig::moving(Course::Back, 3);
    rig.told();
    rig.fails_to_move(1, AtFault::Release);
    assert_eq!(kept(&rig.told()), (1, 0), "that cannot be counted again");
    rig.list(1, 1, true);
    assert_eq!(rig.told_to_move(), [], "it is not told again");
    rig.arrives(2, 2);
    rig.told();
    rig.arrives(3, 2);
    let told = rig.told();
    assert_eq!(stored(&told), [(DeployPhase::Partial, Some(2))]);
    assert!(rig.reason().starts_with("PLY-0311 1 of 3 rooms"), "{}", rig.reason());
    let (record, cancel) = (rig.record(), Order::CancelMoves { deploy: DeployId(1) });
    assert_eq!((record.left, record.left_rooms[0].room, record.moved), (1, room(1), 2));
    assert_eq!(orders(&told)[..2], [&cancel, &Order::Prefer(release(2))]);
}

#[test]
fn a_move_that_fails_through_no_fault_of_the_release_is_tried_so_often() {
    let mut rig = Rig::with(DirectorConfig { tries_max: 3, ..config() });
    (1..=2).for_each(|n| rig.list(n, 1, true));
    rig.ships(2, Course::Forward);
    rig.open_copies();
    rig.told_to_move();
    for faults in 1..=2 {
        rig.fails_to_move(1, AtFault::Circumstance);
        assert_eq!((rig.record().faults, rig.phase()), (faults, DeployPhase::Moving));
        assert_eq!(rig.told_to_move(), [(room(1), release(2))]);
    }
    rig.fails_to_move(9, AtFault::Release);
    assert_eq!(rig.phase(), DeployPhase::Moving, "nobody waits for that one");
    rig.fails_to_move(1, AtFault::Circumstance);
    assert_eq!(rig.phase(), DeployPhase::Stopped);
}

#[test]
fn nothing_begins_without_a_worker_of_the_release_for_longer_than_so_long() {
    let patience = config().attach_timeout;
    let mut rig = Rig::with_rooms(1);
    rig.ships(4, Course::Forward);
    assert_eq!(rig.director.next_timeout(), Some(rig.now + patience));
    rig.pass(Span(patience.0 - 1));
    assert_eq!(rig.phase(), DeployPhase::Starting);
    rig.told();
    rig.pass(Span(1));
    assert_eq!(rig.phase(), DeployPhase::Reverted);
    assert!(rig.reason().starts_with("PLY-0302"), "{}", rig.reason());
    let told = rig.told();
    assert_eq!(stored(&told), [(DeployPhase::Reverted, Some(1))]);
    assert_eq!(orders(&told), [&Order::BringHome(true)], "nothing had been told to anybody");
}

#[test]
fn while_rooms_move_a_release_without_workers_has_so_long_to_come_back() {
    let patience = config().attach_timeout;
    let mut rig = Rig::moving(Course::Forward, 1);
    assert_eq!(rig.director.next_timeout(), None);
    rig.director.handle_worker_ended(release(2), "killed by SIGSEGV");
    rig.down(2);
    assert_eq!(rig.director.next_timeout(), Some(rig.now + patience));
    rig.pass(Span::secs(1));
    // Another one comes and goes: nothing begins anew.
    rig.up(5);
    rig.down(5);
    rig.up(2);
    assert_eq!(rig.director.next_timeout(), None);
    rig.down(2);
    rig.pass(Span(patience.0 - 1));
    assert_eq!(rig.phase(), DeployPhase::Moving);
    rig.pass(Span(1));
    assert_eq!((rig.phase(), rig.director.current()), (DeployPhase::Stopped, Some(release(1))));
    let reason = rig.reason();
    assert!(reason.starts_with("PLY-0302") && reason.ends_with("killed by SIGSEGV"), "{reason}");
}

#[test]
fn an_executable_that_cannot_be_run_ends_the_deploy_that_needs_it() {
    for (moving, ended) in [(false, DeployPhase::Reverted), (true, DeployPhase::Stopped)] {
        let mut rig = if moving { Rig::moving(Course::Forward, 1) } else { Rig::with_rooms(1) };
        if !moving {
            rig.ships(2, Course::Forward);
        }
        rig.director.handle_release_broken(rig.now, release(1), "it does not start");
        assert!(!rig.phase().is_final(), "that is another one");
        rig.director.handle_release_broken(rig.now, release(2), "it does not start");
        assert_eq!((rig.phase(), rig.reason()), (ended, "it does not start"));
        rig.told();
        rig.director.handle_release_broken(rig.now, release(2), "again");
        assert_eq!((rig.told(), rig.reason()), (vec![], "it does not start"), "it has ended");
    }
}

#[test]
fn the_first_release_is_deployed_by_itself_and_no_other() {
    let mut rig = Rig::read(config(), None, Vec::new());
    rig.director.handle_recovery_done(rig.now);
    rig.up(1);
    let begun = (rig.record().to, rig.record().from, rig.record().at_once);
    assert_eq!(begun, (release(1), None, true));
    rig.up(2);
    assert_eq!((rig.record().id, rig.record().to), (DeployId(1), release(1)), "it is under way");
    rig.open_copies();
    assert_eq!((rig.phase(), rig.director.current()), (DeployPhase::Done, Some(release(1))));
    rig.up(3);
    assert_eq!(rig.record().id, DeployId(1));
}

#[test]
fn a_deploy_that_had_begun_to_move_rooms_goes_on_under_the_next_keeper() {
    let mut before = record(4, DeployPhase::Moving, 3);
    (before.rooms, before.gone, before.left, before.staying) = (10, 1, 1, 2);
    (before.waiting, before.in_round, before.in_round_until) = (5, 1, Some(Time(9)));
    let past = vec![before, record(3, DeployPhase::Done, 1)];
    let mut rig = Rig::read(config(), Some(release(2)), past);
    assert_eq!((rig.phase(), rig.record().restarts), (DeployPhase::Moving, 1));
    let counted = (rig.record().staying, rig.record().waiting, rig.record().in_round);
    assert_eq!((counted, rig.record().in_round_until), ((0, 0, 0), None));
    assert_eq!(rig.director.next_timeout(), Some(rig.now + config().attach_timeout));
    // Two are still where they were, one more is told that nobody had listed.
    (1..=2).for_each(|n| rig.list(n, 1, true));
    rig.list(3, 2, true);
    assert_eq!(rig.told_to_move(), [], "not before all are known");
    rig.director.handle_recovery_done(rig.now);
    assert_eq!(rig.told_to_move(), [(room(1), release(2)), (room(2), release(2))]);
    let record = rig.record();
    assert_eq!((record.rooms, record.moved, record.waiting), (10, 6, 2), "of 10, 4 are elsewhere");
    rig.up(2);
    rig.arrives(1, 2);
    rig.arrives(2, 2);
    assert_eq!((rig.phase(), rig.record().moved), (DeployPhase::Partial, 8));
    rig.ships(3, Course::Forward);
    assert_eq!(rig.record().id, DeployId(5));
}

/// The numbers that were counted before the keeper ended may be too small, and are never too large.
#[test]
fn rooms_that_moved_are_never_counted_back() {
    let mut before = record(4, DeployPhase::Moving, 3);
    before.rooms = 4;
    let mut rig = Rig::read(config(), Some(release(2)), vec![before]);
    (1..=3).for_each(|n| rig.list(n, 1, true));
    rig.director.handle_recovery_done(rig.now);
    assert_eq!((rig.record().moved, rig.record().rooms), (3, 6));
}

#[test]
fn a_deploy_that_had_moved_nothing_is_reverted_by_the_next_keeper() {
    let cut_off = |past: Vec<DeployRecord>| {
        let mut rig = Rig::read(config(), Some(release(1)), past);
        assert!(rig.director.deploy().is_none());
        rig.told()
            .into_iter()
            .filter_map(|effect| match effect {
                DirectorEffect::Store { record, current } => {
                    assert_eq!((record.phase, current), (DeployPhase::Reverted, Some(release(1))));
                    assert!(record.reason.is_some_and(|reason| reason.starts_with("PLY-0309")));
                    Some(record.id.0)
                }
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    let done = || record(1, DeployPhase::Done, 1);
    assert_eq!(cut_off(vec![record(2, DeployPhase::Starting, 0), done()]), [2]);
    assert_eq!(cut_off(vec![record(2, DeployPhase::Checking, 0), done()]), [2]);
    assert_eq!(
        cut_off(vec![record(3, DeployPhase::Done, 0), record(2, DeployPhase::Moving, 0)]),
        [2]
    );
    assert_eq!(cut_off(vec![done()]), []);
}

#[test]
fn so_many_deploys_are_remembered() {
    let most = super::super::DEPLOYS_REMEMBERED as u64;
    let past = (0..most + 5).rev().map(|id| record(id, DeployPhase::Done, 1));
    let mut rig = Rig::read(config(), Some(release(2)), past.collect());
    assert_eq!(rig.director.facts().past as u64, most);
    rig.director.handle_recovery_done(rig.now);
    rig.up_with(3, duels());
    rig.ships(3, Course::Forward);
    rig.open_copies();
    assert_eq!((rig.record().id, rig.phase()), (DeployId(most + 5), DeployPhase::Done));
    assert_eq!(rig.director.facts().past as u64, most);
    assert_eq!(rig.director.past[0].id, rig.record().id);
}

#[test]
fn rooms_that_are_still_being_read_back_are_waited_for() {
    let patience = config().attach_timeout;
    let mut rig = Rig::read(config(), Some(release(2)), vec![record(4, DeployPhase::Moving, 3)]);
    rig.pass(patience);
    assert_eq!(rig.phase(), DeployPhase::Moving);
    assert_eq!(rig.director.next_timeout(), Some(rig.now + patience));
    rig.list(1, 1, true);
    rig.director.handle_recovery_done(rig.now);
    rig.pass(patience);
    assert_eq!(rig.phase(), DeployPhase::Stopped);
}

#[test]
fn a_room_that_may_be_on_its_way_elsewhere_is_told_too() {
    let mut rig = Rig::with_rooms(1);
    rig.list(2, 2, true);
    assert_eq!(rig.told_to_move(), [(room(2), release(1))], "it is brought home");
    rig.ships(2, Course::Forward);
    rig.open_copies();
    assert_eq!(rig.told_to_move(), [(room(1), release(2)), (room(2), release(2))]);
    assert_eq!((rig.director.facts().unanswered, rig.director.facts().queued), (2, 0));
    // One that stays is not told again.
    rig.hear(&Report::Staying { deploy: DeployId(1), room: room(1) });
    rig.list(1, 1, true);
    assert_eq!((rig.told_to_move(), rig.director.facts().unanswered), (vec![], 1));
}

#[test]
fn a_deploy_in_a_hurry_waits_for_the_end_of_no_round() {
    let mut rig = Rig::moving(Course::Forward, 1);
    let wish = DeployWish { to: release(2), at_once: true, course: Course::Forward };
    rig.director.handle_deploy(rig.now, wish).expect("it joins");
    rig.told();
    let until = Time(90);
    rig.hear(&Report::Waiting { deploy: DeployId(1), room: room(1), until });
    assert_eq!((rig.record().in_round, kept(&rig.told())), (0, (0, 0)));
}

#[test]
fn new_rooms_do_not_go_back_to_what_a_way_back_leads_away_from() {
    let mut rig = Rig::moving(Course::Back, 1);
    rig.down(2);
    rig.pass(config().attach_timeout);
    assert_eq!((rig.phase(), rig.director.current()), (DeployPhase::Stopped, Some(release(2))));
}

#[test]
fn rooms_that_could_not_go_are_not_told_again_by_the_keeper_that_goes_on() {
    let mut before = record(4, DeployPhase::Moving, 0);
    (before.course, before.rooms) = (Course::Back, 2);
    before.leave(room(1), "it does not fit");
    let mut rig = Rig::read(config(), Some(release(2)), vec![before]);
    (1..=2).for_each(|n| rig.list(n, 1, true));
    rig.director.handle_recovery_done(rig.now);
    assert_eq!(rig.told_to_move(), [(room(2), release(2))]);
    rig.up(2);
    rig.arrives(2, 2);
    assert_eq!((rig.phase(), rig.record().left), (DeployPhase::Partial, 1));
    rig.list(1, 1, true);
    assert_eq!(rig.told_to_move(), [], "nor when it is over");
}
