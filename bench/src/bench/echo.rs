//! (b) and (f): a message goes to a room and comes back.

use std::process::Command;

use super::{Bench, progress};
use crate::game::{ECHO, ECHO_SAFE};
use crate::load::{self, Caller, Calls, Pace};
use crate::process::{Keeper, Server, program};
use crate::report::{Aim, Row, median, short};

/// Sockets with one message in flight each.
const SOCKETS: usize = 100;
const SOCKETS_QUICK: usize = 20;

/// Light load: so many sockets.
const LIGHT_SOCKETS: usize = 10;
/// Messages per second of each of them.
const LIGHT_RATE: u32 = 20;

/// One side of a comparison: its callers, which have their turns one after another.
struct Side {
    callers: Vec<Caller>,
    all: Vec<Calls>,
}

impl Side {
    const fn new(callers: Vec<Caller>) -> Self {
        Self { callers, all: Vec::new() }
    }

    fn turn(&mut self, bench: &Bench, pace: Pace) -> anyhow::Result<()> {
        let callers = std::mem::take(&mut self.callers);
        let run = load::run(callers, pace, bench.time() / 2, bench.time());
        let (calls, callers) = bench.block_on(run)?;
        self.callers = callers;
        self.all.push(calls);
        Ok(())
    }

    /// The middle of its turns.
    fn median(&self) -> Calls {
        let of = |pick: fn(&Calls) -> f64| median(self.all.iter().map(pick).collect());
        Calls { rate: of(|c| c.rate), p50: of(|c| c.p50), p99: of(|c| c.p99) }
    }
}

/// Both have their turns in the same minutes, so that what else the machine does is on both sides.
fn compare(
    bench: &Bench,
    pace: Pace,
    ours: Vec<Caller>,
    theirs: Vec<Caller>,
) -> anyhow::Result<(Calls, Calls)> {
    let (mut ours, mut theirs) = (Side::new(ours), Side::new(theirs));
    for _ in 0..bench.rounds() {
        theirs.turn(bench, pace)?;
        ours.turn(bench, pace)?;
    }
    Ok((ours.median(), theirs.median()))
}

/// (b) Through keeper and worker, against the gateway by itself.
pub(super) fn against_gateway(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let data = bench.data()?;
    let count = bench.of(SOCKETS, SOCKETS_QUICK);
    progress(&format!("(b) echo: keeper and worker against the gateway, {count} sockets"));
    let keeper = Keeper::start(data.path())?;
    let mut command = Command::new(program("playon-bench")?);
    command.arg("gateway");
    let gateway = Server::start(command)?;
    let open = |address, count| bench.block_on(load::echo_players(address, ECHO, count));
    let (ours, theirs) = (open(keeper.players(), count)?, open(gateway.players(), count)?);
    let (ours, theirs) = compare(bench, Pace::Full, ours, theirs)?;
    let mut rows = vec![
        Row::new(
            "b",
            "echo through the worker: share of the gateway by itself",
            ours.rate / theirs.rate,
        )
        .from(format!(
            "{} of {} round trips/s, {count} sockets",
            short(ours.rate),
            short(theirs.rate)
        ))
        .aim(Aim::AtLeast(0.5)),
    ];
    let light = |address| bench.block_on(load::light_players(address, LIGHT_SOCKETS));
    let (ours, theirs) = (light(keeper.players())?, light(gateway.players())?);
    let (ours, theirs) = compare(bench, Pace::PerSecond(LIGHT_RATE), ours, theirs)?;
    let load = format!("{} messages/s", LIGHT_SOCKETS as u32 * LIGHT_RATE);
    let from = |ours, theirs| format!("{} less {} µs, {load}", short(ours), short(theirs));
    rows.push(
        Row::new("b", "what rooms and worker add at light load, p50", ours.p50 - theirs.p50)
            .unit("µs")
            .from(from(ours.p50, theirs.p50))
            .aim(Aim::AtMost(100.0)),
    );
    rows.push(
        Row::new("b", "the same, p99", ours.p99 - theirs.p99)
            .unit("µs")
            .from(from(ours.p99, theirs.p99)),
    );
    gateway.stop()?;
    keeper.server.stop()?;
    Ok(rows)
}

/// (f) Against a plain server in Node, which has no rooms, no second process and no numbers on its messages.
pub(super) fn against_node(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let data = bench.data()?;
    let count = bench.of(SOCKETS, SOCKETS_QUICK);
    progress(&format!("(f) echo: keeper and worker against Node, {count} sockets"));
    let keeper = Keeper::start(data.path())?;
    let mut command = Command::new("node");
    command.arg(bench.node());
    let node = Server::start(command)?;
    let ours = bench.block_on(load::echo_players(keeper.players(), ECHO, count))?;
    let theirs = bench.block_on(load::plain(node.players(), count))?;
    let (ours, theirs) = compare(bench, Pace::Full, ours, theirs)?;
    let mut safe =
        Side::new(bench.block_on(load::echo_players(keeper.players(), ECHO_SAFE, count))?);
    safe.turn(bench, Pace::Full)?;
    let safe = safe.median();
    let rows = vec![
        Row::new(
            "f",
            "echo through keeper and worker: share of plain Node `ws`",
            ours.rate / theirs.rate,
        )
        .from(format!(
            "{} of {} round trips/s; p50 {} and {} ms, p99 {} and {} ms",
            short(ours.rate),
            short(theirs.rate),
            short(ours.p50 / 1e3),
            short(theirs.p50 / 1e3),
            short(ours.p99 / 1e3),
            short(theirs.p99 / 1e3)
        ))
        .aim(Aim::AtLeast(1.0)),
        Row::new("f", "the same with every answer on disk first", safe.rate / theirs.rate).from(
            format!(
                "{} of {} round trips/s; p50 {} ms",
                short(safe.rate),
                short(theirs.rate),
                short(safe.p50 / 1e3)
            ),
        ),
    ];
    node.stop()?;
    keeper.server.stop()?;
    Ok(rows)
}
