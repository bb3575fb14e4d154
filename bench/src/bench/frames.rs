//! (g) What a frame that a player is shown costs the server: processor time of all its processes, against a server that does nothing
//! but send.

use std::process::Command;

use super::{Bench, progress};
use crate::audience::{self, Guest, Sight};
use crate::load::open;
use crate::process::{Keeper, Server, program};
use crate::report::{Aim, Row, median, short};
use crate::tasks::Tasks;

/// Rooms of [`PLAYERS`] that tick twenty times a second.
const SIZES: [usize; 4] = [10, 50, 200, 400];
const SIZES_QUICK: [usize; 1] = [3];

const PLAYERS: usize = 4;
const HZ: f64 = 20.0;

/// The size with an aim.
const AIMED_AT: usize = 50;

/// Of the time of its one thread the load client may have so much; beyond it, it is the client that is measured.
const CLIENT_MAX: f64 = 0.9;

/// Of the frames that are due at least so many have to arrive; else the machine is full, and what a frame costs is no question any more.
const DELIVERED_MIN: f64 = 0.97;

/// One turn of one side.
#[derive(Clone, Copy, Debug)]
struct Turn {
    /// Microseconds of processor time per frame: of all processes, and of them the worker's.
    cost: f64,
    worker: f64,
    sleeps_per_second: f64,
    syncs_per_second: f64,
    /// Of the frames that were due.
    delivered: f64,
    /// The client's processor time, of one processor.
    client: f64,
    /// The longest gap of the player in the middle, in milliseconds.
    gap: f64,
    bytes: u64,
}

/// The counts of one moment.
#[derive(Clone, Copy, Default)]
struct Moment {
    server: Tasks,
    worker: Tasks,
    syncs: f64,
}

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for rooms in bench.of(SIZES.to_vec(), SIZES_QUICK.to_vec()) {
        progress(&format!("(g) cost of a frame: {rooms} rooms of {PLAYERS}"));
        let (mut ours, mut floor) = (Vec::new(), Vec::new());
        for _ in 0..bench.rounds() {
            let turn = keeper(bench, rooms)?;
            floor.push(bare(bench, rooms, turn.bytes)?);
            ours.push(turn);
        }
        let (ours, floor) = (middle(&ours), middle(&floor));
        rows.extend(told(rooms, &ours, &floor, bench.wanted.quick));
        if let Some(why) = limit(&ours, &floor) {
            progress(&format!("{why}; larger sizes are left out"));
            break;
        }
    }
    Ok(rows)
}

fn keeper(bench: &Bench, rooms: usize) -> anyhow::Result<Turn> {
    let data = bench.data()?;
    let keeper = Keeper::start_with(data.path(), "playon-bench-table-r1")?;
    let address = keeper.players();
    let guests = open(rooms * PLAYERS, move |number| Guest::player(address, number, PLAYERS));
    let guests = bench.block_on(guests)?;
    let worker = keeper.worker_pid()?;
    let mark = || {
        let worker = Tasks::of(worker)?;
        let server = Tasks::of(keeper.server.pid())? + worker;
        Ok(Moment { server, worker, syncs: keeper.metric("playon_store_syncs_total")? })
    };
    let played = audience::play(guests, bench.time() / 2, bench.time(), mark);
    let (sight, begin, end) = bench.block_on(played)?;
    keeper.server.stop()?;
    Ok(turn(bench, rooms, &sight, begin, end))
}

fn bare(bench: &Bench, rooms: usize, bytes: u64) -> anyhow::Result<Turn> {
    let mut command = Command::new(program("playon-bench")?);
    command.arg("floor").arg("--bytes").arg(bytes.to_string());
    let server = Server::start(command)?;
    let address = server.players();
    let guests = bench.block_on(open(rooms * PLAYERS, move |_| Guest::plain(address)))?;
    let mark = || Ok(Moment { server: Tasks::of(server.pid())?, ..Moment::default() });
    let played = audience::play(guests, bench.time() / 2, bench.time(), mark);
    let (sight, begin, end) = bench.block_on(played)?;
    server.stop()?;
    Ok(turn(bench, rooms, &sight, begin, end))
}

fn turn(bench: &Bench, rooms: usize, sight: &Sight, begin: Moment, end: Moment) -> Turn {
    let (frames, seconds) = (sight.frames as f64, bench.time().as_secs_f64());
    let (server, worker) = (end.server - begin.server, end.worker - begin.worker);
    Turn {
        cost: server.busy as f64 / 1e3 / frames,
        worker: worker.busy as f64 / 1e3 / frames,
        sleeps_per_second: server.sleeps as f64 / seconds,
        syncs_per_second: (end.syncs - begin.syncs) / seconds,
        delivered: frames / ((rooms * PLAYERS) as f64 * HZ * seconds),
        client: sight.own.busy as f64 / 1e9 / seconds,
        gap: sight.gaps.get(sight.gaps.len() / 2).copied().unwrap_or(f64::NAN),
        bytes: sight.bytes,
    }
}

fn middle(turns: &[Turn]) -> Turn {
    let of = |pick: fn(&Turn) -> f64| median(turns.iter().map(pick).collect());
    Turn {
        cost: of(|t| t.cost),
        worker: of(|t| t.worker),
        sleeps_per_second: of(|t| t.sleeps_per_second),
        syncs_per_second: of(|t| t.syncs_per_second),
        delivered: of(|t| t.delivered),
        client: of(|t| t.client),
        gap: of(|t| t.gap),
        bytes: of(|t| t.bytes as f64) as u64,
    }
}

/// What keeps more players from being measured.
fn limit(ours: &Turn, floor: &Turn) -> Option<String> {
    let client = ours.client.max(floor.client);
    let delivered = ours.delivered.min(floor.delivered);
    if client > CLIENT_MAX {
        return Some(format!("the load client is busy {:.0} % of the time", client * 100.0));
    }
    (delivered < DELIVERED_MIN)
        .then(|| format!("of the frames that were due {:.0} % arrived", delivered * 100.0))
}

fn told(rooms: usize, ours: &Turn, floor: &Turn, quick: bool) -> Vec<Row> {
    let what = format!("cost of a frame, {rooms} rooms of {PLAYERS}: times the floor");
    let from = format!(
        "{} (worker {}) of {} µs; {:.0} B a frame, {:.0} sleeps/s, {:.1} % of the frames due; client {:.0} % of a processor",
        short(ours.cost),
        short(ours.worker),
        short(floor.cost),
        ours.bytes,
        ours.sleeps_per_second,
        ours.delivered * 100.0,
        ours.client * 100.0,
    );
    let cost = Row::new("g", what, ours.cost / floor.cost).from(from);
    let what = format!("syncs, {rooms} rooms that tick");
    let syncs = Row::new("g", what, ours.syncs_per_second).unit("/s").from("durable commits");
    let what = format!("longest gap, {rooms} rooms of {PLAYERS}, p50");
    let gap = Row::new("g", what, ours.gap)
        .unit("ms")
        .from(format!("the floor's is {} ms", short(floor.gap)));
    if rooms == AIMED_AT && !quick {
        return vec![cost.aim(Aim::AtMost(2.0)), syncs.aim(Aim::AtMost(40.0)), gap];
    }
    vec![cost, syncs, gap]
}
