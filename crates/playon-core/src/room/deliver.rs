//! A batch leaves for the worker: at most one at a time, so a room that is not delivered to is quiet.

use std::collections::{BTreeSet, VecDeque};

use crate::attach::{Commit, Deliver, Item, ToWorker};
use crate::ensure::ensure;
use crate::env::Env;
use crate::errand::Errand;
use crate::ids::SessionId;
use crate::image::StateCodec;
use crate::limits::Limits;
use crate::mutant::{Mutant, broken};
use crate::session::{Session, Standing};
use crate::time::{RoomTime, Time};

use super::Room;
use super::blame::Portion;
use super::phase::{Inflight, Phase, WarmStep};

/// What leaves next.
struct Batch {
    portion: Portion,
    items: Vec<Item>,
    at: RoomTime,
    /// It is only for the views that the batch before had no place for.
    rest: bool,
}

impl Room {
    /// Does the next thing a live room has to do: hand over, or run a batch.
    pub(crate) fn pump<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        self.consider_wish(env, now);
        let Phase::Live(live) = &self.phase else {
            return;
        };
        if live.inflight.is_some() || env.stopping || self.image.ended {
            return;
        }
        if live.warm.as_ref().is_some_and(|w| matches!(w.step, WarmStep::Ready { .. })) {
            self.begin_cutover(env, now);
            return;
        }
        if self.blocked() {
            return;
        }
        if self.change_berth(env, now) {
            return;
        }
        if let Some(batch) = self.next_batch(env, now) {
            self.deliver(env, now, batch);
        }
    }

    /// Whether too many commits are not yet safe to run ahead any further; `pump` runs again when one is.
    fn blocked(&self) -> bool {
        self.durability.blocks(self.image.seq)
    }

    /// When the next batch is due if nothing comes in before.
    pub(super) fn due(&self) -> Option<Time> {
        if self.image.ended || self.blocked() {
            return None;
        }
        self.clock.when(self.due_at()?)
    }

    /// The same in room time: the next tick, or the next wake-up of a kind without ticks.
    pub(super) fn due_at(&self) -> Option<RoomTime> {
        match self.period() {
            Some(period) => Some(self.image.now + period),
            None => self.image.wake_at,
        }
    }

    /// What the next batch brings and when it happens in room time, if one is due.
    fn next_batch<C: StateCodec>(&mut self, env: &Env<C>, now: Time) -> Option<Batch> {
        let due = self.due_at().filter(|at| *at <= self.clock.read(now));
        let portion = self.blame.portion();
        let Some(period) = self.period() else {
            let wanted = portion != Portion::Free
                || !self.pending.is_empty()
                || due.is_some()
                || self.owes_a_view();
            let rest = !wanted && self.owes_the_rest();
            let mut items = (wanted || rest).then(|| self.take(&env.limits, portion))?;
            if items.is_empty() {
                items.push(Item::Wake);
            }
            let at = self.clock.read(now).max(self.image.now);
            return Some(Batch { portion, items, at, rest });
        };
        let due = due?;
        if self.clock.read(now).since(due) > period {
            // The outage was ours: the room's clock waits for the room instead of skipping steps.
            self.clock.slip(now, due);
        }
        let mut items = self.take(&env.limits, portion);
        items.push(Item::Tick(self.image.tick.saturating_add(1)));
        Some(Batch { portion, items, at: due, rest: false })
    }

    fn take(&mut self, limits: &Limits, portion: Portion) -> Vec<Item> {
        match portion {
            Portion::Free => take(&mut self.pending, limits),
            Portion::Control => Vec::new(),
            Portion::Group => self.blame.take_group(),
        }
    }

    fn deliver<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        Batch { portion, items, at, rest }: Batch,
    ) {
        let seq = self.image.seq.next();
        let tick = match items.last() {
            Some(Item::Tick(tick)) => *tick,
            _ => self.image.tick,
        };
        let render = self.audience(&items, rest);
        let watch = !self.watchers.is_empty() && !rest;
        let errand = Errand::new(now, self.policies.batch_timeout);
        let inflight = Inflight { seq, items, now: at, tick, errand, portion, render, watch };
        let room = self.id();
        let Phase::Live(live) = &mut self.phase else {
            return;
        };
        ensure!(env, room, live.inflight.is_none(), "batch {seq} leaves while one is under way");
        let post = live.post;
        let message = Deliver {
            room,
            attempt: post.attempt,
            seq,
            now: at,
            items: inflight.items.clone(),
            render: inflight.render.clone(),
            render_watch: watch,
        };
        live.inflight = Some(inflight);
        env.tell(post.worker, ToWorker::Deliver(message));
    }

    /// The players who see the room after this batch: those with a seat and a socket, and those who get
    /// their seat with it. Nobody else may be asked about: the game does not know them. Whoever has been left out for
    /// longest comes first, and those who were are alone if the batch is for that.
    fn audience(&self, items: &[Item], rest: bool) -> Vec<SessionId> {
        let joins = |id: &SessionId| {
            items.iter().any(|item| matches!(item, Item::Join { session, .. } if session == id))
        };
        let sees =
            |id: &SessionId, s: &Session| self.is_here(id, s) || (s.is_joining() && joins(id));
        let seers = self.sessions.iter().filter(|(id, s)| sees(id, s));
        let mut seers: Vec<_> = seers.filter(|(_, s)| !rest || s.view_owed.is_some()).collect();
        seers.sort_by_key(|(_, s)| (s.view_owed.is_none(), s.view_owed));
        seers.into_iter().map(|(id, _)| *id).collect()
    }

    /// Whether the game knows the player, and a socket of it is there. So also while the commit with the join is not
    /// safe yet: commits that follow before it is show the player what the others are shown.
    fn is_here(&self, id: &SessionId, session: &Session) -> bool {
        let seated = match session.standing {
            Standing::Seated => true,
            Standing::Joining => self.image.seats.contains_key(id),
            Standing::Leaving => false,
        };
        seated && session.conn.is_some()
    }

    /// Whether somebody here has not been shown the room as it is. A kind without ticks is woken for it.
    fn owes_a_view(&self) -> bool {
        (self.watch_due && !self.watchers.is_empty())
            || self.sessions.iter().any(|(id, s)| s.view_due && self.is_here(id, s))
    }

    /// Whether somebody here was left out of the last batch, as it had no place for all views.
    fn owes_the_rest(&self) -> bool {
        self.sessions.iter().any(|(id, s)| s.view_owed.is_some() && self.is_here(id, s))
    }

    /// A batch that was rendered for these has been committed.
    pub(super) fn note_rendered(&mut self, inflight: &Inflight, commit: &Commit) {
        let again: BTreeSet<SessionId> =
            commit.left_out.iter().filter(|left| left.again).map(|left| left.session).collect();
        for id in &inflight.render {
            if let Some(session) = self.sessions.get_mut(id) {
                session.view_due = false;
                let since = session.view_owed.unwrap_or(inflight.seq);
                session.view_owed = again.contains(id).then_some(since);
            }
        }
        self.watch_due &= !inflight.watch;
    }

    /// Puts what was in flight back to where it was taken from, to be delivered again.
    pub(super) fn requeue(&mut self, inflight: Inflight) {
        if broken(Mutant::NoRedelivery) {
            return;
        }
        let portion = inflight.portion;
        for item in self.blame.interrupted(portion, inflight.into_items()).into_iter().rev() {
            self.pending.push_front(item);
        }
    }
}

/// Takes the next items within the bounds of a batch.
fn take(pending: &mut VecDeque<Item>, limits: &Limits) -> Vec<Item> {
    let most = limits.batch_items_max;
    let mut bytes = 0;
    let mut items = Vec::with_capacity(pending.len().min(most) + 1);
    while items.len() < most {
        let Some(item) = pending.front() else { break };
        bytes += match item {
            Item::Input { payload, .. } => payload.len(),
            Item::Join { profile, .. } => profile.len(),
            _ => 0,
        };
        if bytes > limits.batch_bytes_max && !items.is_empty() {
            break;
        }
        items.extend(pending.pop_front());
    }
    items
}
