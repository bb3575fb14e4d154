//! What is done to the keeper and its workers while players play.

use std::time::Duration;

use anyhow::Context;
use playon_types::rng::{Rng, mix};
use tokio::time::{Instant, sleep, sleep_until};

use super::admin::DeploySeen;
use super::args::{DrillArgs, DrillScenario};
use super::bots;
use super::crowd::Ends;
use super::gear::Gear;
use super::growth::Growth;
use super::keeper::KeeperProcess;
use super::sabotage::Sabotage;

/// How long a deploy may take from one room to the next; how many there are, and how large, is for the drill's arguments to say.
const DEPLOY_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a deploy is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a deploy is taken to last as long as none has been seen, in milliseconds.
const DEPLOY_MS: u64 = 150;
/// No deploy is taken to be shorter, in milliseconds.
const DEPLOY_MS_MIN: u64 = 20;
/// Workers are left alone for so long: one that dies again and again right after its start is restarted more and more slowly.
pub(super) const WORKER_REST: Duration = Duration::from_millis(3_500);
/// A keeper that was killed is left alone for so long, so that every player is back before the next time.
const KEEPER_REST: Duration = Duration::from_secs(6);

/// The two releases, by id.
pub(super) type Releases = [String; 2];

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Deploys that went through.
    pub(super) deploys: u64,
    /// Deploys that were stopped or taken back, with the reason.
    pub(super) stopped: Vec<String>,
    /// Rooms moved, as the keeper counts them.
    pub(super) rooms_moved: u64,
    /// When something was killed, in nanoseconds of the monotonic clock.
    pub(super) kills: Vec<u64>,
    /// When all sockets were cut, likewise.
    pub(super) cuts: Vec<u64>,
    /// Keepers stopped in order and started again.
    pub(super) stops: u64,
    /// Backups put back.
    pub(super) restores: u64,
    /// Things that the game's code did to its room.
    pub(super) deeds: u64,
    /// When it took its worker down, in nanoseconds of the monotonic clock.
    pub(super) deaths: Vec<u64>,
    /// When it let a thread of its worker hang for ever, likewise.
    pub(super) lockups: Vec<u64>,
    /// How often another room was reopened because of one of them, at most.
    pub(super) reopened_max: u64,
    /// Workers stopped for a while.
    pub(super) hangs: u64,
    /// When one was stopped for longer than its keeper waits, in nanoseconds of the monotonic clock.
    pub(super) long_hangs: Vec<u64>,
    /// Sockets cut by the weather of the network.
    pub(super) weather_cuts: u64,
    /// Sockets that the keeper closed by itself meanwhile.
    pub(super) closed_by_keeper: u64,
    /// Times that nothing was passed on between players and keeper.
    pub(super) stalls: u64,
    /// How those ended who had to end.
    pub(super) ends: Ends,
    /// Growth of processes.
    pub(super) growth: Vec<Growth>,
    /// How long the soak lasted.
    pub(super) soaked: Option<Duration>,
    /// Whether it was ended by hand.
    pub(super) interrupted: bool,
    /// What people should know about how it was done.
    pub(super) note: Option<&'static str>,
    /// Promises that the scenario itself found broken.
    pub(super) wrong: Vec<String>,
}

/// One drill's way through its disturbed window.
pub(super) struct FaultInjector<'a> {
    pub(super) args: &'a DrillArgs,
    pub(super) keeper: &'a mut KeeperProcess,
    pub(super) releases: &'a Releases,
    pub(super) rng: Rng,
    pub(super) done: Done,
    pub(super) gear: &'a mut Gear,
    pub(super) seed: u64,
    /// How long the last deploy took, in milliseconds.
    deploy_ms: u64,
}

impl<'a> FaultInjector<'a> {
    /// Nothing done yet.
    pub(super) fn new(
        args: &'a DrillArgs,
        keeper: &'a mut KeeperProcess,
        releases: &'a Releases,
        gear: &'a mut Gear,
        seed: u64,
    ) -> Self {
        let rng = Rng::new(mix(seed));
        let done = Done::default();
        Self { args, keeper, releases, rng, done, gear, seed, deploy_ms: DEPLOY_MS }
    }

    /// Does what the scenario says until the window is over.
    pub(super) async fn run(&mut self, scenario: DrillScenario) -> anyhow::Result<()> {
        let begin = Instant::now();
        let end = begin + self.args.disturbed();
        match scenario {
            DrillScenario::Slow => return self.slow(end).await,
            DrillScenario::Soak => return self.soak(end).await,
            DrillScenario::FlakyNetwork => self.begin_weather(),
            DrillScenario::Calm => {
                sleep_until(end).await;
                return Ok(());
            }
            _ => {}
        }
        let every = self.every(scenario);
        let mut next = begin + every / 2;
        let mut turn = 0_u64;
        while next + every / 2 <= end {
            sleep_until(next).await;
            if self.args.sabotage == Some(Sabotage::CloseSocket) && turn == 0 {
                self.cut_all();
            }
            match scenario {
                DrillScenario::CrashWorker => self.crash_worker(turn).await?,
                DrillScenario::CrashKeeper => self.crash_keeper(turn).await?,
                DrillScenario::Restarts => self.restart_keeper(turn).await?,
                DrillScenario::Restore => self.restore(turn).await?,
                DrillScenario::Disk => self.break_disk(turn).await?,
                DrillScenario::HangWorker => self.hang_worker(turn).await?,
                DrillScenario::Deeds => self.do_deed(turn).await?,
                _ => self.deploy().await?,
            }
            turn += 1;
            let jitter = match scenario {
                DrillScenario::Deploy | DrillScenario::All => 1.0,
                _ => 0.75 + self.rng.below(500) as f64 / 1_000.0,
            };
            next = (next + every.mul_f64(jitter)).max(Instant::now());
        }
        sleep_until(end).await;
        self.end_weather();
        Ok(())
    }

