//! What one message costs, counted and not timed: allocations, wake-ups, processor time. The figures of `docs/profile.md`.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;

use crate::bench::{handoffs, rooms};
use crate::game::{ECHO, ECHO_SAFE, TICK};
use crate::load::{self, Caller, Pace, open};
use crate::process::Keeper;
use crate::tasks::Tasks;

/// Rooms that are moved, and how often.
const ROOMS: usize = 2_000;
const DEPLOYS: usize = 3;
/// How often a deploy is looked at: seldom, since that is counted with it.
const LOOK_EVERY: Duration = Duration::from_millis(100);

const WARM: Duration = Duration::from_secs(2);
const TIME: Duration = Duration::from_secs(5);

/// A load to be counted.
struct Load {
    name: &'static str,
    kind: &'static str,
    sockets: usize,
    /// Players of one room.
    players: usize,
    pace: Pace,
}

const LOADS: [Load; 4] = [
    Load { name: "echo, 100 in flight", kind: ECHO, sockets: 100, players: 1, pace: Pace::Full },
    Load { name: "echo, 1 in flight", kind: ECHO, sockets: 1, players: 1, pace: Pace::Full },
    Load {
        name: "echo on disk first, 100 in flight",
        kind: ECHO_SAFE,
        sockets: 100,
        players: 1,
        pace: Pace::Full,
    },
    Load {
        name: "50 rooms x 4 at 20 Hz, 5 inputs/s each",
        kind: TICK,
        sockets: 200,
        players: 4,
        pace: Pace::PerSecond(5),
    },
];

/// What the counting keeper answers.
#[derive(Debug, Deserialize)]
struct Allocations {
    allocations: u64,
    reallocations: u64,
    bytes: u64,
}

/// Counts of one moment.
struct Moment {
    allocations: Allocations,
    keeper: Tasks,
    worker: Tasks,
    commits: f64,
}

/// Counts and prints, one line per load.
///
/// # Errors
/// When a process cannot be started or an input is lost.
pub fn run(dir: &Path) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for load in &LOADS {
        let data = tempfile::Builder::new().prefix("playon-bench-").tempdir_in(dir)?;
        let mut keeper = Keeper::start_counted(data.path(), true)?;
        let (address, kind, players) = (keeper.players(), load.kind, load.players);
        let callers =
            open(load.sockets, move |number| Caller::player(address, kind, number / players));
        let callers = runtime.block_on(callers)?;
        let (_, callers) = runtime.block_on(load::run(callers, load.pace, Duration::ZERO, WARM))?;
        let before = moment(&mut keeper)?;
        let (calls, _) = runtime.block_on(load::run(callers, load.pace, Duration::ZERO, TIME))?;
        let after = moment(&mut keeper)?;
        let count = calls.rate * TIME.as_secs_f64();
        line(load.name, &calls, &before, &after, count)?;
        keeper.server.stop()?;
    }
    deploy(dir, &runtime)
}

/// Counts what a deploy of idle rooms costs the keeper.
fn deploy(dir: &Path, runtime: &tokio::runtime::Runtime) -> anyhow::Result<()> {
    let data = tempfile::Builder::new().prefix("playon-bench-").tempdir_in(dir)?;
    let mut keeper = Keeper::start_counted(data.path(), true)?;
    runtime.block_on(rooms::empty(keeper.players(), 0, ROOMS, rooms::USUAL_BYTES))?;
    for number in 0..DEPLOYS {
        let release = handoffs::another_release(&keeper, number)?;
        let before = moment(&mut keeper)?;
        let moved = handoffs::deploy(&keeper, &release, ROOMS, LOOK_EVERY)?;
        let after = moment(&mut keeper)?;
        let per = |after: u64, before: u64| (after - before) as f64 / ROOMS as f64;
        let (then, now) = (&before.allocations, &after.allocations);
        writeln!(
            std::io::stdout(),
            "deploy of {ROOMS} idle rooms of 2 KB, {:.0} rooms/s; per room: keeper {:.1} allocations (+ {:.1} grown, {:.0} B), \
             {:.2} sleeps, {:.1} us; {:.2} commits to the store",
            moved.per_second,
            per(now.allocations, then.allocations),
            per(now.reallocations, then.reallocations),
            per(now.bytes, then.bytes),
            per(after.keeper.sleeps, before.keeper.sleeps),
            per(after.keeper.busy, before.keeper.busy) / 1e3,
            (after.commits - before.commits) / ROOMS as f64,
        )
        .context("nobody listens")?;
    }
    keeper.server.stop()
}

fn line(
    name: &str,
    calls: &load::Calls,
    before: &Moment,
    after: &Moment,
    count: f64,
) -> anyhow::Result<()> {
    let per = |after: u64, before: u64| (after - before) as f64 / count;
    let (then, now) = (&before.allocations, &after.allocations);
    writeln!(
        std::io::stdout(),
        "{name}: {:.0} inputs/s, p50 {:.0} us; per input: keeper {:.1} allocations (+ {:.1} grown, {:.0} B), {:.2} sleeps, {:.1} us; \
         worker {:.2} sleeps, {:.1} us; {:.2} commits to the store",
        calls.rate,
        calls.p50,
        per(now.allocations, then.allocations),
        per(now.reallocations, then.reallocations),
        per(now.bytes, then.bytes),
        per(after.keeper.sleeps, before.keeper.sleeps),
        per(after.keeper.busy, before.keeper.busy) / 1e3,
        per(after.worker.sleeps, before.worker.sleeps),
        per(after.worker.busy, before.worker.busy) / 1e3,
        (after.commits - before.commits) / count,
    )
    .context("nobody listens")
}

fn moment(keeper: &mut Keeper) -> anyhow::Result<Moment> {
    let commits = keeper.metric("playon_store_records_total")?;
    let (keeper_pid, worker_pid) = (keeper.server.pid(), keeper.worker_pid()?);
    let allocations = serde_json::from_str(&keeper.server.ask("counts")?)?;
    Ok(Moment {
        allocations,
        keeper: Tasks::of(keeper_pid)?,
        worker: Tasks::of(worker_pid)?,
        commits,
    })
}
