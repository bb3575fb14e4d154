//! Copies of rooms that nobody runs: nothing of the room changes by it, and whoever asks for it comes first.

use crate::effect::{Effect, Loaded, Order, Report, Unprobed};
use crate::fleet::{Ended, WorkerEnd};
use crate::shard::PROBES_MAX;
use playon_types::attach::{Fault, FromWorker, Stage, ToWorker};
use playon_types::gate::{Hello, ToOwner, Who};
use playon_types::ids::{Attempt, ConnId, DeployId};
use playon_types::image::Image;
use playon_types::kind::Policies;
use playon_types::ply;
use playon_types::reason;
use playon_types::reason::Reason;
use playon_types::time::Span;

use super::bench::{Bench, DEPLOY, NEW, ONE, ROOM, TWO, prewarmed};

const IDLE: Span = Span::secs(10);

/// A room at rest, and the shard that has put it there.
fn at_rest() -> (Bench, Image) {
    let policies = Policies { idle_hibernate: IDLE, ..Policies::default() };
    let mut bench = Bench::new(&policies);
    bench.hello(1);
    bench.obey(ONE, false);
    bench.gate(ToOwner::Bye { conn: ConnId(1) });
    bench.obey(ONE, false);
    let asleep = bench.goes_to_rest(IDLE);
    (bench, asleep)
}

fn probe(bench: &mut Bench) {
    bench.order(Order::Probe { deploy: DEPLOY, room: ROOM, to: NEW });
}

/// A room at rest of which the new worker has been asked for a copy.
fn asked() -> (Bench, Image, Attempt) {
    let (mut bench, asleep) = at_rest();
    probe(&mut bench);
    assert_eq!(bench.effects, [Effect::Load(ROOM)]);
    bench.effects.clear();
    bench.found_asleep(asleep.clone(), 1);
    let sent = bench.sent_to(TWO);
    let [ToWorker::Prewarm { attempt, seq, state, .. }] = sent.as_slice() else {
        panic!("{sent:?}")
    };
    assert_eq!((*seq, state), (asleep.seq, &asleep.state));
    assert_eq!((bench.shard.facts().rooms, bench.shard.facts().probes), (0, 1));
    let attempt = *attempt;
    (bench, asleep, attempt)
}

fn checked(bench: &mut Bench) -> Result<(), Reason> {
    let reports = bench.reports();
    let [Report::Checked { deploy: DEPLOY, room: ROOM, result }] = reports.as_slice() else {
        panic!("{reports:?}")
    };
    result.as_ref().map(|_| ()).map_err(Clone::clone)
}

fn not_probed(bench: &mut Bench) -> Option<Unprobed> {
    bench.reports().iter().find_map(|report| match report {
        Report::NotProbed { deploy: DEPLOY, room: ROOM, why } => Some(*why),
        _ => None,
    })
}

fn come(bench: &mut Bench) {
    let hello = Hello { conn: ConnId(2), room: ROOM, who: Who::Watcher, create: None };
    bench.gate(ToOwner::Hello(hello));
}

#[test]
fn a_room_at_rest_is_tried_and_nothing_of_it_changes() {
    let (mut bench, asleep, attempt) = asked();
    bench.worker(TWO, prewarmed(ROOM, attempt, asleep.seq.0, 5));
    assert_eq!(checked(&mut bench), Ok(()));
    assert!(matches!(bench.sent_to(TWO)[..], [ToWorker::Retire { .. }]));
    assert_eq!(bench.effects, [], "nothing is stored, and nobody is told");
    assert_eq!((bench.shard.facts().rooms, bench.shard.facts().probes), (0, 0));
    assert_eq!(bench.shard.next_timeout(), None);
    // It wakes as it was.
    come(&mut bench);
    bench.found_asleep(asleep, 1);
    assert!(matches!(bench.sent_to(ONE)[..], [ToWorker::Open { .. }]));
}

#[test]
fn a_release_that_fails_on_it_is_told_of_with_its_reason() {
    let (mut bench, _, attempt) = asked();
    let message = "PLY-0423 it panicked".to_owned();
    let fault = Fault { room: ROOM, attempt, stage: Stage::Prewarm, message, refusal: false };
    bench.worker(TWO, FromWorker::Fault(fault));
    assert_eq!(checked(&mut bench), Err(reason!("PLY-0423 it panicked")));
    let (mut bench, asleep, attempt) = asked();
    bench.worker(TWO, prewarmed(ROOM, attempt, asleep.seq.0, 2_000_000));
    assert_eq!(checked(&mut bench).unwrap_err().code(), Some(ply!("PLY-0312")));
    let (mut bench, ..) = asked();
    let how = "exit code 3; its last line: no".to_owned();
    bench.worker_ends(TWO, &WorkerEnd { ended: Ended::ByItself, turns: None, how });
    let why = checked(&mut bench).unwrap_err();
    assert_eq!(why.code(), Some(ply!("PLY-0303")));
    assert!(why.words().ends_with(": exit code 3; its last line: no"), "{why}");
}

#[test]
fn a_copy_that_takes_too_long_fails_and_its_worker_is_suspect() {
    let (mut bench, asleep, attempt) = asked();
    let turn = playon_types::attach::Turn { room: ROOM, attempt, seq: asleep.seq };
    bench.shard.handle_turn(bench.now, TWO, turn);
    bench.wait(Span::secs(9));
    assert_eq!(bench.reports(), []);
    bench.wait(Span::secs(1));
    let suspect = |effect: &Effect| matches!(effect, Effect::Suspect { worker: TWO, .. });
    assert!(bench.effects.iter().any(suspect));
    assert_eq!(checked(&mut bench).unwrap_err().code(), Some(ply!("PLY-0307")));
    // What comes after all means nothing any more.
    bench.worker(TWO, prewarmed(ROOM, attempt, asleep.seq.0, 5));
    assert_eq!(bench.reports(), []);
}

