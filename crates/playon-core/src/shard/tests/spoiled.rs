//! A panic that leaves the process alive, but not as it was: what fails there need not fail elsewhere.

use std::collections::BTreeSet;

use crate::effect::{Effect, Order, Report};
use crate::fleet::{Berth, Ended, Suspicion, WorkerEnd};
use crate::limits::Limits;
use playon_types::attach::{Fault, FromWorker, Item, Stage, ToWorker, Turn};
use playon_types::ids::WorkerId;
use playon_types::time::Span;

use super::bench::{Bench, ONE, answer, turn_based};

/// What panics in a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Panics {
    Nothing,
    Inputs,
    Batches,
    Everything,
}

fn fault(message: &ToWorker, stage: Stage) -> FromWorker {
    let Turn { room, attempt, .. } = message.turn();
    FromWorker::Fault(Fault { room, attempt, stage, message: "as told".into(), refusal: false })
}

fn reply(message: &ToWorker, panics: Panics) -> Option<FromWorker> {
    match message {
        ToWorker::Deliver(deliver) => {
            let input = deliver.items.iter().any(|item| matches!(item, Item::Input { .. }));
            let fails = panics >= Panics::Batches || (panics == Panics::Inputs && input);
            fails.then(|| fault(message, Stage::Deliver)).or_else(|| answer(ONE, message, false))
        }
        ToWorker::Open { .. } if panics == Panics::Everything => Some(fault(message, Stage::Open)),
        ToWorker::Create { .. } if panics == Panics::Everything => {
            Some(fault(message, Stage::Create))
        }
        _ => answer(ONE, message, false),
    }
}

/// The shard, and the trial worker that it has asked for, if one is there.
struct Scene {
    bench: Bench,
    trial: Option<WorkerId>,
    next: u64,
}

impl Scene {
    fn with_player() -> Self {
        Self { bench: Bench::with_player(&turn_based(), false), trial: None, next: 100 }
    }

    fn without_a_room() -> Self {
        let mut bench = Bench::new(&turn_based());
        bench.hello(1);
        Self { bench, trial: None, next: 100 }
    }

    /// Workers do what they are asked for, the common one with panics, for two seconds or until that one is to be replaced. A trial
    /// worker is started when one is wanted. Gives the workers that are to be replaced, in order.
    fn play(&mut self, common: (WorkerId, Panics), apart: Panics) -> Vec<WorkerId> {
        let mut spoiled = Vec::new();
        for _ in 0..40 {
            let trial = self.trial.map(|trial| (trial, apart));
            for (worker, panics) in [Some(common), trial].into_iter().flatten() {
                for message in self.bench.sent_to(worker) {
                    let reply = reply(&message, panics);
                    reply.into_iter().for_each(|reply| self.bench.worker(worker, reply));
                }
            }
            spoiled.extend(self.replace());
            if spoiled.contains(&common.0) {
                return spoiled;
            }
            let wanted = self.bench.effects.iter().rev().find_map(|effect| match effect {
                Effect::Report(Report::Berths(berths)) => Some(!berths.is_empty()),
                _ => None,
            });
            if wanted == Some(true) && self.trial.is_none() {
                self.next += 1;
                self.trial = Some(self.bench.old_worker_up(self.next, Berth::Trial(0)));
            }
            self.bench.wait(Span::millis(50));
        }
        spoiled
    }

    /// Whom the shard wants replaced is gone.
    fn replace(&mut self) -> Vec<WorkerId> {
        let replaced = |effect: &Effect| match effect {
            Effect::Suspect { worker, of: Suspicion::Spoiled, .. } => Some(*worker),
            _ => None,
        };
        let found: Vec<_> = self.bench.effects.iter().filter_map(replaced).collect();
        self.bench.effects.retain(|effect| replaced(effect).is_none());
        for worker in &found {
            let end =
                WorkerEnd { ended: Ended::Spoiled, turns: Some(Vec::new()), how: String::new() };
            self.bench.worker_ends(*worker, &end);
            self.trial.take_if(|trial| trial == worker);
        }
        found
    }
}

fn set_aside(bench: &mut Bench) -> usize {
    let reports = bench.reports();
    reports.iter().filter(|report| matches!(report, Report::SetAside { .. })).count()
}

#[test]
fn a_process_in_which_all_fails_that_passes_elsewhere_is_replaced_and_nobody_is_at_fault() {
    for panics in [Panics::Inputs, Panics::Batches] {
        let mut scene = Scene::with_player();
        scene.bench.input(1, 1);
        let spoiled = scene.play((ONE, panics), Panics::Nothing);
        assert_eq!(spoiled, [ONE], "{panics:?}");
        assert_eq!(set_aside(&mut scene.bench), 0, "{panics:?}");
        assert_eq!(scene.bench.closed(1), None);
        let fresh = scene.bench.old_worker_up(21, Berth::Common);
        scene.bench.input(1, 2);
        let again = scene.play((fresh, Panics::Nothing), Panics::Nothing);
        assert_eq!(again, [], "{panics:?}");
        scene.bench.input(1, 3);
        assert!(
            matches!(scene.bench.sent_to(fresh).as_slice(), [ToWorker::Deliver(_)]),
            "{panics:?}: it lives among the others again"
        );
    }
}

