//! What the rest of the keeper knows of a socket.

use std::rc::Rc;

use playon_types::gate::ToOwner;
use playon_types::ids::ConnId;

use crate::gateway::local::Local;
use crate::gateway::mailbox::Mailbox;

/// A socket's place on the switchboard and with the owner. Both are given up when it is dropped, so that
/// not even a task that panics leaves a seat that counts as taken for ever.
pub(super) struct ConnEntry {
    pub(super) id: ConnId,
    pub(super) mailbox: Rc<Mailbox>,
    /// The shard that was asked for a seat and has not closed.
    pub(super) shard: Option<u16>,
    pub(super) local: Rc<Local>,
}

impl ConnEntry {
    pub(super) fn new(local: &Rc<Local>) -> Self {
        let (id, local) = (local.new_conn(), local.clone());
        let mailbox = Rc::new(Mailbox::new(local.shared.config.outbox));
        local.switchboard.add(id, mailbox.clone());
        Self { id, mailbox, shard: None, local }
    }

    /// Off the switchboard, and the owner told. Whether it took it.
    pub(super) fn leave(&mut self) -> bool {
        self.local.switchboard.remove(self.id);
        self.shard = self.shard.filter(|shard| {
            // While the keeper goes down, nobody is away who would not be back.
            !self.local.ending.get() && !self.local.tell(*shard, ToOwner::Gone { conn: self.id })
        });
        self.shard.is_none()
    }
}

impl Drop for ConnEntry {
    fn drop(&mut self) {
        self.leave();
    }
}
