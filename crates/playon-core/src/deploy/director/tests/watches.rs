//! What is held against a release on probation, by what, for how long, and what comes of it.

use playon_types::ids::{DeployId, ReleaseId, SessionId, WorkerId};
use playon_types::reason::Reason;
use playon_types::record::{Course, DeployPhase, DeployRecord, Watch};
use playon_types::time::{Span, Time};

use super::rig::{Rig, config, kind, record, release, room};
use crate::deploy::probation::FAILED_BEFORE;
use crate::deploy::{DirectorConfig, DirectorEffect};
use crate::effect::{Aside, Inquiry, Order, Report};
use crate::fleet::{Ended, WorkerEnd};

const WATCHED: Span = Span::secs(60);

fn watching() -> DirectorConfig {
    DirectorConfig { probation: WATCHED, ..config() }
}

/// Two rooms have moved to the second release, which is on probation from now on.
fn shipped() -> Rig {
    let mut rig = Rig::with(watching());
    (1..=2).for_each(|n| rig.list(n, 1, true));
    rig.ships(2, Course::Forward);
    rig.open_copies();
    rig.told_to_move();
    (1..=2).for_each(|n| rig.arrives(n, 2));
    assert_eq!(rig.phase(), DeployPhase::Done);
    rig.told();
    rig
}

fn fault(rig: &mut Rig, n: u8, on: u8, inquiry: Inquiry) {
    let (room, release, reason) = (room(n), release(on), Reason::read("it panicked"));
    rig.hear(&Report::Fault { room, release, reason, count: 1, inquiry });
}

/// How many faults are held against it; nothing if it is on probation no more.
fn held(rig: &Rig) -> Option<u32> {
    rig.director.probation.as_ref().map(|probation| probation.watch.faults)
}

fn kept(rig: &mut Rig) -> Vec<DeployRecord> {
    let kept = |effect| match effect {
        DirectorEffect::Keep(record) => Some(record),
        _ => None,
    };
    rig.told().into_iter().filter_map(kept).collect()
}

fn probations(rig: &mut Rig) -> Vec<Option<(ReleaseId, ReleaseId)>> {
    let probation = |order| match order {
        Order::Probation(probation) => Some(probation),
        _ => None,
    };
    rig.told_to_all().into_iter().filter_map(probation).collect()
}

#[test]
fn one_fault_is_stored_and_the_second_takes_the_rooms_back() {
    let mut rig = shipped();
    fault(&mut rig, 1, 2, Inquiry::Over);
    let stored = kept(&mut rig);
    assert_eq!((stored.len(), held(&rig)), (1, Some(1)));
    let watch = stored[0].watch.clone().unwrap_or_default();
    assert_eq!((watch.faults, watch.since.is_some()), (1, true));
    assert!(watch.last.starts_with(&format!("room {}: it panicked", room(1))), "{watch:?}");
    fault(&mut rig, 1, 2, Inquiry::Over);
    let told = rig.told();
    let alarms = told.iter().filter_map(|effect| match effect {
        DirectorEffect::Alarm { deploy, release, what } => Some((*deploy, *release, what)),
        _ => None,
    });
    let alarms: Vec<_> = alarms.collect();
    assert_eq!((alarms.len(), alarms[0].0, alarms[0].1), (1, DeployId(1), release(2)));
    assert!(alarms[0].2.starts_with("PLY-0313") && alarms[0].2.contains("the keeper goes back"));
    let rescue = rig.record();
    assert_eq!((rescue.course, rescue.to, rescue.at_once), (Course::Rescue, release(1), true));
    assert_eq!((rescue.from, held(&rig)), (Some(release(2)), None));
    let forgotten = |effect: &DirectorEffect| matches!(effect, DirectorEffect::Keep(record) if record.id == DeployId(1) && record.watch.is_none());
    assert!(told.iter().any(forgotten), "the next keeper does not judge it again");
    rig.told.extend(told);
    rig.open_copies();
    rig.told_to_move();
    (1..=2).for_each(|n| rig.arrives(n, 1));
    assert_eq!(rig.phase(), DeployPhase::Done);
    assert!(rig.reason().starts_with("PLY-0313"), "why it was begun is still said");
}

