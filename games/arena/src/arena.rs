//! The room: what both releases share.

use std::marker::PhantomData;

use playon::{Cx, OnDeploy, Player, PlayerId, Policies, Refusal, Room, Survives, Versions};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::Event;
use crate::rules::{HZ, ROUND_MS, Rules, SHIPS_MAX};
use crate::steer::Steer;
use crate::view::View;
use crate::world::{Moment, World};

/// One release: the rules it plays by and how it writes the world down.
pub trait Release: Sized + 'static {
    /// Which parts of the game are on.
    const RULES: Rules;

    /// The state as this release writes it. The world in memory is the same for all.
    type Saved: Serialize + DeserializeOwned + for<'a> From<&'a World> + Into<World>;

    /// The versions this release reads, up to its own.
    fn versions() -> Versions<Arena<Self>>;
}

/// How a room is created.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Params {
    /// Length of a round in seconds, 10 to 3,600; five minutes if it is not said.
    #[serde(default)]
    pub round_s: Option<u64>,
}

impl Params {
    fn round_ms(self) -> u64 {
        self.round_s.map_or(ROUND_MS, |seconds| seconds.clamp(10, 3_600) * 1_000)
    }
}

/// A room of the arena under the rules of one release.
pub struct Arena<R> {
    world: World,
    release: PhantomData<fn() -> R>,
}

impl<R> From<World> for Arena<R> {
    fn from(world: World) -> Self {
        Self { world, release: PhantomData }
    }
}

impl<R> Arena<R> {
    /// The world of this room.
    pub const fn world(&self) -> &World {
        &self.world
    }
}

impl<R: Release> Serialize for Arena<R> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        R::Saved::from(&self.world).serialize(to)
    }
}

impl<'de, R: Release> Deserialize<'de> for Arena<R> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self::from(R::Saved::deserialize(from)?.into()))
    }
}

impl<R: Release> Room for Arena<R> {
    const KIND: &'static str = "arena";
    type Params = Params;
    type Input = Steer;
    type Event = Event;
    type View = View;

    fn policies() -> Policies {
        Policies::default()
            .hz(HZ)
            .players_max(SHIPS_MAX as u32)
            .survives(Survives::KeeperCrash)
            .on_deploy(OnDeploy::Now)
    }

    fn versions() -> Versions<Self> {
        R::versions()
    }

    fn create(params: Params, cx: &mut Cx<Self>) -> Result<Self, Refusal> {
        let now_ms = moment(cx).ms;
        Ok(Self::from(World::new(params.round_ms(), now_ms, cx.rng())))
    }

    fn join(&mut self, who: &Player, cx: &mut Cx<Self>) -> Result<(), Refusal> {
        if self.world.join(who.id(), &who.name(), cx.rng()) {
            Ok(())
        } else {
            Err(Refusal::new("all eight ships are taken"))
        }
    }

    fn input(&mut self, from: PlayerId, input: Steer, _cx: &mut Cx<Self>) {
        if let Some(ship) = self.world.ship_mut(from) {
            ship.steer = input;
        }
    }

    fn tick(&mut self, cx: &mut Cx<Self>) {
        let at = moment(cx);
        let mut news = Vec::new();
        self.world.step(&R::RULES, at, cx.rng(), &mut news);
        cx.between_rounds(!self.world.round.is_on());
        for event in news {
            match event {
                // Sparks are of the moment: nobody who was away wants to see them later.
                Event::Pop { .. } => cx.flash_all(&event),
                Event::Say { .. } => cx.broadcast(&event),
            }
        }
    }

    fn away(&mut self, who: PlayerId, _cx: &mut Cx<Self>) {
        self.world.set_away(who, true);
    }

    fn back(&mut self, who: PlayerId, _cx: &mut Cx<Self>) {
        self.world.set_away(who, false);
    }

    fn leave(&mut self, who: PlayerId, _cx: &mut Cx<Self>) {
        self.world.leave(who);
    }

    fn view(&self, who: PlayerId, cx: &Cx<Self>) -> View {
        View::of(&self.world, &R::RULES, moment(cx), self.world.ship(who))
    }

    fn watch(&self, cx: &Cx<Self>) -> Option<View> {
        Some(View::of(&self.world, &R::RULES, moment(cx), None))
    }
}

fn moment<R: Room>(cx: &Cx<R>) -> Moment {
    // Microseconds of 64 bits are half a million years: the cut never happens.
    Moment { tick: cx.tick(), ms: cx.now().as_millis() as u64 }
}
