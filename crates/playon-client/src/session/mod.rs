//! One player's session, without any I/O.
//!
//! The machine is told what happened (`handle_*`, [`Session::send`], [`Session::leave`]) and says what is to be done
//! ([`Session::poll`]), what the player learns ([`Session::poll_update`]) and when it wants to be woken ([`Session::next_timeout`]). The time is an argument and the
//! random numbers come from a seed, so tests run it in virtual time against a pretended keeper.
//!
//! After each call drain `poll`, then `poll_update`.

mod address;
mod frames;
mod inputs;
mod outgoing;
mod pace;
mod sockets;
#[cfg(test)]
mod tests;
mod timers;
mod welcome;

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use playon_types::ids::{Generation, History, RoomId, SessionId};
use playon_types::rng::Rng;
use playon_types::time::{Span, Time};
use playon_wire::player::{ClientFrame, PlayerLimits, Token};

use crate::counters::Counters;
use crate::error::SendError;
use crate::options::JoinOptions;
use crate::update::{End, RawUpdate, State, Update};

use inputs::{Inputs, Unsent};
use outgoing::Outgoing;
use pace::{HEAD_BYTES, Pace};
use sockets::SessionSockets;
use timers::{Timer, Timers};

/// `PLY-0182`: why an input is set aside that the keeper does not take any more.
const TOO_LARGE: u16 = 182;

/// Names a socket of one session; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketId(pub u64);

/// What the driver has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open a socket and report it with [`Session::handle_opened`] or [`Session::handle_closed`].
    Open {
        /// Its name from here on.
        socket: SocketId,
        /// Where.
        url: String,
    },
    /// Write a binary message.
    Write {
        /// On which socket.
        socket: SocketId,
        /// The message.
        message: Bytes,
    },
    /// Close the socket and read nothing more from it. It is not reported back.
    Drop {
        /// Which one.
        socket: SocketId,
    },
}

/// How a socket ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// The close code, if the other side sent one.
    pub code: Option<u16>,
    /// Its text, or what went wrong.
    pub reason: String,
    /// How long the other side asks to wait before the next try.
    pub retry_after: Option<Span>,
    /// The HTTP status with which no socket was granted, if that is what happened.
    pub status: Option<u16>,
}

/// The session. See the module's text.
#[derive(Debug)]
pub struct Session {
    options: JoinOptions,
    rng: Rng,
    state: State,
    token: Option<Token>,
    room: Option<RoomId>,
    history: History,
    generation: Generation,
    release: String,
    /// The last event taken in, and the last one that the keeper was told of.
    recv: u64,
    /// The last event that came on the present socket.
    heard: u64,
    /// The last view that came on it, shown or not.
    base: Option<Bytes>,
    recv_told: u64,
    inputs: Inputs,
    /// What the keeper of this session allows.
    inputs_max: usize,
    input_bytes_max: usize,
    /// Silence after which a socket is given up: longer than the keeper of this session takes to ask.
    silence: Span,
    pace: Pace,
    sockets: SessionSockets,
    timers: Timers,
    outgoing: Outgoing,
    actions: VecDeque<Action>,
    updates: VecDeque<RawUpdate>,
    counters: Counters,
    leaving: bool,
    afresh: u32,
    /// It was let in at least once.
    admitted: bool,
}

impl Session {
    /// Begins a session; the first action opens a socket.
    pub fn new(now: Time, options: JoinOptions, seed: u64) -> Self {
        let mut session = Self {
            sockets: SessionSockets::new(options.url.clone()),
            room: options.room,
            inputs_max: options.limits.inputs_max,
            // Until the keeper names its own.
            input_bytes_max: options
                .limits
                .inputs_bytes_max
                .min(PlayerLimits::default().input_bytes_max),
            silence: options.limits.silence,
            pace: Pace::default(),
            options,
            rng: Rng::new(seed),
            state: State::Joining,
            token: None,
            history: History::default(),
            generation: Generation::default(),
            release: String::new(),
            recv: 0,
            heard: 0,
            base: None,
            recv_told: 0,
            inputs: Inputs::default(),
            timers: Timers::default(),
            outgoing: Outgoing::default(),
            actions: VecDeque::new(),
            updates: VecDeque::new(),
            counters: Counters::default(),
            leaving: false,
            afresh: 0,
            admitted: false,
        };
        session.open(now);
        session
    }

