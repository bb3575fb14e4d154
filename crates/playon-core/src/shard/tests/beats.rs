//! Ticks and wake-ups: when a room's next batch is due, and what time it is in it.

use crate::effect::{Effect, Order};
use crate::limits::Limits;
use playon_types::attach::{Commit, Deliver, FromWorker, Item, ToWorker};
use playon_types::gate::{Hello, ToOwner, Who};
use playon_types::ids::{ConnId, Seq};
use playon_types::kind::Policies;
use playon_types::time::{RoomTime, Span, Time, WAKE_EVERY_MIN};

use super::bench::{Bench, ONE, ROOM, answer, turn_based};
use super::now;

const PERIOD: Span = Span::millis(50);

fn ticking() -> Policies {
    Policies { tick: Some(PERIOD), ..now() }
}

/// The batch that the worker has been given, if it has.
fn batch(bench: &mut Bench) -> Option<(ToWorker, Deliver)> {
    let sent = bench.sent_to(ONE);
    match &sent[..] {
        [] => None,
        [message @ ToWorker::Deliver(deliver)] => Some((message.clone(), deliver.clone())),
        _ => panic!("{sent:?}"),
    }
}

fn commits(bench: &mut Bench, message: &ToWorker, says: impl FnOnce(&mut Commit)) {
    let Some(FromWorker::Commit(mut commit)) = answer(ONE, message, false) else { panic!() };
    says(&mut commit);
    bench.worker(ONE, FromWorker::Commit(commit));
}

/// Runs the next batch, which has to be there.
fn runs(bench: &mut Bench) -> Deliver {
    let (message, deliver) = batch(bench).expect("a batch is due");
    commits(bench, &message, |_| ());
    deliver
}

/// A room with ticks and one player, just after a tick.
fn clock() -> (Bench, Deliver) {
    let mut bench = Bench::new(&ticking());
    bench.hello(1);
    bench.obey(ONE, false);
    let mut ticks = 0;
    for _ in 0..200 {
        bench.wait(Span::millis(1));
        if let Some((message, deliver)) = batch(&mut bench) {
            commits(&mut bench, &message, |_| ());
            ticks += 1;
            if ticks == 2 {
                assert!(bench.welcomed(1));
                return (bench, deliver);
            }
        }
    }
    panic!("no two ticks within four periods");
}

#[test]
fn a_tick_comes_each_period_on_the_grid_and_brings_what_waits() {
    let (mut bench, mut last) = clock();
    for n in 1..=5 {
        bench.input(1, n);
        bench.wait(Span(PERIOD.0 - 1));
        assert_eq!(batch(&mut bench), None, "it is not due");
        bench.wait(Span(1));
        assert_eq!(bench.now.0 % Limits::default().tick_grid.0, 0);
        let next = runs(&mut bench);
        assert_eq!(next.now, last.now + PERIOD);
        let Some(Item::Tick(before)) = last.items.last() else { panic!() };
        assert!(
            matches!(&next.items[..], [Item::Input { seq, .. }, Item::Tick(tick)]
            if (*seq, *tick) == (n, before + 1)),
            "{next:?}"
        );
        assert_eq!(next.seq, last.seq.next());
        last = next;
    }
}

#[test]
fn a_tick_that_is_late_is_followed_by_one_on_time_and_a_step_that_was_missed_is_not_made_up_for() {
    for (late, next) in [(PERIOD, Span::ZERO), (Span(PERIOD.0 + 1), PERIOD)] {
        let (mut bench, last) = clock();
        bench.wait(PERIOD);
        let (message, first) = batch(&mut bench).expect("it is due");
        assert_eq!(first.now, last.now + PERIOD);
        // Its commit takes as long as the next tick and so much longer.
        bench.wait(PERIOD);
        bench.wait(late);
        commits(&mut bench, &message, |_| ());
        let second = runs(&mut bench);
        assert_eq!(second.now, first.now + PERIOD, "room time has no holes");
        if next == Span::ZERO {
            assert_eq!(runs(&mut bench).now, second.now + PERIOD, "the clock has gone on");
        } else {
            bench.wait(Span(PERIOD.0 - 1));
            assert_eq!(batch(&mut bench), None, "the clock has waited for the room");
            bench.wait(Span(1));
            assert_eq!(runs(&mut bench).now, second.now + PERIOD);
        }
    }
}

