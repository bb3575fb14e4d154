//! What is known of rooms, where they belong, and who is told to go there.

use playon_types::ids::DeployId;
use playon_types::reason::Reason;
use playon_types::record::{Course, DeployPhase, Left};
use playon_types::time::Span;

use super::rig::{Rig, config, duels, kind, record, release, room};
use crate::deploy::{DirectorConfig, DirectorEffect, Resting};
use crate::effect::{AtFault, Inquiry, Listing, Order, Report};

/// A room that was told to come home says what became of it.
fn stays_away(rig: &mut Rig, n: u8, blame: AtFault) {
    let reason = Reason::read("its worker went away");
    rig.hear(&Report::MoveFailed { deploy: DeployId::NONE, room: room(n), reason, blame });
}

#[test]
fn a_room_that_lives_elsewhere_is_brought_home_and_one_that_has_just_woken_is_not() {
    let mut rig = Rig::new();
    rig.list(1, 2, false);
    assert_eq!(rig.told_to_move(), [], "its shard does so");
    rig.list(2, 2, true);
    rig.list(3, 1, true);
    assert_eq!(rig.told_to_move(), [(room(2), release(1))]);
    rig.list(2, 2, true);
    assert_eq!(rig.told_to_move(), [], "it has been told");
    rig.list(1, 2, true);
    assert_eq!(rig.told_to_move(), [(room(1), release(1))], "it lives, and nobody has");
}

#[test]
fn no_room_is_brought_home_before_all_are_known_or_while_a_deploy_is_under_way() {
    let mut rig = Rig::read(config(), Some(release(1)), Vec::new());
    rig.list(1, 2, true);
    rig.up(1);
    assert_eq!(rig.told_to_move(), []);
    rig.director.handle_recovery_done(rig.now);
    assert_eq!(rig.told_to_move(), [(room(1), release(1))]);
    let mut rig = Rig::with_rooms(1);
    rig.ships(2, Course::Forward);
    rig.list(2, 3, true);
    assert_eq!(rig.told_to_move(), []);
}

#[test]
fn a_room_that_the_current_release_cannot_take_is_left_where_it_is_until_the_next_deploy() {
    let mut rig = Rig::new();
    rig.list(1, 2, true);
    assert_eq!(rig.told_to_move().len(), 1);
    stays_away(&mut rig, 1, AtFault::Release);
    rig.list(1, 2, true);
    rig.up(1);
    assert_eq!(rig.told_to_move(), []);
    rig.ships(2, Course::Forward);
    rig.open_copies();
    assert_eq!(rig.phase(), DeployPhase::Done, "it is there");
}

#[test]
fn a_room_that_says_it_stays_is_not_asked_again_unless_that_answers_something_else() {
    let mut rig = Rig::new();
    rig.list(1, 2, true);
    assert_eq!(rig.told_to_move().len(), 1);
    rig.hear(&Report::Staying { deploy: DeployId(7), room: room(1) });
    assert!(rig.director.mover.is_told(room(1)), "that was about something else");
    rig.hear(&Report::Staying { deploy: DeployId::NONE, room: room(1) });
    assert!(!rig.director.mover.is_told(room(1)) && rig.director.mover.stays(room(1), 9));
    rig.list(1, 2, true);
    assert_eq!(rig.told_to_move(), []);
}

#[test]
fn what_was_held_against_a_room_is_over_when_it_is_where_it_belongs() {
    let moved =
        |deploy| Report::Moved { deploy, room: room(1), pause: Span::millis(1), late: false };
    for arrives in [true, false] {
        let mut rig = Rig::new();
        rig.list(1, 2, true);
        assert_eq!(rig.told_to_move().len(), 1);
        stays_away(&mut rig, 1, AtFault::Release);
        rig.list(1, if arrives { 1 } else { 2 }, true);
        rig.hear(&moved(DeployId::NONE));
        assert_eq!(rig.director.mover.stays(room(1), 9), !arrives, "or only tried where it is");
    }
    let mut rig = Rig::new();
    rig.hear(&moved(DeployId::NONE));
    assert_eq!(rig.director.facts().rooms, 0, "nobody knows it");
}

