//! The eight measurements.

mod arena;
mod commits;
mod crash;
mod disk;
mod echo;
mod frames;
pub(crate) mod handoffs;
mod memory;
pub(crate) mod rooms;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::peer;
use crate::report::Row;

/// What is to be measured.
#[derive(Clone, Debug, clap::Args)]
pub struct Wanted {
    /// Only this part; may be repeated
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// So little of each that it says whether they work, and nothing about how fast
    #[arg(long)]
    quick: bool,
    /// Print one line of JSON at the end
    #[arg(long)]
    json: bool,
    /// Where the data directories are made, on the disk to be measured; beside this program without it
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The script of the plain server in Node; without it that comparison fails
    #[arg(long, value_name = "FILE", default_value = "bench/node/echo.mjs")]
    node: PathBuf,
}

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Durable commits against the bare disk
    A,
    /// Echoes through keeper and worker against the gateway by itself
    B,
    /// Handoffs
    C,
    /// Memory of idle connections and rooms
    D,
    /// Back after kill -9
    E,
    /// Echoes against plain Node
    F,
    /// Processor time of a frame against a server that only sends
    G,
    /// Bytes to a player of a real game
    H,
}

/// What all measurements work with.
pub(crate) struct Bench {
    runtime: Runtime,
    wanted: Wanted,
    dir: PathBuf,
}

impl Bench {
    /// The first for a real run, the second for a quick one.
    fn of<T>(&self, full: T, quick: T) -> T {
        if self.wanted.quick { quick } else { full }
    }

    /// How long one load lasts, after half as long to warm up.
    fn time(&self) -> Duration {
        self.of(Duration::from_secs(4), Duration::from_millis(500))
    }

    /// How often each side of a comparison has its turn.
    fn rounds(&self) -> usize {
        self.of(3, 1)
    }

    fn data(&self) -> anyhow::Result<TempDir> {
        Ok(tempfile::Builder::new().prefix("playon-bench-").tempdir_in(&self.dir)?)
    }

    fn node(&self) -> &Path {
        &self.wanted.node
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}

/// Says how far it is.
fn progress(text: &str) {
    // Whoever does not listen does not want to know.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Measures what is wanted and prints it.
///
/// # Errors
/// When something cannot be measured, or an input is lost. An aim that is missed is no error.
pub fn run(wanted: Wanted) -> anyhow::Result<()> {
    let here = std::env::current_exe()?;
    let dir = wanted.dir.clone().or_else(|| Some(here.parent()?.to_owned())).unwrap_or_default();
    std::fs::create_dir_all(&dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let bench = Bench { runtime, wanted, dir };
    let all = bench.wanted.only.is_empty();
    let is_wanted = |part| all || bench.wanted.only.contains(&part);
    let mut rows: Vec<Row> = Vec::new();
    let mut add = |name: &str, measured: anyhow::Result<Vec<Row>>| {
        let measured = measured.map_err(|error| error.context(format!("measuring {name}")))?;
        measured.iter().for_each(|row| progress(&row.line()));
        rows.extend(measured);
        anyhow::Ok(())
    };
    if is_wanted(Part::A) {
        add("commits of the store", commits::store(&bench))?;
        add("commits through the whole path", commits::whole_path(&bench))?;
    }
    if is_wanted(Part::B) {
        add("echoes against the gateway", echo::against_gateway(&bench))?;
    }
    if is_wanted(Part::C) {
        add("handoffs", handoffs::run(&bench))?;
    }
    if is_wanted(Part::D) {
        add("memory", memory::run(&bench))?;
    }
    if is_wanted(Part::E) {
        add("a crash", crash::run(&bench))?;
    }
    if is_wanted(Part::F) {
        add("echoes against Node", echo::against_node(&bench))?;
    }
    if is_wanted(Part::G) {
        add("the cost of a frame", frames::run(&bench))?;
    }
    if is_wanted(Part::H) {
        add("bytes to a player", arena::run(&bench))?;
    }
    if bench.wanted.json {
        writeln!(std::io::stdout(), "{}", serde_json::json!({ "rows": rows }))?;
    }
    Ok(())
}

/// Runs the gateway by itself, the peer of the echo.
///
/// # Errors
/// When it cannot listen.
pub fn run_gateway() -> anyhow::Result<()> {
    peer::run()
}
