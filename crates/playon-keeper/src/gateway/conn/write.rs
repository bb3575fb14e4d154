//! What a player is told.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Sink;
use playon_types::gate::{ToOwner, Welcome};
use playon_wire::player::ServerFrame;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::Message;

use super::{Conn, ConnEnd, ConnStage, Go};
use crate::gateway::close::{Closing, Farewell};

impl Conn {
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Go {
        loop {
            if self.writing {
                match Pin::new(&mut self.ws).poll_flush(cx) {
                    Poll::Ready(Ok(())) => self.written(),
                    Poll::Ready(Err(_)) => return Err(ConnEnd::Left),
                    Poll::Pending => {
                        self.limit_close();
                        return Ok(());
                    }
                }
            }
            let message = self.compose();
            if message.is_empty() {
                self.all_written()?;
                // Another room may have been asked, but nothing new can be there to write.
                return Ok(());
            }
            self.entry.local.stats().bytes_out.add(message.len() as u64);
            self.entry.local.stats().messages_out.add(1);
            if Pin::new(&mut self.ws).start_send(Message::Binary(message)).is_err() {
                return Err(ConnEnd::Left);
            }
            self.writing = true;
            self.silence.message_begun(Instant::now());
        }
    }

    /// The kernel has the message.
    fn written(&mut self) {
        self.writing = false;
        if self.entry.mailbox.outbox().ping.is_none() {
            self.silence.question_written(self.ws.get_ref().written());
        }
    }

    /// A close waits for what comes before it, but not for ever.
    fn limit_close(&mut self) {
        if !self.entry.mailbox.outbox().closes() {
            return;
        }
        let local = &self.entry.local;
        let by =
            self.close_by.unwrap_or_else(|| Instant::now() + local.shared.config.close_timeout);
        self.close_by = Some(local.last_words_by().map_or(by, |last| by.min(last)));
    }

    /// One message of all that waits; empty if nothing does.
    fn compose(&mut self) -> Bytes {
        let local = self.entry.local.clone();
        let mut out = local.scratch.borrow_mut();
        let welcome = self.entry.mailbox.outbox().welcome.take();
        let mut frames = 0;
        if let Some(frame) = welcome.and_then(|welcome| self.seat(&welcome)) {
            frame.encode(&mut out);
            frames += 1;
        }
        let (mut teller, stats) = (local.teller.borrow_mut(), local.stats());
        frames += self.entry.mailbox.outbox().encode(self.now(), &mut out, &mut teller, stats);
        local.stats().frames_out.add(frames);
        out.split().freeze()
    }

    fn seat(&mut self, welcome: &Welcome) -> Option<ServerFrame> {
        let ConnStage::Asking(request) = &self.stage else { return None };
        let shared = &self.entry.local.shared;
        request.taken(self.now(), &shared.parts.lobby);
        let label = shared.parts.labels.of(welcome.release);
        let welcome = request.welcome(welcome, &shared.config, label);
        self.stage = ConnStage::Seated;
        Some(ServerFrame::Welcome(Box::new(welcome)))
    }

    /// Nothing waits any more: the moment for what had to come after.
    fn all_written(&mut self) -> Go {
        let (drained, close) = {
            let mut outbox = self.entry.mailbox.outbox();
            (outbox.drained(self.now()), outbox.take_close())
        };
        match close {
            Some(Closing { farewell, owner_knows: true }) => return self.owner_closed(farewell),
            Some(Closing { farewell, owner_knows: false }) => return Err(ConnEnd::Close(farewell)),
            None => {}
        }
        if let (Some(sent), ConnStage::Seated) = (drained, &self.stage) {
            self.entry.local.stats().drained.add(1);
            return self.tell(ToOwner::Drained { conn: self.entry.id, sent });
        }
        Ok(())
    }

    /// The owner wants it closed, unless it was not let into a room and there is another.
    fn owner_closed(&mut self, farewell: Farewell) -> Go {
        self.entry.shard = None;
        let now = self.now();
        let ConnStage::Asking(request) = &mut self.stage else {
            return Err(ConnEnd::Owner(farewell));
        };
        if !request.retry(&farewell, now, &self.entry.local.shared.parts.lobby) {
            return Err(ConnEnd::Owner(farewell));
        }
        self.entry.local.stats().rematched.add(1);
        let ConnStage::Asking(request) = std::mem::replace(&mut self.stage, ConnStage::Silent)
        else {
            return Ok(());
        };
        self.ask(request)
    }
}
