//! What the keeper says.

use bytes::Bytes;
use playon_types::time::{Span, Time};
use playon_wire::player::{
    BASE_LAST, BASE_NONE, ClientFrame, DELTA_VIEW_BYTES_MAX, DeltaError, ServerFrame, apply_delta,
    decode_server,
};

use super::{HEAD_BYTES, Session, SocketId, Timer};
use crate::update::Update;

impl Session {
    /// A binary message arrived.
    pub fn handle_message(&mut self, now: Time, socket: SocketId, message: Bytes) {
        // One that came in after the goodbye changes nothing any more.
        if self.leaving {
            return;
        }
        let live = self.sockets.live() == Some(socket);
        if !live && !self.sockets.waits(socket) {
            return;
        }
        self.counters.messages += 1;
        self.counters.bytes += message.len() as u64;
        if live {
            self.timers.set(Timer::Silence, now + self.silence);
        } else if self.sockets.is_earlier(socket) {
            self.timers.set(Timer::Earlier, now + self.options.limits.silence);
        } else {
            self.timers.set(Timer::Open, now + self.options.limits.silence);
        }
        if !self.sockets.is_earlier(socket) {
            // It is heard, so there is nothing to be found out.
            self.timers.clear(Timer::Probe);
        }
        match decode_server(message) {
            Ok(frames) => frames.into_iter().for_each(|frame| self.frame(now, socket, frame)),
            Err(why) => self.misunderstood(now, socket, &why.to_string()),
        }
    }

    fn frame(&mut self, now: Time, socket: SocketId, frame: ServerFrame) {
        if self.sockets.live() != Some(socket) {
            return match frame {
                ServerFrame::Welcome(welcome) if self.sockets.waits(socket) => {
                    self.welcomed(now, socket, *welcome);
                }
                ServerFrame::Ping { nonce } if self.sockets.waits(socket) => {
                    self.write(socket, &ClientFrame::Pong { nonce });
                }
                // An earlier frame of the message ended the session.
                _ if !self.sockets.waits(socket) => {}
                _ => self.misunderstood(now, socket, "the keeper spoke before it said welcome"),
            };
        }
        match frame {
            ServerFrame::Welcome(_) => {
                self.misunderstood(now, socket, "the keeper said welcome twice")
            }
            ServerFrame::Event { seq, payload } => self.event(now, socket, seq, payload),
            ServerFrame::View { as_of, base, payload } => match self.whole(base, payload) {
                Ok(view) => self.view(now, as_of, view),
                Err(why) => self.misunderstood(now, socket, &why),
            },
            ServerFrame::Now { payload } => self.updates.push_back(Update::Now(payload)),
            ServerFrame::Ack { applied } => {
                match self.inputs.acknowledge(applied) {
                    Some(true) => self.updates.push_back(Update::Applied(self.inputs.settled())),
                    Some(false) => {}
                    None => {
                        let why = "the keeper acknowledges an input that was never sent";
                        return self.misunderstood(now, socket, why);
                    }
                }
                self.flush(now);
            }
            ServerFrame::SetAside { code, inputs } => {
                // Said once more on a later socket, unless this side has shown that it knows.
                let inputs: Vec<_> =
                    inputs.into_iter().filter_map(|seq| self.inputs.name(seq)).collect();
                if !inputs.is_empty() {
                    self.updates.push_back(Update::SetAside { inputs, code });
                }
            }
            ServerFrame::Ping { nonce } => {
                self.pace.said(1, HEAD_BYTES);
                self.outgoing.push(&ClientFrame::Pong { nonce });
            }
            ServerFrame::Move(to) => {
                let (window, deadline) = (Span::millis(to.window_ms), Span::millis(to.deadline_ms));
                self.move_to(now, &to.url, window, deadline);
            }
        }
    }

    /// The view that was told. It is the next one's base, whatever becomes of it here.
    fn whole(&mut self, base: u64, payload: Bytes) -> Result<Bytes, String> {
        let view = match base {
            // The message that it is a part of need not be kept.
            BASE_NONE if self.options.deltas => Bytes::copy_from_slice(&payload),
            BASE_NONE => payload,
            BASE_LAST if self.options.deltas => {
                self.counters.views_delta += 1;
                let base = self.base.take().ok_or(DeltaError::Baseless);
                base.and_then(|base| apply_delta(&base, payload, DELTA_VIEW_BYTES_MAX))
                    .map_err(|why| why.to_string())?
            }
            _ => return Err("the keeper sent a view that is not whole".to_owned()),
        };
        let base = self.options.deltas && view.len() <= DELTA_VIEW_BYTES_MAX;
        self.base = base.then(|| view.clone());
        Ok(view)
    }

    /// A view came, which stands for all events before it.
    fn view(&mut self, now: Time, as_of: u64, payload: Bytes) {
        let missed = as_of.saturating_sub(self.recv);
        if missed > 0 {
            self.missed(missed);
            self.recv = as_of;
            self.acknowledge_soon(now);
        }
        self.updates.push_back(Update::View { as_of, view: payload });
    }

    fn event(&mut self, now: Time, socket: SocketId, seq: u64, payload: Bytes) {
        if seq > self.recv + 1 {
            // The one between may still come over another socket.
            let why = format!("event {seq} came after {}", self.recv);
            return self.misunderstood(now, socket, &why);
        }
        self.counters.events_twice += u64::from(seq <= self.heard);
        self.heard = self.heard.max(seq);
        if seq <= self.recv {
            self.counters.events_repeated += 1;
            return;
        }
        self.recv = seq;
        self.updates.push_back(Update::Event { seq, event: payload });
        self.acknowledge_soon(now);
    }
}