    /// Takes an input, to be applied exactly once, and returns its number.
    ///
    /// It is sent at once if a socket is open and the keeper's pace allows, else as soon as that is so.
    ///
    /// # Errors
    /// See [`SendError`]; nothing has changed then.
    pub fn send(&mut self, now: Time, payload: Bytes) -> Result<u64, SendError> {
        if self.state == State::Ended || self.leaving {
            return Err(SendError::Over);
        }
        if self.options.watch {
            return Err(SendError::Watching);
        }
        if payload.len() > self.input_bytes_max {
            return Err(SendError::TooLarge { bytes: payload.len(), max: self.input_bytes_max });
        }
        let (inputs, bytes) = (self.inputs.len(), self.inputs.bytes());
        if inputs >= self.inputs_max || bytes + payload.len() > self.options.limits.inputs_bytes_max
        {
            return Err(SendError::Full { inputs, bytes });
        }
        let seq = self.inputs.push(payload);
        self.counters.inputs_sent += 1;
        self.flush(now);
        Ok(seq)
    }

    /// Gives the seat up for good. The end follows as an update: when the keeper has answered, or it is time. Without a socket, or
    /// an answer, one is opened to say it.
    pub fn leave(&mut self, now: Time) {
        if self.state == State::Ended || self.leaving {
            return;
        }
        self.leaving = true;
        if self.options.watch {
            // There is no seat to give up, and nobody would answer.
            return self.end(End::Left);
        }
        // Nothing that is on its way asks for the seat again.
        self.timers.clear_all();
        if let Some(socket) = self.sockets.take_mute() {
            self.actions.push_back(Action::Drop { socket });
        }
        self.timers.set(Timer::Leave, now + self.options.limits.leave_timeout);
        let greeted = self.sockets.greeted();
        if !greeted.is_empty() {
            // The keeper may have the seat ready, or has kept it: it is to be given up all the same. It listens to the newest
            // that it has heard of, so the one in use is of no use any more.
            for socket in greeted {
                self.write(socket, &ClientFrame::Bye);
            }
            if let Some(socket) = self.sockets.take_live() {
                self.actions.push_back(Action::Drop { socket });
            }
        } else if self.sockets.live().is_some() {
            self.outgoing.push(&ClientFrame::Bye);
        } else if self.token.is_some() {
            return self.open_soon(now);
        } else {
            return self.end(End::Left);
        }
        self.await_parting(now);
    }

    /// The network is another one, as after a change from Wi-Fi to mobile data: nothing may come over the socket in use any
    /// more, and what is waited for may work now. Whatever is under way, another socket is tried within two seconds unless
    /// something is heard; those that may still be answered go on meanwhile, and whichever is welcomed is taken.
    pub fn network_changed(&mut self, now: Time) {
        if self.state == State::Ended || self.leaving {
            return;
        }
        self.look_soon(now);
    }

