//! The numbers of a drill, and whether they are what is promised.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::args::{DrillArgs, DrillScenario};
use super::bots::{BotReport, Measured, Stall};
use super::faults::Done;
use super::growth::Growth;
use super::neighbours::Neighbours;
use super::noise::{MachineNoise, Noise};
use super::spread::{Figures, Spread};

/// 99 of 100 rooms are live again so soon after a worker was killed, in milliseconds.
pub const WORKER_BACK_P99_MS: f64 = 1_000.0;
/// 99 of 100 players see their room again so soon after the keeper was killed, in milliseconds.
pub const KEEPER_BACK_P99_MS: f64 = 3_000.0;

/// 99 of 100 players see their room again so soon after its worker was stopped for good, in milliseconds: the keeper
/// waits for 2 s until a batch or for 3 s until a link is given up, and then opens the rooms elsewhere.
pub const HANG_BACK_P99_MS: f64 = 5_000.0;

/// What came of a drill. The names are those of the JSON output.
#[derive(Clone, Debug, Serialize)]
pub struct DrillOutcome {
    /// Which one.
    pub scenario: DrillScenario,
    /// Whether every promise was kept.
    pub ok: bool,
    /// The promises that were not, with limit and value.
    pub broken: Vec<String>,
    /// Times longer than promised, but by no more than the machine itself held everybody up meanwhile: nobody can tell whose
    /// they were, and they do not count as broken.
    pub missed: Vec<String>,
    /// Where everything random came from.
    pub seed: u64,
    /// Rooms.
    pub rooms: u32,
    /// Players in each.
    pub players: u32,
    /// Ticks per second.
    pub hz: u32,
    /// Seconds played.
    pub seconds: u32,
    /// Deploys that went through.
    pub deploys: u64,
    /// Deploys that were stopped or taken back.
    pub deploys_stopped: u64,
    /// Processes killed.
    pub kills: u64,
    /// Keepers stopped in order and started again.
    pub stops: u64,
    /// Backups put back.
    pub restores: u64,
    /// Workers stopped for a while.
    pub hangs: u64,
    /// Times that all sockets were cut in one moment.
    pub storms: u64,
    /// Times that nothing was passed on between players and keeper for a while.
    pub network_stalls: u64,
    /// How those ended who had to end: what it was and the code, with their number.
    pub ends: BTreeMap<String, u64>,
    /// What became of memory, files and threads in a soak.
    pub growth: Vec<Growth>,
    /// Whether it was ended by hand before its time.
    pub interrupted: bool,
    /// Rooms that changed their release, as players saw it.
    pub rooms_moved: u64,
    /// Sockets that the drill's own network cut.
    pub sockets_cut_by_network: u64,
    /// Sockets that the keeper closed by itself in such a network.
    pub sockets_closed_by_keeper: u64,
    /// Sockets closed under players.
    pub sockets_closed: u64,
    /// Sessions that ended before their time.
    pub sessions_ended: u64,
    /// Views that were told by what differs from the one before, which players' books then compare with the room.
    pub views_delta: u64,
    /// Inputs sent.
    pub inputs_sent: u64,
    /// Inputs that were due while 256 others waited for their turn, and therefore not sent.
    pub inputs_blocked: u64,
    /// Inputs never applied.
    pub inputs_lost: u64,
    /// Acknowledged inputs that a killed keeper lost and said so, where rooms survive only the crash of a worker. What is lost
    /// without being said counts as lost.
    pub inputs_told_lost: u64,
    /// Inputs applied more than once; nothing where that cannot be checked, here and below.
    pub inputs_duplicated: Option<u64>,
    /// Inputs applied after a later one.
    pub inputs_reordered: Option<u64>,
    /// Events that came.
    pub events: u64,
    /// Events that never came.
    pub events_lost: u64,
    /// Events that came more than once.
    pub events_repeated: u64,
    /// States that were not what they should be.
    pub state_mismatches: Option<u64>,
    /// Players whose inputs were not all applied in time after the last.
    pub unsettled: u64,
    /// Time between the two ticks round a handoff, less the tick.
    pub pause_ms: Option<Figures>,
    /// The same between any two ticks while faults went on.
    pub tick_pause_ms: Option<Figures>,
    /// Time between two views as players received them.
    pub gap_ms: Option<Figures>,
    /// The longest such time of each player.
    pub longest_gap_ms: Option<Figures>,
    /// Time between the last view of one release and the first of the next, per player and handoff.
    pub handoff_gap_ms: Option<Figures>,
    /// What the machine did by itself while faults went on.
    pub machine: MachineNoise,
    /// The undisturbed window of the same run.
    pub baseline: Baseline,
    /// From the kill to the first view after it, per player that waited longer than one and a half ticks.
    pub recovery_ms: Option<Figures>,
    /// What the code of one room cost the rooms beside it.
    #[serde(flatten)]
    pub neighbours: Neighbours,
    /// What could not be checked with this game.
    pub not_checked: Vec<&'static str>,
    /// What the first troubles were.
    pub troubles: Vec<String>,
}

