//! Rooms that are being made: whose word counts, what a first commit has to be, and what comes of a worker that cannot.

use crate::effect::{Effect, Report};
use crate::fleet::{Berth, Ended, WorkerEnd, WorkerInfo};
use crate::limits::Limits;
use bytes::Bytes;
use playon_types::attach::{Body, Fault, FromWorker, Stage, ToWorker, Turn};
use playon_types::gate::Close;
use playon_types::ids::{Attempt, RoomId, Seq, WorkerId};
use playon_types::image::StateCodec as _;
use playon_types::kind::Policies;
use playon_types::time::Span;

use super::bench::{Bench, OLD, ONE, Plain, ROOM, TWO, commit, kind};
use super::now;

const THREE: WorkerId = WorkerId(3);

/// The attempt under which that worker is asked to make the room, if it is.
fn asked(bench: &mut Bench, worker: WorkerId) -> Option<Attempt> {
    bench.sent_to(worker).iter().find_map(|message| match message {
        ToWorker::Create { attempt, .. } => Some(*attempt),
        _ => None,
    })
}

fn wanted() -> (Bench, Attempt) {
    let mut bench = Bench::new(&now());
    bench.hello(1);
    let attempt = asked(&mut bench, ONE).expect("it is there");
    (bench, attempt)
}

fn is_born(bench: &Bench) -> bool {
    bench.effects.iter().any(|effect| matches!(effect, Effect::Snapshot(_)))
}

/// What it says of the making of that room, or of something else.
fn fault(attempt: Attempt, stage: Stage, refusal: bool) -> FromWorker {
    let message = "not this one".to_owned();
    FromWorker::Fault(Fault { room: ROOM, attempt, stage, message, refusal })
}

fn another_is_up(bench: &mut Bench, id: WorkerId, berth: Berth) {
    let info = WorkerInfo { id, berth, release: OLD, kinds: vec![kind(1, now())] };
    bench.shard.handle_worker_up(bench.now, info);
    bench.wait(Span::ZERO);
}

/// Where beside the common workers one is needed, as it was last said.
fn berths(bench: &mut Bench) -> Vec<Berth> {
    let said = bench.reports().into_iter().rev().find_map(|report| match report {
        Report::Berths(berths) => Some(berths),
        _ => None,
    });
    said.into_iter().flatten().map(|(_, berth)| berth).collect()
}

#[test]
fn a_room_is_made_by_the_worker_that_was_asked_with_its_first_commit_of_that_attempt() {
    let (mut bench, attempt) = wanted();
    bench.worker(TWO, commit(ROOM, attempt, 1, 1, None, false));
    let suspects = bench.effects.iter().filter_map(|effect| match effect {
        Effect::Suspect { worker, .. } => Some(*worker),
        _ => None,
    });
    assert_eq!(suspects.collect::<Vec<_>>(), [TWO], "it speaks for what another has");
    bench.worker(ONE, commit(ROOM, Attempt(attempt.0 + 7), 1, 1, None, false));
    bench.worker(ONE, commit(ROOM, attempt, 2, 1, None, false));
    assert!(!is_born(&bench));
    bench.worker(ONE, commit(ROOM, attempt, 1, 1, None, false));
    assert!(is_born(&bench));
}

#[test]
fn a_first_commit_is_as_large_as_may_be_and_what_it_says_it_is() {
    let limits = Limits { state_bytes_max: 100, ..Limits::default() };
    for (bytes, lies, good) in [(100, false, true), (101, false, false), (99, true, false)] {
        let mut bench = Bench::limited(&now(), limits.clone());
        bench.hello(1);
        let attempt = asked(&mut bench, ONE).expect("it is there");
        let FromWorker::Commit(mut first) = commit(ROOM, attempt, 1, 1, None, false) else {
            panic!("it is one")
        };
        let state = Bytes::from(vec![7; bytes]);
        first.hash = Plain.hash(&state) + u64::from(lies);
        first.body = Body::Full(state);
        bench.worker(ONE, FromWorker::Commit(first));
        assert_eq!(is_born(&bench), good, "{bytes} bytes");
        assert_eq!(asked(&mut bench, ONE).is_some(), !good, "else it is tried again");
    }
}

#[test]
fn a_room_that_cannot_be_made_is_tried_three_times() {
    let (mut bench, first) = wanted();
    bench.worker(ONE, fault(Attempt(first.0 + 7), Stage::Create, false));
    bench.worker(ONE, fault(first, Stage::Deliver, false));
    assert_eq!(berths(&mut bench), [], "that is about something else");
    // Whatever the process was like before, each of the next ones is new.
    bench.worker(ONE, fault(first, Stage::Create, false));
    bench.wait(Span::ZERO);
    let apart = berths(&mut bench);
    assert!(matches!(apart[..], [Berth::Trial(_)]), "{apart:?}");
    for (id, again) in [(THREE, true), (WorkerId(4), false)] {
        another_is_up(&mut bench, id, apart[0]);
        let attempt = asked(&mut bench, id).expect("it is tried again");
        assert!(attempt != first && bench.closed(1).is_none());
        bench.worker(id, fault(attempt, Stage::Create, false));
        assert_eq!(bench.closed(1), (!again).then_some(Close::Refused));
        bench.worker_down(id);
    }
}