    /// Some time has passed: does what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Open => self.opening_failed(now, "no welcome in time"),
                Timer::MoveOver => self.move_over(),
                Timer::Silence => self.live_lost(now),
                Timer::Ack => self.acknowledge(now),
                Timer::Pace => self.flush(now),
                Timer::Retry | Timer::Move => self.open(now),
                Timer::Leave => self.end(End::Left),
                Timer::GiveUp => self.end(End::GaveUp),
                Timer::Probe => self.look(now),
                Timer::Earlier => self.earlier_lost(now),
            }
        }
    }

    /// When [`Session::handle_timeout`] wants to be called.
    pub fn next_timeout(&self) -> Option<Time> {
        self.timers.next()
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<Action> {
        if let Some(action) = self.actions.pop_front() {
            return Some(action);
        }
        let socket = self.sockets.live()?;
        let message = self.outgoing.pop()?;
        Some(Action::Write { socket, message })
    }

    /// What the player learns next.
    pub fn poll_update(&mut self) -> Option<RawUpdate> {
        self.updates.pop_front()
    }

    /// Updates that wait to be polled.
    pub fn updates_len(&self) -> usize {
        self.updates.len()
    }

    /// Where the connection stands.
    pub const fn state(&self) -> State {
        self.state
    }

    /// What has been counted so far.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The room, once let in.
    pub const fn room(&self) -> Option<RoomId> {
        self.room
    }

    /// The player's id in the game, once let in.
    pub fn session_id(&self) -> Option<SessionId> {
        self.token.map(|token| token.session)
    }

    /// The label of the release that ran the room at the last welcome.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// The last input that needs no care any more: known to be applied and safe, or told as set aside.
    pub fn applied(&self) -> u64 {
        self.inputs.settled()
    }

    /// What the last attempt to open a socket ran into.
    pub fn trouble(&self) -> &str {
        self.sockets.trouble()
    }

    /// Writes what may be written of the inputs.
    fn flush(&mut self, now: Time) {
        if self.sockets.live().is_none() {
            return;
        }
        let mut refused = Vec::new();
        let settled = self.inputs.settled();
        while let Some(Unsent { seq, payload, again }) = self.inputs.unsent(self.inputs_max) {
            if payload.len() > self.input_bytes_max {
                // It was made when the keeper took more, or had not said how much it takes, and would be the end of the session.
                refused.extend(self.inputs.refuse(seq));
                continue;
            }
            if let Err(wait) = self.pace.take_input(now, payload.len() as u64 + HEAD_BYTES) {
                self.timers.set(Timer::Pace, now + wait);
                break;
            }
            self.inputs.mark_sent(seq);
            self.counters.inputs_resent += u64::from(again);
            self.outgoing.push(&ClientFrame::Input { seq, recv: self.recv, payload });
            self.told();
        }
        if !refused.is_empty() {
            self.updates.push_back(Update::SetAside { inputs: refused, code: TOO_LARGE });
            if self.inputs.settled() > settled {
                self.updates.push_back(Update::Applied(self.inputs.settled()));
            }
        }
    }

    /// Writes one frame to a socket that is not in use.
    fn write(&mut self, socket: SocketId, frame: &ClientFrame) {
        let mut message = BytesMut::new();
        frame.encode(&mut message);
        self.sockets.count_said(socket, message.len() as u64 + HEAD_BYTES);
        self.actions.push_back(Action::Write { socket, message: message.freeze() });
    }

    /// Tells how far events have been taken in, as soon as the pace allows.
    fn acknowledge(&mut self, now: Time) {
        // An input that may leave tells it as well, and is not to wait behind this for ever.
        self.flush(now);
        if self.sockets.live().is_none() || self.recv <= self.recv_told {
            return;
        }
        if let Err(wait) = self.pace.take_other(now, HEAD_BYTES) {
            return self.timers.set(Timer::Ack, now + wait);
        }
        self.outgoing.push(&ClientFrame::Ack { recv: self.recv });
        self.told();
    }

    /// Tells it soon: after so many events, or so much time.
    fn acknowledge_soon(&mut self, now: Time) {
        if self.recv - self.recv_told >= self.options.limits.ack_events {
            self.acknowledge(now);
        } else {
            self.timers.set_once(Timer::Ack, now + self.options.limits.ack_delay);
        }
    }

    fn told(&mut self) {
        self.recv_told = self.recv;
        self.timers.clear(Timer::Ack);
    }

    fn set_state(&mut self, state: State) {
        if self.state != state {
            self.state = state;
            self.updates.push_back(Update::State(state));
        }
    }

    fn end(&mut self, end: End) {
        for socket in self.sockets.take_all() {
            self.actions.push_back(Action::Drop { socket });
        }
        self.outgoing.clear();
        self.timers.clear_all();
        self.set_state(State::Ended);
        self.updates.push_back(Update::Ended(end));
    }
}