#[test]
fn a_worker_that_dies_over_something_else_is_not_the_rooms_fault() {
    let (mut bench, asleep, _) = asked();
    let end = WorkerEnd { ended: Ended::ByItself, turns: Some(Vec::new()), how: String::new() };
    bench.shard.handle_worker_down(bench.now, TWO, &end);
    bench.wait(Span::ZERO);
    assert_eq!(bench.reports(), []);
    assert_eq!(bench.shard.facts().probes, 1, "it waits for the next worker");
    let kinds = vec![super::bench::kind(2, Policies::default())];
    let info = crate::fleet::WorkerInfo {
        id: playon_types::ids::WorkerId(3),
        berth: crate::fleet::Berth::Common,
        release: NEW,
        kinds,
    };
    bench.shard.handle_worker_up(bench.now, info);
    bench.wait(Span::ZERO);
    assert!(bench.effects.contains(&Effect::Load(ROOM)));
    bench.found_asleep(asleep, 1);
    let sent = bench.sent_to(playon_types::ids::WorkerId(3));
    assert!(matches!(sent[..], [ToWorker::Prewarm { .. }]), "{sent:?}");
}

#[test]
fn whoever_asks_for_the_room_wakes_it_and_the_copy_is_dropped() {
    let (mut bench, asleep, attempt) = asked();
    come(&mut bench);
    assert_eq!(not_probed(&mut bench), Some(Unprobed::Claimed));
    assert!(
        matches!(bench.sent_to(TWO)[..], [ToWorker::Retire { attempt: of, .. }] if of == attempt)
    );
    bench.found_asleep(asleep.clone(), 1);
    assert!(matches!(bench.sent_to(ONE)[..], [ToWorker::Open { .. }]));
    bench.worker(TWO, prewarmed(ROOM, attempt, asleep.seq.0, 5));
    assert!(!bench.reports().iter().any(|report| matches!(report, Report::Checked { .. })));
    // The same while the store is still asked.
    let (mut bench, asleep) = at_rest();
    probe(&mut bench);
    come(&mut bench);
    bench.found_asleep(asleep, 1);
    assert_eq!(not_probed(&mut bench), Some(Unprobed::Claimed));
    assert!(matches!(bench.sent_to(ONE)[..], [ToWorker::Open { .. }]));
}

#[test]
fn what_cannot_be_read_says_nothing_of_the_release() {
    for (loaded, why, rooms) in [
        (Loaded::Damaged("bits".into()), Unprobed::Damaged, 1),
        (Loaded::Unreadable("disk".into()), Unprobed::Unreadable, 0),
        (Loaded::Missing, Unprobed::Claimed, 0),
    ] {
        let (mut bench, _) = at_rest();
        probe(&mut bench);
        bench.loaded(loaded);
        assert_eq!(not_probed(&mut bench), Some(why));
        assert_eq!((bench.shard.facts().rooms, bench.shard.facts().probes), (rooms, 0), "{why:?}");
    }
}

#[test]
fn a_room_without_a_worker_is_tried_from_memory() {
    let mut bench = Bench::with_player(&Policies::default(), false);
    bench.worker_down(ONE);
    bench.effects.clear();
    probe(&mut bench);
    let sent = bench.sent_to(TWO);
    let [ToWorker::Prewarm { attempt, seq, .. }] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(bench.shard.facts().rooms, 1);
    bench.worker(TWO, prewarmed(ROOM, *attempt, seq.0, 5));
    assert_eq!(checked(&mut bench), Ok(()));
    // One that is live is tried as it always was.
    let mut bench = Bench::with_player(&Policies::default(), false);
    probe(&mut bench);
    bench.obey(TWO, false);
    assert_eq!(checked(&mut bench), Ok(()));
    assert_eq!(bench.shard.facts().probes, 0);
}

#[test]
fn probes_are_bounded_and_end_with_their_deploy() {
    let (mut bench, asleep, attempt) = asked();
    (1..PROBES_MAX).for_each(|_| probe(&mut bench));
    assert_eq!((bench.shard.facts().probes, not_probed(&mut bench)), (PROBES_MAX, None));
    probe(&mut bench);
    assert_eq!(not_probed(&mut bench), Some(Unprobed::Full));
    bench.order(Order::CancelProbes { deploy: DeployId(DEPLOY.0 + 1) });
    assert_eq!(bench.shard.facts().probes, PROBES_MAX);
    bench.order(Order::CancelProbes { deploy: DEPLOY });
    assert_eq!(bench.shard.facts().probes, 0);
    assert!(matches!(bench.sent_to(TWO)[..], [ToWorker::Retire { .. }]));
    bench.worker(TWO, prewarmed(ROOM, attempt, asleep.seq.0, 5));
    assert_eq!(bench.reports(), []);
    // One of which the store is still asked is dropped, too; what it says then wakes nobody.
    probe(&mut bench);
    bench.order(Order::CancelProbes { deploy: DEPLOY });
    bench.found_asleep(asleep, 1);
    assert_eq!((bench.shard.facts().rooms, bench.sent_to(TWO)), (0, Vec::new()));
}
