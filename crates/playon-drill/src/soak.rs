//! `drill soak`: everything at random for as long as asked, with the keeper and its workers under observation.

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use playon_keeper::SAME_REQUEST_MAX;
use rustix::process::Signal as ProcessSignal;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep, timeout_at};

use super::faults::{FaultInjector, WORKER_REST};
use super::vitals::{Role, VitalsSample};

/// The keeper is left alone for so long at least, so that each one lives long enough to be judged.
const KEEPER_REST_MIN: Duration = Duration::from_secs(15);
/// Lines of progress in the whole soak, but not more than one in ten seconds.
const LINES: u32 = 40;
/// How long somebody who misbehaves stays at most.
const CROWD_STAY: Duration = Duration::from_secs(20);
/// Slow readers and floods at the same time.
const CROWD_MAX: usize = 24;
/// Silent connections of one burst.
const SILENT: u32 = 40;

/// What may happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Deploy,
    KillWorker,
    HangWorker,
    KillKeeper,
    CutAll,
    Stall,
    SlowReaders,
    Flood,
    Silent,
}

/// How often each comes up.
const WEIGHTS: [(Act, u64); 9] = [
    (Act::Deploy, 8),
    (Act::KillWorker, 3),
    (Act::HangWorker, 2),
    (Act::KillKeeper, 2),
    (Act::CutAll, 2),
    (Act::Stall, 2),
    (Act::SlowReaders, 2),
    (Act::Flood, 1),
    (Act::Silent, 1),
];

/// The act that a number chooses.
fn choose(mut number: u64) -> Act {
    number %= WEIGHTS.iter().map(|(_, weight)| weight).sum::<u64>();
    for (act, weight) in WEIGHTS {
        if number < weight {
            return act;
        }
        number -= weight;
    }
    Act::Deploy
}

/// When something that needs rest may be done again.
struct Cooldown {
    begin: Instant,
    keeper_rest: Duration,
    worker_at: Instant,
    keeper_at: Instant,
}

/// SIGTERM and Ctrl-C.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    fn catch() -> anyhow::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// What has been begun is brought to an end, or nothing could be said about it; whoever asks twice has no time for that, unless
/// both come together, as from `timeout`. Tells whether somebody has asked.
async fn whole(
    act: impl Future<Output = anyhow::Result<()>>,
    signals: &mut StopSignals,
) -> anyhow::Result<bool> {
    tokio::pin!(act);
    let mut asked: Option<Instant> = None;
    loop {
        tokio::select! {
            done = &mut act => return done.map(|()| asked.is_some()),
            () = signals.any() => {
                let since = *asked.get_or_insert_with(Instant::now);
                let same = since.elapsed() <= SAME_REQUEST_MAX;
                anyhow::ensure!(same, "interrupted");
            }
        }
    }
}

