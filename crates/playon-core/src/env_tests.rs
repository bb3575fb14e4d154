use super::*;
use crate::agenda::Due;
use crate::deadly::DeadlyTask;
use crate::fleet::{Ended, WorkerInfo};
use playon_types::attach::{Deliver, Turn};
use playon_types::ids::Seq;
use playon_types::image::Image;
use playon_types::kind::{KindInfo, Policies};
use playon_types::ply;
use playon_types::time::RoomTime;

const ROOM: RoomId = RoomId([1; 16]);
const OTHER: RoomId = RoomId([2; 16]);
const ONE: WorkerId = WorkerId(1);
const RELEASE: ReleaseId = ReleaseId([1; 32]);
const NEXT: ReleaseId = ReleaseId([2; 32]);

fn config(shard: u16, age: Span) -> ShardConfig {
    let limits = Limits { trials_max: 1, ..Limits::default() };
    ShardConfig { epoch: Epoch(1), limits, shard, age }
}

fn info(id: u64, release: ReleaseId, berth: Berth) -> WorkerInfo {
    let policies = Policies::default();
    let kind = KindInfo { name: "duel".into(), writes: 1, reads_from: 1, exports_to: 1, policies };
    WorkerInfo { id: WorkerId(id), berth, release, kinds: vec![kind] }
}

/// A common worker of the first release is there.
fn env() -> Env<()> {
    let mut env = Env::new(config(0, Span::ZERO), ());
    env.fleet.add(info(1, RELEASE, Berth::Common));
    env
}

fn told(env: &mut Env<()>) -> Vec<Effect> {
    env.out.drain(..).collect()
}

/// The workers beside the common ones that are needed, if that has changed.
fn berths(env: &mut Env<()>) -> Option<Vec<(ReleaseId, Berth)>> {
    env.report_berths();
    told(env).into_iter().find_map(|effect| match effect {
        Effect::Report(Report::Berths(needed)) => Some(needed),
        _ => None,
    })
}

fn deed(room: RoomId, release: ReleaseId) -> DeadlyDeed {
    DeadlyDeed { room, release, task: DeadlyTask::Copy }
}

fn suspected(env: &mut Env<()>) -> Vec<(WorkerId, Suspicion)> {
    let suspect = |effect| match effect {
        Effect::Suspect { worker, of, .. } => Some((worker, of)),
        _ => None,
    };
    told(env).into_iter().filter_map(suspect).collect()
}

#[test]
fn the_age_of_keepers_goes_on_and_ones_own_clock_begins_with_oneself() {
    let env: Env<()> = Env::new(config(0, Span(100)), ());
    assert_eq!((env.aged(Time(5)), env.on_own_clock(Time(105))), (Time(105), Time(5)));
    assert_eq!(env.on_own_clock(Time(99)), Time(0), "before it began");
}

#[test]
fn attempts_are_never_given_out_twice_and_those_of_shards_never_meet() {
    let mut one: Env<()> = Env::new(config(0, Span::ZERO), ());
    let mut other: Env<()> = Env::new(config(3, Span::ZERO), ());
    assert_eq!([one.mint(), one.mint()].map(|attempt| attempt.0), [1, 2]);
    assert_eq!(other.mint().0, (3 << 48) + 1);
}

#[test]
fn of_a_room_in_which_a_rule_does_not_hold_nothing_is_stored_or_asked_any_more() {
    let mut env = env();
    assert_eq!(env.take_unsound(ROOM), None);
    env.unsound(ROOM, "first".into());
    env.unsound(ROOM, "second".into());
    let what = "first".to_owned();
    assert_eq!(told(&mut env), [Effect::Report(Report::Unsound { room: ROOM, what })]);
    let image = |room| Image { room, ..Image::default() };
    let deliver = |room| {
        ToWorker::Deliver(Deliver {
            room,
            attempt: Attempt(1),
            seq: Seq(2),
            now: RoomTime(0),
            items: Vec::new(),
            render: Vec::new(),
            render_watch: false,
        })
    };
    let effects = |room| {
        [
            Effect::Snapshot(image(room)),
            Effect::Sleep(image(room)),
            Effect::Delete(room),
            Effect::Worker(ONE, deliver(room)),
        ]
    };
    effects(ROOM).into_iter().for_each(|effect| env.emit(effect));
    assert_eq!(told(&mut env), []);
    effects(OTHER).into_iter().for_each(|effect| env.emit(effect));
    env.emit(Effect::Load(ROOM));
    assert_eq!(told(&mut env).len(), 5, "others are not concerned, and reading does no harm");
    assert_eq!(env.take_unsound(OTHER), None);
    assert_eq!(env.take_unsound(ROOM), Some("first".to_owned()));
    env.emit(Effect::Delete(ROOM));
    assert_eq!(told(&mut env).len(), 1);
}

