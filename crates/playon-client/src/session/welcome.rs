//! A socket is let in: where it stands, and what must be said again on it.

use playon_core::gate::Mode;
use playon_core::time::Time;
use playon_wire::player::{CODEC_JSON, PLAYER_PROTOCOL, ServerWelcome};

use super::{Action, Session, SocketId, State, Timer};
use crate::update::{End, Update};

impl Session {
    pub(super) fn welcomed(&mut self, now: Time, socket: SocketId, welcome: ServerWelcome) {
        let ours = PLAYER_PROTOCOL.min..=PLAYER_PROTOCOL.max;
        if !ours.contains(&welcome.protocol) || welcome.codec != CODEC_JSON {
            let what = format!("protocol {} with codec {}", welcome.protocol, welcome.codec);
            return self.end(End::Foreign(what));
        }
        self.timers.clear_all();
        self.timers.set(Timer::Silence, now + self.options.limits.silence);
        if let Some(old) = self.sockets.promote(socket) {
            // Reading on would mix two streams; whatever it still holds comes again on the new one.
            self.actions.push_back(Action::Drop { socket: old });
            self.counters.sockets_moved += 1;
        }
        self.counters.sockets_opened += 1;
        self.counters.reconnects += u64::from(self.state == State::Reconnecting);
        self.afresh = 0;
        self.adopt(welcome);
        self.set_state(State::Live);
    }

    fn adopt(&mut self, welcome: ServerWelcome) {
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
        self.history = welcome.history;
        if welcome.lost > 0 {
            self.updates.push_back(Update::Lost { inputs: welcome.lost });
        }
        self.recv_told = self.recv;
        self.resend(welcome.in_next);
    }

    fn keep_limits(&mut self, inputs: u64, bytes: u64) {
        let limits = &self.options.limits;
        let at_most =
            |max: usize, theirs: u64| max.min(usize::try_from(theirs).unwrap_or(usize::MAX));
        self.inputs_max = at_most(limits.inputs_max, inputs);
        self.input_bytes_max = at_most(limits.inputs_bytes_max, bytes);
    }

    /// Says again what the keeper does not have. What it has and has not acknowledged stays here: a crash could still take it.
    fn resend(&mut self, in_next: u64) {
        self.outgoing.clear();
        if in_next > self.inputs.next() {
            self.inputs.acknowledge(in_next - 1);
        }
        let again: Vec<_> =
            self.inputs.since(in_next).map(|(seq, payload)| (seq, payload.clone())).collect();
        let first_socket = self.counters.sockets_opened == 1;
        for (seq, payload) in again {
            self.counters.inputs_resent += u64::from(!first_socket);
            self.write_input(seq, payload);
        }
    }

    pub(super) fn missed(&mut self, missed: u64) {
        self.counters.events_missed += missed;
        self.updates.push_back(Update::Gap { missed });
    }
}
