//! The half of the sessions' model that is about commits: what a batch says, and when it may be said.

use bytes::Bytes;
use playon_types::attach::{Item, Noted};
use playon_types::gate::{Close, Mode, Push};
use playon_types::ids::{Seq, SessionId};
use playon_types::image::SET_ASIDE_KEPT_MAX;

use crate::session_model::{Held, Kept, Model, Past, Standing, Told};
use crate::worker::view;

impl Model {
    /// The commit that answers the batch under way has arrived and is sound.
    pub(crate) fn committed(&mut self) {
        let deliver = self.inflight.take().expect("a batch was under way");
        let said = self.state.run(deliver.now, &deliver.items);
        self.seq += 1;
        let mut held = Held { seq: self.seq, ..Held::default() };
        self.seat_joins(&deliver.items, &said.refused, &mut held);
        let mut applied = std::mem::take(&mut self.skipped);
        for (id, seq) in &applied {
            held.pushes.entry(*id).or_default().set_aside.push(*seq);
            if let Some(seat) = self.seats.get_mut(id) {
                seat.set_aside.push(*seq);
                let over = seat.set_aside.len().saturating_sub(SET_ASIDE_KEPT_MAX);
                seat.set_aside.drain(..over);
            }
        }
        for item in &deliver.items {
            match item {
                Item::Input { session, seq, .. } => drop(applied.insert(session.0, *seq)),
                Item::Back { session, lost: 1.. } => {
                    if let Some(player) = self.players.get(&session.0) {
                        applied.insert(session.0, player.resumed_at);
                        if let Some(seat) = self.seats.get_mut(&session.0) {
                            seat.loss = (player.untold, self.history.0);
                        }
                    }
                }
                _ => {}
            }
        }
        for (id, seq) in applied {
            held.pushes.entry(id).or_default().applied = Some(seq);
            if let Some(seat) = self.seats.get_mut(&id) {
                seat.applied = seat.applied.max(seq);
            }
        }
        for (id, payload, numbered) in said.outputs {
            let push = held.pushes.entry(id.0).or_default();
            if !numbered {
                push.now.push(payload);
                continue;
            }
            let number = self.seats.get(&id.0).map_or(0, |seat| seat.events.len()) + 1;
            if let Some(seat) = self.seats.get_mut(&id.0) {
                push.events.push((number as u64, payload.clone()));
                seat.events.push(payload);
            }
        }
        for id in &deliver.render {
            let as_of = self.seats.get(&id.0).map_or(0, |seat| seat.events.len() as u64);
            held.pushes.entry(id.0).or_default().view = Some((as_of, view(Seq(self.seq))));
        }
        self.bound_outboxes();
        self.note_presence(&deliver.items);
        self.unseat(&deliver.items, &said.dismissed, &mut held);
        self.past.insert(self.seq, Past { seats: self.seats.clone(), state: self.state.clone() });
        self.held.push_back(held);
        self.mark = self.mark.min(self.seq);
        if self.marked {
            self.safe_up_to(self.seq);
        }
    }

    /// The store has everything up to `seq`.
    pub(crate) fn stored(&mut self, seq: u64) {
        if seq > self.safe {
            self.safe_up_to(seq);
            if !self.durable && seq >= self.mark && !std::mem::replace(&mut self.marked, true) {
                self.safe_up_to(self.seq);
            }
        }
    }

    fn seat_joins(&mut self, items: &[Item], refused: &[SessionId], held: &mut Held) {
        for item in items {
            let Item::Join { session, .. } = item else { continue };
            if refused.contains(session) {
                held.goodbyes.push((session.0, Close::Refused));
            } else if let Some(player) = self.players.get(&session.0) {
                let secret = player.secret;
                let seat = Kept {
                    secret,
                    applied: 0,
                    events: Vec::new(),
                    forgotten: 0,
                    loss: (0, 0),
                    set_aside: Vec::new(),
                    away: None,
                };
                self.seats.insert(session.0, seat);
                held.seated.push(session.0);
            }
        }
    }

