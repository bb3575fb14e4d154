//! `playon drill`: a keeper, players and faults, and an account of what came of it.
//!
//! Everything runs as a game would: the keeper and the players are processes of their own, and players believe nothing
//! but their own books. [`run`] is the command, [`bots::run`] the hidden command of a process that plays.

mod admin;
mod args;
pub mod bots;
mod crowd;
mod deeds;
mod disk;
mod faults;
mod flaky;
mod fleet;
pub mod game;
mod gear;
mod growth;
mod hang;
mod keeper;
mod medium;
mod neighbours;
mod noise;
mod outcome;
mod print;
mod relay;
mod restarts;
mod restore;
mod sabotage;
mod slow;
mod soak;
mod socket;
mod spread;
mod survives;
mod vitals;
mod weather;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use playon_client::{JoinError, SendError};
use playon_types::code::Code;
use playon_types::reason;
use playon_types::reason::Reason;
use playon_types::rng::mix;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

pub use args::{DrillArgs, DrillScenario};
pub use growth::Growth;
pub use neighbours::Neighbours;
pub use noise::MachineNoise;
pub use outcome::{
    Baseline, DrillOutcome, HANG_BACK_P99_MS, KEEPER_BACK_P99_MS, WORKER_BACK_P99_MS,
};
pub use sabotage::Sabotage;
pub use spread::{Figures, Spread};
pub use vitals::Role;

use bots::DrillPhase;
use faults::{FaultInjector, Releases};
use fleet::BotFleet;
use gear::{Gear, LEAK, STATE_BYTES};
use keeper::KeeperProcess;
use medium::Medium;
use noise::NoiseMeter;

/// What the two releases are called.
const LABELS: [&str; 2] = ["drill-1", "drill-2"];

/// Runs the drill and prints what came of it. The exit code is 1 if a promise is broken.
///
/// # Errors
/// When the drill could not be carried through; then it says nothing about the promises.
pub fn run(args: &DrillArgs) -> anyhow::Result<ExitCode> {
    args.check()?;
    if args.scenario.each().contains(&DrillScenario::Disk) {
        medium::enter_namespace();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut outcomes = Vec::new();
    for scenario in args.scenario.each() {
        let outcome = match scenario {
            // It minds signals itself, and has something to say for what it has done.
            DrillScenario::Soak => runtime.block_on(drill(args, *scenario))?,
            _ => runtime.block_on(interruptible(drill(args, *scenario)))?,
        };
        if !args.json {
            print(&print::table(&outcome))?;
        }
        outcomes.push(outcome);
    }
    let ok = outcomes.iter().all(|outcome| outcome.ok);
    if args.json {
        let whole = match outcomes.as_slice() {
            [one] => serde_json::to_string(one)?,
            all => serde_json::json!({ "scenario": "all", "ok": ok, "drills": all }).to_string(),
        };
        print(&format!("{whole}\n"))?;
    }
    Ok(ExitCode::from(u8::from(!ok)))
}

/// The code of what kept a drill from being carried through, if it has one of its own.
pub fn code_of(error: &anyhow::Error) -> Option<Code> {
    let of_client = || {
        let join = error.downcast_ref().map(JoinError::code);
        join.or_else(|| error.downcast_ref().map(SendError::code))
    };
    error.downcast_ref().and_then(Reason::code).or_else(of_client)
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Gives up at a signal, and then leaves no process behind.
async fn interruptible<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        done = work => done,
        _ = terminate.recv() => bail!("interrupted"),
        _ = interrupt.recv() => bail!("interrupted"),
    }
}

