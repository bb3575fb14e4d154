//! Opening, losing and replacing sockets.

use playon_types::gate::Close;
use playon_types::ids::GENERATION_MAX;
use playon_types::time::{Span, Time};
use playon_wire::player::{ClientFrame, ClientHello, PLAYER_PROTOCOL};

use super::{Action, Closed, Session, SocketId, Timer, address};
use crate::update::{End, State, Update};

/// How long a socket must have been in use for the next retry to be a first one again.
pub(super) const STABLE: Span = Span::secs(1);

/// How long a socket may take to open before news of the network replace it by another.
const PATIENCE: Span = Span::secs(2);

/// HTTP statuses with which a keeper says that it will not have this client: a page of that origin, that address, that version.
/// They do not pass by themselves.
const REFUSALS: [u16; 3] = [403, 404, 426];

/// At most one socket in use and one that is being opened.
#[derive(Debug)]
pub(super) struct SessionSockets {
    live: Option<SocketId>,
    opening: Option<SocketId>,
    /// HELLO was said over the one being opened.
    greeted: bool,
    /// Since when that one is being opened.
    opening_since: Time,
    /// Frames and bytes that were said over the one being opened.
    said: (u64, u64),
    /// Since when one is in use.
    live_since: Time,
    last: u64,
    /// Failures since a socket last lived for [`STABLE`].
    failures: u32,
    /// Sockets that could not be opened since one was: the addresses take turns.
    turns: u32,
    home: String,
    /// Where the socket that was welcomed last leads, and the one being opened.
    here: String,
    there: String,
    moving: Option<Moving>,
    trouble: String,
}

/// A MOVE under way.
#[derive(Debug)]
struct Moving {
    url: String,
    /// When it is not wanted any more.
    until: Time,
    tries: u32,
}

impl SessionSockets {
    pub(super) fn new(home: String) -> Self {
        Self {
            live: None,
            opening: None,
            greeted: false,
            opening_since: Time(0),
            said: (0, 0),
            live_since: Time(0),
            last: 0,
            failures: 0,
            turns: 0,
            here: home.clone(),
            there: home.clone(),
            home,
            moving: None,
            trouble: String::new(),
        }
    }

    pub(super) const fn live(&self) -> Option<SocketId> {
        self.live
    }

    pub(super) const fn opening(&self) -> Option<SocketId> {
        self.opening
    }

    /// The one being opened, if HELLO was said over it.
    pub(super) fn greeted(&self) -> Option<SocketId> {
        self.opening.filter(|_| self.greeted)
    }

    pub(super) fn trouble(&self) -> &str {
        &self.trouble
    }

    /// Counts what is said over a socket before it is welcomed.
    pub(super) const fn count_said(&mut self, bytes: u64) {
        self.said.0 += 1;
        self.said.1 += bytes;
    }

    /// What was said over the socket welcomed last before it was.
    pub(super) const fn said(&self) -> (u64, u64) {
        self.said
    }

    /// The one being opened, if HELLO was not said over it yet.
    pub(super) fn take_mute(&mut self) -> Option<SocketId> {
        self.opening.take_if(|_| !self.greeted)
    }

    pub(super) const fn take_live(&mut self) -> Option<SocketId> {
        self.live.take()
    }

    pub(super) fn take_all(&mut self) -> impl Iterator<Item = SocketId> + use<> {
        [self.live.take(), self.opening.take()].into_iter().flatten()
    }

    /// The socket being opened is the one in use from here on; returns the one it replaces.
    pub(super) fn promote(&mut self, now: Time, socket: SocketId) -> Option<SocketId> {
        self.opening = None;
        self.live_since = now;
        self.turns = 0;
        self.moving = None;
        self.here.clone_from(&self.there);
        self.live.replace(socket)
    }

    /// Where the next socket leads: to where a MOVE asks us, while the socket in use goes on. Once that is gone, there too at
    /// first, else to where we were; and that and the first address take turns.
    fn destination(&mut self) -> String {
        let moving = match self.live {
            Some(_) => self.moving.as_ref().map(|moving| moving.url.clone()),
            None => self.moving.take().map(|moving| moving.url),
        };
        match moving {
            Some(url) => url,
            None if self.turns.is_multiple_of(2) => self.here.clone(),
            None => self.home.clone(),
        }
    }
}

impl Session {
    /// Opens a socket unless one is on its way.
    pub(super) fn open(&mut self, now: Time) {
        self.timers.clear(Timer::Retry);
        if self.sockets.opening.is_some() {
            return;
        }
        self.sockets.last += 1;
        let socket = SocketId(self.sockets.last);
        self.sockets.opening = Some(socket);
        self.sockets.greeted = false;
        self.sockets.opening_since = now;
        self.sockets.said = (0, 0);
        self.timers.set(Timer::Open, now + self.options.limits.silence);
        let url = self.sockets.destination();
        self.sockets.there.clone_from(&url);
        self.actions.push_back(Action::Open { socket, url });
    }