/// The undisturbed window.
#[derive(Clone, Debug, Serialize)]
pub struct Baseline {
    /// Its length in seconds.
    pub seconds: f64,
    /// Time between any two ticks, less the tick.
    pub pause_ms: Option<Figures>,
    /// Time between two views as players received them.
    pub gap_ms: Option<Figures>,
    /// The longest such time of each player.
    pub longest_gap_ms: Option<Figures>,
    /// What the machine did by itself.
    pub machine: MachineNoise,
}

impl Baseline {
    fn new(args: &DrillArgs, measured: &Measured, noise: &Noise) -> Self {
        Self {
            seconds: args.baseline().as_secs_f64(),
            pause_ms: measured.pauses.figures(),
            gap_ms: measured.gaps.figures(),
            longest_gap_ms: measured.longest.figures(),
            machine: noise.baseline,
        }
    }
}

/// How long the drill took: a soak may have been ended early.
fn seconds(args: &DrillArgs, soaked: Option<Duration>) -> u32 {
    let soaked = soaked.map(|soaked| (args.baseline() + soaked).as_secs());
    soaked.map_or(args.seconds, |seconds| u32::try_from(seconds).unwrap_or(u32::MAX))
}

impl DrillOutcome {
    pub(super) fn new(
        args: &DrillArgs,
        scenario: DrillScenario,
        seed: u64,
        report: BotReport,
        done: Done,
        noise: &Noise,
    ) -> Self {
        let blows: Vec<_> =
            done.kills.iter().chain(&done.cuts).chain(&done.long_hangs).copied().collect();
        let after = |blows: &[u64]| recovery(&report.stalls, blows, args.foreign()).figures();
        let neighbours = Neighbours::new(&report.stalls, &done);
        let Measured { gaps, longest, pauses, moves, handoffs } = &report.disturbed;
        let own = !args.foreign();
        let rooms_moved = if own { moves.len() } else { done.rooms_moved };
        let mut troubles = report.troubles;
        troubles.extend(done.stopped.iter().cloned().chain(done.note.map(str::to_owned)));
        let mut outcome = Self {
            scenario,
            ok: true,
            broken: Vec::new(),
            missed: Vec::new(),
            seed,
            rooms: args.rooms,
            players: args.players,
            hz: args.hz,
            seconds: seconds(args, done.soaked),
            deploys: done.deploys,
            deploys_stopped: done.stopped.len() as u64,
            kills: done.kills.len() as u64,
            stops: done.stops,
            restores: done.restores,
            hangs: done.hangs,
            storms: done.cuts.len() as u64,
            network_stalls: done.stalls,
            ends: done.ends.iter().map(|((what, how), n)| (format!("{what}: {how}"), *n)).collect(),
            growth: done.growth,
            interrupted: done.interrupted,
            rooms_moved,
            sockets_cut_by_network: done.weather_cuts,
            sockets_closed_by_keeper: done.closed_by_keeper,
            sockets_closed: report.sockets_closed,
            sessions_ended: report.sessions_ended,
            views_delta: report.views_delta,
            inputs_sent: report.inputs_sent,
            inputs_blocked: report.inputs_blocked,
            inputs_lost: report.faults.inputs_lost,
            inputs_told_lost: report.inputs_told_lost,
            inputs_duplicated: own.then_some(report.faults.inputs_duplicated),
            inputs_reordered: own.then_some(report.faults.inputs_reordered),
            events: report.events,
            events_lost: report.faults.events_lost,
            events_repeated: report.faults.events_repeated,
            state_mismatches: own.then_some(report.faults.state_mismatches),
            unsettled: report.unsettled,
            pause_ms: moves.figures(),
            tick_pause_ms: pauses.figures(),
            gap_ms: gaps.figures(),
            longest_gap_ms: longest.figures(),
            handoff_gap_ms: handoffs.figures(),
            machine: noise.disturbed,
            baseline: Baseline::new(args, &report.baseline, noise),
            recovery_ms: after(&blows),
            neighbours,
            not_checked: not_checked(scenario, own),
            troubles,
        };
        outcome.conclude(args, done.wrong);
        outcome
    }