async fn drill(args: &DrillArgs, scenario: DrillScenario) -> anyhow::Result<DrillOutcome> {
    let seed = args.seed.unwrap_or_else(|| mix(game::monotonic_ns()) >> 24);
    let progress = progress(scenario);
    let data = Data::new(args, scenario)?;
    progress.set_message("starting a keeper");
    let (mut gear, launch) = Gear::prepare(args, scenario, data.path())?;
    let note = gear.medium.as_ref().and_then(Medium::note);
    if let Some(note) = note {
        tracing::warn!("{note}");
    }
    let (mut keeper, releases, mut fleet) = interruptible(async {
        let keeper = KeeperProcess::start(launch).await?;
        let releases = ship(args, &keeper).await?;
        progress.set_message("players come in");
        let url = gear.connect(args, scenario, &keeper).await?;
        let fleet = BotFleet::gather(args, scenario, &url, seed, gear.crowd.is_some()).await?;
        anyhow::Ok((keeper, releases, fleet))
    })
    .await?;
    progress.set_message("undisturbed");
    let mut meter = NoiseMeter::start(data.path())?;
    fleet.enter(DrillPhase::Baseline).await?;
    sleep(args.baseline()).await;
    progress.set_message(scenario.name());
    fleet.enter(DrillPhase::Disturbed).await?;
    meter.disturb();
    let mut faults = FaultInjector::new(args, &mut keeper, &releases, &mut gear, seed);
    let ran = faults.run(scenario).await;
    let noise = meter.stop();
    let mut done = faults.done;
    done.note = note;
    ran.with_context(|| {
        format!("the keeper's last words: {}", keeper::tail(&data.path().join("keeper.log")))
    })?;
    progress.set_message("players settle");
    let report = fleet.report().await?;
    progress.set_message("stopping the keeper");
    keeper.stop().await?;
    progress.finish_and_clear();
    Ok(DrillOutcome::new(args, scenario, seed, report, done, &noise))
}

/// A line on stderr that says what is going on, if a person is looking.
fn progress(scenario: DrillScenario) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(scenario.name());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Ships both releases and puts the first in place.
async fn ship(args: &DrillArgs, keeper: &KeeperProcess) -> anyhow::Result<Releases> {
    let [first, second] = executables(args)?;
    let first = keeper.admin.add_release(&first, LABELS[0]).await?;
    let second = keeper.admin.add_release(&second, LABELS[1]).await?;
    if first == second {
        bail!(reason!("PLY-0561 both releases are the same executable"));
    }
    keeper.admin.deploy(&first).await?;
    let until = Instant::now() + Duration::from_secs(20);
    while !keeper.admin.ready().await {
        if Instant::now() > until {
            bail!(reason!("PLY-0562 no worker of the first release has attached within 20 s"));
        }
        sleep(Duration::from_millis(20)).await;
    }
    // The next deploy would have to wait for this one.
    while keeper.admin.status().await?.deploy.is_some_and(|deploy| !deploy.finished) {
        if Instant::now() > until {
            bail!(reason!("PLY-0562 the first release is not in place within 20 s"));
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok([first, second])
}

/// The game's own releases, or those of the drill game, which lie beside this executable.
fn executables(args: &DrillArgs) -> anyhow::Result<[PathBuf; 2]> {
    if let (Some(a), Some(b)) = (&args.release_a, &args.release_b) {
        return Ok([a.clone(), b.clone()]);
    }
    Ok([beside("playon-drill-r1")?, beside("playon-drill-r2")?])
}

/// An executable that lies beside this one.
fn beside(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe().context("finding this executable")?.with_file_name(name);
    anyhow::ensure!(
        path.is_file(),
        reason!(
            "PLY-0563 {} is missing; build it with `cargo build -p playon-cli --bins`",
            path.display()
        )
    );
    Ok(path)
}

/// The keeper's data directory: made for the drill, or the one asked for.
enum Data {
    Own(tempfile::TempDir),
    Given(PathBuf),
}

impl Data {
    fn new(args: &DrillArgs, scenario: DrillScenario) -> anyhow::Result<Self> {
        let Some(path) = &args.data else {
            return Ok(Self::Own(tempfile::Builder::new().prefix("playon-drill-").tempdir()?));
        };
        let path = path.join(scenario.name());
        std::fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Self::Given(path))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Own(own) => own.path(),
            Self::Given(path) => path,
        }
    }
}
