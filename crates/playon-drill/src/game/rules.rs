//! The rules, for a state of any shape.

use std::time::Duration;

use playon::{Cx, PlayerId, Policies, Room};

use super::accounts::{Account, fold, total};
use super::ballast::Ballast;
use super::{Event, Input, PLAYERS_MAX, View, clock, leak, sabotage, sums};
use crate::survives::SurvivesArg;

/// A player hears of every so many of its inputs.
const INPUTS_PER_EVENT: u64 = 5;
/// All players hear of every so many ticks.
const TICKS_PER_EVENT: u64 = 20;

/// What the rules need of a state.
pub(super) trait DrillBooks {
    /// Which release has this shape.
    const RELEASE: u32;

    /// Begins an account.
    fn admit(&mut self, who: u64);
    /// Ends an account.
    fn dismiss(&mut self, who: u64);
    /// A player's account and the number of events it was sent.
    fn of(&mut self, who: u64) -> Option<(&mut Account, &mut u64)>;
    /// All of them by id.
    fn all(&self) -> impl Iterator<Item = (u64, &Account, u64)>;
    /// The rest of the state.
    fn page(&mut self) -> &mut PublicPage;
    /// As [`DrillBooks::page`], to look at.
    fn read(&self) -> &PublicPage;
    /// The dead weight.
    fn ballast(&self) -> &Ballast;
}

/// What belongs to no player.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct PublicPage {
    /// Ticks so far.
    pub ticks: u64,
    /// Room time at the last tick, in microseconds.
    pub micros: u64,
    /// The checksum over everything else as the last call left it.
    pub sum: u64,
    /// Times that it did not fit.
    pub mismatches: u64,
}

/// The environment variable with the longest pause that a handoff should cause, in milliseconds. For tests that do not ask how
/// quick a machine is, and so must not be judged by it: the drill measures pauses itself.
const PAUSE_BUDGET: &str = "PLAYON_DRILL_PAUSE_BUDGET_MS";

pub(super) fn policies(hz: u32) -> Policies {
    let budget = std::env::var(PAUSE_BUDGET).ok().and_then(|ms| ms.parse().ok());
    let policies = Policies::default();
    let policies = match budget {
        Some(ms) => policies.pause_budget(Duration::from_millis(ms)),
        None => policies,
    };
    let policies = if hz == 0 { policies } else { policies.hz(hz) };
    policies
        .players_max(PLAYERS_MAX)
        .on_deploy(playon::OnDeploy::Now)
        .survives(SurvivesArg::asked().policy())
}

pub(super) fn checksum(books: &impl DrillBooks) -> u64 {
    let page = books.read();
    let start = fold(fold(0, page.ticks), page.micros);
    books.all().fold(start, |sum, (who, account, events)| {
        [who, account.digest(), events].into_iter().fold(sum, fold)
    })
}

/// Changes the state, after checking that it is what the last change left.
fn change<B: DrillBooks, T>(books: &mut B, change: impl FnOnce(&mut B) -> T) -> T {
    if books.read().sum != checksum(books) {
        books.page().mismatches += 1;
    }
    let result = change(books);
    books.page().sum = checksum(books);
    result
}

/// Looks whether the dead weight is what it was, which takes too long to be done with each change.
fn weigh(books: &mut impl DrillBooks) {
    books.page().mismatches += u64::from(!books.ballast().is_whole());
}

pub(super) fn open<B: DrillBooks>(mut books: B) -> B {
    books.page().sum = checksum(&books);
    books
}

pub(super) fn join(books: &mut impl DrillBooks, who: PlayerId) {
    weigh(books);
    change(books, |books| books.admit(who.0));
}

pub(super) fn leave(books: &mut impl DrillBooks, who: PlayerId) {
    change(books, |books| books.dismiss(who.0));
}

pub(super) fn input<R>(books: &mut R, from: PlayerId, input: Input, cx: &mut Cx<R>)
where
    R: DrillBooks + Room<Event = Event>,
{
    let inputs = sabotage::inputs(from, input);
    if sabotage::corrupts(input) {
        // Behind the back of the checksum.
        books.page().micros ^= 1;
    }
    for input in inputs.into_iter().flatten() {
        take(books, from, input, cx);
    }
}

fn take<R>(books: &mut R, from: PlayerId, input: Input, cx: &mut Cx<R>)
where
    R: DrillBooks + Room<Event = Event>,
{
    let event = change(books, |books| {
        let (account, events) = books.of(from.0)?;
        account.apply(input);
        account.count.is_multiple_of(INPUTS_PER_EVENT).then(|| next(events))
    });
    if let Some(n) = event.filter(|_| !sabotage::loses_event(input)) {
        cx.send(from, &Event { n, tick: cx.tick() });
    }
}

pub(super) fn tick<R>(books: &mut R, cx: &mut Cx<R>)
where
    R: DrillBooks + Room<Event = Event>,
{
    leak::tick();
    sabotage::tick(R::RELEASE);
    let micros = u64::try_from(cx.now().as_micros()).unwrap_or(u64::MAX);
    change(books, |books| {
        let page = books.page();
        page.ticks += 1;
        // The tick's number and the room's clock travel outside the state; they have to fit it all the same.
        page.mismatches += u64::from(page.ticks != cx.tick()) + u64::from(micros < page.micros);
        page.micros = micros;
    });
    if !cx.tick().is_multiple_of(TICKS_PER_EVENT) {
        return;
    }
    weigh(books);
    for who in cx.player_ids() {
        let n = change(books, |books| books.of(who.0).map(|(_, events)| next(events)));
        if let Some(n) = n {
            cx.send(who, &Event { n, tick: cx.tick() });
        }
    }
}

pub(super) fn view<B: DrillBooks>(books: &B, who: PlayerId) -> View {
    let page = books.read();
    let own = books.all().find(|(id, ..)| *id == who.0);
    sums::with_sum(View {
        tick: page.ticks,
        release: B::RELEASE,
        own: own.map(|(_, account, _)| *account).unwrap_or_default(),
        events: own.map(|(.., events)| events).unwrap_or_default(),
        counts: books.all().map(|(_, account, _)| account.count).collect(),
        total: total(books.all().map(|(_, account, _)| account.chain)),
        mismatches: page.mismatches,
        stamp: clock::monotonic_ns(),
        sum: 0,
    })
}

const fn next(events: &mut u64) -> u64 {
    *events += 1;
    *events
}
