//! Orders to move a room: who is answered what, what is called off, and what becomes of a part that fails.

use crate::effect::{AtFault, Cost, Order, Report};
use crate::limits::Limits;
use bytes::Bytes;
use playon_types::attach::{Exported, Fault, FromWorker, Stage, ToWorker, Turn};
use playon_types::ids::{DeployId, ReleaseId, RoomId, Seq, WorkerId};
use playon_types::kind::{OnDeploy, Policies};
use playon_types::time::Span;

use super::bench::{Bench, DEPLOY, NEW, OLD, ONE, ROOM, TWO, answer, prewarmed};
use super::copies::{asked, dies, leaves_new, lives_on, turn_of, up};
use super::{failed, moved, now};

const THREE: WorkerId = WorkerId(3);

fn order(bench: &mut Bench, deploy: DeployId, to: ReleaseId) {
    bench.order(Order::Move { deploy, room: ROOM, to, at_once: true, since: None });
}

/// Which deploys were answered, and how.
fn answers(bench: &mut Bench) -> Vec<(u64, &'static str)> {
    let reports = bench.reports();
    let answer = |report: &Report| match report {
        Report::Moved { deploy, .. } => Some((deploy.0, "moved")),
        Report::MoveFailed { deploy, blame: AtFault::Release, .. } => Some((deploy.0, "fails")),
        Report::MoveFailed { deploy, .. } => Some((deploy.0, "not now")),
        Report::Staying { deploy, .. } => Some((deploy.0, "stays")),
        Report::Checked { deploy, result, .. } => {
            Some((deploy.0, if result.is_ok() { "opens" } else { "does not open" }))
        }
        _ => None,
    };
    reports.iter().filter_map(answer).collect()
}

fn fault(turn: Turn, stage: Stage) -> FromWorker {
    let (room, attempt, message) = (turn.room, turn.attempt, "no".to_owned());
    FromWorker::Fault(Fault { room, attempt, stage, message, refusal: false })
}

/// The same of an attempt that nobody has any more.
const fn of_long_ago(turn: Turn) -> Turn {
    Turn { attempt: playon_types::ids::Attempt(turn.attempt.0 + 99), ..turn }
}

/// A room that is frozen, and what the new worker was asked for.
fn frozen() -> (Bench, ToWorker) {
    let mut bench = Bench::with_player(&now(), false);
    order(&mut bench, DEPLOY, NEW);
    let turn = turn_of(&asked(&mut bench, TWO));
    bench.worker(TWO, prewarmed(ROOM, turn.attempt, turn.seq.0, 5));
    let mut sent = asked(&mut bench, TWO);
    assert!(matches!(sent.as_slice(), [ToWorker::Tail { .. }]), "{sent:?}");
    (bench, sent.remove(0))
}

#[test]
fn a_room_that_is_there_already_says_so() {
    let mut bench = Bench::with_player(&now(), false);
    order(&mut bench, DEPLOY, OLD);
    let there = Report::Moved { deploy: DEPLOY, room: ROOM, pause: Span::ZERO, late: false };
    assert_eq!(bench.reports(), [there]);
    bench.order(Order::Check { deploy: DEPLOY, room: ROOM, to: OLD });
    let cost = Cost { took: Span::ZERO, bytes: 2 };
    let opens = Report::Checked { deploy: DEPLOY, room: ROOM, result: Ok(cost) };
    assert_eq!(bench.reports(), [opens]);
    // Nothing is asked of anybody for it.
    assert_eq!((asked(&mut bench, ONE), asked(&mut bench, TWO)), (Vec::new(), Vec::new()));
}

#[test]
fn a_room_that_is_to_stay_where_it_is_calls_off_what_leads_away() {
    let (mut bench, _) = frozen();
    order(&mut bench, DeployId(8), OLD);
    assert_eq!(answers(&mut bench), [(7, "not now"), (8, "moved")]);
    lives_on(&mut bench, 1);
}

