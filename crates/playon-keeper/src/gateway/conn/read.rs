//! What a player says.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use playon_types::gate::{Close, ToOwner};
use playon_types::reason;
use playon_types::reason::Reason;
use playon_wire::player::{ClientFrame, ClientHello, decode_client};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::tungstenite::{Error as WsError, error::ProtocolError};

use super::watched::Unwanted;
use super::{Conn, ConnEnd, ConnStage, Go, close};
use crate::gateway::close::Farewell;
use crate::gateway::hello::{Request, check_version};

/// Messages read from one socket before the others have their turn.
const READS_PER_TURN: usize = 16;

/// Messages up to this are copied out of the read buffer, and inputs out of larger messages, all of which would otherwise be
/// kept for as long as one input waits.
const COPY_BYTES_MAX: usize = 1 << 10;

impl Conn {
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Go {
        for _ in 0..READS_PER_TURN {
            let came = Pin::new(&mut self.ws).poll_next(cx);
            let read = self.ws.get_mut().take_read();
            if read > 0 {
                self.silence.bytes_came(Instant::now());
                self.pace(0, read)?;
            }
            match came {
                Poll::Pending => return Ok(()),
                Poll::Ready(None) => return Err(ConnEnd::Left),
                Poll::Ready(Some(Ok(message))) => self.handle_message(message)?,
                Poll::Ready(Some(Err(error))) => return Err(read_error(&error)),
            }
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    fn handle_message(&mut self, message: Message) -> Go {
        self.silence.message_came(Instant::now());
        match message {
            Message::Binary(bytes) => self.handle_binary(bytes),
            Message::Ping(_) | Message::Pong(_) => self.pace(1, 0),
            Message::Text(_) => close(Close::BadFrame, reason!("PLY-0148 messages must be binary")),
            Message::Close(_) | Message::Frame(_) => Err(ConnEnd::Left),
        }
    }

    fn handle_binary(&mut self, mut bytes: Bytes) -> Go {
        if bytes.len() <= COPY_BYTES_MAX {
            bytes = Bytes::copy_from_slice(&bytes);
        }
        let (size, large) = (bytes.len(), bytes.len() > COPY_BYTES_MAX);
        if matches!(self.stage, ConnStage::Silent) {
            check_version(&bytes).map_err(ConnEnd::Close)?;
        }
        let frames =
            decode_client(bytes, &self.entry.local.shared.config.limits).map_err(|error| {
                ConnEnd::Close(Farewell::new(error.close(), Reason::of(error.code(), &error)))
            })?;
        self.entry.local.stats().frames_in.add(frames.len() as u64);
        self.entry.local.stats().bytes_in.add(size as u64);
        self.pace(frames.len(), 0)?;
        frames.into_iter().try_for_each(|mut frame| {
            if let ClientFrame::Input { payload, .. } = &mut frame
                && large
                && payload.len() <= COPY_BYTES_MAX
            {
                *payload = Bytes::copy_from_slice(payload);
            }
            self.handle_frame(frame)
        })
    }

    fn pace(&mut self, frames: usize, bytes: usize) -> Go {
        let now = self.now();
        if self.frames.take(now, frames as u64).is_err() {
            return close(Close::TooFast, reason!("PLY-0149 too many frames per second"));
        }
        if self.bytes.take(now, bytes as u64).is_err() {
            return close(Close::TooFast, reason!("PLY-0150 too many bytes per second"));
        }
        Ok(())
    }

    fn handle_frame(&mut self, frame: ClientFrame) -> Go {
        let conn = self.entry.id;
        match (&self.stage, frame) {
            (ConnStage::Silent, ClientFrame::Hello(hello)) => self.handle_hello(hello),
            (ConnStage::Silent, _) => {
                close(Close::BadFrame, reason!("PLY-0144 the first frame must be HELLO"))
            }
            (_, ClientFrame::Hello(_)) => {
                close(Close::BadFrame, reason!("PLY-0145 HELLO comes once"))
            }
            (ConnStage::Asking(_), ClientFrame::Bye) => {
                // The owner may have the seat ready, or may have kept it for long: it is given up all the same.
                self.tell(ToOwner::Bye { conn })?;
                close(Close::Left, reason!("PLY-0109 the player left"))
            }
            (ConnStage::Seated, ClientFrame::Pong { .. }) if !self.confirmed => {
                // A player that has nothing to say is there all the same.
                self.confirmed = true;
                self.tell(ToOwner::Ack { conn, recv: 0 })
            }
            (_, ClientFrame::Pong { .. }) => Ok(()),
            (ConnStage::Asking(_), _) => {
                close(Close::BadFrame, reason!("PLY-0146 nothing may be sent before WELCOME"))
            }
            (ConnStage::Seated, ClientFrame::Input { seq, recv, payload }) => {
                self.tell(ToOwner::Input { conn, seq, recv, payload })
            }
            (ConnStage::Seated, ClientFrame::Ack { recv }) => {
                self.tell(ToOwner::Ack { conn, recv })
            }
            (ConnStage::Seated, ClientFrame::Bye) => self.tell(ToOwner::Bye { conn }),
        }
    }

    fn handle_hello(&mut self, hello: Box<ClientHello>) -> Go {
        let request = Request::new(hello, self.now(), &self.entry.local.shared.parts.lobby)
            .map_err(ConnEnd::Close)?;
        self.ask(Box::new(request))
    }
}

fn read_error(error: &WsError) -> ConnEnd {
    let (why, reason) = match error {
        WsError::Capacity(error) => (Close::TooLarge, reason!("PLY-0180 {error}")),
        WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return ConnEnd::Left,
        WsError::Protocol(error) => (Close::BadFrame, reason!("PLY-0151 {error}")),
        WsError::Io(error) => match error.get_ref().and_then(|why| why.downcast_ref()) {
            Some(unwanted @ (Unwanted::Pieces | Unwanted::LongFirst(_))) => {
                (unwanted.close(), unwanted.reason())
            }
            None => return ConnEnd::Left,
        },
        WsError::Utf8(_) => (Close::BadFrame, reason!("PLY-0148 messages must be binary")),
        _ => return ConnEnd::Left,
    };
    ConnEnd::Close(Farewell::new(why, reason))
}