    /// The socket is open: says who we are.
    pub fn handle_opened(&mut self, _now: Time, socket: SocketId) {
        if self.sockets.opening != Some(socket) {
            return self.actions.push_back(Action::Drop { socket });
        }
        let hello = ClientFrame::Hello(Box::new(self.hello()));
        self.write(socket, &hello);
        self.sockets.greeted = true;
    }

    fn hello(&mut self) -> ClientHello {
        let known = self.token.is_some();
        self.generation = self.generation.next().min(GENERATION_MAX);
        ClientHello {
            protocol: PLAYER_PROTOCOL,
            watch: self.options.watch,
            whole: false,
            token: self.token,
            room: self.room,
            kind: self.options.kind.clone(),
            name: self.options.name.clone(),
            profile: if known { Default::default() } else { self.options.profile.clone() },
            params: if known { Default::default() } else { self.options.params.clone() },
            history: self.history,
            generation: self.generation,
            recv: self.recv,
            lo: self.inputs.lo(),
        }
    }

    /// The socket is gone, or could not be opened.
    pub fn handle_closed(&mut self, now: Time, socket: SocketId, closed: Closed) {
        let live = self.sockets.live == Some(socket);
        if !live && self.sockets.opening != Some(socket) {
            return;
        }
        if live {
            self.sockets.live = None;
        } else {
            self.sockets.opening = None;
            self.timers.clear(Timer::Open);
        }
        if self.leaving {
            return self.end(End::Left);
        }
        self.sockets.trouble = match closed.code {
            Some(code) => format!("closed with {code} {}", closed.reason),
            None => closed.reason.clone(),
        };
        if self.sockets.live.is_some() {
            // Whatever the second one was told, the first plays on.
            return self.second_failed(now, closed.retry_after);
        }
        // Whoever was let in before has met something in between that is not as it was, and has a seat to come back to.
        if let Some(status) = closed.status.filter(|status| REFUSALS.contains(status))
            && !self.admitted
        {
            return self.end(End::Refused { status, reason: closed.reason });
        }
        match closed.code {
            // A newer socket took over, and it is our own: its welcome is on the way.
            Some(code) if code == Close::Replaced.code() && self.sockets.greeted().is_some() => {
                self.lost(now, live, None);
            }
            Some(code @ 4900..5000) => self.end(End::Closed { code, reason: closed.reason }),
            Some(code @ 4400..4500) => {
                self.count_loss(now, live);
                self.start_afresh(now, code, closed.reason);
            }
            _ => self.lost(now, live, closed.retry_after),
        }
    }

    /// The socket in use has been silent for too long.
    pub(super) fn live_lost(&mut self, now: Time) {
        let Some(socket) = self.sockets.live.take() else { return };
        self.actions.push_back(Action::Drop { socket });
        if self.leaving {
            return self.end(End::Left);
        }
        self.sockets.trouble = "silence".to_owned();
        self.lost(now, true, None);
    }

    /// The socket being opened came to nothing.
    pub(super) fn opening_failed(&mut self, now: Time, why: &str) {
        let Some(socket) = self.sockets.opening.take() else { return };
        self.timers.clear(Timer::Open);
        self.actions.push_back(Action::Drop { socket });
        if self.leaving {
            return self.end(End::Left);
        }
        self.sockets.trouble = why.to_owned();
        if self.sockets.live.is_some() {
            return self.second_failed(now, None);
        }
        self.lost(now, false, None);
    }

    /// Nothing was heard since the network changed: another socket is tried beside the one in use.
    pub(super) fn probe(&mut self, now: Time) {
        if self.sockets.live.is_some() {
            self.open(now);
        }
    }

    /// None is in use, and what is waited for may work now.
    pub(super) fn try_again(&mut self, now: Time) {
        if self.sockets.opening.is_some() {
            if self.sockets.greeted || now.since(self.sockets.opening_since) < PATIENCE {
                return;
            }
            let socket = self.sockets.opening.take();
            self.actions.extend(socket.map(|socket| Action::Drop { socket }));
            self.timers.clear(Timer::Open);
        }
        self.sockets.failures = 0;
        let wait = self.backoff();
        self.timers.set(Timer::Retry, now + wait);
    }