#[test]
fn a_game_that_refuses_to_make_a_room_is_asked_once() {
    let (mut bench, attempt) = wanted();
    bench.worker(ONE, fault(attempt, Stage::Create, true));
    assert_eq!((asked(&mut bench, ONE), bench.closed(1)), (None, Some(Close::Refused)));
}

#[test]
fn a_room_in_the_making_that_waited_behind_others_which_took_the_process_down_is_then_made_apart() {
    let (mut bench, attempt) = wanted();
    let other = Turn { room: RoomId([3; 16]), attempt, seq: Seq(4) };
    let end = WorkerEnd { ended: Ended::ByItself, turns: Some(vec![other]), how: String::new() };
    bench.worker_ends(TWO, &end);
    bench.worker_ends(ONE, &end);
    assert_eq!(asked(&mut bench, ONE), None);
    another_is_up(&mut bench, THREE, Berth::Common);
    assert!(asked(&mut bench, THREE).is_some(), "once may happen");
    bench.reports();
    bench.worker_ends(THREE, &end);
    bench.wait(Span::ZERO);
    let berths = berths(&mut bench);
    assert!(matches!(berths[..], [Berth::Trial(_)]), "{berths:?}");
    another_is_up(&mut bench, ONE, Berth::Common);
    assert_eq!(asked(&mut bench, ONE), None);
    another_is_up(&mut bench, TWO, berths[0]);
    assert!(asked(&mut bench, TWO).is_some());
}

#[test]
fn a_room_whose_making_takes_the_process_down_is_made_apart_at_once() {
    let (mut bench, attempt) = wanted();
    let at_it = Turn { room: ROOM, attempt, seq: Seq(0) };
    let end = WorkerEnd { ended: Ended::ByItself, turns: Some(vec![at_it]), how: String::new() };
    bench.worker_ends(ONE, &end);
    assert!(matches!(berths(&mut bench)[..], [Berth::Trial(_)]));
}

#[test]
fn a_room_that_nobody_can_make_is_waited_for_as_long_as_for_an_opening() {
    let mut bench = Bench::new(&Policies::default());
    bench.worker_down(ONE);
    bench.hello(1);
    bench.wait(Span(Limits::default().open_timeout.0 - 1));
    assert_eq!(bench.closed(1), None);
    bench.wait(Span(1));
    assert_eq!(bench.closed(1), Some(Close::Busy));
}

#[test]
fn a_room_that_has_ended_when_it_is_made_was_never_there() {
    let (mut bench, attempt) = wanted();
    let FromWorker::Commit(mut first) = commit(ROOM, attempt, 1, 1, None, false) else {
        panic!("it is one")
    };
    first.ended = true;
    bench.worker(ONE, FromWorker::Commit(first));
    assert_eq!((is_born(&bench), bench.closed(1)), (false, Some(Close::RoomEnded)));
    assert!(matches!(bench.sent_to(ONE)[..], [ToWorker::Retire { .. }]));
    assert_eq!(bench.shard.rooms(bench.now).count(), 0);
}

#[test]
fn a_first_commit_has_the_whole_state() {
    for body in [Body::Same, Body::Delta(Bytes::from_static(b"d"))] {
        let (mut bench, attempt) = wanted();
        let FromWorker::Commit(mut first) = commit(ROOM, attempt, 1, 1, None, false) else {
            panic!("it is one")
        };
        first.body = body;
        bench.worker(ONE, FromWorker::Commit(first));
        assert!(!is_born(&bench) && bench.closed(1).is_none());
        assert!(asked(&mut bench, ONE).is_some_and(|again| again != attempt), "it is tried again");
    }
}

#[test]
fn a_room_of_a_kind_that_nobody_knew_of_when_it_was_asked_for_is_refused_in_the_end() {
    let mut bench = Bench::new(&now());
    let fresh = playon_types::ids::ReleaseId([8; 32]);
    bench.order(crate::effect::Order::Prefer(fresh));
    bench.hello(1);
    assert_eq!((asked(&mut bench, ONE), bench.closed(1)), (None, None), "no worker of it is there");
    let lobby = playon_types::kind::KindInfo { name: "lobby".into(), ..kind(1, now()) };
    bench.shard.handle_release(fresh, vec![lobby]);
    bench.wait(Limits::default().open_timeout);
    assert_eq!(bench.closed(1), Some(Close::Refused));
}

/// Asked for again later it would wait behind the same rooms once more.
#[test]
fn a_room_whose_making_a_worker_has_not_come_to_is_not_given_up_and_one_that_hangs_is() {
    let mut bench = Bench::new(&now());
    bench.hello(1);
    let turn = bench.sent_to(ONE)[0].turn();
    bench.shard.handle_turn(bench.now, ONE, Turn { room: RoomId([3; 16]), ..turn });
    let open = Limits::default().open_timeout;
    for _ in 0..3 {
        bench.wait(open);
        bench.shard.handle_heard(bench.now, ONE);
        assert_eq!(bench.closed(1), None);
    }
    bench.shard.handle_turn(bench.now, ONE, turn);
    let batch = now().batch_timeout;
    let suspects = |bench: &Bench| {
        bench.effects.iter().filter(|effect| matches!(effect, Effect::Suspect { .. })).count()
    };
    bench.wait(batch);
    assert_eq!((suspects(&bench), bench.closed(1)), (1, None));
    // Nobody ends it, for however long.
    bench.wait(Limits::default().turn_timeout);
    assert_eq!(bench.closed(1), Some(Close::Busy));
}
