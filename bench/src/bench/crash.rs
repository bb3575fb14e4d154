//! (e) From `kill -9` of the keeper to rooms that serve: each player comes back to its seat and its next input is answered.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bytes::Bytes;

use super::rooms::{USUAL_BYTES, inhabited};
use super::{Bench, progress};
use crate::load::open;
use crate::player::{Player, Seat};
use crate::process::Keeper;
use crate::report::{Aim, Row, short};

const ROOMS: usize = 10_000;
const ROOMS_QUICK: usize = 100;

/// How long a player goes on trying.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries of one player.
const AGAIN: Duration = Duration::from_millis(5);

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let count = bench.of(ROOMS, ROOMS_QUICK);
    progress(&format!("(e) kill -9 with {count} rooms"));
    let data = bench.data()?;
    let keeper = Keeper::start(data.path())?;
    let players = bench.block_on(inhabited(keeper.players(), count, USUAL_BYTES))?;
    let seats = bench.block_on(play(players))?;
    let killed = Instant::now();
    keeper.server.kill()?;
    let keeper = Keeper::begin(data.path(), false)?;
    let listens = killed.elapsed();
    let address = keeper.players();
    let mut back = bench.block_on(open(count, move |number| {
        let seat = seats[number];
        async move { serving(address, seat, killed).await }
    }))?;
    back.sort_unstable();
    let (Some(first), Some(last)) = (back.first(), back.last()) else { bail!("no rooms") };
    let live = keeper.until("all rooms", |status| status["rooms_live"] == count)?;
    anyhow::ensure!(live["rooms"] == count, "other rooms than before: {live}");
    keeper.server.stop()?;
    let from = format!(
        "{count} rooms of 2 KB; the keeper listens after {} s",
        short(listens.as_secs_f64())
    );
    Ok(vec![
        Row::new("e", "kill -9 to the first room serving", first.as_secs_f64())
            .unit("s")
            .from(from)
            .aim(Aim::AtMost(1.0)),
        Row::new("e", "kill -9 to the last room serving", last.as_secs_f64())
            .unit("s")
            .from("each room's player came back and had an input answered")
            .aim(Aim::AtMost(5.0)),
    ])
}

/// Every player makes one move, so that no room is as it was created.
async fn play(players: Vec<Player>) -> anyhow::Result<Vec<Seat>> {
    let mut seats = Vec::with_capacity(players.len());
    for mut player in players {
        player.round_trip(&Bytes::from_static(b"1")).await?;
        seats.push(player.seat());
    }
    Ok(seats)
}

/// When the player's room has answered, counted from the crash.
async fn serving(address: SocketAddr, seat: Seat, killed: Instant) -> anyhow::Result<Duration> {
    loop {
        match Player::resume(address, seat).await {
            Ok(mut player) => {
                player.round_trip(&Bytes::from_static(b"2")).await?;
                return Ok(killed.elapsed());
            }
            Err(error) if killed.elapsed() > PATIENCE => return Err(error).context("no way back"),
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}
