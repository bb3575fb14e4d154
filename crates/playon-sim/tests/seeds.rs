//! The simulator as a test: every invariant holds for many seeds, and a seed always tells the same story.

use playon_core::time::Span;
use playon_sim::options::{Mode, Options};
use playon_sim::world::World;

fn run(seed: u64) -> Result<playon_sim::world::Summary, String> {
    World::new(Options::new(Mode::Swarm, seed)).run()
}

#[test]
fn every_invariant_holds_for_many_seeds() {
    let mut moved = 0;
    let mut keepers = 0;
    for seed in 10_000..10_400 {
        let summary = run(seed).unwrap_or_else(|error| {
            panic!("seed {seed}: {error}\nreplay: cargo run -p playon-sim -- replay {seed} --trace")
        });
        moved += summary.moved;
        keepers += summary.keeper_crashes;
    }
    assert!(
        moved > 100 && keepers > 100,
        "the runs were too quiet to mean anything: {moved} {keepers}"
    );
}

#[test]
fn the_same_seed_tells_the_same_story_twice() {
    let story = |seed| {
        let options =
            Options { digest: true, trouble: Span::secs(6), ..Options::new(Mode::Swarm, seed) };
        World::new(options).run()
    };
    for seed in [3, 77, 1_344] {
        assert_eq!(story(seed), story(seed));
    }
    assert_ne!(story(3).map(|s| s.trace), story(4).map(|s| s.trace));
}

/// Found by the simulator: the socket that carried the news of a loss was cut, and the next one told of none.
#[test]
fn a_loss_is_told_until_the_player_knows_of_it() {
    run(1_344).unwrap();
}

/// Found by the simulator: after a fault joins came one at a time, and a player whose join was still waiting
/// was shown the room.
#[test]
fn nobody_sees_a_room_before_the_seat_is_taken() {
    run(10_243).unwrap();
}