    fn conclude(&mut self, args: &DrillArgs, wrong: Vec<String>) {
        self.broken = self.counts();
        let held_up = self.machine.held_up_ms();
        for (what, value, limit) in self.times(args) {
            let Some(value) = value.filter(|value| *value > limit) else { continue };
            let text = format!("{what} is {value} ms, promised is {limit} ms");
            if value > limit + held_up {
                self.broken.push(text);
            } else {
                self.missed
                    .push(format!("{text}, and this machine held everybody up for {held_up} ms"));
            }
        }
        self.broken.extend(self.idle());
        self.broken.extend(wrong);
        self.ok = self.broken.is_empty();
    }

    /// What has to be 0 on every machine, and is not.
    fn counts(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let mut none = |what: &str, count: u64| {
            if count > 0 {
                broken.push(format!("{what} is {count}, promised is 0"));
            }
        };
        none("inputs_lost", self.inputs_lost);
        if !self.scenario.kills_keepers() {
            none("inputs_told_lost", self.inputs_told_lost);
        }
        none("inputs_duplicated", self.inputs_duplicated.unwrap_or_default());
        none("inputs_reordered", self.inputs_reordered.unwrap_or_default());
        none("events_lost", self.events_lost);
        none("events_repeated", self.events_repeated);
        none("state_mismatches", self.state_mismatches.unwrap_or_default());
        none("sessions_ended", self.sessions_ended);
        none("unsettled", self.unsettled);
        if self.scenario.judges_sockets() {
            none("sockets_closed", self.sockets_closed);
        }
        none("sockets_closed_by_keeper", self.sockets_closed_by_keeper);
        broken
    }

    /// The times that are promised in this scenario: figure, value and limit, in milliseconds.
    fn times(&self, args: &DrillArgs) -> Vec<(&'static str, Option<f64>, f64)> {
        let p99 = |figures: Option<Figures>| figures.map(|figures| figures.p99);
        let max = |figures: Option<Figures>| figures.map(|figures| figures.max);
        let back = |promised| {
            let limit = args.back_p99_ms.unwrap_or(promised);
            vec![("recovery_ms.p99", p99(self.recovery_ms), limit)]
        };
        match self.scenario {
            DrillScenario::CrashWorker => back(WORKER_BACK_P99_MS),
            DrillScenario::CrashKeeper => back(KEEPER_BACK_P99_MS),
            DrillScenario::HangWorker => back(HANG_BACK_P99_MS),
            DrillScenario::Deeds => self.neighbours.promises().to_vec(),
            DrillScenario::Slow => {
                // Others who misbehave must not be felt. The storms are, but by fewer than one view in a hundred.
                let limit = p99(self.baseline.gap_ms).unwrap_or_default() + args.pause_max_ms;
                vec![("gap_ms.p99", p99(self.gap_ms), limit)]
            }
            DrillScenario::Deploy | DrillScenario::All => vec![
                ("pause_ms.p99", p99(self.pause_ms), args.pause_p99_ms),
                ("pause_ms.max", max(self.pause_ms), args.pause_max_ms),
                ("tick_pause_ms.max", max(self.tick_pause_ms), args.pause_max_ms),
            ],
            DrillScenario::Calm
            | DrillScenario::Restarts
            | DrillScenario::Restore
            | DrillScenario::Disk
            | DrillScenario::FlakyNetwork
            | DrillScenario::Soak => Vec::new(),
        }
    }