    /// A socket that was opened beside the one in use came to nothing: once more if there is time.
    fn second_failed(&mut self, now: Time, retry_after: Option<Span>) {
        // Where to come back to once the first is gone is another matter: the addresses do not take turns for this.
        self.counters.opens_failed += 1;
        let Some(moving) = &mut self.sockets.moving else { return };
        let (tries, until) = (moving.tries, moving.until);
        moving.tries = tries.saturating_add(1);
        let again = now + self.wait_after(tries) + retry_after.unwrap_or_default();
        if again < until {
            self.timers.set(Timer::Move, again);
        } else {
            self.sockets.moving = None;
        }
    }

    /// The time for a MOVE is over: the socket in use is kept.
    pub(super) fn move_over(&mut self) {
        self.timers.clear(Timer::Move);
        self.sockets.moving = None;
        if self.sockets.live.is_some()
            && let Some(socket) = self.sockets.opening.take()
        {
            self.timers.clear(Timer::Open);
            self.actions.push_back(Action::Drop { socket });
        }
    }

    /// What the socket says makes no sense to us.
    pub(super) fn misunderstood(&mut self, now: Time, socket: SocketId, why: &str) {
        self.actions.push_back(Action::Drop { socket });
        self.handle_closed(now, socket, Closed { reason: why.to_owned(), ..Closed::default() });
    }

    fn count_loss(&mut self, now: Time, live: bool) {
        if live {
            self.counters.sockets_closed += 1;
            if now.since(self.sockets.live_since) >= STABLE {
                self.sockets.failures = 0;
            }
        } else {
            self.counters.opens_failed += 1;
            self.sockets.turns = self.sockets.turns.saturating_add(1);
        }
    }

    fn lost(&mut self, now: Time, live: bool, retry_after: Option<Span>) {
        self.count_loss(now, live);
        if live {
            self.outgoing.clear();
            for timer in [
                Timer::Silence,
                Timer::Ack,
                Timer::Pace,
                Timer::Move,
                Timer::MoveOver,
                Timer::Probe,
            ] {
                self.timers.clear(timer);
            }
        }
        self.look_for_a_keeper(now);
        if self.sockets.opening.is_none() {
            let wait = self.backoff();
            self.timers.set(Timer::Retry, now + wait + retry_after.unwrap_or_default());
        }
    }

    fn look_for_a_keeper(&mut self, now: Time) {
        // Only a seat can be come back to.
        let seated = self.token.is_some();
        self.set_state(if seated { State::Reconnecting } else { State::Joining });
        if let Some(patience) = self.options.limits.give_up {
            self.timers.set_once(Timer::GiveUp, now + patience);
        }
    }

    /// How long to wait for the next socket, which counts as one more failure.
    fn backoff(&mut self) -> Span {
        let failures = self.sockets.failures;
        self.sockets.failures = failures.saturating_add(1);
        self.wait_after(failures)
    }

    /// Full jitter: a random part of a bound that doubles with every failure.
    fn wait_after(&mut self, failures: u32) -> Span {
        let limits = &self.options.limits;
        let bound = limits.retry_first.0.saturating_mul(1 << failures.min(20));
        Span(self.rng.below(bound.min(limits.retry_max.0).saturating_add(1)))
    }

    /// The keeper does not know the session any more: the next socket begins a new one.
    fn start_afresh(&mut self, now: Time, code: u16, reason: String) {
        if self.afresh >= self.options.limits.afresh_max {
            // No welcome in between: whoever asks is told, rather than the keeper asked for ever.
            return self.end(End::Closed { code, reason });
        }
        self.afresh += 1;
        let inputs = self.inputs.len() as u64;
        if self.token.take().is_some() {
            if inputs > 0 {
                self.updates.push_back(Update::Lost { inputs });
            }
            // The new session counts from 1 again, also if nothing waits.
            self.inputs = Default::default();
        }
        self.sockets.moving = None;
        self.room = self.options.room;
        self.history = Default::default();
        self.generation = Default::default();
        (self.recv, self.recv_told) = (0, 0);
        self.outgoing.clear();
        for socket in self.sockets.take_all() {
            self.actions.push_back(Action::Drop { socket });
        }
        self.timers.clear_all();
        self.look_for_a_keeper(now);
        let wait = self.backoff();
        self.timers.set(Timer::Retry, now + wait);
    }

    /// The keeper asks us to connect elsewhere, somewhere within the window, while this socket goes on. A later order replaces
    /// an earlier one; what is no address is no order.
    pub(super) fn move_to(&mut self, now: Time, url: &str, window: Span, deadline: Span) {
        let Some(url) = address::seen_from(&self.sockets.here, url) else { return };
        let until = now + deadline;
        self.sockets.moving = Some(Moving { url, until, tries: 0 });
        let wait = self.rng.below(window.min(deadline).0.saturating_add(1));
        self.timers.set(Timer::Move, now + Span(wait));
        self.timers.set(Timer::MoveOver, until);
    }
}
