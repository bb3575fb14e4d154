//! `drill deeds`: the game's code in one room panics, aborts, overflows its stack, exits or never comes back, and the rooms that share
//! its worker notice one reopening at most.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail};
use playon_client::{JoinOptions, Room, Update, join};
use tokio::time::timeout;

use super::faults::FaultInjector;
use super::game::monotonic_ns;

/// How long a room may take to get over what its code has done; several tries, and for each that hangs the time of a batch.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a deed does to its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DeedHarm {
    /// Nothing: the panic is caught.
    None,
    /// The process is gone.
    Death,
    /// A thread never comes back, and the process has to be ended.
    Hang,
}

/// Where the code does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DeedPlace {
    /// On an input, or in what is called in the same step: the input is set aside and the room plays on.
    Input,
    /// In a step of the room's own: there is nothing to set aside, and the room is halted in the end.
    Room,
    /// When a player's socket goes: the hook is set aside.
    Away,
    /// When a player leaves.
    Leave,
}

struct ScriptedDeed {
    word: &'static str,
    place: DeedPlace,
    harm: DeedHarm,
}

const fn deed(word: &'static str, place: DeedPlace, harm: DeedHarm) -> ScriptedDeed {
    ScriptedDeed { word, place, harm }
}

const DEEDS: [ScriptedDeed; 12] = [
    deed("abort", DeedPlace::Input, DeedHarm::Death),
    deed("loop", DeedPlace::Input, DeedHarm::Hang),
    deed("overflow", DeedPlace::Input, DeedHarm::Death),
    deed("view:loop", DeedPlace::Input, DeedHarm::Hang),
    deed("exit", DeedPlace::Input, DeedHarm::Death),
    deed("timer:abort", DeedPlace::Room, DeedHarm::Death),
    deed("panic", DeedPlace::Input, DeedHarm::None),
    deed("timer:loop", DeedPlace::Room, DeedHarm::Hang),
    deed("away:abort", DeedPlace::Away, DeedHarm::Death),
    deed("away:panic", DeedPlace::Away, DeedHarm::None),
    deed("leave:panic", DeedPlace::Leave, DeedHarm::None),
    deed("leave:loop", DeedPlace::Leave, DeedHarm::Hang),
];

/// The player in whose room it happens.
type Culprit = Room<String, u64, u64>;

impl FaultInjector<'_> {
    /// The next deed, in a room of its own.
    pub(super) async fn do_deed(&mut self, turn: u64) -> anyhow::Result<()> {
        let ScriptedDeed { word, place, harm } = &DEEDS[turn as usize % DEEDS.len()];
        let name = format!("deed-{turn}");
        let before = self.faults_of_others().await?;
        let mut culprit = enter(&self.keeper.url(), &name).await?;
        let at = monotonic_ns();
        let number = culprit.send(&(*word).to_owned()).await?;
        let outcome = match place {
            DeedPlace::Input => set_aside(&mut culprit, number).await,
            DeedPlace::Room => self.until_halted(&name).await,
            DeedPlace::Away => {
                applied(&mut culprit, number).await?;
                drop(culprit);
                self.until_quiet(&name).await
            }
            DeedPlace::Leave => {
                applied(&mut culprit, number).await?;
                culprit.leave().await;
                self.until_quiet(&name).await
            }
        };
        if let Err(why) = outcome {
            self.done.wrong.push(format!("{word} in {name}: {why:#}"));
        }
        self.done.deeds += 1;
        match harm {
            DeedHarm::Death => self.done.deaths.push(at),
            DeedHarm::Hang => self.done.lockups.push(at),
            DeedHarm::None => {}
        }
        let most = u64::from(*harm != DeedHarm::None);
        for (room, faults) in self.faults_of_others().await? {
            let times = faults.saturating_sub(before.get(&room).copied().unwrap_or(faults));
            self.done.reopened_max = self.done.reopened_max.max(times);
            if times > most {
                let told = format!("{room} was reopened {times} times because of {word}");
                self.done.wrong.push(format!("{told}, promised is {most} at most"));
            }
        }
        Ok(())
    }

    async fn faults_of_others(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        let rooms = self.keeper.admin.rooms().await?.into_iter();
        let others = rooms.filter(|room| !room.name.starts_with("deed-"));
        Ok(others.map(|room| (room.name, room.faults)).collect())
    }

    /// The room fails by itself: it is tried again and again, and then halted aloud.
    async fn until_halted(&self, name: &str) -> anyhow::Result<()> {
        let halted = async {
            loop {
                let rooms = self.keeper.admin.rooms().await?;
                if rooms.iter().any(|room| room.name == name && room.halted.is_some()) {
                    return anyhow::Ok(());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, halted).await.context("it was not halted in time")?
    }

    /// The hook is set aside: somebody else who comes can play.
    async fn until_quiet(&self, name: &str) -> anyhow::Result<()> {
        let mut other = enter(&self.keeper.url(), name).await?;
        let number = other.send(&"count".to_owned()).await?;
        applied(&mut other, number).await
    }
}

async fn enter(url: &str, name: &str) -> anyhow::Result<Culprit> {
    let options = JoinOptions::new(url, "deeds").name(name);
    Ok(timeout(PATIENCE, join(options)).await.context("nobody is let in")??)
}

/// Waits until the input is set aside, and the next one is played.
async fn set_aside(culprit: &mut Culprit, number: u64) -> anyhow::Result<()> {
    let told = async {
        loop {
            match culprit.next().await {
                Update::SetAside { inputs, .. } if inputs.contains(&number) => return Ok(()),
                Update::Applied(upto) if upto >= number => bail!("it is told as applied"),
                Update::Ended(end) => bail!("the session has ended: {end}"),
                _ => {}
            }
        }
    };
    timeout(PATIENCE, told).await.context("it was not set aside in time")??;
    let next = culprit.send(&"count".to_owned()).await?;
    applied(culprit, next).await
}

async fn applied(culprit: &mut Culprit, number: u64) -> anyhow::Result<()> {
    let told = async {
        loop {
            match culprit.next().await {
                Update::Applied(upto) if upto >= number => return Ok(()),
                Update::Ended(end) => bail!("the session has ended: {end}"),
                _ => {}
            }
        }
    };
    timeout(PATIENCE, told).await.context("an ordinary input was not applied in time")?
}