    fn note_presence(&mut self, items: &[Item]) {
        for item in items {
            let (id, away) = match item {
                Item::Away(session) | Item::Noted { session, change: Noted::Away } => {
                    (session.0, true)
                }
                Item::Back { session, .. } | Item::Noted { session, change: Noted::Back } => {
                    (session.0, false)
                }
                _ => continue,
            };
            let (Some(seat), player) = (self.seats.get_mut(&id), self.players.get(&id)) else {
                continue;
            };
            let so_far = player.map_or(0, |player| {
                player.absent + player.away_since.map_or(0, |since| self.clock - since)
            });
            let since = self.clock_at.0.saturating_sub(so_far);
            seat.away = away.then(|| seat.away.unwrap_or(since));
        }
    }

    fn bound_outboxes(&mut self) {
        for seat in self.seats.values_mut() {
            let kept = &seat.events[seat.forgotten as usize..];
            let bytes: usize = kept.iter().map(Bytes::len).sum();
            if kept.len() > self.limits.outbox_events_max || bytes > self.limits.outbox_bytes_max {
                seat.forgotten = seat.events.len() as u64;
            }
        }
    }

    fn unseat(&mut self, items: &[Item], dismissed: &[SessionId], held: &mut Held) {
        for item in items {
            if let Item::Leave(session) | Item::Noted { session, change: Noted::Leave } = item {
                held.goodbyes.push((session.0, Close::Left));
            }
        }
        for session in dismissed {
            if let Some(player) = self.players.get_mut(&session.0) {
                player.standing = Standing::Leaving;
            }
            held.goodbyes.push((session.0, Close::Left));
        }
        let gone = |id: &SessionId| held.goodbyes.iter().any(|(gone, _)| *gone == id.0);
        self.seats.retain(|id, _| !gone(&SessionId(*id)));
        self.queue.retain(|item| match item {
            Item::Input { session, .. } | Item::Back { session, .. } => !gone(session),
            Item::Away(session) | Item::Leave(session) => !gone(session),
            Item::Noted { session, .. } => !gone(session),
            Item::Join { .. } | Item::Tick(_) | Item::Wake => true,
        });
    }

    /// Commits up to `seq` are as safe as the kind asks: what they say leaves.
    pub(crate) fn safe_up_to(&mut self, seq: u64) {
        self.safe = self.safe.max(seq);
        while self.held.front().is_some_and(|held| held.seq <= self.safe) {
            let held = self.held.pop_front().expect("there is one");
            held.seated.iter().for_each(|id| self.seated(*id));
            for (id, push) in held.pushes {
                self.push(id, push);
            }
            for (id, why) in held.goodbyes {
                if let Some(conn) = self.players.remove(&id).and_then(|player| player.conn) {
                    self.expected.push(Told::Close(conn, why));
                }
            }
        }
    }

    fn seated(&mut self, id: u64) {
        let Some(player) = self.players.get_mut(&id) else { return };
        if player.standing != Standing::Asking {
            return;
        }
        player.standing = Standing::Seated;
        player.told_at = Some(self.clock_at);
        if let Some(conn) = player.conn {
            self.welcome(conn, id, Mode::New, 0, 0);
        }
    }

    fn push(&mut self, id: u64, mut push: Push) {
        let Some(player) = self.players.get_mut(&id) else { return };
        player.applied = player.applied.max(push.applied.unwrap_or(0));
        player.safe_events = player.safe_events.max(push.events.last().map_or(0, |e| e.0));
        let Some(conn) = player.conn.filter(|_| player.standing != Standing::Asking) else {
            return;
        };
        push.events.retain(|(number, _)| *number > player.pushed);
        player.pushed = player.pushed.max(push.events.last().map_or(0, |e| e.0));
        if !push.is_empty() {
            self.expected.push(Told::Push(conn, push));
        }
    }
}