#[test]
fn a_room_whose_switch_is_issued_goes_back_only_after_it() {
    let (mut bench, tail) = frozen();
    bench.store_works = false;
    bench.worker(TWO, answer(TWO, &tail, false).unwrap());
    order(&mut bench, DeployId(8), OLD);
    assert_eq!(answers(&mut bench), [], "it is not there yet, nor has it gone");
    bench.store_works = true;
    let seq = Seq(tail.turn().seq.0 + 1);
    bench.stored(crate::effect::Stored::Record(seq));
    assert_eq!(answers(&mut bench), [(7, "moved")]);
    let sent = asked(&mut bench, TWO);
    assert!(matches!(sent.as_slice(), [ToWorker::Export { .. }]), "it goes back: {sent:?}");
}

#[test]
fn a_wish_of_nobody_is_not_needed_by_a_room_on_its_way() {
    // Waiting for its turn or under way.
    for waits in [true, false] {
        let mut bench = Bench::with_player(&now(), false);
        if waits {
            bench.worker_down(TWO);
        }
        order(&mut bench, DEPLOY, NEW);
        order(&mut bench, DeployId::NONE, NEW);
        assert_eq!(answers(&mut bench), [(DeployId::NONE.0, "not now")]);
        if waits {
            bench.worker_up(TWO);
        }
        bench.obey(TWO, false);
        assert_eq!(answers(&mut bench), [(7, "moved")], "{waits}");
    }
    let mut bench = Bench::with_player(&now(), false);
    order(&mut bench, DeployId::NONE, NEW);
    order(&mut bench, DeployId::NONE, NEW);
    assert_eq!(answers(&mut bench), [], "one answer is enough");
    bench.obey(TWO, false);
    assert_eq!(answers(&mut bench), [(DeployId::NONE.0, "moved")]);
}

#[test]
fn a_check_under_way_is_no_way_there() {
    let mut bench = Bench::with_player(&now(), false);
    bench.order(Order::Check { deploy: DEPLOY, room: ROOM, to: NEW });
    order(&mut bench, DeployId::NONE, NEW);
    assert_eq!(answers(&mut bench), []);
    bench.obey(TWO, false);
    assert_eq!(answers(&mut bench), [(7, "opens"), (DeployId::NONE.0, "moved")]);
}

#[test]
fn a_newer_deploy_takes_the_place_of_one_that_has_not_begun() {
    let mut bench = Bench::with_player(&now(), false);
    bench.worker_down(TWO);
    order(&mut bench, DEPLOY, NEW);
    order(&mut bench, DeployId(8), NEW);
    assert_eq!(answers(&mut bench), [(7, "not now")]);
    bench.worker_up(TWO);
    bench.obey(TWO, false);
    assert_eq!(answers(&mut bench), [(8, "moved")]);
}

fn cancel(bench: &mut Bench, deploy: DeployId) {
    bench.order(Order::CancelMoves { deploy });
}

#[test]
fn only_the_moves_of_that_deploy_are_called_off_and_the_room_has_not_noticed() {
    // It waits, its copy is being opened, or it is frozen.
    let waits = || {
        let mut bench = Bench::with_player(&now(), false);
        bench.worker_down(TWO);
        order(&mut bench, DEPLOY, NEW);
        bench
    };
    let warms = || {
        let mut bench = Bench::with_player(&now(), false);
        order(&mut bench, DEPLOY, NEW);
        assert!(matches!(asked(&mut bench, TWO).as_slice(), [ToWorker::Prewarm { .. }]));
        bench
    };
    for mut bench in [waits(), warms(), frozen().0] {
        bench.effects.clear();
        cancel(&mut bench, DeployId(8));
        assert_eq!((answers(&mut bench), bench.sent_to(TWO)), (Vec::new(), Vec::new()));
        let place = bench.shard.rooms(bench.now).next().map(|facts| facts.place);
        cancel(&mut bench, DEPLOY);
        assert_eq!(answers(&mut bench), [(7, "not now")], "{place:?}");
        cancel(&mut bench, DEPLOY);
        assert_eq!(answers(&mut bench), [], "{place:?}: answered once");
        lives_on(&mut bench, 1);
        if place != Some(crate::facts::Place::Live) {
            let sent = bench.sent_to(TWO);
            assert!(matches!(sent.as_slice(), [ToWorker::Retire { .. }]), "{place:?}: {sent:?}");
        }
    }
}

