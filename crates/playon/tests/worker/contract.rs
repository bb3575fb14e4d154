//! What every worker must do: the real one, asked over a real socket by the scripted keeper that asks the simulator's model, too.

use crate::common::owner::Owner;
use crate::common::{Do, Log};
use playon_types::attach::{FromWorker, ToWorker};
use playon_worker_kit::{GameUnderTest, POINTS, Subject, check};

struct Real(Owner);

impl Subject for Real {
    fn tell(&mut self, message: ToWorker) {
        self.0.tell(message);
    }

    fn answer(&mut self) -> FromWorker {
        self.0.answer()
    }
}

fn said(input: &Do) -> bytes::Bytes {
    serde_json::to_vec(input).expect("plain data").into()
}

#[test]
fn the_worker_does_what_every_worker_must() {
    let game = GameUnderTest {
        kind: "log".into(),
        version: 1,
        profile: br#"{"name":"ann"}"#[..].into(),
        input: said(&Do::Say("hi".into())),
        poison: said(&Do::Panic),
    };
    let mut worker = Real(Owner::attach(playon::app("logs").room::<Log>()));
    let failed = check(&mut worker, &game);
    assert!(failed.is_empty(), "{} of {} points: {failed:#?}", failed.len(), POINTS.len());
    worker.0.shutdown();
}
