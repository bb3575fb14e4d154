//! What the keeper says.

use bytes::Bytes;
use playon_core::time::{Span, Time};
use playon_wire::player::{ClientFrame, ServerFrame, decode_server};

use super::{Session, SocketId, Timer};
use crate::update::Update;

impl Session {
    /// A binary message arrived.
    pub fn handle_message(&mut self, now: Time, socket: SocketId, message: Bytes) {
        let known = self.sockets.live() == Some(socket) || self.sockets.opening() == Some(socket);
        if !known {
            return;
        }
        self.counters.messages += 1;
        self.counters.bytes += message.len() as u64;
        match decode_server(message) {
            Ok(frames) => frames.into_iter().for_each(|frame| self.frame(now, socket, frame)),
            Err(why) => self.misunderstood(now, socket, &why.to_string()),
        }
    }

    fn frame(&mut self, now: Time, socket: SocketId, frame: ServerFrame) {
        if self.sockets.live() != Some(socket) {
            return match frame {
                ServerFrame::Welcome(welcome) if self.sockets.opening() == Some(socket) => {
                    self.welcomed(now, socket, *welcome);
                }
                ServerFrame::Ping { nonce } if self.sockets.opening() == Some(socket) => {
                    self.write(socket, &ClientFrame::Pong { nonce });
                }
                // An earlier frame of the message ended the session.
                _ if self.sockets.opening() != Some(socket) => {}
                _ => self.misunderstood(now, socket, "the keeper spoke before it said welcome"),
            };
        }
        self.timers.set(Timer::Silence, now + self.silence);
        match frame {
            ServerFrame::Welcome(_) => {
                self.misunderstood(now, socket, "the keeper said welcome twice")
            }
            ServerFrame::Event { seq, payload } => self.event(now, seq, payload),
            ServerFrame::View { as_of, payload, .. } => {
                if as_of > self.recv && !self.options.watch {
                    self.missed(as_of - self.recv);
                }
                self.recv = self.recv.max(as_of);
                self.updates.push_back(Update::View { as_of, view: payload });
            }
            ServerFrame::Now { payload } => self.updates.push_back(Update::Now(payload)),
            ServerFrame::Ack { applied } => {
                match self.inputs.acknowledge(applied) {
                    Some(true) => self.updates.push_back(Update::Applied(applied)),
                    Some(false) => {}
                    None => {
                        let why = "the keeper acknowledges an input that was never sent";
                        return self.misunderstood(now, socket, why);
                    }
                }
                self.flush(now);
            }
            ServerFrame::SetAside { code, mut inputs } => {
                // Said once more on a later socket, unless this side has shown that it knows.
                inputs.retain(|seq| *seq >= self.inputs.lo());
                if !inputs.is_empty() {
                    self.updates.push_back(Update::SetAside { inputs, code });
                }
            }
            ServerFrame::Ping { nonce } => self.outgoing.push(&ClientFrame::Pong { nonce }),
            ServerFrame::Move(to) => self.move_to(now, to.url, Span::millis(to.window_ms)),
        }
    }

    fn event(&mut self, now: Time, seq: u64, payload: Bytes) {
        self.counters.events_twice += u64::from(seq <= self.heard);
        self.heard = self.heard.max(seq);
        if seq <= self.recv {
            self.counters.events_repeated += 1;
            return;
        }
        if seq > self.recv + 1 {
            self.missed(seq - self.recv - 1);
        }
        self.recv = seq;
        self.updates.push_back(Update::Event { seq, event: payload });
        if self.recv - self.recv_told >= self.options.limits.ack_events {
            self.acknowledge();
        } else {
            self.timers.set_once(Timer::Ack, now + self.options.limits.ack_delay);
        }
    }
}