#[test]
fn a_room_that_is_being_opened_elsewhere_is_called_back_and_opened_where_it_was() {
    let mut bench = Bench::with_player(&now(), false);
    bench.worker_down(ONE);
    order(&mut bench, DEPLOY, NEW);
    assert!(matches!(asked(&mut bench, TWO).as_slice(), [ToWorker::Open { .. }]));
    cancel(&mut bench, DeployId(8));
    assert_eq!((answers(&mut bench), bench.sent_to(TWO)), (Vec::new(), Vec::new()));
    cancel(&mut bench, DEPLOY);
    assert_eq!(answers(&mut bench), [(7, "not now")]);
    assert!(matches!(bench.sent_to(TWO).as_slice(), [ToWorker::Retire { .. }]));
    up(&mut bench, ONE, OLD, crate::fleet::Berth::Common);
    let sent = asked(&mut bench, ONE);
    assert!(matches!(sent.as_slice(), [ToWorker::Open { .. }]), "{sent:?}");
    // Being opened where it belongs, it has nothing to be called back from.
    order(&mut bench, DEPLOY, NEW);
    cancel(&mut bench, DEPLOY);
    assert_eq!((answers(&mut bench), bench.sent_to(ONE)), (vec![(7, "not now")], Vec::new()));
    bench.worker(ONE, answer(ONE, &sent[0], false).unwrap());
    lives_on(&mut bench, 1);
}

#[test]
fn a_deploy_in_a_hurry_hurries_its_own_rooms() {
    let on_deploy = OnDeploy::BetweenRounds { deadline: Span::secs(60) };
    let mut bench = Bench::with_player(&Policies { on_deploy, ..now() }, false);
    bench.move_to(NEW, false);
    bench.order(Order::Hurry { deploy: DeployId(8), room: ROOM });
    assert_eq!(asked(&mut bench, TWO), []);
    bench.order(Order::Hurry { deploy: DEPLOY, room: ROOM });
    assert!(matches!(asked(&mut bench, TWO).as_slice(), [ToWorker::Prewarm { .. }]));
}

#[test]
fn a_pause_as_long_as_the_budget_is_none_too_long_and_a_quarter_of_the_freeze_is_moved() {
    let budget = Span::millis(10);
    for (cost, goes) in [(10_000, true), (10_001, false)] {
        let mut bench = Bench::with_player(&Policies { pause_budget: budget, ..now() }, false);
        bench.move_to(NEW, false);
        let turn = turn_of(&asked(&mut bench, TWO));
        bench.worker(TWO, prewarmed(ROOM, turn.attempt, turn.seq.0, cost));
        let sent = bench.sent_to(TWO);
        assert_eq!(matches!(sent.as_slice(), [ToWorker::Tail { .. }]), goes, "{cost}: {sent:?}");
        let waits = |report: &Report| matches!(report, Report::Waiting { .. });
        assert_eq!(bench.reports().iter().any(waits), !goes);
    }
    let most = Limits::default().freeze_max.0 as u32 / 4;
    for (cost, goes) in [(most, true), (most + 1, false)] {
        let mut bench = Bench::with_player(&now(), false);
        order(&mut bench, DEPLOY, NEW);
        let turn = turn_of(&asked(&mut bench, TWO));
        bench.worker(TWO, prewarmed(ROOM, turn.attempt, turn.seq.0, cost));
        assert_eq!(failed(&bench.reports()), (!goes).then_some(AtFault::Release), "{cost}");
    }
}

#[test]
fn a_frozen_room_whose_new_worker_cannot_take_it_goes_on_where_it_was() {
    let (mut bench, tail) = frozen();
    bench.worker(TWO, fault(of_long_ago(tail.turn()), Stage::Open));
    assert_eq!(answers(&mut bench), []);
    bench.worker(TWO, fault(tail.turn(), Stage::Open));
    assert_eq!(answers(&mut bench), [(7, "fails")]);
    lives_on(&mut bench, 1);
}

