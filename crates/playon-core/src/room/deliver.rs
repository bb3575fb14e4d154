//! A batch leaves for the worker: at most one at a time, so a room that is not delivered to is quiet.

use std::collections::BTreeMap;

use playon_types::attach::{Deliver, Item, LeftOut, ToWorker};
use playon_types::ids::SessionId;
use playon_types::image::StateCodec;
use playon_types::time::{RoomTime, Time, WAKE_EVERY_MIN};

use crate::ensure::ensure;
use crate::env::Env;
use crate::errand::Errand;
use crate::limits::Limits;
use crate::mutant::{Mutant, broken};

use super::Room;
use super::blame::Portion;
use super::phase::{Inflight, Live, Phase, WarmStep};
use super::timers::{At, Timer};

/// What leaves next.
struct NextBatch {
    portion: Portion,
    items: Vec<Item>,
    at: RoomTime,
    /// It is only for the views that the batch before had no place for.
    rest: bool,
}

impl Room {
    /// Does the next thing a live room has to do: hand over, or run a batch.
    pub(crate) fn pump<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        self.act(env, now);
        self.note_waits();
    }

    fn act<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        self.consider_wish(env, now);
        let Phase::Live(live) = &self.phase else {
            return;
        };
        if live.inflight.is_some() || env.stopping || self.image.ended {
            return;
        }
        if live.warm.as_ref().is_some_and(|w| matches!(w.step, WarmStep::Ready { .. })) {
            self.begin_cutover(env, now);
            if !matches!(self.phase, Phase::Live(_)) {
                return;
            }
            // It has come to nothing: the room plays on.
        }
        if self.blocked() {
            return;
        }
        if self.change_berth(env, now) {
            return;
        }
        match self.next_batch(env, now) {
            Some(batch) => self.deliver(env, now, batch),
            None if self.period().is_none() && self.blame.nothing_to_run() => {
                self.change_berth(env, now);
            }
            None => {}
        }
    }

    /// Whether too many commits are not yet safe to run ahead any further; `pump` runs again when one is.
    fn blocked(&self) -> bool {
        self.durability.blocks(self.image.seq)
    }

    /// What a live room waits for when it has nothing to do, or has just been given something: the next tick or wake-up, its
    /// rest, and what an order to move waits for. After anything that may have changed one of them.
    pub(super) fn note_waits(&mut self) {
        if matches!(self.phase, Phase::Live(_)) {
            self.timers.put(Timer::Beat, self.beat_at().map(At::Room));
            let (round, apart) = self.wish_until();
            self.timers.put(Timer::Round, round.map(At::Keeper));
            self.timers.put(Timer::Apart, apart.map(At::Keeper));
            self.note_rest();
        }
    }

    /// When the next batch is due if nothing comes in before.
    pub(super) fn beat_at(&self) -> Option<RoomTime> {
        let Phase::Live(Live { inflight: None, .. }) = &self.phase else { return None };
        let goes_on = !self.image.ended && !self.blocked();
        self.due_at().filter(|_| goes_on)
    }

    /// The next tick, or the next wake-up of a kind without ticks, which does not come as often as a game may ask for it: a timer
    /// that arms itself for at once would have the room run batch after batch, for as long as it is awake.
    pub(super) fn due_at(&self) -> Option<RoomTime> {
        match self.period() {
            Some(period) => Some(self.image.now + period),
            None => self.image.wake_at.map(|at| at.max(self.image.now + WAKE_EVERY_MIN)),
        }
    }

    /// What the next batch brings and when it happens in room time, if one is due.
    fn next_batch<C: StateCodec>(&mut self, env: &Env<C>, now: Time) -> Option<NextBatch> {
        let due = self.due_at().filter(|at| *at <= self.clock.read(now));
        let portion = self.blame.portion();
        let Some(period) = self.period() else {
            let wanted = portion != Portion::Free
                || !self.backlog.is_empty()
                || due.is_some()
                || self.presence.owes_a_view(&self.image.seats, |id| self.blame.shows(portion, id));
            let rest = !wanted
                && self
                    .presence
                    .owes_the_rest(&self.image.seats, |id| self.blame.shows(portion, id));
            let mut items = (wanted || rest).then(|| self.take(&env.limits, portion))?;
            if items.is_empty() {
                items.push(Item::Wake);
            }
            let at = self.clock.read(now).max(self.image.now);
            return Some(NextBatch { portion, items, at, rest });
        };
        let due = due?;
        if self.clock.read(now).since(due) > period {
            // The outage was ours: the room's clock waits for the room instead of skipping steps.
            self.clock.slip(now, due);
        }
        let mut items = self.take(&env.limits, portion);
        items.push(Item::Tick(self.image.tick.saturating_add(1)));
        Some(NextBatch { portion, items, at: due, rest: false })
    }

    fn take(&mut self, limits: &Limits, portion: Portion) -> Vec<Item> {
        match portion {
            Portion::Free => self.backlog.take(limits),
            Portion::Control | Portion::Views => Vec::new(),
            Portion::Group => self.blame.take_group(),
        }
    }

    fn deliver<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        NextBatch { portion, items, at, rest }: NextBatch,
    ) {
        let (room, seq) = (self.id(), self.image.seq.next());
        let (read, before) = (self.clock.read(now), self.image.now);
        let timely = before <= at && at <= read.max(before);
        ensure!(env, room, timely, "batch {seq} is of {at:?}, after {before:?}, at {read:?}");
        let stale = self.out_of_order(&items);
        ensure!(env, room, stale.is_none(), "batch {seq} brings an input out of order: {stale:?}");
        let tick = match items.last() {
            Some(Item::Tick(tick)) => *tick,
            _ => self.image.tick,
        };
        let shows = |id| self.blame.shows(portion, id);
        let mut render = self.presence.audience(&self.image.seats, &items, rest);
        render.retain(|id| shows(*id));
        let watch = !self.presence.watchers().is_empty() && !rest && shows(LeftOut::WATCHERS);
        let errand = Errand::new(now, self.policies.batch_timeout);
        let inflight = Inflight { seq, items, now: at, tick, errand, portion, render, watch };
        let Phase::Live(live) = &mut self.phase else {
            return;
        };
        ensure!(env, room, live.inflight.is_none(), "batch {seq} leaves while one is under way");
        let placement = live.placement;
        let there = env.fleet.has(placement.worker);
        ensure!(
            env,
            room,
            there,
            "batch {seq} leaves for worker {:?}, which is gone",
            placement.worker
        );
        let message = Deliver {
            room,
            attempt: placement.attempt,
            seq,
            now: at,
            items: inflight.items.clone(),
            render: inflight.render.clone(),
            render_watch: watch,
        };
        self.timers.set(Timer::Batch, inflight.errand.until());
        live.inflight = Some(inflight);
        env.tell(placement.worker, ToWorker::Deliver(message));
    }

    /// The first input that has been applied before, or comes before one that its player has sent earlier.
    fn out_of_order(&self, items: &[Item]) -> Option<(SessionId, u64)> {
        let mut last: BTreeMap<SessionId, u64> = BTreeMap::new();
        items.iter().find_map(|item| {
            let Item::Input { session, seq, .. } = item else { return None };
            let applied = || self.image.seats.get(session).map_or(0, |seat| seat.applied);
            let last = last.entry(*session).or_insert_with(applied);
            (std::mem::replace(last, *seq) >= *seq).then_some((*session, *seq))
        })
    }

    /// Puts what was in flight back to where it was taken from, to be delivered again.
    pub(super) fn requeue(&mut self, inflight: Inflight) {
        if broken(Mutant::NoRedelivery) {
            return;
        }
        let portion = inflight.portion;
        self.backlog.put_back(self.blame.interrupted(portion, inflight.into_items()));
    }
}