#[test]
fn a_kind_without_ticks_runs_what_comes_when_it_comes_and_wakes_when_it_asked_to() {
    let mut bench = Bench::with_player(&turn_based(), false);
    bench.wait(Span::secs(3));
    assert_eq!(batch(&mut bench), None);
    bench.input(1, 1);
    let (message, first) = batch(&mut bench).expect("an input");
    assert!(matches!(first.items[..], [Item::Input { .. }]));
    commits(&mut bench, &message, |commit| commit.wake_at = Some(first.now + Span::secs(2)));
    bench.wait(Span(1_999_999));
    assert_eq!(batch(&mut bench), None);
    bench.wait(Span(1));
    let wakes = runs(&mut bench);
    assert_eq!((wakes.items, wakes.now), (vec![Item::Wake], first.now + Span::secs(2)));
    bench.wait(Span::secs(9));
    assert_eq!(batch(&mut bench), None, "it was woken once");
    // A time that has passed is as soon as a room is woken again.
    bench.input(1, 2);
    let (message, _) = batch(&mut bench).expect("an input");
    commits(&mut bench, &message, |commit| commit.wake_at = Some(RoomTime(1)));
    assert_eq!(batch(&mut bench), None);
    bench.wait(WAKE_EVERY_MIN);
    let wakes = runs(&mut bench);
    assert_eq!(wakes.items, [Item::Wake]);
    assert!(wakes.now >= first.now + Span::secs(9), "room time never goes back");
}

#[test]
fn one_batch_is_under_way_and_the_next_brings_all_that_came_meanwhile() {
    let mut bench = Bench::with_player(&turn_based(), false);
    bench.input(1, 1);
    let (message, first) = batch(&mut bench).expect("an input");
    for n in 2..=4 {
        bench.input(1, n);
        bench.wait(Span::millis(10));
    }
    assert_eq!(batch(&mut bench), None);
    assert_eq!(first.items.len(), 1);
    commits(&mut bench, &message, |_| ());
    assert_eq!(runs(&mut bench).items.len(), 3);
}

#[test]
fn a_room_that_ends_or_stops_is_given_nothing_more() {
    let mut bench = Bench::with_player(&turn_based(), false);
    bench.store_works = false;
    bench.input(1, 1);
    bench.input(1, 2);
    let (message, _) = batch(&mut bench).expect("an input");
    commits(&mut bench, &message, |commit| {
        commit.ended = true;
        commit.wake_at = Some(RoomTime(1));
    });
    bench.wait(Span::secs(1));
    assert_eq!(batch(&mut bench), None, "the end may not be safe yet, and nothing comes after it");
    let (mut bench, _) = clock();
    bench.order(Order::Stop);
    bench.wait(PERIOD);
    bench.wait(PERIOD);
    assert_eq!(batch(&mut bench), None);
}

#[test]
fn rooms_that_come_up_together_tick_at_times_of_their_own() {
    let policies = ticking();
    let mut bench = Bench::under(2, Span::ZERO, &policies);
    for n in 1..=40 {
        let id = playon_types::ids::RoomId([n; 16]);
        let state = bytes::Bytes::from_static(&[1, 5]);
        bench.recovered(super::bench::committed(id, "duel", state));
    }
    bench.obey(ONE, false);
    let mut at = std::collections::BTreeMap::<Time, usize>::new();
    for _ in 0..150 {
        bench.wait(Span::millis(1));
        let count = bench.sent_to(ONE).len();
        *at.entry(bench.now).or_default() += count;
    }
    at.retain(|_, count| *count > 0);
    assert_eq!(at.values().sum::<usize>(), 40);
    assert!(at.len() > 5, "{at:?}");
    assert!(at.keys().all(|at| at.0 % Limits::default().tick_grid.0 == 0), "{at:?}");
}

#[test]
fn who_comes_to_watch_a_room_that_goes_by_turns_wakes_it_once() {
    let mut bench = Bench::with_player(&turn_based(), false);
    let who = Who::Watcher;
    bench.gate(ToOwner::Hello(Hello { conn: ConnId(9), room: ROOM, who, create: None }));
    let (message, first) = batch(&mut bench).expect("a view is owed");
    assert_eq!((first.items, first.render_watch), (vec![Item::Wake], true));
    commits(&mut bench, &message, |commit| {
        commit.watch_view = Some(bytes::Bytes::from_static(b"all"));
    });
    assert_eq!(batch(&mut bench), None);
    bench.input(1, 1);
    let (_, next) = batch(&mut bench).expect("an input");
    assert!(next.render_watch, "it is shown what happens");
    assert_eq!(next.seq, Seq(first.seq.0 + 1));
    let told = |effect: &Effect| matches!(effect, Effect::Suspect { .. });
    assert!(!bench.effects.iter().any(told));
}
