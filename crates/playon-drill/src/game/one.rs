//! Release 1: two maps side by side.

use std::collections::BTreeMap;

use playon::{Cx, Player, PlayerId, Policies, Refusal, Room};
use serde::{Deserialize, Serialize};

use super::ballast::Ballast;
use super::rules::{self, DrillBooks, PublicPage};
use super::{Account, Event, Input, View, kind};

/// The state of release 1, ticking `HZ` times a second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct One<const HZ: u32> {
    pub(super) accounts: BTreeMap<u64, Account>,
    pub(super) events: BTreeMap<u64, u64>,
    pub(super) page: PublicPage,
    pub(super) ballast: Ballast,
}

impl<const HZ: u32> DrillBooks for One<HZ> {
    const RELEASE: u32 = 1;

    fn admit(&mut self, who: u64) {
        self.accounts.insert(who, Account::default());
        self.events.insert(who, 0);
    }

    fn dismiss(&mut self, who: u64) {
        self.accounts.remove(&who);
        self.events.remove(&who);
    }

    fn of(&mut self, who: u64) -> Option<(&mut Account, &mut u64)> {
        self.accounts.get_mut(&who).zip(self.events.get_mut(&who))
    }

    fn all(&self) -> impl Iterator<Item = (u64, &Account, u64)> {
        self.accounts
            .iter()
            .zip(self.events.values())
            .map(|((who, account), events)| (*who, account, *events))
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

impl<const HZ: u32> Room for One<HZ> {
    const KIND: &'static str = kind(HZ);

    type Params = Option<()>;
    type Input = Input;
    type Event = Event;
    type View = View;

    fn policies() -> Policies {
        rules::policies(HZ)
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
