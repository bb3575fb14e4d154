//! Release 2: one list of seats, and a count of the times a room was upgraded.

use playon::{Cx, Player, PlayerId, Policies, Refusal, Room, Versions};
use serde::{Deserialize, Serialize};

use super::ballast::Ballast;
use super::rules::{self, DrillBooks, PublicPage};
use super::versions::{downgrade, upgrade};
use super::{Account, Event, Input, View, kind};

/// The state of release 2, ticking `HZ` times a second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Two<const HZ: u32> {
    pub(super) page: PublicPage,
    pub(super) ballast: Ballast,
    /// By id.
    pub(super) seats: Vec<Seat>,
    /// 1 if the room began on release 1. A downgrade forgets it.
    pub(super) upgrades: u32,
}

/// All there is to say of one player.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seat {
    pub(super) who: u64,
    pub(super) inputs: Account,
    pub(super) told: u64,
}

impl<const HZ: u32> DrillBooks for Two<HZ> {
    const RELEASE: u32 = 2;

    fn admit(&mut self, who: u64) {
        if let Err(at) = self.seats.binary_search_by_key(&who, |seat| seat.who) {
            self.seats.insert(at, Seat { who, inputs: Account::default(), told: 0 });
        }
    }

    fn dismiss(&mut self, who: u64) {
        self.seats.retain(|seat| seat.who != who);
    }

    fn of(&mut self, who: u64) -> Option<(&mut Account, &mut u64)> {
        let seat = self.seats.iter_mut().find(|seat| seat.who == who)?;
        Some((&mut seat.inputs, &mut seat.told))
    }

    fn all(&self) -> impl Iterator<Item = (u64, &Account, u64)> {
        self.seats.iter().map(|seat| (seat.who, &seat.inputs, seat.told))
    }

    fn page(&mut self) -> &mut PublicPage {
        &mut self.page
    }

    fn read(&self) -> &PublicPage {
        &self.page
    }

    fn ballast(&self) -> &Ballast {
        &self.ballast
    }
}

impl<const HZ: u32> Room for Two<HZ> {
    const KIND: &'static str = kind(HZ);

    type Params = Option<()>;
    type Input = Input;
    type Event = Event;
    type View = View;

    fn policies() -> Policies {
        rules::policies(HZ)
    }

    fn versions() -> Versions<Self> {
        Versions::first().then_and_back(upgrade, downgrade)
    }

    fn create(_: Option<()>, _: &mut Cx<Self>) -> Result<Self, Refusal> {
        Ok(rules::open(Self { ballast: Ballast::asked(), ..Self::default() }))
    }

    fn join(&mut self, who: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
        rules::join(self, who.id());
        Ok(())
    }

    fn input(&mut self, from: PlayerId, input: Input, cx: &mut Cx<Self>) {
        rules::input(self, from, input, cx);
    }

    fn tick(&mut self, cx: &mut Cx<Self>) {
        rules::tick(self, cx);
    }

    fn leave(&mut self, who: PlayerId, _: &mut Cx<Self>) {
        rules::leave(self, who);
    }

    fn view(&self, who: PlayerId, _: &Cx<Self>) -> View {
        rules::view(self, who)
    }
}