#[test]
fn a_new_worker_that_fails_after_the_switch_was_issued_is_left_and_the_room_opened_there_again() {
    let (mut bench, tail) = frozen();
    bench.store_works = false;
    bench.worker(TWO, answer(TWO, &tail, false).unwrap());
    bench.worker(TWO, fault(of_long_ago(tail.turn()), Stage::Open));
    assert_eq!(bench.sent_to(TWO), []);
    bench.worker(TWO, fault(tail.turn(), Stage::Open));
    assert_eq!(answers(&mut bench), []);
    assert!(matches!(bench.sent_to(TWO).as_slice(), [ToWorker::Retire { .. }]));
    let seq = Seq(tail.turn().seq.0 + 1);
    bench.store_works = true;
    bench.stored(crate::effect::Stored::Record(seq));
    assert_eq!(answers(&mut bench), [(7, "moved")]);
    let sent = asked(&mut bench, TWO);
    assert!(matches!(sent.as_slice(), [ToWorker::Open { .. }]), "{sent:?}");
}

fn exported(turn: Turn, seq: Seq, version: u32) -> FromWorker {
    let (room, attempt, state) = (ROOM, turn.attempt, Bytes::from_static(&[1, 0]));
    FromWorker::Exported(Exported { room, attempt, seq, version, state, cost_us: 5 })
}

#[test]
fn a_version_that_cannot_be_written_fails_the_move_whenever_it_is_needed() {
    let (mut bench, turn) = leaves_new();
    bench.worker(TWO, fault(turn, Stage::Export));
    assert_eq!(answers(&mut bench), [(8, "fails")]);
    bench.input(1, 1);
    assert!(matches!(asked(&mut bench, TWO).as_slice(), [ToWorker::Deliver(_)]), "it plays on");
    // The second time, when it is frozen.
    let (mut bench, turn) = leaves_new();
    bench.worker(TWO, exported(turn, turn.seq, 1));
    bench.obey(ONE, false);
    let turn = turn_of(&asked(&mut bench, TWO));
    bench.worker(TWO, fault(turn, Stage::Export));
    assert_eq!(answers(&mut bench), [(8, "fails")]);
    bench.input(1, 1);
    assert!(matches!(asked(&mut bench, TWO).as_slice(), [ToWorker::Deliver(_)]), "it plays on");
}

#[test]
fn what_was_written_for_another_attempt_or_in_another_version_or_of_another_commit_counts_for_nothing()
 {
    let (mut bench, turn) = leaves_new();
    bench.worker(TWO, exported(turn, turn.seq, 2));
    assert_eq!(asked(&mut bench, ONE), []);
    bench.worker(TWO, exported(turn, turn.seq, 1));
    let sent = asked(&mut bench, ONE);
    assert!(matches!(sent.as_slice(), [ToWorker::Prewarm { version: 1, .. }]), "{sent:?}");
    bench.worker(ONE, answer(ONE, &sent[0], false).unwrap());
    let sent = asked(&mut bench, TWO);
    let [message @ ToWorker::Export { seq, .. }] = sent.as_slice() else { panic!("{sent:?}") };
    bench.worker(TWO, exported(message.turn(), Seq(seq.0 - 1), 1));
    bench.worker(TWO, exported(message.turn(), *seq, 2));
    assert_eq!(asked(&mut bench, ONE), []);
    bench.worker(TWO, exported(message.turn(), *seq, 1));
    let sent = asked(&mut bench, ONE);
    assert!(matches!(sent.as_slice(), [ToWorker::Open { version: 1, .. }]), "{sent:?}");
}

/// A room of the new release without a worker, that is to go back: a worker of its release writes the older version.
fn goes_back_idle() -> (Bench, Turn) {
    let (mut bench, _) = leaves_new();
    bench.worker_down(TWO);
    up(&mut bench, THREE, NEW, crate::fleet::Berth::Common);
    let sent = asked(&mut bench, THREE);
    assert!(matches!(sent.as_slice(), [ToWorker::Export { version: 1, .. }]), "{sent:?}");
    assert_eq!(asked(&mut bench, ONE), []);
    bench.reports();
    (bench, turn_of(&sent))
}

