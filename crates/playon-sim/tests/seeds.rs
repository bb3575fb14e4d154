//! The simulator as a test: every invariant holds for many seeds, and a seed always tells the same story.

use playon_sim::options::{Options, SeedMode};
use playon_sim::world::{Summary, World};
use playon_types::time::Span;

#[test]
fn every_invariant_holds_in_every_mode() {
    for (mode, seeds) in [(SeedMode::Lite, 60), (SeedMode::Swarm, 60), (SeedMode::Soak, 2)] {
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
    for (mode, seed) in
        [(SeedMode::Lite, 3), (SeedMode::Swarm, 77), (SeedMode::Swarm, 1_344), (SeedMode::Soak, 5)]
    {
        assert_eq!(story(mode, seed), story(mode, seed));
    }
    let traces = [3, 4].map(|seed| story(SeedMode::Swarm, seed).map(|summary| summary.trace));
    assert_ne!(traces[0], traces[1]);
}
