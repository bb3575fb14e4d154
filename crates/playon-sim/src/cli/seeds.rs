//! Runs of seeds.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use playon_sim::options::{Options, SeedMode};
use playon_sim::world::{KEY, Summary, World};

use super::say;

/// Which seeds.
#[derive(Args)]
pub(crate) struct Range {
    /// How many.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Print how often each state and transition was reached.
    #[arg(long)]
    coverage: bool,
}

/// For how long.
#[derive(Args)]
pub(crate) struct Soak {
    /// Minutes of real time.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
}

/// Which run.
#[derive(Args)]
pub(crate) struct Replay {
    /// The seed.
    seed: u64,
    /// The mode it was run in.
    #[arg(long, value_enum, default_value_t = ModeName::Swarm)]
    mode: ModeName,
    /// Print every step, with a key to the columns.
    #[arg(long)]
    trace: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum ModeName {
    Lite,
    Swarm,
    Soak,
}

impl From<ModeName> for SeedMode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Lite => Self::Lite,
            ModeName::Swarm => Self::Swarm,
            ModeName::Soak => Self::Soak,
        }
    }
}

/// A run that broke an invariant.
struct SeedFailure {
    seed: u64,
    error: String,
}

/// All runs together.
struct SeedBatch {
    mode: SeedMode,
    next: AtomicU64,
    until: u64,
    deadline: Option<Instant>,
    done: AtomicU64,
    stop: AtomicBool,
    sum: Mutex<Summary>,
    failure: Mutex<Option<SeedFailure>>,
}

pub(crate) fn run(mode: SeedMode, range: &Range) -> ExitCode {
    let batch = SeedBatch::new(mode, range.from, range.from.saturating_add(range.seeds), None);
    batch.run_all();
    batch.conclude(range.coverage)
}

pub(crate) fn soak(soak: &Soak) -> ExitCode {
    let deadline = Instant::now() + Duration::from_secs(60 * soak.minutes);
    let batch = SeedBatch::new(SeedMode::Soak, soak.from, u64::MAX, Some(deadline));
    batch.run_all();
    batch.conclude(true)
}

pub(crate) fn replay(replay: &Replay) -> ExitCode {
    let options = Options { trace: replay.trace, ..Options::new(replay.mode.into(), replay.seed) };
    say(&format!("{options:?}"));
    if replay.trace {
        eprintln!("{KEY}");
    }
    match World::new(options).run() {
        Ok(summary) => {
            say(&format!("{} steps; every invariant held", summary.steps));
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&format!("FAILED {error}"));
            ExitCode::FAILURE
        }
    }
}

impl SeedBatch {
    fn new(mode: SeedMode, from: u64, until: u64, deadline: Option<Instant>) -> Self {
        Self {
            mode,
            next: AtomicU64::new(from),
            until,
            deadline,
            done: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            sum: Mutex::new(Summary::default()),
            failure: Mutex::new(None),
        }
    }

    fn run_all(&self) {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| self.work())).collect();
            let mut said = Instant::now();
            while workers.iter().any(|worker| !worker.is_finished()) {
                thread::sleep(Duration::from_millis(50));
                if said.elapsed() > Duration::from_secs(if self.progress_often() { 1 } else { 30 })
                {
                    said = Instant::now();
                    eprintln!("{} seeds", self.done.load(Ordering::Relaxed));
                }
            }
        });
    }

    fn progress_often(&self) -> bool {
        std::io::stderr().is_terminal()
    }

    /// Takes one seed after another.
    fn work(&self) {
        while !self.stop.load(Ordering::Relaxed)
            && self.deadline.is_none_or(|at| Instant::now() < at)
        {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.until {
                return;
            }
            match World::new(Options::new(self.mode, seed)).run() {
                Ok(summary) => {
                    self.sum.lock().unwrap_or_else(PoisonError::into_inner).add(&summary);
                    self.done.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => {
                    self.stop.store(true, Ordering::Relaxed);
                    let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                    // Of several the lowest, so that the report does not depend on threads.
                    if failure.as_ref().is_none_or(|known| known.seed > seed) {
                        *failure = Some(SeedFailure { seed, error });
                    }
                }
            }
        }
    }

    fn conclude(&self, coverage: bool) -> ExitCode {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(SeedFailure { seed, error }) = &*failure {
            let mode = self.mode.name();
            say(&format!("seed {seed} FAILED {error}\n{:?}", Options::new(self.mode, *seed)));
            say(&format!(
                "replay: cargo run --release -p playon-sim -- replay {seed} --mode {mode} --trace"
            ));
            return ExitCode::FAILURE;
        }
        let sum = self.sum.lock().unwrap_or_else(PoisonError::into_inner);
        if coverage {
            say(&sum.coverage.to_string());
        }
        say(&format!("{} seeds: {sum}; every invariant held", self.done.load(Ordering::Relaxed)));
        ExitCode::SUCCESS
    }
}
