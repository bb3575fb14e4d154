//! Where the dispatcher leaves what a socket's task is to write.

use std::cell::{RefCell, RefMut};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use playon_types::gate::ToGateway;
use playon_types::ids::ConnId;
use playon_types::time::Time;

use super::close::Farewell;
use super::config::OutboxConfig;
use super::outbox::Outbox;
use super::stats::GatewayStats;
use super::views::ViewCopies;

/// One socket's outbox and the task that empties it. Both sides live on one thread, and neither keeps
/// the outbox borrowed over an await.
#[derive(Debug)]
pub(super) struct Mailbox {
    outbox: RefCell<Outbox>,
    waker: RefCell<Option<Waker>>,
}

impl Mailbox {
    pub(super) fn new(bounds: OutboxConfig) -> Self {
        Self { outbox: RefCell::new(Outbox::new(bounds)), waker: RefCell::new(None) }
    }

    /// The outbox, for as long as one statement.
    pub(super) fn outbox(&self) -> RefMut<'_, Outbox> {
        self.outbox.borrow_mut()
    }

    /// The task to wake when something comes.
    pub(super) fn wake_with(&self, waker: &Waker) {
        let mut kept = self.waker.borrow_mut();
        if !kept.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
            *kept = Some(waker.clone());
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    fn deliver(
        &self,
        now: Time,
        message: ToGateway,
        copies: &mut ViewCopies,
        stats: &Arc<GatewayStats>,
    ) {
        let mut outbox = self.outbox();
        match message {
            ToGateway::Push { push, .. } => outbox.push(now, push, copies, stats),
            ToGateway::Welcome { welcome, .. } => outbox.welcome = Some(welcome),
            ToGateway::Close { why, detail, .. } => outbox.close(Farewell::new(why, detail)),
        }
    }
}

/// All player sockets of one gateway thread.
#[derive(Debug, Default)]
pub(super) struct Switchboard {
    mailboxes: RefCell<HashMap<ConnId, Rc<Mailbox>>>,
}

impl Switchboard {
    pub(super) fn add(&self, conn: ConnId, mailbox: Rc<Mailbox>) {
        self.mailboxes.borrow_mut().insert(conn, mailbox);
    }

    pub(super) fn remove(&self, conn: ConnId) {
        self.mailboxes.borrow_mut().remove(&conn);
    }

    /// Sorts a batch into the mailboxes. Never waits, however slow a socket is; what is for sockets that
    /// are gone is dropped.
    pub(super) fn deliver(&self, now: Time, batch: Vec<ToGateway>, stats: &Arc<GatewayStats>) {
        let mut copies = ViewCopies::default();
        let mailboxes = self.mailboxes.borrow();
        for message in batch {
            if let Some(mailbox) = mailboxes.get(&message.conn()) {
                mailbox.deliver(now, message, &mut copies, stats);
                mailbox.wake();
            }
        }
    }

    /// Closes every socket once what waits for it is written.
    pub(super) fn close_all(&self, farewell: &Farewell) {
        for mailbox in self.mailboxes.borrow().values() {
            mailbox.outbox().close(farewell.clone());
            mailbox.wake();
        }
    }
}