#[test]
fn that_there_is_no_such_kind_is_told_to_each_and_reported_every_so_often() {
    let mut env = env();
    assert_eq!(env.no_such_kind(Time(0), "chess"), None, "nothing is preferred");
    env.prefer = Some(RELEASE);
    assert_eq!(env.no_such_kind(Time(0), "duel"), None);
    let mut reported = |at: u64| {
        let told_to_player = env.no_such_kind(Time(at), "chess").expect("there is none");
        assert_eq!(told_to_player.code(), Some(ply!("PLY-0137")));
        assert!(told_to_player.words().ends_with("chess, but duel"), "{told_to_player}");
        told(&mut env).into_iter().find_map(|effect| match effect {
            Effect::Report(Report::UnknownKind { times, .. }) => Some(times),
            _ => None,
        })
    };
    assert_eq!((reported(7), reported(8)), (Some(1), None));
    assert_eq!(reported(7 + UNKNOWN_SAID_EVERY.0 - 1), None);
    assert_eq!(reported(7 + UNKNOWN_SAID_EVERY.0), Some(3), "with those in between");
    assert_eq!(reported(7 + 2 * UNKNOWN_SAID_EVERY.0), Some(1));
}

#[test]
fn a_room_is_counted_on_its_worker_until_it_is_retired_and_only_who_is_there_is_told() {
    let mut env = env();
    env.fleet.add(info(2, RELEASE, Berth::Common));
    let one = env.occupy(RELEASE, Berth::Common, "duel").expect("it is there");
    let two = env.occupy(RELEASE, Berth::Common, "duel").expect("it is there");
    assert_eq!((one.worker, two.worker, one.release), (ONE, WorkerId(2), RELEASE));
    assert!(env.occupy(NEXT, Berth::Common, "duel").is_none());
    assert!(env.occupy(RELEASE, Berth::Common, "chess").is_none());
    env.retire(ROOM, two);
    let retire = ToWorker::Retire { room: ROOM, attempt: two.attempt };
    assert_eq!(told(&mut env), [Effect::Worker(WorkerId(2), retire)]);
    let three = env.occupy(RELEASE, Berth::Common, "duel").expect("it is there");
    assert_eq!(three.worker, WorkerId(2), "that one has no room any more");
    env.fleet.remove(WorkerId(2), &WorkerEnd::DISMISSED);
    env.retire(ROOM, three);
    assert_eq!(told(&mut env), []);
}

#[test]
fn the_workers_that_rooms_need_are_told_of_when_that_has_changed() {
    let mut env = env();
    assert_eq!(berths(&mut env), None);
    assert!(env.occupy_only(ROOM, RELEASE, Berth::Quarantine, "duel").is_none());
    let quarantine = (RELEASE, Berth::Quarantine);
    assert_eq!((berths(&mut env), berths(&mut env)), (Some(vec![quarantine]), None));
    assert!(env.occupy_trial(OTHER, RELEASE, "duel").is_none());
    let trial = (RELEASE, Berth::Trial(0));
    assert_eq!(berths(&mut env), Some(vec![trial, quarantine]));
    // There is one trial worker; the other room waits for its turn, and needs none before.
    assert!(env.occupy_trial(ROOM, RELEASE, "duel").is_none());
    assert_eq!(berths(&mut env), Some(vec![trial]));
    assert!(env.trials.waits(ROOM));
    env.confine(OTHER, RELEASE, Berth::Common);
    assert_eq!(berths(&mut env), Some(vec![]));
    assert_eq!((env.next_opening(), env.trials.waits(ROOM)), (Some(ROOM), false), "its turn");
    env.fleet.add(info(2, RELEASE, Berth::Trial(0)));
    let placement = env.occupy_trial(ROOM, RELEASE, "duel").expect("it is there");
    assert_eq!((placement.worker, placement.berth), (WorkerId(2), Berth::Trial(0)));
    // Who leaves it lets the next one have it.
    assert!(env.occupy_trial(OTHER, RELEASE, "duel").is_none());
    env.leave(ROOM, placement);
    assert_eq!(env.next_opening(), Some(OTHER));
}

