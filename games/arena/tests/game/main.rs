//! The arena without a network: rooms driven by `playon::testing`.

mod deploy;
mod page;
mod round;
mod score;
mod seats;
mod view;

use arena::arena::{Arena, Params, Release};
use arena::autopilot::Autopilot;
use arena::view::{Row, View};
use playon::PlayerId;
use playon::testing::TestRoom;

/// A room whose rounds last `round_s` seconds.
fn room<R: Release>(round_s: u64) -> TestRoom<Arena<R>> {
    TestRoom::create(Params { round_s: Some(round_s) })
}

/// Lets these players catch what they can for so many steps.
fn fly<R: Release>(room: &mut TestRoom<Arena<R>>, players: &[PlayerId], steps: u32) {
    let mut pilots = vec![Autopilot::default(); players.len()];
    for _ in 0..steps {
        for (pilot, who) in pilots.iter_mut().zip(players) {
            if let Some(steer) = pilot.steer(&room.view(*who)) {
                room.input(*who, steer);
            }
        }
        room.ticks(1);
    }
}

/// One's own row of the score board.
fn own(view: &View) -> &Row {
    view.board.iter().find(|row| row.0 == view.you).expect("whoever plays is on the board")
}
