//! (c) Handoffs: how many rooms a second change their process, and how long each stands still.

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::rooms::{USUAL_BYTES, empty};
use super::{Bench, progress};
use crate::process::{Keeper, program};
use crate::report::{Aim, Row, median, short};

/// Rooms of [`USUAL_BYTES`].
const MANY: [usize; 2] = [1_000, 10_000];
const MANY_QUICK: [usize; 2] = [50, 100];

/// Bytes of the large room.
const LARGE_BYTES: usize = 10 << 20;

/// How often a deploy is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// How long a deploy may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a deploy did.
pub(crate) struct Moved {
    pub(crate) per_second: f64,
    pause_ms: [f64; 3],
}

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for count in bench.of(MANY, MANY_QUICK) {
        progress(&format!("(c) handoffs, {count} rooms of 2 KB"));
        let moved = deploys(bench, count, USUAL_BYTES)?;
        let rate = median(moved.iter().map(|moved| moved.per_second).collect());
        rows.push(
            Row::new("c", format!("handoffs, {count} rooms of 2 KB"), rate)
                .unit("rooms/s")
                .from(format!("{} deploys", moved.len()))
                .aim(Aim::AtLeast(5_000.0)),
        );
        rows.push(pause(format!("pause of one room of these {count}, p99"), &moved));
    }
    progress("(c) handoffs, one room of 10 MB");
    let moved = deploys(bench, 1, LARGE_BYTES)?;
    rows.push(pause("pause of one room of 10 MB".to_owned(), &moved));
    Ok(rows)
}

fn pause(what: String, moved: &[Moved]) -> Row {
    let of = |n: usize| median(moved.iter().map(|moved| moved.pause_ms[n]).collect());
    let from = format!("p50 / p99 / max {} / {} / {} ms", short(of(0)), short(of(1)), short(of(2)));
    Row::new("c", what, of(1)).unit("ms").from(from)
}

/// Deploys there and back and there again.
fn deploys(bench: &Bench, count: usize, bytes: usize) -> anyhow::Result<Vec<Moved>> {
    let data = bench.data()?;
    let keeper = Keeper::start(data.path())?;
    bench.block_on(empty(keeper.players(), 0, count, bytes))?;
    let mut all = Vec::new();
    for round in 0..bench.rounds() {
        let release = another_release(&keeper, round)?;
        all.push(deploy(&keeper, &release, count, LOOK_EVERY)?);
    }
    keeper.server.stop()?;
    Ok(all)
}

/// What lies behind the end of an executable is not looked at when it runs, so this is another release with the same rules.
pub(crate) fn another_release(keeper: &Keeper, number: usize) -> anyhow::Result<String> {
    let mut other = std::fs::read(program("playon-bench-game")?)?;
    writeln!(other, "release {number}")?;
    keeper.add_release(&other, &format!("release-{number}"))
}

/// Moves all rooms, of which there are `count`.
pub(crate) fn deploy(
    keeper: &Keeper,
    release: &str,
    count: usize,
    look_every: Duration,
) -> anyhow::Result<Moved> {
    let id = keeper.deploy(release)?;
    let until = Instant::now() + PATIENCE;
    let mut moving: Option<Instant> = None;
    let done: Value = loop {
        let now = Instant::now();
        let deploy: Value = keeper.get(&format!("/v1/deploys/{id}"))?;
        let phase = deploy["phase"].as_str().context("a deploy without a phase")?;
        if moving.is_none() && !matches!(phase, "starting" | "checking") {
            moving = Some(now);
        }
        if deploy["finished"] == true {
            break deploy;
        }
        ensure!(now < until, "the deploy does not end: {deploy}");
        std::thread::sleep(look_every);
    };
    let took = moving.map_or(Duration::ZERO, |began| began.elapsed()).max(look_every);
    ensure!(done["phase"] == "done", "the deploy was not done: {done}");
    ensure!(done["rooms_moved"] == count, "not all of {count} rooms have moved: {done}");
    ensure!(done["inputs_lost"] == 0 && done["faults"] == 0, "something went wrong: {done}");
    let pause = ["p50", "p99", "max"].map(|name| done["pause_ms"][name].as_f64());
    let [Some(p50), Some(p99), Some(max)] = pause else { anyhow::bail!("no pauses: {done}") };
    Ok(Moved { per_second: count as f64 / took.as_secs_f64(), pause_ms: [p50, p99, max] })
}
