//! The simulator as a test: every invariant holds for many seeds, and a seed always tells the same story.

use playon_sim::options::{Mode, Options};
use playon_sim::world::{Summary, World};
use playon_types::time::Span;

#[test]
fn every_invariant_holds_in_every_mode() {
    for (mode, seeds) in [(Mode::Lite, 60), (Mode::Swarm, 60), (Mode::Soak, 2)] {
        let mut sum = Summary::default();
        for seed in 10_000..10_000 + seeds {
            let summary = World::new(Options::new(mode, seed)).run().unwrap_or_else(|error| {
                let mode = mode.name();
                panic!("{error}\nreplay: cargo run -p playon-sim -- replay {seed} --mode {mode} --trace")
            });
            sum.add(&summary);
        }
        assert!(sum.moved > 10 && sum.keeper_crashes > 5, "too quiet to mean anything: {sum}");
    }
}

#[test]
fn the_same_seed_tells_the_same_story_twice() {
    let story = |mode, seed| {
        let short = Options { digest: true, trouble: Span::secs(6), ..Options::new(mode, seed) };
        World::new(short).run()
    };
    for (mode, seed) in [(Mode::Lite, 3), (Mode::Swarm, 77), (Mode::Swarm, 1_344), (Mode::Soak, 5)]
    {
        assert_eq!(story(mode, seed), story(mode, seed));
    }
    let traces = [3, 4].map(|seed| story(Mode::Swarm, seed).map(|summary| summary.trace));
    assert_ne!(traces[0], traces[1]);
}