#[test]
fn rooms_are_counted_off_one_release_and_on_another_and_forgotten_when_they_are_gone() {
    let mut rig = Rig::with_rooms(2);
    assert!(rig.director.has_rooms(release(1)) && !rig.director.has_rooms(release(2)));
    rig.list(2, 2, true);
    rig.list(2, 2, true);
    rig.list(3, 2, true);
    assert_eq!(rig.director.counts, [(release(1), 1), (release(2), 2)].into());
    assert_eq!(rig.director.facts().rooms, 3);
    rig.hear(&Report::Gone { room: room(2), asleep: true });
    assert_eq!(rig.director.counts, [(release(1), 1), (release(2), 1)].into());
    rig.hear(&Report::Gone { room: room(3), asleep: false });
    rig.hear(&Report::Gone { room: room(3), asleep: false });
    assert_eq!(rig.director.counts, [(release(1), 1)].into());
    assert_eq!((rig.director.facts().rooms, rig.director.facts().queued), (1, 0));
}

#[test]
fn a_halted_room_is_no_longer_live_and_stays_what_it_was() {
    let mut rig = Rig::with_rooms(1);
    let halted = |n| Listing {
        room: room(n),
        kind: String::new(),
        name: String::new(),
        release: release(0),
        version: 0,
        players: 0,
        players_max: 0,
        live: false,
        halted: Some("PLY-0119 it is damaged".into()),
    };
    rig.hear(&Report::Listing(halted(1)));
    rig.hear(&Report::Listing(halted(2)));
    let known = &rig.director.rooms[&room(1)];
    assert_eq!((known.live, known.release, known.kind.as_str()), (false, release(1), "duel"));
    assert_eq!(rig.director.facts().rooms, 1, "of the other one nothing is known");
}

#[test]
fn faults_that_are_held_against_a_room_are_counted_and_kept_when_it_is_listed_again() {
    let mut rig = Rig::with_rooms(2);
    let fault = |count| Report::Fault {
        room: room(1),
        release: release(1),
        reason: Reason::read("it panicked"),
        count,
        inquiry: Inquiry::Over,
    };
    [0, 1, 2, 0].into_iter().for_each(|count| rig.hear(&fault(count)));
    rig.list(1, 1, true);
    let faults = |n| rig.director.rooms[&room(n)].faults;
    assert_eq!((faults(1), faults(2)), (2, 0), "one that lost its worker only is none");
    assert!(rig.director.rooms[&room(1)].failed.is_some_and(|failed| !failed.halted));
}

/// Its worker may be there again before a shard gets to say that the move has failed.
#[test]
fn a_room_whose_homecoming_fails_is_told_again_so_often() {
    let mut rig = Rig::with(DirectorConfig { tries_max: 3, ..config() });
    rig.list(1, 2, true);
    for _ in 0..2 {
        assert_eq!(rig.told_to_move(), [(room(1), release(1))]);
        stays_away(&mut rig, 1, AtFault::Circumstance);
    }
    assert_eq!(rig.told_to_move(), [(room(1), release(1))]);
    stays_away(&mut rig, 1, AtFault::Circumstance);
    assert_eq!(rig.told_to_move(), []);
    rig.up(2);
    assert_eq!(rig.told_to_move(), [], "that is no worker of the current release");
    rig.up(1);
    assert_eq!(rig.told_to_move(), [(room(1), release(1))]);
}

#[test]
fn a_room_has_a_way_to_a_release_that_reads_it_or_that_it_can_be_written_for() {
    let mut rig = Rig::new();
    rig.list(1, 1, true);
    // It is of version 1; the release that it is on writes versions down to 3.
    for (there, way) in [
        (kind("duel", 9, 1, 9), true),
        (kind("duel", 9, 2, 9), false),
        (kind("duel", 3, 3, 3), true),
        (kind("duel", 2, 2, 2), false),
        (kind("lobby", 1, 1, 1), false),
    ] {
        rig.director
            .handle_release(release(1), vec![kind("lobby", 1, 1, 1), kind("duel", 4, 1, 3)]);
        rig.director.handle_release(release(7), vec![there.clone()]);
        let known = &rig.director.rooms[&room(1)];
        assert_eq!(rig.director.has_way(known, release(7)), way, "{there:?}");
        assert!(!rig.director.has_way(known, release(8)), "it has said nothing");
    }
}