    /// A drill in which nothing happened proves nothing.
    fn idle(&self) -> Vec<String> {
        let mut idle = Vec::new();
        let mut some = |what: &str, count: u64| {
            if count == 0 {
                idle.push(format!("{what} is 0: nothing was tested"));
            }
        };
        some("inputs_sent", self.inputs_sent);
        match self.scenario {
            DrillScenario::Calm => {}
            DrillScenario::Deploy | DrillScenario::All => {
                some("deploys", self.deploys);
                some("rooms_moved", self.rooms_moved);
                if self.deploys_stopped > 0 {
                    idle.push(format!(
                        "{} deploys were stopped, promised is 0",
                        self.deploys_stopped
                    ));
                }
            }
            DrillScenario::CrashWorker | DrillScenario::CrashKeeper => some("kills", self.kills),
            DrillScenario::Restarts => {
                some("stops", self.stops);
                some("kills", self.kills);
            }
            DrillScenario::Restore => some("restores", self.restores),
            DrillScenario::Disk => some("ends", self.ends.values().sum()),
            DrillScenario::HangWorker => some("hangs", self.hangs),
            DrillScenario::Deeds => some("deeds", self.neighbours.deeds),
            DrillScenario::FlakyNetwork => {
                some("sockets_cut_by_network", self.sockets_cut_by_network);
                some("deploys", self.deploys);
            }
            DrillScenario::Slow => some("storms", self.storms),
            DrillScenario::Soak if self.interrupted => {}
            DrillScenario::Soak => some("deploys", self.deploys),
        }
        idle
    }
}

/// What a drill counts or measures, or might, and does not hold against a promise.
fn not_checked(scenario: DrillScenario, own: bool) -> Vec<&'static str> {
    let mut names = Vec::new();
    if !own {
        names.extend(["inputs_duplicated", "inputs_reordered", "state_mismatches"]);
    }
    if !own || !matches!(scenario, DrillScenario::Deploy | DrillScenario::All) {
        names.extend(["pause_ms", "tick_pause_ms"]);
    }
    if !scenario.judges_sockets() {
        names.push("sockets_closed");
    }
    if scenario.kills_keepers() {
        names.push("inputs_told_lost");
    }
    names.extend(["gap_ms", "longest_gap_ms", "handoff_gap_ms"].into_iter().filter(|name| {
        // That others misbehave must not be felt.
        scenario != DrillScenario::Slow || *name != "gap_ms"
    }));
    names
}

/// From each kill to the first view made after it, as it arrived.
fn recovery(stalls: &[Stall], kills: &[u64], foreign: bool) -> Spread {
    let mut spread = Spread::default();
    for stall in stalls {
        let (before, after) = if foreign {
            (stall.arrived_before, stall.arrived_after)
        } else {
            (stall.stamp_before, stall.stamp_after)
        };
        if let Some(kill) = kills.iter().find(|kill| before <= **kill && **kill < after) {
            spread.add(stall.arrived_after.saturating_sub(*kill) / 1_000);
        }
    }
    spread
}

#[cfg(test)]
#[path = "outcome_tests.rs"]
mod tests;
