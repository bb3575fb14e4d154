//! Output commit: nothing a batch says leaves before its commit is as safe as the kind asks.
//!
//! After E. N. Elnozahy et al., "A survey of rollback-recovery protocols in message-passing systems",
//! ACM Computing Surveys 34 (2002), section 2.4.

use std::collections::BTreeMap;

use playon_types::gate::{Close, Mode, Push, ToGateway, Welcome};
use playon_types::ids::{ConnId, Seq, SessionId};
use playon_types::image::StateCodec;
use playon_types::reason;
use playon_types::time::Time;

use crate::effect::Effect;
use crate::ensure::ensure;
use crate::env::Env;
use crate::session::Standing;

use super::Room;
use super::held::HeldOutput;

impl Room {
    /// Everything up to `seq` is safe: lets go of what waited for it.
    pub(super) fn release_outputs<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time, seq: Seq) {
        self.durability.raise(seq);
        while let Some(held) = self.durability.next_to_leave() {
            self.let_go(env, now, held);
        }
        self.slim();
    }

    /// Gives back the memory of a room that nobody is in. An emptied collection keeps room for what it had, which
    /// is more than a small game's state.
    fn slim(&mut self) {
        if !self.presence.is_empty() || !self.image.seats.is_empty() {
            return;
        }
        self.presence.slim();
        self.image.seats = BTreeMap::new();
        self.durability.slim();
        self.backlog.slim();
    }

    fn let_go<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time, held: HeldOutput) {
        let (seq, safe) = (held.seq, self.durability.safe());
        ensure!(env, self.id(), seq <= safe, "output of {seq} leaves, {safe} is safe");
        for session in held.seated {
            self.seat_taken(env, now, session);
        }
        let room = self.id();
        for (id, mut push) in held.pushes {
            let Some(session) = self.presence.get_mut(&id) else {
                continue;
            };
            if let Some(applied) = push.applied {
                let received = session.received;
                let known = applied <= received;
                ensure!(env, room, known, "{applied} is told as applied, {received} was received");
                session.applied = session.applied.max(applied);
            }
            if let Some((last, _)) = push.events.last() {
                session.released = session.released.max(*last);
            }
            let Some(conn) = session.conn.filter(|_| session.standing != Standing::Joining) else {
                continue;
            };
            let before = session.pushed;
            session.note(&mut push);
            let first = push.events.first().map_or(before + 1, |(seq, _)| *seq);
            let last = first + push.events.len() as u64 - 1;
            let whole = first == before + 1 && last == session.pushed;
            ensure!(env, room, whole, "events {first} to {last} follow event {before}");
            if !push.is_empty() {
                env.emit(Effect::Gate(ToGateway::Push { conn, push }));
            }
        }
        if let Some(view) = held.watch_view {
            for conn in self.presence.watchers() {
                let push = Push { view: Some((0, view.clone())), ..Push::default() };
                env.emit(Effect::Gate(ToGateway::Push { conn: *conn, push }));
            }
        }
        if held.watch_refused {
            for conn in self.presence.take_watchers() {
                env.close(
                    conn,
                    Close::Refused,
                    reason!("PLY-0108 this kind of room has no view for spectators"),
                );
            }
            self.note_presence(now);
        }
        for (id, why, detail) in held.goodbyes {
            if let Some(conn) = self.presence.remove(&id) {
                env.close(conn, why, detail);
            }
            self.note_presence(now);
        }
        if held.ended {
            self.end(env);
        }
    }

    /// The join is safe: the player has a seat and may know it.
    fn seat_taken<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time, id: SessionId) {
        let Some(session) = self.presence.get_mut(&id) else {
            return;
        };
        if session.standing == Standing::Leaving {
            // Its socket went, or it said goodbye, while the join was on its way.
            return;
        }
        session.standing = Standing::Seated;
        session.told_at = Some(now);
        let Some(conn) = session.conn else { return };
        let welcome = self.welcome(Mode::New, id, 0, 0);
        env.emit(Effect::Gate(ToGateway::Welcome { conn, welcome }));
    }

    /// The terms told to a socket.
    pub(super) fn welcome(&self, mode: Mode, id: SessionId, event_seq: u64, lost: u64) -> Welcome {
        let session = self.presence.get(&id);
        Welcome {
            mode,
            session: id,
            room: self.id(),
            release: self.release(),
            history: self.image.history,
            generation: session.map(|s| s.generation).unwrap_or_default(),
            in_next: session.map_or(1, |s| s.received + 1),
            event_seq,
            lost,
            ttl: self.policies.seat_hold,
        }
    }

    /// Sends a returning socket what it missed, or owes it a view when that is no longer kept.
    pub(super) fn catch_up<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        id: SessionId,
        conn: ConnId,
        recv: u64,
    ) {
        let (Some(session), Some(seat)) = (self.presence.get_mut(&id), self.image.seats.get(&id))
        else {
            return;
        };
        let events =
            if session.reaches_back(seat, recv) { session.backlog(seat, recv) } else { Vec::new() };
        session.pushed = session.released;
        session.view_due = true;
        // Whoever has heard of them does not hold them any more, and takes no notice.
        let set_aside = seat.set_aside.iter().copied().filter(|n| *n <= session.applied).collect();
        let push = Push { set_aside, applied: Some(session.applied), events, ..Push::default() };
        env.emit(Effect::Gate(ToGateway::Push { conn, push }));
    }
}
