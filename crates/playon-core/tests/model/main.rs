//! The shard against models that are naive on purpose: random sequences of operations, compared after every step.
//!
//! A failing sequence is shrunk to a short one and printed; `PROPTEST_CASES` sets how many are tried.

mod game;
mod handoff;
mod handoff_model;
#[cfg(feature = "mutants")]
mod mutants;
mod rig;
mod session;
mod session_model;
mod session_outputs;
mod session_parting;
mod worker;

use proptest::test_runner::Config;

/// Enough for each rule to be met many times, and still a matter of seconds.
fn config() -> Config {
    let usual = Config::default();
    // Set by the environment, if it is.
    let cases = if usual.cases == 256 { 1_000 } else { usual.cases };
    Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..usual }
}
