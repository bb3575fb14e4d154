//! A socket is let in: where it stands, and what must be said again on it.

use playon_types::gate::{Close, Mode};
use playon_types::time::{Span, Time};
use playon_wire::player::{CODEC_JSON, ClientFrame, PLAYER_PROTOCOL, ServerWelcome};

use super::{Action, Closed, HEAD_BYTES, Session, SocketId, State, Timer};
use crate::update::{End, Update};

/// Between the ping that a silent keeper is to send and the moment its socket is given up, at least.
const PING_SLACK: Span = Span::secs(2);

/// More than that between two pings is not believed.
const HOUR_MS: u64 = 3_600_000;

impl Session {
    pub(super) fn welcomed(&mut self, now: Time, socket: SocketId, welcome: ServerWelcome) {
        let ours = PLAYER_PROTOCOL.min..=PLAYER_PROTOCOL.max;
        if !ours.contains(&welcome.protocol) || welcome.codec != CODEC_JSON {
            let what = format!("protocol {} with codec {}", welcome.protocol, welcome.codec);
            return self.end(End::Foreign(what));
        }
        let silent = self.timers.take(Timer::Open);
        self.timers.clear_all();
        // Before the keeper would have asked, silence means nothing.
        let asks = Span(Span::millis(welcome.ping_ms.min(HOUR_MS)).0 + PING_SLACK.0);
        self.silence = self.options.limits.silence.max(asks);
        self.timers.set(Timer::Silence, now + self.silence);
        let again = self.counters.sockets_opened > 0 && self.sockets.live().is_none();
        self.counters.reconnects += u64::from(again);
        let same_seat = matches!(welcome.mode, Mode::Resumed | Mode::Fresh);
        let (old, other) = self.sockets.promote(now, socket, same_seat);
        if self.sockets.is_opening() {
            silent.into_iter().for_each(|at| self.timers.set(Timer::Open, at));
        }
        if let Some((socket, greeted)) = other {
            if greeted && welcome.mode == Mode::New {
                // It may have been given a seat of its own.
                self.write(socket, &ClientFrame::Bye);
            }
            self.actions.push_back(Action::Drop { socket });
        }
        if let Some(old) = old {
            // Reading on would mix two streams; whatever it still holds comes again on the new one.
            self.actions.push_back(Action::Drop { socket: old });
            self.counters.sockets_moved += 1;
        }
        self.counters.sockets_opened += 1;
        if let Err(why) = self.check(&welcome) {
            // The session is given up with the socket.
            let reason = why.to_owned();
            let code = Some(Close::UnknownSession.code());
            self.actions.push_back(Action::Drop { socket });
            return self.handle_closed(now, socket, Closed { code, reason, ..Closed::default() });
        }
        self.afresh = 0;
        self.adopt(now, welcome);
        self.set_state(State::Live);
    }

    /// Whether the keeper answers what was asked, and wants inputs to go on where they can.
    fn check(&mut self, welcome: &ServerWelcome) -> Result<(), &'static str> {
        let asked = match self.token {
            _ if self.options.watch => Mode::Watching,
            Some(_) => Mode::Resumed,
            None => Mode::New,
        };
        let answered = if welcome.mode == Mode::Fresh { Mode::Resumed } else { welcome.mode };
        if answered != asked {
            return Err("the keeper answers something that was not asked");
        }
        if asked == Mode::New {
            self.inputs.begin();
            if welcome.token.is_none() {
                return Err("the keeper gives a seat without its key");
            }
        }
        if asked != Mode::Watching && !self.inputs.rewind(welcome.in_next) {
            return Err("the keeper wants an input that is not there");
        }
        Ok(())
    }

    /// Takes the keeper's terms over.
    fn adopt(&mut self, now: Time, welcome: ServerWelcome) {
        self.admitted = true;
        self.room = Some(welcome.room);
        self.release = welcome.release;
        self.generation = self.generation.max(welcome.generation);
        if welcome.token.is_some() {
            self.token = welcome.token;
        }
        self.keep_limits(welcome.inputs_pending_max, welcome.input_bytes_max);
        match welcome.mode {
            Mode::New | Mode::Watching => self.recv = welcome.event_seq,
            Mode::Resumed => {}
            Mode::Fresh => {
                let same = self.history == welcome.history;
                let missed = if same { welcome.event_seq.saturating_sub(self.recv) } else { 0 };
                if missed > 0 || !same {
                    self.missed(missed);
                }
                self.recv = welcome.event_seq;
            }
        }
        // One loss is told until this side has shown the history that it led to.
        if welcome.lost > 0 && welcome.history != self.history {
            self.updates.push_back(Update::Lost { inputs: welcome.lost });
        }
        self.history = welcome.history;
        self.recv_told = self.recv;
        self.heard = 0;
        self.base = None;
        self.outgoing.clear();
        let (frames, bytes) = (welcome.frames_per_second, welcome.bytes_per_second);
        self.pace.allow(now, frames, bytes, welcome.inputs_pending_max);
        // What it took to get here counts, too.
        let (frames, bytes) = self.sockets.said();
        self.pace.said(frames, bytes);
        self.flush(now);
        if welcome.mode == Mode::New && self.inputs.len() == 0 {
            // Until it has heard from this side, the keeper may take the seat for one that nobody knows of.
            self.pace.said(1, HEAD_BYTES);
            self.outgoing.push(&ClientFrame::Ack { recv: self.recv });
        }
    }

    fn keep_limits(&mut self, inputs: u64, bytes: u64) {
        let limits = &self.options.limits;
        let at_most =
            |max: usize, theirs: u64| max.min(usize::try_from(theirs).unwrap_or(usize::MAX));
        self.inputs_max = at_most(limits.inputs_max, inputs);
        self.input_bytes_max = at_most(limits.inputs_bytes_max, bytes);
    }

    pub(super) fn missed(&mut self, missed: u64) {
        self.counters.events_missed += missed;
        self.updates.push_back(Update::Gap { missed });
    }
}
