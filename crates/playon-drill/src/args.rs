//! What may be asked of a drill.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use playon_types::reason;

use super::game;
use super::sabotage::Sabotage;
use super::survives::SurvivesArg;

/// What is done to the rooms while players play.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DrillScenario {
    /// Deploys back and forth between two releases.
    Deploy,
    /// Nothing. What players feel of this machine by itself, to compare the others with.
    Calm,
    /// Workers are killed at random moments, also in the middle of deploys.
    CrashWorker,
    /// The keeper is killed and started again at once.
    CrashKeeper,
    /// The keeper is stopped in order and killed, in turn, and started again, also while its store is copied.
    Restarts,
    /// Backups are put back while players play on, and the keeper crashes soon after that.
    Restore,
    /// The keeper's disk fills up, fails to sync or becomes read-only, also in the middle of deploys.
    Disk,
    /// Slow readers, floods, 2,000 silent connections and reconnect storms, while others play on.
    Slow,
    /// Workers are stopped, shorter and longer than the keeper waits, and continued; also in the middle of deploys.
    HangWorker,
    /// The game's code panics, aborts, overflows its stack, exits or never comes back in one room, while others play on.
    Deeds,
    /// The network splits, stalls and cuts at random bytes, in both directions, while deploys go on.
    FlakyNetwork,
    /// Everything but a broken disk at random, with memory, files and threads sampled.
    Soak,
    /// One after the other.
    All,
}

impl DrillScenario {
    /// Whether no socket may be closed in it: nothing but workers and releases is touched.
    pub(super) const fn judges_sockets(self) -> bool {
        matches!(
            self,
            Self::Calm
                | Self::Deploy
                | Self::CrashWorker
                | Self::HangWorker
                | Self::Deeds
                | Self::All
        )
    }

    /// The single drills in it.
    pub(super) const fn each(self) -> &'static [Self] {
        match self {
            Self::Deploy => &[Self::Deploy],
            Self::Calm => &[Self::Calm],
            Self::CrashWorker => &[Self::CrashWorker],
            Self::CrashKeeper => &[Self::CrashKeeper],
            Self::Restarts => &[Self::Restarts],
            Self::Restore => &[Self::Restore],
            Self::Disk => &[Self::Disk],
            Self::Slow => &[Self::Slow],
            Self::HangWorker => &[Self::HangWorker],
            Self::Deeds => &[Self::Deeds],
            Self::FlakyNetwork => &[Self::FlakyNetwork],
            Self::Soak => &[Self::Soak],
            Self::All => &[
                Self::Deploy,
                Self::CrashWorker,
                Self::CrashKeeper,
                Self::HangWorker,
                Self::Deeds,
                Self::FlakyNetwork,
                Self::Restarts,
                Self::Restore,
                Self::Disk,
                Self::Slow,
                Self::Soak,
            ],
        }
    }

    /// Whether the keeper does not always live through it.
    pub(super) const fn kills_keepers(self) -> bool {
        matches!(
            self,
            Self::CrashKeeper
                | Self::Restarts
                | Self::Restore
                | Self::Disk
                | Self::Soak
                | Self::All
        )
    }

    /// As it is written on the command line.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Calm => "calm",
            Self::CrashWorker => "crash-worker",
            Self::CrashKeeper => "crash-keeper",
            Self::Restarts => "restarts",
            Self::Restore => "restore",
            Self::Disk => "disk",
            Self::Slow => "slow",
            Self::HangWorker => "hang-worker",
            Self::Deeds => "deeds",
            Self::FlakyNetwork => "flaky-network",
            Self::Soak => "soak",
            Self::All => "all",
        }
    }
}

const EXAMPLES: &str = "Examples:
  playon drill                                     deploys under 80 players for a minute
  playon drill calm                                nothing: what this machine does to players by itself
  playon drill crash-keeper --rooms 50 --seconds 45
  playon drill crash-keeper --survives worker-crash   losses are allowed, but only those players are told of
  playon drill hang-worker --seconds 60            workers that stop for up to 5 s, and come back
  playon drill deeds --seconds 70                  game code that hangs, aborts, panics in one room: the others notice one reopening
  playon drill flaky-network --seed 7              sockets are split, stalled and cut at random bytes
  playon drill restarts --rooms 6 --hz 5 --state-bytes 2048..8388608
  playon drill restore --rooms 10                  what a backup did not hold is told to players, exactly
  playon drill disk --seconds 60                   a disk that is full, does not sync, is read-only
  playon drill slow --rooms 20                     others misbehave in the same rooms
  playon drill soak --seconds 28800 --seed 7       everything at random for eight hours; Ctrl-C ends it with what it has
  playon drill all --seconds 40                    one after the other

disk mounts a file system of its own, as root or in a user namespace. Where neither is allowed it says so, and limits the
size of the keeper's files instead.