#[test]
fn a_room_waits_for_a_worker_of_its_own_for_a_while_and_longer_behind_others() {
    let mut env = env();
    let (wait, longest) = (env.limits.trial_wait, env.limits.trial_queue_wait);
    let until = |env: &Env<()>| env.trial_until(ROOM, Time(10));
    assert_eq!(until(&env), Time(10) + wait);
    env.trials.note(Time(20), Berth::Trial(0));
    assert_eq!(until(&env), Time(20) + wait, "some can be had");
    env.trials.note(Time(10) + longest, Berth::Trial(0));
    assert_eq!(until(&env), Time(10) + longest, "not for ever");
    assert!(env.trials.take(OTHER).is_some() && env.trials.take(ROOM).is_none());
    env.trials.note(Time(20), Berth::Trial(0));
    assert_eq!(until(&env), Time(10) + longest, "others are before it");
}

#[test]
fn a_room_that_is_a_danger_to_others_waits_longer_where_its_worker_can_be_started() {
    let mut env = env();
    let (wait, longest) = (env.limits.trial_wait, env.limits.trial_queue_wait);
    env.fleet.set_startable([NEXT].into());
    assert_eq!(env.detained_until(NEXT, Time(10)), Time(10) + longest);
    assert_eq!(env.detained_until(RELEASE, Time(10)), Time(10) + wait);
}

#[test]
fn a_copy_that_took_a_process_down_is_opened_where_nobody_else_is() {
    let mut env = env();
    let common = env.occupy_for(deed(ROOM, RELEASE), "duel").expect("it is there");
    assert_eq!((common.berth, env.has_for_copy(ROOM, "duel")), (Berth::Common, false));
    env.deadly.note(deed(ROOM, RELEASE), "");
    env.deadly.note(deed(ROOM, NEXT), "");
    assert!(env.occupy_for(deed(ROOM, RELEASE), "duel").is_none());
    assert!(env.occupy_for(deed(ROOM, NEXT), "duel").is_none());
    let needed = [RELEASE, NEXT].map(|release| (release, Berth::Trial(0)));
    assert_eq!(berths(&mut env), Some(needed.to_vec()));
    env.fleet.add(info(2, RELEASE, Berth::Trial(0)));
    assert!(!env.has_for_copy(ROOM, "duel"), "one is there, the other is not");
    env.fleet.add(info(3, NEXT, Berth::Trial(0)));
    assert!(env.has_for_copy(ROOM, "duel") && !env.has_for_copy(OTHER, "duel"));
    let placement = env.occupy_for(deed(ROOM, NEXT), "duel").expect("it is there");
    assert_eq!(placement.worker, WorkerId(3));
    // To run elsewhere does not take it away.
    env.confine(ROOM, RELEASE, Berth::Common);
    assert_eq!(env.trials.offer(OTHER), None);
    env.keep_copies(ROOM, |release| release == NEXT);
    assert_eq!(berths(&mut env), Some(vec![needed[1]]));
    env.end_copy(ROOM, Some(RELEASE));
    assert_eq!(env.trials.offer(OTHER), None, "the other one is still needed");
    env.leave(ROOM, placement);
    assert_eq!((berths(&mut env), env.trials.offer(OTHER)), (Some(vec![]), Some(Berth::Trial(0))));
}

#[test]
fn a_room_that_needs_no_copies_lets_go_of_all_its_workers() {
    for all_at_once in [true, false] {
        let mut env = env();
        env.deadly.note(deed(ROOM, RELEASE), "");
        env.deadly.note(deed(ROOM, NEXT), "");
        assert!(env.occupy_for(deed(ROOM, RELEASE), "duel").is_none());
        assert!(env.occupy_for(deed(ROOM, NEXT), "duel").is_none());
        if all_at_once {
            env.end_copy(ROOM, None)
        } else {
            env.keep_copies(ROOM, |_| false)
        }
        assert_eq!(env.trials.offer(OTHER), Some(Berth::Trial(0)));
        assert_eq!(berths(&mut env), None);
    }
}

