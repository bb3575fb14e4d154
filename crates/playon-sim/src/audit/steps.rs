//! What is looked at after every step: clocks, bounds, posts, and where each room stands.

use std::collections::BTreeMap;

use playon_core::deploy::{DirectorFacts, RESTING_GROUPS_MAX, SLEEPERS_PER_GROUP};
use playon_core::facts::{Place, RoomFacts, Seating, ShardFacts};
use playon_core::limits::Limits;
use playon_core::shard::{APPEALS_MAX, PROBES_MAX, Shard};
use playon_types::ids::{RoomId, Seq};
use playon_types::image::StateCodec;
use playon_types::time::{Span, Time};

use super::Audit;

impl Audit {
    /// A step is over.
    pub const fn note_time(&mut self, now: Time) {
        self.now = now;
    }

    /// Everything that holds between two steps, of a shard to which something has happened.
    ///
    /// # Errors
    /// When an invariant is broken.
    pub fn after_step<C: StateCodec>(
        &mut self,
        now: Time,
        number: u16,
        shard: &Shard<C>,
    ) -> Result<(), String> {
        let facts = shard.facts();
        self.check_queues(&facts)?;
        shard.check_timers().map_err(|what| format!("I32: {what}"))?;
        if let Some(most) = self.sides[usize::from(number)].take_window_max()
            && facts.opening_window > most
        {
            let found = facts.opening_window;
            return Err(format!("I28: {found} rooms may be opened at a time, that was too much"));
        }
        let mut seen = Vec::new();
        let mut sockets = 0;
        for facts in shard.rooms(now) {
            sockets += facts.sockets + facts.waiting;
            seen.push(facts.room);
            if self.shard_of(facts.room) != number {
                return Err(format!("I4: shard {number} has {}, another one's", facts.room));
            }
            self.check_room(&facts)?;
            self.check_frozen(now, &facts)?;
            self.follow(now, &facts)?;
        }
        if facts.sockets != sockets {
            return Err(format!(
                "I16: the shard knows {} sockets, its rooms have {sockets}",
                facts.sockets
            ));
        }
        let shards = self.sides.len() as u16;
        let here = |room: &RoomId| room.shard(shards) == number && !seen.contains(room);
        let gone = self.rooms.iter_mut().filter(|(room, _)| here(room));
        for book in gone.map(|(_, book)| book) {
            if let Some(place) = book.place.take() {
                self.coverage.room(place, Place::Absent)?;
            }
            book.frozen = None;
            for seating in std::mem::take(&mut book.seats).into_values() {
                self.coverage.session(seating, Seating::Unknown)?;
            }
        }
        Ok(())
    }

    fn check_queues(&self, facts: &ShardFacts) -> Result<(), String> {
        let l = &self.limits;
        bound("rooms", facts.rooms, l.rooms_per_shard_max)?;
        bound("handoffs", facts.moving, l.handoffs_max)?;
        if facts.moving_beside {
            return Err("I16: a room that takes long is handed over beside others".into());
        }
        bound("openings", facts.opening, l.opens_max)?;
        // The last one that begins may exceed the bound.
        bound("bytes of openings", facts.opening_bytes, l.opens_bytes_max + l.state_bytes_max)?;
        bound("rooms that wait to be handed over", facts.move_queue, facts.rooms)?;
        bound("rooms that wait to be opened", facts.open_queue, facts.rooms)?;
        bound("appeals", facts.appeals, APPEALS_MAX)?;
        bound("copies of rooms that nobody runs", facts.probes, PROBES_MAX)
    }

    /// What the director holds is bounded by the rooms there are.
    ///
    /// # Errors
    /// When it is not.
    pub fn check_director(&self, facts: &DirectorFacts) -> Result<(), String> {
        bound("orders that wait for their turn", facts.queued, facts.rooms)?;
        bound("orders that are not answered", facts.unanswered, facts.rooms)?;
        bound("rooms that a deploy waits for", facts.waited_for, facts.rooms)?;
        bound(
            "rooms at rest that are tried",
            facts.sleepers,
            RESTING_GROUPS_MAX * SLEEPERS_PER_GROUP,
        )?;
        // One may have gone while it is tried what it failed on.
        let gone = APPEALS_MAX * self.sides.len();
        bound("rooms under inquiry", facts.inquiries, facts.rooms + gone)?;
        bound("rooms in doubt", facts.doubts, facts.waited_for)?;
        bound("deploys that are remembered", facts.past, 100)
    }