#[test]
fn a_room_without_a_worker_goes_back_in_the_version_that_is_written_for_it() {
    let (mut bench, turn) = goes_back_idle();
    bench.worker(THREE, exported(turn, turn.seq, 2));
    assert_eq!(asked(&mut bench, ONE), []);
    bench.worker(THREE, exported(turn, turn.seq, 1));
    let sent = asked(&mut bench, ONE);
    assert!(matches!(sent.as_slice(), [ToWorker::Open { version: 1, .. }]), "{sent:?}");
    bench.obey(THREE, false);
    bench.worker(ONE, answer(ONE, &sent[0], false).unwrap());
    assert_eq!(answers(&mut bench), [(8, "moved")]);
}

#[test]
fn a_room_without_a_worker_that_cannot_be_written_is_opened_where_it_was() {
    let (mut bench, turn) = goes_back_idle();
    bench.worker(THREE, fault(of_long_ago(turn), Stage::Export));
    assert_eq!(answers(&mut bench), []);
    bench.worker(THREE, fault(turn, Stage::Export));
    assert_eq!(answers(&mut bench), [(8, "fails")]);
    let sent = asked(&mut bench, THREE);
    assert!(matches!(sent.as_slice(), [ToWorker::Open { version: 2, .. }]), "{sent:?}");
}

#[test]
fn a_worker_that_hangs_while_it_writes_or_opens_what_a_room_without_a_worker_needs_is_reported() {
    let (mut bench, turn) = goes_back_idle();
    bench.shard.handle_turn(bench.now, THREE, turn);
    bench.wait(Limits::default().open_timeout);
    let suspects = |bench: &Bench, worker| {
        let of = |effect: &&crate::effect::Effect| matches!(effect, crate::effect::Effect::Suspect { worker: at, .. } if *at == worker);
        bench.effects.iter().filter(of).count()
    };
    assert_eq!((suspects(&bench, THREE), suspects(&bench, ONE)), (1, 0));
    let (mut bench, turn) = goes_back_idle();
    bench.wait(Span::secs(4));
    bench.worker(THREE, exported(turn, turn.seq, 1));
    let turn = turn_of(&asked(&mut bench, ONE));
    bench.wait(Span::secs(4));
    assert_eq!(suspects(&bench, ONE), 0, "it has its own time");
    bench.shard.handle_turn(bench.now, ONE, turn);
    bench.wait(Span::millis(4_999));
    assert_eq!(suspects(&bench, ONE), 0, "from when it has begun");
    bench.wait(Span::millis(1));
    assert_eq!((suspects(&bench, ONE), suspects(&bench, THREE)), (1, 0));
}

#[test]
fn a_room_that_was_moving_and_falls_goes_on_to_where_it_was_going() {
    let mut bench = Bench::with_player(&now(), false);
    order(&mut bench, DEPLOY, NEW);
    asked(&mut bench, TWO);
    bench.input(1, 1);
    let turn = turn_of(&asked(&mut bench, ONE));
    dies(&mut bench, ONE, vec![turn]);
    assert_eq!(answers(&mut bench), [], "nothing of the move has failed");
    bench.obey(TWO, false);
    assert!(moved(&bench.reports()));
}

#[test]
fn a_copy_that_fails_counts_if_it_is_the_one_that_was_asked_for() {
    let mut bench = Bench::with_player(&now(), false);
    order(&mut bench, DEPLOY, NEW);
    let turn = turn_of(&asked(&mut bench, TWO));
    bench.worker(TWO, fault(of_long_ago(turn), Stage::Prewarm));
    let other = of_long_ago(turn).attempt;
    bench.worker(TWO, prewarmed(ROOM, other, turn.seq.0, 5));
    assert_eq!((answers(&mut bench), bench.sent_to(TWO)), (Vec::new(), Vec::new()));
    bench.worker(TWO, fault(turn, Stage::Prewarm));
    assert_eq!(answers(&mut bench), [(7, "fails")]);
}