#[test]
fn where_no_room_can_go_back_the_keeper_only_says_so() {
    let mut rig = shipped();
    // What the second release writes the first one does not read, nor can it be written for it.
    rig.director.handle_release(release(2), vec![kind("duel", 5, 5, 5)]);
    rig.director.handle_release(release(1), vec![kind("duel", 4, 4, 4)]);
    (1..=2).for_each(|_| fault(&mut rig, 1, 2, Inquiry::Over));
    let told = rig.told();
    let alarm = told.iter().find_map(|effect| match effect {
        DirectorEffect::Alarm { what, .. } => Some(what.as_str()),
        _ => None,
    });
    assert!(alarm.is_some_and(|what| what.contains("there is no way back")), "{alarm:?}");
    assert_eq!((rig.record().id, rig.director.current()), (DeployId(1), Some(release(2))));
}

#[test]
fn a_release_that_fails_while_rooms_still_move_stops_the_deploy_first() {
    let mut rig = Rig::with(watching());
    (1..=2).for_each(|n| rig.list(n, 1, true));
    rig.ships(2, Course::Forward);
    rig.open_copies();
    rig.told_to_move();
    rig.arrives(1, 2);
    (1..=2).for_each(|_| fault(&mut rig, 1, 2, Inquiry::Over));
    let stored = rig.told().into_iter().filter_map(|effect| match effect {
        DirectorEffect::Store { record, .. } => Some((record.id.0, record.phase)),
        _ => None,
    });
    let stored: Vec<_> = stored.collect();
    assert!(stored.contains(&(1, DeployPhase::Stopped)), "{stored:?}");
    assert_eq!((rig.record().id, rig.record().course), (DeployId(2), Course::Rescue));
}

#[test]
fn it_is_watched_for_so_long_from_the_moment_that_all_rooms_have_moved() {
    let began = shipped().now;
    for (after, holds) in [(Span(WATCHED.0 - 1), true), (WATCHED, false)] {
        let mut rig = shipped();
        assert_eq!(rig.director.next_timeout(), Some(began + WATCHED));
        rig.now = began + after;
        fault(&mut rig, 1, 2, Inquiry::Over);
        assert_eq!(held(&rig), Some(u32::from(holds)));
    }
    let mut rig = shipped();
    rig.pass(Span(WATCHED.0 - 1));
    assert_eq!((held(&rig), probations(&mut rig)), (Some(0), vec![]));
    rig.pass(Span(1));
    assert_eq!((held(&rig), probations(&mut rig)), (None, vec![None]));
    rig.pass(Span(1));
    assert_eq!(probations(&mut rig), []);
}

#[test]
fn nothing_that_another_release_does_is_held_against_it() {
    let mut rig = shipped();
    let session = SessionId(1);
    fault(&mut rig, 1, 2, Inquiry::Open);
    for other in [1, 3] {
        fault(&mut rig, 2, other, Inquiry::Over);
        let release = release(other);
        let (room, what) = (room(1), Aside::Input(1));
        rig.hear(&Report::SetAside { room, release, session, what, appeal: false });
        rig.hear(&Report::SetAside { room, release, session, what, appeal: true });
        rig.hear(&Report::Appealed { room, release, itself: false, too: false });
        rig.hear(&Report::Acquitted { room, release });
        rig.hear(&Report::Lied { release, reason: Reason::read("it lied") });
        rig.hear(&Report::Halted { room: super::rig::room(2), release, reason: Reason::read("x") });
    }
    assert_eq!((held(&rig), rig.director.inquiries()), (Some(0), 1), "it is not known yet");
    let (room, release) = (room(1), release(2));
    rig.hear(&Report::Acquitted { room, release });
    assert_eq!((held(&rig), rig.director.inquiries()), (Some(1), 0), "it was the room itself");
}

