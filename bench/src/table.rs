//! The room that is compared with those of other systems (`bench/peers`): it ticks, shows everybody how many inputs of each player
//! were applied, and has a second release with one field more.

use std::collections::BTreeMap;

use playon::{Cx, OnDeploy, Player, PlayerId, Policies, Refusal, Room, Versions};
use serde::{Deserialize, Serialize};

/// The kind of room, in both releases.
const KIND: &str = "table";

/// Bytes that fill a view up to about 200.
const PAD: &str = concat!(
    "................................................................",
    "................................"
);

/// Release 1.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct One {
    tick: u64,
    /// Inputs applied, by player.
    applied: BTreeMap<PlayerId, (String, u64)>,
}

/// Release 2 has one field more.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Two {
    base: One,
    bonus: u64,
}

/// What a player says about itself.
#[derive(Deserialize)]
struct Profile {
    name: String,
}

/// What all players see.
#[derive(Serialize, Deserialize)]
pub struct View {
    tick: u64,
    version: u32,
    /// Inputs applied, by the player's name.
    players: BTreeMap<String, u64>,
    bonus: Option<u64>,
    pad: String,
}

impl One {
    fn sit(&mut self, who: &Player) -> Result<(), Refusal> {
        let profile: Profile = who.profile().ok_or_else(|| Refusal::new("a profile has a name"))?;
        self.applied.insert(who.id(), (profile.name, 0));
        Ok(())
    }

    fn count(&mut self, from: PlayerId) {
        if let Some((_, applied)) = self.applied.get_mut(&from) {
            *applied += 1;
        }
    }

    fn show(&self, version: u32, bonus: Option<u64>) -> View {
        let players = self.applied.values().cloned().collect();
        View { tick: self.tick, version, players, bonus, pad: PAD.to_owned() }
    }
}

fn policies() -> Policies {
    Policies::default().hz(20).on_deploy(OnDeploy::Now)
}

impl Room for One {
    const KIND: &'static str = KIND;
    type Params = Option<()>;
    type Input = u64;
    type Event = ();
    type View = View;

    fn policies() -> Policies {
        policies()
    }

    fn create(_: Option<()>, _: &mut Cx<Self>) -> Result<Self, Refusal> {
        Ok(Self::default())
    }

    fn join(&mut self, who: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
        self.sit(who)
    }

    fn input(&mut self, from: PlayerId, _: u64, _: &mut Cx<Self>) {
        self.count(from);
    }

    fn tick(&mut self, _: &mut Cx<Self>) {
        self.tick += 1;
    }

    fn view(&self, _: PlayerId, _: &Cx<Self>) -> View {
        self.show(1, None)
    }
}

impl Room for Two {
    const KIND: &'static str = KIND;
    type Params = Option<()>;
    type Input = u64;
    type Event = ();
    type View = View;

    fn policies() -> Policies {
        policies()
    }

    fn versions() -> Versions<Self> {
        Versions::first().then_and_back(|base: One| Self { base, bonus: 0 }, |two: Self| two.base)
    }

    fn create(_: Option<()>, _: &mut Cx<Self>) -> Result<Self, Refusal> {
        Ok(Self::default())
    }

    fn join(&mut self, who: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
        self.base.sit(who)
    }

    fn input(&mut self, from: PlayerId, _: u64, _: &mut Cx<Self>) {
        self.base.count(from);
        self.bonus += 2;
    }

    fn tick(&mut self, _: &mut Cx<Self>) {
        self.base.tick += 1;
    }

    fn view(&self, _: PlayerId, _: &Cx<Self>) -> View {
        self.base.show(2, Some(self.bonus))
    }
}
