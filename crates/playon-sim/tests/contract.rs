//! The models of the simulator are held to the same contracts as what they stand for.

use bytes::Bytes;
use playon_core::fleet::Berth;
use playon_sim::deeds::GameFailure;
use playon_sim::worker::{Stepped, Worker};
use playon_types::attach::{FromWorker, ToWorker};
use playon_types::ids::{ReleaseId, WorkerId};
use playon_types::rng::Rng;
use playon_worker_kit::{GameUnderTest, POINTS, Subject, check};

struct Model {
    worker: Worker,
    rng: Rng,
}

impl Subject for Model {
    fn tell(&mut self, message: ToWorker) {
        self.worker.work.push(message);
    }

    fn answer(&mut self) -> FromWorker {
        while !self.worker.work.is_empty() {
            match self.worker.step(&mut self.rng) {
                Stepped::Done(None) => {}
                Stepped::Done(Some(answer)) => return *answer,
                other => panic!("{other:?}"),
            }
        }
        panic!("it owes an answer");
    }
}

fn model() -> (Model, GameUnderTest) {
    let release = ReleaseId([1; 32]);
    let worker = Worker::new(WorkerId(1), release, Berth::Common);
    let game = GameUnderTest {
        kind: "ticking".into(),
        version: 1,
        profile: Bytes::new(),
        input: Bytes::from_static(b"\x01"),
        poison: GameFailure::Panic.poison(None),
    };
    (Model { worker, rng: Rng::new(1) }, game)
}

#[test]
fn the_model_of_a_worker_does_what_every_worker_must() {
    let (mut model, game) = model();
    let failed = check(&mut model, &game);
    assert!(failed.is_empty(), "{} of {} points: {failed:#?}", failed.len(), POINTS.len());
}

/// A contract that a worker which lies, or fails at each batch, would meet were none.
#[test]
fn a_worker_that_does_otherwise_is_found_out() {
    let spoil: [fn(&mut Worker); 3] = [
        |worker| worker.lie = 1_000,
        |worker| worker.panic = 1_000,
        |worker| worker.bad_copy = 100,
    ];
    for spoil in spoil {
        let (mut model, game) = model();
        spoil(&mut model.worker);
        assert!(!check(&mut model, &game).is_empty());
    }
}