impl FaultInjector<'_> {
    /// Does one thing after another until the end, or until somebody has seen enough.
    pub(super) async fn soak(&mut self, end: Instant) -> anyhow::Result<()> {
        let mut signals = StopSignals::catch()?;
        let begin = Instant::now();
        let window = end.saturating_duration_since(begin);
        let keeper_rest = KEEPER_REST_MIN.max(window / 5);
        let (worker_at, keeper_at) = (begin, begin + keeper_rest);
        let mut rests = Cooldown { begin, keeper_rest, worker_at, keeper_at };
        let line_every = Duration::from_secs(10).max(window / LINES);
        let mut line_at = begin + line_every;
        loop {
            let rest = Duration::from_secs_f64(self.args.deploy_every / 2.0)
                .mul_f64(0.25 + self.rng.below(1_500) as f64 / 1_000.0);
            let next = (Instant::now() + rest).min(end);
            self.done.interrupted = timeout_at(next, signals.any()).await.is_ok();
            if self.done.interrupted || Instant::now() >= end {
                break;
            }
            self.done.interrupted = whole(self.act(&mut rests), &mut signals).await?;
            if self.done.interrupted {
                break;
            }
            if Instant::now() >= line_at {
                self.progress_line(begin)?;
                line_at = Instant::now() + line_every;
            }
        }
        self.end_of_soak(begin.elapsed()).await
    }

    async fn end_of_soak(&mut self, lasted: Duration) -> anyhow::Result<()> {
        self.done.soaked = Some(lasted);
        if let Some(crowd) = self.gear.crowd.take() {
            for (end, count) in crowd.disperse().await {
                *self.done.ends.entry(end).or_default() += count;
            }
        }
        let growth = self.gear.sampler.take().context("nothing was sampled")?.vitals().growth();
        let broken = growth.iter().filter(|found| found.broken());
        self.done.wrong.extend(broken.map(ToString::to_string));
        if !self.done.interrupted && !growth.iter().any(|found| found.role == Role::Keeper) {
            self.done.wrong.push("no keeper lived long enough to be judged".to_owned());
        }
        self.done.growth = growth;
        Ok(())
    }

    async fn act(&mut self, rests: &mut Cooldown) -> anyhow::Result<()> {
        let now = Instant::now();
        let mut act = choose(self.rng.next_u64());
        let workers = matches!(act, Act::KillWorker | Act::HangWorker);
        if workers && now < rests.worker_at || act == Act::KillKeeper && now < rests.keeper_at {
            act = Act::Deploy;
        }
        tracing::debug!(?act, at = ?rests.begin.elapsed(), "next");
        match act {
            Act::Deploy => self.deploy().await?,
            Act::KillWorker => {
                let turn = self.rng.below(2);
                self.crash_worker(turn).await?;
            }
            Act::HangWorker => self.pause_worker().await?,
            Act::KillKeeper => {
                let turn = self.rng.below(2);
                self.crash_keeper(turn).await?;
                rests.keeper_at = Instant::now() + rests.keeper_rest;
                if let Some(sampler) = &self.gear.sampler {
                    sampler.follow(self.keeper.pid());
                }
            }
            Act::CutAll => self.cut_all(),
            Act::Stall => {
                let time = Duration::from_millis(200 + self.rng.below(2_800));
                self.stall_network(time).await;
            }
            Act::SlowReaders | Act::Flood | Act::Silent => self.let_loose(act),
        }
        if workers {
            rests.worker_at = Instant::now() + WORKER_REST;
        }
        Ok(())
    }

    /// Stops a worker for a while. If that was longer than its keeper waits, it has been killed by then.
    async fn pause_worker(&mut self) -> anyhow::Result<()> {
        let workers = self.keeper.admin.status().await?.workers;
        if workers.is_empty() {
            return Ok(());
        }
        let worker = &workers[self.rng.below(workers.len() as u64) as usize];
        let time = Duration::from_millis(100 + self.rng.below(4_900));
        if self.keeper.signal_worker(worker, ProcessSignal::STOP)?.is_some() {
            self.done.hangs += 1;
            sleep(time).await;
            self.keeper.signal_worker(worker, ProcessSignal::CONT)?;
        }
        Ok(())
    }

    fn let_loose(&mut self, act: Act) {
        let number = u32::try_from(self.rng.below(self.args.rooms.into())).unwrap_or(0);
        let room = self.room_name(number);
        let Some(crowd) = &mut self.gear.crowd else { return };
        if !crowd.has_room(CROWD_MAX) {
            return;
        }
        match act {
            Act::SlowReaders => {
                crowd.slow_reader(&room, true, CROWD_STAY);
                crowd.slow_reader(&room, false, CROWD_STAY);
            }
            Act::Flood => crowd.flood(&room),
            _ => crowd.silent(SILENT),
        }
    }

    /// Soaks are long, and often nobody looks: so whole lines, that a log can take.
    fn progress_line(&self, begin: Instant) -> anyhow::Result<()> {
        let sample = |role| {
            let sampler = self.gear.sampler.as_ref();
            sampler.and_then(|sampler| sampler.vitals().last(role)).unwrap_or_default()
        };
        let show = |VitalsSample { rss_bytes, files, threads, .. }: VitalsSample| {
            format!("{} MiB, {files} files, {threads} threads", rss_bytes >> 20)
        };
        let done = &self.done;
        writeln!(
            std::io::stderr(),
            "soak {:>6} s: {} deploys, {} kills, {} hangs, {} storms, {} stalls; keeper {}; worker {}",
            begin.elapsed().as_secs(),
            done.deploys,
            done.kills.len(),
            done.hangs,
            done.cuts.len(),
            done.stalls,
            show(sample(Role::Keeper)),
            show(sample(Role::Worker)),
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_act_comes_up_as_often_as_its_weight_says() {
        let sum: u64 = WEIGHTS.iter().map(|(_, weight)| weight).sum();
        for (act, weight) in WEIGHTS {
            let chosen = (0..sum * 3).filter(|number| choose(*number) == act).count();
            assert_eq!(chosen as u64, weight * 3, "{act:?}");
        }
    }
}