#[test]
fn what_fails_in_a_new_process_too_is_set_aside_and_only_the_trial_worker_is_replaced() {
    let mut scene = Scene::with_player();
    scene.bench.input(1, 1);
    let spoiled = scene.play((ONE, Panics::Inputs), Panics::Inputs);
    assert!(!spoiled.contains(&ONE) && !spoiled.is_empty(), "{spoiled:?}");
    assert_eq!(set_aside(&mut scene.bench), 1);
    assert_eq!(scene.bench.closed(1), None);
}

#[test]
fn a_room_that_fails_in_new_processes_too_is_halted_and_its_worker_stays() {
    let mut scene = Scene::with_player();
    scene.bench.input(1, 1);
    for _ in 0..40 {
        let spoiled = scene.play((ONE, Panics::Batches), Panics::Batches);
        assert!(!spoiled.contains(&ONE), "{spoiled:?}");
    }
    let halted = |report: &Report| matches!(report, Report::Halted { .. });
    assert!(scene.bench.reports().iter().any(halted));
}

#[test]
fn without_workers_to_start_a_panic_is_judged_where_it_was() {
    let mut scene = Scene::with_player();
    scene.bench.order(Order::Startable(BTreeSet::new()));
    scene.bench.input(1, 1);
    let begun = scene.bench.now;
    assert_eq!(scene.play((ONE, Panics::Inputs), Panics::Nothing), []);
    assert_eq!(set_aside(&mut scene.bench), 1);
    assert!(scene.bench.now.since(begun) <= Span::secs(3));
}

#[test]
fn a_room_that_can_only_be_made_in_a_new_process_shows_that_the_old_one_is_spoiled() {
    let mut scene = Scene::without_a_room();
    let spoiled = scene.play((ONE, Panics::Everything), Panics::Nothing);
    assert_eq!(spoiled, [ONE]);
    let fresh = scene.bench.old_worker_up(21, Berth::Common);
    assert_eq!(scene.play((fresh, Panics::Nothing), Panics::Nothing), []);
    assert!(scene.bench.welcomed(1));
}

#[test]
fn a_room_that_cannot_be_made_anywhere_is_refused_and_the_worker_stays() {
    let mut scene = Scene::without_a_room();
    let spoiled = scene.play((ONE, Panics::Everything), Panics::Everything);
    assert!(!spoiled.contains(&ONE), "{spoiled:?}");
    assert!(scene.bench.closed(1).is_some());
    assert!(
        scene.bench.now.since(playon_types::time::Time(1_000)) < Limits::default().open_timeout
    );
}

/// Another room has found the worker out meanwhile.
#[test]
fn a_room_that_waits_for_a_worker_of_its_own_goes_among_the_others_when_the_one_it_failed_in_was_spoiled()
 {
    for ended in [Ended::Spoiled, Ended::Dismissed] {
        let mut bench = Bench::with_player(&turn_based(), false);
        bench.input(1, 1);
        // With what it brought, and by itself.
        for _ in 0..2 {
            let sent = bench.sent_to(ONE);
            let batch = sent.last().expect("it is run");
            assert!(matches!(batch, ToWorker::Deliver(_)));
            bench.worker(ONE, fault(batch, Stage::Deliver));
            let sent = bench.sent_to(ONE);
            let open = sent.iter().find(|message| matches!(message, ToWorker::Open { .. }));
            let ready = open.and_then(|open| answer(ONE, open, false));
            ready.into_iter().for_each(|ready| bench.worker(ONE, ready));
        }
        let common = bench.old_worker_up(21, Berth::Common);
        assert_eq!(bench.sent_to(common), [], "it is tried where nobody else is");
        let turns = Some(Vec::new());
        bench.worker_ends(ONE, &WorkerEnd { ended, turns, how: String::new() });
        let sent = bench.sent_to(common);
        let opened = matches!(sent.as_slice(), [ToWorker::Open { .. }]);
        assert_eq!(opened, ended == Ended::Spoiled, "{sent:?}");
    }
}

#[test]
fn the_end_of_a_spoiled_worker_does_not_hasten_a_room_that_waits_for_another_reason() {
    let mut scene = Scene::with_player();
    let bench = &mut scene.bench;
    bench.order(Order::Startable(BTreeSet::new()));
    bench.input(1, 1);
    // It fails by itself, and waits a while before it is tried for the fourth time.
    for _ in 0..8 {
        for message in bench.sent_to(ONE) {
            let reply = reply(&message, Panics::Batches);
            reply.into_iter().for_each(|reply| bench.worker(ONE, reply));
        }
    }
    let end = WorkerEnd { ended: Ended::Spoiled, turns: Some(Vec::new()), how: String::new() };
    let other = bench.old_worker_up(21, Berth::Common);
    bench.worker_ends(other, &end);
    let opens = |bench: &mut Bench| {
        bench.sent_to(ONE).iter().any(|message| matches!(message, ToWorker::Open { .. }))
    };
    assert!(!opens(bench), "its time has not come");
    bench.wait(Limits::default().reopen_backoff_max);
    assert!(opens(bench));
}
