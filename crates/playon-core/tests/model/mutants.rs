//! Whether the models would notice: each rule that concerns them is broken, and a sequence must be found that fails.
//!
//! Other rules are for the simulator alone, which catches all: what several rooms or the director do, rooms that
//! cannot be read, and late messages, switches and exports in an order that one room's model does not make.

use std::panic::{self, AssertUnwindSafe};

use playon_core::mutant::Mutant::{self, *};
use playon_core::mutant::switch_on;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::{handoff, session};

/// Sequences within which a broken rule is noticed. Most are in the first ten.
const TRIALS: u32 = 4_000;

const SESSIONS: [Mutant; 17] = [
    ReleaseUnsafe,
    BacklogUnsafe,
    GenerationUnchecked,
    AckAtReceipt,
    DuplicateTaken,
    GapTaken,
    NoRedelivery,
    HistoryKept,
    LossUntold,
    GapHidden,
    AwayLost,
    SeatsForever,
    ClockRunsDown,
    HashUnchecked,
    AheadUnbounded,
    InputsUnbounded,
    PoisonKept,
];

const HANDOFFS: [Mutant; 12] = [
    ReleaseUnsafe,
    AckAtReceipt,
    NoRedelivery,
    SwitchUnsafe,
    NoRetire,
    TailDropped,
    TimersLost,
    FreezeForever,
    HistoryKept,
    OpenForever,
    PoisonKept,
    TimersUnstopped,
];

#[test]
fn the_models_notice_broken_rules() {
    // Thousands of sequences are meant to fail; what they say is for nobody.
    let usual = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let whole = [unnoticed(None, session::try_one), unnoticed(None, handoff::try_one)];
    let sessions = SESSIONS.into_iter().filter(|rule| unnoticed(Some(*rule), session::try_one));
    let sessions: Vec<_> = sessions.map(Mutant::name).collect();
    let handoffs = HANDOFFS.into_iter().filter(|rule| unnoticed(Some(*rule), handoff::try_one));
    let handoffs: Vec<_> = handoffs.map(Mutant::name).collect();
    panic::set_hook(usual);
    assert_eq!(whole, [true; 2], "with every rule whole there is nothing to notice");
    assert!(sessions.is_empty(), "not noticed by the model of sessions: {sessions:?}");
    assert!(handoffs.is_empty(), "not noticed by the model of handoffs: {handoffs:?}");
}

/// Whether every sequence goes as the model says, with that rule broken.
fn unnoticed(broken: Option<Mutant>, try_one: fn(&mut TestRunner)) -> bool {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    switch_on(broken);
    let trials = if broken.is_some() { TRIALS } else { 100 };
    let unnoticed =
        (0..trials).all(|_| panic::catch_unwind(AssertUnwindSafe(|| try_one(&mut runner))).is_ok());
    switch_on(None);
    unnoticed
}
