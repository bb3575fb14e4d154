//! Players and workers that do not keep to the protocol: each must hurt at most itself.

use bytes::Bytes;
use playon_types::attach::ToWorker;
use playon_types::gate::{Hello, ToOwner, Who};
use playon_types::ids::{ConnId, SessionId};
use playon_types::time::Span;

use super::{World, WorldEvent};
use crate::keeper::limits;

impl World {
    /// A worker that lost the room commits to it all the same, before the one that has it.
    pub(super) fn haunt(&mut self, message: &ToWorker) {
        let ToWorker::Deliver(deliver) = message else { return };
        if !self.in_trouble() || !self.rng.percent(self.options.zombie) {
            return;
        }
        let ghost = self.workers.iter_mut().find_map(|(id, w)| Some((*id, w.haunt(deliver)?)));
        if let Some((id, commit)) = ghost {
            self.schedule(Span(1), self.life, WorldEvent::FromWorker(id, commit));
        }
    }

    /// The player has opened a socket, thinks better of it and opens another; the first introduces itself at
    /// some time.
    pub(super) fn connect_twice(&mut self, index: u64, first: Hello) -> Result<(), String> {
        let (conn, fresh) = (ConnId(self.fresh()), SessionId(1_000_000 + self.fresh()));
        let known = matches!(first.who, Who::Known { .. });
        let link = (0, first.conn.0);
        if known {
            self.links.insert(link, self.now + Span(self.rng.below(60_000)));
        }
        self.ask(index, first)?;
        if !known {
            // A second seat for the same player would be legal, and of no use.
            return Ok(());
        }
        let second = self.introduce(index, conn, fresh);
        self.ask(index, second)
    }

    /// The player leaves an input out, or sends more than may wait.
    pub(super) fn be_rude(&mut self, index: u64, conn: ConnId) -> Result<(), String> {
        let client = &mut self.clients[index as usize];
        let recv = client.seat.map_or(0, |seat| seat.recv);
        if self.rng.percent(50) {
            client.skipped = true;
            let seq = client.sent + 2;
            return self.speak(ToOwner::Input { conn, seq, recv, payload: Bytes::new() });
        }
        for _ in 0..limits().inputs_pending_max + 8 {
            let client = &mut self.clients[index as usize];
            let seq = client.make_input();
            self.summary.inputs += 1;
            self.speak(ToOwner::Input { conn, seq, recv, payload: Bytes::new() })?;
        }
        Ok(())
    }
}