/// A worker with something that nobody waits for any more.
fn abandoned() -> (Env<()>, Placement, Span) {
    let mut env = env();
    let placement = env.occupy(RELEASE, Berth::Common, "duel").expect("it is there");
    let span = Span::secs(2);
    let errand = Errand::new(Time(0), span);
    env.abandon(placement, errand, Some(deed(ROOM, RELEASE)));
    (env, placement, span)
}

#[test]
fn what_nobody_waits_for_any_more_is_looked_at_from_its_turn_on_until_it_is_answered() {
    let (mut env, Placement { attempt, .. }, span) = abandoned();
    let due = Due::Abandoned(ONE, attempt);
    assert_eq!(env.abandoned().collect::<Vec<_>>(), [(due, Time(0) + span)]);
    assert_eq!(env.agenda.next(), Some(Time(0) + span));
    env.abandoned_turn(Time(5), ONE, attempt);
    assert_eq!(env.agenda.next(), Some(Time(5) + span));
    env.abandoned_turn(Time(6), WorkerId(2), attempt);
    assert_eq!(env.agenda.next(), Some(Time(5) + span), "that is said by another");
    env.abandoned_timeout(Time(4) + span, ONE, attempt);
    assert_eq!((suspected(&mut env), env.agenda.next()), (vec![], Some(Time(5) + span)));
    env.abandoned_timeout(Time(5) + span, ONE, attempt);
    assert_eq!(suspected(&mut env), [(ONE, Suspicion::Hangs)]);
    assert_eq!(env.agenda.next(), Some(Time(5) + span + span), "and again if nothing comes of it");
    env.answered(ONE, attempt);
    assert_eq!((env.abandoned().count(), env.agenda.next()), (0, None));
    env.abandoned_timeout(Time(99) + span, ONE, attempt);
    assert_eq!(suspected(&mut env), []);
}

#[test]
fn a_worker_that_is_gone_already_is_waited_for_by_nobody() {
    let mut env = env();
    let placement = env.occupy(RELEASE, Berth::Common, "duel").expect("it is there");
    env.fleet.remove(ONE, &WorkerEnd::DISMISSED);
    env.abandon(placement, Errand::new(Time(0), Span(1)), None);
    assert_eq!((env.abandoned().count(), env.agenda.next()), (0, None));
}

#[test]
fn who_dies_of_what_nobody_waits_for_any_more_is_remembered_for_it() {
    let ends = |ended, at: Option<u64>| {
        let (mut env, Placement { attempt, .. }, _) = abandoned();
        let turn = |seq| Turn { room: ROOM, attempt, seq: Seq(seq) };
        let turns = Some(at.map(turn).into_iter().collect());
        let end = WorkerEnd { ended, turns, how: "exit code 3".into() };
        env.abandoned_down(WorkerId(2), &end);
        assert_eq!(env.abandoned().count(), 1, "that is another one");
        env.abandoned_down(ONE, &end);
        assert_eq!((env.abandoned().count(), env.agenda.next()), (0, None));
        let noted = env.deadly.has(deed(ROOM, RELEASE));
        assert_eq!(env.deadly.how(deed(ROOM, RELEASE)), if noted { "exit code 3" } else { "" });
        noted
    };
    assert!(ends(Ended::ByItself, Some(5)));
    assert!(!ends(Ended::ByItself, None), "it was at nothing of it");
    assert!(!ends(Ended::Suspect, Some(5)), "something else was waited for");
    assert!(!ends(Ended::Dismissed, Some(5)));
}

#[test]
fn a_worker_is_replaced_once() {
    let mut env = env();
    for wanted in [vec![(ONE, Suspicion::Spoiled)], vec![]] {
        env.spoil(ONE, reason!("PLY-0414 it panicked"));
        assert_eq!(suspected(&mut env), wanted);
    }
    env.spoil(WorkerId(9), reason!("PLY-0414 it panicked"));
    assert_eq!(suspected(&mut env), [], "it is not there");
}

#[test]
fn a_socket_that_is_closed_is_forgotten() {
    let mut env = env();
    let place = crate::sockets::SocketPlace::Waiting { room: ROOM, leaving: false };
    env.sockets.place(ConnId(4), place);
    env.close(ConnId(4), Close::Busy, reason!("PLY-0101 later"));
    assert_eq!(env.sockets.len(), 0);
    let close = |effect: &Effect| matches!(effect, Effect::Gate(ToGateway::Close { conn, why: Close::Busy, .. }) if conn.0 == 4);
    assert!(told(&mut env).iter().all(close));
}