soak fails if a process grows: for each keeper and worker that lived for 10 s, the median of the second fifth of its life is
compared with that of its last fifth. Allowed are 15 % and, besides, 80 MiB of memory for a keeper (its store's cache fills up
once) or 16 MiB for a worker, 64 files, 8 threads.";

/// Proves on this machine what Playon promises: starts a keeper and players of its own, does what the scenario says,
/// and counts what players lose. Exit code 1 if a promise is broken.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DrillArgs {
    /// What is done to the rooms.
    #[arg(value_enum, default_value = "deploy")]
    pub scenario: DrillScenario,
    /// Rooms.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rooms: u32,
    /// Players in each room.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub players: u32,
    /// Ticks per second: 5, 10, 20, 30 or 60. With a game of your own: the views a second it makes.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub hz: u32,
    /// Inputs each player sends per second, whether or not anyone answers.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub inputs_per_second: u32,
    /// How long players play, in seconds. The first sixth, 3 to 10 s, is left undisturbed.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(5..=86_400))]
    pub seconds: u32,
    /// Where everything random comes from. Default: the clock.
    #[arg(long)]
    pub seed: Option<u64>,
    /// The time between two deploys, in seconds. Crashes come about as often, but workers are left alone for 3.5 s and the keeper for 6 s.
    #[arg(long, default_value_t = 4.0, value_parser = every)]
    pub deploy_every: f64,
    /// Prints one JSON object and nothing else.
    #[arg(long)]
    pub json: bool,
    /// A release of your own game, to start with.
    #[arg(long, requires_all = ["release_b", "inputs", "kind"])]
    pub release_a: Option<PathBuf>,
    /// The other release of your own game.
    #[arg(long, requires = "release_a")]
    pub release_b: Option<PathBuf>,
    /// What players of your own game send: a file with one JSON value a line, sent in turn.
    #[arg(long, requires = "release_a")]
    pub inputs: Option<PathBuf>,
    /// The kind of room of your own game.
    #[arg(long, requires = "release_a")]
    pub kind: Option<String>,
    /// 99 of 100 handoffs may pause a room for so many milliseconds.
    #[arg(long, default_value_t = 25.0)]
    pub pause_p99_ms: f64,
    /// No room may pause for more milliseconds while deploys go on.
    #[arg(long, default_value_t = 100.0)]
    pub pause_max_ms: f64,
    /// 99 of 100 players may wait for so many milliseconds until they see their room again after its worker or keeper was killed
    /// or hung. Default: 1000, 3000 and 5000, which is what is promised for states of some kilobytes.
    #[arg(long)]
    pub back_p99_ms: Option<f64>,
    /// Where the keeper keeps its data; it is left there. Default: a temporary directory, removed at the end.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// What the drill game's rooms survive without a loss.
    #[arg(long, value_enum, default_value_t, conflicts_with = "release_a")]
    pub survives: SurvivesArg,
    /// Dead weight of each of the drill game's states, in bytes: a number, or two with `..` between them for any in that range.
    #[arg(long, value_parser = weight, conflicts_with = "release_a")]
    pub state_bytes: Option<String>,
    /// Lets the drill game's workers leak, to see that a soak notices.
    #[arg(long, hide = true)]
    pub leak: bool,
    /// Breaks a promise on purpose, to see that the drill notices.
    #[arg(long, hide = true, value_enum)]
    pub sabotage: Option<Sabotage>,
    /// Players simulated by one process.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub players_per_process: u32,
}

fn every(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.5..=3_600.0).contains(&seconds) => Ok(seconds),
        Ok(_) => Err("between 0.5 and 3600".to_owned()),
        Err(why) => Err(why.to_string()),
    }
}

fn weight(text: &str) -> Result<String, String> {
    match game::weight(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("a number of bytes, or two as in 2048..8388608".to_owned()),
    }
}

impl DrillArgs {
    /// Whether the rooms are not those of the bundled game.
    pub(super) const fn foreign(&self) -> bool {
        self.release_a.is_some()
    }

    pub(super) fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or_else(|| game::kind(self.hz))
    }

    /// Whether rooms go back: to a checkpoint when the keeper is killed, or to a backup.
    pub(super) fn goes_back(&self, scenario: DrillScenario) -> bool {
        self.survives == SurvivesArg::WorkerCrash || scenario == DrillScenario::Restore
    }

    /// The undisturbed time at the beginning.
    pub(super) fn baseline(&self) -> Duration {
        Duration::from_secs_f64((f64::from(self.seconds) / 6.0).clamp(3.0, 10.0))
    }

    /// The time with faults.
    pub(super) fn disturbed(&self) -> Duration {
        Duration::from_secs(self.seconds.into()).saturating_sub(self.baseline())
    }

    /// Checks what the parser cannot.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let known = self.foreign() || game::HZ.contains(&self.hz);
        anyhow::ensure!(
            known,
            reason!(
                "PLY-0560 the drill game ticks 5, 10, 20, 30 or 60 times a second, not {}",
                self.hz
            )
        );
        Ok(())
    }
}