#[test]
fn after_a_deploy_that_was_stopped_rooms_stay_where_it_has_brought_them() {
    for (phase, moved, home) in [
        (DeployPhase::Stopped, 1, false),
        (DeployPhase::Stopped, 0, true),
        (DeployPhase::Done, 1, true),
        (DeployPhase::Reverted, 0, true),
    ] {
        let before = record(1, DeployPhase::Done, 4);
        let past = vec![record(2, phase, moved), before];
        let mut rig = Rig::read(config(), Some(release(1)), past);
        let told = rig.told_to_all();
        assert!(told.contains(&Order::BringHome(home)), "{phase:?} {told:?}");
        rig.list(1, 2, true);
        rig.director.handle_recovery_done(rig.now);
        assert_eq!(rig.told_to_move().len(), usize::from(home), "{phase:?}");
    }
}

#[test]
fn rooms_that_could_not_go_with_the_last_deploy_are_not_tried_by_the_next_keeper() {
    for took_effect in [true, false] {
        let mut last = record(3, DeployPhase::Partial, 2);
        last.left_rooms.push(Left { room: room(1), reason: "it does not fit".into() });
        if !took_effect {
            last.phase = DeployPhase::Reverted;
        }
        let mut rig = Rig::read(config(), Some(release(2)), vec![last]);
        (1..=2).for_each(|n| rig.list(n, 1, true));
        rig.director.handle_recovery_done(rig.now);
        let told: Vec<_> = rig.told_to_move().into_iter().map(|(room, _)| room).collect();
        assert_eq!(told.contains(&room(1)), !took_effect);
        assert!(told.contains(&room(2)));
    }
}

#[test]
fn workers_are_wanted_of_what_is_current_deployed_or_has_rooms_and_of_no_other() {
    let mut rig =
        Rig::with(DirectorConfig { workers_per_release: 2, linger: Span::secs(10), ..config() });
    let wanted = |rig: &mut Rig| {
        let wanted = |effect| match effect {
            DirectorEffect::Wanted { release, count } => Some((release.0[0], count)),
            _ => None,
        };
        rig.told().into_iter().filter_map(wanted).collect::<Vec<_>>()
    };
    rig.list(1, 5, false);
    assert_eq!(wanted(&mut rig), [(5, 2)], "a room is on it");
    rig.ships(2, Course::Forward);
    assert_eq!(wanted(&mut rig), [(2, 2)]);
    rig.hear(&Report::Gone { room: room(1), asleep: true });
    assert_eq!(wanted(&mut rig), []);
    assert_eq!(rig.director.next_timeout(), Some(rig.now + Span::secs(10)));
    rig.pass(Span(Span::secs(10).0 - 1));
    assert_eq!(wanted(&mut rig), []);
    rig.pass(Span(1));
    assert_eq!(wanted(&mut rig), [(5, 0)]);
}

#[test]
fn what_a_release_says_counts_before_a_worker_of_it_attaches() {
    let mut rig = Rig::new();
    assert!(!rig.director.is_declared(release(6)));
    rig.director.handle_release(release(6), duels());
    assert!(rig.director.is_declared(release(6)));
    let rest = Resting { kind: "duel".into(), version: 1, release: release(5) };
    assert!(rig.director.reads_at_rest(release(6), &rest));
    // What its worker says, too, and that is what counts then.
    rig.up_with(6, vec![kind("duel", 9, 9, 9)]);
    assert!(!rig.director.reads_at_rest(release(6), &rest));
}

#[test]
fn nobody_is_told_of_a_room_that_is_gone() {
    let mut rig = Rig::moving(Course::Forward, 1);
    rig.list(2, 1, true);
    rig.list(3, 1, true);
    rig.hear(&Report::Gone { room: room(3), asleep: false });
    assert_eq!(rig.told_to_move(), [(room(2), release(2))]);
    assert_eq!(rig.director.facts().queued, 0);
}
