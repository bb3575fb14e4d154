//! Sockets and seats: who speaks to the room, what it may say, and what becomes of an empty seat.

use std::collections::BTreeMap;

use bytes::Bytes;
use playon_types::attach::{Item, LeftOut, Noted};
use playon_types::gate::{Close, Mode, Push, ToGateway, Who};
use playon_types::ids::{ConnId, Generation, History, SecretHash, SessionId};
use playon_types::image::{SeatChange, StateCodec};
use playon_types::kind::Survives;
use playon_types::reason;
use playon_types::reason::Reason;
use playon_types::time::{Span, Time};

use crate::effect::{Effect, Report};
use crate::env::Env;
use crate::mutant::{Mutant, broken};
use crate::session::{Admit, LOST_INPUTS_MAX, Session, Standing};

use super::Room;
use super::presence::UNHEARD;
use super::timers::{At, Timer};
use super::trial::WATCHERS_BLIND;

/// Within that it is stored that a new player was heard, when no commit says so before.
pub(super) const HEARD_STORED: Span = Span::millis(200);

/// A returning player's claims.
struct Claim {
    session: SessionId,
    secret: SecretHash,
    history: History,
    generation: Generation,
    recv: u64,
    lo: u64,
    whole: bool,
}

impl Room {
    /// A socket introduces itself. It belongs to the room from now on unless the room closes it.
    pub(crate) fn handle_hello<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        conn: ConnId,
        who: Who,
    ) {
        // An end that is not safe yet may never have been: until it is, the room is as open as before.
        if self.ending {
            return env.close(conn, Close::RoomEnded, reason!("PLY-0103 the room has ended"));
        }
        match who {
            Who::New { session, secret, profile } => {
                // Seats that have just become free, perhaps while the room slept, are there for whoever asks.
                self.expire_seats(now);
                self.seat(env, now, conn, (session, secret, profile));
            }
            Who::Known { session, secret, history, generation, recv, lo, whole } => {
                let lo = lo.max(1);
                let claim = Claim { session, secret, history, generation, recv, lo, whole };
                self.resume(env, conn, &claim);
                if self.newly_heard().next().is_some() {
                    self.store_heard(now);
                }
            }
            Who::Watcher => self.watch(env, conn),
        }
        self.note_presence(now);
        self.list(env);
        self.pump(env, now);
    }

    fn seat<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        conn: ConnId,
        (session, secret, profile): (SessionId, SecretHash, Bytes),
    ) {
        if env.draining || env.stopping {
            return env.close(
                conn,
                Close::Busy,
                reason!("PLY-0101 the server takes no new players just now"),
            );
        }
        self.drop_unconfirmed();
        if self.presence.players() >= self.policies.players_max
            && let Err((why, detail)) = self.take_unheard(env, now)
        {
            return env.close(conn, why, detail);
        }
        if self.presence.get(&session).is_some() {
            return env.close(conn, Close::Busy, reason!("PLY-0101 try again"));
        }
        self.presence.add(session, Session::joining(conn, secret));
        self.backlog.push(Item::Join { session, profile });
    }

    fn resume<C: StateCodec>(&mut self, env: &mut Env<C>, conn: ConnId, claim: &Claim) {
        let id = claim.session;
        let lossy = !self.policies_known || !self.durable();
        let known = self.presence.get_mut(&id).filter(|s| s.secret == claim.secret);
        let (Some(session), Some(seat)) = (known, self.image.seats.get(&id)) else {
            return env.close(
                conn,
                Close::UnknownSession,
                reason!("PLY-0111 no such session in this room"),
            );
        };
        if session.standing != Standing::Seated {
            // While the join is not safe, nobody can have been told the secret.
            let detail = reason!("PLY-0111 the seat is not taken yet or is being given up");
            return env.close(conn, Close::UnknownSession, detail);
        }
        // An older page may have the seat back that nobody holds: its tab was duplicated, and the copy is closed.
        let older = claim.generation <= session.generation && session.conn.is_some();
        if older && !broken(Mutant::GenerationUnchecked) {
            return env.close(
                conn,
                Close::Replaced,
                reason!("PLY-0112 a newer connection holds this session"),
            );
        }
        let same = claim.history == self.image.history;
        let earlier = claim.history < self.image.history;
        let Some((told, lost)) = session.losses(claim.history, claim.lo, earlier, lossy) else {
            return env.close(conn, Close::InputGap, reason!("PLY-0113 inputs are missing"));
        };
        if lost > 0 {
            session.untold = told;
            session.received = claim.lo - 1;
            session.resumed_at = session.received;
            // Nothing is waiting for them: they do not count against the bound of pending inputs.
            session.applied = session.received;
        }
        // What came in over the older socket while this HELLO was on its way counts.
        let recv = if same { claim.recv.max(session.acked) } else { claim.recv };
        let reaches = session.reaches_back(seat, recv) && !claim.whole;
        let resumed = same && (reaches || broken(Mutant::GapHidden));
        let recv = if resumed { recv } else { session.released };
        let old = session.conn.replace(conn);
        session.generation = session.generation.max(claim.generation);
        session.away_since = None;
        session.absent = Span::ZERO;
        session.confirmed = true;
        session.loss_open &= !same;
        let back = std::mem::take(&mut session.told_away) || lost > 0;
        if let Some(old) = old {
            env.close(
                old,
                Close::Replaced,
                reason!("PLY-0112 a newer connection holds this session"),
            );
        }
        if back {
            self.backlog.push(Item::Back { session: id, lost });
        }
        if lost > 0 {
            let inputs = lost.min(LOST_INPUTS_MAX);
            env.report(Report::InputsLost { room: self.id(), inputs });
        }
        self.note_seats();
        let mode = if resumed { Mode::Resumed } else { Mode::Fresh };
        let welcome = self.welcome(mode, id, recv, told);
        env.emit(Effect::Gate(ToGateway::Welcome { conn, welcome }));
        self.catch_up(env, id, conn, recv);
    }

    fn watch<C: StateCodec>(&mut self, env: &mut Env<C>, conn: ConnId) {
        if self.blame.is_blind(LeftOut::WATCHERS) {
            return env.close(conn, Close::Refused, WATCHERS_BLIND);
        }
        if !self.presence.watch(conn, env.limits.watchers_max) {
            return env.close(conn, Close::Refused, reason!("PLY-0114 too many spectators"));
        }
        let welcome = self.welcome(Mode::Watching, SessionId(0), 0, 0);
        env.emit(Effect::Gate(ToGateway::Welcome { conn, welcome }));
    }

    /// The next input of a player.
    pub(crate) fn handle_input<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        from: (ConnId, Option<SessionId>),
        seq: u64,
        payload: Bytes,
    ) {
        let (max, bytes_max) = (env.limits.inputs_pending_max, env.limits.input_bytes_max);
        let Some((id, session)) = self.presence.speaker(from.0, from.1) else {
            return;
        };
        if session.standing != Standing::Seated {
            return;
        }
        let refuse = if payload.len() > bytes_max {
            Some((Close::TooLarge, reason!("PLY-0115 the input is too large")))
        } else {
            match session.admit(seq, max) {
                Admit::Take => None,
                Admit::Duplicate => return,
                Admit::Gap => Some((Close::InputGap, reason!("PLY-0113 inputs are missing"))),
                Admit::TooMany => {
                    Some((Close::TooMany, reason!("PLY-0116 too many inputs wait to be applied")))
                }
            }
        };
        if let Some((why, detail)) = refuse {
            env.close(from.0, why, detail);
            self.handle_gone(env, now, from);
            return;
        }
        self.backlog.push(Item::Input { session: id, seq, payload });
        if broken(Mutant::AckAtReceipt) {
            let push = Push { applied: Some(seq), ..Push::default() };
            env.emit(Effect::Gate(ToGateway::Push { conn: from.0, push }));
        }
        self.pump(env, now);
    }

    /// A player has taken in events up to `recv`.
    pub(crate) fn handle_ack(&mut self, now: Time, from: (ConnId, Option<SessionId>), recv: u64) {
        let Some((id, session)) = self.presence.speaker(from.0, from.1) else {
            return;
        };
        // Nobody can have taken in what has not left.
        let recv = recv.min(session.pushed);
        session.confirmed = true;
        session.loss_open = false;
        session.acked = session.acked.max(recv);
        if let Some(seat) = self.image.seats.get_mut(&id) {
            seat.acknowledge(recv);
            if seat.unheard {
                self.store_heard(now);
            }
        }
    }

    /// A player gives the seat up.
    pub(crate) fn handle_bye<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        from: (ConnId, Option<SessionId>),
    ) {
        let Some((id, session)) = self.presence.speaker(from.0, from.1) else { return };
        match session.standing {
            Standing::Seated => {
                session.standing = Standing::Leaving;
                self.backlog.push(Item::Leave(id));
            }
            Standing::Joining => {
                session.conn = None;
                self.withdraw(id);
                env.close(from.0, Close::Left, reason!("PLY-0109 left before there was a seat"));
                self.note_presence(now);
            }
            Standing::Leaving => return,
        }
        self.list(env);
        self.pump(env, now);
    }

    /// A join that nobody waits for any more: nobody can come back to that seat. It is taken back, or if a worker has it
    /// already, undone right after it.
    fn withdraw(&mut self, id: SessionId) {
        let asks = |item: &Item| matches!(item, Item::Join { session, .. } if *session == id);
        let flies = self.phase.inflight().is_some_and(|inflight| inflight.items.iter().any(asks));
        let waiting = self.backlog.len() + self.blame.suspects();
        if !flies {
            self.backlog.retain(|item| !asks(item));
            self.blame.retain(|item| !asks(item));
        }
        if self.backlog.len() + self.blame.suspects() < waiting {
            self.presence.remove(&id);
        } else if let Some(session) = self.presence.get_mut(&id) {
            session.standing = Standing::Leaving;
            self.backlog.push(Item::Leave(id));
        }
    }

    /// A player was heard for the first time. The record of the next commit says so; if none comes, a snapshot does.
    fn store_heard(&mut self, now: Time) {
        let within = match self.policies.survives {
            Survives::WorkerCrash { checkpoint } => checkpoint,
            _ => HEARD_STORED,
        };
        self.timers.set_first(Timer::Checkpoint, now + within);
    }

    /// Players who were heard for the first time since anything was stored of the room.
    pub(super) fn newly_heard(&self) -> impl Iterator<Item = SessionId> {
        let confirmed = |id: &SessionId| self.presence.get(id).is_some_and(|s| s.confirmed);
        let seats = self.image.seats.iter().filter(|(_, seat)| seat.unheard);
        seats.map(|(id, _)| *id).filter(move |id| confirmed(id))
    }

    /// The room is stored whole, with that they were.
    pub(super) fn note_heard(&mut self) {
        for id in self.newly_heard().collect::<Vec<_>>() {
            if let Some(seat) = self.image.seats.get_mut(&id) {
                seat.unheard = false;
            }
        }
    }

    /// Gives up empty seats whose players may never have been told of them: whoever asks for a seat now may be one of them.
    /// One who got the seat under an earlier keeper may have been heard a moment before that died: it has the seat as long
    /// as there is another.
    fn drop_unconfirmed(&mut self) {
        let unconfirmed = self.presence.unconfirmed(self.policies.players_max);
        self.give_up(&unconfirmed);
    }

    /// The room is full: the seat of a player who was told of it and from whom nothing was heard is free for whoever asks. Until
    /// that can be said, who asks is to come again.
    fn take_unheard<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
    ) -> Result<(), (Close, Reason)> {
        match self.presence.unheard() {
            Some((told, id)) if now.since(told) >= UNHEARD => {
                let socket = self.presence.get_mut(&id).and_then(|session| session.conn.take());
                if let Some(socket) = socket {
                    let detail = reason!("PLY-0102 another has the seat, as nothing was heard");
                    env.close(socket, Close::RoomFull, detail);
                }
                self.give_up(&[id]);
                Ok(())
            }
            Some(_) => Err((Close::Busy, reason!("PLY-0101 a seat may be free in a moment"))),
            None => Err((Close::RoomFull, reason!("PLY-0102 every seat is taken"))),
        }
    }

    fn give_up(&mut self, ids: &[SessionId]) {
        for id in ids {
            if let Some(session) = self.presence.get_mut(id) {
                session.standing = Standing::Leaving;
            }
            self.backlog.push(Item::Leave(*id));
        }
        self.note_seats();
    }

    /// A socket is gone. The seat is kept for a while.
    pub(crate) fn handle_gone<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        from: (ConnId, Option<SessionId>),
    ) {
        self.presence.forget_watcher(from.0);
        if let Some((id, _)) = self.presence.speaker(from.0, from.1) {
            self.part(now, id);
        }
        self.note_presence(now);
        self.list(env);
        self.pump(env, now);
    }

    /// The player's socket is no more, and the game hears of it.
    fn part(&mut self, now: Time, id: SessionId) {
        let at = self.clock.read(now);
        let Some(session) = self.presence.get_mut(&id) else { return };
        session.conn = None;
        match session.standing {
            Standing::Seated => {
                session.away_since = Some(at);
                session.told_away = true;
                if !self.unsay_back(id) && !broken(Mutant::AwayLost) {
                    self.backlog.push(Item::Away(id));
                }
            }
            Standing::Joining => self.withdraw(id),
            Standing::Leaving => {}
        }
        self.note_seats();
    }

    /// Takes back the news that the player is back, if nothing came after it: who comes and goes while a room waits for a
    /// worker fills no queue. Tells whether it did; what was said before is then still true.
    fn unsay_back(&mut self, id: SessionId) -> bool {
        if broken(Mutant::NothingUnsaid) {
            return false;
        }
        let back = Item::Back { session: id, lost: 0 };
        self.backlog.take_back(id).unwrap_or_else(|| self.blame.take_back(&back))
    }

    /// Every socket is closed; the seats are kept.
    pub(crate) fn part_all<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        why: Close,
        detail: &Reason,
    ) {
        for (id, conn) in self.presence.connected() {
            self.part(now, id);
            env.close(conn, why, detail.clone());
        }
        for conn in self.presence.take_watchers() {
            env.close(conn, why, detail.clone());
        }
        self.note_presence(now);
    }

    /// A socket that was too slow can take more: events after `sent` are handed to it again.
    pub(crate) fn handle_drained<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        from: (ConnId, Option<SessionId>),
        sent: u64,
    ) {
        if self.presence.owe_watcher(from.0) {
            // It is shown the room with the next batch.
        } else if let Some((id, _)) = self.presence.speaker(from.0, from.1) {
            self.catch_up(env, id, from.0, sent);
        }
        self.pump(env, now);
    }

    /// After anything that may have changed which seats are empty: when the next one is given up.
    pub(super) fn note_seats(&mut self) {
        if !self.is_resting() {
            let next = self.presence.next_expiry(self.policies.seat_hold);
            self.timers.put(Timer::Seat, next.map(At::Room));
        }
    }

    /// What a batch tells the game of who is connected. A room that was read back hears again of those who were away before:
    /// they have been for longer.
    pub(super) fn digest_presence<C: StateCodec>(
        &self,
        env: &Env<C>,
        now: Time,
        items: &[Item],
    ) -> Vec<SeatChange> {
        let mut latest: BTreeMap<SessionId, Option<Time>> = BTreeMap::new();
        for item in items {
            let (session, away) = match item {
                Item::Away(session) | Item::Noted { session, change: Noted::Away } => {
                    (*session, true)
                }
                Item::Back { session, .. } | Item::Noted { session, change: Noted::Back } => {
                    (*session, false)
                }
                _ => continue,
            };
            let Some(seat) = self.image.seats.get(&session) else { continue };
            let before = latest.get(&session).copied().unwrap_or(seat.away_since);
            let since = away.then(|| before.unwrap_or_else(|| self.away_since(env, now, session)));
            latest.insert(session, since);
        }
        let presence = |(session, away_since)| SeatChange::Presence { session, away_since };
        latest.into_iter().map(presence).collect()
    }

    /// Since when a player is away, in the age of keepers, without the time in which the room was not live.
    fn away_since<C: StateCodec>(&self, env: &Env<C>, now: Time, id: SessionId) -> Time {
        let at = self.clock.read(now);
        let away = self.presence.away_for(id, at);
        Time(env.aged(now).0.saturating_sub(away.0))
    }

    /// Before the whole room is stored: how long empty seats have been so far, as the room's clock has it.
    pub(super) fn note_absences<C: StateCodec>(&mut self, env: &Env<C>, now: Time) {
        let away: Vec<SessionId> = self.presence.holding().map(|(id, _)| *id).collect();
        for id in away {
            let since = self.away_since(env, now, id);
            if let Some(seat) = self.image.seats.get_mut(&id) {
                // A slip of the room's clock makes nobody's absence longer.
                seat.away_since = seat.away_since.map(|before| before.max(since));
            }
        }
    }

    /// Gives up seats that were empty for too long: in room time, so that an outage of ours costs nobody, and while the room
    /// slept.
    pub(super) fn expire_seats(&mut self, now: Time) {
        let at = self.clock.read(now);
        let hold = self.policies.seat_hold;
        if broken(Mutant::SeatsForever) {
            return;
        }
        let expired = self.presence.expired(at, hold);
        self.give_up(&expired);
    }

    /// Everyone connected is told goodbye.
    pub(super) fn close_all<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        why: Close,
        detail: &Reason,
    ) {
        for conn in self.presence.take_sockets() {
            env.close(conn, why, detail.clone());
        }
    }
}
