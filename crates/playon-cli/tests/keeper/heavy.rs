//! Rooms with large states: what their bytes cost, on the link and in the worker, is held against nobody.

use futures_util::future::join_all;
use rustix::process::Signal;

use super::player::Player;
use super::rig::{Rig, kill};

/// Bytes of one state.
const STATE_BYTES: u64 = 5_000_000;
/// Rooms; together more than a worker may have on its way at once, many times over.
const ROOMS: usize = 40;

async fn players(rig: &Rig) -> Vec<Player> {
    let mut players = Vec::new();
    for room in 0..ROOMS {
        players.push(Player::join_kind(rig, "drill-turns", &format!("heavy-{room}")).await);
    }
    players
}

/// One input to every room at the same time, and the answer of each.
async fn all_play(players: &mut [Player]) {
    join_all(players.iter_mut().map(|player| player.play(1))).await;
}

fn workers_lost(rig: &Rig) -> usize {
    rig.log().matches("worker detached").count()
}

#[tokio::test]
async fn large_rooms_come_back_after_their_worker_died_and_are_delivered_to_all_at_once() {
    let rig = Rig::start_heavy(STATE_BYTES);
    let mut players = players(&rig).await;
    all_play(&mut players).await;
    assert_eq!(workers_lost(&rig), 0, "a burst is no reason to kill anybody: {}", rig.log());
    kill(rig.worker(), Signal::KILL);
    all_play(&mut players).await;
    assert_eq!(workers_lost(&rig), 1, "one death, one recovery: {}", rig.log());
    all_play(&mut players).await;
    assert_eq!(workers_lost(&rig), 1, "{}", rig.log());
}
