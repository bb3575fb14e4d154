//! What a scenario needs besides a keeper and players.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::{DrillArgs, DrillScenario};
use super::crowd::Crowd;
use super::keeper::{KeeperLaunch, KeeperProcess};
use super::medium::Medium;
use super::relay::Relay;
use super::sabotage::{SABOTAGE, Sabotage};
use super::survives::SURVIVES;
use super::vitals::Sampler;

/// The environment variable with the weight of the drill game's states, in bytes: a number or a range as `2048..8388608`.
pub(super) const STATE_BYTES: &str = "PLAYON_DRILL_STATE_BYTES";

/// The environment variable that lets the drill game leak; see [`super::game`].
pub(super) const LEAK: &str = "PLAYON_DRILL_LEAK";

/// What a scenario needs besides a keeper and players. Whatever it does not need is missing.
#[derive(Default)]
pub(super) struct Gear {
    /// The disk that is broken.
    pub(super) medium: Option<Medium>,
    /// Where files of the drill itself lie.
    pub(super) scratch: PathBuf,
    /// What lies between players and keeper.
    pub(super) relay: Option<Relay>,
    /// Those who misbehave.
    pub(super) crowd: Option<Crowd>,
    /// Samples of the keeper and its workers.
    pub(super) sampler: Option<Sampler>,
}

impl Gear {
    /// What is needed before there is a keeper, and how to start that.
    pub(super) fn prepare(
        args: &DrillArgs,
        scenario: DrillScenario,
        scratch: &Path,
    ) -> anyhow::Result<(Self, KeeperLaunch)> {
        let mut gear = Self { scratch: scratch.to_owned(), ..Self::default() };
        let mut launch = KeeperLaunch::plain(scratch);
        if args.leak {
            launch.worker_env.push((LEAK, "1".to_owned()));
        }
        launch.worker_env.push((SURVIVES, args.survives.name().to_owned()));
        if let Some(bytes) = &args.state_bytes {
            launch.worker_env.push((STATE_BYTES, bytes.clone()));
        }
        if let Some(sabotage) = args.sabotage {
            launch.worker_env.push((SABOTAGE, sabotage.name().to_owned()));
        }
        if scenario == DrillScenario::Restore {
            // Set aside and made anew by each restore; the log stays.
            launch.data = scratch.join("game");
        }
        if scenario == DrillScenario::Disk {
            let disk = scratch.join("disk");
            std::fs::create_dir_all(&disk).context("making the data directory")?;
            // The fault library compares names of files, so there must be no other name for the directory.
            launch.data = disk.canonicalize()?;
            let medium = Medium::at(launch.data.clone());
            launch.through = medium.through();
            gear.medium = Some(medium);
        }
        Ok((gear, launch))
    }

    /// What needs a keeper. Gives the address for players.
    pub(super) async fn connect(
        &mut self,
        args: &DrillArgs,
        scenario: DrillScenario,
        keeper: &KeeperProcess,
    ) -> anyhow::Result<String> {
        let crowded = matches!(scenario, DrillScenario::Slow | DrillScenario::Soak);
        let relayed = crowded
            || scenario == DrillScenario::FlakyNetwork
            || args.sabotage == Some(Sabotage::CloseSocket);
        if !relayed {
            return Ok(keeper.url());
        }
        allow_many_files()?;
        let relay = Relay::start(keeper.players_at()).await.context("starting a relay")?;
        let url = relay.url();
        self.relay = Some(relay);
        if !crowded {
            return Ok(url);
        }
        self.crowd = Some(Crowd::new(keeper.players_at(), args.kind()));
        self.sampler = Some(Sampler::start(keeper.pid()));
        Ok(url)
    }
}

/// Two files for each player who is relayed and one for each who misbehaves.
fn allow_many_files() -> anyhow::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
        .context("raising the number of files that may be open")
}