    fn check_room(&self, facts: &RoomFacts<'_>) -> Result<(), String> {
        let (l, room) = (&self.limits, facts.room);
        let bound =
            |what, found, most| bound(what, found, most).map_err(|e| format!("{e}, {room}"));
        bound("waiting sockets", facts.waiting, l.waiting_max)?;
        bound("spectators", facts.watchers, l.watchers_max)?;
        bound("deltas to send after a copy", facts.tail, l.tail_deltas_max)?;
        let state = facts.image.map_or(0, |image| image.state.len());
        bound("bytes to send after a copy", facts.tail_bytes, state)?;
        bound("commits that are not safe", facts.held, l.unsafe_commits_max)?;
        for (_, _, inputs) in &facts.sessions {
            bound("waiting inputs of a session", *inputs as usize, l.inputs_pending_max)?;
        }
        // Besides inputs a session has a few comings and goings on their way, however often it came and went.
        let items = facts.sessions.len() * (l.inputs_pending_max + 8) + 8;
        bound("waiting items", facts.pending, items)?;
        for seat in facts.image.into_iter().flat_map(|image| image.seats.values()) {
            bound("events of an outbox", seat.outbox.len(), l.outbox_events_max)?;
            bound("bytes of an outbox", seat.outbox_bytes(), l.outbox_bytes_max)?;
        }
        let held = |(_, attempt, _): &(_, _, _)| self.revoked.contains(attempt);
        // While the switch is with the store the old worker is kept, but not heard.
        if facts.posts.iter().any(held) && !facts.place.is_switching() {
            return Err(format!("I4: {room} holds a revoked attempt"));
        }
        Ok(())
    }

    /// Where the room has gone since the last step.
    fn follow(&mut self, now: Time, facts: &RoomFacts<'_>) -> Result<(), String> {
        let room = facts.room;
        // Nothing is given up by time any more while the keeper stops.
        let most = patience(&self.limits, self.sides.len(), facts.place).filter(|_| !self.stopping);
        let side = &self.sides[usize::from(self.shard_of(room))];
        let book = self.rooms.entry(room).or_default();
        let posts = facts.posts.iter().map(|(_, attempt, _)| *attempt).collect();
        let same = book.posts == posts;
        book.posts = posts;
        book.on = facts.posts.iter().map(|(worker, ..)| *worker).collect();
        let tried = |worker| side.tries(worker);
        if facts.place == Place::Live && !book.on.iter().any(tried) {
            self.on_trial.remove(&room);
        }
        let before = book.place.replace(facts.place).unwrap_or(Place::Absent);
        if facts.place != Place::Resting && std::mem::take(&mut book.ended) {
            (book.seq, book.clock) = (Seq::default(), facts.clock);
        }
        if before != facts.place || !same {
            book.since = now;
        } else if most.is_some_and(|most| now.since(book.since) > most) {
            return Err(format!("I17: {room} is {before} since {:?}", book.since));
        }
        self.coverage.room(before, facts.place)?;
        if stands(before) && stands(facts.place) && book.clock != facts.clock {
            let (was, is) = (book.clock, facts.clock);
            return Err(format!(
                "I13: the clock of {room} runs from {was:?} to {is:?} while it is {before}, then {}",
                facts.place
            ));
        }
        book.clock = facts.clock;
        if let Some(image) = facts.image {
            if image.seq < book.seq {
                return Err(format!("I14: {room} went back from {} to {}", book.seq, image.seq));
            }
            if image.seq > book.seq {
                book.ran_at = Some(now);
            }
            book.seq = image.seq;
        }
        let seats: BTreeMap<_, _> = facts.sessions.iter().map(|(id, s, _)| (*id, *s)).collect();
        let ids = seats.keys().chain(book.seats.keys()).copied();
        for id in ids.collect::<std::collections::BTreeSet<_>>() {
            let was = book.seats.get(&id).copied().unwrap_or(Seating::Unknown);
            let is = seats.get(&id).copied().unwrap_or(Seating::Unknown);
            self.coverage.session(was, is)?;
        }
        book.seats = seats;
        Ok(())
    }

    /// Where a room was last seen.
    pub fn place(&self, room: RoomId) -> Option<Place> {
        self.rooms.get(&room).and_then(|book| book.place)
    }
}

/// How long a room may be in that place without any change.
fn patience(limits: &Limits, shards: usize, place: Place) -> Option<Span> {
    // Until its turn comes it may wait behind others for as long as its worker answers them, which has work of every shard; the
    // shell's timer is not exact.
    let wait = limits.turn_timeout.0 * shards as u64 + 5_000;
    let most = match place {
        Place::Opening => limits.open_timeout,
        // It may have waited for its turn in a worker that is gone, before it did in this one: nobody tells which one it has been asked of.
        Place::Creating => Span(2 * limits.open_timeout.0 + wait),
        Place::Exporting | Place::Prewarming => limits.prewarm_timeout,
        _ => return None,
    };
    Some(Span(most.0 + wait))
}

/// Whether nobody runs the room, so that its clock stands.
const fn stands(place: Place) -> bool {
    matches!(place, Place::Idle | Place::Opening)
}

fn bound(what: &str, found: usize, most: usize) -> Result<(), String> {
    if found > most {
        Err(format!("I16: {found} {what}, at most {most} are allowed"))
    } else {
        Ok(())
    }
}
