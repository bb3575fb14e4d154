//! What players are shown: never more than is safe, and never less than they are owed.

use bytes::Buf;
use playon_types::gate::{Mode, ToGateway, ToOwner, Who};
use playon_types::ids::ConnId;

use super::{Audit, Intro};
use crate::store::StoreModel;
use crate::world::RoomKind;

impl Audit {
    /// Something from the gateway, on its way to the shard.
    pub fn hear(&mut self, message: &ToOwner) {
        match message {
            ToOwner::Hello(hello) => {
                if let Who::Known { history, recv, lo, .. } = &hello.who {
                    let intro = Intro { history: *history, recv: *recv, lo: *lo };
                    self.intros.insert(hello.conn, intro);
                }
            }
            ToOwner::Input { conn, recv, .. } | ToOwner::Ack { conn, recv } => {
                self.acknowledge(*conn, *recv);
            }
            ToOwner::Gone { conn } => {
                self.speakers.remove(conn);
            }
            ToOwner::Bye { .. } | ToOwner::Drained { .. } => {}
        }
    }

    fn acknowledge(&mut self, conn: ConnId, recv: u64) {
        let Some((room, session)) = self.speakers.get(&conn).copied() else { return };
        // Who speaks on a socket has read its welcome.
        self.informed.insert(session);
        let shadow = self.book(room).shadow.as_mut();
        if let Some(seat) = shadow.and_then(|image| image.seats.get_mut(&session)) {
            seat.acknowledge(recv);
        }
    }

    /// Something for a socket.
    ///
    /// # Errors
    /// When an invariant is broken.
    pub fn show(&mut self, message: &ToGateway, store: &StoreModel) -> Result<(), String> {
        match message {
            ToGateway::Welcome { welcome, .. } if welcome.mode == Mode::Watching => Ok(()),
            ToGateway::Welcome { conn, welcome } => {
                let claim = (welcome.room, welcome.session);
                self.speakers.retain(|_, speaker| *speaker != claim);
                self.speakers.insert(*conn, claim);
                self.check_resume(*conn, welcome)
            }
            ToGateway::Push { .. } => self.check_output_commit(message, store),
            ToGateway::Close { conn, .. } => {
                self.speakers.remove(conn);
                Ok(())
            }
        }
    }

    /// A returning player is told what is missing if and only if something is.
    fn check_resume(
        &mut self,
        conn: ConnId,
        welcome: &playon_types::gate::Welcome,
    ) -> Result<(), String> {
        let Some(intro) = self.intros.get(&conn).copied() else { return Ok(()) };
        let (room, session) = (welcome.room, welcome.session);
        let same = intro.history == welcome.history;
        let (base, before) = self.recovered.get(&session).copied().unwrap_or_default();
        let since = (intro.lo - 1).saturating_sub(base);
        let lost = if same || self.informed.contains(&session) {
            0
        } else {
            since + before.untold(intro.history)
        };
        if welcome.lost != lost {
            return Err(format!("I14: {session:?} lost {lost} inputs, is told {}", welcome.lost));
        }
        if RoomKind::of(room).is_lossy() {
            return Ok(());
        }
        let shadow = self.book(room).shadow.as_ref();
        let Some(seat) = shadow.and_then(|image| image.seats.get(&session)) else { return Ok(()) };
        let whole = same && seat.outbox_first() <= intro.recv + 1;
        // The opposite, a gap that is not told, is for the player to find.
        if whole && welcome.mode == Mode::Fresh {
            return Err(format!("I6: {session:?} is thrown back without need"));
        }
        Ok(())
    }

    /// Nothing leaves before the commit that contains it is safe.
    fn check_output_commit(&self, message: &ToGateway, store: &StoreModel) -> Result<(), String> {
        let ToGateway::Push { conn, push } = message else { return Ok(()) };
        let Some(room) = self.conns.get(conn).filter(|room| !RoomKind::of(**room).is_lossy())
        else {
            return Ok(());
        };
        let safe = store.last(*room).unwrap_or_default();
        let payloads = push.events.iter().map(|(_, p)| p).chain(push.view.iter().map(|(_, p)| p));
        for payload in payloads.filter(|p| p.len() >= 24) {
            let seq = payload.clone().get_u64();
            if seq > safe.0 {
                return Err(format!("I5: output of {room}/{seq} left while {safe} is safe"));
            }
        }
        Ok(())
    }
}