#[test]
fn a_new_worker_is_ready_when_it_has_the_last_commit_and_not_before() {
    let (mut bench, tail) = frozen();
    let Some(FromWorker::Ready(ready)) = answer(TWO, &tail, false) else { panic!() };
    let early = playon_types::attach::Ready { seq: Seq(ready.seq.0 - 1), ..ready.clone() };
    bench.worker(TWO, FromWorker::Ready(early));
    assert_eq!(answers(&mut bench), []);
    bench.worker(TWO, FromWorker::Ready(ready));
    assert_eq!(answers(&mut bench), [(7, "moved")]);
}

#[test]
fn a_switch_is_over_when_its_own_record_is_safe_and_not_one_before() {
    let mut bench = Bench::with_player(&now(), false);
    bench.store_works = false;
    bench.input(1, 1);
    bench.obey(ONE, false);
    order(&mut bench, DEPLOY, NEW);
    bench.obey(TWO, false);
    let last = bench.shard.rooms(bench.now).next().and_then(|f| f.image.map(|image| image.seq));
    let last = last.expect("it is there");
    bench.stored(crate::effect::Stored::Record(Seq(last.0 - 1)));
    assert_eq!(answers(&mut bench), []);
    bench.stored(crate::effect::Stored::Record(last));
    assert_eq!(answers(&mut bench), [(7, "moved")]);
}

#[test]
fn a_stop_as_long_as_the_budget_is_not_late() {
    let most = Limits::default().freeze_timeout;
    for (pause_budget, late) in [(most, false), (Span(most.0 - 1), true)] {
        let mut bench = Bench::with_player(&Policies { pause_budget, ..now() }, false);
        order(&mut bench, DEPLOY, NEW);
        let turn = turn_of(&asked(&mut bench, TWO));
        bench.worker(TWO, prewarmed(ROOM, turn.attempt, turn.seq.0, 5));
        bench.wait(most);
        let told = bench.reports().iter().find_map(|report| match report {
            Report::Thawed { pause, late, .. } => Some((*pause, *late)),
            _ => None,
        });
        assert_eq!(told, Some((most, late)));
    }
}

#[test]
fn a_room_without_a_worker_is_not_opened_elsewhere_for_a_check() {
    let mut bench = Bench::with_player(&now(), false);
    bench.worker_down(ONE);
    bench.order(Order::Check { deploy: DEPLOY, room: ROOM, to: NEW });
    assert_eq!(asked(&mut bench, TWO), []);
}

#[test]
fn when_a_room_wants_to_be_woken_is_known_on_the_new_release_too() {
    let (mut bench, tail) = frozen();
    let Some(FromWorker::Ready(ready)) = answer(TWO, &tail, false) else { panic!() };
    let wake_at = Some(playon_types::time::RoomTime(3_000_000));
    bench.worker(TWO, FromWorker::Ready(playon_types::attach::Ready { wake_at, ..ready }));
    let image = bench.shard.rooms(bench.now).next().and_then(|facts| facts.image.cloned());
    assert_eq!(image.and_then(|image| image.wake_at), wake_at);
    bench.obey(TWO, false);
    bench.wait(Span::secs(3));
    let sent = bench.sent_to(TWO);
    assert!(matches!(sent.as_slice(), [ToWorker::Deliver(_)]), "{sent:?}");
}

#[test]
fn a_room_whose_state_does_not_fit_on_the_new_release_goes_on_where_it_was() {
    let (mut bench, tail) = frozen();
    let Some(FromWorker::Ready(ready)) = answer(TWO, &tail, false) else { panic!() };
    let hash = ready.hash + 1;
    bench.worker(TWO, FromWorker::Ready(playon_types::attach::Ready { hash, ..ready }));
    assert_eq!(answers(&mut bench), [(7, "fails")]);
    lives_on(&mut bench, 1);
}