#[test]
fn what_is_set_aside_is_held_against_it_at_once_or_when_it_has_been_tried_on_the_one_before() {
    let session = SessionId(1);
    let (room, release, what) = (room(1), release(2), Aside::Input(1));
    let set_aside = |appeal| Report::SetAside { room, release, session, what, appeal };
    let mut rig = shipped();
    fault(&mut rig, 1, 2, Inquiry::Open);
    rig.hear(&set_aside(false));
    assert_eq!((held(&rig), rig.director.inquiries()), (Some(1), 0));
    for (too, faults) in [(true, 0), (false, 1)] {
        let mut rig = shipped();
        fault(&mut rig, 1, 2, Inquiry::Open);
        rig.hear(&set_aside(true));
        assert_eq!((held(&rig), rig.director.inquiries()), (Some(0), 1));
        // The next one is open when the first is judged.
        fault(&mut rig, 1, 2, Inquiry::Open);
        rig.hear(&Report::Appealed { room, release, itself: false, too });
        assert_eq!((held(&rig), rig.director.inquiries()), (Some(faults), 1));
    }
    let mut rig = shipped();
    fault(&mut rig, 1, 2, Inquiry::Open);
    rig.hear(&Report::Gone { room, asleep: false });
    assert_eq!((held(&rig), rig.director.inquiries()), (Some(1), 0));
}

#[test]
fn a_room_that_merely_lost_its_worker_is_held_against_nobody() {
    let mut rig = shipped();
    let (room, release, reason) = (room(1), release(2), Reason::read("its worker was lost"));
    rig.hear(&Report::Fault { room, release, reason, count: 0, inquiry: Inquiry::Over });
    assert_eq!(held(&rig), Some(0));
}

#[test]
fn a_kind_without_probation_is_watched_at_no_time() {
    for (span, faults) in [(Some(Span::ZERO), 0), (None, 1)] {
        let mut rig = Rig::with(watching());
        let mut duel = kind("duel", 1, 1, 1);
        duel.policies.probation = span;
        rig.director.handle_release(release(2), vec![duel, kind("chess", 1, 1, 1)]);
        (1..=2).for_each(|n| rig.list(n, 1, true));
        rig.ships(2, Course::Forward);
        rig.open_copies();
        rig.told_to_move();
        rig.arrives(1, 2);
        fault(&mut rig, 1, 2, Inquiry::Over);
        assert_eq!(held(&rig), Some(faults), "while rooms still move");
    }
}

#[test]
fn a_deploy_that_did_not_arrive_leaves_nobody_on_probation() {
    let watch = Watch { since: Some(Time(1_000)), ..Watch::default() };
    for (phase, watched) in [(DeployPhase::Done, true), (DeployPhase::Stopped, false)] {
        let last = DeployRecord { watch: Some(watch.clone()), ..record(4, phase, 1) };
        let config = DirectorConfig { age: Span(5_000), ..watching() };
        let rig = Rig::read(config, Some(release(2)), vec![last]);
        assert_eq!(held(&rig).is_some(), watched, "{phase:?}");
    }
}

#[test]
fn an_appeal_that_another_release_has_asked_for_decides_nothing() {
    let mut rig = shipped();
    let (room, session, what) = (room(1), SessionId(1), Aside::Input(1));
    fault(&mut rig, 1, 2, Inquiry::Open);
    rig.hear(&Report::SetAside { room, release: release(2), session, what, appeal: true });
    for (by, faults) in [(1, 0), (2, 1)] {
        let release = release(by);
        rig.hear(&Report::Appealed { room, release, itself: false, too: false });
        assert_eq!(held(&rig), Some(faults));
    }
}

#[test]
fn what_a_room_failed_on_before_explains_its_faults_for_a_while_and_a_halt_for_ever() {
    for (halted, after, explains) in [
        (false, Span(FAILED_BEFORE.0 - 1), true),
        (false, FAILED_BEFORE, false),
        (true, FAILED_BEFORE, true),
    ] {
        let mut rig = Rig::with(DirectorConfig { probation: Span::secs(900), ..config() });
        (1..=2).for_each(|n| rig.list(n, 1, true));
        let failed_at = rig.now;
        if halted {
            let (room, release, reason) = (room(1), release(1), Reason::read("its timer"));
            rig.hear(&Report::Halted { room, release, reason });
        } else {
            fault(&mut rig, 1, 1, Inquiry::Over);
        }
        rig.ships(2, Course::Forward);
        rig.open_copies();
        rig.told_to_move();
        (1..=2).for_each(|n| rig.arrives(n, 2));
        rig.now = failed_at + after;
        fault(&mut rig, 1, 2, Inquiry::Over);
        assert_eq!(held(&rig), Some(u32::from(!explains)), "{halted} {after:?}");
        // What it did on yet another release explains nothing.
        fault(&mut rig, 2, 2, Inquiry::Over);
        assert_eq!(held(&rig).is_none(), !explains);
    }
}