    fn every(&self, scenario: DrillScenario) -> Duration {
        let every = Duration::from_secs_f64(self.args.deploy_every);
        match scenario {
            DrillScenario::CrashWorker | DrillScenario::Restarts => every.max(WORKER_REST),
            DrillScenario::CrashKeeper
            | DrillScenario::Restore
            | DrillScenario::Disk
            | DrillScenario::HangWorker => every.max(KEEPER_REST),
            _ => every,
        }
    }

    /// Orders the release that is not current.
    pub(super) async fn order(&mut self) -> anyhow::Result<Option<DeploySeen>> {
        let status = self.keeper.admin.status().await?;
        let on_second = status.current.as_deref() == Some(super::LABELS[1]);
        let [first, second] = self.releases;
        self.keeper.admin.deploy(if on_second { first } else { second }).await
    }

    pub(super) async fn deploy(&mut self) -> anyhow::Result<()> {
        let Some(deploy) = self.order().await? else { return Ok(()) };
        self.finish(deploy.id).await
    }

    /// Waits for the end of a deploy and enters it.
    pub(super) async fn finish(&mut self, id: u64) -> anyhow::Result<()> {
        let mut until = Instant::now() + DEPLOY_TIMEOUT;
        let mut moved = 0;
        loop {
            let deploy = self.keeper.admin.look_at(id).await?;
            if deploy.finished {
                self.enter(&deploy);
                return Ok(());
            }
            if deploy.rooms_moved > moved {
                moved = deploy.rooms_moved;
                until = Instant::now() + DEPLOY_TIMEOUT;
            }
            if Instant::now() > until {
                let limit = DEPLOY_TIMEOUT.as_secs();
                self.done.stopped.push(format!(
                    "deploy {id} is still {}, and for {limit} s no room has moved",
                    deploy.phase
                ));
                return Ok(());
            }
            sleep(LOOK_EVERY).await;
        }
    }

    fn enter(&mut self, deploy: &DeploySeen) {
        self.done.rooms_moved += deploy.rooms_moved;
        if let Some(finished) = deploy.finished_ms {
            self.deploy_ms =
                finished.saturating_sub(deploy.started_ms).clamp(DEPLOY_MS_MIN, 10_000);
        }
        if deploy.phase == "done" {
            self.done.deploys += 1;
        } else {
            let reason = deploy.reason.as_deref().unwrap_or("no reason given");
            self.done.stopped.push(format!("deploy {} {}: {reason}", deploy.id, deploy.phase));
        }
    }

    /// Every second time in the middle of a deploy.
    pub(super) async fn crash_worker(&mut self, turn: u64) -> anyhow::Result<()> {
        let deploy = if turn.is_multiple_of(2) { None } else { self.order().await? };
        if deploy.is_some() {
            sleep(self.while_deploying()).await;
        }
        let mut workers = self.keeper.admin.status().await?.workers;
        while !workers.is_empty() {
            let pick = self.rng.below(workers.len() as u64) as usize;
            if let Some(at) = self.keeper.kill_worker(&workers.swap_remove(pick))? {
                self.done.kills.push(at);
                break;
            }
        }
        match deploy {
            Some(deploy) => self.finish(deploy.id).await,
            None => Ok(()),
        }
    }

    /// Every second time in the middle of a deploy.
    pub(super) async fn crash_keeper(&mut self, turn: u64) -> anyhow::Result<()> {
        let ordered = if turn.is_multiple_of(2) { None } else { self.order().await? };
        if ordered.is_some() {
            sleep(self.while_deploying()).await;
        }
        let at = self.keeper.crash().await?;
        self.done.kills.push(at);
        self.until_ready().await?;
        // The order was stored before it was answered, so the new keeper knows it and brings it to an end.
        match ordered {
            Some(deploy) => self.finish(deploy.id).await.context("the keeper after its crash"),
            None => Ok(()),
        }
    }

    /// Waits until a keeper that was started again can serve.
    pub(super) async fn until_ready(&self) -> anyhow::Result<()> {
        let until = Instant::now() + DEPLOY_TIMEOUT;
        while !self.keeper.admin.ready().await {
            anyhow::ensure!(Instant::now() < until, "the keeper is not ready again");
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// The name of one of the rooms that are played in.
    pub(super) fn room_name(&self, number: u32) -> String {
        bots::room_name(self.seed, number)
    }

    /// A moment within a deploy that lasts as long as the last one did.
    pub(super) fn while_deploying(&mut self) -> Duration {
        Duration::from_millis(self.rng.below(self.deploy_ms))
    }
}