#[test]
fn a_frozen_room_is_waited_for_by_one_of_two_workers_and_each_death_is_its_own() {
    // The old one dies, and then the new one.
    let (mut bench, tail) = frozen();
    bench.worker_down(ONE);
    assert_eq!(answers(&mut bench), []);
    bench.worker_down(TWO);
    assert_eq!(answers(&mut bench), [(7, "not now")]);
    // While the switch is with the store.
    for (dead, opens) in [(ONE, false), (TWO, true)] {
        let (mut bench, tail) = frozen();
        bench.store_works = false;
        bench.worker(TWO, answer(TWO, &tail, false).unwrap());
        bench.worker_down(dead);
        if dead == TWO {
            up(&mut bench, THREE, NEW, crate::fleet::Berth::Common);
        }
        bench.store_works = true;
        bench.stored(crate::effect::Stored::Record(Seq(tail.turn().seq.0 + 1)));
        assert_eq!(answers(&mut bench), [(7, "moved")]);
        let sent = asked(&mut bench, THREE);
        assert_eq!(matches!(sent.as_slice(), [ToWorker::Open { .. }]), opens, "{sent:?}");
        assert_eq!(asked(&mut bench, dead), []);
    }
    assert!(matches!(tail, ToWorker::Tail { .. }));
}

#[test]
fn a_copy_that_nobody_waits_for_any_more_is_still_watched() {
    let mut bench = Bench::with_player(&now(), false);
    order(&mut bench, DEPLOY, NEW);
    let turn = turn_of(&asked(&mut bench, TWO));
    bench.shard.handle_turn(bench.now, TWO, turn);
    cancel(&mut bench, DEPLOY);
    bench.wait(Limits::default().freeze_max);
    let suspect = |effect: &crate::effect::Effect| {
        matches!(effect, crate::effect::Effect::Suspect { worker: TWO, .. })
    };
    assert!(bench.effects.iter().any(suspect), "it holds up others");
}

#[test]
fn a_worker_that_is_at_a_frozen_rooms_copy_has_its_whole_time_for_it() {
    let (mut bench, tail) = frozen();
    bench.wait(Span::millis(400));
    bench.shard.handle_turn(bench.now, TWO, tail.turn());
    bench.wait(Span::millis(100));
    assert_eq!(answers(&mut bench), [], "it is put off");
    bench.wait(Span::millis(3_800));
    let suspect = |effect: &crate::effect::Effect| {
        matches!(effect, crate::effect::Effect::Suspect { worker: TWO, .. })
    };
    assert!(!bench.effects.iter().any(suspect));
    bench.wait(Span::millis(200));
    assert!(bench.effects.iter().any(suspect));
}

#[test]
fn what_the_old_worker_is_said_to_be_at_is_not_a_frozen_rooms_copy() {
    let (mut bench, tail) = frozen();
    let of_old = bench.shard.rooms(bench.now).flat_map(|facts| facts.posts).find(|p| p.0 == ONE);
    let attempt = of_old.expect("it has the room").1;
    // The new one is at the room of another shard, and says so.
    let elsewhere = Turn { room: RoomId([7; 16]), ..tail.turn() };
    bench.shard.handle_turn(bench.now, TWO, elsewhere);
    bench.shard.handle_turn(bench.now, ONE, Turn { attempt, ..tail.turn() });
    bench.wait(Limits::default().freeze_max);
    let suspect =
        |effect: &crate::effect::Effect| matches!(effect, crate::effect::Effect::Suspect { .. });
    assert!(!bench.effects.iter().any(suspect), "its turn has not come");
}

#[test]
fn the_hurry_of_another_deploy_is_not_that_of_a_room_on_its_way() {
    for (deploy, goes) in [(DeployId(8), false), (DEPLOY, true)] {
        let pause_budget = Span::millis(10);
        let mut bench = Bench::with_player(&Policies { pause_budget, ..now() }, false);
        bench.move_to(NEW, false);
        let turn = turn_of(&asked(&mut bench, TWO));
        bench.order(Order::Hurry { deploy, room: ROOM });
        bench.worker(TWO, prewarmed(ROOM, turn.attempt, turn.seq.0, 80_000));
        let sent = bench.sent_to(TWO);
        assert_eq!(matches!(sent.as_slice(), [ToWorker::Tail { .. }]), goes, "{sent:?}");
    }
}