#[test]
fn a_process_that_dies_at_nothing_is_held_against_it_unless_those_before_did_so_too() {
    let dies = |rig: &mut Rig, n: u8| {
        let end =
            WorkerEnd { ended: Ended::ByItself, turns: Some(Vec::new()), how: "SIGABRT".into() };
        rig.director.handle_worker_down(rig.now, WorkerId(n.into()), &end);
        rig.up(n);
    };
    let mut rig = shipped();
    dies(&mut rig, 2);
    assert_eq!(held(&rig), Some(1));
    for (after, explains) in [(Span(FAILED_BEFORE.0 - 1), true), (FAILED_BEFORE, false)] {
        let mut rig = Rig::with(DirectorConfig { probation: Span::secs(900), ..config() });
        rig.list(1, 1, true);
        rig.ships(2, Course::Forward);
        rig.open_copies();
        rig.told_to_move();
        rig.arrives(1, 2);
        dies(&mut rig, 1);
        rig.now = rig.now + after;
        dies(&mut rig, 2);
        assert_eq!(held(&rig), Some(u32::from(!explains)), "{after:?}");
    }
    // Whom the keeper has ended, or who was at a room, says nothing.
    let mut rig = shipped();
    rig.down(2);
    assert_eq!(held(&rig), Some(0));
}

#[test]
fn the_next_keeper_watches_for_the_time_that_is_left_in_the_age_of_keepers() {
    let watch = Watch { since: Some(Time(1_000)), faults: 1, last: "it panicked".into() };
    let last = DeployRecord { watch: Some(watch), ..record(4, DeployPhase::Done, 1) };
    let begin = |age: u64, past: Vec<DeployRecord>| {
        let config = DirectorConfig { age: Span(age), ..watching() };
        let mut rig = Rig::read(config, Some(release(2)), past);
        (probations(&mut rig), held(&rig), rig.director.probation.as_ref().and_then(|p| p.until))
    };
    let on = Some((release(2), release(1)));
    let (told, faults, until) = begin(5_000, vec![last.clone()]);
    assert_eq!((told.last(), faults), (Some(&on), Some(1)));
    assert_eq!(until, Some(Time(1_000 + WATCHED.0 - 5_000)));
    let over = begin(1_000 + WATCHED.0, vec![last.clone()]);
    assert_eq!((over.0.last(), over.1), (Some(&None), None));
    // Another deploy has ended since.
    let newer = DeployRecord { watch: None, ..record(5, DeployPhase::Done, 1) };
    assert_eq!(begin(5_000, vec![newer, last]).1, None);
}

#[test]
fn a_room_that_fails_itself_is_held_against_it_when_it_has_been_tried_on_the_one_before() {
    let (room, release) = (room(1), release(2));
    for (too, faults) in [(false, 1), (true, 0)] {
        let mut rig = shipped();
        fault(&mut rig, 1, 2, Inquiry::Appealed);
        assert_eq!((held(&rig), rig.director.inquiries()), (Some(0), 1));
        // That it is given up meanwhile is no news.
        rig.hear(&Report::Halted { room, release, reason: Reason::read("its timer") });
        assert_eq!((held(&rig), rig.director.inquiries()), (Some(0), 1));
        rig.hear(&Report::Appealed { room, release, itself: true, too });
        assert_eq!((held(&rig), rig.director.inquiries()), (Some(faults), 0));
        // What fails there as well explains what follows.
        fault(&mut rig, 1, 2, Inquiry::Over);
        assert_eq!(held(&rig), too.then_some(0), "{too}");
    }
    // What could be set aside says nothing of the room itself.
    let mut rig = shipped();
    fault(&mut rig, 1, 2, Inquiry::Appealed);
    rig.hear(&Report::Appealed { room, release, itself: false, too: true });
    fault(&mut rig, 1, 2, Inquiry::Over);
    assert_eq!(held(&rig), Some(1));
    let mut rig = shipped();
    rig.hear(&Report::Halted { room, release, reason: Reason::read("its timer") });
    assert_eq!(held(&rig), Some(1), "nothing was being tried");
}
