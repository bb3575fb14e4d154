//! (d) What an idle connection and an idle room cost the keeper in memory.

use std::time::Duration;

use super::rooms::{USUAL_BYTES, empty};
use super::{Bench, progress};
use crate::game::ECHO;
use crate::load::open;
use crate::player::{Player, Wish};
use crate::process::Keeper;
use crate::report::{Aim, Row, short};

const COUNT: usize = 10_000;
const COUNT_QUICK: usize = 200;

/// Players of one room.
const PLAYERS: usize = 20;

/// What is under way settles meanwhile; shorter than any ping.
const SETTLE: Duration = Duration::from_secs(1);

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let count = bench.of(COUNT, COUNT_QUICK);
    Ok(vec![connections(bench, count)?, rooms(bench, count)?])
}

/// The growth per item, in bytes.
fn grown(before: u64, after: u64, count: usize) -> f64 {
    after.saturating_sub(before) as f64 / count as f64
}

fn connections(bench: &Bench, count: usize) -> anyhow::Result<Row> {
    progress(&format!("(d) memory of {count} idle connections"));
    let data = bench.data()?;
    let keeper = Keeper::start(data.path())?;
    let address = keeper.players();
    let join = move |number: usize| async move {
        let name = (number / PLAYERS).to_string();
        Player::join(address, &Wish { kind: ECHO, name: &name, ..Wish::default() }).await
    };
    // The rooms first, so that they do not count.
    let first = bench.block_on(open(count / PLAYERS, move |number| join(number * PLAYERS)))?;
    std::thread::sleep(SETTLE);
    let before = keeper.server.memory()?;
    let rest = count - count / PLAYERS;
    let others =
        bench.block_on(open(rest, move |number| join(number + number / (PLAYERS - 1) + 1)))?;
    std::thread::sleep(SETTLE);
    let after = keeper.server.memory()?;
    let open = keeper.metric("playon_gateway_connections")?;
    anyhow::ensure!(open == count as f64, "{open} connections are open, not {count}");
    drop((first, others));
    keeper.server.stop()?;
    Ok(Row::new("d", "memory per idle connection", grown(before, after, rest) / 1024.0)
        .unit("KiB")
        .from(format!("{} MiB for {rest}, {PLAYERS} players to a room", mib(after - before)))
        .aim(Aim::AtMost(10.0)))
}

fn rooms(bench: &Bench, count: usize) -> anyhow::Result<Row> {
    progress(&format!("(d) memory of {count} idle rooms"));
    let data = bench.data()?;
    let keeper = Keeper::start(data.path())?;
    let make = |first, count| bench.block_on(empty(keeper.players(), first, count, USUAL_BYTES));
    // Buffers and the first pages of the store do not count.
    make(count, count / 10)?;
    std::thread::sleep(SETTLE);
    let before = keeper.server.memory()?;
    make(0, count)?;
    std::thread::sleep(SETTLE);
    let after = keeper.server.memory()?;
    let rooms = keeper.metric("playon_rooms")?;
    anyhow::ensure!(rooms == (count + count / 10) as f64, "{rooms} rooms are there");
    keeper.server.stop()?;
    let aim = (2 * USUAL_BYTES + 2048) as f64 / 1024.0;
    Ok(Row::new("d", "memory per idle room of 2 KB", grown(before, after, count) / 1024.0)
        .unit("KiB")
        .from(format!("{} MiB for {count}, the store's cache included", mib(after - before)))
        .aim(Aim::AtMost(aim)))
}

fn mib(bytes: u64) -> String {
    short(bytes as f64 / f64::from(1 << 20))
}
